"""What was fitted stays, whatever becomes of parameters, arrays and the process."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import (
    AdaptivePenalty,
    KernelBuilder,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    TSVDCompressor,
    VoxelMapper,
)
from skrelax.kernels import acquisition_grid
from skrelax.signals import EPGEchoTrain, InversionRecovery, MonoExponential

TIMES = np.geomspace(0.01, 5, 14)[:, None]
PLANE = acquisition_grid(np.geomspace(0.01, 5, 9), np.geomspace(0.01, 1, 8))
Y = 1 - 1.8 * np.exp(-TIMES[:, 0] / 0.6)
PLANE_Y = np.exp(-PLANE[:, 0] / 0.3 - PLANE[:, 1] / 0.1)


def test_models_are_copies():
    model = InversionRecovery()
    builder = KernelBuilder(model, n_bins=4).fit(TIMES)
    before = builder.transform(TIMES)
    builder.set_params(kernel__efficiency=1.5)
    assert_array_equal(builder.transform(TIMES), before)
    assert builder.models_[0] is not model
    ilt = MultiDimRegularizedILT(
        model, 12, noise_std=0.1, scheme=ReferenceScheme(9)
    ).fit(TIMES, Y)
    before = ilt.predict(TIMES)
    model.efficiency = 1.2
    assert_array_equal(ilt.predict(TIMES), before)


def test_bands_refit_as_the_fit_was():
    floor, scheme = [2e-4], ReferenceScheme(9)
    ilt = MultiDimRegularizedILT(
        "T2", 12, noise_std=0.1, penalty=AdaptivePenalty(floor=floor), scheme=scheme
    ).fit(TIMES, Y)
    before = ilt.bands(3, random_state=0).samples
    floor[0] = 1.0
    scheme.set_params(max_iter=2, tol=0.1)
    ilt.set_params(penalty__strength=1e3)
    assert_array_equal(ilt.bands(3, random_state=0).samples, before)
    ilt.set_params(scheme="convergent", scheme__tol=0.1)
    assert_array_equal(ilt.bands(3, random_state=0).samples, before)


def test_compression_does_not_follow_its_output():
    K = KernelBuilder(n_bins=6).fit_transform(TIMES)
    compressor = TSVDCompressor(3).fit(K)
    before = compressor.transform(K)
    compressor.set_params(output="components")
    assert_array_equal(compressor.transform(K), before)
    assert len(compressor.get_feature_names_out()) == 6
    assert_array_equal(compressor.inverse_transform(before), before)


def test_mapper_keeps_its_estimator_and_acquisition():
    points, voxels = TIMES.copy(), np.abs(Y)[None] + np.array([[0.0], [0.1]])
    mapper = VoxelMapper(NonlinearRelaxationFit(InversionRecovery(1.8)), points)
    before = mapper.fit_transform(voxels)
    points *= 2.0
    mapper.set_params(
        estimator__model__efficiency=2.0, include=("r2",), only_converged=False
    )
    assert_array_equal(mapper.transform(voxels), before)
    assert mapper.get_feature_names_out()[1] == "T1"


@pytest.mark.parametrize("kind", ["array", "frame", "list"])
def test_arrays_of_the_caller_are_copied(kind):
    grid = np.geomspace(0.01, 3.0, 7)
    X = {"array": TIMES.copy(), "frame": pd.DataFrame(TIMES), "list": TIMES.tolist()}
    X, y = X[kind], Y.copy()
    channels, signals = [1.0, 2.0], np.column_stack([Y, Y[::-1]])
    shift = np.array(channels)
    initial = np.full((7, 2), 0.1)
    builder = KernelBuilder("T2", grid=grid).fit(X)
    ilt = MultiDimRegularizedILT(
        "T2", grid, noise_std=0.1, scheme=ReferenceScheme(5)
    ).fit(X, y)
    coupled = MultiDimRegularizedILT(
        "T2", grid, noise_std=0.1, scheme=ReferenceScheme(5), channels=shift
    ).fit(X, signals, initial=initial)  # fmt: skip
    before = [builder.transform(TIMES), ilt.predict(TIMES), coupled.predict(TIMES)]
    bands = coupled.bands(2, random_state=0).samples
    for array in (grid, y, shift, initial, signals):
        array *= 3.0
    if kind == "array":
        X *= 3.0
    after = [builder.transform(TIMES), ilt.predict(TIMES), coupled.predict(TIMES)]
    for a, b in zip(after, before, strict=True):
        assert_array_equal(a, b)
    assert_array_equal(coupled.bands(2, random_state=0).samples, bands)
    assert_array_equal(coupled.to_frame().shape, (7, 2))


FITTED = {
    "one axis": lambda: KernelBuilder(EPGEchoTrain(150.0, echo_spacing=0.01)).fit(
        0.01 * np.arange(1, 15)[:, None]
    ),
    "strided grid": lambda: KernelBuilder(grid=np.geomspace(0.01, 1, 9)[::2]).fit(
        TIMES
    ),
    "two axes": lambda: KernelBuilder(n_bins=5).fit(PLANE),
    "compression": lambda: TSVDCompressor(6).fit(KernelBuilder().fit_transform(TIMES)),
    "components": lambda: TSVDCompressor(6, output="components").fit(
        KernelBuilder().fit_transform(TIMES)
    ),
    "pipeline": lambda: make_pipeline(
        KernelBuilder(n_bins=6), TSVDCompressor(), SmoothLasso()
    ).fit(PLANE, PLANE_Y),
    "mapper": lambda: VoxelMapper(NonlinearRelaxationFit("T2"), TIMES).fit(Y[None]),
    "distributions": lambda: VoxelMapper(
        make_pipeline(KernelBuilder(n_bins=6), SmoothLasso()), TIMES
    ).fit(Y[None]),
    "signed": lambda: MultiDimRegularizedILT(
        MonoExponential(), 20, noise_std=0.1, scheme=ReferenceScheme(9)
    ).fit(TIMES, Y),
    "signed, two axes": lambda: MultiDimRegularizedILT(
        "T2", 9, noise_std=0.1, scheme=ReferenceScheme(9), baseline=[True, False]
    ).fit(PLANE, PLANE_Y),
    "signed, channels": lambda: MultiDimRegularizedILT(
        "T2",
        9,
        noise_std=0.1,
        scheme=ReferenceScheme(9),
        channels="coupled",
        solver="iterative",
    ).fit(PLANE, np.column_stack([PLANE_Y, -PLANE_Y, 0.5 * PLANE_Y])),
    "signed, discrete": lambda: MultiDimRegularizedILT(
        ["identity", "T2"],
        [None, 9],
        noise_std=0.1,
        scheme=ReferenceScheme(9),
        compression=4,
    ).fit(PLANE, PLANE_Y),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("make", FITTED.values(), ids=FITTED)
def test_pickles_give_the_same_bits(make):
    fitted = make()
    again = pickle.loads(pickle.dumps(fitted))
    rng = np.random.default_rng(0)
    n = fitted.n_features_in_
    if isinstance(fitted, MultiDimRegularizedILT):
        X = PLANE if n == 2 else TIMES
    elif isinstance(fitted, KernelBuilder) or hasattr(fitted, "steps"):
        X = PLANE if n == 2 else 0.01 * np.arange(1, 15)[:, None]
    else:
        X = rng.uniform(0.1, 1.0, (33, n))
    method = "predict" if hasattr(fitted, "predict") else "transform"
    assert_array_equal(getattr(again, method)(X), getattr(fitted, method)(X))
    if hasattr(fitted, "bands"):
        assert_array_equal(again.distribution_, fitted.distribution_)
        expected = fitted.bands(2, random_state=0).samples
        assert_array_equal(again.bands(2, random_state=0).samples, expected)
    if hasattr(fitted, "inverse_transform"):
        back = fitted.inverse_transform(fitted.transform(X))
        assert_array_equal(again.inverse_transform(again.transform(X)), back)
