"""What rules of strengths ask of a smoothness that follows the solution."""

from typing import NamedTuple

import numpy as np

from ..model_selection._penalty_norms import SquaredNorm
from ..utils._parallel import single_blas_thread
from ._adaptive import Following
from ._plane_norm import PlaneNorm
from ._plane_system import MANY_BINS


class AdaptiveNorm(NamedTuple):
    """The logarithmic penalty of distributions, with the floor of each signal."""

    penalty: Following
    """The penalty."""
    floors: np.ndarray
    """Squared difference above which smoothness gives way, (n_signals,)."""
    settings: tuple
    """Number of bins per axis, and order of the differences."""
    n_constants: int
    """Number of parameters of a signal that are not penalised, such as a baseline."""

    power = 1.0

    def at(self, model):
        """Return the norm of the signals that another model was fitted to."""
        return self._replace(floors=model._penalty_norm("smoothness").floors)

    def weights(self, F):
        """Return the weights of the bins that F (n_signals, n_bins) gives, same shape.

        Those of constant smoothness are 1.
        """
        pairs = zip(F, self.floors, strict=True)
        return np.array([self.penalty.relaxed(f, floor)[0] for f, floor in pairs])

    def norms(self, F, per_signal):
        """Return the penalty of F (n_signals, n_bins) without its strength, or each."""
        pairs = zip(F, self.floors, strict=True)
        values = np.array([self.penalty.relaxed(f, floor)[1] for f, floor in pairs])
        return values if per_signal else values.sum()

    def count_all(self, K, weight, strength, F, is_linear):
        """Return the effective parameters of F (n_signals, n_bins), with one strength.

        They are those of the last weighted fit.
        """
        strengths = np.full(len(F), strength)
        return self.count_each(K, weight, strengths, F, is_linear)

    def count_each(self, K, weight, strengths, F, is_linear):
        """Return the same with a strength for each, (n_signals,)."""
        counts = np.empty(len(F))
        with single_blas_thread():
            for k, bins in enumerate(self.weights(F)):
                part = slice(k, k + 1)
                given = K, weight, strengths[part], F[part], is_linear
                norm = SquaredNorm(self.penalty.matrix(bins), 0)
                if F.shape[1] > MANY_BINS:
                    norm = PlaneNorm(norm.matrix, *self.settings, 0)
                    counts[k] = norm.count_weighted(*given)
                else:
                    counts[k] = norm.count_each(*given)[0]
        return counts
