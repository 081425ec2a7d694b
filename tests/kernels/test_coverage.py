"""Grids that miss what the acquisition can see warn, with the numbers."""

import warnings

import numpy as np
import pytest

from skrelax import KernelBuilder, MultiDimRegularizedILT
from skrelax.kernels import acquisition_grid
from skrelax.signals import UserSignal

TIMES = np.geomspace(0.01, 1.0, 20)[:, None]
RANGE = {"minimum": 1e-3, "maximum": 10.0}
# Settings, times, what the warning says.
MISSED = {
    "milliseconds": (RANGE, 1e3 * TIMES, r"to 10\) covers 16% .*3\.33 to 3e\+03"),
    "microseconds": (RANGE, 1e6 * TIMES, "covers 0% .*are both in one unit"),
    "a grid in milliseconds": (
        {"grid": np.geomspace(1, 1e4, 30)}, TIMES, r"covers 16% .*\(0\.00333 to 3\)",
    ),
    "few bins outside": ({"grid": [10.0, 20.0]}, TIMES, "covers 0%"),
    "one bin outside": ({"grid": [50.0]}, TIMES, "covers 0%"),
    "a minimum alone": ({"minimum": 0.8}, TIMES, "covers 19%"),
    "very narrow": ({"minimum": 0.1, "maximum": 0.2}, TIMES, "covers 10%"),
}  # fmt: skip
COVERED = {
    "wide": (RANGE, TIMES),
    "narrowed": ({"minimum": 0.03, "maximum": 0.3}, TIMES),
    "three components": ({"grid": [0.02, 0.1, 0.3]}, TIMES),
    "one component": ({"grid": [0.1]}, TIMES),
    "default": ({}, 1e3 * TIMES),
    "no times to see with": ({"grid": np.geomspace(1, 9, 9)}, 0 * TIMES),
    "a function of anything": (
        {"kernel": UserSignal(lambda t, a: 0 * t + a), "grid": np.arange(50.0, 99.0)},
        TIMES,
    ),
    "linear from zero": ({"grid": np.linspace(0, 2, 9), "spacing": "linear"}, TIMES),
}


@pytest.mark.parametrize("case", MISSED.values(), ids=MISSED)
def test_missed_ranges_warn(case):
    settings, X, message = case
    with pytest.warns(UserWarning, match=message) as caught:
        KernelBuilder(**settings).fit(X)
    assert caught[0].filename == __file__
    if "grid" in settings:
        with pytest.warns(UserWarning, match=message) as caught:
            MultiDimRegularizedILT("T2", settings["grid"], noise_std=0.1).fit(
                X, np.exp(-X[:, 0])
            )
        assert caught[0].filename == __file__


@pytest.mark.parametrize("case", COVERED.values(), ids=COVERED)
def test_others_do_not(case):
    settings, X = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KernelBuilder(**{"n_bins": 9} | settings).fit(X)


def test_axes_are_told_apart():
    X = acquisition_grid(TIMES[:, 0], 1e3 * TIMES[:, 0])
    builder = KernelBuilder(["T1-IR", "T2"], n_bins=9, **RANGE)
    with pytest.warns(UserWarning, match=r"grid of axis 1 \(T2 from") as caught:
        builder.fit(X)
    assert len(caught) == 1
