"""Exponential and Gaussian decays and recoveries."""

import numpy as np

from ._base import Parameter, SignalModel, _column, names_of
from ._checks import check_efficiency, check_flag, check_positive


class MonoExponential(SignalModel):
    r"""Exponential decay, as of transverse magnetisation in an echo train.

    .. math:: s(t) = \exp(-t / T_2)

    Times and relaxation times share one unit, for example seconds.

    Parameters
    ----------
    parameter : str, default="T2"
        Name of the relaxation time: ``"T2"``, ``"T2*"`` or ``"T1rho"``.
    column : str, default="TE"
        Name of the acquisition column with the times.
    offset : bool, default=False
        Whether fits add a constant, for example the floor of magnitude noise. A
        kernel of an inversion does not have it.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import MonoExponential
    >>> MonoExponential().evaluate(np.array([[0.0], [0.1]]), np.array([[0.1]]))
    array([[1.        ],
           [0.36787944]])
    """

    fades = "low"

    def __init__(self, parameter="T2", column="TE", offset=False):
        self.parameter = parameter
        self.column = column
        self.offset = offset

    @property
    def formula(self):
        """The signal in words of a formula."""
        text = f"M0 exp(-{self.column} / {self.parameter})"
        return f"{text} + offset" if check_flag("offset", self.offset) else text

    @property
    def simpler(self):
        """The decay without a constant, where there is one."""
        if not check_flag("offset", self.offset):
            return None
        return MonoExponential(self.parameter, self.column)

    @property
    def amplitudes(self):
        has_offset = check_flag("offset", self.offset)
        offset = (Parameter("offset", lower=-np.inf),) if has_offset else ()
        return (*super().amplitudes, *offset)

    def basis(self, acquisition, parameters):
        decay = self.evaluate(acquisition, parameters)
        has_offset = check_flag("offset", self.offset)
        return np.stack([decay, np.ones_like(decay)] if has_offset else [decay])

    @property
    def parameters(self):
        return (Parameter(self.parameter),)

    @property
    def acquisition_columns(self):
        return names_of("column", self.column)

    def evaluate(self, acquisition, parameters):
        return np.exp(-_column(acquisition) / parameters[:, 0])


