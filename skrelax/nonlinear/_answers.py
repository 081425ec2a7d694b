"""What batches, mappers and plots learn of a fit of parameters."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..signals._checks import check_positive
from ..utils._answers import Answers
from ..utils._validation import check_acquisition
from ._choice import find_axes
from ._inputs import check_known, check_signals, check_weights, find_limits
from ._parts import RootWeights
from ._profiles import Profiles
from ._status import FitStatus


class FitAnswers(Answers):
    """The answers of a NonlinearRelaxationFit."""

    _takes_missing = True
    # Whether signals are magnitudes is told from the signs of all.
    _sees_all_signs = True
    _tells_convergence = True
    _takes_known = "names"
    _map_columns = (
        "params", "stderr", "intervals", "r2", "relative_error", "n_points", "status",
    )  # fmt: skip
    _default_columns = ("params", "stderr", "status")

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
        n_points = np.count_nonzero(rest.weight, axis=0)
        free = n_channels * (n_points - len(self.model_.amplitudes))
        return free - len(self.model_.parameters)

    def _has_outputs(self):
        return True

    def _own_columns(self, only_converged):
        params, stderr = np.atleast_2d(self.params_), np.atleast_2d(self.stderr_)
        codes, names = self._codes(), list(self.param_names_)
        if only_converged:
            lost = (codes != FitStatus.CONVERGED)[:, None]
            params = np.where(lost, np.nan, params)
            stderr = np.where(lost, np.nan, stderr)
        errors = np.atleast_1d(self.relative_error_)[:, None]
        return {
            "params": (names, params),
            "stderr": ([f"{name} stderr" for name in names], stderr),
            "r2": (["r2"], np.atleast_1d(self.r2_)[:, None]),
            "relative_error": (["relative error"], errors),
            "n_points": (["n_points"], np.atleast_1d(self.n_points_)[:, None] * 1.0),
            "status": (["status"], codes[:, None].astype(np.float64)),
        }

    def _codes(self):
        return np.atleast_1d(self.status_)

    def _interval_columns(self, measured, only_converged, level, verbose=0):
        X, y, known = measured
        profiles = self._profiles(X, y, None, known)
        if only_converged:
            profiles = profiles.only(self._codes() == FitStatus.CONVERGED)
        found = profiles.intervals(profiles.names, level, self.n_jobs, verbose)
        names, columns = [], []
        for name, values in zip(
            self.param_names_, np.atleast_2d(self.params_).T, strict=True
        ):
            names += [f"{name} lower", f"{name} upper"]
            # What is known has no uncertainty.
            ends = found[name][:2] if name in found else (values, values)
            columns += ends
        return names, np.stack(columns, axis=1)

    def _profiles(self, X, y, sample_weight, known):
        check_is_fitted(self)
        X = self._check_points(X, reset=False)
        points = X[:, self._columns]
        check_acquisition(points, self.model_)
        y, _ = check_signals(X, y, "profile_parameters")
        n_signals = len(self._values)
        if y.size != len(X) * n_signals:
            raise ValueError(
                f"y must be the signals that were fitted, {n_signals} of them, got "
                f"shape {y.shape}."
            )
        y, weight = y.reshape(len(X), n_signals), np.ones(len(X))
        if np.iscomplexobj(y) != (self._coef.shape[1] == 2):
            raise ValueError(
                "y must be the signals that were fitted: one of them and the fit are "
                "complex, the other is real."
            )
        if sample_weight is not None:
            weight = check_weights(sample_weight, X)
        keep = slice(None) if weight.all() else np.flatnonzero(weight > 0)
        known = check_known(known, self.model_, self.bounds, n_signals)
        if tuple(known) != self._known_names:
            raise ValueError(
                f"known must name {list(self._known_names)} as in fit, got "
                f"{list(known)}."
            )
        if self.noise_std is not None:
            check_positive("noise_std", self.noise_std)
        points = points[keep]
        axes = find_axes(self.model_, find_limits(self.model_, points, self.bounds))
        profiles = Profiles(
            model=self.model_,
            points=points,
            axes=[axis for axis in axes if axis.name not in known],
            weights=RootWeights.of(weight[keep]),
            y=y[keep],
            values=self._values,
            coef=self._coef,
            known=np.stack([np.zeros(n_signals), *known.values()], axis=1)[:, 1:],
            given=frozenset(self.bounds or ()),
            is_magnitude=self.magnitude_,
            is_rician=self.noise == "rician",
            noise_std=self.noise_std,
        )
        # Others may have ended where tables of the model are not accurate.
        converged = self._codes() == FitStatus.CONVERGED
        errors = np.atleast_1d(self.relative_error_)
        profiles.check_fitted(np.where(converged, errors, np.nan))
        return profiles
