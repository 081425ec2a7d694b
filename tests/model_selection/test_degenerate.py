"""Rules where fits are exact, saturated or empty: defined, whatever the rounding."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.model_selection import StrengthSearch

TIMES = np.geomspace(0.01, 1.0, 12)[:, None]
KERNEL = KernelBuilder(n_bins=8).fit_transform(TIMES)
SIGNAL = np.exp(-TIMES[:, 0] / 0.2) + 0.3 * np.exp(-TIMES[:, 0] / 0.03)
NOISY = SIGNAL + 0.01 * np.random.default_rng(0).standard_normal(12)
RULES = ["gcv", "lcurve", "discrepancy", "chi2", "brd", "cv", "cv-1se"]
FINALS = {"smooth": SmoothLasso(1e-6), "lasso": LassoFista()}

# Kernel, signal and settings of each situation.
SITUATIONS = {
    "noise-free": (KERNEL, SIGNAL, {}),
    "exactly in the kernel": (KERNEL, KERNEL[:, 3], {}),
    "zeros": (KERNEL, np.zeros(12), {}),
    "zeros among others": (KERNEL, np.column_stack([NOISY, np.zeros(12)]), {}),
    "zeros with a noise level": (KERNEL, np.zeros(12), {"noise_std": 0.1}),
    "kernel of zeros": (np.zeros((12, 8)), NOISY, {}),
    "column of zeros": (np.column_stack([KERNEL, np.zeros(12)]), NOISY, {}),
    "wrong sign": (KERNEL, -NOISY, {}),
    "constant": (KERNEL, np.ones(12), {}),
    "square, in range": (np.eye(6), np.arange(1.0, 7.0), {"cv": 3}),
    "fewer points than bins": (KERNEL[:5], NOISY[:5], {}),
    "one point": (KERNEL[:1], NOISY[:1], {}),
    "two points": (KERNEL[:2], NOISY[:2], {"cv": 2}),
    "fewer points than folds": (KERNEL[:4], NOISY[:4], {}),
    "one bin": (KERNEL[:, 4:5], NOISY, {}),
    "one bin, exactly": (KERNEL[:, 4:5], KERNEL[:, 4], {}),
    "one strength": (KERNEL, NOISY, {"strengths": [1e-3]}),
    "two strengths, unrefined": (
        KERNEL, NOISY, {"strengths": [1e-2, 1e-4], "refine": False},
    ),
    "repeated strengths": (KERNEL, NOISY, {"strengths": [1e-3] * 3}),
    "one fold": (
        KERNEL, NOISY, {"cv": [(np.arange(0, 12, 2), np.arange(1, 12, 2))]},
    ),
    "one fold, exactly": (
        KERNEL, np.zeros(12), {"cv": [(np.arange(0, 12, 2), np.arange(1, 12, 2))]},
    ),
    "saturated at all strengths": (
        np.eye(6), np.arange(1.0, 7.0), {"strengths": [1e-9, 1e-10], "cv": 3},
    ),
}  # fmt: skip
WEIGHTED = {
    "mostly without weight": np.where(np.arange(12) < 3, 1.0, 0.0),
    "one point with weight": np.where(np.arange(12) == 3, 1.0, 0.0),
    "tiny weights": np.full(12, 1e-300),
    "huge weights": np.full(12, 1e300),
}


def outcome(rule, final, kernel, signal, settings, weight=None):
    """Return what a rule does: where its choice lies, or the error or warning."""
    settings = {"strengths": 12} | settings
    search = StrengthSearch(FINALS[final], rule=rule, **settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            search.fit(kernel, signal, sample_weight=weight)
        except ValueError as error:
            return f"error: {error}"
    assert all(w.category is UserWarning for w in caught)
    coef = search.best_estimator_.coef_
    assert np.isfinite(coef).all()
    assert np.isfinite(search.curve_["residual"]).all()
    assert not np.isnan(search.curve_["criterion"]).any()
    strengths = search.curve_["strength"]
    place = "between"
    if search.strength_ == strengths[0]:
        place = "largest"
    elif search.strength_ == strengths[-1]:
        place = "weakest"
    said = [str(w.message) for w in caught if "rule=" in str(w.message)]
    assert len(said) <= 1
    return f"{place}, warns" if said else place


# What the rules, in the order of RULES, do with a SmoothLasso and with a LassoFista:
# the (L)argest strength, the (W)eakest, one (b)etween, with a warning (!), an (E)rror.
TABLE = {
    "noise-free": ("b b b b b W b", "b b b b b b b"),
    "exactly in the kernel": ("b b b b b W b", "W b b b! b W W"),
    "zeros": ("L L L L L L L", "L L L L L L L"),
    "zeros among others": ("b b b b b b b", "b b b b b b b"),
    "zeros with a noise level": ("L L L L L L L", "L L L L L L L"),
    "kernel of zeros": ("L L! L L L L L", "L L! L L L L L"),
    "column of zeros": ("b b b b b b b", "b b b b b b b"),
    "wrong sign": ("L L! L L L L L", "L L! L L L L L"),
    "constant": ("b b b b b b b", "b b b b b b b"),
    "square, in range": ("b b E b E b b", "L b E b! E L L"),
    "fewer points than bins": ("b b b b b b b", "b b b b b W b"),
    "one point": ("L! b E b E E E", "L b E b! E E E"),
    "two points": ("b b E b E b b", "b b E b! E b b"),
    "fewer points than folds": ("b b E b E E E", "b b E b E E E"),
    "one bin": ("L L! L L L L L", "b b b b b b b"),
    "one bin, exactly": ("L L! L L L L L", "W b b b! b W W"),
    "one strength": ("L L! L L! L L L", "L L! L L! L L L"),
    "two strengths, unrefined": ("W L! W W W W W", "W L! W W! W W W"),
    "repeated strengths": ("L L! L L! L L L", "L L! L L! L L L"),
    "one fold": ("b b b b b b b", "b b b b b W W"),
    "one fold, exactly": ("L L L L L L L", "L L L L L L L"),
    "saturated at all strengths": ("L! L! E L E L L", "L! L! E b! E L L"),
    "mostly without weight": ("b b E b E E E", "b b E b! E E E"),
    "one point with weight": ("L! b E b E E E", "L b E b! E E E"),
    "tiny weights": ("b b b b b b b", "b b b b b b b"),
    "huge weights": ("b b b b b b b", "b b b b b b b"),
}
CODES = {
    "largest": "L",
    "weakest": "W",
    "between": "b",
    "largest, warns": "L!",
    "weakest, warns": "W!",
    "between, warns": "b!",
}
# Errors say what is missing.
ERRORS = {
    "discrepancy": "needs noise_std, which cannot be estimated from n_samples=",
    "brd": "needs noise_std, which cannot be estimated from n_samples=",
    "cv": r"above the number of points, n_samples|hold out a point of positive",
    "cv-1se": r"above the number of points, n_samples|hold out a point of positive",
}


def row(final, name, seed=None):
    """Return what all rules do, with data that differ by rounding for a seed."""
    kernel, signal, settings = SITUATIONS.get(name, (KERNEL, NOISY, {}))
    if seed is not None:
        rng = np.random.default_rng(seed)
        # One unit in the last place up or down, or none.
        kernel, signal = (
            values * (1.0 + 2.0**-52 * rng.integers(-1, 2, values.shape))
            for values in (kernel, signal)
        )
    found = []
    for rule in RULES:
        said = outcome(rule, final, kernel, signal, settings, WEIGHTED.get(name))
        if said.startswith("error"):
            assert re.search(ERRORS[rule], said), said
        found.append(CODES.get(said, "E"))
    return " ".join(found)


@pytest.mark.parametrize("name", TABLE)
def test_every_rule_has_a_defined_answer_whatever_the_rounding(name):
    for final, expected in zip(FINALS, TABLE[name], strict=True):
        assert row(final, name) == expected
        assert row(final, name, seed=0) == expected


def test_all_situations_are_in_the_table():
    assert set(TABLE) == SITUATIONS.keys() | WEIGHTED.keys()


def test_saturated_fits_are_never_chosen_while_others_are_left():
    # Ridge of the identity: d = n / (1 + n * strength), and the criterion falls towards
    # zero only where d is n to rounding.
    signal = np.arange(1.0, 7.0)
    search = StrengthSearch(
        SmoothLasso(0.0, order=0, positive=False), strengths=[1.0, 1e-2, 1e-14],
        refine=False,
    ).fit(np.eye(6), signal)  # fmt: skip
    assert search.curve_["criterion"][-1] == np.inf
    assert search.strength_ > 1e-14


def test_equal_criteria_take_the_largest_strength():
    # Strengths so weak that they change nothing in nine digits.
    search = StrengthSearch(SmoothLasso(1e-6), strengths=[1e-16, 1e-17, 1e-18])
    chosen = {
        rule: search.set_params(rule=rule, refine=False).fit(KERNEL[:, :3], NOISY)
        for rule in ("gcv", "cv", "cv-1se")
    }
    assert {fit.strength_ for fit in chosen.values()} == {1e-16}


ONE_FOLD = [(np.arange(0, 12, 2), np.arange(1, 12, 2))]


@pytest.mark.parametrize("rule", ["near", "min", "1se"])
@pytest.mark.parametrize("noise_std", [None, 0.1])
@pytest.mark.parametrize("cv", [3, ONE_FOLD])
@pytest.mark.parametrize(
    ("kernel", "signal"),
    [
        (KERNEL, np.zeros(12)),
        (np.zeros((12, 8)), NOISY),
        (KERNEL, -NOISY),
        (KERNEL[:, :1], np.zeros(12)),
        (KERNEL[:3], np.zeros(3)),
    ],
    ids=["zeros", "kernel of zeros", "wrong sign", "one bin", "three points"],
)
@pytest.mark.filterwarnings("ignore:the distributions explain less")
def test_built_in_cross_validation_of_nothing_takes_the_largest(
    kernel, signal, cv, noise_std, rule
):
    cv = 3 if len(signal) < 12 else cv
    settings = {"cv": cv, "noise_std": noise_std, "rule": rule}
    lasso = LassoFistaCV(8, **settings | {"rule": rule.replace("near", "1se")})
    lasso.fit(kernel, signal)
    smooth = SmoothLassoCV(3, 4, **settings).fit(kernel, signal)
    assert lasso.alpha_ == lasso.alphas_[0]
    assert (smooth.alpha_, smooth.smoothness_) == (
        smooth.alphas_[0], smooth.smoothnesses_[0],
    )  # fmt: skip
    for fit in (lasso, smooth):
        assert not fit.coef_.any()
        assert np.isfinite(fit.cv_results_["se_test_mse"]).all()


def test_each_signal_alone_of_per_signal():
    signals = np.column_stack([NOISY, np.zeros(12), -NOISY])
    with pytest.warns(UserWarning, match="1 of 3 signals; of signal 2, the first: its"):
        fit = LassoFistaCV(8, per_signal=True).fit(KERNEL, signals)
    assert_array_equal(fit.alpha_[1:], fit.alphas_[0, 1:])
    assert fit.alpha_[0] < fit.alphas_[0, 0]
