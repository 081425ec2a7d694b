"""What is known of each fit besides its signal."""

from typing import NamedTuple

import numpy as np


class Own(NamedTuple):
    """What is known of each of n fits besides its signal."""

    known: np.ndarray | None = None
    """Values of parameters that are not fitted, (n, K)."""
    there: np.ndarray | None = None
    """Ones, and zeros where points are missing, (n, N); None where none is."""

    def take(self, chosen):
        """Return the same of some of the fits."""
        return Own(*(None if part is None else part[chosen] for part in self))

    def options(self):
        """Return what a problem wants to know of it."""
        found = {} if self.there is None else {"there": self.there}
        return found if self.known is None else found | {"known": self.known}

    def count_points(self, n_points):
        """Return the number of points of all fits, or of each, (n,)."""
        return n_points if self.there is None else self.there.sum(axis=1)

    def weigh(self, root_weight):
        """Return roots of weights (N, 1 or n)."""
        if self.there is None:
            return root_weight[:, None]
        return root_weight[:, None] * self.there.T
