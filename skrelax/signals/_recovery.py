"""Recoveries of longitudinal magnetisation that T1 maps are made of."""

import numpy as np

from ._base import Parameter, SignalModel, _column


class GeneralRecovery(SignalModel):
    r"""Recovery between two unknown values.

    .. math:: s(t) = a + b \exp(-t / T_1)

    for imperfect inversion, saturation or any repetition time that all points share.
    Times and relaxation times share one unit.

    Parameters
    ----------
    column : str, default="TI"
        Name of the acquisition column with the times.

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

    def __init__(self, column="TI"):
        self.column = column

    @property
    def formula(self):
        """The signal in words of a formula."""
        return f"a + b exp(-{self.column} / T1)"

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        return (Parameter("T1"),)

    @property
    def amplitudes(self):
        """Linear parameters, a tuple of :class:`Parameter`."""
        return tuple(Parameter(name, lower=-np.inf) for name in ("a", "b"))

    @property
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads."""
        return (self.column,)

    def basis(self, acquisition, parameters):
        """Return the constant and the exponential.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times.
        parameters : ndarray of shape (n_sets, 1)
            Relaxation times.

        Returns
        -------
        ndarray of shape (2, n_points, n_sets)
            One signal per amplitude.
        """
        decay = np.exp(-_column(acquisition) / parameters[:, 0])
        return np.stack([np.ones_like(decay), decay])

    def evaluate(self, acquisition, parameters):
        """Return the recovery of a perfect inversion, a = 1 and b = -2.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times.
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

    def __init__(self, column="TI"):
        super().__init__(column)

    @property
    def formula(self):
        """The signal in words of a formula."""
        return f"a - b exp(-{self.column} / T1*), T1 = T1* (b / a - 1)"

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        return (Parameter("T1*"),)

    @property
    def outputs(self):
        """What a fit reports, a tuple of :class:`Parameter`."""
        return (*self.amplitudes, *self.parameters, Parameter("T1"))

    def basis(self, acquisition, parameters):
        """Return the constant and the negative exponential.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times.
        parameters : ndarray of shape (n_sets, 1)
            Apparent relaxation times.

        Returns
        -------
        ndarray of shape (2, n_points, n_sets)
            One signal per amplitude.
        """
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
        """Return a, b, the apparent and the corrected relaxation time.

        Parameters
        ----------
        values : ndarray of shape (3, n_sets)
            a, b and T1*.

        Returns
        -------
        ndarray of shape (4, n_sets)
            Rows as in :attr:`outputs`.
        """
        a, b, apparent = values
        return np.stack([a, b, apparent, apparent * (b / a - 1.0)])


class VariableFlipAngle(SignalModel):
    r"""Steady state of a spoiled gradient echo over its flip angle.

    .. math:: s(\alpha) = \sin\alpha \, \frac{1 - E_1}{1 - E_1 \cos\alpha},
              \quad E_1 = \exp(-T_R / T_1)

    Flip angles are in degrees; repetition and relaxation times share one unit.

    Parameters
    ----------
    repetition_time : float or "TR", default="TR"
        Repetition time, or ``"TR"`` for the acquisition column of this name.
    b1 : float, default=1.0
        True over nominal flip angle.

    References
    ----------
    .. [1] R. R. Ernst and W. A. Anderson, "Application of Fourier transform
       spectroscopy to magnetic resonance", Rev. Sci. Instrum. 37 (1966) 93.
       https://doi.org/10.1063/1.1719961

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import VariableFlipAngle
    >>> model = VariableFlipAngle(repetition_time=15.0)
    >>> model.evaluate(np.array([[10.0]]), np.array([[1000.0]])).round(6)
    array([[0.086597]])
    """

    formula = "M0 sin(FA) (1 - E1) / (1 - E1 cos(FA)), E1 = exp(-TR / T1)"

    def __init__(self, repetition_time="TR", b1=1.0):
        self.repetition_time = repetition_time
        self.b1 = b1

    @property
    def parameters(self):
        """Nonlinear parameters, a tuple of :class:`Parameter`."""
        return (Parameter("T1"),)

    @property
    def acquisition_columns(self):
        """Names of the acquisition columns that the model reads."""
        return ("FA", "TR") if self.repetition_time == "TR" else ("FA",)

    def evaluate(self, acquisition, parameters):
        """Return the steady state.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1) or (n_points, 2)
            Flip angles [degrees], and repetition times where
            ``repetition_time`` is ``"TR"``.
        parameters : ndarray of shape (n_sets, 1)
            Relaxation times T1.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set.

        Raises
        ------
        ValueError
            If a setting of the model is outside its range.
        """
        angle = np.deg2rad(self.b1 * _column(acquisition))
        rate = self._repetition(acquisition) / parameters[:, 0]
        e1 = np.exp(-rate)
        # 1 - E1 cos(a) without the cancellation at small angles.
        below = -np.expm1(-rate) + 2.0 * e1 * np.sin(0.5 * angle) ** 2
        return np.sin(angle) * -np.expm1(-rate) / below

    def grid_limits(self, acquisition):
        """Return the range of T1 that an acquisition can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1) or (n_points, 2)
            Flip angles [degrees], and repetition times.

        Returns
        -------
        tuple of float
            A third of the shortest repetition time, and three times the T1 whose
            largest signal is at the smallest flip angle.

        Raises
        ------
        ValueError
            If there is no flip angle above zero.
        """
        angles = acquisition[:, 0]
        if not (angles > 0).any():
            raise ValueError("flip angles must not all be zero.")
        smallest = np.deg2rad(min(self.b1 * angles[angles > 0].min(), 89.0))
        repetition = self._repetition(acquisition)
        return repetition.min() / 3, 3.0 * repetition.max() / -np.log(np.cos(smallest))

    def _repetition(self, acquisition):
        """Return repetition times, (n_points, 1)."""
        if not self.b1 > 0:
            raise ValueError(f"b1 must be positive, got {self.b1}.")
        repetition = self.repetition_time
        if isinstance(repetition, str):
            if repetition != "TR":
                raise ValueError(
                    f"repetition_time must be a number or 'TR', got {repetition!r}."
                )
            repetition = _column(acquisition, 1)
        else:
            repetition = np.full((acquisition.shape[0], 1), float(repetition))
        if not (repetition > 0).all():
            raise ValueError(
                f"repetition_time must be positive, got {repetition.min()}."
            )
        return repetition
