"""The two iterations, and how each makes penalties follow a distribution."""

import numbers

import numpy as np

from ...utils._sklearn import Interval
from ...utils._validation import check_number, check_numbers, errors_name
from ._checks import COUNT, Settings, check_positive
from ._numba_penalty import crossing_weights, uniform_weights
from ._numba_penalty import follow as follow_at_once
from ._numba_smooth import follow_smoothly, smooth_crossings, smooth_weights
from ._numba_types import Schedule
from ._settling import Settling

_POSITIVE = Interval(numbers.Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(numbers.Real, 0, None, closed="left")
# The convergent scheme: factor by which the floor of gamma is raised at first and the
# iterations to lower it; and the level, relative to the root mean square of g, below
# which a sign is soft.
_RAISED_FLOOR, _RAISED_ITER = 1e6, 50
_SOFTNESS = 0.06


class ReferenceScheme(Settings):
    r"""The published iteration, which reaches a plateau rather than a limit.

    It is that of [1]_.

    Parameters
    ----------
    max_iter : int, default=100
        Largest number of iterations.
    tol : float, default=1e-6
        Relative change of the distribution in one iteration at which they stop.
    crossing_scale : float or list of float, default=1e-5
        Scale of the zero crossing penalty, :math:`\alpha_d`, one for all axes or one
        per axis.
    crossing_start : int, default=5
        First iteration with a zero crossing penalty, counted from 0.
    damping : tuple, default=(30, 0.05, 0.2)
        First iteration, decay and smallest value of the rate u at which the penalty
        matrix follows the distribution.
    crossing_damping : tuple, default=(60, 0.05, 0.2)
        The same for the rate r of the crossing weights.

    See Also
    --------
    ConvergentScheme : An iteration that ends in a fixed point.

    References
    ----------
    .. [1] J. Granwehr and P. J. Roberts, "Inverse Laplace transform of
       multidimensional relaxation data without non-negativity constraint",
       J. Chem. Theory Comput. 8 (2012) 3473. https://doi.org/10.1021/ct3001393

    Examples
    --------
    >>> from skrelax import MultiDimRegularizedILT, ReferenceScheme
    >>> MultiDimRegularizedILT("T2", scheme=ReferenceScheme(max_iter=20))
    MultiDimRegularizedILT(scheme=ReferenceScheme(max_iter=20))
    """

    _parameter_constraints: dict = {
        "max_iter": [COUNT],
        "tol": [_NOT_NEGATIVE],
        "crossing_scale": [_POSITIVE, "array-like"],
        "crossing_start": [Interval(numbers.Integral, 0, 2**31 - 1, closed="both")],
        "damping": ["array-like"],
        "crossing_damping": ["array-like"],
    }
    #: Whether it ends in a fixed point, so that stopping before is a failure.
    _settles = False

    def __init__(
        self,
        max_iter=100,
        tol=1e-6,
        *,
        crossing_scale=1e-5,
        crossing_start=5,
        damping=(30, 0.05, 0.2),
        crossing_damping=(60, 0.05, 0.2),
    ):
        self.max_iter = max_iter
        self.tol = tol
        self.crossing_scale = crossing_scale
        self.crossing_start = crossing_start
        self.damping = damping
        self.crossing_damping = crossing_damping

    def _check(self):
        super()._check()
        check_number(self.tol, "tol", 0.0)

    def _fixed(self, axes):
        """Return a copy for these axes: one number per axis."""
        return ReferenceScheme(
            int(self.max_iter),
            float(self.tol),
            crossing_scale=axes.per_axis(
                "crossing_scale", self.crossing_scale, check_positive
            ),
            crossing_start=int(self.crossing_start),
            damping=_check_damping("damping", self.damping),
            crossing_damping=_check_damping("crossing_damping", self.crossing_damping),
        )

    def _schedule(self):
        """Return the Schedule of the compiled iteration."""
        it = np.arange(self.max_iter, dtype=np.float64)
        rates = [
            (it >= self.crossing_start).astype(np.float64),
            _rate(it, *self.crossing_damping),
            _rate(it, *self.damping),
        ]
        return Schedule(np.stack(rates, axis=1), float(self.tol))

    def _follower(self, gamma, started):
        """Return follow(it, g, share), which makes Gamma follow g by one iteration.

        started tells whether the iteration starts from a given distribution. follow
        may change g to the one that it follows, and returns by how much a step is
        longer than what is seen of it. share is None where one thread does it all: one
        call then, since each costs as much as the penalties of a hundred cells.
        """
        rates = self._schedule().rates

        def follow(it, g, share):
            crossing, crossing_rate, rate = rates[it]
            if share is None:
                gamma.follow(follow_at_once, g, rates[it])
                return 1.0
            gamma.weigh(uniform_weights, g, share)
            if crossing > 0.0:
                gamma.weigh(crossing_weights, g, share, crossing_rate)
            gamma.assemble(g, share, rate)
            return 1.0

        return follow


class ConvergentScheme(Settings):
    """Smooth functions instead of switches: the iteration ends in a fixed point.

    Moving maxima become norms, signs become soft, and the scale of the penalty is
    lowered from the solution with a fixed quadratic penalty along a path that is set in
    advance, so the result depends on the data alone. From a given start there is no
    path. Logarithms of the weights follow the distribution at a rate that the last two
    steps agree on; near the fixed point steps are extrapolated [1]_.

    Parameters
    ----------
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-7
        Relative change of the distribution in one iteration, as it would be without
        damping, at which they stop.

    See Also
    --------
    ReferenceScheme : The published iteration.

    Notes
    -----
    A signal takes some 90 iterations, a map of two axes some 150. The penalty is not
    convex: a signal of peaks that cancel each other may have no fixed point that is
    attractive (two of 50 random ones in the benchmarks), and spectra of more than 64
    coupled channels mostly do not settle as a whole. Then there is a warning,
    ``converged_`` is false, and the result hangs on the number of iterations, as that
    of the reference scheme does.

    References
    ----------
    .. [1] D. G. Anderson, "Iterative procedures for nonlinear integral equations",
       J. ACM 12 (1965) 547. https://doi.org/10.1145/321296.321305

    Examples
    --------
    >>> from skrelax import ConvergentScheme, MultiDimRegularizedILT
    >>> ilt = MultiDimRegularizedILT("T2", scheme="convergent")
    >>> ilt.set_params(scheme__tol=1e-5).scheme
    ConvergentScheme(tol=1e-05)
    """

    _parameter_constraints: dict = {"max_iter": [COUNT], "tol": [_NOT_NEGATIVE]}
    crossing_scale = None
    _settles = True

    def __init__(self, max_iter=1000, tol=1e-7):
        self.max_iter = max_iter
        self.tol = tol

    def _check(self):
        super()._check()
        check_number(self.tol, "tol", 0.0)

    def _fixed(self, axes):
        """Return a copy; nothing depends on the axes."""
        return ConvergentScheme(int(self.max_iter), float(self.tol))

    def _schedule(self):
        """Return None: no compiled loop has this iteration."""

    def _follower(self, gamma, started):
        """Return follow(it, g, share) as that of :class:`ReferenceScheme`."""
        cells, floor = gamma.lattice.cells, gamma.floor
        n_path = 0 if started else _RAISED_ITER
        settling = Settling(n_path)
        gamma.keep_logarithms()

        def follow(it, g, share):
            raised = _RAISED_FLOOR ** (1.0 - it / n_path) if it < n_path else 1.0
            gamma.constants.scales[:, 0] = floor * raised
            g[cells] = settling.go_on(it, g[cells])
            softness = _SOFTNESS * np.linalg.norm(g) / np.sqrt(cells.size)
            softness = max(softness, np.finfo(float).tiny)
            if share is None:
                gamma.follow(follow_smoothly, g, softness, settling.rate)
            else:
                gamma.weigh(smooth_weights, g, share, settling.rate)
                gamma.weigh(smooth_crossings, g, share, softness, settling.rate)
                gamma.assemble(g, share, 1.0)
            return 1.0 / settling.rate

        return follow


_SCHEMES = {"reference": ReferenceScheme, "convergent": ConvergentScheme}


def make_scheme(scheme):
    """Return the scheme that an argument stands for, or raise ValueError."""
    if isinstance(scheme, str) and scheme in _SCHEMES:
        return _SCHEMES[scheme]()
    if not isinstance(scheme, tuple(_SCHEMES.values())):
        raise ValueError(
            "scheme must be 'reference', 'convergent', a ReferenceScheme or a "
            f"ConvergentScheme, got {scheme!r}."
        )
    return scheme


def _rate(it, start, decay, floor):
    """Return 1 before `start`, then a decay per iteration down to a floor."""
    late = np.maximum((1.0 - decay) ** (it - start + 1), floor)
    return np.where(it >= start, late, 1.0)


def _check_damping(name, value):
    """Return start, decay and floor of a rate, or raise ValueError."""
    with errors_name(name):
        value = tuple(check_numbers(value, name, ndim=1).tolist())
    if len(value) != 3 or value[0] < 0 or not (0 <= value[1] < 1 and 0 < value[2] <= 1):
        raise ValueError(
            f"{name} must be (first iteration, decay below 1, smallest rate), got "
            f"{value}."
        )
    return value
