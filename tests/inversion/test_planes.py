"""Smooth LASSO on grids of many bins beside the one on few, and its certificates."""

import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.decomposition._grid_basis import GridBasis, compress_bins
from skrelax.inversion import _linear, _plane_system, _smooth
from skrelax.inversion._penalty import kronecker_penalty
from skrelax.inversion._plane_block import conjugate_gradients
from skrelax.inversion._plane_norm import PlaneNorm
from skrelax.inversion._plane_system import PlaneSystem, plane_of
from skrelax.kernels import acquisition_grid
from skrelax.model_selection import StrengthSearch
from skrelax.model_selection._penalty_norms import SquaredNorm
from skrelax.uncertainty._noise import left_directions
from skrelax.utils._remember import recall, remembering


def plane_problem(n_bins=24, n_signals=1, noise_std=1e-3, seed=0, broad=True):
    """Return a T1-T2 kernel (160, n_bins^2) that knows its grid, and signals."""
    rng = np.random.default_rng(seed)
    X = acquisition_grid(np.geomspace(1e-3, 3, 8), np.geomspace(1e-4, 0.1, 20))
    settings = {"minimum": [1e-3, 1e-4], "maximum": [10, 1]}
    kernel = KernelBuilder(["T1-IR", "T2"], n_bins=n_bins, **settings).fit_transform(X)
    x, y = np.meshgrid(*(np.linspace(0, 1, n_bins),) * 2, indexing="ij")
    width = 0.02 if broad else 0.001
    signals = []
    for _ in range(n_signals):
        a, b = rng.uniform(0.3, 0.7, 2)
        f = np.exp(-((x - a) ** 2 + (y - b) ** 2) / width)
        signals.append(np.asarray(kernel) @ (f / f.sum()).ravel())
    signals = np.transpose(signals)
    return kernel, signals + noise_std * rng.standard_normal(signals.shape)


@pytest.fixture
def many(monkeypatch):
    """Return a context in which few bins are taken for many."""

    def fit(model, *args, **kwargs):
        with monkeypatch.context() as context:
            context.setattr(_plane_system, "MANY_BINS", 0)
            return model.fit(*args, **kwargs)

    return fit


def objective(model, K, s, weight=None):
    """Evaluate the documented objective of a fitted SmoothLasso for one signal."""
    f, weight = model.coef_, np.ones(s.size) if weight is None else weight
    misfit = 0.5 * np.average((K @ f + model.intercept_ - s) ** 2, weights=weight)
    smoothness = np.broadcast_to(np.ravel(model.smoothness), (len(model.grid_shape_),))
    scaled = kronecker_penalty(model.grid_shape_, model.order, smoothness)
    return misfit + model.alpha * np.abs(f).sum() + 0.5 * (f @ (scaled @ f))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smoothness", [1e-1, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize("alpha", [0.0, 1e-5, 1e-3])
def test_reaches_the_minimum_that_all_bins_reach(many, seed, smoothness, alpha):
    K, signals = plane_problem(seed=seed, broad=seed != 1)
    s = signals[:, 0]
    dense = SmoothLasso(alpha, smoothness).fit(K, s)
    model = many(SmoothLasso(alpha, smoothness), K, s)
    K = np.asarray(K)
    # Both are certified to 1e-8, and are much better.
    assert_allclose(objective(model, K, s), objective(dense, K, s), rtol=1e-9)
    assert model.dual_gap_ <= 1e-8
    # The optimality conditions, to rounding of the largest gradient.
    gradient = K.T @ (s - K @ model.coef_) / s.size - alpha
    gradient -= smoothness * (model.penalty_ @ model.coef_)
    size = np.abs(K.T @ s).max() / s.size
    assert (model.coef_ >= 0).all()
    assert gradient.max() <= 1e-11 * size
    assert np.abs(gradient[model.coef_ > 0]).max(initial=0.0) <= 1e-11 * size


