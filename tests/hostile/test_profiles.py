"""Hostile input to intervals by profile likelihood."""

import hostile
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from variants import flat

from skrelax.compose import VoxelMapper
from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import ProfileResult, profile_parameters

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
TIMES = np.linspace(0.01, 0.3, 12)[:, None]
NOISE = 0.02 * np.random.default_rng(0).standard_normal((12, 3))
SIGNALS = np.exp(-TIMES / np.array([0.03, 0.05, 0.1])) + NOISE
GOOD = {"X": TIMES, "y": SIGNALS, "sample_weight": np.linspace(0.5, 1.5, 12)}
FIT = NonlinearRelaxationFit("T2").fit(TIMES, SIGNALS, GOOD["sample_weight"])
NAMES = (
    "X", "y", "sample_weight", "points", "signals", "bounds", "model", "samples",
)  # fmt: skip


def sound(frame):
    """Raise unless ends hold the estimates and nothing is lost without a status."""
    there = frame["status"] != "no value"
    kept = frame[there]
    assert not kept[["lower", "upper"]].isna().any().any()
    # Fits end within 1e-8 of a minimum.
    slack = 1e-6 * np.abs(kept["estimate"])
    assert (kept["lower"] <= kept["estimate"] + slack).all()
    assert (kept["upper"] >= kept["estimate"] - slack).all()
    assert frame[~there][["lower", "upper"]].isna().any(axis=1).all()


@pytest.mark.parametrize("part", sorted(GOOD))
def test_arrays_that_were_not_fitted(part):
    for variant, value in hostile.arrays(GOOD[part]).items():
        value = flat(value) if GOOD[part].ndim == 1 else value
        result = hostile.ends_well(
            lambda v=value: profile_parameters(FIT, **(GOOD | {part: v})), NAMES
        )
        if result is not None:
            assert isinstance(result, ProfileResult), variant


@pytest.mark.parametrize("part", sorted(GOOD))
def test_arrays_that_were_fitted(part):
    for value in hostile.arrays(GOOD[part]).values():
        value = flat(value) if GOOD[part].ndim == 1 else value
        given = GOOD | {part: value}

        def both(given=given):
            fit = NonlinearRelaxationFit("T2").fit(**given)
            return profile_parameters(fit, **given)

        result = hostile.ends_well(both, NAMES)
        if result is not None:
            sound(hostile.ends_well(result.to_frame))


@pytest.mark.parametrize("name", ["level", "n_jobs", "sample_weight", "known"])
def test_settings(name):
    for value in hostile.numbers().values():
        result = hostile.ends_well(
            lambda v=value: profile_parameters(FIT, **(GOOD | {name: v})),
            (name, "weight", "X, y"),
        )
        if result is not None:
            sound(result.to_frame())


def test_results():
    result = profile_parameters(FIT, **GOOD)
    for value in hostile.numbers().values():
        for ask in (result.interval, result.status, result.std):
            hostile.ends_well(lambda v=value, a=ask: a(v), ("name",))
        for ask in (result.interval, result.status):
            found = hostile.ends_well(lambda v=value, a=ask: a("T2", v), ("level",))
            assert found is None or len(found) in (2, 3)
        hostile.ends_well(lambda v=value: result.to_frame(v), ("level",))
        for name in ("level", "signal", "truth"):
            given = {"signal": 0} | {name: value}
            hostile.ends_well(lambda g=given: result.plot("T2", **g), (name,))
    for name in ("T9", "T2 stderr", "t2"):
        with pytest.raises(ValueError, match="name must be one of"):
            result.interval(name)


def test_functions():
    result = profile_parameters(FIT, **GOOD)
    both = lambda M0, T2: M0 * T2  # noqa: E731
    for value in hostile.numbers().values():
        for ask in (result.interval, result.status, result.std, result.estimate):
            hostile.ends_well(lambda v=value, a=ask: a(both, scale=v), ("scale",))
            # What a function returns is a number for each value, or an error.
            for function in (lambda T2, v=value: v, lambda M0, T2, v=value: v):
                hostile.ends_well(lambda f=function, a=ask: a(f), ("function",))
        found = hostile.ends_well(lambda v=value: result.interval(both, v), ("level",))
        assert found is None or not np.isnan(found).any()
    for value in hostile.arrays(np.linspace(0.5, 1.0, 3)).values():
        for function in (lambda T2, v=value: v, lambda M0, T2, v=value: v):
            hostile.ends_well(lambda f=function: result.interval(f), ("function",))
    for function in (
        lambda M0, T2: M0 / 0.0 * T2,
        lambda M0, T2: np.where(T2 > 0.05, np.nan, M0),
        lambda M0, T2: 1e300 * M0 * np.exp(1e3 / T2),
        lambda M0, T2: np.round(M0 + T2),
        lambda M0, T2: 0.0 * M0,
        lambda T2: np.full_like(T2, np.inf),
        lambda M0, T2: np.sign(M0 - 1.0) * T2,
    ):
        for scale in (None, "time"):
            hostile.ends_well(
                lambda f=function, s=scale: result.interval(f, scale=s), ("function",)
            )
            told = hostile.ends_well(
                lambda f=function, s=scale: result.status(f, scale=s), ("function",)
            )
            assert told is None or len(told) == 3


