"""LASSO against independent solvers, its certificate, properties, recovery."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, TSVDCompressor
from skrelax.datasets import make_decay
from skrelax.inversion import lasso_path
from skrelax.metrics import wasserstein_distance
from skrelax.model_selection import InterleavedKFold, one_standard_error

REFERENCE = Path(__file__).parents[1] / "reference"


def objective(K, s, f, alpha, weight=None):
    """Evaluate the documented objective."""
    misfit = np.average((K @ f - s) ** 2, weights=weight)
    return 0.5 * misfit + alpha * np.abs(f).sum()


def relative_gap(K, s, f, alpha, positive=True):
    """Compute a duality gap in extended precision, independently.

    The dual point is the residual, scaled to be feasible.
    """
    K, s, f = (np.asarray(a, dtype=np.longdouble) for a in (K, s, f))
    n = len(s)
    r = s - K @ f
    g = K.T @ r / n
    top = g.max() if positive else np.abs(g).max()
    theta = r * min(np.longdouble(1), alpha / top)
    dual = (s @ s - (s - theta) @ (s - theta)) / (2 * n)
    primal = r @ r / (2 * n) + alpha * np.abs(f).sum()
    return float((primal - dual) / primal)


@pytest.fixture(scope="module")
def relaxation():
    """Return an ill-conditioned kernel (25, 64) and a noisy signal."""
    data = make_decay(noise_std=1e-3, random_state=0)
    builder = KernelBuilder(minimum=1e-2, maximum=1e3, supersampling=5)
    return builder.fit_transform(data.X), data.y


def random_problem(seed=0, n_signals=1):
    rng = np.random.default_rng(seed)
    K = rng.standard_normal((40, 12))
    y = K @ rng.standard_normal((12, n_signals)) + 0.3 * rng.standard_normal(
        (40, n_signals)
    )
    return K, y


@pytest.mark.parametrize("alpha", [1e-1, 1e-2, 1e-4])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_equals_scikit_learn_where_that_converges(alpha, positive, fit_intercept):
    K, y = random_problem()
    settings = {"positive": positive, "fit_intercept": fit_intercept}
    theirs = Lasso(alpha, tol=1e-14, max_iter=100_000, **settings)
    theirs.fit(K, y[:, 0] + 1)
    ours = LassoFista(alpha, **settings).fit(K, y[:, 0] + 1)
    # Coordinate descent stops at a gap of 1e-14 ||y||^2; K is well conditioned.
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)
    assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-7)


@pytest.mark.parametrize("alpha", [1e-1, 1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("positive", [True, False])
def test_certificate_holds_on_a_relaxation_kernel(relaxation, alpha, positive):
    K, y = relaxation
    model = LassoFista(alpha, positive=positive).fit(K, y)
    assert model.dual_gap_ <= 1e-8
    # A certificate with one dual point is never better than that with two.
    assert relative_gap(K, y, model.coef_, alpha, positive) <= 1e-6
    assert np.count_nonzero(model.coef_) <= 25


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-6])
def test_never_above_scikit_learn_on_a_relaxation_kernel(relaxation, alpha):
    K, y = relaxation
    ours = LassoFista(alpha).fit(K, y).coef_
    theirs = Lasso(alpha, positive=True, fit_intercept=False, tol=1e-12).fit(K, y).coef_
    assert objective(K, y, ours, alpha) <= objective(K, y, theirs, alpha) * (1 + 1e-10)


def test_without_penalty_it_is_nnls(relaxation):
    K, y = relaxation
    ours, theirs = LassoFista(0.0).fit(K, y).coef_, nnls(K, y)[0]
    # Coefficients of NNLS are ill conditioned, its residual is not.
    assert_allclose(
        np.linalg.norm(K @ ours - y), np.linalg.norm(K @ theirs - y), rtol=1e-9
    )
    K, y = random_problem()
    assert_allclose(LassoFista(0.0).fit(K, y[:, 0]).coef_, nnls(K, y[:, 0])[0])


def test_without_penalty_and_bound_it_is_least_squares():
    K, y = random_problem(n_signals=2)
    model = LassoFista(0.0, positive=False).fit(K, y)
    assert_allclose(model.coef_, np.linalg.lstsq(K, y, rcond=None)[0].T)
    assert (model.dual_gap_ < 1e-20).all()


def active_set_twin(K, s, alpha):
    """Solve one signal by a plain active set with least squares in NumPy."""
    m, n = K.shape
    f, active = np.zeros(n), []

    def solve():
        A = K[:, active]
        Q, R = np.linalg.qr(A)
        shift = np.linalg.solve(R.T, np.full(len(active), alpha * m))
        return np.linalg.solve(R, Q.T @ s - shift)

    while True:
        gradient = K.T @ (s - K @ f) / m - alpha
        gradient[active] = -np.inf
        entering = int(np.argmax(gradient))
        if gradient[entering] <= 1e-13 * np.abs(K.T @ s).max():
            return f
        active.append(entering)
        while (z := solve()).min() <= 0:
            old = f[active]
            steps = np.where(z <= 0, old / np.where(old > z, old - z, 1), np.inf)
            new = old + steps.min() * (z - old)
            new[steps.argmin()] = 0.0
            f[:] = 0.0
            f[active] = new
            active = [j for j in active if f[j] > 0]
        f[:] = 0.0
        f[active] = z


@pytest.mark.parametrize("alpha", [1e-2, 1e-4])
def test_compiled_active_set_equals_its_numpy_twin(relaxation, alpha):
    K, y = relaxation
    twin = active_set_twin(K, y, alpha)
    model = LassoFista(alpha).fit(K, y)
    assert_array_equal(model.coef_ > 0, twin > 0)
    assert_allclose(model.coef_, twin, atol=1e-9)


def test_low_rank_kernels_are_solved():
    rng = np.random.default_rng(0)
    K = np.abs(rng.standard_normal((30, 4))) @ np.abs(rng.standard_normal((4, 50)))
    y = K @ np.abs(rng.standard_normal(50)) + 0.1 * rng.standard_normal(30)
    model = LassoFista(1e-3).fit(K, y)
    assert model.dual_gap_ <= 1e-8
    assert np.count_nonzero(model.coef_) <= 4


def test_repeated_columns_do_not_disturb():
    K, y = random_problem()
    doubled = LassoFista(1e-2).fit(np.hstack([K, K]), y[:, 0])
    single = LassoFista(1e-2).fit(K, y[:, 0])
    assert_allclose(doubled.coef_[:12] + doubled.coef_[12:], single.coef_, atol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_together_equals_one_by_one_and_threads_equal_serial(fit_intercept):
    data = make_decay(
        times=np.linspace(0.1, 20, 90), n_signals=40, drift=1.0, random_state=0
    )
    K = KernelBuilder(n_bins=30).fit_transform(data.X)
    settings = {"alpha": 1e-4, "fit_intercept": fit_intercept}
    together = LassoFista(**settings).fit(K, data.y)
    for index in (0, 17, 39):
        alone = LassoFista(**settings).fit(K, data.y[:, index])
        assert_array_equal(together.coef_[index], alone.coef_)
        assert together.intercept_[index] == alone.intercept_
    many = np.tile(data.y, 100)
    serial = LassoFista(**settings, n_jobs=1).fit(K, many)
    threads = LassoFista(**settings, n_jobs=2).fit(K, many)
    assert_array_equal(serial.coef_, threads.coef_)


@given(order=st.permutations(range(5)))
def test_permuted_signals_give_permuted_distributions(order):
    K, y = random_problem(n_signals=5)
    order = list(order)
    base = LassoFista(1e-2).fit(K, y).coef_
    assert_array_equal(LassoFista(1e-2).fit(K, y[:, order]).coef_, base[order])


@given(scale=st.floats(1e-6, 1e6), positive=st.booleans())
def test_scales_with_the_signal(scale, positive):
    K, y = random_problem()
    base = LassoFista(1e-2, positive=positive).fit(K, y[:, 0])
    scaled = LassoFista(1e-2 * scale, positive=positive).fit(K, scale * y[:, 0])
    assert_allclose(scaled.coef_, scale * base.coef_, atol=1e-10 * scale)


@given(
    n_points=st.integers(2, 12), n_bins=st.integers(1, 15), n_signals=st.integers(1, 4)
)
def test_shapes(n_points, n_bins, n_signals):
    rng = np.random.default_rng(n_points + 100 * n_bins)
    K, y = rng.random((n_points, n_bins)), rng.random((n_points, n_signals))
    model = LassoFista(1e-2).fit(K, y)
    assert model.coef_.shape == (n_signals, n_bins)
    assert model.intercept_.shape == model.dual_gap_.shape == (n_signals,)
    assert model.predict(K).shape == y.shape
    assert (model.dual_gap_ <= 1e-8).all()


def test_predict_is_kernel_times_coefficients():
    K, y = random_problem(n_signals=2)
    model = LassoFista(1e-2, fit_intercept=True).fit(K, y)
    assert_allclose(model.predict(K), K @ model.coef_.T + model.intercept_, rtol=1e-14)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_are_repeats_and_zero_removes(fit_intercept):
    K, y = random_problem()
    y = y[:, 0]
    weight = np.ones(40)
    weight[[3, 30]] = 0.0
    weight[7] = 2.0
    rows = np.r_[np.setdiff1d(np.arange(40), [3, 30]), 7]
    settings = {"alpha": 1e-2, "fit_intercept": fit_intercept}
    weighted = LassoFista(**settings).fit(K, y, sample_weight=weight)
    repeated = LassoFista(**settings).fit(K[rows], y[rows])
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-11)
    assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-11)


def test_each_signal_may_have_its_alpha():
    K, y = random_problem(n_signals=3)
    alphas = np.array([1e-1, 1e-2, 0.0])
    for positive in (True, False):
        together = LassoFista(alphas, positive=positive).fit(K, y)
        for index, alpha in enumerate(alphas):
            alone = LassoFista(alpha, positive=positive).fit(K, y[:, index])
            assert_allclose(together.coef_[index], alone.coef_, atol=1e-12)


def test_zero_signal_and_large_alpha_give_zero():
    K, y = random_problem()
    model = LassoFista().fit(K, np.zeros(40))
    assert not model.coef_.any()
    assert model.dual_gap_ == 0.0
    assert not LassoFista(1e3).fit(K, y[:, 0]).coef_.any()


def test_path_equals_single_fits(relaxation):
    K, y = relaxation
    alphas, coefs, gaps = lasso_path(K, y, alphas=20)
    assert (np.diff(alphas) < 0).all()
    assert not coefs[:, 0].any()
    assert (gaps <= 1e-8).all()
    for index in (5, 12, 19):
        single = LassoFista(alphas[index]).fit(K, y)
        assert_allclose(
            objective(K, y, coefs[:, index], alphas[index]),
            objective(K, y, single.coef_, alphas[index]),
            rtol=1e-8,
        )
    _, both, _ = lasso_path(K, np.column_stack([y, 2 * y]), alphas=alphas)
    assert_allclose(both[0], coefs, atol=1e-10)
    with pytest.raises(ValueError, match="alphas must be positive"):
        lasso_path(K, y, alphas=[0.0])


@pytest.mark.parametrize("positive", [True, False])
def test_fista_converges_where_it_can(positive):
    K, y = random_problem(n_signals=2)
    exact = LassoFista(1e-2, positive=positive).fit(K, y)
    fista = LassoFista(1e-2, positive=positive, solver="fista").fit(K, y)
    # A gap of 1e-8 leaves coefficients of a well-conditioned problem to 1e-4.
    assert_allclose(fista.coef_, exact.coef_, atol=1e-4)
    assert (fista.dual_gap_ <= 1e-8).all()


def test_early_stopping_warns_and_says_how_far_it_is(relaxation):
    K, y = relaxation
    with pytest.warns(ConvergenceWarning, match="1 of 1 signals did not reach"):
        early = LassoFista(1e-5, solver="fista", max_iter=50).fit(K, y)
    assert early.n_iter_ == 50
    best = LassoFista(1e-5).fit(K, y)
    excess = objective(K, y, early.coef_, 1e-5) / objective(K, y, best.coef_, 1e-5)
    assert excess > 1
    # The certificate bounds the true distance to the minimum.
    assert 1 - 1 / excess <= early.dual_gap_


def test_cross_validation_curve_equals_a_plain_loop(relaxation):
    K, y = relaxation
    weight = np.linspace(0.5, 1.5, 25)
    alphas = [1e-2, 1e-3, 1e-4]
    model = LassoFistaCV(alphas, cv=4, fit_intercept=True)
    model.fit(K, y, sample_weight=weight)
    errors = np.empty((4, 3))
    counts = np.empty(4)
    for fold, (train, test) in enumerate(InterleavedKFold(4).split(K)):
        counts[fold] = weight[test].sum()
        for index, alpha in enumerate(alphas):
            single = LassoFista(alpha, fit_intercept=True)
            single.fit(K[train], y[train], sample_weight=weight[train])
            square = (single.predict(K[test]) - y[test]) ** 2
            errors[fold, index] = np.average(square, weights=weight[test])
    mean = np.average(errors, axis=0, weights=counts)
    # Solutions agree to the gap of 1e-8.
    assert_allclose(model.cv_results_["mean_test_mse"], mean, rtol=1e-5)
    assert_allclose(
        model.cv_results_["se_test_mse"], errors.std(axis=0, ddof=1) / 2, rtol=1e-5
    )
    assert_allclose(model.cv_results_["split2_test_mse"], errors[2], rtol=1e-5)
    assert model.alpha_ == alphas[mean.argmin()]
    final = LassoFista(model.alpha_, fit_intercept=True)
    assert_array_equal(model.coef_, final.fit(K, y, sample_weight=weight).coef_)


def test_rules_and_noise_level(relaxation):
    K, y = relaxation
    lowest, careful = LassoFistaCV().fit(K, y), LassoFistaCV(rule="1se").fit(K, y)
    results = lowest.cv_results_
    best = results["mean_test_mse"].argmin()
    limit = results["mean_test_mse"][best] + results["se_test_mse"][best]
    assert careful.alpha_ == results["alpha"][results["mean_test_mse"] <= limit].max()
    assert careful.alpha_ >= lowest.alpha_
    # A noise level far above the errors asks for the alpha whose error is nearest.
    near = LassoFistaCV(noise_std=0.05).fit(K, y)
    distance = np.abs(results["mean_test_mse"] - 0.05**2)
    assert near.alpha_ == results["alpha"][distance.argmin()]
    assert lowest.cv_dual_gap_ <= 1e-8


def test_per_signal_equals_separate_searches():
    data = make_decay(n_signals=3, drift=0.5, noise_std=1e-2, random_state=0)
    K = KernelBuilder(n_bins=40).fit_transform(data.X)
    together = LassoFistaCV(np.geomspace(1e-1, 1e-5, 12), per_signal=True)
    together.fit(K, data.y)
    for index in range(3):
        alone = LassoFistaCV(np.geomspace(1e-1, 1e-5, 12)).fit(K, data.y[:, index])
        assert together.alpha_[index] == alone.alpha_
        assert_array_equal(together.coef_[index], alone.coef_)


def test_folds_of_all_kinds_and_threads(relaxation):
    K, y = relaxation
    Y = np.column_stack([y] * 30)
    splits = list(InterleavedKFold(3).split(K))
    by_list = LassoFistaCV(10, cv=splits).fit(K, Y)
    by_number = LassoFistaCV(10, cv=3, n_jobs=2).fit(K, Y)
    assert_array_equal(
        by_list.cv_results_["mean_test_mse"], by_number.cv_results_["mean_test_mse"]
    )
    LassoFistaCV(5, cv=ShuffleSplit(2, random_state=0)).fit(K, y)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_over_a_pipeline(backend):
    import joblib

    data = make_decay(random_state=0)
    search = GridSearchCV(
        make_pipeline(KernelBuilder(n_bins=40), TSVDCompressor(), LassoFista()),
        {
            "lassofista__alpha": np.geomspace(1e-2, 1e-5, 4),
            "tsvdcompressor__n_components": [8, 12],
        },
        cv=InterleavedKFold(),
        scoring="neg_mean_squared_error",
    )
    serial = search.fit(data.X, data.y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend, n_jobs=2):
        parallel = search.fit(data.X, data.y).cv_results_["mean_test_score"]
    assert_allclose(parallel, serial, rtol=1e-9)


def test_one_standard_error_as_refit():
    data = make_decay(random_state=0)
    search = GridSearchCV(
        make_pipeline(KernelBuilder(n_bins=40), LassoFista()),
        {"lassofista__alpha": np.geomspace(1e-2, 1e-5, 10)},
        cv=InterleavedKFold(),
        refit=one_standard_error,
    ).fit(data.X, data.y)
    mean = search.cv_results_["mean_test_score"]
    assert (
        search.best_params_["lassofista__alpha"]
        >= np.geomspace(1e-2, 1e-5, 10)[mean.argmax()]
    )


def test_narrow_peaks_are_recovered():
    distances = []
    for seed in range(6):
        data = make_decay(
            peaks=[(0.5, 0.02, 0.5), (20.0, 0.02, 0.5)], random_state=seed
        )
        builder = KernelBuilder(minimum=1e-2, maximum=1e3, supersampling=20)
        model = make_pipeline(builder, LassoFistaCV()).fit(data.X, data.y)
        distances.append(
            wasserstein_distance(
                model[-1].coef_, model[0].relaxation_times_,
                data.distribution, data.relaxation_times,
            )
        )  # fmt: skip
    # Bins are .079 decades apart: the distance is below the distance of bins.
    assert np.median(distances) < 0.04


@pytest.mark.parametrize("name", ["headline", "linear_times"])
def test_never_worse_than_mrinversion_on_its_own_problem(name):
    path = REFERENCE / "mrinversion_lasso.json"
    reference = json.loads(path.read_text())[name]
    K, s = np.array(reference["kernel"]), np.array(reference["signal"])
    for penalty, theirs in zip(
        reference["lambda"], reference["distribution"], strict=True
    ):
        # mrinversion minimises 1/2 ||K f - s||^2 / scale^2 + lambda |f|_1 / scale.
        alpha = penalty * reference["scale"] / len(s)
        ours = LassoFista(alpha).fit(K, s).coef_
        theirs = objective(K, s, np.array(theirs), alpha)
        assert objective(K, s, ours, alpha) <= theirs * (1 + 1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": [1.0, 2.0]}, "one per signal"),
        ({"alpha": [np.nan]}, "must not be negative"),
        ({"solver": "newton"}, "solver"),
        ({"y": np.full(25, np.nan)}, "NaN"),
        ({"y": np.ones(24)}, "inconsistent numbers of samples"),
        ({"sample_weight": -np.ones(25)}, r"[Nn]egative"),
        ({"sample_weight": np.zeros(25)}, r"positive entry|non-zero number"),
    ],
)
def test_bad_input_names_the_argument(relaxation, change, message):
    K, y = relaxation
    fit = {"y": y} | {k: change[k] for k in ("y", "sample_weight") if k in change}
    settings = {k: v for k, v in change.items() if k not in fit}
    with pytest.raises(ValueError, match=message):
        LassoFista(**settings).fit(K, **fit)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alphas": [-1.0]}, "alphas must be numbers of at least 0"),
        ({"alphas": []}, "alphas must be"),
        ({"cv": 26}, "above the number of points"),
        ({"cv": [(np.arange(25), np.array([], dtype=int))]}, "hold out a point"),
        ({"rule": "max"}, "rule"),
    ],
)
def test_bad_cross_validation_settings(relaxation, settings, message):
    with pytest.raises(ValueError, match=message):
        LassoFistaCV(**settings).fit(*relaxation)