@pytest.mark.parametrize(
    "settings",
    [
        {"order": 0},
        {"order": 2},
        {"fit_intercept": True},
        {"smoothness": [1e-2, 1e-5]},
        {"smoothness": [1e-3, 0.0], "alpha": 1e-4},
        {"smoothness": 0.0, "alpha": 1e-4},
        {"positive": False},
        {"positive": False, "alpha": 1e-4},
    ],
)
def test_all_settings_reach_that_minimum(many, settings):
    K, signals = plane_problem(20)
    s = signals[:, 0] + 0.05 * settings.get("fit_intercept", False)
    weight = np.random.default_rng(1).uniform(0.2, 2.0, s.size)
    weight[3] = 0.0
    dense = SmoothLasso(**settings).fit(K, s, sample_weight=weight)
    model = many(SmoothLasso(**settings), K, s, sample_weight=weight)
    K = np.asarray(K)
    values = [objective(found, K, s, weight) for found in (model, dense)]
    assert_allclose(*values, rtol=1e-8)
    assert model.dual_gap_ <= 1e-8
    assert_allclose(model.predict(K), dense.predict(K), atol=1e-6)


def test_signals_have_strengths_of_their_own_and_stay_independent(many):
    K, signals = plane_problem(20, n_signals=4)
    alphas, column = [0.0, 1e-4, 1e-5, 0.0], np.array([[1e-3], [1e-5], [1e-3], [0.0]])
    together = many(SmoothLasso(alphas, column), K, signals)
    for k in range(4):
        alone = many(SmoothLasso(alphas[k], column[k, 0]), K, signals[:, k])
        # The same steps, with products of matrices that may round otherwise.
        assert_allclose(together.coef_[k], alone.coef_, atol=1e-9)
    assert (together.dual_gap_ <= 1e-8).all()


def test_large_blocks_go_the_way_of_small_ones(many, monkeypatch):
    K, signals = plane_problem(20)
    small = many(SmoothLasso(), K, signals[:, 0])
    monkeypatch.setattr("skrelax.inversion._plane_system._DENSE_BLOCK", 0)
    large = many(SmoothLasso(), K, signals[:, 0])
    # Solutions of systems to 1e-13, of condition 1e5.
    assert_allclose(large.coef_, small.coef_, atol=1e-8 * small.coef_.max())
    assert large.dual_gap_ <= 1e-8


def test_three_axes(many):
    X = acquisition_grid(*(np.geomspace(1e-3, 1, 5),) * 3)
    builder = KernelBuilder(["T1-SR", "T2", "T2"], n_bins=7)
    K = builder.fit_transform(X)
    s = np.asarray(K)[:, [100, 230]].sum(axis=1)
    s += 1e-3 * np.random.default_rng(0).standard_normal(s.size)
    for alpha in (0.0, 1e-4):
        dense = SmoothLasso(alpha, 1e-4).fit(K, s)
        model = many(SmoothLasso(alpha, 1e-4), K, s)
        assert_allclose(
            objective(model, np.asarray(K), s), objective(dense, np.asarray(K), s),
            rtol=1e-9,
        )  # fmt: skip
        assert model.dual_gap_ <= 1e-8


