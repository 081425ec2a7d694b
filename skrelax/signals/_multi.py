"""Decays that a single exponential does not describe."""

import numpy as np

from ._base import Parameter, SignalModel, _column, names_of
from ._exponential import MonoExponential


class BiExponential(SignalModel):
    r"""Sum of two exponential decays.

    .. math:: s(t) = M_0 \left( f e^{-t / T_a} + (1 - f) e^{-t / T_b} \right)

    with the short relaxation time :math:`T_a` and its share :math:`f`. Times and
    relaxation times share one unit. Both amplitudes are positive in fits.

    Parameters
    ----------
    parameter : str, default="T2"
        Name of the relaxation times, before ``"_short"`` and ``"_long"``.
    column : str, default="TE"
        Name of the acquisition column with the times.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import BiExponential
    >>> model = BiExponential()
    >>> [parameter.name for parameter in model.outputs]
    ['M0', 'fraction_short', 'T2_short', 'T2_long']
    >>> model.basis(np.array([[0.0]]), np.array([[0.01, 0.1]])).shape
    (2, 1, 1)
    """

    def __init__(self, parameter="T2", column="TE"):
        self.parameter = parameter
        self.column = column

    @property
    def formula(self):
        """The signal in words of a formula."""
        a, b = (p.name for p in self.parameters)
        t = self.column
        return f"M0 (f exp(-{t} / {a}) + (1 - f) exp(-{t} / {b})), f = fraction_short"

    @property
    def component(self):
        """The decay of which there are two."""
        return MonoExponential(self.parameter, self.column)

    @property
    def parameters(self):
        return Parameter(f"{self.parameter}_short"), Parameter(f"{self.parameter}_long")

    @property
    def amplitudes(self):
        return Parameter("M0_short"), Parameter("M0_long")

    @property
    def outputs(self):
        return Parameter("M0"), Parameter("fraction_short", upper=1.0), *self.parameters

    @property
    def acquisition_columns(self):
        return names_of("column", self.column)

    def basis(self, acquisition, parameters):
        return np.exp(-_column(acquisition) / parameters.T[:, None, :])

    def evaluate(self, acquisition, parameters):
        """Return the sum of the decays with equal shares.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times.
        parameters : ndarray of shape (n_sets, 2)
            Short and long relaxation times.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set.
        """
        return self.basis(acquisition, parameters).mean(axis=0)

    def _basis_slopes(self, acquisition, parameters, basis):
        """Return derivatives (2, 2, n_points, n_sets) of the basis, which is given."""
        out = np.zeros((2, *basis.shape))
        for k, times in enumerate(parameters.T):
            out[k, k] = basis[k] * (_column(acquisition) / times / times)
        return out

    def derive(self, values):
        short, long, t_short, t_long = values
        return np.stack([short + long, short / (short + long), t_short, t_long])


class StretchedExponential(SignalModel):
    r"""Stretched exponential decay, of a distribution of relaxation times.

    .. math:: s(t) = \exp(-(t / T)^\beta)

    Times and relaxation times share one unit.

    Parameters
    ----------
    parameter : str, default="T2"
        Name of the relaxation time.
    column : str, default="TE"
        Name of the acquisition column with the times.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import StretchedExponential
    >>> times = np.array([[0.0], [0.1]])
    >>> StretchedExponential().evaluate(times, np.array([[0.1, 0.5]]))
    array([[1.        ],
           [0.36787944]])
    """

    def __init__(self, parameter="T2", column="TE"):
        self.parameter = parameter
        self.column = column

    @property
    def formula(self):
        """The signal in words of a formula."""
        return f"M0 exp(-({self.column} / {self.parameter})^beta)"

    @property
    def simpler(self):
        """The decay with beta = 1."""
        return MonoExponential(self.parameter, self.column)

    @property
    def parameters(self):
        return Parameter(self.parameter), Parameter("beta", lower=0.2, upper=1.5)

    @property
    def acquisition_columns(self):
        return names_of("column", self.column)

    def evaluate(self, acquisition, parameters):
        return np.exp(-((_column(acquisition) / parameters[:, 0]) ** parameters[:, 1]))
