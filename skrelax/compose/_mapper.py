"""Turn a regressor on the acquisition into a transformer of voxels."""

import copy
import functools
import numbers
import re
import warnings

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from ..nonlinear import FitStatus
from ..nonlinear._status import warn_status
from ..utils._answers import answering
from ..utils._inspect import choosing_for_each, find_builder
from ..utils._parallel import split_slices
from ..utils._sklearn import BaseEstimator, HasMethods, Interval, _fit_context
from ..utils._validation import N_JOBS, errors_name, refuse_complex
from ..utils._warnings import collect_warnings, texts_of_signals

_COLUMNS = ("params", "stderr", "r2", "relative_error", "status")


class VoxelMapper(TransformerMixin, BaseEstimator):
    """Map rows of voxels to rows of parameters with any regressor of this suite.

    Parameters
    ----------
    estimator : estimator
        Regressor on the acquisition: a
        :class:`~skrelax.nonlinear.NonlinearRelaxationFit`, whose parameters are
        returned, or an inversion (a Pipeline with a KernelBuilder, say, or a
        :class:`~skrelax.MultiDimRegularizedILT`), whose distributions are.
    acquisition : array-like of shape (n_points, n_columns) or None, default=None
        X of the estimator; its rows are the columns of the voxels. None counts the
        points 1, 2, ..., so that times are in units of their spacing.
    include : tuple of str, default=("params", "stderr", "status")
        What to return of a nonlinear fit: some of ``"params"``, ``"stderr"``,
        ``"r2"``, ``"relative_error"`` and ``"status"``, in this order.
    only_converged : bool, default=True
        Whether parameters and standard errors of voxels with another status than
        converged are nan.
    chunk_size : int, default=20000
        Voxels per call of the estimator. It bounds the memory.
    n_jobs : int or None, default=None
        Number of chunks at a time, with the joblib backend of the context: threads,
        processes, or a cluster with ``joblib.parallel_config("dask")``.

    Attributes
    ----------
    estimator_ : estimator
        The estimator, fitted to one voxel.
    n_features_in_ : int
        Number of acquisition points.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the points, if the voxels were a frame with string names.

    See Also
    --------
    skrelax.nonlinear.NonlinearRelaxationFit : The fit of parameter maps.

    Notes
    -----
    Voxels are independent: chunks, their size and their order do not change a number.
    So a search, or a class with cross-validation, chooses for each voxel on its own,
    in a fit of one voxel at a time. Voxels that hold values which are not finite give
    nan, and so do constant ones where an inversion refuses them. There is one warning
    of each kind for all chunks.

    A Dask array of voxels is not loaded: `transform` gives a Dask array with the same
    chunks of rows, which are computed where and when Dask computes them, without a
    warning.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.compose import VoxelMapper
    >>> from skrelax.nonlinear import NonlinearRelaxationFit
    >>> times = np.array([[0.01], [0.02], [0.04], [0.08]])
    >>> voxels = np.exp(-times.T / np.array([[0.03], [0.05]]))
    >>> mapper = VoxelMapper(NonlinearRelaxationFit("T2"), times, include=("params",))
    >>> mapper.fit_transform(voxels).round(4)
    array([[1.  , 0.03],
           [1.  , 0.05]])
    >>> mapper.get_feature_names_out()
    array(['M0', 'T2'], dtype=object)
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"])],
        "acquisition": ["array-like", None],
        "include": [tuple, list],
        "only_converged": ["boolean"],
        "chunk_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        estimator,
        acquisition=None,
        include=("params", "stderr", "status"),
        only_converged=True,
        chunk_size=20_000,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.acquisition = acquisition
        self.include = include
        self.only_converged = only_converged
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Check that voxels and acquisition match; name the outputs.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Signals, one row per voxel.
        y : None
            Ignored.

        Returns
        -------
        VoxelMapper
            The mapper. Nothing is learned from the signals.

        Raises
        ------
        ValueError
            If the acquisition has another number of points than X, `include` names
            something else, or the estimator couples signals.
        TypeError
            If the estimator has neither parameters nor distributions to return.
        """
        if _is_dask(X):
            # One row of the right kind shows all that is checked.
            _check_two_axes(X)
            X = np.ones((1, X.shape[1]), dtype=X.dtype)
        X = self._validate(X, reset=True)
        unknown = [name for name in self.include if name not in _COLUMNS]
        if unknown or not self.include:
            raise ValueError(
                f"include must name some of {list(_COLUMNS)}, got {list(self.include)}."
            )
        n_points = X.shape[1]
        if n_points < 2:
            raise ValueError(
                f"X has n_features={n_points} acquisition point, two are needed."
            )
        acquisition = self.acquisition
        if acquisition is None:
            acquisition = np.arange(1.0, n_points + 1.0)[:, None]
        if sparse.issparse(acquisition):
            raise TypeError("acquisition must be dense, got a sparse matrix.")
        if len(acquisition) != n_points:
            raise ValueError(
                f"acquisition has {len(acquisition)} points, the voxels have "
                f"{n_points}."
            )
        # Copies: what the caller changes later must not reach what was fitted.
        self._acquisition = copy.deepcopy(acquisition)
        self._include = tuple(self.include)
        self._only_converged = self.only_converged
        coupling = answering(self.estimator)._coupling()
        if coupling is not None:
            raise ValueError(
                f"estimator has {coupling}, which would regularise voxels together; a "
                "VoxelMapper needs an estimator without it."
            )
        probe = np.linspace(1.0, 0.5, n_points)[:, None]
        with warnings.catch_warnings():
            # What becomes of the made-up signal is of no interest.
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", "the distributions explain|rule=")
            self.estimator_ = clone(self.estimator).fit(self._acquisition, probe)
        if not answering(self.estimator_)._has_outputs():
            raise TypeError(
                "estimator must end in a NonlinearRelaxationFit or in an inversion "
                f"with distributions, refitted by a search, got {self.estimator!r}."
            )
        return self

    def transform(self, X):
        """Return the parameters of voxels.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Signals, one row per voxel.

        Returns
        -------
        ndarray or dask.array.Array of shape (n_voxels, n_outputs)
            Columns as in :meth:`get_feature_names_out`.
        """
        check_is_fitted(self)
        if _is_dask(X):
            return self._transform_lazily(X)
        X = self._validate(X, reset=False)
        parts = split_slices(len(X), -(-len(X) // self.chunk_size))
        n_outputs = len(self.get_feature_names_out())
        # The rows of a chunk are all that a worker gets; results are stored as they
        # come, so that they are never held twice.
        rows = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            delayed(_map_rows)(
                self.estimator_, self._acquisition, X[part], self._include,
                self._only_converged, n_outputs,
            )
            for part in parts
        )  # fmt: skip
        out = np.empty((len(X), n_outputs))
        status = np.zeros(len(X), dtype=np.int8)
        told = {}
        for part, (values, codes, caught) in zip(parts, rows, strict=True):
            out[part] = values
            if codes is not None:
                status[part] = codes
            _merge(told, caught)
        for (category, _), (text, count) in told.items():
            more = "" if count == 1 else f" (and {count - 1} more of this kind)"
            warnings.warn(f"{text}{more}", category, stacklevel=2)
        warn_status(status)
        return out

    def _validate(self, X, reset):
        """Return voxels (n_voxels, n_points), which may hold nan."""
        refuse_complex(X, "X")
        with errors_name("X"):
            if np.ma.isMaskedArray(X):
                X = np.ma.filled(X.astype(np.float64), np.nan)
            return validate_data(
                self, X, dtype="numeric", ensure_all_finite=False, reset=reset
            )

    def _transform_lazily(self, X):
        """Return the Dask array of the parameters of a Dask array of voxels."""
        _check_two_axes(X)
        row = np.ones((1, X.shape[1]), dtype=X.dtype)
        validate_data(self, row, dtype="numeric", reset=False)
        n_outputs = len(self.get_feature_names_out())
        map_block = functools.partial(
            _map_block, estimator=self.estimator_, acquisition=self._acquisition,
            include=self._include, only_converged=self._only_converged,
            chunk_size=self.chunk_size, n_outputs=n_outputs,
        )  # fmt: skip
        # A voxel needs all its points.
        X = X.rechunk({1: -1})
        return X.map_blocks(
            map_block, dtype=np.float64, chunks=(X.chunks[0], (n_outputs,)),
            meta=np.empty((0, 0)),
        )  # fmt: skip

    def get_feature_names_out(self, input_features=None):
        """Return the names of the outputs.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str objects of shape (n_outputs,)
            For example ``"T1"``, ``"T1 stderr"`` and ``"status"``.
        """
        check_is_fitted(self)
        builder = find_builder(self.estimator_)
        if builder is not None:
            return builder.get_feature_names_out()
        return answering(self.estimator_)._output_names(self._include)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _is_dask(X):
    return hasattr(X, "__dask_graph__") and hasattr(X, "map_blocks")


def _check_two_axes(X):
    if X.ndim != 2:
        raise ValueError(f"voxels must be rows of a 2-D array, got shape {X.shape}.")


def _map_block(
    block, estimator, acquisition, include, only_converged, chunk_size, n_outputs
):
    """Return the outputs (n_voxels, n_outputs) of a block of a Dask array."""
    out = np.empty((len(block), n_outputs))
    for start in range(0, len(block), chunk_size):
        rows = slice(start, start + chunk_size)
        out[rows], *_ = _map_rows(
            estimator, acquisition, block[rows], include, only_converged, n_outputs
        )
    return out


def _merge(told, more):
    """Add texts and counts of warnings by kind to those of a dict."""
    for kind, (text, count) in more.items():
        first, before = told.get(kind, (text, 0))
        told[kind] = first, before + count


def _map_rows(estimator, acquisition, X, include, only_converged, n_outputs):
    """Return outputs (n_voxels, n_outputs) of a chunk, statuses or None, warnings."""
    signals = np.asarray(X).T
    last = answering(estimator)
    has_codes = last._codes() is not None
    shared = choosing_for_each(estimator)
    # A choice of strengths would be one for all voxels of a fit.
    chooses = shared is None and any(
        name.split("__")[-1] == "cv" for name in estimator.get_params()
    )
    estimator = estimator if shared is None else shared
    places = np.arange(signals.shape[1])
    if chooses or not last._takes_missing:
        places = np.flatnonzero(_usable(signals, last._takes_constant))
    out = np.full((signals.shape[1], n_outputs), np.nan)
    status = np.full(signals.shape[1], FitStatus.FAILED, dtype=np.int8)
    if has_codes and "status" in include:
        out[:, -1] = status
    with collect_warnings() as caught:
        for part in places[:, None] if chooses else [places] if places.size else []:
            fitted = answering(clone(estimator).fit(acquisition, signals[:, part]))
            rows = fitted._outputs(include, only_converged)
            if has_codes:
                status[part] = fitted._codes()
            if rows.shape[1] != n_outputs:
                raise ValueError(
                    f"estimator gives {n_outputs} outputs for one voxel and "
                    f"{rows.shape[1]} for another; search settings that keep them."
                )
            out[part] = rows
    told = {}
    for warning in caught:
        # Statuses are counted once for all chunks.
        if not (has_codes and isinstance(warning, ConvergenceWarning)):
            # Those of voxels differ by their numbers.
            texts = texts_of_signals(warning, places.size) or {0: str(warning)}
            for text in texts.values():
                kind = type(warning), re.sub(r"\d[\d.e+-]*", "#", text)
                _merge(told, {kind: (text, 1)})
    return out, status if has_codes else None, told


def _usable(signals, takes_constant):
    """Return which signals (n_points, n_signals) an inversion can take."""
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.abs(signals).max(axis=0)
        usable = (largest <= 1e100) & ((largest >= 1e-100) | (largest == 0.0))
        if not takes_constant:
            usable &= (signals != signals[:1]).any(axis=0)
    return usable
