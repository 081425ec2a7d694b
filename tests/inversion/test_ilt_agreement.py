"""The iteration against its formulas in plain NumPy, and against ILTpy."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from ilt_cases import CASES
from numpy.testing import assert_allclose
from scipy import sparse

from skrelax import AdaptivePenalty, ReferenceScheme
from skrelax.inversion._signed import _numba_band as loops
from skrelax.inversion._signed._axes import Axes
from skrelax.inversion._signed._gamma import make_gamma
from skrelax.inversion._signed._iteration import Inversion
from skrelax.inversion._signed._numba_penalty import multiply
from skrelax.inversion._signed._numba_smooth import follow_smoothly
from skrelax.inversion._signed._operator import DataOperator
from skrelax.inversion._signed._solvers import (
    BandSolver,
    BlockSolver,
    ModeSolver,
    make_band,
)

REFERENCE = Path(__file__).parents[1] / "reference" / "ilt_iltpy.json"


class Twin:
    """The formulas of the iteration with dense matrices, axes as given."""

    def __init__(self, axes, kernels, data, weights, penalty, scheme):
        self.axes, self.penalty, self.scheme = axes, penalty, scheme
        self.shape, self.full = axes.shape, axes.full_shape
        identities = [np.eye(n) for n in self.shape[len(axes.inverted) :]]
        K = np.eye(1)
        for factor in [*kernels, *identities]:
            K = np.kron(K, factor)
        w = np.ones(data.size) if weights is None else weights.ravel()
        self.W, self.Y = K.T @ (w[:, None] * K), K.T @ (w * data.ravel())
        d = len(self.shape)
        steps = [tuple(int(a == k) for a in range(d)) for k in range(d)]
        for k, j in itertools.combinations(range(d), 2):
            for sign in (1, -1):
                steps.append(tuple((a == k) + sign * (a == j) for a in range(d)))
        self.steps = steps
        h = axes.last_steps
        dq = np.where(axes.is_log, h, np.log(10) * h)
        self.scales = []
        for step in steps:
            on = np.flatnonzero(step)
            a0, ac, ap, ad = (
                np.sqrt(np.mean(np.square(np.array(values)[on])))
                for values in (
                    penalty.floor,
                    penalty.curvature,
                    penalty.slope,
                    scheme.crossing_scale,
                )
            )
            self.scales.append((a0, ac, ap, ad, np.sqrt(np.sum(dq[on] ** 2))))
        self.V = np.zeros(self.full)
        for k, boundary in enumerate(penalty.boundary):
            bins = np.moveaxis(self.V, k, 0)[: self.shape[k]]
            bins[:2] += boundary
            bins[-2:] += boundary
        self.C = [0.0] * d
        self.Gamma = np.eye(self.V.size) / np.mean([s[0] for s in self.scales])
        self.it = 0

    def solve(self):
        return np.linalg.solve(self.W + self.Gamma, self.Y).reshape(self.full)

    def shift(self, a, step):
        """Return a at x + step: 0 outside, a baseline being no neighbour of a bin."""
        out = np.zeros_like(a)
        for at_base in itertools.product(*[range(1 + b) for b in self.axes.baseline]):
            part = tuple(
                slice(n, n + 1) if base else slice(n)
                for base, n in zip(at_base, self.shape, strict=True)
            )
            values, moved = a[part], out[part]
            source, target = [], []
            for s, base in zip(step, at_base, strict=True):
                s = 0 if base else s
                target.append(slice(max(0, -s), None if s <= 0 else -s))
                source.append(slice(max(0, s), None if s >= 0 else s))
            moved[tuple(target)] = values[tuple(source)]
        return out

    def matrix(self, step):
        n = self.V.size
        columns = [self.shift(e.reshape(self.full), step).ravel() for e in np.eye(n)]
        return sparse.csr_array(np.array(columns).T)

    def update(self, g):
        it, n = self.it, g.size
        u = max(0.95 ** (it - 29), 0.2) if it > 29 else 1.0
        r = max(0.95 ** (it - 59), 0.2) if it > 59 else 1.0
        L2, L1 = sparse.csr_array((n, n)), sparse.csr_array((n, n))
        for i, step in enumerate(self.steps):
            back = tuple(-s for s in step)
            a0, ac, ap, ad, dq = self.scales[i]
            inside = np.ones(self.full)
            for k in np.flatnonzero(step):
                np.moveaxis(inside, k, 0)[self.shape[k] :] = 0

            def widest(a, step=step, back=back, inside=inside):
                around = np.maximum(self.shift(a, step), self.shift(a, back))
                return np.where(inside > 0, np.maximum(a, around), a)

            up, down = self.shift(g, step), self.shift(g, back)
            c, p = widest((up - 2 * g + down) ** 2), widest((0.5 * (up - down)) ** 2)
            gamma = a0 * dq**5 + ap * dq * p + ac * c / dq
            A, B = self.matrix(step), self.matrix(back)
            L2 = L2 + sparse.diags_array((gamma**-0.5).ravel()) @ (
                A + B - 2 * sparse.eye_array(n)
            )
            if i < len(self.shape) and it >= self.scheme.crossing_start:
                s = np.sign(g)
                around = 0.5 * (self.shift(s, step) + self.shift(s, back))
                a = dq * (1 - s * around) * inside
                m = widest(np.minimum(a / (ad * dq**3), 1 / gamma))
                self.C[i] = (1 - r) * self.C[i] + r * m
                L1 = L1 + 0.5 * sparse.diags_array(np.sqrt(self.C[i]).ravel()) @ (A - B)
        new = (L2.T @ L2 + L1.T @ L1).toarray() + np.diag(self.V.ravel())
        new += np.diag((self.penalty.negative * (1 - np.sign(g)) / 2).ravel())
        self.Gamma = u * new + (1 - u) * self.Gamma
        self.it += 1

    def run(self, n_iter):
        g = self.solve()
        for _ in range(n_iter):
            self.update(g)
            g = self.solve()
        return g


def make_problem(
    shape, n_inverted, baseline, *, n_iter=9, weighted=False, negative=0.0
):
    """Return what Inversion and Twin take, on small random axes."""
    rng = np.random.default_rng(0)
    grids = [np.geomspace(1e-3, 10, n) for n in shape[:n_inverted]]
    grids += [np.arange(1.0, n + 1) for n in shape[n_inverted:]]
    axes = Axes(
        tuple(grids),
        tuple(k < n_inverted for k in range(len(shape))),
        tuple(baseline),
        tuple(range(n_inverted)),
    )
    kernels, signal = [], np.ones((1, 1))
    for k in range(n_inverted):
        times = np.geomspace(1e-2, 5, 7 + k)
        K = np.exp(-times[:, None] / grids[k])
        kernels.append(np.column_stack([K, np.ones(7 + k)]) if baseline[k] else K)
        signal = np.kron(signal, np.exp(-times / 0.3)[:, None])
    n_channels = int(np.prod(shape[n_inverted:]))
    data = 100 * signal * (1 + rng.random(n_channels)) + 5
    data = data + rng.standard_normal(data.shape)
    weights = rng.uniform(0.5, 2.0, data.shape) if weighted else None
    d = len(shape)
    penalty = AdaptivePenalty(
        floor=(1e-4,) * d, curvature=(0.5,) * d, slope=(2.5,) * d,
        boundary=tuple(50.0 * (k < n_inverted) for k in range(d)), negative=negative,
    )  # fmt: skip
    scheme = ReferenceScheme(n_iter, 0.0, crossing_scale=(1e-5,) * d)
    return axes, kernels, data, weights, penalty, scheme


PROBLEMS = {
    "1-D": ((9,), 1, (False,)),
    "1-D baseline": ((9,), 1, (True,)),
    "spectrum": ((6, 5), 1, (True, False)),
    "plane": ((6, 5), 2, (True, True)),
    "cube": ((5, 4, 3), 2, (False, True, False)),
    "two channel axes": ((5, 4, 3), 1, (True, False, False)),
    "three inverted axes": ((4, 3, 3), 3, (False, True, False)),
    "four axes": ((4, 3, 3, 2), 2, (False, False, False, False)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "direct"),
    [(name, direct) for name in PROBLEMS for direct in (True, False)],
)
def test_iteration_equals_its_formulas(name, direct, weighted):
    problem = make_problem(*PROBLEMS[name], weighted=weighted, negative=10.0)
    axes, kernels, data, weights, penalty, scheme = problem
    twin = Twin(*problem)
    operator = DataOperator(kernels, weights, data.shape[1])
    solver = "direct" if direct else "iterative"
    inversion = Inversion(axes, operator, penalty, scheme, 1, solver)
    assert isinstance(inversion.solver, BandSolver if direct else ModeSolver)
    inversion.load(data)
    inversion.run()
    # The iteration amplifies rounding, by 1e3 to 1e5 in nine steps.
    expected = twin.run(9)
    scale = np.abs(expected).max()
    assert_allclose(inversion.distribution, expected, rtol=0, atol=1e-9 * scale)


def test_rates_fall_late_in_the_iteration():
    problem = make_problem((6, 5), 1, (False, False), n_iter=64)
    axes, kernels, data, weights, penalty, scheme = problem
    operator = DataOperator(kernels, weights, 5)
    inversion = Inversion(axes, operator, penalty, scheme, 2)
    inversion.load(data)
    inversion.run()
    expected = Twin(*problem).run(64)
    scale = np.abs(expected).max()
    assert_allclose(inversion.distribution, expected, rtol=0, atol=1e-7 * scale)


class SmoothTwin(Twin):
    """The penalties of the convergent scheme, of axes without baselines."""

    def __init__(self, *problem):
        super().__init__(*problem)
        self.logarithms = [0.0] * len(self.steps)

    def norm(self, a, step):
        """Return the 4-norm of each bin and its two neighbours in a direction."""
        back = tuple(-s for s in step)
        return (a**4 + self.shift(a, step) ** 4 + self.shift(a, back) ** 4) ** 0.25

    def follow(self, g, softness, rate):
        n = g.size
        L2, L1 = sparse.csr_array((n, n)), sparse.csr_array((n, n))
        s = g / np.sqrt(g**2 + softness**2)
        for i, step in enumerate(self.steps):
            back = tuple(-s for s in step)
            a0, ac, ap, _, dq = self.scales[i]
            up, down = self.shift(g, step), self.shift(g, back)
            c = self.norm((up - 2 * g + down) ** 2, step)
            p = self.norm((0.5 * (up - down)) ** 2, step)
            gamma = a0 * dq**5 + ap * dq * p + ac * c / dq
            old = self.logarithms[i]
            self.logarithms[i] = (1 - rate) * old + rate * np.log(gamma)
            weight = np.exp(-self.logarithms[i])
            A, B = self.matrix(step), self.matrix(back)
            L2 = L2 + sparse.diags_array(np.sqrt(weight).ravel()) @ (
                A + B - 2 * sparse.eye_array(n)
            )
            if i < len(self.shape):
                around = 0.5 * (self.shift(s, step) + self.shift(s, back))
                m = self.norm((1 - s * around) ** 2 * weight, step)
                self.C[i] = (1 - rate) * self.C[i] + rate * m
                L1 = L1 + 0.5 * sparse.diags_array(np.sqrt(self.C[i]).ravel()) @ (A - B)
        sign = self.penalty.negative * (1 - np.sign(g)) / 2
        self.Gamma = (L2.T @ L2 + L1.T @ L1).toarray() + np.diag(
            (self.V + sign).ravel()
        )


@pytest.mark.parametrize(
    ("shape", "n_inverted"), [((9,), 1), ((6, 5), 1), ((6, 5), 2), ((5, 4, 3), 2)]
)
def test_smooth_penalties_equal_their_formulas(shape, n_inverted):
    problem = make_problem(shape, n_inverted, (False,) * len(shape), negative=10.0)
    axes, _, _, _, penalty, _ = problem
    twin, rng = SmoothTwin(*problem), np.random.default_rng(1)
    gamma = make_gamma(axes, axes.lattice_order(True), penalty)
    gamma.keep_logarithms()
    lattice = gamma.lattice
    # Three iterations, for the weights follow at a rate.
    for rate in (1.0, 0.5, 0.3):
        g = rng.standard_normal(shape)
        twin.follow(g, 0.2, rate)
        flat = lattice.spread(axes.to_lattice(g, True))
        gamma.follow(follow_smoothly, flat, 0.2, rate)
        x, y = rng.standard_normal(shape), np.zeros(lattice.size)
        first, last = lattice.cells[0], lattice.cells[-1] + 1
        spread = lattice.spread(axes.to_lattice(x, True))
        multiply(gamma.matrix, lattice.couplings, spread, first, last, y)
        expected = (twin.Gamma @ x.ravel()).reshape(shape)
        # Sums of some hundred products, of which the largest may cancel.
        scale = (np.abs(twin.Gamma) @ np.abs(x.ravel())).max()
        found = axes.from_lattice(y[lattice.cells], True)
        assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


def solved(solver, gamma, Y):
    solver.load(Y)
    return np.array(solver.solve(gamma))


def test_solvers_agree_on_one_system(monkeypatch):
    axes, kernels, _, _, penalty, scheme = make_problem((20, 40), 1, (False, False))
    operator = DataOperator(kernels, None, 40)
    inversion = Inversion(axes, operator, penalty, scheme, 1)
    lattice, W = inversion.gamma.lattice, operator.normal_blocks()
    rng = np.random.default_rng(1)
    g = lattice.spread(rng.standard_normal(lattice.full_shape))
    # An iteration with crossings, of rates that are one.
    scheme._follower(inversion.gamma, False)(5, g, None)
    gamma, Y = inversion.gamma.matrix, rng.standard_normal(lattice.cells.size)

    dense = np.zeros((Y.size, Y.size))
    index = np.full(lattice.size, -1)
    index[lattice.cells] = np.arange(Y.size)
    for k, offset in enumerate(lattice.couplings.offsets):
        other = index[lattice.cells + offset]
        for c in np.flatnonzero(other >= 0):
            dense[c, other[c]] = dense[other[c], c] = gamma[k, lattice.cells[c]]
    dense += np.kron(np.eye(40), W[0])
    expected = np.linalg.solve(dense, Y)

    single = BandSolver(lattice, W, 1)
    monkeypatch.setattr("skrelax.inversion._signed._solvers._TWISTED_WORTH", 0.0)
    twisted = BandSolver(lattice, W, 2)
    assert single.pool is None
    assert twisted.pool is not None
    for solver in (single, twisted, BlockSolver(lattice, W)):
        x = solved(solver, gamma, Y)
        # Backward stable solves differ by the condition of the system times rounding.
        assert np.linalg.norm(dense @ x - Y) <= 1e-9 * np.linalg.norm(Y)
        assert_allclose(x, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
        solver.close()


@pytest.mark.parametrize(("n", "b"), [(1, 0), (7, 6), (16, 3), (61, 9), (50, 49)])
def test_band_equals_its_dense_factor(n, b):
    rng = np.random.default_rng(n)
    rows, columns = np.indices((n, n))
    dense = rng.uniform(-1.0, 1.0, (n, n)) * ((rows >= columns) & (rows - columns <= b))
    dense = dense @ dense.T + np.eye(n)
    A = make_band(n, b)
    for j in range(A.shape[0] * 8):
        stop = min(n, j + b + 1)
        A[j // 8, j % 8, j % 8 : j % 8 + max(stop - j, 1)] = (
            dense[j:stop, j] if j < n else 1.0
        )
    for j in range(A.shape[0]):
        assert loops._factor_panel(A[j], loops._reduce_panel(A, j, 0, j)) == 0
    L = np.zeros((n, n))
    for j in range(n):
        stop = min(n, j + b + 1)
        L[j:stop, j] = A[j // 8, j % 8, j % 8 : j % 8 + stop - j]
        L[j, j] = 1.0 / L[j, j]
    # Sums of up to 50 products in another order.
    assert_allclose(L, np.linalg.cholesky(dense), rtol=0, atol=1e-12 * n)

    y = rng.standard_normal((n, 3))
    X = y.copy()
    loops.solve_forward_many(A, X)
    assert_allclose(X, np.linalg.solve(L, y), rtol=0, atol=1e-11 * n)
    x = np.zeros(A.shape[0] * 8)
    x[:n] = y[:, 0]
    loops.solve_forward(A, 0, A.shape[0], x)
    assert_allclose(x[:n], X[:, 0], rtol=0, atol=1e-11 * n)
    loops.solve_backward(A, 0, A.shape[0], x)
    assert_allclose(dense @ x[:n], y[:, 0], rtol=0, atol=1e-10 * n)


def test_modes_need_few_steps_on_a_wide_band(monkeypatch):
    monkeypatch.setattr("skrelax.inversion._signed._solvers.WIDEST_BAND", 4)
    problem = make_problem((9, 8, 4), 2, (True, True, False), n_iter=7)
    axes, kernels, data, _, penalty, scheme = problem
    operator = DataOperator(kernels, None, 4)
    inversion = Inversion(axes, operator, penalty, scheme, 1, "iterative")
    inversion.load(data)
    inversion.run()
    assert max(inversion.solver.n_steps) < 40
    expected = Twin(*problem).run(7)
    scale = np.abs(expected).max()
    assert_allclose(inversion.distribution, expected, rtol=0, atol=1e-8 * scale)


def difference(case, n_iter, expected):
    found = case.fit(n_iter).distribution_.ravel()
    return np.linalg.norm(found - np.ravel(expected)) / np.linalg.norm(expected)


def bound(name):
    # The iteration amplifies perturbations, most of all in one dimension.
    return 1e-5 if name.startswith("1-D") else 1e-6


@pytest.mark.parametrize("name", CASES)
def test_stored_results_of_iltpy(name):
    stored = json.loads(REFERENCE.read_text())["cases"][name]
    assert difference(CASES[name], 10, stored["10"]) < 1e-8
    assert difference(CASES[name], 100, stored["100"]) < bound(name)
    steps = CASES[name].fit(10).convergence_
    assert_allclose(steps, stored["steps"], rtol=1e-5, atol=1e-8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_iltpy_itself(name):
    pytest.importorskip("iltpy", reason="ILTpy is not installed")
    for n_iter, limit in ((1, 1e-8), (10, 1e-8), (100, bound(name))):
        expected, _ = CASES[name].run_iltpy(n_iter)
        assert difference(CASES[name], n_iter, expected) < limit
