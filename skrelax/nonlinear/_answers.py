"""What batches, mappers and plots learn of a fit of parameters."""

import numpy as np

from ..utils._answers import Answers
from ._status import FitStatus

# What a map may hold of each voxel, in this order.
_OUTPUTS = ("params", "stderr", "r2", "relative_error", "status")


class FitAnswers(Answers):
    """The answers of a NonlinearRelaxationFit."""

    _takes_missing = True
    # Whether signals are magnitudes is told from the signs of all.
    _sees_all_signs = True
    _tells_convergence = True

    def _read_models(self):
        return (self.model_,) if hasattr(self, "model_") else ()

    def _describe_signals(self, found, n_signals, min_share):
        names, errors = self.param_names_, np.atleast_2d(self.stderr_).T
        columns = dict(zip(names, np.atleast_2d(self.params_).T, strict=True))
        for name, values in zip(names, errors, strict=True):
            columns[f"{name} stderr"] = values
        codes = [FitStatus(code) for code in np.atleast_1d(self.status_)]
        return columns | {
            "score": np.atleast_1d(self.r2_),
            "status": np.array([code.label for code in codes], dtype=object),
            "message": np.array([code.message for code in codes], dtype=object),
        }

    def _count_free(self, rest):
        n_channels = 2 if np.iscomplexobj(rest.signals) else 1
        n_points = np.count_nonzero(rest.weight)
        free = n_channels * (n_points - len(self.model_.amplitudes))
        return free - len(self.model_.parameters)

    def _has_outputs(self):
        return True

    def _output_names(self, include):
        names = []
        for column in _OUTPUTS:
            if column not in include:
                continue
            if column == "params":
                names += self.param_names_
            elif column == "stderr":
                names += [f"{name} stderr" for name in self.param_names_]
            else:
                names.append(column.replace("_", " "))
        return np.asarray(names, dtype=object)

    def _outputs(self, include, only_converged):
        params, stderr = np.atleast_2d(self.params_), np.atleast_2d(self.stderr_)
        codes = self._codes()
        if only_converged:
            lost = (codes != FitStatus.CONVERGED)[:, None]
            params = np.where(lost, np.nan, params)
            stderr = np.where(lost, np.nan, stderr)
        found = {
            "params": params,
            "stderr": stderr,
            "r2": np.atleast_1d(self.r2_)[:, None],
            "relative_error": np.atleast_1d(self.relative_error_)[:, None],
            "status": codes[:, None].astype(np.float64),
        }
        columns = [found[name] for name in _OUTPUTS if name in include]
        return np.concatenate(columns, axis=1)

    def _codes(self):
        return np.atleast_1d(self.status_)
