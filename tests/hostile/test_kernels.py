"""Hostile input to kernels, compression, mapping and the signed inversion."""

import warnings

import hostile
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from variants import SAME

from skrelax import (
    AdaptivePenalty,
    ConvergentScheme,
    KernelBuilder,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    TSVDCompressor,
    VoxelMapper,
)
from skrelax.inversion import KernelParameterSearch
from skrelax.kernels import acquisition_grid, average_kernel
from skrelax.signals import InversionRecovery

TIMES = np.geomspace(0.01, 1.0, 8)[:, None]
PLANE = acquisition_grid(np.geomspace(0.01, 1, 4), np.geomspace(0.01, 1, 3))
Y = np.exp(-TIMES[:, 0] / 0.2)
SIGNALS = np.column_stack([Y, 0.5 * Y[::-1] + 0.1])
KERNEL = np.array(KernelBuilder("T2", n_bins=6).fit_transform(TIMES))
ROWS = np.exp(-TIMES.T / np.array([[0.05], [0.2], [0.5]]))
# Signals that nonlinear fits meet in the tests of their own.
BEYOND = ("denormals", "1e-300", "1e-160", "1e160", "1e300", "one 1e300")


def ilt(**settings):
    return MultiDimRegularizedILT(
        "T2", 8, **{"noise_std": 0.1, "scheme": ReferenceScheme(3), **settings}
    )


def builder_result(X):
    made = KernelBuilder("T2", n_bins=4, max_bins=10_000)
    return made.fit_transform(X), made.relaxation_times_


def two_axes(X):
    return KernelBuilder(["T1-IR", "T2"], n_bins=[3, 4]).fit_transform(X)


def supersampled(X):
    return KernelBuilder("diffusion", n_bins=3, supersampling=3).fit_transform(X)


def compress(K):
    made = TSVDCompressor().fit(K)
    return made.transform(K), made.singular_values_


def components(K):
    made = TSVDCompressor(1e-6, output="components").fit(K)
    return made.inverse_transform(made.transform(K))


def fit_ilt(X, y, **more):
    made = ilt().fit(X, y, **more)
    return made.distribution_, made.predict(X), made.residuals_, made.noise_std_


def map_rows(X):
    return VoxelMapper(NonlinearRelaxationFit("T2"), TIMES).fit(X).transform(X)


def map_distributions(X, final=None):
    final = SmoothLasso(1e-3) if final is None else final
    return VoxelMapper(final, KERNEL).fit(X).transform(X)


def map_parts(**given):
    kernel = KernelBuilder(InversionRecovery(), n_bins=4)
    search = KernelParameterSearch(
        make_pipeline(kernel, SmoothLasso(1e-4)), "efficiency", [1.7, 1.8, 1.9, 2.0]
    )
    X = 1.0 - 1.8 * ROWS
    return VoxelMapper(search, TIMES).fit_transform(X, **given)


FITTED_BUILDER = KernelBuilder("T2", n_bins=4).fit(TIMES)
FITTED_SVD = TSVDCompressor(3).fit(KERNEL)
FITTED_PARTS = TSVDCompressor(3, output="components").fit(KERNEL)
FITTED_ILT = ilt().fit(TIMES, Y)
FITTED_CHANNELS = ilt().fit(TIMES, SIGNALS)

