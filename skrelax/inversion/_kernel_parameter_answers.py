"""What batches, mappers and plots learn of signals with their own settings."""

import numpy as np

from ..kernels._builder import bin_names
from ..nonlinear._status import FitStatus
from ._kernel_parameter_fits import innermost
from ._linear import CoefficientsMixin

_MESSAGES = {
    FitStatus.AT_BOUND: "the setting or the strength is at an end of its range",
    FitStatus.NOT_IDENTIFIABLE: "the kernel does not depend on the setting",
    FitStatus.NO_SIGNAL: "nothing of the signal is explained, beyond noise",
    FitStatus.FAILED: "the signal or its known value is not finite",
}


class SettingAnswers(CoefficientsMixin):
    """The answers of a KernelParameterSearch."""

    _tells_convergence = True
    _takes_missing = True
    _takes_known = "values"

    def _chosen(self):
        return {self.parameter: self.value_} | self._choices

    def _codes(self):
        return np.atleast_1d(self.status_)

    def _codes_to_tell(self):
        # Many angles are at the end of their range, 180 degrees, as they should be.
        codes = self._codes()
        return np.where(codes == FitStatus.AT_BOUND, FitStatus.CONVERGED, codes)

    def _convergence(self, n_signals):
        codes = [FitStatus(code) for code in self._codes()]
        status = np.array([code.label for code in codes], dtype=object)
        message = [_MESSAGES.get(code, code.message) for code in codes]
        return status, np.array(message, dtype=object)

    def _describe_signals(self, found, n_signals, min_share):
        # It knows better than the numbers why there are none.
        columns = super()._describe_signals(found, n_signals, min_share)
        status, message = self._convergence(n_signals)
        return columns | {"status": status, "message": message}

    def _own_kernel(self, X):
        return self._kernels.at(float(self.value_), X)

    def _root_residuals(self):
        return np.atleast_1d(self.residual_)

    def _noise_found(self):
        return np.atleast_1d(self.noise_std_)

    def _bin_names(self):
        return bin_names(self._grid.axis_names, self._grid.grids)

    def _baselines(self):
        return self.intercept_ if innermost(self._inversion).fit_intercept else None

    def _count_free(self, rest):
        used = np.count_nonzero(np.atleast_2d(self.coef_), axis=1)
        used += bool(innermost(self._inversion).fit_intercept)
        return np.count_nonzero(rest.weight, axis=0) - used
