"""How the convergent scheme goes on from one distribution to the next."""

import numpy as np

# Rate at which weights follow the distribution while the floor of gamma is lowered.
_PATH_RATE = 0.3
# After that, two steps of one direction raise the rate, two of opposite ones lower it.
_FASTER, _SLOWER, _SLOWEST = 1.1, 0.7, 0.1
# Steps whose cosine is above this have one direction.
_ALIGNED = 0.5
# What has not settled after so many iterations goes round its fixed point, which a
# small rate damps.
_LATE, _LATE_RATE = 200, 0.2
# Relative change below which steps are extrapolated, from so many of them.
_NEAR, _N_KEPT = 1e-4, 10
# A change that is larger than the smallest by this factor ends that: the iteration
# takes its rate from here, and the next attempt waits for a change smaller by this.
_GROWTH, _RATE_AFTER, _NEARER = 2.0, 0.5, 0.3
# Combinations of steps below this fraction of the largest are rounding.
_KNOWN = 1e-8


class Settling:
    """The distributions that weights are taken from, one after another.

    Far from the fixed point each is the one that was found last, and weights follow it
    at a rate. Near it, where changes shrink as those of a linear map, it is
    extrapolated from the steps before.

    Parameters
    ----------
    n_path : int
        Iterations for which the penalty itself changes.

    Attributes
    ----------
    rate : float
        Rate at which weights follow in this iteration.
    """

    def __init__(self, n_path):
        self.n_path, self.rate, self.pace = n_path, 1.0, 1.0
        self.tried = self.change = self.kept = self.best = None
        self.near = _NEAR

    def go_on(self, it, found):
        """Return the distribution (n_cells,) of iteration `it`, and set its rate.

        found is what the iteration before gave; the first weights have no predecessor
        to be averaged with.
        """
        following, self.rate, before = found, 1.0, self.rate
        if it > 0:
            change = found - self.tried
            size = np.linalg.norm(change) / max(np.linalg.norm(found), 1e-300)
            if it <= self.n_path:
                self.rate = _PATH_RATE
            elif self.kept is None:
                self._follow(it, found, change, size / before)
            else:
                following = self._extrapolate(found, change, size)
            self.change = change
        self.tried = following
        return following

    def _follow(self, it, found, change, size):
        """Take what was found, at a rate that the last two steps agree on."""
        if size < self.near:
            self.kept, self.best = KeptSteps(), (size, found)
            return
        if self.change is not None and it > self.n_path + 1:
            scale = np.linalg.norm(change) * np.linalg.norm(self.change)
            cosine = change @ self.change / max(scale, 1e-300)
            if cosine < 0.0:
                self.pace = max(self.pace * _SLOWER, _SLOWEST)
            elif cosine > _ALIGNED:
                self.pace = min(self.pace * _FASTER, 1.0)
        if it >= _LATE:
            self.pace = min(self.pace, _LATE_RATE)
        self.rate = self.pace

    def _extrapolate(self, found, change, size):
        """Return where the steps before lead, or the best one if that failed."""
        if size < self.best[0]:
            self.best = size, found
        if size <= _GROWTH * self.best[0]:
            return self.kept.extrapolate(self.tried, change)
        best, self.kept = self.best[1], None
        self.near *= _NEARER
        self.pace = _RATE_AFTER
        return best


class KeptSteps:
    """Anderson's extrapolation of a fixed-point iteration [1]_.

    References
    ----------
    .. [1] D. G. Anderson, "Iterative procedures for nonlinear integral equations",
       J. ACM 12 (1965) 547. https://doi.org/10.1145/321296.321305
    """

    def __init__(self):
        self.moves, self.turns, self.last = [], [], None

    def extrapolate(self, x, change):
        """Return the distribution after x, where the map moved x by a change."""
        if self.last is not None:
            self.moves.append(x - self.last[0])
            self.turns.append(change - self.last[1])
            del self.moves[:-_N_KEPT], self.turns[:-_N_KEPT]
        self.last = x, change
        following = x + change
        if self.turns:
            turns = np.array(self.turns)
            shares = np.linalg.lstsq(turns.T, change, rcond=_KNOWN)[0]
            following -= shares @ (np.array(self.moves) + turns)
        return following