# The call, a sound array, names of which errors say one, and whether nan may come out.
ARRAYS = {
    "KernelBuilder": (builder_result, TIMES, ["X"], False),
    "KernelBuilder, two axes": (two_axes, PLANE, ["X"], False),
    "KernelBuilder, cells": (supersampled, TIMES, ["X"], False),
    "KernelBuilder.transform": (FITTED_BUILDER.transform, TIMES, ["X"], False),
    "KernelBuilder, grid": (
        lambda v: KernelBuilder("T2", grid=v).fit_transform(TIMES),
        TIMES[:, 0], ["grid"], False,
    ),
    "KernelBuilder, grids": (
        lambda v: KernelBuilder("T2", grid=[v, None], n_bins=3).fit_transform(PLANE),
        TIMES[:, 0], ["grid"], False,
    ),
    "KernelBuilder, minimum": (
        lambda v: KernelBuilder("T2", n_bins=3, minimum=v).fit_transform(PLANE),
        np.array([0.01, 0.02]), ["minimum"], False,
    ),
    "KernelBuilder, n_bins": (
        lambda v: KernelBuilder("T2", n_bins=v).fit_transform(PLANE),
        np.array([4, 3]), ["n_bins", "max_bins"], False,
    ),
    "KernelBuilder, supersampling": (
        lambda v: KernelBuilder("T2", n_bins=3, supersampling=v).fit_transform(PLANE),
        np.array([2, 3]), ["supersampling"], False,
    ),
    "average_kernel": (
        lambda X: average_kernel(FITTED_BUILDER, X, Y), TIMES, ["X"], False,
    ),
    "average_kernel, signals": (
        lambda y: average_kernel(FITTED_BUILDER, TIMES, y), Y, ["y"], False,
    ),
    "average_kernel, weights": (
        lambda w: average_kernel(FITTED_BUILDER, TIMES, Y, w),
        np.full(8, 2.0), ["sample_weight"], False,
    ),
    "acquisition_grid": (acquisition_grid, TIMES[:, 0], ["axes", "axis"], False),
    "acquisition_grid, second": (
        lambda v: acquisition_grid([1.0, 2.0], v), TIMES[:, 0], ["axes", "axis"], False,
    ),
    "TSVDCompressor": (compress, KERNEL, ["X"], False),
    "TSVDCompressor, entropy": (
        lambda K: TSVDCompressor("entropy").fit_transform(K), KERNEL, ["X"], False,
    ),
    "TSVDCompressor, components": (components, KERNEL, ["X"], True),
    "TSVDCompressor.transform": (FITTED_SVD.transform, KERNEL, ["X"], False),
    "TSVDCompressor.transform to parts": (
        FITTED_PARTS.transform, KERNEL, ["X"], True,
    ),
    "TSVDCompressor.inverse_transform": (
        FITTED_PARTS.inverse_transform, KERNEL[:, :3], ["X"], False,
    ),
    "TSVDCompressor.inverse_transform of kernels": (
        FITTED_SVD.inverse_transform, KERNEL, ["X"], False,
    ),
    "TSVDCompressor.compress, K": (
        lambda K: TSVDCompressor().compress(K, Y)[0], KERNEL, ["X", "K", "s must"],
        False,
    ),
    "TSVDCompressor.compress, s": (
        lambda s: TSVDCompressor().compress(KERNEL, s)[1], SIGNALS, ["s"], False,
    ),
    "TSVDCompressor, sample_weight": (
        lambda w: TSVDCompressor().fit(KERNEL, sample_weight=w).singular_values_,
        Y, ["sample_weight", "Sample weight"], False,
    ),
    "VoxelMapper": (map_rows, ROWS, ["X"], True),
    "VoxelMapper, distributions": (map_distributions, ROWS, ["X"], True),
    "VoxelMapper, mask": (
        lambda v: map_parts(mask=v), np.array([1.0, 0.0, 1.0]), ["mask"], True,
    ),
    "VoxelMapper, known": (
        lambda v: map_parts(known=v), np.array([1.8, 1.7, 1.9]),
        ["known", "efficiency"], True,
    ),
    "VoxelMapper, signed": (
        lambda X: VoxelMapper(ilt(), TIMES).fit(X).transform(X), ROWS, ["X"], True,
    ),
    "VoxelMapper, acquisition": (
        lambda v: VoxelMapper(
            make_pipeline(KernelBuilder(n_bins=4), SmoothLasso()), v
        ).fit_transform(ROWS), TIMES, ["acquisition", "X"], True,
    ),
    "MultiDimRegularizedILT, X": (lambda X: fit_ilt(X, Y), TIMES, ["X"], False),
    "MultiDimRegularizedILT, y": (lambda y: fit_ilt(TIMES, y), Y, ["y"], False),
    "MultiDimRegularizedILT, signals": (
        lambda y: fit_ilt(TIMES, y), SIGNALS, ["y"], True,
    ),
    "MultiDimRegularizedILT, sample_weight": (
        lambda w: fit_ilt(TIMES, Y, sample_weight=w), Y,
        ["sample_weight", "Sample weight"], False,
    ),
    "MultiDimRegularizedILT, unknown noise": (
        lambda y: ilt(noise_std=None).fit(TIMES, y).distribution_, Y, ["y"], False,
    ),
    "MultiDimRegularizedILT, convergent": (
        lambda y: ilt(scheme="convergent").fit(TIMES, y).distribution_, Y, ["y"], False,
    ),
    "MultiDimRegularizedILT, grids": (
        lambda v: MultiDimRegularizedILT(
            grids=v, noise_std=0.1, scheme=ReferenceScheme(3)
        )
        .fit(TIMES, Y).distribution_, TIMES[:, 0], ["grids"], False,
    ),
    "MultiDimRegularizedILT, initial": (
        lambda v: ilt().fit(TIMES, Y, initial=v).distribution_, Y, ["initial"], False,
    ),
    "MultiDimRegularizedILT, channels": (
        lambda v: ilt(channels=v).fit(TIMES, SIGNALS).distribution_,
        np.array([1.0, 2.0]), ["channels"], False,
    ),
    "MultiDimRegularizedILT, two axes of channels": (
        lambda v: ilt(channels=[v, [1.0]]).fit(TIMES, SIGNALS).distribution_,
        np.array([1.0, 2.0]), ["channels"], False,
    ),
    "MultiDimRegularizedILT.fit_grid, axes": (
        lambda v: ilt().fit_grid((v,), Y).distribution_, TIMES[:, 0],
        ["axes", "X"], False,
    ),
    "MultiDimRegularizedILT.fit_grid, data": (
        lambda v: ilt().fit_grid(TIMES, v).distribution_, Y, ["data", "y"], True,
    ),
    "MultiDimRegularizedILT.fit_grid, sigma": (
        lambda v: ilt().fit_grid(TIMES, Y, v).distribution_, Y, ["sigma"], False,
    ),
    "MultiDimRegularizedILT.predict": (FITTED_ILT.predict, TIMES, ["X"], False),
    "MultiDimRegularizedILT.score, X": (
        lambda X: FITTED_ILT.score(X, Y), TIMES, ["X"], False,
    ),
    "MultiDimRegularizedILT.score, y": (
        lambda y: FITTED_ILT.score(TIMES, y), Y, ["y"], True,
    ),
}  # fmt: skip
for name in ("penalty__windows", "scheme__damping", "scheme__crossing_damping"):
    own = name.partition("__")[2]
    ARRAYS[f"MultiDimRegularizedILT, {name}"] = (
        lambda v, name=name: ilt().set_params(**{name: v}).fit(TIMES, Y).distribution_,
        np.array([3, 1, 3] if own == "windows" else [5, 0.1, 0.5]), [own], False,
    )  # fmt: skip
