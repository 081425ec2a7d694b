"""Hostile input to simulations and displays."""

import hostile
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from variants import SAME, check_arrays, check_numbers, finite

from skrelax import (
    KernelBuilder,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.datasets import (
    load_berea,
    load_graphene,
    load_phantom,
    load_sandstone,
    load_water_diffusion,
    make_decay,
    make_distribution,
    make_image_series,
    make_myelin_water_images,
    make_signed_slices,
    make_spectrum_series,
)
from skrelax.kernels import acquisition_grid
from skrelax.metrics import RatioBand, residual_autocorrelation
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    DistributionSlicesDisplay,
    ParameterMapDisplay,
    ProfileDisplay,
    RegionHistogramDisplay,
    ResidualsDisplay,
    ResidualsMapDisplay,
    ResolutionDisplay,
    StrengthCurveDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib.figure import Figure  # noqa: E402

TIMES = np.geomspace(0.01, 1.0, 12)

# Simulations ----------------------------------------------------------------------

SIMULATIONS = {
    make_decay: ("kernel", "amplitude", "baseline", "noise_std", "n_signals", "drift",
                 "peaks", "random_state"),
    make_image_series: ("model", "acquisition", "size", "noise_std", "magnitude",
                        "variation", "random_state"),
    make_myelin_water_images: ("size", "noise_std", "magnitude", "variation", "short",
                               "random_state"),
    make_spectrum_series: ("n_spectrum", "n_delays", "noise_std", "random_state"),
    make_signed_slices: ("n_slices", "n_times", "noise_std", "random_state"),
}  # fmt: skip


@pytest.mark.parametrize(
    "load",
    [load_berea, load_graphene, load_phantom, load_sandstone, load_water_diffusion],
)
def test_measured_data_are_plain_numbers(load):
    data = load()
    for values in (data.X, data.y):
        assert hostile.all_finite(values)
        assert np.asarray(values).dtype == np.float64
    assert len(data.X) == len(data.y)


@pytest.mark.parametrize("make", SIMULATIONS)
def test_settings_of_simulated_data(make):
    images = make_image_series, make_myelin_water_images
    small = {"size": 8} if make in images else {}
    if make is make_signed_slices:
        small = {"n_slices": 2, "n_times": 4}

    def sound(kind, bunch):
        values = bunch["y"] if "y" in bunch else bunch["data"]
        assert hostile.all_finite(values), kind

    for name in SIMULATIONS[make]:
        check_numbers(
            lambda v, n=name: make(**small | {n: v}), (name, "kernel"), sound, good=2.0
        )
        if name.startswith(("n_s", "n_t", "n_d", "size")):
            for size in (0, -1, 10**12, 1.5, np.uint8(3), np.float64(3.0)):
                hostile.ends_well(
                    lambda v=size, n=name: make(**small | {n: v}), (name,)
                )
            call = lambda n=name: make(**small | {n: 10**12})  # noqa: E731
            assert hostile.ends_well(call, (name,)) is None


def test_grids_and_peaks_of_simulated_data():
    peaks = [(0.1, 0.2, 1.0)]
    names = ("relaxation_times", "peaks")
    check_arrays(lambda t: make_distribution(t, peaks), TIMES, names, finite)
    check_numbers(lambda t: make_distribution(t, peaks), names)
    check_arrays(lambda t: make_decay(times=t, random_state=0)["y"], TIMES,
                 ("times",), finite)  # fmt: skip
    echoes = 0.01 * np.arange(1.0, 13.0)
    check_arrays(
        lambda t: make_myelin_water_images(t, size=4, random_state=0)["y"],
        echoes, ("echo_times",), finite,
    )  # fmt: skip
    times = pd.DataFrame({"TI": TIMES})
    check_arrays(
        lambda t: make_image_series(acquisition=t, size=4, random_state=0)["y"],
        times.to_numpy(), ("acquisition",), finite,
        # A frame must have the names of the columns.
        [kind for kind in SAME if kind != "nullable"],
    )  # fmt: skip
    for make in (
        lambda peak: make_distribution(TIMES, [peak]),
        lambda peak: make_decay(peaks=[peak])["y"],
    ):
        for k, good in enumerate((0.1, 0.2, 1.0)):
            for kind, value in hostile.numbers(good).items():
                peak = [0.1, 0.2, 1.0]
                peak[k] = value
                result = hostile.ends_well(lambda m=make, p=peak: m(p), ("peaks",))
                assert result is None or hostile.all_finite(result), (k, kind)
    wide = make_distribution(TIMES, [(0.1, 1e-300, 1.0)])
    assert_allclose(wide.sum(), 1.0)


# Displays -------------------------------------------------------------------------

DECAY = np.exp(-TIMES / 0.1) + 0.01 * np.random.default_rng(0).standard_normal(12)
PLANE = np.abs(np.random.default_rng(0).standard_normal((12, 12)))


def draw(display):
    """Draw a display wholly, on a figure without a layout that costs time."""
    figure = Figure(figsize=(3, 2), dpi=40)
    if isinstance(display, DistributionMapDisplay | ResidualsMapDisplay):
        display.plot(figure)
    elif isinstance(display, DistributionSlicesDisplay):
        display.plot(figure.subplots(1, len(display.slices), squeeze=False))
    elif isinstance(display, ParameterMapDisplay):
        axes = figure.subplots(1, len(display.images), squeeze=False)
        display.plot(axes)
    else:
        display.plot(figure.subplots())
    figure.canvas.draw()
    return display


ROWS = np.stack([DECAY, DECAY], axis=1)
CONSTRUCTORS = {
    DistributionDisplay: {
        "relaxation_times": TIMES, "distribution": DECAY, "truth": (TIMES, DECAY),
        "band": (DECAY, DECAY), "label": "T2",
    },
    DistributionMapDisplay: {
        "relaxation_times": (TIMES, TIMES), "distribution": PLANE,
        "labels": ("D", "T2"), "names": ("D", "T2"), "ratios": (1.0, 3.0),
        "regions": [RatioBand("a", 1, 2)],
    },
    DistributionSlicesDisplay: {
        "relaxation_times": (TIMES, TIMES), "slices": np.stack([PLANE, -PLANE]),
        "titles": ("a", "b"), "labels": ("D", "T2"), "names": ("D", "T2"),
        "ratios": (1.0, 3.0), "regions": [RatioBand("a", 1, 2)],
    },
    ResidualsMapDisplay: {
        "times": (TIMES, TIMES), "residuals": PLANE - 1.0, "noise_std": 0.1,
        "labels": ("TI", "TE"),
    },
    ResolutionDisplay: {
        "relaxation_times": TIMES, "length": DECAY, "seen": DECAY, "label": "T2",
    },
    ProfileDisplay: {
        "values": TIMES, "rise": DECAY, "levels": {0.9: 2.7}, "estimate": 0.3,
        "stderr": 0.1, "interval": (0.1, 0.5), "label": "T2", "truth": 0.4,
    },
    DecayDisplay: {"times": TIMES, "signals": ROWS, "fit": ROWS, "label": "TE"},
    ResidualsDisplay: {"times": TIMES, "residuals": ROWS, "noise_std": 0.1},
    CrossValidationCurveDisplay: {
        "strengths": TIMES, "mean": DECAY, "error": DECAY, "chosen": TIMES[2],
        "curves": [1.0], "chosen_curve": 1.0, "names": ("alpha", "smoothness"),
    },
    ParameterMapDisplay: {
        "images": {"T2": PLANE}, "units": {"T2": "s"}, "limits": {"T2": (0.0, 1.0)},
        "affine": np.diag([2.0, 2.0, 3.0, 1.0]), "colours": {"T2": "gray"},
    },
    RegionHistogramDisplay: {
        "image": PLANE, "labels": np.arange(PLANE.size).reshape(PLANE.shape) % 3,
        "names": {1: "oil"}, "references": {1: 0.3},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", CONSTRUCTORS)
def test_constructors_of_displays(kind):
    good = CONSTRUCTORS[kind]
    draw(kind(**good))
    for name, value in good.items():
        if name == "slices":
            for bad in (value[0], value[:0], value * np.nan, value * 1e300, value > 0):
                hostile.ends_well(
                    lambda v=bad: draw(kind(**good | {"slices": v})), ("slices",)
                )
            continue
        # Where shapes do not match, the other array may be the one that is named.
        names = (
            name, "distribution", "signals", "residuals", "mean", "fit", "image", "rise"
        )  # fmt: skip
        check_numbers(lambda v, n=name: draw(kind(**good | {n: v})), names)
        if isinstance(value, np.ndarray):
            check_arrays(
                lambda v, n=name: draw(kind(**good | {n: v})), value, names, same=()
            )
        if isinstance(value, tuple) and isinstance(value[0], np.ndarray):
            for other in (lambda v: (v, TIMES), lambda v: (TIMES, v)):
                check_arrays(
                    lambda v, n=name, o=other: draw(kind(**good | {n: o(v)})),
                    value[0], names, same=(),
                )  # fmt: skip
    if kind is ParameterMapDisplay:
        check_arrays(lambda v: draw(kind({"T2": v})), PLANE, ("images",), same=())
        check_numbers(lambda v: draw(kind({"T2": v})), ("images",))
        check_numbers(
            lambda v: draw(kind({"T2": PLANE}, limits={"T2": v})), ("limits",)
        )
        check_numbers(
            lambda v: draw(kind({"T2": PLANE}, limits={"T2": (v, 2.0)})), ("limits",)
        )
        volume = {"T2": np.dstack([PLANE, PLANE])}
        check_numbers(lambda v: draw(kind(volume, slices=v)), ("slices",))
        check_arrays(
            lambda v: draw(kind(volume, slices=v)),
            np.array([0, 1]), ("slices",), same=(),
        )  # fmt: skip
        axes = Figure().subplots(1, 1)
        both = kind({"T1": PLANE, "T2": PLANE})
        assert hostile.ends_well(lambda: both.plot(axes), ("axes",)) is None


@pytest.fixture(scope="module")
def fitted():
    """Return fitted estimators of one and two axes, by what they are."""
    X = TIMES[:, None]
    grid = acquisition_grid(TIMES[::3], TIMES[::3])
    y = np.exp(-grid @ [1.0, 8.0])
    builder = KernelBuilder(n_bins=8)
    pipeline = make_pipeline(builder, SmoothLasso(1e-3, 1e-3))
    return {
        "one": make_pipeline(KernelBuilder(n_bins=8), LassoFistaCV(4)).fit(X, DECAY),
        "two": make_pipeline(
            KernelBuilder(["T1-SR", "T2"], n_bins=5), SmoothLasso(1e-3, 1e-3)
        ).fit(grid, y),
        "signed": MultiDimRegularizedILT(
            grids=9, noise_std=0.1, scheme=ReferenceScheme(3)
        ).fit(X, DECAY),
        "strength": StrengthSearch(pipeline, strengths=3).fit(X, DECAY),
        "smooth": make_pipeline(KernelBuilder(n_bins=8), SmoothLassoCV(2, 3)).fit(
            X, DECAY
        ),
        "grid": GridSearchCV(pipeline, {"smoothlasso__alpha": [1e-2, 1e-3]}, cv=2).fit(
            X, DECAY
        ),
        "nonlinear": NonlinearRelaxationFit("T2").fit(X, DECAY),
        "plain": SmoothLasso().fit(np.eye(3), np.arange(3.0)),
        "not fitted": pipeline,
    }


@pytest.mark.parametrize("kind", [
    CrossValidationCurveDisplay, DistributionDisplay, DistributionMapDisplay,
    DistributionSlicesDisplay, StrengthCurveDisplay,
])  # fmt: skip
def test_displays_of_any_estimator(kind, fitted):
    allowed = {
        CrossValidationCurveDisplay: {"one", "smooth", "grid"},
        DistributionDisplay: {"one", "signed", "strength", "smooth", "grid"},
        DistributionMapDisplay: {"two"},
        DistributionSlicesDisplay: {"two"},
        StrengthCurveDisplay: {"strength"},
    }[kind]
    names = ("estimator", "search", "fitted", "cross-validation")
    drawn = set()
    for name, estimator in fitted.items():
        call = lambda e=estimator: kind.from_estimator(e)  # noqa: E731
        if hostile.ends_well(call, names) is not None:
            drawn.add(name)
    matplotlib.pyplot.close("all")
    assert drawn == allowed
    check_numbers(kind.from_estimator, names)
    if kind not in (CrossValidationCurveDisplay, StrengthCurveDisplay):
        estimator = fitted["one" if kind is DistributionDisplay else "two"]
        for value in (*hostile.numbers().values(), (), ("s",) * 3, ("s", 1), [b"s"]):
            hostile.ends_well(
                lambda v=value: kind.from_estimator(estimator, unit=v), ("unit",)
            )
            matplotlib.pyplot.close("all")
    if kind is DistributionMapDisplay:
        check_numbers(
            lambda v: kind.from_estimator(fitted["two"], signal=v), ("signal",)
        )
    matplotlib.pyplot.close("all")
    if kind in (DistributionMapDisplay, DistributionSlicesDisplay):
        for name in ("ratios", "regions"):
            check_numbers(
                lambda v, n=name: kind.from_estimator(fitted["two"], **{n: v}), (name,)
            )
            matplotlib.pyplot.close("all")


def test_residuals_of_a_plane(fitted):
    X = acquisition_grid(TIMES[::3], TIMES[::3])
    y = np.exp(-X @ [1.0, 8.0])
    good = {
        "X": X, "y": y, "sample_weight": np.ones(16), "noise_std": 0.1, "signal": 0,
        "unit": "s",
    }  # fmt: skip

    def call(kind=ResidualsMapDisplay.from_estimator, first=(), **options):
        return kind(*first, **good | options, figure=Figure((3, 2), dpi=40))

    names = ("X", "kernel", "y must", "signals", "times", "residuals")
    of = {"first": (fitted["two"],)}
    check_arrays(lambda v: call(X=v, **of), X, names, same=())
    check_arrays(lambda v: call(y=v, **of), y, ("y", "signals"), same=())
    check_arrays(lambda v: call(sample_weight=v, **of), np.ones(16),
                 ("sample_weight", "residuals"), same=())  # fmt: skip
    for name in good:
        check_numbers(
            lambda v, n=name: call(**{n: v}, **of),
            (name, *(names if name in "Xy" else ())),
        )
    check_numbers(lambda v: call(first=(v,)), ("estimator",))
    predicted = ResidualsMapDisplay.from_predictions
    check_arrays(lambda v: call(predicted, y_pred=v), y, ("y", "y_pred"), same=())
    e = y.reshape(4, 4) - 0.5
    plain = residual_autocorrelation(e)

    def sound(kind, table):
        assert not np.isinf(table["correlation"]).any(), kind
        if kind in ("1e-300", "1e-160", "1e160", "1e300"):
            assert_allclose(table, plain, err_msg=kind, rtol=1e-9)

    check_arrays(residual_autocorrelation, e, ("residuals",), sound)
    check_numbers(residual_autocorrelation, ("residuals",))
    for name in ("max_lag", "level"):
        check_numbers(lambda v, n=name: residual_autocorrelation(e, **{n: v}), (name,))
    check_numbers(
        lambda v: DistributionSlicesDisplay.from_estimator(fitted["two"], axes=v),
        ("axes",),
    )
    matplotlib.pyplot.close("all")


def test_signals_of_an_estimator(fitted):
    # Axes are dear, and lines on those of before do not matter.
    axes = Figure().subplots()

    def clear():
        for artist in (*axes.lines, *axes.collections):
            artist.remove()

    def call(kind, X=TIMES[:, None], y=DECAY, estimator=fitted["one"], **options):
        kind.from_estimator(estimator, X, y, ax=axes, **options)
        clear()

    for kind in (DecayDisplay, ResidualsDisplay):
        # Another number of points is told of the signals.
        names = ("X", "kernel", "y must", "signals")
        check_arrays(lambda v, k=kind: call(k, v), TIMES[:, None], names, same=())
        check_arrays(lambda v, k=kind: call(k, y=v), DECAY, ("y", "signals"), same=())
        check_numbers(lambda v, k=kind: call(k, v), names)
        check_numbers(lambda v, k=kind: call(k, y=v), ("y", "signals"))
        check_numbers(lambda v, k=kind: call(k, estimator=v), ("estimator",))
        check_numbers(lambda v, k=kind: call(k, unit=v), ("unit",))
    check_numbers(lambda v: call(ResidualsDisplay, noise_std=v), ("noise_std",))
    arguments = {"X": TIMES, "y": DECAY, "y_pred": DECAY}
    for name, good in arguments.items():

        def predicted(value, name=name):
            options = arguments | {name: value}
            ResidualsDisplay.from_predictions(**options, ax=axes)
            clear()

        check_arrays(predicted, good, (*arguments,), same=())
        check_numbers(predicted, (*arguments,))


def test_maps_of_a_fit():
    images = make_image_series(size=4, noise_std=0.001, variation=0.0, random_state=0)
    values = np.tile(images.y[:, 5:6], (1, 16))
    fit = NonlinearRelaxationFit("T1-IR").fit(images.X, values)
    good = {"fit": fit, "table": images.table, "names": ["T1"]}
    axes = Figure().subplots(1, 4)
    ParameterMapDisplay.from_estimator(**good, axes=axes)
    for name in good:
        check_numbers(
            lambda v, n=name: ParameterMapDisplay.from_estimator(
                **good | {n: v}, axes=axes
            ),
            (name, "images"),
        )
