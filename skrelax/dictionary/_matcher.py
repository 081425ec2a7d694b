"""Matching of signals to the atoms of a dictionary."""

import numbers

import numpy as np
import pandas as pd
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import (
    check_array,
    check_is_fitted,
)

from ..utils._frames import frame_columns, is_foreign, like
from ..utils._parallel import run_tasks, single_blas_thread
from ..utils._progress import open_report, tell_fit
from ..utils._sklearn import (
    BaseEstimator,
    Interval,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    r2_score,
)
from ..utils._validation import (
    N_JOBS,
    check_convertible,
    check_size,
    errors_name,
    unmasked,
    validate_signals,
)
from ._checks import check_atoms, grid_neighbours, row_norms, thin_grid
from ._chunks import amplitudes, is_lazy, read_chunk
from ._match import DictionaryMatch
from ._missing import split_missing
from ._numba_parabola import AtomGrid, Paraboloid, refine_parabola
from ._tree import build_tree, search_tree


class DictionaryMatcher(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Read parameters of signals off the atoms that they resemble most.

    The match of a signal s is the atom d that maximises the correlation

    .. math:: c(d, s) = \frac{|d^H s|}{\|d\| \, \|s\|},

    which is the least squares fit of s by a complex multiple of one atom. The search
    is exact: no atom has a larger correlation, beyond rounding. Groups of atoms are
    skipped only where a bound shows that none of them can win.

    Parameters
    ----------
    n_neighbors : int, default=1
        Number of atoms whose parameters are averaged.
    refine : {"parabola"} or None, default=None
        Whether to move the match between the atoms of a grid, to the top of a
        paraboloid through the correlations of its neighbours. Parameters at an edge
        of the grid stay there. It wants atoms in float64: in float32 neighbours of a
        fine grid are equal to rounding.
    signed : bool, default=False
        Whether the amplitude must be positive: :math:`d^T s` replaces its absolute
        value. For real atoms and signals only.
    thin : int, default=1
        Keep only every `thin`-th value of each parameter: the resolution of the
        dictionary as a setting, so that a search can choose it.
    chunk_size : int, default=4096
        Number of signals that are read and matched at a time. Memory grows with it
        and with n_jobs, not with the number of signals times that of atoms.
    n_jobs : int or None, default=None
        Number of threads over chunks. None means 1 outside a
        :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        Whether to report progress.

    Attributes
    ----------
    parameters_ : ndarray of shape (n_kept, n_parameters)
        Parameters of the atoms that `thin` keeps.
    kept_ : ndarray of shape (n_kept,)
        Their indices; others refer to all atoms too.
    n_features_in_ : int
        Number of points of a signal.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the points, if X was a frame with string names.

    See Also
    --------
    make_dictionary : Simulate the atoms.
    skrelax.decomposition.TSVDCompressor : Compress atoms and signals alike.

    Notes
    -----
    The dtype of the atoms, float32 or float64, is that of the search; signals are
    converted. Correlations in float32 are right to about 1e-6, so the index of the
    match may differ between precisions where neighbours are that close.

    Atoms are expressed in an orthonormal basis of their own span, which leaves out
    only what is below rounding, and halved along their longest direction into leaves
    around centres. An atom within the angle :math:`\rho` of a centre has at most the
    correlation :math:`\cos(\max(0, \theta - \rho))` with a signal at the angle
    :math:`\theta` from it, because the angle between complex directions is a metric.
    The idea of groups is that of [1]_, where they are cut off by a threshold.

    Points of a signal that are nan are missing: atoms and signal are compared at the
    others, by the same search: what an atom has beside the centre of its group does not
    grow where points are left out. It takes up to twice as long as that of complete
    signals. An atom with nothing there beyond rounding resembles no signal.

    Signals that are zero, constant, infinite or have fewer than two points have no
    match: NaN, index -1. Very large and very small signals are matched like others;
    only where their amplitude is beyond the numbers of the dtype of the atoms do they
    have no match.

    A signal beyond the grid is matched to its edge, and nothing is claimed of what lies
    beyond: ``match(X).at_edge`` and ``match(X).status`` mark it.

    References
    ----------
    .. [1] S. F. Cauley et al., "Fast group matching for MR fingerprinting
       reconstruction", Magn. Reson. Med. 74 (2015) 523.
       https://doi.org/10.1002/mrm.25439

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.dictionary import DictionaryMatcher, make_dictionary
    >>> times = np.linspace(0.01, 0.3, 30)
    >>> grid = np.linspace(0.02, 0.2, 100)[:, None]
    >>> atoms, parameters = make_dictionary("T2", grid, times)
    >>> matcher = DictionaryMatcher(refine="parabola").fit(atoms, parameters)
    >>> signals = 3.0 * np.exp(-times / 0.0755)[None, :]
    >>> matcher.predict(signals).round(4), matcher.predict_scale(signals).round(2)
    (array([[0.0755]]), array([2.98]))
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(numbers.Integral, 1, None, closed="left")],
        "refine": [StrOptions({"parabola"}), None],
        "signed": ["boolean"],
        "thin": [Interval(numbers.Integral, 1, None, closed="left")],
        "chunk_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_neighbors=1,
        refine=None,
        signed=False,
        thin=1,
        chunk_size=4096,
        n_jobs=None,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.refine = refine
        self.signed = signed
        self.thin = thin
        self.chunk_size = chunk_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Arrange the atoms for the search.

        Parameters
        ----------
        X : array-like of shape (n_atoms, n_points)
            Atoms, real or complex.
        y : array-like of shape (n_atoms,) or (n_atoms, n_parameters)
            Their parameters. The names of a frame or series name the predictions.

        Returns
        -------
        DictionaryMatcher
            The fitted matcher.

        Raises
        ------
        ValueError
            If shapes do not match, values are not finite, atoms are zero or equal up
            to a factor, or settings contradict each other.
        """
        if y is None:
            raise ValueError(
                "This DictionaryMatcher estimator requires y to be passed, but the "
                "target y is None."
            )
        self._names = None
        columns = frame_columns(y)
        if columns is not None:
            self._names = list(columns)
        elif hasattr(y, "to_numpy") and hasattr(y, "name"):
            self._names = [y.name]
        shapes = []
        for name, values in (("X", X), ("y", y)):
            check_convertible(values, name)
            with errors_name(name):
                shapes.append(np.asarray(values).shape)
        if any(shape and shape[0] == 0 for shape in shapes):
            raise ValueError(
                f"the dictionary is empty (0 sample(s)): atoms of shape {shapes[0]}, "
                f"parameters of shape {shapes[1]}."
            )
        # Of parameters complex numbers are refused, with scikit-learn's words.
        with errors_name("y"):
            y = check_array(
                unmasked(y), ensure_2d=False, dtype=np.float64, input_name="y"
            )
        X = validate_signals(self, X, reset=True, min_points=2)
        if y.ndim > 2 or y.shape[0] != X.shape[0]:
            raise ValueError(
                "parameters must have one row per atom, got parameters of shape "
                f"{y.shape} and atoms of shape {X.shape}."
            )
        self._single = y.ndim == 1
        check_size(y, "y")
        y = y.reshape(X.shape[0], -1)
        self.kept_ = thin_grid(y, self.thin)
        X, y = X[self.kept_], y[self.kept_]
        self._is_complex = np.iscomplexobj(X)
        if self.signed and self._is_complex:
            raise ValueError(
                f"signed=True needs real atoms, got complex ones of shape {X.shape} "
                f"with parameters of shape {y.shape}."
            )
        if self.n_neighbors > (1 if self.refine else X.shape[0]):
            raise ValueError(
                f"n_neighbors={self.n_neighbors} must not exceed the number of atoms, "
                f"{X.shape[0]}, and must be 1 with refine."
            )
        unit, *self._norms = check_atoms(X, y)
        self._atoms = build_tree(unit, self.signed, y.shape)
        self._grid = None
        if self.refine:
            rows = self._atoms.tree.atoms.rows
            none = self._atoms.tree.atoms.squared_rows
            self._grid = AtomGrid(rows, grid_neighbours(y), y, none)
        self.parameters_ = y
        tell_fit(self, X, y)
        return self

    def match(self, X):
        """Return parameters, amplitudes and correlations in one pass.

        Parameters
        ----------
        X : array-like of shape (n_signals, n_points)
            Signals. A memory-mapped array, or one with ``chunks`` (Dask, Zarr, HDF5),
            is read chunk by chunk.

        Returns
        -------
        DictionaryMatch
            Arrays, one row per signal.

        Raises
        ------
        ValueError
            If the number of points is not that of the atoms.
        """
        match, correlations = self._search(X, self.n_neighbors, True)
        found, scale, parameters = match
        mask = found[:, 0] >= 0
        indices = np.where(mask, self.kept_[found[:, 0]], -1)
        low, high = self.parameters_.min(axis=0), self.parameters_.max(axis=0)
        best = self.parameters_[found[:, 0]]
        at_edge = ((best == low) | (best == high)) & (low < high) & mask[:, None]
        return DictionaryMatch(
            parameters, scale, correlations[:, 0], indices, mask, at_edge
        )

    def predict(self, X):
        """Return the parameters of signals.

        Parameters
        ----------
        X : array-like of shape (n_signals, n_points)
            Signals, see `match`.

        Returns
        -------
        ndarray, DataFrame or Series of shape (n_signals,) or (n_signals, n_parameters)
            Parameters, NaN where there is no match. A frame with the names of the
            parameters and the index of X, if both were frames; always a frame, of its
            library, where X is one of another library than pandas.

        Raises
        ------
        ValueError
            If the number of points is not that of the atoms.
        """
        (_, _, parameters), _ = self._search(X, self.n_neighbors, False)
        if frame_columns(X) is not None and self._names is not None:
            index = getattr(X, "index", None)
            if self._single and not is_foreign(X):
                return pd.Series(parameters[:, 0], index, name=self._names[0])
            return like(pd.DataFrame(parameters, columns=self._names, index=index), X)
        return parameters[:, 0] if self._single else parameters

    def predict_scale(self, X):
        r"""Return the amplitude M0 of the best atom in each signal.

        Parameters
        ----------
        X : array-like of shape (n_signals, n_points)
            Signals, see `match`.

        Returns
        -------
        ndarray of shape (n_signals,)
            :math:`d^H s / \|d\|^2`, complex where signals or atoms are; NaN where
            there is no match.

        Raises
        ------
        ValueError
            If the number of points is not that of the atoms.
        """
        return self._search(X, 1, False)[0][1]

    def kneighbors(self, X, n_neighbors=None):
        """Return the atoms of largest correlation.

        Parameters
        ----------
        X : array-like of shape (n_signals, n_points)
            Signals, see `match`.
        n_neighbors : int or None, default=None
            Number of atoms per signal. None takes that of the constructor.

        Returns
        -------
        indices : ndarray of shape (n_signals, n_neighbors)
            Atoms, best first; -1 where there is no match.
        correlations : ndarray of shape (n_signals, n_neighbors)
            Their correlations with the signal; NaN where there is no match.

        Raises
        ------
        ValueError
            If the number of points is not that of the atoms, or n_neighbors is not
            from 1 to the number of atoms.
        """
        count = self.n_neighbors if n_neighbors is None else n_neighbors
        (found, _, _), correlations = self._search(X, count, True, refine=False)
        return np.where(found < 0, -1, self.kept_[found]), correlations

    def score(self, X, y, sample_weight=None):
        """Return R^2 of the parameters of the signals that have a match.

        Parameters
        ----------
        X : array-like of shape (n_signals, n_points)
            Signals.
        y : array-like of shape (n_signals,) or (n_signals, n_parameters)
            True parameters.
        sample_weight : array-like of shape (n_signals,) or None, default=None
            Weights of the signals.

        Returns
        -------
        float
            The mean of R^2 over parameters.

        Raises
        ------
        ValueError
            If no signal has a match, or shapes do not fit.
        """
        predicted = np.asarray(self.predict(X))
        with errors_name("y"):
            y = check_array(
                unmasked(y), ensure_2d=False, dtype=np.float64, input_name="y"
            )
        if y.shape[0] != len(predicted) or y.size != predicted.size:
            raise ValueError(
                f"y must have the shape of the predictions {predicted.shape}, got "
                f"{y.shape}."
            )
        check_size(y, "y")
        weight = None
        if sample_weight is not None:
            with errors_name("sample_weight"):
                weight = _check_sample_weight(
                    sample_weight, predicted, ensure_non_negative=True
                )
        known = ~np.isnan(predicted.reshape(len(predicted), -1)).any(axis=1)
        if not known.any():
            raise ValueError("no signal has a match: there is nothing to score.")
        if weight is not None:
            weight = weight[known]
            if not weight.any():
                raise ValueError("sample_weight is zero for all signals with a match.")
        with np.errstate(over="ignore"):
            score = r2_score(y[known], predicted[known], sample_weight=weight)
        if np.isinf(score):
            raise ValueError("y varies too little beside the predictions for an R^2.")
        return score

    def _search(self, X, n_best, with_correlations, refine=True):
        """Return (found, scale, parameters) and correlations (or None) of signals."""
        check_is_fitted(self)
        n_atoms, n_parameters = self.parameters_.shape
        if not (isinstance(n_best, numbers.Integral) and 1 <= n_best <= n_atoms):
            raise ValueError(f"n_neighbors must be from 1 to {n_atoms}, got {n_best}.")
        n_best = int(n_best)
        if is_lazy(X):
            shape = X.shape
            if len(shape) != 2 or shape[1] != self.n_features_in_:
                raise ValueError(
                    f"X has shape {shape}, but DictionaryMatcher is expecting "
                    f"{self.n_features_in_} features as input."
                )
        else:
            X = validate_signals(self, X, reset=False, allow_nan=True)
        is_complex = np.dtype(X.dtype).kind == "c"
        if self.signed and is_complex:
            raise ValueError(
                f"signed=True needs real signals, got complex ones of shape {X.shape}."
            )
        n = X.shape[0]
        real = self._atoms.dtype
        is_complex = is_complex or self._is_complex
        found = np.empty((n, n_best), np.int64)
        scale = np.empty(n, np.result_type(real, np.complex64) if is_complex else real)
        parameters = np.empty((n, n_parameters))
        correlations = np.empty((n, n_best), real) if with_correlations else None

        def match_chunk(rows):
            filled, there = split_missing(np.asarray(X[rows]))
            signals, exponents = read_chunk(filled, real)
            if there is not None:
                signals = np.where(there, signals, 0)
            planes, matches = search_tree(
                self._atoms, signals, self.signed, there, n_best
            )
            best, products, squares = matches
            quotients = products[:, 0] / squares[:, :1]
            scale[rows] = amplitudes(quotients, best[:, 0], exponents, self._norms)
            best[~np.isfinite(scale[rows])] = -1
            if refine and self.refine:
                work = Paraboloid(
                    np.empty((n_parameters, n_parameters)),
                    *np.empty((3, n_parameters)),
                    np.empty(n_parameters, np.int64),
                )
                grid = self._grid
                if there is not None:
                    squared = self._atoms.squared_tree.atoms.squared_rows
                    grid = grid._replace(squared_rows=squared)
                refine_parabola(planes, grid, best[:, 0], work, parameters[rows])
            elif n_best == 1:
                parameters[rows] = self.parameters_[best[:, 0]]
            else:
                parameters[rows] = self.parameters_[best].mean(axis=1)
            found[rows] = best
            parameters[rows][best[:, 0] < 0] = np.nan
            if with_correlations:
                size = products[:, :, 0]
                if products.shape[2] == 2:
                    size = np.hypot(size, products[:, :, 1])
                elif not self.signed:
                    size = np.abs(size)
                norm = row_norms(signals)[:, None]
                if there is not None:
                    size = size / np.sqrt(squares)
                with np.errstate(invalid="ignore"):
                    correlations[rows] = np.where(best < 0, np.nan, size / norm)

        starts = range(0, n, self.chunk_size)
        tasks = [(slice(start, start + self.chunk_size),) for start in starts]
        work = open_report(self.verbose)
        work.report(len(tasks), n_jobs=self.n_jobs)
        with single_blas_thread():
            run_tasks(match_chunk, tasks, self.n_jobs, work)
        return (found, scale, parameters), correlations

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # Random atoms do not predict the parameters of other random signals.
        tags.regressor_tags.poor_score = True
        return tags