for name in (
    "compression", "baseline", "penalty__floor", "penalty__curvature",
    "penalty__slope", "penalty__boundary", "scheme__crossing_scale",
):  # fmt: skip
    ARRAYS[f"MultiDimRegularizedILT, {name}"] = (
        lambda v, name=name: MultiDimRegularizedILT(
            grids=3, noise_std=0.1, scheme=ReferenceScheme(3)
        ).set_params(**{name: v}).fit(PLANE, PLANE[:, 0] - 0.3).distribution_,
        np.array([True, False]) if name == "baseline" else np.array([2, 3]),
        [name.rpartition("__")[2]], False,
    )  # fmt: skip


def finite(found):
    parts = found if isinstance(found, tuple) else (found,)
    return hostile.all_finite(*parts)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name):
    call, good, names, may_be_nan = ARRAYS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = call(good)
    assert finite(plain) or name == "VoxelMapper, mask"
    for variant, value in hostile.arrays(good).items():
        if name == "VoxelMapper" and variant in BEYOND:
            # Held by the tests of the fit itself.
            continue
        try:
            found = hostile.ends_well(lambda value=value: call(value), names)
        except Exception as error:
            error.add_note(f"variant: {variant}")
            raise
        if found is None:
            # A frame has two axes.
            assert variant not in SAME or np.ndim(value) > good.ndim, variant
            continue
        assert may_be_nan or finite(found), variant
        if variant in SAME:
            pairs = zip(
                found if isinstance(found, tuple) else (found,),
                plain if isinstance(plain, tuple) else (plain,),
                strict=True,
            )
            for a, b in pairs:
                a, b = np.ravel(a), np.ravel(b)
                assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=variant)


def line(**settings):
    made = ilt().set_params(**settings)
    return made.fit(TIMES, Y).distribution_


def plane(**settings):
    made = MultiDimRegularizedILT("T2", 3, noise_std=0.1, scheme=ReferenceScheme(2))
    made.set_params(**settings)
    return made.fit(PLANE, PLANE[:, 0] - 0.3).distribution_


def kernel_of(**settings):
    return KernelBuilder(**{"n_bins": 3} | settings).fit_transform(PLANE)


def compressed(**settings):
    return TSVDCompressor(**settings).fit_transform(KERNEL)


def mapped(**settings):
    final = settings.pop("estimator", NonlinearRelaxationFit("T2"))
    mapper = VoxelMapper(final, **{"acquisition": TIMES} | settings)
    # Processes of their own would cost most of the time and see the same numbers.
    with parallel_config(backend="threading"):
        return mapper.fit_transform(ROWS)


def penalised(**settings):
    return line(penalty=AdaptivePenalty(**settings))


