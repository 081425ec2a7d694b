"""Numbers of fitted estimators, and the fits that they are taken from."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from ..utils._inspect import fit_weighted, looking_at
from ..utils._parallel import split_slices
from ..utils._warnings import held_reports
from ._functionals import Custom, number_of
from ._scales import SCALES

# Estimators that are held at once.
_TOGETHER = 50
_DESCRIBED = "a fitted estimator"


@dataclass(frozen=True)
class OfEstimator(Custom):
    """Number of a fitted estimator: what it predicts, or what it has chosen.

    Its intervals are made of refits, each of which is fitted again for it, in parallel
    with the `n_jobs` of :func:`bootstrap_distribution`: as many fits as refits for each
    function, whose values the result remembers.

    Parameters
    ----------
    function : callable
        Takes the estimator that was given, fitted to one signal, and returns a number.
    scale : {"number", "share", "time"}, default="number"
        Kind of the number: ``"share"`` is from 0 to 1, ``"time"`` is positive, as are
        strengths and other factors.

    Raises
    ------
    ValueError
        If `scale` is none of these.
    TypeError
        If `function` is not callable.

    See Also
    --------
    UncertaintyResult.interval : Takes it.

    Notes
    -----
    What a fit predicts, a baseline or a strength is no number of its distribution, so
    that there are no bounds of it: its methods are ``"unpenalised"``, ``"parametric"``
    and ``"residual"``. A MultiDimRegularizedILT is fitted again with the noise of the
    first fit; a search around it chooses anew, which `samples` do not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.uncertainty import OfEstimator, bootstrap_distribution
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(40)
    >>> signal = np.exp(-times[:, 0] / 0.1) + noise
    >>> inversion = make_pipeline(KernelBuilder("T2"), SmoothLasso(smoothness=1e-2))
    >>> result = bootstrap_distribution(
    ...     inversion, times, signal, method="unpenalised", random_state=0
    ... )
    >>> first = OfEstimator(lambda fitted: fitted.predict([[0.0]])[0])
    >>> lower, upper = result.interval(first)
    >>> bool(lower < 1.0 < upper < 1.1)                     # the truth
    True
    """

    function: object
    scale: str = "number"

    def __post_init__(self):
        """Check both."""
        if not callable(self.function):
            raise TypeError(
                "function must be callable, and take a fitted estimator, got "
                f"{self.function!r}."
            )
        if not isinstance(self.scale, str) or self.scale not in SCALES:
            raise ValueError(
                f"scale must be one of {list(SCALES)}, got {self.scale!r}."
            )

    def __call__(self, estimator):
        """Return the number of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            It is fitted to one signal.

        Returns
        -------
        float
            The number.

        Raises
        ------
        ValueError
            If the function raises or returns no number, or no share for
            ``scale="share"``.
        """
        value = number_of(self.function, (estimator,), _DESCRIBED)
        return float(self._of_values(np.array([value]))[0])

    def _of_values(self, values):
        """Return what the function has returned, nan for what is no time."""
        # Of an estimator nobody knows that a share may be negative.
        return self._on_scale(values, np.empty((0, 0)))


class Refits:
    """The fit of a result, and the signals that it has drawn, to be fitted again."""

    def __init__(
        self, estimator, fitted, X, sample_weight, draw, n_jobs, near=None, problem=None
    ):
        """Take what was fitted, and what returns the signals (n_points, n_refits).

        `near` are the strengths that searches of refits look at, None for their own;
        `problem` returns what bounds are made of, None for a fit that has none.
        """
        self.estimator, self.fitted, self.X = estimator, fitted, X
        self.sample_weight, self.draw = sample_weight, draw
        self.near, self.n_jobs, self.problem = near, n_jobs, problem
        self._known = []

    def __getstate__(self):
        """Leave out what is remembered, and estimators that cannot be pickled."""
        state = self.__dict__ | {"_known": []}
        try:
            pickle.dumps((self.estimator, self.fitted))
        except (pickle.PicklingError, AttributeError, TypeError):
            # A kernel of the caller's own may be a lambda. What bounds are made of are
            # numbers, so that statuses stay what they are.
            lost = dict.fromkeys(("estimator", "fitted", "draw"))
            state |= lost | {"problem": _Told(self.make_problem())}
        return state

    def make_problem(self):
        """Return what bounds of the signal are made of, or None."""
        if self.problem is None:
            return None
        try:
            return self.problem()
        except ValueError:
            # Too few points for residuals: bounds need the noise, and refits had it.
            return None

    def values(self, number):
        """Return an OfEstimator of the fit and of all refits, (1 + n_refits,)."""
        if self.fitted is None:
            raise ValueError(
                "function must be one of a distribution: this result is a copy without "
                "its estimator, which cannot be pickled."
            )
        function = number.function
        for known, values in self._known:
            if known is function:
                return number._of_values(values)
        # Whatever it does to an estimator, nobody sees that again.
        found = [number_of(function, (copy.deepcopy(self.fitted),), _DESCRIBED)]
        near = looking_at(self.estimator, self.near)
        signals = self.draw().T
        for part in split_slices(len(signals), -(-len(signals) // _TOGETHER)):
            fits = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_again)(near, self.X, signal, self.sample_weight)
                for signal in signals[part]
            )
            # Functions are called here, in order, and need not go to processes.
            found += [number_of(function, (fitted,), _DESCRIBED) for fitted in fits]
        values = np.array(found)
        self._known.append((function, values))
        return number._of_values(values)


@dataclass(frozen=True)
class _Told:
    """What is returned when it is called."""

    value: object

    def __call__(self):
        """Return it."""
        return self.value


def _fit_again(estimator, X, y, sample_weight):
    # Of refits it says nothing what the fit itself does not tell.
    with held_reports():
        return fit_weighted(estimator, X, y, sample_weight)
