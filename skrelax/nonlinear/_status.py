"""What became of each voxel."""

import enum
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning


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


def warn_status(status, stacklevel=4):
    """Warn of voxels without a converged fit, by number."""
    counts = np.bincount(np.ravel(status), minlength=len(FitStatus))
    wrong = {
        one: counts[one]
        for one in FitStatus
        if counts[one] and one not in (FitStatus.CONVERGED, FitStatus.MASKED)
    }
    if wrong:
        words = ", ".join(f"{count} {one.label}" for one, count in wrong.items())
        total = counts.sum() - counts[FitStatus.MASKED]
        warnings.warn(
            f"{sum(wrong.values())} of {total} fits are not converged: {words}. See "
            "status_.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
