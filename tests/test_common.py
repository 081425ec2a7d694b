"""Checks that hold for every public estimator and for the package as a whole."""

import importlib
import pickle
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import skrelax
from skrelax import (
    DictionaryMatcher,
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
    VoxelMapper,
)
from skrelax.decomposition import MarchenkoPasturDenoiser
from skrelax.dictionary import SignalSimulator
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.model_selection import (
    BaselineSearch,
    EfficiencySearch,
    StrengthSearch,
)
from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain, InversionRecovery


class LastColumnSimulator(SignalSimulator):
    """Reads its parameter from the last column: tables of the checks have many."""

    def _assign_columns(self, names):
        return [self.n_features_in_ - 1]

    def _check_parameters(self, X):
        super()._check_parameters(np.broadcast_to(X.min(axis=1)[:, None], X.shape))


ESTIMATORS = [
    KernelBuilder(),
    TSVDCompressor(),
    TSVDCompressor(n_components=1, output="components"),
    MarchenkoPasturDenoiser(),
    LassoFista(),
    LassoFista(positive=False, fit_intercept=True),
    LassoFista(solver="fista", tol=1e-3),
    LassoFistaCV(alphas=4, cv=3),
    SmoothLasso(),
    SmoothLasso(alpha=1e-3, order=0, positive=False, fit_intercept=True),
    SmoothLassoCV(alphas=2, smoothnesses=3, cv=3),
    MultiDimRegularizedILT(),
    StrengthSearch(SmoothLasso()),
    StrengthSearch(SmoothLasso(), strengths=3),
    BaselineSearch(
        make_pipeline(
            KernelBuilder("T1-IR", n_bins=1),
            SmoothLassoCV(alphas=2, smoothnesses=3, cv=3),
        )
    ),
    EfficiencySearch(
        make_pipeline(
            KernelBuilder("T1-IR", n_bins=1),
            SmoothLassoCV(alphas=2, smoothnesses=3, cv=3),
        ),
        [1.0, 2.0],
    ),
    NonlinearRelaxationFit(),
    VoxelMapper(NonlinearRelaxationFit()),
    KernelParameterSearch(
        make_pipeline(KernelBuilder(InversionRecovery(), n_bins=1), SmoothLasso()),
        "efficiency",
        [1.7, 1.8, 1.9, 2.0],
    ),
    RicianInversion(SmoothLasso()),
    RicianInversion(LassoFista(), noise_std=0.1),
    DictionaryMatcher(),
    DictionaryMatcher(n_neighbors=1, refine="parabola", signed=True),
    LastColumnSimulator(EPGEchoTrain(echo_spacing=0.1, n_echoes=2)),
]
EXPECTED_FAILURES = {
    "MarchenkoPasturDenoiser": {
        "check_complex_data": "complex series are denoised before magnitudes",
    },
    "RicianInversion": {
        "check_regressor_multioutput": "its signals are negative, no magnitudes",
        "check_sample_weight_equivalence_on_dense_data": "weights are inverse "
        "variances, and two magnitudes say less than the magnitude of an average",
    },
    "SmoothLassoCV": {
        "check_sample_weight_equivalence_on_dense_data": "strengths of its default "
        "count points, and one that was repeated is two",
    },
    "EfficiencySearch": {
        "check_sample_weight_equivalence_on_dense_data": "the strengths of the "
        "inversion inside count points, and one that was repeated is two",
    },
    "StrengthSearch": {
        "check_sample_weight_equivalence_on_dense_data": "its default, generalised "
        "cross-validation, counts points, and one that was repeated is two",
    },
    "TSVDCompressor, components": {
        "check_estimators_pickle": "it fits NaN, which only signals may hold",
    },
    "DictionaryMatcher": {
        "check_estimators_dtypes": "two of its integer rows are zero: no atoms",
        "check_positive_only_tag_during_fit": "iris has two equal rows: no atoms",
        "check_estimators_pickle": "it fits NaN; signals may be NaN, atoms must not",
    },
}


def expected_failures(estimator):
    name = type(estimator).__name__
    if getattr(estimator, "output", None) == "components":
        name += ", components"
    return EXPECTED_FAILURES.get(name, {})


COMMON_CHECKS = parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=expected_failures
)


# A list: some versions of scikit-learn give a generator, which pytest deprecates.
@pytest.mark.parametrize(
    COMMON_CHECKS.args[0], list(COMMON_CHECKS.args[1]), **COMMON_CHECKS.kwargs
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_common_checks(estimator, check):
    check(estimator)


def subpackages():
    return [
        f"skrelax.{info.name}"
        for info in pkgutil.iter_modules(skrelax.__path__)
        if info.ispkg and not info.name.startswith("_") and info.name != "utils"
    ]


def test_every_public_name_can_be_imported():
    for name in skrelax.__all__:
        assert getattr(skrelax, name) is not None
    for package in subpackages():
        module = importlib.import_module(package)
        assert module.__doc__
        for name in module.__all__:
            assert getattr(module, name).__doc__, f"{package}.{name}"
        assert package.removeprefix("skrelax.") in dir(skrelax)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = skrelax.nothing


def test_import_is_lazy():
    code = (
        "import sys, skrelax; "
        "print([m for m in ('numba', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pickle_keeps_predictions(estimator):
    X = np.abs(np.random.default_rng(0).standard_normal((20, 2)))
    fitted = clone(estimator).fit(X, X.sum(axis=1))
    again = pickle.loads(pickle.dumps(fitted))
    method = "predict" if hasattr(fitted, "predict") else "transform"
    assert_allclose(getattr(again, method)(X), getattr(fitted, method)(X), rtol=0)


def test_pandas_in_pandas_out_along_a_pipeline():
    import pandas as pd

    X = pd.DataFrame({"TE": np.geomspace(0.01, 1, 20)})
    y = pd.DataFrame(
        {name: np.exp(-X["TE"] / t) for name, t in (("oil", 0.05), ("water", 0.5))}
    )
    model = make_pipeline(KernelBuilder(n_bins=20), TSVDCompressor(), LassoFista(1e-5))
    model.set_output(transform="pandas").fit(X, y)
    table = model[-1].to_frame()
    assert list(table.columns) == ["oil", "water"]
    assert table.index[0].startswith("T2=")
    assert_allclose(table["oil"], model[-1].coef_[0])
