"""Rules for the strength: published references, definitions, bad input."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import optimize
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    SmoothLasso,
    SmoothLassoCV,
    TSVDCompressor,
)
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import StrengthSearch
from skrelax.model_selection._searches import (
    bounded_minimum,
    bracketed_root,
    lcurve_corner,
)


def echo_train_basis(flip_angle, relaxation_times, n_echoes, echo_spacing, T1):
    """Return CPMG amplitudes (n_echoes, n_T2) by a plain extended phase graph.

    DECAES' convention: excitation by half the refocusing angle.
    """
    angle = np.deg2rad(flip_angle)
    cosine, sine = np.cos(angle / 2) ** 2, np.sin(angle / 2) ** 2
    rotation = np.array(
        [
            [cosine, sine, np.sin(angle)],
            [sine, cosine, -np.sin(angle)],
            [-0.5 * np.sin(angle), 0.5 * np.sin(angle), np.cos(angle)],
        ]
    )
    basis = np.empty((n_echoes, relaxation_times.size))
    for column, T2 in enumerate(relaxation_times):
        decay = np.exp(-0.5 * echo_spacing / np.array([T2, T2, T1]))[:, None]
        states = np.zeros((3, 2 * n_echoes + 2))
        states[:2, 0] = np.sin(angle / 2)
        for echo in range(n_echoes):
            for half in range(2):
                if half:
                    states = rotation @ states
                states *= decay
                states[0, 1:] = states[0, :-1].copy()
                states[1, :-1] = states[1, 1:].copy()
                states[0, 0] = states[1, 0]
            basis[echo, column] = states[0, 0]
    return np.abs(basis)


@pytest.fixture(scope="module")
def decaes(shared_data):
    """Return a reader of DECAES' reference files, and the signal's basis."""

    def read(name):
        return np.loadtxt(shared_data / "decaes" / f"decaes_{name}.csv")

    return read


@pytest.mark.parametrize(("tag", "rule"), [("ref2", "gcv"), ("ref_lcurve", "lcurve")])
def test_reproduces_decaes(decaes, tag, rule):
    signal, mu = decaes("ref_signal"), float(decaes(f"{tag}_mu"))
    basis = echo_train_basis(
        float(decaes(f"{tag}_alpha")), decaes("ref_t2times"), 16, 0.01, 1.0
    )
    tikhonov = SmoothLasso(alpha=0.0, order=0)
    at_their_mu = tikhonov.set_params(smoothness=mu**2 / 16).fit(basis, signal)
    assert_allclose(at_their_mu.coef_, decaes(f"{tag}_dist"), atol=1e-8)
    search = StrengthSearch(
        tikhonov,
        rule=rule,
        # DECAES searches ln(mu) from -8 to 2.
        strengths=np.exp(2 * np.linspace(2, -8, 41)) / 16,
        degrees_of_freedom="linear",
    ).fit(basis, signal)
    assert_allclose(np.sqrt(16 * search.strength_), mu, atol=1e-6)


def test_unpenalised_reference_of_decaes(decaes):
    basis = echo_train_basis(180.0, decaes("ref_t2times"), 16, 0.01, 1.0)
    model = SmoothLasso(0.0, 0.0).fit(basis, decaes("ref_signal"))
    assert_allclose(model.coef_, decaes("ref_dist"), atol=1e-8)


def test_chi_squared_factor_of_decaes(decaes):
    signal = decaes("ref_signal")
    basis = echo_train_basis(
        float(decaes("ref_lcurve_alpha")), decaes("ref_t2times"), 16, 0.01, 1.0
    )
    factor = float(decaes("ref_lcurve_chi2factor"))
    search = StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), rule="chi2", chi2_factor=factor
    ).fit(basis, signal)
    # The factor is that of the reference's mu, so this rule must return it.
    assert_allclose(
        np.sqrt(16 * search.strength_), float(decaes("ref_lcurve_mu")), rtol=1e-5
    )


def decay(noise_std=1e-3, seed=0, n_points=40):
    """Return times (n, 1) and a bimodal decay."""
    times = np.geomspace(1e-3, 3.0, n_points)
    signal = 0.6 * np.exp(-times / 0.05) + 0.4 * np.exp(-times / 0.5)
    noise = noise_std * np.random.default_rng(seed).standard_normal(n_points)
    return times[:, None], signal + noise


def inversion(final=None):
    final = SmoothLasso(1e-6) if final is None else final
    return make_pipeline(KernelBuilder(n_bins=40), final)


def test_discrepancy_meets_the_noise_level():
    X, y = decay()
    search = StrengthSearch(inversion(), rule="discrepancy", noise_std=1.5e-3)
    search.fit(X, y)
    residual = np.sqrt(np.mean((search.predict(X) - y) ** 2))
    # The root is found in log(strength) to 1e-6.
    assert_allclose(residual, 1.5e-3, rtol=1e-5)
    assert search.target_ == 1.5e-3**2


def test_chi2_meets_its_factor():
    X, y = decay()
    search = StrengthSearch(inversion(), rule="chi2", chi2_factor=1.1).fit(X, y)
    free = inversion(SmoothLasso(1e-6, 0.0)).fit(X, y)
    ratio = np.sum((search.predict(X) - y) ** 2) / np.sum((free.predict(X) - y) ** 2)
    assert_allclose(ratio, 1.1, rtol=1e-5)


def test_brd_counts_the_directions_that_the_kernel_resolves():
    X, y = decay()
    search = StrengthSearch(inversion(), rule="brd", noise_std=1e-3).fit(X, y)
    kernel = KernelBuilder(n_bins=40).fit_transform(X)
    U, s, _ = np.linalg.svd(kernel, full_matrices=False)
    U = U[:, s > 1e-3 * s[0]]
    seen = U.T @ (y - search.predict(X))
    assert_allclose(np.sqrt(np.mean(seen**2)), 1e-3, rtol=1e-5)


def test_gcv_of_ridge_is_the_textbook_formula():
    X, y = decay()
    kernel = KernelBuilder(n_bins=20).fit_transform(X)
    search = StrengthSearch(
        SmoothLasso(0.0, order=0, positive=False), strengths=[1e-2, 1e-4], refine=False
    ).fit(kernel, y)
    for index, strength in enumerate(search.curve_["strength"]):
        hat = kernel @ np.linalg.solve(
            kernel.T @ kernel + 40 * strength * np.eye(20), kernel.T
        )
        rest = y - hat @ y
        expected = np.mean(rest**2) / (np.trace(np.eye(40) - hat) / 40) ** 2
        assert_allclose(search.curve_["criterion"][index], expected, rtol=1e-6)


def test_refining_never_worsens_gcv():
    X, y = decay()
    coarse = StrengthSearch(inversion(), strengths=12, refine=False).fit(X, y)
    fine = StrengthSearch(inversion(), strengths=12).fit(X, y)

    def criterion(strength):
        again = StrengthSearch(
            inversion(), strengths=[strength, 1.0], refine=False
        ).fit(X, y)
        return again.curve_["criterion"][1]

    assert criterion(fine.strength_) <= criterion(coarse.strength_) * (1 + 1e-12)


@pytest.mark.parametrize("rule", ["cv", "cv-1se"])
def test_cross_validation_equals_the_estimator_with_built_in_folds(rule):
    X, y = decay(1e-2)
    kernel = KernelBuilder(n_bins=40).fit_transform(X)
    strengths = np.geomspace(1, 1e-6, 7)
    search = StrengthSearch(SmoothLasso(1e-5), rule=rule, strengths=strengths)
    search.fit(kernel, y)
    built_in = SmoothLassoCV(
        [1e-5], strengths, 1, rule={"cv": "min", "cv-1se": "1se"}[rule], adaptive=False
    ).fit(kernel, y)
    assert search.strength_ == built_in.smoothness_
    assert_allclose(
        search.curve_["criterion"],
        built_in.cv_results_["mean_test_mse"][:, 0],
        rtol=1e-5,
    )


@pytest.mark.parametrize("rule", ["cv", "gcv", "lcurve", "chi2", "discrepancy", "brd"])
def test_every_rule_works_for_lasso_smooth_lasso_weights_and_many_signals(rule):
    X, y = decay(1e-3)
    Y = np.column_stack([y, decay(1e-3, seed=1)[1]])
    weight = np.linspace(0.5, 1.5, 40)
    for final in (LassoFista(), SmoothLasso(1e-7, fit_intercept=True)):
        pipeline = make_pipeline(KernelBuilder(n_bins=30), TSVDCompressor(), final)
        search = StrengthSearch(pipeline, rule=rule, noise_std=2e-3, strengths=15)
        search.fit(X, Y, sample_weight=weight)
        assert search.predict(X).shape == (40, 2)
        assert search.score(X, Y) > 0.99
        assert search.curve_["strength"].shape == (15,)


def test_noise_level_is_estimated_where_it_is_not_given():
    X, y = decay(2e-3, n_points=200)
    search = StrengthSearch(inversion(), rule="discrepancy").fit(X, y)
    # 200 points determine a standard deviation to about 5 %.
    assert_allclose(search.noise_std_, 2e-3, rtol=0.15)


def answered(search):
    """Return what a search finds where the fit at x is x itself."""
    sent = None
    while True:
        try:
            sent = search.send(sent)
        except StopIteration as end:
            return end.value


FUNCTIONS = {
    "parabola": lambda x: (x - 0.3) ** 2 - 0.02,
    "flat": lambda x: max(abs(x), 0.2) - 0.3,
    "steep": lambda x: np.exp(8 * x) - 1.5,
    "steps": lambda x: np.floor(5 * x) + 0.5,
    "falling": lambda x: -float(np.arctan(30 * (x + 0.4))),
    "constant": lambda x: 1.0,
    "tiny": lambda x: 1e-200 * ((x - 0.3) ** 3 + 0.5),
    "limited": lambda x: min((x - 0.1) ** 2, 0.01) - 0.005,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_searches_take_the_steps_of_scipy(name):
    function = FUNCTIONS[name]
    limits = [(-1.0, 1.0), (-1.0, 0.35), (-13.2, 2.2), (0.1, 0.2)]
    for low, high in limits:
        found, value = answered(bounded_minimum(function, low, high))
        expected = optimize.minimize_scalar(
            function, bounds=(low, high), method="bounded", options={"xatol": 1e-6}
        )
        # The same operations in the same order give the same bits.
        assert (found, value) == (expected.x, expected.fun)
        if np.sign(function(low)) != np.sign(function(high)):
            root = answered(bracketed_root(function, low, high))
            # Compiled code may fuse a multiplication with an addition.
            expected = optimize.brentq(function, low, high, xtol=1e-6)
            assert_allclose(root, expected, atol=1e-9)
    assert answered(bracketed_root(lambda x: x - 0.5, 0.5, 2.0)) == 0.5
    assert answered(bracketed_root(lambda x: x - 2.0, 0.5, 2.0)) == 2.0


def test_corner_of_a_known_curve():
    # y = 1/x on log axes bends nowhere; a hyperbola (x - 1)(y - 1) = c^2 bends most
    # at x = y = 1 + c.
    c = 0.1

    def point(t):
        return np.array([1 + c * np.exp(t), 1 + c * np.exp(-t)]), 1e-15

    corner = answered(lcurve_corner(point, -4.0, 4.0))
    assert_allclose(corner, 0.0, atol=0.02)


@pytest.mark.parametrize(
    "curve",
    [
        lambda t: [np.cos(t), np.sin(t)],
        lambda t: [t, t**2],
        lambda t: [np.exp(-t) * np.cos(t), np.exp(-t) * np.sin(t)],
    ],
    ids=["equal", "peak", "rising"],
)
def test_corner_does_not_hang_on_rounding(curve):
    # The last steps of the search, of 1e-4, tell curvatures apart that differ less than
    # what coordinates with an error of 1e-13 make of them.
    def corner(seed):
        rng = np.random.default_rng(seed)

        def point(t):
            return curve(t) + 1e-13 * rng.uniform(-1, 1, 2), 1e-13

        return answered(lcurve_corner(point, -1.2, 1.0))

    assert len({corner(seed) for seed in range(10)}) == 1


@pytest.mark.parametrize("seed", [3, 8])
def test_weights_and_repeated_rows_have_one_corner(seed):
    rng = np.random.default_rng(seed)
    kernel, signal = rng.random((30, 20)), rng.integers(0, 3, 30).astype(float)
    weight = rng.integers(1, 5, 30)
    search = StrengthSearch(SmoothLasso(), rule="lcurve", strengths=5)
    weighted = search.fit(kernel, signal, sample_weight=weight).strength_
    rows = np.repeat(np.arange(30), weight)
    repeated = search.fit(kernel[rows], signal[rows]).strength_
    # The ends of the curve differ by rounding, and so do the steps of the search.
    assert_allclose(weighted, repeated, rtol=1e-8)


@pytest.mark.parametrize("rule", ["discrepancy", "brd"])
def test_target_out_of_reach_takes_what_is_near_and_says_so(rule):
    X, y = decay()
    search = StrengthSearch(inversion(), rule=rule, noise_std=1e-9)
    with pytest.warns(UserWarning, match="no strength down to"):
        search.fit(X, y)
    strengths, criterion = search.curve_["strength"], search.curve_["criterion"]
    near = criterion <= 1.05 * criterion.min()
    # The largest strength is looked for between two of the curve.
    assert strengths[near].max() <= search.strength_ < strengths[~near].min()
    assert search.strength_ > 100 * strengths[-1]


@pytest.mark.parametrize("rule", ["discrepancy", "brd"])
def test_estimates_of_the_noise_can_be_reached(rule):
    for seed in range(8):
        X, y = decay(5e-2, seed=seed)
        search = StrengthSearch(inversion(), rule=rule).fit(X, y)
        criterion = search.curve_["criterion"]
        assert search.target_ >= 1.05 * criterion[-1] * (1 - 1e-12)
        assert search.strength_ > 100 * search.curve_["strength"][-1]


def test_choice_on_the_grid_without_refining():
    X, y = decay()
    for rule in ("lcurve", "discrepancy", "gcv"):
        search = StrengthSearch(
            inversion(), rule=rule, refine=False, noise_std=2e-3, strengths=12
        ).fit(X, y)
        assert search.strength_ in search.curve_["strength"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "discrepancy", "noise_std": 0.0}, "positive noise level"),
        ({"parameter": "beta"}, "parameter must be the alpha or smoothness"),
        ({"strengths": [0.0, 1.0]}, "strengths must be positive"),
        ({"rule": "best"}, "rule"),
        ({"chi2_factor": 1.0}, "chi2_factor"),
    ],
)
def test_bad_settings_name_the_argument(settings, message):
    X, y = decay()
    with pytest.raises(ValueError, match=message):
        StrengthSearch(inversion(), **settings).fit(X, y)


@pytest.mark.parametrize("scheme", ["reference", "convergent"])
def test_signed_inversions_by_rules_that_look_at_residuals(scheme):
    X, y = decay()
    signed = MultiDimRegularizedILT("T2", 40, scheme=scheme)
    strengths = [100.0, 10.0, 1.0]
    grid = {"strengths": strengths, "refine": False}
    found = {}
    for rule in ("cv", "cv-1se", "discrepancy", "chi2"):
        search = StrengthSearch(signed, rule=rule, **grid).fit(X, y)
        found[rule] = search.strength_
        assert search.strength_ in strengths
        inner = search.best_estimator_
        assert_allclose(search.predict(X), inner.predict(X))
        assert_allclose(search.distribution_, inner.distribution_)
        # Stronger penalties fit worse.
        assert (np.diff(search.curve_["residual"]) < 0).all()
        assert np.isnan(search.curve_["norm"]).all()
        assert search.describe()["strength"].tolist() == [search.strength_]
    assert found["cv-1se"] >= found["cv"]
    for rule, target in (("discrepancy", 1.0), ("chi2", 1.02)):
        search = StrengthSearch(signed, rule=rule, **grid).fit(X, y)
        below = search.curve_["residual"] <= search.target_
        assert search.strength_ == search.curve_["strength"][below].max(initial=1.0)
        scale = search.noise_std_ or np.sqrt(search.curve_["residual"][-1])
        assert_allclose(search.target_, target * scale**2)


def test_a_signed_inversion_weighs_points_as_its_noise_does():
    X, y = decay()
    signed = MultiDimRegularizedILT("T2", 40)
    plain = StrengthSearch(
        signed, rule="discrepancy", strengths=[10.0, 1.0], refine=False
    )
    twice = clone(plain).fit(X, y, sample_weight=np.full(len(y), 2.0))
    # A point that counts twice has a root of two more noise of weight one, and the
    # mean square of points with mean weight one is the same.
    assert_allclose(twice.noise_std_, plain.fit(X, y).noise_std_, rtol=1e-6)
    assert_allclose(twice.curve_["residual"], plain.curve_["residual"], rtol=0.05)


def test_names_of_columns_reach_a_signed_inversion():
    X = acquisition_grid(np.geomspace(0.02, 4.0, 6), np.geomspace(0.002, 0.5, 8))
    y = (1 - np.exp(-X[:, 0] / 0.5)) * np.exp(-X[:, 1] / 0.05)
    y += 1e-3 * np.random.default_rng(0).standard_normal(len(y))
    frame = pd.DataFrame(X, columns=["TS", "TE"])
    signed = MultiDimRegularizedILT(["T1-SR", "T2"], 10)
    search = StrengthSearch(signed, rule="cv", strengths=[10.0, 1.0], cv=3)
    turned = clone(search).fit(frame[["TE", "TS"]], y)
    assert_allclose(
        turned.curve_["criterion"], search.fit(frame, y).curve_["criterion"], rtol=1e-6
    )


@pytest.mark.parametrize("rule", ["gcv", "lcurve", "brd"])
def test_rules_that_need_a_fixed_penalty_refuse_a_signed_inversion(rule):
    X, y = decay()
    with pytest.raises(ValueError, match=f"rule='{rule}' needs .*choose by 'cv'"):
        StrengthSearch(MultiDimRegularizedILT("T2", 40), rule=rule).fit(X, y)


@pytest.mark.parametrize("rule", ["cv", "discrepancy"])
def test_a_signed_map_of_two_axes_takes_its_strength_from_a_rule(rule):
    """The noise is fitted by weak penalties and the signal missed by strong ones."""
    t1, t2 = np.geomspace(0.01, 5.0, 12), np.geomspace(1e-3, 1.0, 14)
    clean = 300 * np.outer(np.exp(-t1 / 0.5), np.exp(-t2 / 0.05))
    clean -= 100 * np.outer(np.exp(-t1 / 0.05), np.exp(-t2 / 0.2))
    X = acquisition_grid(t1, t2)
    y = clean.ravel() + np.random.default_rng(0).standard_normal(clean.size)
    signed = MultiDimRegularizedILT("T2", 12, noise_std=1.0, scheme="convergent")
    strengths = [1e4, 0.3]
    search = StrengthSearch(signed, rule, strengths=strengths, refine=False, cv=3)
    search.fit(X, y)
    assert search.strength_ == 0.3
    assert search.best_estimator_.penalty.strength == 0.3
    assert search.best_estimator_.converged_
    # 168 points of unit noise, some of which the bins explain.
    assert search.curve_["residual"][0] > 2.0
    assert 0.6 < search.curve_["residual"][1] < 1.2
    grid = GridSearchCV(signed, {"penalty__strength": strengths}, cv=3).fit(X, y)
    assert grid.best_params_ == {"penalty__strength": 0.3}
