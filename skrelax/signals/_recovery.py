"""Recoveries of longitudinal magnetisation that T1 maps are made of."""

import numpy as np

from ._base import Parameter, SignalModel, _column, names_of
from ._exponential import InversionRecovery


class GeneralRecovery(SignalModel):
    r"""Recovery between two unknown values.

    .. math:: s(t) = a + b \exp(-t / T_1)

    for imperfect inversion, saturation or any repetition time that all points share.
    Where it differs from point to point,

    .. math:: s(t) = a (1 - \exp(-T_R / T_1)) + b (\exp(-t / T_1) - \exp(-T_R / T_1)).

    Times and relaxation times share one unit.

    Parameters
    ----------
    column : str, default="TI"
        Name of the acquisition column with the times.
    repetition_time : "TR" or None, default=None
        ``"TR"`` reads the time from one preparation to the next from the acquisition
        column of this name, for each point.

    Notes
    -----
    The second formula is the steady state of a preparation that multiplies the
    magnetisation by any factor c and of a 90 degree readout [1]_: a = M0 and
    b = M0 (c - 1), where c = -1 is a perfect inversion and c = 0 a saturation. For a
    repetition time that all points share it spans the same signals as the first one.

    References
    ----------
    .. [1] J. K. Barral et al., "A robust methodology for in vivo T1 mapping",
       Magn. Reson. Med. 64 (2010) 1057. https://doi.org/10.1002/mrm.22497

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import GeneralRecovery
    >>> basis = GeneralRecovery().basis(np.array([[0.0]]), np.array([[0.5]]))
    >>> basis[:, 0, 0]
    array([1., 1.])
    """

    changes_sign = True

    def __init__(self, column="TI", repetition_time=None):
        self.column = column
        self.repetition_time = repetition_time

    @property
    def formula(self):
        """The signal in words of a formula."""
        if self._reads_repetition():
            return (
                f"a (1 - exp(-TR / T1)) + b (exp(-{self.column} / T1) - exp(-TR / T1))"
            )
        return f"a + b exp(-{self.column} / T1)"

    @property
    def parameters(self):
        return (Parameter("T1"),)

    @property
    def amplitudes(self):
        return tuple(Parameter(name, lower=-np.inf) for name in ("a", "b"))

    @property
    def acquisition_columns(self):
        columns = names_of("column", self.column)
        return (*columns, "TR") if self._reads_repetition() else columns

    @property
    def simpler(self):
        """The recovery after a perfect inversion."""
        return InversionRecovery(
            repetition_time="TR" if self._reads_repetition() else None
        )

    def _reads_repetition(self):
        """Return whether each point has a repetition time of its own."""
        repetition = self.repetition_time
        if repetition is None:
            return False
        if not (isinstance(repetition, str) and repetition == "TR"):
            raise ValueError(
                f"repetition_time must be 'TR' or None, got {repetition!r}."
            )
        return True

    def basis(self, acquisition, parameters):
        decay = np.exp(-_column(acquisition) / parameters[:, 0])
        if not self._reads_repetition():
            return np.stack([np.ones_like(decay), decay])
        before = np.exp(-_column(acquisition, 1) / parameters[:, 0])
        return np.stack([1.0 - before, decay - before])

    def evaluate(self, acquisition, parameters):
        """Return the recovery of a perfect inversion, a = 1 and b = -2.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Times, and repetition times where these are a column.
        parameters : ndarray of shape (n_sets, 1)
            Relaxation times.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The recovery of each set.
        """
        return np.tensordot([1.0, -2.0], self.basis(acquisition, parameters), 1)


class LookLocker(GeneralRecovery):
    r"""Recovery that is read out while it happens: Look-Locker, MOLLI.

    .. math:: s(t) = a - b \exp(-t / T_1^*), \quad T_1 = T_1^* (b / a - 1)

    The read-out shortens the apparent time :math:`T_1^*` [1]_; the last formula
    corrects it, as is usual for MOLLI [2]_. Times and relaxation times share one unit.

    Parameters
    ----------
    column : str, default="TI"
        Name of the acquisition column with the times.

    References
    ----------
    .. [1] R. Deichmann and A. Haase, "Quantification of T1 values by
       SNAPSHOT-FLASH NMR imaging", J. Magn. Reson. 96 (1992) 608.
       https://doi.org/10.1016/0022-2364(92)90347-A
    .. [2] D. R. Messroghli et al., "Modified Look-Locker inversion recovery
       (MOLLI) for high-resolution T1 mapping of the heart", Magn. Reson. Med. 52
       (2004) 141. https://doi.org/10.1002/mrm.20110

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import LookLocker
    >>> LookLocker().derive(np.array([[1.0], [1.9], [0.5]]))[-1]
    array([0.45])
    """

    #: A perfect inversion does not tell T1 from T1*.
    simpler = None

    def __init__(self, column="TI"):
        super().__init__(column)

    @property
    def formula(self):
        """The signal in words of a formula."""
        return f"a - b exp(-{self.column} / T1*), T1 = T1* (b / a - 1)"

    @property
    def parameters(self):
        return (Parameter("T1*"),)

    @property
    def outputs(self):
        return (*self.amplitudes, *self.parameters, Parameter("T1"))

    def basis(self, acquisition, parameters):
        constant, decay = super().basis(acquisition, parameters)
        return np.stack([constant, -decay])

    def evaluate(self, acquisition, parameters):
        """Return the recovery without saturation by the read-out, a = 1 and b = 2.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times.
        parameters : ndarray of shape (n_sets, 1)
            Apparent relaxation times.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The recovery of each set.
        """
        return np.tensordot([1.0, 2.0], self.basis(acquisition, parameters), 1)

    def derive(self, values):
        a, b, apparent = values
        return np.stack([a, b, apparent, apparent * (b / a - 1.0)])
