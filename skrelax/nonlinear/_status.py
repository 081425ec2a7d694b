"""What became of each voxel."""

import enum
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning


# Residuals below this fraction of a given noise level contradict it.
_TOO_QUIET = 0.5


class FitStatus(enum.IntEnum):
    """What became of the fit of a voxel.

    Only ``CONVERGED`` voxels have parameters that can be trusted with their standard
    errors. ``AT_BOUND`` holds the minimum within the bounds and ``NOT_IDENTIFIABLE``
    the minimum of a sum of squares that hardly depends on a parameter; the others are
    nan. :class:`NonlinearRelaxationFit` states the limits of both.
    """

    CONVERGED = 0
    AT_BOUND = 1
    NOT_IDENTIFIABLE = 2
    NO_SIGNAL = 3
    FAILED = 4
    MASKED = 5

    @property
    def label(self):
        """The status in words."""
        return self.name.lower().replace("_", " ")

    @property
    def message(self):
        """What the status says of the fit."""
        return _MESSAGES[self]


_MESSAGES = {
    FitStatus.CONVERGED: "ok",
    FitStatus.AT_BOUND: "the minimum is at a limit of the search",
    FitStatus.NOT_IDENTIFIABLE: "the acquisition does not determine a parameter",
    FitStatus.NO_SIGNAL: "no signal above the noise",
    FitStatus.FAILED: "no minimum was found",
    FitStatus.MASKED: "masked",
}


def status_words(status):
    """Return how many voxels have each status, in words."""
    counts = np.bincount(status, minlength=len(FitStatus))
    return ", ".join(f"{counts[one]} {one.label}" for one in FitStatus if counts[one])


def warn_status(status, stacklevel=4):
    """Warn of voxels without a converged fit, by number."""
    tried = np.ravel(status)
    tried = tried[tried != FitStatus.MASKED]
    wrong = tried[tried != FitStatus.CONVERGED]
    if wrong.size:
        warnings.warn(
            f"{wrong.size} of {tried.size} fits are not converged: "
            f"{status_words(wrong)}. See status_.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


def warn_noise(noise_std, y, fits, free, stacklevel=4):
    """Warn if residuals of signals y (n_points, n_signals) lie far below a noise level.

    `free` are the degrees of freedom of a signal.
    """
    # Norms of what is scaled by the largest value, whose squares are no doubles else.
    size = np.abs(y).max(axis=0, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        norm = size * np.sqrt(((y / size) ** 2).sum(axis=0))
        ratio = fits.relative_error * norm / (np.sqrt(max(1, free)) * noise_std)
    ratio = ratio[np.isfinite(ratio)]
    if ratio.size and np.median(ratio) < _TOO_QUIET:
        warnings.warn(
            f"noise_std={noise_std:g} is {1.0 / np.median(ratio):.3g} times what the "
            "residuals say (median over signals); magnitudes of such noise would "
            "scatter more, so these fits take too much from them.",
            stacklevel=stacklevel,
        )
