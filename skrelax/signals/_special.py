"""Models without physics of their own: the identity and a user's function."""

import numpy as np

from ._base import Parameter, SignalModel, _column


class Identity(SignalModel):
    """An axis that is not inverted: each point is a bin of its own.

    The grid is the set of values of the column, so a spectrum or a series of
    temperatures can stand beside an inverted axis and be regularised with it.

    Parameters
    ----------
    name : str, default="channel"
        Name of the axis.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import Identity
    >>> Identity().evaluate(np.array([[3.0], [4.0]]), np.array([[3.0], [4.0]]))
    array([[1., 0.],
           [0., 1.]])
    """

    is_discrete = True
    requires_positive = False

    def __init__(self, name="channel"):
        self.name = name

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        return (Parameter(self.name, lower=-np.inf),)

    @property
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads."""
        return (self.name,)

    def evaluate(self, acquisition, parameters):
        """Return 1 where a point is the bin, 0 elsewhere.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Positions on the axis.
        parameters : ndarray of shape (n_sets, 1)
            Bins.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            Rows of the identity matrix.
        """
        return (_column(acquisition) == parameters[:, 0]).astype(np.float64)


class UserSignal(SignalModel):
    """A signal model from a function.

    Parameters
    ----------
    function : callable
        ``function(acquisition, parameter)`` receives the acquisition column,
        shape (n_points, 1), and the grid, shape (n_sets,), and returns
        (n_points, n_sets): NumPy broadcasting does that by itself. It must be
        defined at the top of a module to be pickled.
    parameter : str, default="T"
        Name of the parameter.
    column : str, default="t"
        Name of the acquisition column.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import UserSignal
    >>> model = UserSignal(lambda t, tau: 1 / (1 + t / tau))
    >>> model.evaluate(np.array([[1.0]]), np.array([[1.0]]))
    array([[0.5]])
    """

    def __init__(self, function, parameter="T", column="t"):
        self.function = function
        self.parameter = parameter
        self.column = column

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        return (Parameter(self.parameter),)

    @property
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads."""
        return (self.column,)

    def evaluate(self, acquisition, parameters):
        """Return the value of the function.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Acquisition points.
        parameters : ndarray of shape (n_sets, 1)
            Grid of the parameter.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal.

        Raises
        ------
        ValueError
            If the function returns another shape, or values that are not finite.
        """
        signal = np.asarray(
            self.function(_column(acquisition), parameters[:, 0]), dtype=np.float64
        )
        expected = (acquisition.shape[0], parameters.shape[0])
        if signal.shape != expected:
            raise ValueError(
                f"the user function must return shape {expected}, got {signal.shape}."
            )
        if not np.isfinite(signal).all():
            raise ValueError("the user function returned NaN or infinite values.")
        return signal
