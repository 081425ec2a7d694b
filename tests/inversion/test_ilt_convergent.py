"""The convergent scheme: it settles, from nothing or from a start, on one result."""

import numpy as np
import pytest
from ilt_cases import CASES, GRIDS, TAU, TIMES, plane, same, signed_line
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skrelax import ConvergentScheme, MultiDimRegularizedILT
from skrelax.inversion._signed import _solvers as solvers
from skrelax.inversion._signed._settling import KeptSteps, Settling
from skrelax.inversion._signed._solvers import SolverError


def fit(y, **settings):
    scheme = ConvergentScheme(**settings)
    ilt = MultiDimRegularizedILT("T2", TAU, noise_std=1.0, scheme=scheme)
    return ilt.fit(TIMES[:, None], y)


def fit_case(case, data, initial=None):
    """Return the inversion of a case of the agreement with ILTpy."""
    ilt = MultiDimRegularizedILT(
        case.kernels, case.grids, noise_std=1.0, scheme="convergent", **case.ours
    )
    return ilt.fit_grid(case.axes, data, case.sigma, initial=initial)


def start_of(ilt, distribution):
    """Return what `initial` takes, with the baselines of a fit where it has some."""
    if ilt.baseline_ is None:
        return distribution
    return distribution, ilt.baseline_


@pytest.mark.parametrize("name", CASES)
def test_every_case_settles_on_one_result(name):
    """Within 300 iterations; where rounding or the start lie does not matter."""
    case, rng = CASES[name], np.random.default_rng(0)
    ilt = fit_case(case, case.data)
    assert ilt.converged_
    assert ilt.n_iter_ <= 300
    g = ilt.distribution_
    nearby = case.data * (1.0 + 1e-9 * rng.standard_normal(case.data.shape))
    # Both end within the tolerance of 1e-7, but directions that shrink by .97 per
    # iteration are 30 times as far away; elsewhere steps are extrapolated.
    same(fit_case(case, nearby).distribution_, g, 3e-6)
    again = fit_case(case, case.data, start_of(ilt, g))
    assert again.n_iter_ <= 5
    same(again.distribution_, g, 3e-6)
    close = g * (1.0 + 0.01 * rng.standard_normal(g.shape))
    warm = fit_case(case, case.data, start_of(ilt, close))
    assert warm.converged_
    assert warm.n_iter_ <= ilt.n_iter_ / 4
    same(warm.distribution_, g, 1e-5)


def test_result_is_a_fixed_point():
    ilt = fit(signed_line())
    assert ilt.converged_
    assert ilt.n_iter_ < 300
    with pytest.warns(ConvergenceWarning):
        longer = fit(signed_line(), tol=0.0, max_iter=ilt.n_iter_ + 200)
    same(longer.distribution_, ilt.distribution_, 3e-6)


@pytest.mark.parametrize("seed", range(4))
def test_small_changes_of_the_data_stay_small(seed):
    y = signed_line(seed)
    nearby = y * (1 + 1e-9 * np.random.default_rng(9).standard_normal(64))
    same(fit(nearby).distribution_, fit(y).distribution_)


def test_signed_components_are_found():
    g = fit(signed_line()).distribution_
    assert g[TAU > 0.15].sum() == pytest.approx(200, abs=8)
    assert g[TAU < 0.15].sum() == pytest.approx(-120, abs=12)


def test_open_end_is_reported():
    with pytest.warns(ConvergenceWarning, match="did not reach"):
        ilt = fit(signed_line(), max_iter=60)
    assert not ilt.converged_


def test_what_grows_without_bound_is_reported(monkeypatch):
    """An iterate before the equations lose their solution is kept, and said so."""
    solve, calls = solvers.BandSolver.solve, []

    def fail_late(self, gamma):
        calls.append(1)
        if len(calls) == 21:
            raise SolverError("pivot 3 is not positive.")
        return solve(self, gamma)

    monkeypatch.setattr(solvers.BandSolver, "solve", fail_late)
    with pytest.warns(ConvergenceWarning, match="did not reach .* in 19 iterations"):
        ilt = fit(signed_line())
    assert not ilt.converged_
    assert np.isfinite(ilt.distribution_).all()
    assert ilt.describe()["status"].tolist() == ["not converged"]
    monkeypatch.setattr(solvers.BandSolver, "solve", solve)
    with pytest.warns(ConvergenceWarning):
        same(ilt.distribution_, fit(signed_line(), max_iter=19).distribution_)


def test_two_axes_and_baseline():
    axes, data = plane()
    ilt = MultiDimRegularizedILT(
        "T2", GRIDS, noise_std=1.0, baseline=True, n_jobs=2, scheme="convergent"
    ).fit_grid(axes, data + 20)
    assert ilt.converged_
    assert ilt.n_iter_ <= 300
    assert ilt.residuals_.std() == pytest.approx(1.0, abs=0.25)


def test_a_start_of_channels_on_their_own():
    X, y = TIMES[:, None], np.column_stack([signed_line(1), -signed_line(2)])
    cold = fit(y)
    warm = clone(cold).fit(X, y, initial=cold.distribution_)
    assert (cold.n_iter_ > 50).all()
    assert (warm.n_iter_ <= 5).all()
    same(warm.distribution_, cold.distribution_)


def test_a_start_has_its_baselines_or_none():
    X, y = TIMES[:, None], signed_line() + 30.0
    ilt = MultiDimRegularizedILT(
        "T2", TAU, noise_std=1.0, baseline=True, scheme="convergent"
    ).fit(X, y)
    g, baseline = ilt.distribution_, ilt.baseline_
    for initial in ((g, baseline), (g, (baseline,)), g):
        warm = clone(ilt).fit(X, y, initial=initial)
        same(warm.distribution_, g)
        assert warm.n_iter_ < ilt.n_iter_ / 4
    for initial, message in (
        ((g,), "distribution or .distribution, baseline., got a tuple of 1"),
        ((g, (1.0, 2.0)), "initial must have 1 baselines.*got 2"),
        ((g, np.ones(3)), r"initial: baseline must have shape \(\), got \(3,\)"),
        ((g[:5], 1.0), "initial must have the shape of the distribution"),
    ):
        with pytest.raises(ValueError, match=message):
            ilt.fit(X, y, initial=initial)


def test_kept_steps_solve_a_linear_map():
    # Anderson's method is GMRES on linear maps: as many steps as there are unknowns.
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    A = Q @ np.diag([0.99, 0.9, -0.5, 0.3, 0.0]) @ Q.T
    b, kept = rng.standard_normal(5), KeptSteps()
    x = np.zeros(5)
    for _ in range(6):
        x = kept.extrapolate(x, A @ x + b - x)
    assert_allclose(x, np.linalg.solve(np.eye(5) - A, b), rtol=1e-8)


@pytest.mark.parametrize("eigenvalue", [0.95, 0.5, -0.9, -4.0])
def test_settling_damps_what_alternates_and_leaps_what_creeps(eigenvalue):
    """A linear map of two eigenvalues; as it is it takes 400 steps or never ends."""
    A, b, settling = np.array([eigenvalue, 0.2]), np.array([3.0, -1.0]), Settling(0)
    found = before = np.zeros(2)
    for it in range(150):
        x = settling.go_on(it, found)
        # Weights that follow at a rate are a distribution that does.
        before = before + settling.rate * (x - before) if it else x
        found = A * before + b
        if np.abs(found - before).max() < 1e-9:
            break
    assert it < 149
    assert_allclose(found, b / (1.0 - A), rtol=1e-5)
