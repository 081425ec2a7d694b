"""The constants of the penalties that follow a distribution."""

import math
import numbers

from ...utils._sklearn import Interval, StrOptions
from ...utils._validation import check_number, check_numbers, check_range
from ._checks import Settings, check_penalty, check_positive

_POSITIVE = Interval(numbers.Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(numbers.Real, 0, None, closed="left")
# Slopes lower the penalty this many times as much as curvature does, if none is given.
_SLOPE = 5.0


class AdaptivePenalty(Settings):
    r"""Penalties that follow the distribution, with the symbols of their paper.

    They are those of [1]_: second differences cost less where the distribution g has
    curvature or slope, slopes cost more where it crosses zero, and the ends of
    logarithmic axes are kept at zero:

    .. math:: \gamma_i = \alpha_0 h_i^5 + \alpha_p h_i \max (P_i g)^2
              + \alpha_c \max (G_i g)^2 / h_i

    is the inverse of the uniform penalty of direction i, with its step h, its slopes P
    and its second differences G.

    Parameters
    ----------
    strength : float, default=1.0
        Common factor of all penalties, :math:`\alpha_{00}`.
    floor : float or list of float, default=1e-4
        Part of :math:`\gamma` that does not depend on g, :math:`\alpha_0`.
    curvature : float, list of float or None, default=None
        How much curvature lowers the uniform penalty, :math:`\alpha_c`. None takes
        ``2 * step / n_data * n_bins``, with the last step of the axis.
    slope : float, list of float or None, default=None
        How much slope lowers it, :math:`\alpha_p`. None takes five times `curvature`.
    crossing_limit : float, default=1.0
        Largest zero crossing penalty relative to the uniform one (``zc_max`` of
        ILTpy); 0 is none.
    boundary : float or list of float, default=50.0
        Penalty of the two outermost bins at both ends of logarithmic axes,
        :math:`\alpha_{bc}`; 0 is none.
    negative : float, default=0.0
        Penalty of negative bins, :math:`\alpha_{nn}`; 1000 all but forbids them.
    windows : tuple of int, default=(3, 3, 3)
        Odd numbers of bins in the moving maxima of curvature, slope and crossings.
    count : {"points", "singular-values"}, default="points"
        Whether ``n_data`` of the default `curvature` counts data points or, as ILTpy
        does, the singular values that a compression leaves.

    See Also
    --------
    MultiDimRegularizedILT : The inversion that takes these penalties.

    Notes
    -----
    A list has one value per axis of X, or one per axis of the distribution where
    channels are axes as well; channels without a value take that of the first axis.

    References
    ----------
    .. [1] J. Granwehr and P. J. Roberts, "Inverse Laplace transform of
       multidimensional relaxation data without non-negativity constraint",
       J. Chem. Theory Comput. 8 (2012) 3473. https://doi.org/10.1021/ct3001393

    Examples
    --------
    >>> from skrelax import AdaptivePenalty, MultiDimRegularizedILT
    >>> ilt = MultiDimRegularizedILT("T2", penalty=AdaptivePenalty(negative=1000.0))
    >>> ilt.set_params(penalty__strength=10.0).penalty
    AdaptivePenalty(negative=1000.0, strength=10.0)
    """

    _parameter_constraints: dict = {
        "strength": [_POSITIVE],
        "floor": [_POSITIVE, "array-like"],
        "curvature": [_NOT_NEGATIVE, "array-like", None],
        "slope": [_NOT_NEGATIVE, "array-like", None],
        "crossing_limit": [_NOT_NEGATIVE],
        "boundary": [_NOT_NEGATIVE, "array-like"],
        "negative": [_NOT_NEGATIVE],
        "windows": ["array-like"],
        "count": [StrOptions({"points", "singular-values"})],
    }

    def __init__(
        self,
        strength=1.0,
        *,
        floor=1e-4,
        curvature=None,
        slope=None,
        crossing_limit=1.0,
        boundary=50.0,
        negative=0.0,
        windows=(3, 3, 3),
        count="points",
    ):
        self.strength = strength
        self.floor = floor
        self.curvature = curvature
        self.slope = slope
        self.crossing_limit = crossing_limit
        self.boundary = boundary
        self.negative = negative
        self.windows = windows
        self.count = count

    def _check(self):
        super()._check()
        for name in ("strength", "negative", "crossing_limit"):
            check_range(check_number(getattr(self, name), name), name, 1e-100, 1e100)

    def _fixed(self, axes, n_data):
        """Return a copy for these axes: one number per axis, nothing left open.

        Parameters
        ----------
        axes : Axes
            Axes of the distribution.
        n_data : float
            Number of data that the default of `curvature` counts.
        """

        def spread(name):
            return axes.per_axis(name, getattr(self, name), check_penalty)

        windows = _check_windows(self.windows)
        rule = 2.0 * axes.last_steps / n_data * math.prod(axes.shape)
        curvature = tuple(rule) if self.curvature is None else spread("curvature")
        slope = tuple(_SLOPE * value for value in curvature)
        if self.slope is not None:
            slope = spread("slope")
        boundary = zip(spread("boundary"), axes.is_log, axes.shape, strict=True)
        return AdaptivePenalty(
            float(self.strength),
            floor=axes.per_axis("floor", self.floor, check_positive),
            curvature=curvature,
            slope=slope,
            crossing_limit=float(self.crossing_limit),
            boundary=tuple(
                value if log and size > 1 else 0.0 for value, log, size in boundary
            ),
            negative=float(self.negative),
            windows=windows,
            count=self.count,
        )


def make_penalty(penalty):
    """Return the AdaptivePenalty that an argument stands for, or raise ValueError."""
    if penalty is None:
        return AdaptivePenalty()
    if not isinstance(penalty, AdaptivePenalty):
        raise ValueError(
            f"penalty must be an AdaptivePenalty or None, got {penalty!r}."
        )
    return penalty


def _check_windows(windows):
    """Return the three widths of the moving maxima."""
    widths = check_numbers(windows, "windows", ndim=1)
    if widths.size != 3 or not ((widths >= 1) & (widths % 2 == 1)).all():
        raise ValueError(f"windows must be three odd numbers, got {windows}.")
    if widths.max() > 1e6:
        raise ValueError(f"windows must not be wider than any grid, got {windows}.")
    return tuple(int(n) for n in widths)
