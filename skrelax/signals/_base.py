"""The contract of a signal model, and how a model is found by its name."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..utils._sklearn import BaseEstimator


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


class SignalModel(BaseEstimator, ABC):
    """Base class of all signal models.

    A model gives the signal of unit amplitude for nonlinear parameters (a
    relaxation time, say) at acquisition points. Its own settings are
    constructor arguments, so that ``get_params``, ``set_params`` and
    ``GridSearchCV`` reach them.

    A subclass defines :attr:`parameters`, :attr:`acquisition_columns` and
    :meth:`evaluate`; the other methods have defaults.
    """

    #: A model whose values exist on its acquisition points only.
    is_discrete = False
    #: Whether acquisition points below zero have no meaning.
    requires_positive = True

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
            f"zero (n_samples={points.size}); give minimum and maximum, or a grid."
        )
    return below * positive.min(), above * positive.max()


def _column(values, index=0):
    """Return a column of a 2-D array as (n, 1)."""
    return values[:, index][:, None]


def resolve_model(kernel):
    """Return the signal model that a name, a function or a model stands for.

    Parameters
    ----------
    kernel : str, callable or SignalModel
        ``"T2"``, ``"T1-IR"``, ``"T1-SR"``, ``"diffusion"``, ``"gaussian"``,
        ``"impedance-real"``, ``"impedance-imaginary"``, ``"identity"``, a
        function ``f(acquisition, relaxation_times)`` that broadcasts, or a
        model, which is returned as it is.

    Returns
    -------
    SignalModel
        The model.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `kernel` is none of these.

    Examples
    --------
    >>> from skrelax.signals import resolve_model
    >>> resolve_model("T1-IR")
    InversionRecovery()
    """
    from . import (
        Diffusion,
        GaussianDecay,
        Identity,
        Impedance,
        InversionRecovery,
        MonoExponential,
        SaturationRecovery,
        UserSignal,
    )

    named = {
        "T2": MonoExponential,
        "T1-IR": InversionRecovery,
        "T1-SR": SaturationRecovery,
        "diffusion": Diffusion,
        "gaussian": GaussianDecay,
        "impedance-real": lambda: Impedance(part="real"),
        "impedance-imaginary": lambda: Impedance(part="imaginary"),
        "identity": Identity,
    }
    if isinstance(kernel, SignalModel):
        return kernel
    if isinstance(kernel, str):
        if kernel not in named:
            raise ValueError(
                f"kernel must be one of {sorted(named)}, a SignalModel or a "
                f"function, got {kernel!r}."
            )
        return named[kernel]()
    if callable(kernel):
        return UserSignal(kernel)
    raise TypeError(
        f"kernel must be a name, a SignalModel or a function, got {kernel!r}."
    )
