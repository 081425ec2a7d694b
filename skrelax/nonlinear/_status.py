"""What became of each voxel."""

import enum

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..utils._warnings import give_warning


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


def warn_status(status):
    """Warn of voxels without a converged fit, by number."""
    tried = np.ravel(status)
    tried = tried[tried != FitStatus.MASKED]
    wrong = tried[tried != FitStatus.CONVERGED]
    if wrong.size:
        give_warning(
            f"{wrong.size} of {tried.size} fits are not converged: "
            f"{status_words(wrong)}. See status_.",
            ConvergenceWarning,
        )


def warn_noise(noise_std, quiet):
    """Warn of signals (n,) whose residuals contradict a level of noise, by number."""
    if quiet.any():
        give_warning(
            f"noise_std={noise_std:g} is far above the residuals of {quiet.sum()} of "
            f"{quiet.size} signals; magnitudes of such noise would scatter more, and a "
            "fit takes from these what is not there.",
        )
