"""From a signal model to a dictionary."""

import math

import numpy as np
import pandas as pd
from sklearn.base import TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from ..signals import SequenceModel, resolve_model
from ..utils._frames import as_pandas, like
from ..utils._parallel import run_tasks, split_slices
from ..utils._progress import tell_fit
from ..utils._sklearn import BaseEstimator, StrOptions, _fit_context
from ..utils._validation import (
    N_JOBS,
    check_acquisition,
    check_convertible,
    check_numbers,
    errors_name,
    unmasked,
)

# Sets of parameters per call of a model: the signals of a block stay in the cache.
_BLOCK = 4096
# Combinations that parameter_grid makes at most: more do not fit into memory.
_MOST_SETS = 2**28


def parameter_grid(physical=True, **values):
    """Return all combinations of parameter values, as a table.

    Parameters
    ----------
    physical : bool, default=True
        Whether to leave out combinations with T2 above T1, or T2* above T2.
    **values : float or array-like of shape (n_values,)
        Values by the name of the parameter, for example ``T1=..., T2=..., B1=1.0``.

    Returns
    -------
    DataFrame of shape (n_sets, n_parameters)
        One row per combination; the last parameter varies fastest.

    Raises
    ------
    ValueError
        If no values are given, or values are not positive and finite, repeat, leave
        no combination, or make more than 2**28.

    Examples
    --------
    >>> from skrelax.dictionary import parameter_grid
    >>> parameter_grid(T1=[0.5, 1.0], T2=[0.1, 0.7])
        T1   T2
    0  0.5  0.1
    1  1.0  0.1
    2  1.0  0.7
    """
    if not isinstance(physical, bool | np.bool_):
        raise TypeError(f"physical must be True or False, got {physical!r}.")
    if not values:
        raise ValueError("parameter_grid needs values, for example T2=[0.05, 0.1].")
    axes = []
    for name, value in values.items():
        axis = np.atleast_1d(check_numbers(value, name, finite=False))
        if axis.ndim != 1 or not (np.isfinite(axis) & (axis > 0)).all():
            raise ValueError(
                f"{name} must hold positive finite numbers in one dimension, got "
                f"{value!r}."
            )
        if np.unique(axis).size < axis.size:
            raise ValueError(f"{name} must not repeat a value, got {value!r}.")
        axes.append(axis)
    total = math.prod(axis.size for axis in axes)
    if total > _MOST_SETS:
        raise ValueError(
            f"{', '.join(values)} have {total} combinations, above {_MOST_SETS}; take "
            "fewer values, or make the dictionary in parts."
        )
    columns = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    table = pd.DataFrame(dict(zip(values, columns, strict=True)))
    if physical:
        keep = np.ones(len(table), dtype=bool)
        for longer, shorter in (("T1", "T2"), ("T2", "T2*")):
            if longer in table and shorter in table:
                keep &= (table[shorter] <= table[longer]).to_numpy()
        table = table[keep].reset_index(drop=True)
    if table.empty:
        raise ValueError(
            f"no combination of {', '.join(values)} has T2 up to T1; check the units "
            "or set physical=False."
        )
    return table


