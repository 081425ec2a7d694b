"""Wide tables, with the delay in the index, go into every estimator as they are."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    DictionaryMatcher,
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
    VoxelMapper,
    fit_batch,
)
from skrelax.dictionary import make_dictionary
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain, InversionRecovery
from skrelax.utils._inspect import final_step

T2 = pd.Series({"oil": 0.02, "brine": 0.06, "water": 0.2})


def long_table():
    """Return decays of three samples, one row per point."""
    times = pd.Series(0.01 * np.arange(1, 25), name="TE")
    frame = T2.rename_axis("sample").reset_index(name="T2").merge(times, how="cross")
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(frame))
    return frame.assign(signal=np.exp(-frame["TE"] / frame["T2"]) + noise)


def wide_table():
    return long_table().pivot(index="TE", columns="sample", values="signal")[T2.index]


BUILDER = KernelBuilder("T2", n_bins=20)
ESTIMATORS = [
    make_pipeline(BUILDER, TSVDCompressor(), LassoFista(1e-4)),
    make_pipeline(BUILDER, LassoFistaCV(6)),
    make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3)),
    make_pipeline(BUILDER, SmoothLassoCV(2, 3)),
    StrengthSearch(make_pipeline(BUILDER, SmoothLasso()), strengths=6),
    GridSearchCV(make_pipeline(BUILDER, LassoFista()), {"lassofista__alpha": [1e-4]}),
    KernelParameterSearch(
        make_pipeline(
            KernelBuilder(EPGEchoTrain(echo_spacing=0.01), n_bins=10), SmoothLasso()
        ),
        values=np.linspace(120, 180, 4),
    ),
    MultiDimRegularizedILT("T2", 20, scheme=ReferenceScheme(10)),
    MultiDimRegularizedILT("T2", 20, scheme=ReferenceScheme(10), channels="coupled"),
    NonlinearRelaxationFit("T2"),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_index_is_acquisition_and_columns_are_samples(estimator):
    wide = wide_table()
    X = wide.index.to_frame()
    fitted = clone(estimator).fit(X, wide)
    plain = clone(estimator).fit(wide.index.to_numpy()[:, None], wide.to_numpy())
    assert fitted.predict(X).shape == wide.shape
    assert_allclose(
        fitted.predict(X), plain.predict(X.to_numpy()), rtol=1e-10, atol=1e-14
    )
    assert list(fitted.feature_names_in_) == ["TE"]
    # Every fit explains most of the signal.
    assert fitted.score(X, wide) > 0.98
    last = final_step(fitted)
    if hasattr(last, "to_frame"):
        table = last.to_frame()
        labels = table.index if "status" in table else table.columns
        assert list(labels) == list(wide.columns)


@pytest.mark.parametrize("index", [["TI", "TE"], ["TE", "TI"]])
def test_an_index_of_two_levels_is_two_axes(index):
    TI, TE = np.geomspace(0.02, 5, 8), np.geomspace(0.005, 1, 10)
    points = pd.MultiIndex.from_product([TI, TE], names=["TI", "TE"]).to_frame()
    wide = pd.DataFrame(
        {
            name: (1 - 1.8 * np.exp(-points["TI"] / T1)) * np.exp(-points["TE"] / 0.1)
            for name, T1 in (("a", 0.3), ("b", 1.2))
        }
    ).reorder_levels(index)
    kernels = [InversionRecovery(efficiency=1.8), "T2"]
    builder = KernelBuilder(kernels, n_bins=[11, 9])
    inversion = make_pipeline(builder, SmoothLasso(1e-6, 1e-6))
    for model in (
        inversion,
        MultiDimRegularizedILT(kernels, [11, 9], scheme=ReferenceScheme(10)),
    ):
        fitted = clone(model).fit(wide.index.to_frame(), wide)
        # Columns are taken by their names, whatever their order.
        plain = clone(model).fit(points.to_numpy(), wide.to_numpy())
        expected = plain.predict(points.to_numpy())
        assert_allclose(
            fitted.predict(wide.index.to_frame()), expected, rtol=1e-9, atol=1e-12
        )


def test_rows_of_samples_go_into_mappers_and_matchers():
    wide = wide_table()
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), wide.index.to_frame())
    table = mapper.set_output(transform="pandas").fit_transform(wide.T)
    assert list(table.index) == list(T2.index)
    assert_allclose(table["T2"], T2, rtol=0.05)
    atoms, parameters = make_dictionary(
        "T2", np.geomspace(0.01, 1, 200)[:, None], wide.index.to_frame()
    )
    matched = DictionaryMatcher().fit(atoms, parameters).predict(wide.T)
    assert_allclose(np.ravel(matched), T2, rtol=0.05)


def test_wide_and_long_tables_agree():
    wide, long = wide_table(), long_table()
    fit = NonlinearRelaxationFit("T2").fit(wide.index.to_frame(), wide)
    table = fit_batch(
        NonlinearRelaxationFit("T2"), long, acquisition="TE", signal="signal",
        by="sample",
    )  # fmt: skip
    columns = ["M0", "T2", "M0 stderr", "T2 stderr"]
    expected = fit.to_frame().loc[table["sample"], columns]
    assert_allclose(table[columns], expected, rtol=1e-9)


def test_spheres_of_a_phantom(shared_data):
    path = shared_data / "phantom_roi" / "T1_site1_20200218_plate5.csv"
    table = pd.read_csv(path, comment="#")
    table["TI"], table["TR"] = 1e-3 * table["ti_ms"], 1e-3 * table["tr_ms"]
    spheres = [f"s{k}" for k in range(1, 15)]
    long = table.melt(["TI", "TR"], spheres, "sphere", "signal")
    model = NonlinearRelaxationFit(InversionRecovery(repetition_time="TR"))
    results = fit_batch(
        model, long, acquisition=["TI", "TR"], signal="signal", by="sphere"
    )
    wide = table.set_index(["TI", "TR"])[spheres]
    fit = model.fit(wide.index.to_frame(), wide)
    assert_allclose(results["T1"], fit.params_[:, 1], rtol=1e-9)
    # Certified values of spheres 2 to 8 at 1.5 T, 20 degrees; the fit of the means is
    # known to differ by up to 8 %.
    certified = [1489, 1012, 730.8, 514.1, 367.9, 260.1, 184.6]
    assert_allclose(1e3 * results["T1"][1:8], certified, rtol=0.08)
