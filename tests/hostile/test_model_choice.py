"""The choice of a signal model under hostile input."""

import hostile
import numpy as np
import pandas as pd
from variants import check_arrays, check_numbers

from skrelax.model_selection import ModelChoice, select_model

X = pd.DataFrame({"TE": 0.01 * np.arange(1, 9)})
NOISE = 0.01 * np.random.default_rng(0).standard_normal((8, 6))
Y = np.exp(-X.to_numpy() / np.linspace(0.04, 0.08, 6)) + NOISE
MODELS = ["T2", "T2-offset"]


def gains(choice):
    """Return what a choice says, in numbers."""
    assert isinstance(choice, ModelChoice)
    assert choice.name in choice.table.index
    return choice.table["residual"].to_numpy()


def finite(kind, result):
    assert hostile.all_finite(result), kind


def test_signals_and_points():
    words = ("y", "signal", "samples")
    check_arrays(lambda y: gains(select_model(X, y, MODELS)), Y, words, finite)
    points = X.to_numpy()
    names = ("X", "TE", "y", "sample", "limits", "bounds")
    check_arrays(lambda x: gains(select_model(x, Y, MODELS)), points, names, finite)
    hostile.ends_well(lambda: select_model(points, Y), ("acquisition",))


def test_settings():
    for name in ("models", "mask", "known", "noise", "noise_std", "max_signals"):
        check_numbers(
            lambda value, name=name: gains(
                select_model(X, Y, **({"models": MODELS} | {name: value}))
            ),
            (name,),
            finite,
        )