def make_dictionary(model, grid, acquisition=None, *, dtype=np.float64, n_jobs=None):
    """Simulate the signals of a table of parameters.

    Parameters
    ----------
    model : str, SignalModel or callable
        The signal model, see :func:`~skrelax.signals.resolve_model`.
    grid : DataFrame or array-like of shape (n_atoms, n_parameters)
        Parameters, see :func:`parameter_grid`. A frame names them in any order;
        columns of an array are as in `model.parameters`.
    acquisition : array-like of shape (n_points[, n_columns]) or None, default=None
        Acquisition points. None takes those of the sequence, where it knows them.
    dtype : {float64, float32}, default=float64
        Precision of the simulation. Models of sequences compute in it, others
        convert.
    n_jobs : int or None, default=None
        Number of threads over blocks of atoms.

    Returns
    -------
    atoms : ndarray of shape (n_atoms, n_points)
        The signals, of unit amplitude.
    parameters : DataFrame of shape (n_atoms, n_parameters)
        Their parameters, in the order of the model.

    Raises
    ------
    ValueError
        If columns are not the parameters of the model, or values are negative or not
        finite.

    See Also
    --------
    SignalSimulator : The same as a step of a Pipeline.
    DictionaryMatcher : Match signals to the atoms.

    Examples
    --------
    >>> from skrelax.dictionary import make_dictionary, parameter_grid
    >>> from skrelax.signals import EPGEchoTrain
    >>> model = EPGEchoTrain(T1=None, echo_spacing=0.01, n_echoes=8)
    >>> grid = parameter_grid(T1=1.0, T2=[0.05, 0.1])
    >>> atoms, parameters = make_dictionary(model, grid)
    >>> atoms.shape, list(parameters)
    ((2, 8), ['T2', 'T1'])
    """
    with errors_name("dtype"):
        precision = np.dtype(dtype).name
    simulator = SignalSimulator(model, acquisition, precision, n_jobs)
    with errors_name("grid"):
        atoms = simulator.fit_transform(grid)
    names = [parameter.name for parameter in simulator.model_.parameters]
    table = as_pandas(grid, "grid")
    table = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
    if hasattr(simulator, "feature_names_in_"):
        return atoms, like(table[names], grid)
    return atoms, like(table.set_axis(names, axis=1), grid)