@pytest.mark.parametrize("per_signal", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_cross_validation_curve_is_that_of_all_bins(many, per_signal, fit_intercept):
    K, signals = plane_problem(16, n_signals=2, noise_std=5e-3)
    weight = np.random.default_rng(1).uniform(0.2, 2.0, len(signals))
    settings = {
        "alphas": 3, "smoothnesses": [1e-2, 1e-4, 1e-6], "cv": 3,
        "per_signal": per_signal, "fit_intercept": fit_intercept, "adaptive": False,
    }  # fmt: skip
    dense = SmoothLassoCV(**settings).fit(K, signals, sample_weight=weight)
    model = many(SmoothLassoCV(**settings), K, signals, sample_weight=weight)
    assert_allclose(model.alphas_, dense.alphas_, rtol=1e-12)
    # Errors of solutions that agree to a gap of 1e-8.
    assert_allclose(
        model.cv_results_["mean_test_mse"],
        dense.cv_results_["mean_test_mse"],
        rtol=1e-6,
    )
    assert_array_equal(model.smoothness_, dense.smoothness_)
    assert np.max(model.cv_dual_gap_) <= 1e-8


def test_signed_cross_validation(many):
    K, signals = plane_problem(10, noise_std=5e-3)
    settings = {"alphas": [1e-4, 0.0], "smoothnesses": [1e-3], "positive": False}
    dense = SmoothLassoCV(**settings).fit(K, signals[:, 0])
    model = many(SmoothLassoCV(**settings), K, signals[:, 0])
    assert_allclose(
        model.cv_results_["mean_test_mse"],
        dense.cv_results_["mean_test_mse"],
        rtol=1e-6,
    )


@pytest.mark.parametrize("model", [SmoothLasso(), SmoothLassoCV(3, 3)])
def test_zero_signals_give_zero(many, model):
    K, _ = plane_problem(12)
    many(model, K, np.zeros(len(K)))
    assert_array_equal(model.coef_, np.zeros(144))
    assert model.dual_gap_ == 0.0


def test_nothing_is_positive_above_the_largest_gradient(many):
    K, signals = plane_problem(12)
    s = signals[:, 0]
    alpha = 1.01 * (np.asarray(K).T @ s).max() / s.size
    with pytest.warns(UserWarning, match="explain less than"):
        model = many(SmoothLasso(alpha), K, s)
    assert_array_equal(model.coef_, np.zeros(144))
    assert model.dual_gap_ <= 1e-8


def test_one_row_and_columns_of_zeros(many):
    K, signals = plane_problem(12)
    one = many(SmoothLasso(), K[:1], -signals[:1, 0])
    assert one.dual_gap_ <= 1e-8
    blind = np.array(K)
    blind[:, [0, 17, 40]] = 0.0
    settings = {"smoothness": 1e-3, "grid_shape": (12, 12)}
    dense = SmoothLasso(**settings).fit(blind, signals[:, 0])
    model = many(SmoothLasso(**settings), blind, signals[:, 0])
    assert_allclose(model.coef_, dense.coef_, atol=1e-8 * dense.coef_.max())
    assert model.dual_gap_ <= 1e-8
    with pytest.warns(UserWarning, match="the kernel is zero"):
        none = many(SmoothLasso(**settings), 0.0 * blind, signals[:, 0])
    assert_array_equal(none.coef_, np.zeros(144))


def test_grid_of_many_bins_in_a_pipeline():
    X = acquisition_grid(np.geomspace(1e-3, 3, 8), np.geomspace(1e-4, 0.1, 20))
    y = np.exp(-X[:, 1] / 0.01) * (1.0 - 2.0 * np.exp(-X[:, 0] / 0.2))
    y += 1e-3 * np.random.default_rng(0).standard_normal(y.size)
    model = make_pipeline(KernelBuilder(["T1-IR", "T2"], n_bins=40), SmoothLasso())
    model.fit(X, y)
    assert model[-1].dual_gap_ <= 1e-8
    assert model[-1].distribution_.shape == (40, 40)
    # Noise of 1e-3 beside a signal of root mean square .5.
    assert model.score(X, y) > 0.999


def test_a_long_axis_is_a_grid_of_many_bins(many):
    times = np.geomspace(1e-2, 10, 50)[:, None]
    K = KernelBuilder("T2", n_bins=60).fit_transform(times)
    y = np.exp(-times[:, 0] / 0.5)
    y += 1e-3 * np.random.default_rng(0).standard_normal(50)
    dense = SmoothLasso(1e-5, 1e-4).fit(K, y)
    model = many(SmoothLasso(1e-5, 1e-4), K, y)
    assert_allclose(model.coef_, dense.coef_, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_compression_is_exact_to_its_bound(weighted):
    K, _ = plane_problem(30)
    K, weight = np.asarray(K), None
    if weighted:
        weight = np.random.default_rng(0).uniform(0.0, 3.0, len(K))
    basis, core = compress_bins(K, (30, 30), weight)
    root = np.ones(len(K)) if weight is None else np.sqrt(weight)
    missed = np.linalg.norm((K - basis.expand(core)) * root[:, None], axis=0)
    assert missed.max() <= 1e-12 * np.linalg.norm(K * root[:, None], axis=0).max()
    assert core.shape[1] < 0.3 * K.shape[1]
    bins = np.array([0, 31, 899])
    assert_allclose(basis.rows(bins) @ core.T, K[:, bins].T, atol=1e-12)
    # The directions are orthonormal.
    assert_allclose(basis.contract(basis.rows(np.arange(900)).T), np.eye(len(core.T)),
                    atol=1e-12)  # fmt: skip


def test_kernels_without_structure_are_taken_whole():
    K = np.random.default_rng(0).standard_normal((7, 30))
    basis, core = compress_bins(K, (5, 6))
    assert_allclose(basis.expand(core), K, atol=1e-12)


def test_directions_of_three_axes():
    rng = np.random.default_rng(0)
    factors = [np.linalg.qr(rng.standard_normal((n, r)))[0] for n, r in
               ((4, 2), (5, 3), (6, 2))]  # fmt: skip
    basis = GridBasis(factors, np.array([0, 3, 7, 11]))
    whole = np.einsum("ia,jb,kc->ijkabc", *factors).reshape(120, 12)[:, basis.kept]
    z, f = rng.standard_normal((2, 4)), rng.standard_normal((2, 120))
    assert_allclose(basis.expand(z), z @ whole.T, atol=1e-13)
    assert_allclose(basis.contract(f), f @ whole, atol=1e-13)


def test_conjugate_gradients_solve_behind_a_poor_preconditioner():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 30))
    A = A @ A.T + np.eye(30)
    b = rng.standard_normal(30)
    x = conjugate_gradients(lambda v: A @ v, lambda v: v / np.diag(A), b)
    # Of the condition 1e2 conjugate gradients need their 30 steps, and some.
    assert_allclose(x, np.linalg.solve(A, b), atol=1e-9)