ILT_PARAMETERS = {
    name: value
    for name, value in MultiDimRegularizedILT().get_params().items()
    if name != "callback"
}
# By name of the call: the call and its parameters, a sound value each.
NUMBERS = {
    "KernelBuilder": (kernel_of, {
        "kernel": "T2", "n_bins": 3, "minimum": 0.01, "maximum": 1.0, "spacing": "log",
        "grid": None, "supersampling": 2, "max_bins": 100,
    }),
    "average_kernel": (
        lambda **given: average_kernel(FITTED_BUILDER, TIMES, Y, **given)[0],
        {"change": 0.02},
    ),
    "TSVDCompressor": (compressed, {
        "n_components": 2, "output": "kernel", "noise_std": 0.1,
    }),
    "VoxelMapper": (mapped, {
        "estimator": None, "acquisition": None, "include": ("params",),
        "only_converged": True, "chunk_size": 2, "n_jobs": 1, "verbose": 0,
    }),
    "MultiDimRegularizedILT": (line, ILT_PARAMETERS),
    "MultiDimRegularizedILT, planes": (plane, ILT_PARAMETERS),
    "AdaptivePenalty": (penalised, AdaptivePenalty().get_params()),
    "ReferenceScheme": (
        lambda **settings: line(scheme=ReferenceScheme(**{"max_iter": 3} | settings)),
        ReferenceScheme(3).get_params(),
    ),
    "ConvergentScheme": (
        lambda **settings: line(scheme=ConvergentScheme(**{"max_iter": 3} | settings)),
        ConvergentScheme(3).get_params(),
    ),
    "MultiDimRegularizedILT.bands": (
        lambda **settings: FITTED_ILT.bands(**{"n_refits": 2} | settings).samples,
        {"n_refits": 2, "level": 0.5, "random_state": 0, "n_jobs": 1},
    ),
    "MultiDimRegularizedILT.marginal": (
        lambda axis: FITTED_CHANNELS.marginal(axis), {"axis": 0},
    ),
}  # fmt: skip
# What errors may call a parameter: where a size is above another limit.
ALSO = {
    "n_bins": ["max_bins", "minimum"], "grids": ["max_bins"], "minimum": ["maximum"],
    "maximum": ["minimum"], "estimator": ["fit"], "acquisition": ["X"],
    "compression": ["y, noise_std"], "noise_std": ["y, noise_std"],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, one) for name, (_, parameters) in NUMBERS.items() for one in parameters],
)
def test_numbers(name, parameter):
    call, parameters = NUMBERS[name]
    sound = parameters[parameter]
    sound = sound if isinstance(sound, float | int) else 1.0
    values = hostile.numbers(sound) | {"frame": pd.DataFrame([1.0]), "set": {1.0}}
    for variant, value in values.items():
        try:
            found = hostile.ends_well(
                lambda value=value: call(**{parameter: value}),
                [parameter, *ALSO.get(parameter, ())],
            )
        except Exception as error:
            error.add_note(f"variant: {variant}")
            raise
        if found is not None and name != "VoxelMapper":
            assert hostile.all_finite(found), variant


def test_tables_of_sound_and_odd_fits(monkeypatch):
    odd = ilt().fit(TIMES, np.column_stack([Y, np.ones(8), Y]))
    table = odd.to_frame()
    # A constant channel has nothing to invert.
    assert np.isnan(table[1]).all()
    assert hostile.all_finite(table[[0, 2]])
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(ImportError, match="pip install"):
        odd.to_xarray()


@pytest.mark.parametrize("scale", [1e-160, 1e160, 1e-60, 1e60])
def test_scaled_signals_scale_or_are_refused(scale):
    def fit(y, noise):
        return ilt(noise_std=noise).fit(TIMES, y).distribution_

    if not 1e-100 < scale < 1e100:
        with pytest.raises(ValueError, match="y must have its largest number"):
            fit(Y * scale, 0.1)
        with pytest.raises(ValueError, match="X must have its largest number"):
            TSVDCompressor().fit(KERNEL * scale)
        return
    assert_allclose(fit(Y * scale, 0.1 * scale) / scale, fit(Y, 0.1), atol=1e-9)
    plain = TSVDCompressor(3).fit(KERNEL)
    scaled = TSVDCompressor(3).fit(KERNEL * scale)
    assert_allclose(scaled.singular_values_ / scale, plain.singular_values_)
    times = KernelBuilder(n_bins=4).fit(TIMES).relaxation_times_
    far = KernelBuilder(n_bins=4).fit(TIMES * scale)
    assert_allclose(far.relaxation_times_ / scale, times)
    assert_allclose(far.transform(TIMES * scale), FITTED_BUILDER.transform(TIMES))


@pytest.mark.parametrize(
    "estimator",
    [KernelBuilder(InversionRecovery(), n_bins=3), TSVDCompressor(2), ilt()],
    ids=lambda e: type(e).__name__,
)
def test_before_fit(estimator):
    fresh = clone(estimator)
    calls = [name for name in ("transform", "predict") if hasattr(fresh, name)]
    for name in calls:
        assert hostile.ends_well(lambda n=name: getattr(fresh, n)(TIMES)) is None