def test_estimators_without_profiles():
    for value in (LinearRegression(), VoxelMapper(FIT), None, 3.0, "T2", {}):
        with pytest.raises(TypeError, match="estimator must be a fitted"):
            profile_parameters(value, TIMES, SIGNALS)
    with pytest.raises(ValueError, match="not fitted yet"):
        profile_parameters(NonlinearRelaxationFit("T2"), TIMES, SIGNALS)
    with pytest.raises(ValueError, match="must be those that were fitted"):
        profile_parameters(FIT, TIMES, SIGNALS[:, ::-1], sample_weight=None)
    with pytest.raises(ValueError, match=r"must be the signals that were fitted, 3 of"):
        profile_parameters(FIT, TIMES, SIGNALS[:, :2])
    with pytest.raises(ValueError, match="complex"):
        profile_parameters(FIT, TIMES, SIGNALS + 0j)


def test_too_few_points_for_residuals():
    few = NonlinearRelaxationFit("T2").fit(TIMES[:2], SIGNALS[:2])
    with pytest.raises(ValueError, match="2 points with a weight, too few for resid"):
        profile_parameters(few, TIMES[:2], SIGNALS[:2])
    with pytest.raises(ValueError, match="too few for residuals"):
        VoxelMapper(FIT, TIMES[:2], include=("intervals",)).fit(SIGNALS[:2].T)
    # With the noise known they are enough.
    few = NonlinearRelaxationFit("T2", noise_std=0.02).fit(TIMES[:2], SIGNALS[:2])
    sound(profile_parameters(few, TIMES[:2], SIGNALS[:2]).to_frame())


@pytest.mark.parametrize("noise_std", [1e-300, 1e-60, 1e60, 1e300])
def test_absurd_levels_of_noise(noise_std):
    fit = NonlinearRelaxationFit("T2", noise_std=noise_std).fit(TIMES, SIGNALS)
    result = profile_parameters(fit, TIMES, SIGNALS)
    frame = hostile.ends_well(result.to_frame)
    sound(frame)
    if noise_std > 1.0:
        assert (frame.xs("T2", level="number")["status"] == "not identifiable").all()


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_signals_of_any_size(scale):
    plain = profile_parameters(FIT, **GOOD).to_frame()
    given = GOOD | {"y": SIGNALS * scale}
    fit = NonlinearRelaxationFit("T2").fit(**given)
    scaled = profile_parameters(fit, **given).to_frame()
    assert (scaled["status"] == plain["status"]).all()
    for name, unit in (("M0", scale), ("T2", 1.0)):
        found, right = (
            frame.xs(name, level="number")[["lower", "upper"]].to_numpy()
            for frame in (scaled, plain)
        )
        np.testing.assert_allclose(found / unit, right, rtol=1e-6)


def test_signals_without_noise():
    y = np.exp(-TIMES / np.array([0.03, 0.05, 0.1]))
    fit = NonlinearRelaxationFit("T2").fit(TIMES, y)
    frame = hostile.ends_well(profile_parameters(fit, TIMES, y).to_frame)
    sound(frame)
    # Rounding is all that is uncertain.
    assert ((frame["upper"] - frame["lower"]) < 1e-6 * frame["estimate"]).all()


@pytest.mark.parametrize("name", ["T2-EPG", "T1-IR", "T2-stretched", "T2-offset"])
def test_models_whose_signal_tells_nothing(name):
    t = np.linspace(0.01, 0.12, 12)[:, None]
    model = EPGEchoTrain(B1=None, echo_spacing=0.01) if name == "T2-EPG" else name
    rng = np.random.default_rng(1)
    y = np.column_stack([rng.standard_normal((12, 2)), np.ones(12), t[:, 0] ** 4])
    fit = NonlinearRelaxationFit(model, magnitude=False).fit(t, y)
    sound(hostile.ends_well(profile_parameters(fit, t, y).to_frame))


def test_levels_of_maps():
    rows = SIGNALS.T
    for value in hostile.numbers(0.5).values():
        mapper = VoxelMapper(FIT, TIMES, include=("intervals",), level=value)
        found = hostile.ends_well(lambda m=mapper: m.fit_transform(rows), ("level",))
        if found is not None:
            assert found.shape == (3, 4)
            assert (found[:, ::2] <= found[:, 1::2]).all()
