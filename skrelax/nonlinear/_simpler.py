"""Whether a model with fewer parameters confirms what a fit says.

Standard errors are those of a model that is linear over their size. Where a constant
and a slow decay cannot be told apart, say, they are far too small: the decay without a
constant explains the signal as well, with a relaxation time that lies many standard
errors away.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ._choice import choose_problem
from ._inputs import find_limits
from ._report import of_freedom

# Standard errors of logarithms up to this are believed.
_BELIEVED = 0.05
# Level of the test whether the simpler model explains as much. Its parameters are then
# at most the root of the gain in variances of the noise away, in standard errors, if
# the model is linear over them; twice that, and no less than three, is too far.
_LEVEL, _TOO_FAR, _FAR = 0.01, 2.0, 3.0


@dataclass(frozen=True)
class Simpler:
    """The problem of a simpler model on the same points.

    `places` are the coordinates of both that have one name, (own, of the simpler one);
    `fewer` is the number of parameters that it lacks.
    """

    problem: object
    places: tuple
    fewer: int

    @classmethod
    def of(cls, model, points, bounds, root_weight, magnitude):
        """Return that of a model, or None if it has no simpler one."""
        simple = model.simpler
        if simple is None:
            return None
        names = [parameter.name for parameter in simple.parameters]
        own = [parameter.name for parameter in model.parameters]
        bounds = {name: ends for name, ends in (bounds or {}).items() if name in names}
        limits = find_limits(simple, points, bounds)
        problem = choose_problem(simple, points, limits, root_weight, magnitude)
        places = tuple((own.index(name), k) for k, name in enumerate(names))
        count = len(own) + len(model.amplitudes)
        return cls(problem, places, count - len(names) - len(simple.amplitudes))

    def contradicts(self, Y, solution, errors, noise, stop, own):
        """Return which fits (n,) the simpler model explains as well, but otherwise.

        `errors` (n, P) are those of the coordinates of the fits of Y (n, C, N), `noise`
        its variance (n,) and the degrees of freedom of that, of all fits or of each, or
        None if it is known; `own` is what is known of the voxels.
        """
        variance, free = noise
        doubtful = np.zeros(len(Y), dtype=bool)
        places = [place for place, _ in self.places]
        with np.errstate(invalid="ignore"):
            asked = (errors[:, places] > _BELIEVED).any(axis=1)
        asked &= np.isfinite(solution.u).all(axis=1)
        if not asked.any():
            return doubtful
        options = own.take(asked).options()
        found = self.problem.solve(Y[asked], None, stop, **options)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            gain = np.maximum(found.rss - solution.rss[asked], 0.0)
            gain = gain / variance[asked]
            as_good = gain <= _most_gain(free, self.fewer, len(Y))[asked]
            most = np.maximum(_FAR, _TOO_FAR * np.sqrt(gain))
            far = np.zeros(len(as_good), dtype=bool)
            for place, k in self.places:
                apart = np.abs(found.u[:, k] - solution.u[asked, place])
                far |= apart > most * errors[asked, place]
        doubtful[asked] = as_good & far
        return doubtful


def _most_gain(free, fewer, n):
    """Return the gain (n,) of `fewer` more parameters that noise alone may give.

    It is in variances of the noise, of which `free` are the degrees of freedom, of all
    fits or of each, (n,); None if it is known.
    """
    if free is None:
        return np.full(n, stats.chi2.isf(_LEVEL, fewer))
    gains = of_freedom(
        lambda count: fewer * stats.f.isf(_LEVEL, fewer, count), free, 0.0
    )
    return np.broadcast_to(gains, n)
