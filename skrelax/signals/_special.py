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
        shape (n_points, 1), and the parameter, shape (n_sets,), and returns
        (n_points, n_sets): NumPy broadcasting does that by itself, also in a
        function compiled by Numba. With several columns or parameters it
        receives first all columns, then all parameters. It must be defined at
        the top of a module to be pickled.
    parameter : str, Parameter or sequence of these, default="T"
        The nonlinear parameters. One with a finite upper bound is searched
        between its bounds on a linear scale, the others are positive and searched
        on a log scale.
    column : str or sequence of str, default="t"
        Names of the acquisition columns.
    changes_sign : bool, default=False
        Whether the signal changes its sign, which a magnitude image hides.

    Notes
    -----
    The function gives the signal of unit amplitude; fits multiply it by M0.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import UserSignal
    >>> model = UserSignal(lambda t, tau: 1 / (1 + t / tau))
    >>> model.evaluate(np.array([[1.0]]), np.array([[1.0]]))
    array([[0.5]])
    """

    def __init__(self, function, parameter="T", column="t", changes_sign=False):
        self.function = function
        self.parameter = parameter
        self.column = column
        self.changes_sign = changes_sign

    @property
    def formula(self):
        """The signal in words of a formula."""
        names = [*self.acquisition_columns, *(p.name for p in self.parameters)]
        name = getattr(self.function, "__name__", "function")
        return f"M0 {name}({', '.join(names)})"

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        given = self.parameter
        given = (given,) if isinstance(given, str | Parameter) else given
        return tuple(p if isinstance(p, Parameter) else Parameter(p) for p in given)

    @property
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads."""
        return (self.column,) if isinstance(self.column, str) else tuple(self.column)

    def evaluate(self, acquisition, parameters):
        """Return the value of the function.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.
        parameters : ndarray of shape (n_sets, n_parameters)
            Sets of parameters.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal.

        Raises
        ------
        ValueError
            If the function returns another shape, or values that are not finite.
        """
        columns = (_column(acquisition, k) for k in range(acquisition.shape[1]))
        signal = np.asarray(
            self.function(*columns, *np.ascontiguousarray(parameters.T)),
            dtype=np.float64,
        )
        expected = (acquisition.shape[0], parameters.shape[0])
        if signal.shape != expected:
            raise ValueError(
                f"the user function must return shape {expected}, got {signal.shape}."
            )
        if not np.isfinite(signal).all():
            raise ValueError("the user function returned NaN or infinite values.")
        return signal
