"""The contract of a signal model."""

import inspect
import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..utils._sklearn import ParameterHolder
from ._checks import CHECKED, checked_limits, checked_signal, checked_values


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a signal model.

    Parameters
    ----------
    name : str
        The field's symbol, for example ``"T2"``.
    unit : str, default=""
        Unit that the model demands. Empty where the model is free of units:
        the parameter then has the unit of the acquisition.
    lower : float, default=0.0
        Smallest value with a meaning.
    upper : float, default=inf
        Largest value with a meaning.
    """

    name: str
    unit: str = ""
    lower: float = 0.0
    upper: float = np.inf

    def __post_init__(self):
        if not (isinstance(self.name, str) and self.name):
            raise TypeError(f"name of a parameter must be text, got {self.name!r}.")
        if not isinstance(self.unit, str):
            raise TypeError(f"unit of {self.name} must be text, got {self.unit!r}.")
        limits = self.lower, self.upper
        if not all(isinstance(one, numbers.Real) for one in limits):
            raise TypeError(
                f"lower and upper of {self.name} must be numbers, got {limits}."
            )
        if not (self.lower < self.upper and self.lower < np.inf):
            raise ValueError(f"lower of {self.name} must be below upper, got {limits}.")


class SignalModel(ParameterHolder, ABC):
    """Base class of all signal models.

    A model gives the signal of unit amplitude for nonlinear parameters (a
    relaxation time, say) at acquisition points. Its own settings are
    constructor arguments, so that ``get_params``, ``set_params`` and
    ``GridSearchCV`` reach them.

    A subclass defines :attr:`parameters`, :attr:`acquisition_columns` and
    :meth:`evaluate`; the other methods have defaults. What :meth:`evaluate`,
    :meth:`basis`, :meth:`grid_limits`, :meth:`search_limits` and :meth:`derive` of any
    model are given, and the shape and finiteness of what they return, is checked.
    """

    #: A model whose values exist on its acquisition points only.
    is_discrete = False
    #: End of :meth:`grid_limits`, "low" or "high", where signals are gone at the first
    #: point, so that a grid which reaches it holds amplitude that no point sees.
    fades = None
    #: Whether acquisition points below zero have no meaning.
    requires_positive = True
    #: Whether the signal changes its sign, which a magnitude image hides.
    changes_sign = False
    #: A model whose signal, twice with parameters of its own, is this one; or None.
    component = None
    #: A model with fewer parameters that this one becomes for values of the others, and
    #: which reads the same columns; or None. Fits whose parameters it does not confirm,
    #: though it explains the signal as well, are not identifiable.
    simpler = None
    #: The signal in words of a formula.
    formula = ""
    #: Whether a model tells by itself that there are too few columns or parameters.
    counts_arguments = False

    def __init_subclass__(cls, **kwargs):
        # One place checks what all models are given and what they return.
        super().__init_subclass__(**kwargs)
        for name, check in CHECKED.items():
            if inspect.isfunction(vars(cls).get(name)):
                setattr(cls, name, check(vars(cls)[name]))

    @property
    @abstractmethod
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""

    @property
    @abstractmethod
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads, in order."""

    @abstractmethod
    def evaluate(self, acquisition, parameters):
        """Return the signal of unit amplitude.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points, columns as in :attr:`acquisition_columns`.
        parameters : ndarray of shape (n_sets, n_parameters)
            Sets of parameters, columns as in :attr:`parameters`.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set at each point.
        """

    @property
    def amplitudes(self):
        """Linear parameters, a tuple of :class:`Parameter`.

        Fits of real signals keep those with a lower bound of 0 from being negative.
        """
        return (Parameter("M0", lower=-np.inf),)

    @property
    def outputs(self):
        """What a fit reports, a tuple of :class:`Parameter`."""
        return self.amplitudes + self.parameters

    @checked_signal
    def basis(self, acquisition, parameters):
        """Return the signals that the amplitudes multiply.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points, columns as in :attr:`acquisition_columns`.
        parameters : ndarray of shape (n_sets, n_parameters)
            Sets of nonlinear parameters.

        Returns
        -------
        ndarray of shape (n_amplitudes, n_points, n_sets)
            One signal per amplitude.
        """
        return self.evaluate(acquisition, parameters)[None]

    @checked_values
    def derive(self, values):
        """Return what a fit reports from what it determines.

        Parameters
        ----------
        values : ndarray of shape (n_amplitudes + n_parameters, n_sets)
            Amplitudes, then nonlinear parameters. They may be complex: standard
            errors are propagated with complex steps.

        Returns
        -------
        ndarray of shape (n_outputs, n_sets)
            Rows as in :attr:`outputs`.
        """
        return values

    @checked_limits
    def search_limits(self, acquisition):
        """Return the range in which a fit looks for each nonlinear parameter.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.

        Returns
        -------
        ndarray of shape (n_parameters, 2)
            The bounds of the parameter where they are finite, else ten times the
            range of :meth:`grid_limits` on both sides.
        """
        limits = np.empty((len(self.parameters), 2))
        for row, parameter in zip(limits, self.parameters, strict=True):
            if np.isfinite(parameter.upper):
                row[:] = parameter.lower, parameter.upper
            else:
                low, high = self.grid_limits(acquisition)
                row[:] = max(0.1 * low, parameter.lower), 10.0 * high
        return limits

    @checked_limits
    def grid_limits(self, acquisition):
        """Return the range of the first parameter that an acquisition can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.

        Returns
        -------
        tuple of float
            A third of the smallest positive point and three times the largest
            one. Components outside are gone at the first point, or have
            hardly changed at the last.

        Raises
        ------
        ValueError
            If there is no positive point.
        """
        return _reach(acquisition[:, 0], 1 / 3, 3.0)


def _reach(points, below, above):
    """Return (below * smallest positive point, above * largest point)."""
    positive = points[points > 0]
    if positive.size == 0:
        raise ValueError(
            "limits of the grid cannot be drawn from acquisition points that are all "
            f"zero (n_samples={points.size}); give minimum and maximum, a grid, or the "
            "bounds of a fit."
        )
    return below * positive.min(), above * positive.max()


def names_of(argument, given):
    """Return a tuple of names from one name or several, or raise TypeError."""
    names = (given,) if isinstance(given, str) else given
    good = isinstance(names, list | tuple | np.ndarray)
    if not good or not all(isinstance(one, str) and one for one in names):
        raise TypeError(f"{argument} must be one or several names, got {given!r}.")
    return tuple(names)


def _column(values, index=0):
    """Return a column of a 2-D array as (n, 1)."""
    return values[:, index][:, None]