def test_factors_solve_on_some_bins():
    K, signals = plane_problem(20)
    plane = plane_of(np.asarray(K), signals, None, True, (20, 20))
    penalty = kronecker_penalty((20, 20), 1)
    system = PlaneSystem(plane, penalty, 1e-3)
    bins = np.flatnonzero(np.random.default_rng(0).random(400) < 0.6)
    A = plane.whole.AT
    H = A @ A.T + 1e-3 * penalty.toarray()
    b = np.random.default_rng(1).standard_normal(bins.size)
    expected = np.linalg.solve(H[np.ix_(bins, bins)], b)
    for solve in (system._dense_factor(bins), system._block_factor(bins)):
        assert_allclose(solve(b), expected, rtol=1e-6, atol=1e-8 * abs(expected).max())


@pytest.fixture
def both(monkeypatch):
    """Return a function that makes something twice: with few and with many bins."""

    def make(function):
        few = function()
        with monkeypatch.context() as context:
            for module in (_plane_system, _linear, _smooth):
                context.setattr(module, "MANY_BINS", 0)
            return few, function()

    return make


@pytest.mark.parametrize("is_linear", [False, True])
@pytest.mark.parametrize("many_active", [False, True])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_effective_parameters_are_the_trace_on_active_bins(
    is_linear, many_active, order, monkeypatch
):
    if many_active:
        monkeypatch.setattr("skrelax.inversion._plane_norm._MANY", 0)
    K, _ = plane_problem(16)
    K, penalty = np.asarray(K), kronecker_penalty((16, 16), order)
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 1.5, len(K))
    F = np.maximum(rng.standard_normal((2, 256)), 0.0)
    strengths = np.array([1e-2, 1e-5])
    norm = PlaneNorm(penalty, (16, 16), order, 0)
    few = SquaredNorm(penalty, 0)
    counts = norm.count_each(K, weight, strengths, F, is_linear)
    expected = few.count_each(K, weight, strengths, F, is_linear)
    # Products of a kernel with itself leave half the digits, and less of traces.
    assert_allclose(counts, expected, rtol=1e-5)
    assert norm.count_parameters(K, weight, 1e-3, np.zeros(256), False) == 0.0
    assert_allclose(norm.norms(F, True), few.norms(F, True))


