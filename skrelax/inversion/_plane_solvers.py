"""Smooth LASSO on grids of many bins by an active set: fits, and errors of folds.

The kernel is a :class:`Plane`; what is done, is done on the positive bins, and of all
bins only the gradient is asked for.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from scipy import linalg

from ..utils._parallel import run_chunks, single_blas_thread
from ._lasso_solvers import relative_gap, solve_lasso
from ._numba_certificate import certificate
from ._numba_fit import CertifiedKernel
from ._numba_planes import peaks
from ._plane_system import PlaneSystem

# Gradients below this fraction of the largest are rounding.
_ROUNDING = 1e-14
# Of bins that may enter at once, those whose gradient is above this fraction of the
# largest one do.
_ENTERS = 0.1
# Amplitudes below this fraction of the largest at the end of a step are zero.
_ZERO = 1e-13
# Exchanges of many bins at once that a start is good for.
_EXCHANGES = 16
# How many of them in a row may help nothing.
_TRIES = 2
# Residual of a solution, relative to the right-hand side, that tells signs. Where the
# kernel is nearly singular, more than this leaves wrong ones, and exchanges go on.
_ROUGH = 1e-10
# Bins that may enter beyond a third of those that are positive.
_ENTRANTS = 8
# Share of the bins that vanish on the way which leaves at once.
_LEAVE = 0.5
# Fraction of the tolerance at which the fits of folds may end.
_GOOD = 1e-2
# The coarsest grid on which a fit begins.
_COARSE = 400
# Steps that a grid that is not the last one may take.
_STEPS = 2000
# Values of distributions that are kept to start from.
_KEPT = 2_000_000
# What stands for no strength at all in ratios, and how much farther a weaker strength
# is than a stronger one.
_NONE, _WEAKER = 1e-30, 4.0
# Fractions of the largest squared singular value, tried one after another, that
# regularise the vector whose products with all bins are positive.
_SHIFTS = 10.0 ** -np.arange(2.0, 13.0, 2.0)
# Ratio of the smallest to the largest of these products that is worth having.
_BLIND = 1e-6


class Found(NamedTuple):
    """Solutions of all signals of a plane."""

    smoothness: np.ndarray
    """Smoothness of each signal, (n_signals,)."""
    alphas: np.ndarray
    """Weight of the L1 term of each signal, (n_signals,)."""
    F: np.ndarray
    """Distributions, (n_signals, n_bins)."""


class Signal(NamedTuple):
    """A signal on a plane, and what is to be solved."""

    s: np.ndarray
    """The signal, (n_rows,)."""
    c: np.ndarray
    """A^T s, (n_bins,)."""
    alpha: float
    """Weight of the L1 term."""
    signed: bool
    """Whether amplitudes may be negative."""

    @property
    def threshold(self):
        """Gradients below this are rounding."""
        return _ROUNDING * max(self.c.max(initial=0.0), -self.c.min(initial=0.0))

    def push(self, g):
        """Return how far gradients g are above what the L1 term holds back."""
        return (np.abs(g) if self.signed else g) - self.alpha

    def objective(self, system, f):
        """Return the objective without the part of the signal."""
        return 0.5 * system.square(f) - self.c @ f + self.alpha * np.abs(f).sum()


def active_set(system, signal, start, max_iter=_STEPS, good=None):
    """Return f, r, g, roughness and the steps taken for one Signal.

    Feasible all along (Lawson & Hanson 1974, chapter 23), with several bins entering
    at once: those where the gradient has a peak on the grid. `start` are amplitudes.
    r and g are those of `PlaneSystem.gradient`; good(f, r, g, roughness) says whether
    a solution is good enough before it is exact.
    """
    s, alpha = signal.s, signal.alpha
    near, threshold = system.plane.near, signal.threshold
    f, sign = start.copy(), np.sign(start)
    enters, blocked = np.zeros((2, start.size), bool)
    best = np.inf
    found = _exchange(system, signal, f, sign)
    for it in range(1, max_iter + 1):
        # The first time many bins may leave at once: there is nothing to lose yet.
        share = _LEAVE if it == 1 else 0.0
        solve, bins = found or _settle(system, signal, f, sign, share)
        found = None
        r, g, rough = system.gradient(s, f)
        kept = np.ones(bins.size, bool)
        if bins.size:
            # One correction with the residual of the kernel itself.
            own = sign[bins]
            x = f[bins] + solve(g[bins] - alpha * own)
            kept = x * own > 0.0
            f[bins] = np.where(kept, x, 0.0)
            sign[bins[~kept]] = 0.0
            r, g, rough = system.gradient(s, f)
        objective = 0.5 * (r @ r + rough) + alpha * np.abs(f).sum()
        if not objective < best:
            # What entered last has gained nothing: rounding.
            blocked |= enters
        best = min(best, objective)
        if not kept.all():
            # What the correction took away is not at its minimum.
            continue
        w = signal.push(g)
        w[(sign != 0.0) | blocked] = -np.inf
        peaks(w, threshold, near, enters)
        if not enters.any() or (good is not None and good(f, r, g, rough)):
            break
        enters &= w >= _ENTERS * w[enters].max()
        sign[enters] = np.sign(g[enters])
    return f, r, g, rough, it


def _exchange(system, signal, f, sign):
    """Move f and its signs to where bins are exchanged as long as that helps.

    Block principal pivoting (Kim & Park 2011, doi 10.1137/110821172), which needs few
    steps from a good start and may cycle from another. Returns the factor and the bins
    where it has come to an end, else None.
    """
    threshold = signal.threshold
    fewest, tries = np.inf, _TRIES
    seen = [f.copy()]
    for _ in range(_EXCHANGES):
        bins = np.flatnonzero(sign)
        if not bins.size:
            break
        own = sign[bins]
        solve = system.factor(bins)
        x = solve(signal.c[bins] - signal.alpha * own, _ROUGH)
        wrong = x * own <= 0.0
        f[:] = 0.0
        f[bins] = x
        g = signal.c - system.product(f)
        w = signal.push(g)
        w[bins] = -np.inf
        enters = np.flatnonzero(w > threshold)
        count = np.count_nonzero(wrong) + enters.size
        if count == 0:
            return solve, bins
        f[bins[wrong]] = 0.0
        sign[bins[wrong]] = 0.0
        seen.append(f.copy())
        if count < fewest:
            fewest, tries = count, _TRIES
        elif tries > 0:
            tries -= 1
        else:
            break
        most = _ENTRANTS + bins.size // 3
        if enters.size > most:
            enters = enters[np.argpartition(-w[enters], most)[:most]]
        sign[enters] = np.sign(g[enters])
    f[:] = min(seen, key=functools.partial(signal.objective, system))
    sign[:] = np.sign(f)
    return None


def _settle(system, signal, f, sign, share):
    """Move f to the minimum on the bins that have a sign, or to where some vanish.

    Changes f and sign, and returns the factor on what is left, and these bins. `share`
    is that of the bins which vanish on the way that leaves at once.
    """
    while True:
        bins = np.flatnonzero(sign)
        if not bins.size:
            f[:] = 0.0
            return None, bins
        own = sign[bins]
        solve = system.factor(bins)
        x = solve(signal.c[bins] - signal.alpha * own) * own
        wrong = ~(x > 0.0)
        if not wrong.any():
            f[:] = 0.0
            f[bins] = x * own
            return solve, bins
        now = f[bins] * own
        fresh = wrong & (now <= 0.0)
        if fresh.any():
            # These would leave at once.
            sign[bins[fresh]] = 0.0
            f[bins[fresh]] = 0.0
            continue
        steps = now[wrong] / (now[wrong] - x[wrong])
        moved = now + np.quantile(steps, share, method="lower") * (x - now)
        out = wrong & (moved <= _ZERO * moved.max(initial=0.0))
        f[bins] = np.where(out, 0.0, np.maximum(moved, 0.0) * own)
        sign[bins[out]] = 0.0


def begin(system, signal):
    """Return amplitudes to start from: those of a coarser grid, interpolated."""
    n = system.plane.n_bins
    if n <= _COARSE:
        return np.zeros(n)
    coarse, back = system.halved()
    if coarse.plane.n_bins == n:
        return np.zeros(n)
    # A coarse bin stands for several: so much the more it costs.
    cost = signal.alpha * back.sum() / coarse.plane.n_bins
    other = signal._replace(c=coarse.plane.adjoint(signal.s), alpha=cost)
    return back @ active_set(coarse, other, begin(coarse, other))[0]


def nearest(earlier, k, system, signal):
    """Return amplitudes to start from: what was Found at the nearest strengths.

    Stronger ones are nearer, as their bins are positive in the solution, and more.
    """

    def distance(found):
        total = 0.0
        for known, wanted in (
            (found.smoothness[k], system.smoothness),
            (found.alphas[k], signal.alpha),
        ):
            if known != wanted:
                step = np.log(max(known, _NONE) / max(wanted, _NONE))
                total += step if step > 0.0 else -_WEAKER * step
        return total

    if not earlier:
        return begin(system, signal)
    # Of several at the same strengths, the last.
    return min(reversed(earlier), key=distance).F[k]


def ridge(system, s):
    """Return what `active_set` does for signed amplitudes without L1 term."""
    bins = np.arange(system.plane.n_bins)
    solve = system.factor(bins)
    f = solve(system.plane.adjoint(s))
    _, g, _ = system.gradient(s, f)
    f += solve(g)
    r, g, rough = system.gradient(s, f)
    # The gradient itself measures the distance to the minimum.
    return f, r, g, rough, 0.5 * abs(g @ solve(g))


def row_shift(rows, expand):
    """Return (v^T v, A^T v) with A^T v > 0, see `dual_shift`, or (0, empty).

    `expand` gives A^T v of AT v. v comes as near to A^T v = 1 as the kernel lets it,
    regularised as much as it takes.
    """
    AT = rows.AT
    ones = expand.contract(np.ones(expand.n_bins)) @ AT
    gram = AT.T @ AT
    largest = gram.trace()
    if not largest > 0.0:
        return 0.0, np.empty(0)
    for share in _SHIFTS:
        regular = gram.copy()
        regular[np.diag_indices_from(regular)] += share * largest
        v = linalg.solve(regular, ones, assume_a="pos", check_finite=False)
        Atv = expand.expand(AT @ v)
        if Atv.min() > _BLIND * Atv.max():
            return float(v @ v), Atv
    return 0.0, np.empty(0)


def stacked_shift(system):
    """Return the same where the kernel does not see some bin, from the penalty, too.

    Of the stacked rows v = A x has A^T v = H x, which is positive for x near H^-1 1.
    """
    n = system.plane.n_bins
    x = system.factor(np.arange(n))(np.ones(n))
    Hx = system.product(x)
    if not Hx.min() > _BLIND * Hx.max():
        return 0.0, np.empty(0)
    return float(x @ Hx), Hx


class Certifier:
    """Objective and duality gap of solutions on a plane."""

    def __init__(self, plane, signed):
        self.plane, self.signed = plane, signed
        self.shift = (0.0, np.empty(0))
        if not signed:
            if plane.shift is None:
                plane.shift = row_shift(plane.rows, plane.basis)
            self.shift = plane.shift

    def at(self, system):
        """Return the certifier of a system, which finds what it still needs."""
        if self.signed or self.shift[1].size:
            return self
        other = object.__new__(Certifier)
        other.plane, other.signed = self.plane, False
        other.shift = stacked_shift(system)
        return other

    def accepts(self, signal, extra, tol, f, r, g, rough):
        """Return whether the relative gap of a solution is below tol."""
        info = np.zeros(3)
        self(signal, extra, info, f, r, g, rough)
        return info[1] <= tol * info[0]

    def __call__(self, signal, extra, out, f, r, g, rough):
        """Write objective and gap of f into out; see `active_set`."""
        s, alpha = signal.s, signal.alpha
        # The loop sums over rows of a kernel: here they come as a part of `extra`.
        kernel = CertifiedKernel(np.empty((f.size, 0)), self.signed, *self.shift)
        total = extra + float(r @ r) + rough
        floor = 0.5 * np.finfo(float).eps * float(s @ s + extra)
        certificate(kernel, f, np.empty(0), g, total, floor, alpha, out)


def solve_planes(plane, alphas, smoothness, penalty, positive, settings):
    """Solve all signals; return F (q, n), relative gaps (q,), iterations (q,).

    `smoothness` is a number or one for each signal, (q,); settings are tol, max_iter
    and n_jobs.
    """
    tol, max_iter, n_jobs = settings
    q, n = plane.rows.S.shape[0], plane.n_bins
    each = np.broadcast_to(np.asarray(smoothness, dtype=np.float64), (q,))
    F, gaps, n_iter = np.zeros((q, n)), np.zeros(q), np.zeros(q, dtype=int)
    with single_blas_thread():
        lasso = np.flatnonzero(each == 0.0)
        if lasso.size:
            F[lasso], gaps[lasso], n_iter[lasso] = solve_lasso(
                plane.part(lasso).whole, alphas[lasso], positive, "auto", tol,
                max_iter, n_jobs,
            )  # fmt: skip
        # Signals of one smoothness stand together.
        order = np.argsort(each, kind="stable")
        order = order[each[order] > 0.0]
        certify = Certifier(plane, not positive)
        # A plane that is remembered was solved before, at other strengths.
        earlier = plane.found
        most = max(1, _KEPT // max(1, F.size))
        plane.found = (*earlier, Found(each, alphas, F))[-most:]

        def chunk(part):
            base, own = plane.system(penalty), None
            info = np.zeros(3)
            for k in order[part]:
                if own is None or own.smoothness != each[k]:
                    own = base.at(each[k])
                    judge = certify.at(own)
                s, extra = plane.rows.S[k], plane.rows.extra[k]
                signal = Signal(s, plane.adjoint(s), float(alphas[k]), not positive)
                if positive or signal.alpha > 0.0:
                    start = nearest(earlier, k, own, signal)
                    f, *found, steps = active_set(own, signal, start, max_iter)
                    judge(signal, extra, info, f, *found)
                else:
                    f, *found, gap = ridge(own, s)
                    judge(signal, extra, info, f, *found)
                    info[1], steps = gap, 1
                F[k], gaps[k], n_iter[k] = f, relative_gap(info), steps
            plane.keep(base)

        run_chunks(chunk, order.size, 1e9, n_jobs)
    return F, gaps, n_iter


def plane_path_errors(plane, held_out, strengths, penalty, positive, tol, max_iter):
    """Return sums of squares on held-out points and gaps of all pairs of strengths.

    Both are (q, n_smoothnesses * n_alphas). `strengths` are smoothnesses and alphas
    (q, n_alphas), from strong to weak. Fits go warm from one smoothness to the next,
    where few bins leave and the factor of the last ones serves, and at the first one
    from alpha to alpha. `held_out` has the core of the kernel at the points.
    """
    smoothnesses, alphas = strengths
    q, n_alphas = alphas.shape
    errors, gaps = np.empty((2, q, smoothnesses.size, n_alphas))

    def judge_fits(signals, place, F):
        predicted = plane.basis.contract(F) @ held_out.A.T
        rest = (predicted - held_out.S[signals]) ** 2
        errors[place] = rest @ held_out.weight

    others = smoothnesses == 0.0 if positive else np.ones(smoothnesses.size, bool)
    for row, column in itertools.product(np.flatnonzero(others), range(n_alphas)):
        settings = alphas[:, column], smoothnesses[row], penalty, positive
        F, gaps[:, row, column], _ = solve_planes(plane, *settings, (tol, max_iter, 1))
        judge_fits(slice(None), (slice(None), row, column), F)
    base, info = PlaneSystem(plane, penalty, 1.0), np.zeros(3)
    certify = Certifier(plane, not positive)
    systems = [(row, base.at(smoothnesses[row])) for row in np.flatnonzero(~others)]
    systems = [(row, system, certify.at(system)) for row, system in systems]
    for k in range(q):
        s, extra = plane.rows.S[k], plane.rows.extra[k]
        start, c = None, plane.adjoint(s)
        for column in range(n_alphas):
            # The next alpha begins where this one did.
            f, start = start, None
            for row, system, judge in systems:
                signal = Signal(s, c, float(alphas[k, column]), False)
                good = functools.partial(judge.accepts, signal, extra, _GOOD * tol)
                f = begin(system, signal) if f is None else f
                f, *found, _ = active_set(system, signal, f, max_iter, good)
                start = f if start is None else start
                judge(signal, extra, info, f, *found)
                gaps[k, row, column] = relative_gap(info)
                judge_fits(k, (k, row, column), f)
    return errors.reshape(q, -1), gaps.reshape(q, -1)