class SignalSimulator(TransformerMixin, BaseEstimator):
    """Simulate the signal of each row of a table of parameters.

    As the first step of a Pipeline it turns parameters into (compressed) signals:
    ``make_pipeline(SignalSimulator(model), TSVDCompressor(...))``.

    Parameters
    ----------
    model : str, SignalModel or callable, default="T2"
        The signal model, see :func:`~skrelax.signals.resolve_model`.
    acquisition : array-like of shape (n_points[, n_columns]) or None, default=None
        Acquisition points. None takes those of the sequence, where it knows them.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the simulation. Models of sequences compute in it, others
        convert.
    n_jobs : int or None, default=None
        Number of threads over blocks of rows.

    Attributes
    ----------
    model_ : SignalModel
        The model.
    acquisition_ : ndarray of shape (n_points, n_columns)
        The acquisition points.
    n_features_in_ : int
        Number of columns of the table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X was a frame with string names. Parameters are then
        taken by name, in any order.

    See Also
    --------
    make_dictionary : Atoms and parameters in one call.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrelax.dictionary import SignalSimulator
    >>> table = pd.DataFrame({"T2": [0.05, 0.1]})
    >>> SignalSimulator("T2", acquisition=[0.0, 0.05]).fit_transform(table).round(3)
    array([[1.   , 0.368],
           [1.   , 0.607]])
    """

    _parameter_constraints: dict = {
        "model": "no_validation",
        "acquisition": ["array-like", None],
        "dtype": [StrOptions({"float64", "float32"})],
        "n_jobs": N_JOBS,
    }

    def __init__(self, model="T2", acquisition=None, dtype="float64", n_jobs=None):
        self.model = model
        self.acquisition = acquisition
        self.dtype = dtype
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check that the columns are the parameters of the model.

        Parameters
        ----------
        X : array-like of shape (n_sets, n_parameters)
            Table of parameters.
        y : None
            Ignored.

        Returns
        -------
        SignalSimulator
            The fitted simulator.

        Raises
        ------
        ValueError
            If columns are not the parameters of the model, values are negative or
            not finite, or acquisition points are missing or have no meaning.
        """
        with errors_name("X"):
            check_convertible(X, "X")
            X = validate_data(self, unmasked(X), dtype=np.float64)
        model = resolve_model(self.model, "model")
        # Later changes of a model's settings are not those of this fit.
        self.model_ = clone(model) if model is self.model else model
        names = list(getattr(self, "feature_names_in_", []))
        self._columns = self._assign_columns(names)
        self._check_parameters(X)
        self.acquisition_ = _points(self.model_, self.acquisition)
        tell_fit(self, X)
        return self

    def transform(self, X):
        """Return the signals of parameters.

        Parameters
        ----------
        X : array-like of shape (n_sets, n_parameters)
            Table of parameters, columns as in `fit`.

        Returns
        -------
        ndarray of shape (n_sets, n_points)
            One signal per row.

        Raises
        ------
        ValueError
            If values are negative or not finite, or signals would not be finite.
        """
        check_is_fitted(self)
        with errors_name("X"):
            check_convertible(X, "X")
            X = validate_data(self, unmasked(X), dtype=np.float64, reset=False)
        self._check_parameters(X)
        X = X[:, self._columns].astype(self.dtype)
        # The first row tells whether signals are complex.
        with np.errstate(all="ignore"):
            first = self.model_.evaluate(self.acquisition_, X[:1])
        complex_too = np.iscomplexobj(first)
        dtype = np.result_type(self.dtype, np.complex64) if complex_too else self.dtype
        out = np.empty((X.shape[0], self.acquisition_.shape[0]), dtype)

        def simulate(rows):
            # What overflows on the way is found in the result.
            with np.errstate(all="ignore"):
                out[rows] = self.model_.evaluate(self.acquisition_, X[rows]).T

        blocks = split_slices(X.shape[0], -(-X.shape[0] // _BLOCK))
        run_tasks(simulate, [(rows,) for rows in blocks], self.n_jobs)
        finite = np.isfinite(out).all(axis=1)
        if not finite.all():
            row = int(finite.argmin())
            raise ValueError(
                f"X: the parameters {X[row]} of row {row} give a signal that is not "
                f"finite at the points of acquisition, in {self.dtype}."
            )
        return out

    def get_feature_names_out(self, input_features=None):
        """Return the names of the points, for example ``"TE=0.01"``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str objects of shape (n_points,)
            One name per acquisition point.
        """
        check_is_fitted(self)
        symbols = self.model_.acquisition_columns
        return np.array(
            [
                ",".join(f"{s}={v:.10g}" for s, v in zip(symbols, row, strict=True))
                for row in self.acquisition_
            ],
            dtype=object,
        )

    def _assign_columns(self, names):
        """Return the column of X for each parameter of the model."""
        wanted = [parameter.name for parameter in self.model_.parameters]
        if names and set(names) != set(wanted):
            fixed = set(names) & set(getattr(self.model_, "_optional", ()))
            hint = f"; set {sorted(fixed)[0]}=None in the model" if fixed else ""
            raise ValueError(
                f"the columns of X must be the parameters {wanted} of "
                f"{type(self.model_).__name__}, got {names}{hint}."
            )
        if self.n_features_in_ != len(wanted):
            raise ValueError(
                f"X must have one column per parameter {wanted} of "
                f"{type(self.model_).__name__}, but X has {self.n_features_in_} "
                "features."
            )
        return (
            [names.index(name) for name in wanted]
            if names
            else list(range(len(wanted)))
        )

    def _check_parameters(self, X):
        """Raise ValueError for values below the lowest with a meaning."""
        for column, parameter in zip(
            self._columns, self.model_.parameters, strict=True
        ):
            low = X[:, column].min(initial=np.inf)
            if low < parameter.lower:
                raise ValueError(
                    f"Negative values in data passed to X: {parameter.name} must be at "
                    f"least {parameter.lower:g}, got {low}."
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def _points(model, acquisition):
    """Return checked acquisition points (n_points, n_columns)."""
    if acquisition is None:
        points = model.own_acquisition() if isinstance(model, SequenceModel) else None
        if points is None:
            raise ValueError(
                f"acquisition must be given: {type(model).__name__} does not know its "
                f"points {list(model.acquisition_columns)}."
            )
        return points
    columns = list(model.acquisition_columns)
    acquisition = as_pandas(acquisition, "acquisition")
    if isinstance(acquisition, pd.DataFrame) and set(columns) <= set(acquisition):
        acquisition = acquisition[columns]
    points = np.array(check_numbers(acquisition, "acquisition", finite=False))
    points = points[:, None] if points.ndim == 1 else points
    good = points.ndim == 2 and points.shape[0] > 0 and points.shape[1] == len(columns)
    if not good or not np.isfinite(points).all():
        raise ValueError(
            f"acquisition must hold finite points with the columns {columns}, got "
            f"shape {points.shape}."
        )
    check_acquisition(points, model, "acquisition")
    return points