@pytest.mark.parametrize(
    "settings",
    [
        {"rule": "gcv"},
        {"rule": "gcv", "degrees_of_freedom": "linear"},
        {"rule": "lcurve"},
        {"rule": "discrepancy"},
        {"rule": "cv"},
        {"rule": "cv-1se", "per_signal": True},
        {"rule": "gcv", "per_signal": True},
        {"rule": "cv", "parameter": "alpha"},
    ],
)
def test_searches_choose_what_they_choose_on_few_bins(both, settings):
    K, signals = plane_problem(12, n_signals=2, noise_std=5e-3)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(signals))

    def search():
        model = StrengthSearch(SmoothLasso(), strengths=8, **settings)
        return model.fit(K, signals, sample_weight=weight)

    few, many = both(search)
    assert_allclose(many.curve_["criterion"], few.curve_["criterion"], rtol=1e-4)
    # Where a criterion is flat, its rounding moves the place of its minimum.
    assert_allclose(many.strength_, few.strength_, rtol=1e-2)


def test_wide_kernels_show_the_directions_of_their_decomposition(monkeypatch):
    K = np.asarray(plane_problem(20)[0])
    root = np.random.default_rng(0).uniform(0.5, 1.5, len(K))
    U = left_directions(K, root, 1e-3)
    monkeypatch.setattr("skrelax.uncertainty._noise._MANY_BINS", 0)
    V = left_directions(K, root, 1e-3)
    # Vectors may turn among themselves; singular values at the cut are apart.
    assert_allclose(U @ U.T, V @ V.T, atol=1e-8)


def test_only_who_remembers_recalls():
    made = []

    def make():
        made.append(len(made))
        return made[-1]

    place, found = np.zeros(3), {}
    assert recall(make, "a", place, [1]) == 0
    with remembering(found):
        assert recall(make, "a", place, [1, None]) == 1
        assert recall(make, "a", place, [1, None]) == 1
        assert recall(make, "a", place, [np.ones(2)]) == 2
        assert recall(make, "a", place, [np.ones(2)]) == 2
        assert recall(make, "a", place[1:], [np.ones(2)]) == 3
    assert recall(make, "a", place, [1, None]) == 4


def test_a_long_walk_ends_where_a_fresh_fit_does(both):
    # Strengths from strong to weak and back: what is remembered is only a start.
    K, signals = plane_problem(16)

    def fit():
        memory = {}
        with remembering(memory):
            for smoothness in (1e-1, 1e-3, 1e-5, 1e-2):
                model = SmoothLasso(smoothness=smoothness).fit(K, signals[:, 0])
        return model.coef_

    few, many = both(fit)
    assert_allclose(many, few, atol=1e-9)


def test_systems_that_are_kept_hold_no_plane():
    K, signals = plane_problem(20)
    plane = plane_of(np.asarray(K), signals, None, False, (20, 20))
    penalty = kronecker_penalty((20, 20), 1)
    system = plane.system(penalty)
    plane.keep(system)
    # Else a plane and what it holds would stay until somebody looks for circles.
    reference = weakref.ref(plane)
    assert plane.system(penalty.copy()) is system
    assert system.plane is plane
    plane.keep(system)
    assert plane.system(2.0 * penalty) is not system
    del plane
    assert reference() is None
