"""Models without physics of their own: the identity and a user's function."""

import inspect

import numpy as np

from ._base import Parameter, SignalModel, _column, names_of
from ._checks import check_numbers


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
        return (Parameter(self.name, lower=-np.inf),)

    @property
    def acquisition_columns(self):
        return (self.name,)

    def evaluate(self, acquisition, parameters):
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
        receives first all columns, then all parameters. With several amplitudes it
        returns a tuple of as many signals, of which a constant may be a number. It
        must be defined at the top of a module to be pickled.
    parameter : str, Parameter or sequence of these, default="T"
        The nonlinear parameters. One with a finite upper bound is searched
        between its bounds on a linear scale, the others are positive and searched
        on a log scale.
    column : str or sequence of str, default="t"
        Names of the acquisition columns.
    changes_sign : bool, default=False
        Whether the signal changes its sign, which a magnitude image hides.
    amplitude : str, Parameter or sequence of these, default="M0"
        What fits multiply the signals by. A name stands for any number; a
        :class:`Parameter` has a lower bound of 0 unless it says -inf, and is then
        not negative in fits of real signals.

    Notes
    -----
    The function gives signals of unit amplitude. Amplitudes are cheap for a fit,
    since it eliminates them, while each further nonlinear parameter makes it slower:
    write a exp(-t / T) + c as two signals, not as a function of T and c / a.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import UserSignal
    >>> model = UserSignal(lambda t, tau: 1 / (1 + t / tau))
    >>> model.evaluate(np.array([[1.0]]), np.array([[1.0]]))
    array([[0.5]])

    Three decays with amplitudes of their own:

    >>> def decays(t, Ta, Tb, Tc):
    ...     return np.exp(-t / Ta), np.exp(-t / Tb), np.exp(-t / Tc)
    >>> model = UserSignal(decays, ["Ta", "Tb", "Tc"], "TE", amplitude=["a", "b", "c"])
    >>> [parameter.name for parameter in model.outputs]
    ['a', 'b', 'c', 'Ta', 'Tb', 'Tc']
    """

    counts_arguments = True

    def __init__(
        self, function, parameter="T", column="t", changes_sign=False, amplitude="M0"
    ):
        self.function = function
        self.parameter = parameter
        self.column = column
        self.changes_sign = changes_sign
        self.amplitude = amplitude

    @property
    def formula(self):
        """The signal in words of a formula."""
        names = [*self.acquisition_columns, *(p.name for p in self.parameters)]
        call = f"{_name(self.function)}({', '.join(names)})"
        amplitudes = [one.name for one in self.amplitudes]
        if len(amplitudes) == 1:
            return f"{amplitudes[0]} {call}"
        return f"({', '.join(amplitudes)}) . {call}"

    @property
    def parameters(self):
        return _named("parameter", self.parameter, 0.0)

    @property
    def amplitudes(self):
        return _named("amplitude", self.amplitude, -np.inf)

    @property
    def acquisition_columns(self):
        return names_of("column", self.column)

    def grid_limits(self, acquisition):
        """Return the range of relaxation times that an acquisition can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.

        Returns
        -------
        tuple of float
            A third of the smallest positive point and three times the largest one.
            With several columns and several parameters, those of all columns, as it
            is not known which parameter belongs to which column.
        """
        if acquisition.shape[1] > 1 and len(self.parameters) > 1:
            acquisition = acquisition.reshape(-1, 1)
        return super().grid_limits(acquisition)

    def basis(self, acquisition, parameters):
        """Return the signals that the amplitudes multiply.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.
        parameters : ndarray of shape (n_sets, n_parameters)
            Sets of parameters.

        Returns
        -------
        ndarray of shape (n_amplitudes, n_points, n_sets)
            One signal per amplitude.

        Raises
        ------
        ValueError
            If the function does not take the columns and parameters, returns another
            shape or number of signals, or values that are not finite.
        """
        columns = [_column(acquisition, k) for k in range(acquisition.shape[1])]
        arguments = [*columns, *np.ascontiguousarray(parameters.T)]
        self._check_arguments(arguments)
        try:
            signals = self.function(*arguments)
        except TypeError as error:
            raise TypeError(
                f"{_name(self.function)} failed for columns of shape "
                f"{columns[0].shape} and parameters of shape {arguments[-1].shape}, "
                f"which must broadcast (np.exp does, math.exp does not): {error}"
            ) from error
        amplitudes = [one.name for one in self.amplitudes]
        expected = (acquisition.shape[0], parameters.shape[0])
        if len(amplitudes) == 1:
            signal = _real(amplitudes[0], signals)
            if signal.shape != expected:
                raise ValueError(
                    f"the user function must return shape {expected}, got "
                    f"{signal.shape}."
                )
            basis = signal[None]
        else:
            basis = self._stack(signals, amplitudes, expected)
        wrong = ~np.isfinite(basis).all(axis=(0, 1))
        if wrong.any():
            first = parameters[wrong.argmax()]
            values = ", ".join(
                f"{parameter.name}={value:.3g}"
                for parameter, value in zip(self.parameters, first, strict=True)
            )
            raise ValueError(
                f"the user function returned NaN or infinite values, first for {values}"
                "; bounds of a fit can leave such values out."
            )
        return basis

    def _check_arguments(self, arguments):
        """Raise ValueError if the function cannot be called with the arguments."""
        names = [parameter.name for parameter in self.parameters]
        expected = len(self.acquisition_columns) + len(names)
        if len(arguments) != expected:
            raise ValueError(
                f"{_name(self.function)} is a model of the columns "
                f"{list(self.acquisition_columns)} and the parameters {names}, got "
                f"{len(arguments)} columns of both together; a distribution has one "
                "parameter."
            )
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # compiled functions need not have one
            return
        try:
            signature.bind(*arguments)
        except TypeError as error:
            raise ValueError(
                f"{_name(self.function)}{signature} must take the columns "
                f"{list(self.acquisition_columns)}, then the parameters {names}; name "
                "them in UserSignal(function, parameter, column)."
            ) from error

    def _stack(self, signals, amplitudes, expected):
        """Return signals of several amplitudes as one array (L, *expected)."""
        is_several = isinstance(signals, tuple | list) or np.ndim(signals) == 3
        if not is_several or len(signals) != len(amplitudes):
            number = len(signals) if is_several else 1
            raise ValueError(
                f"the user function must return a tuple of {len(amplitudes)} signals, "
                f"one for each of {amplitudes}, got {number}."
            )
        basis = np.empty((len(amplitudes), *expected))
        for name, row, signal in zip(amplitudes, basis, signals, strict=True):
            signal = _real(name, signal)
            try:
                row[:] = signal
            except ValueError as error:
                raise ValueError(
                    f"the signal of {name} must have shape {expected}, got "
                    f"{signal.shape}."
                ) from error
        return basis

    def evaluate(self, acquisition, parameters):
        """Return the value of the function, the sum of it if there are several.

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
            As in :meth:`basis`.
        """
        return self.basis(acquisition, parameters).sum(axis=0)


def _real(name, signal):
    """Return a signal as float64, or raise ValueError if it is complex."""
    try:
        is_complex = np.iscomplexobj(signal)
    except ValueError:  # rows of different lengths
        is_complex = False
    if is_complex:
        raise ValueError(
            f"the signal of {name} must be real, got complex values; for complex data "
            "the amplitudes are complex."
        )
    return check_numbers(f"the signal of {name} from the user function", signal)


def _name(function):
    return getattr(function, "__name__", "function")


def _named(argument, given, lower):
    """Return a tuple of Parameter from names or Parameters, one or several."""
    given = (given,) if isinstance(given, str | Parameter) else given
    good = isinstance(given, list | tuple | np.ndarray)
    if not good or not all(isinstance(one, str | Parameter) and one for one in given):
        raise TypeError(
            f"{argument} must be one or several names or Parameters, got {given!r}."
        )
    return tuple(
        one if isinstance(one, Parameter) else Parameter(one, lower=lower)
        for one in given
    )