class InversionRecovery(SignalModel):
    r"""Recovery of longitudinal magnetisation after an inversion pulse.

    .. math:: s(t) = 1 - b \exp(-t / T_1) + \exp(-T_R / T_1)

    with the inversion efficiency :math:`b`, 2 for a perfect pulse. Measured
    data often have :math:`b` between 1.6 and 2. The last term is present for
    a finite repetition time only. Times and relaxation times share one unit.

    Parameters
    ----------
    efficiency : float or "fit", default=2.0
        Inversion efficiency b, from 0 (exclusive) to 2. 1 gives the saturation
        recovery 1 - exp(-t / T1) of some texts. ``"fit"`` makes it a parameter of
        fits; a kernel of an inversion needs a number.
    repetition_time : float, "TR" or None, default=None
        Time from one inversion pulse to the next. ``None`` stands for full
        recovery, ``"TR"`` for a time per point in the acquisition column
        of this name.

    Notes
    -----
    With a repetition time and b = 2 the formula is the steady state of
    perfect inversion, equation 2 of [1]_ for a 90 degree readout.

    References
    ----------
    .. [1] J. K. Barral et al., "A robust methodology for in vivo T1 mapping",
       Magn. Reson. Med. 64 (2010) 1057. https://doi.org/10.1002/mrm.22497

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import InversionRecovery
    >>> InversionRecovery().evaluate(np.array([[0.0]]), np.array([[0.5]]))
    array([[-1.]])
    """

    changes_sign = True

    def __init__(self, efficiency=2.0, repetition_time=None):
        self.efficiency = efficiency
        self.repetition_time = repetition_time

    @property
    def formula(self):
        """The signal in words of a formula."""
        b = "efficiency"
        if not self._is_fitted:
            b = f"{check_efficiency(self.efficiency):g}"
        recovery = "" if self.repetition_time is None else " + exp(-TR / T1)"
        return f"M0 (1 - {b} exp(-TI / T1){recovery})"

    @property
    def parameters(self):
        return (Parameter("T1"),)

    @property
    def _is_fitted(self):
        return isinstance(self.efficiency, str) and self.efficiency == "fit"

    @property
    def simpler(self):
        """The recovery after a perfect inversion, where the efficiency is fitted."""
        if not self._is_fitted:
            return None
        return InversionRecovery(repetition_time=self.repetition_time)

    @property
    def amplitudes(self):
        if self._is_fitted:
            inverted = Parameter("inverted", lower=-np.inf)
            return (*super().amplitudes, inverted)
        return super().amplitudes

    @property
    def outputs(self):
        if self._is_fitted:
            return Parameter("M0"), Parameter("T1"), Parameter("efficiency", upper=2.0)
        return super().outputs

    def derive(self, values):
        if self._is_fitted:
            M0, inverted, T1 = values
            return np.stack([M0, T1, inverted / M0])
        return values

    def basis(self, acquisition, parameters):
        if not self._is_fitted:
            return super().basis(acquisition, parameters)
        inverted = -np.exp(-_column(acquisition) / parameters[:, 0])
        return np.stack([self._recovered(acquisition, parameters[:, 0]), inverted])

    @property
    def acquisition_columns(self):
        repetition = self.repetition_time
        per_point = isinstance(repetition, str) and repetition == "TR"
        return ("TI", "TR") if per_point else ("TI",)

    def evaluate(self, acquisition, parameters):
        efficiency = check_efficiency(self.efficiency)
        t1 = parameters[:, 0]
        inverted = efficiency * np.exp(-_column(acquisition) / t1)
        return self._recovered(acquisition, t1) - inverted

    def _recovered(self, acquisition, t1):
        """Return what there would be without inversion, (n_points, n_sets)."""
        repetition = self.repetition_time
        if repetition is None:
            return np.ones((acquisition.shape[0], t1.size))
        if isinstance(repetition, str):
            if repetition != "TR":
                raise ValueError(
                    "repetition_time must be a positive number, 'TR' or None, "
                    f"got {repetition!r}."
                )
            repetition = np.broadcast_to(
                _column(acquisition, 1), (acquisition.shape[0], t1.size)
            )
        else:
            repetition = check_positive("repetition_time", repetition, infinite=True)
            repetition = np.full((acquisition.shape[0], t1.size), repetition)
        return 1.0 + np.exp(-repetition / t1)


class SaturationRecovery(SignalModel):
    r"""Recovery of longitudinal magnetisation after saturation.

    .. math:: s(t) = 1 - \exp(-t / T_1)

    Times and relaxation times share one unit.

    Parameters
    ----------
    column : str, default="TS"
        Name of the acquisition column with the times from saturation to readout:
        ``"TR"`` where the readout itself saturates, ``"TI"`` where files call them so.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import SaturationRecovery
    >>> SaturationRecovery().evaluate(np.array([[0.0]]), np.array([[0.5]]))
    array([[0.]])
    """

    def __init__(self, column="TS"):
        self.column = column

    @property
    def formula(self):
        """The signal in words of a formula."""
        return f"M0 (1 - exp(-{self.column} / T1))"

    @property
    def parameters(self):
        return (Parameter("T1"),)

    @property
    def acquisition_columns(self):
        return names_of("column", self.column)

    def evaluate(self, acquisition, parameters):
        return -np.expm1(-_column(acquisition) / parameters[:, 0])


class GaussianDecay(SignalModel):
    r"""Gaussian decay, as of rigid solids.

    .. math:: s(t) = \exp(-t^2 / (2 T_2^2))

    Times and relaxation times share one unit.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import GaussianDecay
    >>> GaussianDecay().evaluate(np.array([[0.0]]), np.array([[0.5]]))
    array([[1.]])
    """

    fades = "low"
    formula = "M0 exp(-TE^2 / (2 T2^2))"

    @property
    def parameters(self):
        return (Parameter("T2"),)

    @property
    def acquisition_columns(self):
        return ("TE",)

    def evaluate(self, acquisition, parameters):
        return np.exp(-0.5 * (_column(acquisition) / parameters[:, 0]) ** 2)
