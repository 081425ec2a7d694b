r"""Intervals of all values that non-negative distributions give which fit the signal.

A number that is a ratio of sums, a.f / b.f, has a value s if (a - s b).f = 0. The least
misfit of such distributions f >= 0 falls towards the estimate without a penalty and
rises beyond it, so that the values whose misfit is small enough are an interval, whose
ends are found as roots.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.linalg import lapack
from scipy.special import chdtri, fdtri, ndtri, stdtrit

from ..decomposition._grid_basis import compress_bins
from ..utils._parallel import calm_blas
from ..utils._remember import recall
from ._nonnegative import PULL, fit_nonnegative

# Directions of the kernel below hold no signal that is above any noise.
_CUT = 1e-7
# Noise that is smaller than this part of the signal is rounding.
_ROUNDING = 1e-8
# The row of a condition gets heavier, by this factor, until what it gives way is a
# smaller part of the excess: its square is the part by which the excess is too small.
_HEAVIER, _GIVES, _MOST_HEAVIER = 30.0, 1e-3, 4
# Excess, as a part of the squared noise, below which it does not matter.
_NOTHING = 1e-6
# Relative to the range of a number; standard errors are never as small.
_CLOSE = 1e-9
_FIRST_STEP = 1e-3
# Roots of the excess that are as close to their goal, relative to it, are there.
_NEAR = 1e-9
_MOST_STEPS = 60
# Level of the misfit from which on no distribution is said to fit.
_MET = 0.99
# Sides from which a kernel is decomposed by products.
_LARGE = 1200


class Problem(NamedTuple):
    """A signal of one call, reduced to the directions that the kernel has."""

    matrix: np.ndarray
    """The kernel, and columns of a baseline, (n_directions, n_columns)."""
    target: np.ndarray
    """The signal, (n_directions,)."""
    n_bins: int
    """Columns that are bins."""
    best: np.ndarray
    """The distribution with the least misfit, (n_columns,)."""
    least: float
    """Its squared misfit along the directions."""
    across: float
    """Square of what no distribution makes."""
    n_points: int
    """Points that count."""
    noise_std: float | None
    """Noise of a point of weight one, or None."""
    size: float
    """Largest point of the signal; all but `signal_of` is in units of it."""
    unit: float
    """Amplitudes of a distribution of amplitude one."""
    signal: float
    """Root mean square of the signal."""
    factor: np.ndarray
    """R of the columns that the best distribution uses, empty if it is singular."""
    longest: float
    """Length of the longest column."""


def scaled_rows(K, y, weight, method):
    """Return kernel and signal of the points with a weight, weighted and in own units.

    Besides, the roots of the weights, and the units of the kernel and the signal.
    """
    seen = weight > 0
    root = np.sqrt(weight[seen])
    # No copy of a kernel more than is needed: that of a plane is large.
    largest = max(K.max(initial=0.0), -K.min(initial=0.0))
    size = np.abs(y[seen]).max(initial=0.0)
    if not (largest > 0 and size > 0):
        raise ValueError(f"y and the kernel must not be 0 for {method=}.")
    A = K[seen]
    A /= largest
    A *= root[:, None]
    return A, y[seen] / size * root, root, largest, size


def make_problem(K, y, weight, noise_std, has_baseline, grid_shape=()):
    """Return the Problem of a signal (n_points,) and its kernel (n_points, n_bins).

    Kernels of large grids of several axes are decomposed in a basis of `grid_shape`.
    """
    A, target, root, largest, size = scaled_rows(K, y, weight, "bounds")
    if has_baseline:
        # A baseline has any sign.
        A = np.column_stack([A, root, -root])

    def directions():
        if len(grid_shape) < 2 or min(A.shape) <= _LARGE:
            return _directions(A)
        _, core = compress_bins(A[:, : K.shape[1]], grid_shape)
        return _directions(np.column_stack([core, A[:, K.shape[1] :]]))

    U = recall(directions, "directions", K, (weight, has_baseline))
    along = U.T @ target
    across = target - U @ along
    matrix = U.T @ A
    best, misfit = fit_nonnegative(matrix, along)
    return Problem(
        matrix, along, K.shape[1], best, misfit, float(across @ across), target.size,
        None if noise_std is None else float(noise_std) / size, size, size / largest,
        float(np.sqrt((target @ target) / target.size)), _triangle(matrix[:, best > 0]),
        float(np.sqrt(np.einsum("ij,ij->j", matrix, matrix).max())),
    )  # fmt: skip


def signal_of(problem, K, columns):
    """Return the signal (n_points,) of bins and a baseline, (n_columns,)."""
    bins, rest = np.split(columns, [problem.n_bins])
    baseline = rest[0] - rest[1] if rest.size else 0.0
    return K @ (problem.unit * bins) + problem.size * baseline


def _directions(A):
    """Return the left singular vectors of a matrix whose values count."""
    with calm_blas(min(A.shape)):
        if min(A.shape) <= _LARGE and max(A.shape) <= 20 * _LARGE:
            U, s, _ = linalg.svd(A, full_matrices=False)
            return U[:, s > _CUT * s[0]]
        if A.shape[0] <= A.shape[1]:
            values, U = linalg.eigh(A @ A.T)
            return U[:, values > _CUT**2 * values[-1]]
        values, V = linalg.eigh(A.T @ A)
        U = A @ V[:, values > _CUT**2 * values[-1]]
        return linalg.qr(U, mode="economic")[0]


def _triangle(A):
    """Return R of A = Q R, empty if A does not have as many directions as columns."""
    m, n = A.shape
    if 0 < n <= m:
        with calm_blas(n):
            R = np.triu(lapack.dgeqrf(A)[0][:n])
        if np.diag(R).all():
            return R
    return np.empty((0, 0))


def fewest_bins(problem):
    """Return bins, and a baseline, that fit with as few of them as are needed.

    Bins of the best fit go one by one, that which the misfit needs least first, as long
    as the misfit rises by less than the logarithm of the number of points times the
    variance of the noise (Schwarz's criterion, doi 10.1214/aos/1176344136). What noise
    alone has put beside a narrow peak is gone then. Signals drawn around it scatter as
    those of the truth: at the bound f >= 0 those around a fit do not, since noise has
    lifted that off the bound (Andrews 2000, doi 10.1111/1468-0262.00114).
    """
    A, y = problem.matrix, problem.target
    most = np.log(problem.n_points) * noise_of(problem) ** 2
    found, misfit = problem.best, problem.least
    while True:
        used = np.flatnonzero(found)
        bins = used[used < problem.n_bins]
        if bins.size < 2:
            return found
        trials = []
        for bin_ in bins:
            kept = used[used != bin_]
            x, rest = fit_nonnegative(A[:, kept], y)
            trials.append((rest, kept, x))
        rest, kept, x = min(trials, key=lambda trial: trial[0])
        if rest - misfit > most:
            return found
        found, misfit = np.zeros(found.size), rest
        found[kept] = x


def check_bounds(problem, method):
    """Raise ValueError if a signal does not tell its own noise."""
    if problem.noise_std is None:
        _left(problem, method)


def _left(problem, method):
    """Return the points that are left for the noise."""
    used = np.count_nonzero(problem.best)
    if method == "simultaneous":
        # Its noise is that of the directions which the kernel does not have.
        used = problem.target.size
    left = problem.n_points - used
    if left < 1:
        raise ValueError(
            f"y has {problem.n_points} points with a weight, too few for residuals: "
            f"the fit uses {used} of them. Give noise_std."
        )
    return left


def noise_of(problem, method="bounds"):
    """Return the noise of a point of weight one in units of `size`."""
    if problem.noise_std is not None:
        noise = problem.noise_std
    elif method == "bounds":
        left = _left(problem, method)
        noise = np.sqrt((problem.least + problem.across) / left)
    else:
        noise = np.sqrt(problem.across / _left(problem, method))
    return max(noise, _ROUNDING * problem.signal)


def excess_allowed(problem, level, method):
    """Return how far a squared misfit may be above the least one.

    Negative if no distribution fits as well as the level asks.
    """
    noise = noise_of(problem, method)
    n = problem.target.size
    if method == "bounds":
        if problem.noise_std is None:
            quantile = stdtrit(_left(problem, method), 0.5 + 0.5 * level)
        else:
            quantile = ndtri(0.5 + 0.5 * level)
        return (noise * quantile) ** 2
    # Within the sphere around the signal lies the true one, with this probability.
    if problem.noise_std is None:
        quantile = n * fdtri(n, _left(problem, method), level)
    else:
        quantile = chdtri(n, 1.0 - level)
    return quantile * noise**2 - problem.least


def is_met(problem):
    """Return whether a distribution of these bins fits as well as the noise asks.

    True where nothing tells the noise but the fit. One true signal in a hundred is said
    not to be met.
    """
    left = problem.n_points - problem.target.size
    if problem.noise_std is None and left < 1:
        return True
    return excess_allowed(problem, _MET, "simultaneous") >= 0.0


def bound_values(problem, weights, level, method):
    """Return the least and the largest value of a number, nan if nothing fits."""
    allowed = excess_allowed(problem, level, method)
    if not allowed >= 0.0:
        return np.nan, np.nan
    padding = np.zeros(problem.matrix.shape[1] - problem.n_bins)
    a = np.append(weights.numerator, padding)
    b = weights.denominator
    if b is None:
        return _bound_sum(problem, a, allowed)
    b = np.append(b, padding)
    possible = a[b > 0.0] / b[b > 0.0]
    if not possible.size:
        return np.nan, np.nan
    limits = possible.min(), possible.max()
    total = b @ problem.best
    if not total > 0.0:
        # Without anything there, what is there may have any value.
        found = limits
    else:
        middle = float(np.clip(a @ problem.best / total, *limits))
        width = limits[1] - limits[0]
        step = _error(problem, a - middle * b, allowed) / total
        found = []
        for limit in limits:
            excess = _Excess(problem, lambda s: (a - s * b, 0.0))
            end = find_end(excess, middle, limit, width, allowed, step)
            found.append(end)
            # Intervals are as long on the other side, more or less.
            step = abs(end - middle)
    return tuple(float(v) for v in (np.exp(found) if weights.is_log else found))


def _bound_sum(problem, a, allowed):
    """Return the least and the largest weighted sum of bins."""
    middle = a @ problem.best
    scale, step = max(middle, 1.0), _error(problem, a, allowed)
    lower, upper = (
        find_end(
            _Excess(problem, lambda s: (a, s)), middle, limit, scale, allowed, step
        )
        for limit in (0.0, np.inf)
    )
    return float(lower * problem.unit), float(upper * problem.unit)


def _error(problem, row, allowed):
    """Return how far a sum of the bins of the best fit may be from its value there."""
    if not problem.factor.size:
        return 0.0
    found, _ = lapack.dtrtrs(problem.factor, row[problem.best > 0.0], trans=1)
    return float(np.sqrt(allowed) * np.linalg.norm(found))


class _Excess:
    """How far the misfit is above the least one where row.f = value.

    ``condition(s)`` returns both. The bins in use at one s are tried at the next.
    """

    def __init__(self, problem, condition):
        self.problem, self.condition = problem, condition
        self.used, self.start = None, problem.best > 0.0
        # The condition is one more row, which every call overwrites.
        self.rows = np.concatenate([problem.matrix, problem.matrix[:1]])
        self.target = np.append(problem.target, 0.0)
        # No bin alone would change the number as easily.
        self.weight = problem.longest
        self.nothing = _NOTHING * noise_of(problem) ** 2

    def __call__(self, s):
        """Return it at a value s of the number."""
        return self.at(*self.condition(s))

    def at(self, row, value):
        """Return it for a condition."""
        largest = np.abs(row).max()
        if not largest > 0.0:
            return 0.0
        for _ in range(_MOST_HEAVIER):
            np.multiply(row, self.weight / largest, out=self.rows[-1])
            self.target[-1] = self.weight / largest * value
            rest = self._solve()
            given = float(rest[-1] ** 2)
            # A condition that gives way by t gains nearly twice what it costs.
            excess = float(rest @ rest) + given - self.problem.least
            if given <= max(_GIVES * excess, self.nothing):
                break
            self.weight *= _HEAVIER
        return max(excess, 0.0)

    def _solve(self):
        """Return the residuals of the best fit, and that of the condition."""
        rest = self._rest_of()
        if rest is None:
            x, _ = fit_nonnegative(self.rows, self.target, self.start)
            self.start = x > 0.0
            self.used = np.flatnonzero(x)
            rest = self.rows @ x - self.target
        return rest

    def _rest_of(self):
        """Return residuals if the bins in use are those of the last fit, or None."""
        used, target = self.used, self.target
        if used is None or not 0 < used.size <= target.size:
            return None
        part = self.rows[:, used]
        _, found, info = lapack.dgels(part, target)
        x = found[: used.size]
        if info or not x.min() > 0.0:
            return None
        rest = target - part @ x
        pull = rest @ self.rows
        pull[used] = 0.0
        return rest if pull.max() <= PULL else None


def find_end(excess, middle, limit, width, allowed, step=0.0):
    """Return where the excess passes what is allowed, on the way to a limit.

    Its root is nearly a straight line, along which steps go; `step` is the first.
    """
    goal = np.sqrt(allowed)
    if limit == middle:
        return limit
    side = np.sign(limit - middle)
    step = min(max(step, _FIRST_STEP * width), abs(limit - middle))
    inside, outside = (middle, 0.0), None
    last, at = inside, middle + side * step
    for _ in range(_MOST_STEPS):
        if (limit - at) * side <= 0.0:
            at = limit
        here = at, float(np.sqrt(excess(at)))
        if here[1] > goal:
            outside = here
        else:
            inside = here
            if at == limit:
                return limit
        gone = abs(here[0] - last[0])
        if abs(here[1] - goal) <= _NEAR * goal or 0.0 < gone <= _CLOSE * width:
            return at
        if outside is not None and abs(outside[0] - inside[0]) <= _CLOSE * width:
            return inside[0]
        at, last = _next(here, last, (inside, outside), goal, side, width), here
    return limit if outside is None else inside[0]


def _next(here, last, bracket, goal, side, width):
    """Return the value to try next, from the last two and their roots of the excess."""
    inside, outside = bracket
    rise = here[1] - last[1]
    along = np.nan
    if rise != 0.0:
        along = here[0] + (goal - here[1]) * (here[0] - last[0]) / rise
    if outside is None:
        far = abs(here[0] - last[0])
        ahead = (along - here[0]) * side
        # Where it is flat, steps get longer all the same.
        ahead = ahead if 0.0 < ahead < np.inf else 4.0 * far
        return here[0] + side * max(min(ahead, 16.0 * far), _CLOSE * width)
    low, high = sorted((inside[0], outside[0]))
    if low < along < high:
        return along
    return 0.5 * (low + high)
