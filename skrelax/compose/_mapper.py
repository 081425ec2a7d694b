"""Turn a regressor on the acquisition into a transformer of voxels."""

import copy
import functools
import numbers

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, validate_data

from ..nonlinear._status import warn_status
from ..uncertainty._statistic_intervals import check_statistics
from ..utils._answers import answering, check_takes_known
from ..utils._parallel import split_slices
from ..utils._progress import open_work, tell_fit
from ..utils._sklearn import (
    BaseEstimator,
    HasMethods,
    Interval,
    _fit_context,
    with_callbacks,
)
from ..utils._validation import (
    N_JOBS,
    RealInterval,
    check_convertible,
    check_numbers,
    errors_name,
    refuse_complex,
    unmasked,
)
from ..utils._warnings import collect_warnings, give_warning
from ._dask import as_lazy, check_two_axes, is_dask, map_block
from ._outputs import Options, check_include, map_columns
from ._rows import Job, map_rows, merge


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
    include : tuple of str or None, default=None
        What to return. Of a nonlinear fit some of ``"params"``, ``"stderr"``,
        ``"intervals"`` (lower and upper ends by profile likelihood, see
        :func:`~skrelax.uncertainty.profile_parameters`), ``"r2"``,
        ``"relative_error"``, ``"n_points"`` (the number of points that were
        fitted) and ``"status"``; of an inversion some of
        ``"distribution"`` (its bins), ``"statistics"`` (numbers of each distribution,
        in the memory of as many bins), ``"settings"`` (what was chosen: strengths, a
        flip angle), ``"baseline"`` (if there is one), ``"residual"`` (root mean
        square of what the fit leaves), ``"noise"`` (``noise_std``, where the fit finds
        it) and ``"status"``, in this order. None: of a nonlinear fit parameters,
        standard errors and status, of an inversion all but statistics.
    only_converged : bool, default=True
        Whether parameters and standard errors of a nonlinear fit are nan for voxels
        with another status than converged.
    level : float, default=0.9
        Level of ``"intervals"``, in (0, 1).
    statistics : sequence of str or dict, default=("short_fraction", "log_mean")
        What ``"statistics"`` are, as :func:`~skrelax.uncertainty.statistic_intervals`
        takes them: names, or a dict of names and functions of distributions (n_voxels,
        n_bins) and their bins.
    short : float, default=0.04
        First relaxation time that is not short, for ``"short_fraction"`` [s].
    chunk_size : int, default=20000
        Voxels per call of the estimator. It bounds the memory.
    n_jobs : int or None, default=None
        Number of chunks at a time, with the joblib backend of the context: threads,
        processes, or a cluster with ``joblib.parallel_config("dask")``.
    verbose : int, default=0
        Whether progress is reported on standard error, with the time that is left,
        once a chunk is done by each worker: the first ones may compile.

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
    So a search, or a class with cross-validation, chooses for each voxel on its own.
    Points that are nan are missing, and left out in that voxel. A nonlinear fit has
    hardly more work with them; inversions are repeated for every set of missing points.
    The column ``status`` holds a :class:`~skrelax.nonlinear.FitStatus`: voxels that are
    masked, hold infinite values or no point, are zero (in an inversion), are constant
    where an inversion refuses that, or of which a fit fails, are nan. A voxel never
    stops the others; only if all fail, the first error is raised. Inversions that did
    not reach their tolerance have the status ``FAILED`` and keep their numbers. There
    is one warning of each kind for all chunks.

    Memory beyond voxels and result is that of the chunks in work, some ten times their
    size each. Rows of a memory map, as ``X.reshape(-1, n_points)`` of a volume on disk
    is one, are read chunk by chunk.

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
        "include": [tuple, list, None],
        "only_converged": ["boolean"],
        "level": [RealInterval(0, 1, closed="neither")],
        "short": [RealInterval(0, None, closed="neither")],
        "chunk_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator,
        acquisition=None,
        include=None,
        only_converged=True,
        level=0.9,
        statistics=("short_fraction", "log_mean"),
        short=0.04,
        chunk_size=20_000,
        n_jobs=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.acquisition = acquisition
        self.include = include
        self.only_converged = only_converged
        self.level = level
        self.statistics = statistics
        self.short = short
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs
        self.verbose = verbose

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
        if is_dask(X):
            # One row of the right kind shows all that is checked.
            check_two_axes(X)
            X = np.ones((1, X.shape[1]), dtype=X.dtype)
        X = self._validate(X, reset=True)
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
        acquisition = check_convertible(acquisition, "acquisition")
        if len(acquisition) != n_points:
            raise ValueError(
                f"acquisition has {len(acquisition)} points, the voxels have "
                f"{n_points}."
            )
        # Copies: what the caller changes later must not reach what was fitted.
        self._acquisition = copy.deepcopy(acquisition)
        statistics = check_statistics(self.statistics, float(self.short))
        self._options = Options(self.only_converged, float(self.level), statistics)
        coupling = answering(self.estimator)._coupling()
        if coupling is not None:
            raise ValueError(
                f"estimator has {coupling}, which would regularise voxels together; a "
                "VoxelMapper needs an estimator without it."
            )
        probe = np.linspace(1.0, 0.5, n_points)[:, None]
        with collect_warnings() as caught:
            self.estimator_ = clone(self.estimator).fit(self._acquisition, probe)
        for warning in caught:
            # What becomes of the made-up signal is of no interest.
            about_signal = isinstance(warning, ConvergenceWarning) or str(
                warning
            ).startswith(("the distributions explain", "rule="))
            if not about_signal:
                give_warning(warning)
        if not answering(self.estimator_)._has_outputs():
            raise TypeError(
                "estimator must end in a NonlinearRelaxationFit or in an inversion "
                f"with distributions, refitted by a search, got {self.estimator!r}."
            )
        include = check_include(self.include, self.estimator_)
        if "intervals" in include:
            last = answering(self.estimator_)
            last._profiles(self._acquisition, probe, None, None).check_free()
        found = map_columns(
            self.estimator_, include, self._options, self._acquisition, probe
        )
        self._names = {kind: column.names for kind, column in found.items()}
        tell_fit(self, X)
        return self

    def transform(self, X, mask=None, known=None):
        """Return the parameters of voxels.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Signals, one row per voxel.
        mask : array-like of bool of shape (n_voxels,) or None, default=None
            Voxels to fit, True or 1, in an array of any shape with as many entries. The
            others are nan.
        known : float, array-like of shape (n_voxels,), dict or None, default=None
            Values that are known of each voxel, as the fit of the estimator takes
            them: of the setting of a :class:`~skrelax.inversion.KernelParameterSearch`,
            or ``{name: values}`` for a :class:`~skrelax.nonlinear.\
NonlinearRelaxationFit`. Arrays may have any shape with n_voxels entries.

        Returns
        -------
        ndarray or dask.array.Array of shape (n_voxels, n_outputs)
            Columns as in :meth:`get_feature_names_out`.

        Raises
        ------
        ValueError
            If shapes do not match, or every voxel fails.
        TypeError
            If the estimator takes no known values, or others.

        Warns
        -----
        ConvergenceWarning
            If fits do not converge, with their number.
        UserWarning
            If the fit of a voxel raises an error, and what the estimator warns of.
        """
        check_is_fitted(self)
        is_lazy = is_dask(X)
        if not is_lazy:
            X = self._validate(X, reset=False)
        n_voxels = X.shape[0]
        if np.isnan(n_voxels) and not (mask is None and known is None):
            raise ValueError(
                "a mask or known values need a Dask array whose chunks are known, got "
                f"shape {X.shape}; call compute_chunk_sizes() on it."
            )
        mask = _check_mask(mask, n_voxels)
        if known is not None:
            check_takes_known(self.estimator_)
        known = _check_known(known, n_voxels, answering(self.estimator_)._takes_known)
        if is_lazy:
            return self._transform_lazily(X, mask, known)
        job = Job(self.estimator_, self._acquisition, self._names, self._options)
        out, status, told = self._map_chunks(job, X, mask, known)
        for (category, _), (text, count) in told.items():
            more = "" if count == 1 else f" (and {count - 1} more of this kind)"
            give_warning(f"{text}{more}", category)
        warn_status(status)
        return out

    @with_callbacks
    def _map_chunks(self, job, X, mask, known):
        """Return outputs (n_voxels, n_outputs), statuses, and warnings by kind."""
        n_voxels = len(X)
        parts = split_slices(n_voxels, -(-n_voxels // self.chunk_size))
        work = open_work(
            self, X, None, len(parts), verbose=self.verbose, name="transform"
        )
        work.report(n_voxels, "voxels", n_jobs=self.n_jobs)
        # The rows of a chunk are all that a worker gets; results are stored as they
        # come, so that they are never held twice.
        found = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            delayed(map_rows)(
                job, X[part], None if mask is None else mask[part],
                None if known is None else {k: v[part] for k, v in known.items()},
            )
            for part in parts
        )  # fmt: skip
        out = np.empty((n_voxels, len(self.get_feature_names_out())))
        status = np.zeros(n_voxels, dtype=np.int8)
        told, errors, n_tried = {}, [], 0
        for part, rows in zip(parts, found, strict=True):
            out[part] = rows.values
            if rows.status is not None:
                status[part] = rows.status
            merge(told, rows.told)
            errors += rows.errors
            n_tried += rows.n_tried
            work.step("chunk", count=part.stop - part.start)
        if errors and len(errors) == n_tried:
            # That is no fault of a voxel.
            raise errors[0]
        work.end()
        return out, status, told

    def fit_transform(self, X, y=None, mask=None, known=None):
        """Fit, and return the parameters of voxels.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Signals, one row per voxel.
        y : None
            Ignored.
        mask : array-like of bool of shape (n_voxels,) or None, default=None
            Voxels to fit, as in :meth:`transform`.
        known : float, array-like of shape (n_voxels,), dict or None, default=None
            Values that are known of each voxel, as in :meth:`transform`.

        Returns
        -------
        ndarray or dask.array.Array of shape (n_voxels, n_outputs)
            Columns as in :meth:`get_feature_names_out`.
        """
        return self.fit(X).transform(X, mask=mask, known=known)

    def _validate(self, X, reset):
        """Return voxels (n_voxels, n_points), which may hold nan."""
        refuse_complex(X, "X")
        with errors_name("X"):
            return validate_data(
                self, unmasked(X), dtype="numeric", ensure_all_finite=False, reset=reset
            )

    def _transform_lazily(self, X, mask, known):
        """Return the Dask array of the parameters of a Dask array of voxels."""
        check_two_axes(X)
        row = np.ones((1, X.shape[1]), dtype=X.dtype)
        validate_data(self, row, dtype="numeric", reset=False)
        n_outputs = len(self.get_feature_names_out())
        # A voxel needs all its points.
        blocks, names = [X.rechunk({1: -1})], []
        if mask is not None or known is not None:
            columns = {} if known is None else known
            names = list(columns)
            # Mask and values travel with the voxels, as columns of one array.
            mask = np.ones(X.shape[0], dtype=bool) if mask is None else mask
            table = np.column_stack([mask, *columns.values()])
            rows = X.chunks[0]
            blocks.append(as_lazy(table, rows))
        job = Job(self.estimator_, self._acquisition, self._names, self._options)
        map_one = functools.partial(
            map_block, job=job, names=names, chunk_size=self.chunk_size
        )
        return blocks[0].map_blocks(
            map_one, *blocks[1:], dtype=np.float64,
            chunks=(X.chunks[0], (n_outputs,)), meta=np.empty((0, 0)),
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
            For example ``"T1"``, ``"T1 stderr"``, ``"T1 lower"``, ``"T1 upper"`` and
            ``"status"``, or ``"T2=0.1"``, ``"flip_angle"``, ``"strength"``,
            ``"residual"``, ``"noise_std"`` and ``"status"``.
        """
        check_is_fitted(self)
        names = [name for column in self._names.values() for name in column]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _check_mask(mask, n_voxels):
    """Return a mask of voxels (n_voxels,), or None where none is given."""
    if mask is None:
        return None
    mask = check_numbers(mask, "mask")
    if mask.size != n_voxels or mask.ndim == 0:
        raise ValueError(
            f"mask must have one entry per voxel ({n_voxels}), got shape {mask.shape}."
        )
    if not np.isin(mask, (0.0, 1.0)).all():
        raise ValueError(
            f"mask must hold zeros and ones, got numbers up to {mask.max():g}."
        )
    return mask.ravel() != 0.0


def _check_known(known, n_voxels, kind):
    """Return known values {name: (n_voxels,)}, or None where none are given.

    Of `kind` "values" there is one without a name, None.
    """
    if known is None:
        return None
    if isinstance(known, dict) != (kind == "names"):
        wanted = "a dict {name: values}" if kind == "names" else "numbers"
        raise TypeError(
            f"known must be {wanted} for this estimator, got {type(known).__name__}."
        )
    found = {}
    for name, given in known.items() if kind == "names" else [(None, known)]:
        label = "known" if name is None else f"known[{name!r}]"
        values = check_numbers(given, label, finite=False)
        if values.ndim and values.size != n_voxels:
            raise ValueError(
                f"{label} must be a number or have one entry per voxel ({n_voxels}), "
                f"got shape {values.shape}."
            )
        found[name] = np.broadcast_to(values.ravel(), n_voxels)
    return found
