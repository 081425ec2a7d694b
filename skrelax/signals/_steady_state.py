"""Steady states in closed form: spoiled and balanced gradient echo, MP2RAGE."""

import numpy as np

from ._base import _column
from ._checks import (
    check_count,
    check_efficiency,
    check_numbers,
    check_positive,
    per_pulse,
)
from ._sequence import SequenceModel, point_indices

# Pulses of a train, far beyond any sequence.
_MOST_READOUTS = 1_000_000


class _FlipAngleModel(SequenceModel):
    """A steady state that is measured at flip angles and repetition times."""

    _optional = ("B1",)

    def __init__(self, repetition_time="TR", B1=1.0):
        self.repetition_time = repetition_time
        self.B1 = B1

    @property
    def acquisition_columns(self):
        return ("FA", "TR") if isinstance(self.repetition_time, str) else ("FA",)

    def grid_limits(self, acquisition):
        """Return the range of T1 that flip angles can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Flip angles [degrees], and repetition times [s] where these are a column.

        Returns
        -------
        tuple of float
            A third of the smallest T1 whose Ernst angle is among the flip angles,
            and three times the largest one [s].

        Raises
        ------
        ValueError
            If no flip angle is above 0.
        """
        angle, repetition = np.broadcast_arrays(*self._points(acquisition))
        # From 90 degrees on the signal is that of a saturation recovery.
        angle = np.minimum(angle, np.deg2rad(60.0))
        good = angle > 0
        if not good.any():
            raise ValueError("limits of the grid need a flip angle above 0.")
        seen = -repetition[good] / np.log(np.cos(angle[good]))
        return seen.min() / 3.0, seen.max() * 3.0

    def _points(self, acquisition):
        """Return flip angles [rad] and repetition times, (n_points, 1) or a number."""
        angle = np.deg2rad(_column(acquisition))
        if not isinstance(self.repetition_time, str):
            return angle, check_positive("repetition_time", self.repetition_time)
        if self.repetition_time != "TR":
            raise ValueError(
                "repetition_time must be a positive number or 'TR', got "
                f"{self.repetition_time!r}."
            )
        return angle, _column(acquisition, 1)


class SpoiledGradientEcho(_FlipAngleModel):
    r"""Steady state of a spoiled gradient echo (FLASH, variable flip angle).

    .. math:: s(\alpha) = \sin(\alpha)
              \frac{1 - E_1}{1 - \cos(\alpha) E_1}, \quad E_1 = \exp(-T_R / T_1)

    with the flip angle :math:`\alpha` times B1. It is largest at the Ernst angle
    :math:`\cos \alpha = E_1`.

    Parameters
    ----------
    repetition_time : "TR" or float, default="TR"
        ``"TR"`` reads the acquisition column of this name [s], a number holds for all
        points.
    B1 : float or None, default=1.0
        Factor on the flip angles. None makes it a parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import SpoiledGradientEcho
    >>> model = SpoiledGradientEcho(repetition_time=0.015)
    >>> model.evaluate(np.array([[10.0]]), np.array([[1.0]])).round(6)
    array([[0.086597]])
    """

    formula = "M0 sin(FA) (1 - E1) / (1 - E1 cos(FA)), E1 = exp(-TR / T1)"
    _always = ("T1",)

    def evaluate(self, acquisition, parameters):
        """Return the steady state.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Flip angles [degrees], and repetition times [s] where these are a column.
        parameters : ndarray of shape (n_sets, n_parameters)
            T1 [s], and B1 where it is None in the constructor.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set.

        Raises
        ------
        ValueError
            If a setting is outside its range.
        """
        (t1, b1), dtype = self._tissue(parameters)
        angle, repetition = self._points(acquisition)
        e1, angle = np.exp(-repetition / t1), angle * b1
        signal = np.sin(angle) * (1.0 - e1) / (1.0 - np.cos(angle) * e1)
        return signal.astype(dtype, copy=False)


class BalancedSteadyState(_FlipAngleModel):
    r"""Steady state of a balanced gradient echo (bSSFP, TrueFISP) on resonance.

    .. math:: s(\alpha) = \sin(\alpha) \frac{(1 - E_1) e^{-T_E / T_2}}
              {1 - (E_1 - E_2) \cos(\alpha) - E_1 E_2}, \quad T_E = T_R / 2

    with :math:`E_i = \exp(-T_R / T_i)`, alternating pulses, and the flip angle
    :math:`\alpha` times B1.

    Parameters
    ----------
    repetition_time : "TR" or float, default="TR"
        ``"TR"`` reads the acquisition column of this name [s], a number holds for all
        points.
    B1 : float or None, default=1.0
        Factor on the flip angles. None makes it a parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import BalancedSteadyState
    >>> model = BalancedSteadyState(repetition_time=0.005)
    >>> model.evaluate(np.array([[60.0]]), np.array([[1.0, 0.08]])).round(6)
    array([[0.11172]])
    """

    _always = ("T1", "T2")

    def evaluate(self, acquisition, parameters):
        """Return the steady state at the echo.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Flip angles [degrees], and repetition times [s] where these are a column.
        parameters : ndarray of shape (n_sets, n_parameters)
            T1 [s], T2 [s], and B1 where it is None in the constructor.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set.

        Raises
        ------
        ValueError
            If a setting is outside its range.
        """
        (t1, t2, b1), dtype = self._tissue(parameters)
        angle, repetition = self._points(acquisition)
        e1, half = np.exp(-repetition / t1), np.exp(-0.5 * repetition / t2)
        angle = angle * b1
        e2 = half * half
        bottom = 1.0 - (e1 - e2) * np.cos(angle) - e1 * e2
        signal = np.sin(angle) * (1.0 - e1) * half / bottom
        return signal.astype(dtype, copy=False)


class MP2RAGE(SequenceModel):
    r"""Readouts of an inversion-prepared sequence of gradient echo trains.

    One cycle is an inversion and, centred on each inversion time, a train of
    `n_readouts` spoiled pulses. The longitudinal magnetisation is a linear function
    of its value a cycle before, so that the steady state has a closed form [1]_. With
    one inversion time this is MPRAGE, with two MP2RAGE.

    The acquisition column TI holds any of the inversion times; the signal is that of
    the pulse in the middle of the train, in units of the equilibrium magnetisation.
    Parameters are T1 [s], and B1 where it is None.

    Parameters
    ----------
    inversion_times : array-like of shape (n_trains,), default=(0.7, 2.5)
        Times from the inversion to the middle of each train [s], increasing.
    flip_angle : float or array-like of shape (n_trains,), default=(7.0, 5.0)
        Flip angle of each train [degrees].
    cycle_time : float, default=5.0
        Time from inversion to inversion [s].
    readout_spacing : float, default=0.006
        Time between the pulses of a train [s].
    n_readouts : int, default=160
        Number of pulses of a train. The middle is pulse ``n_readouts // 2``, from 0.
    efficiency : float, default=1.96
        Inversion efficiency b: an inversion turns M into (1 - b) M.
    B1 : float or None, default=1.0
        Factor on the flip angles, the (adiabatic) inversion not included. None makes
        it a parameter.

    References
    ----------
    .. [1] J. P. Marques et al., "MP2RAGE, a self bias-field corrected sequence for
       improved segmentation and T1-mapping at high field", NeuroImage 49 (2010) 1271.
       https://doi.org/10.1016/j.neuroimage.2009.10.002

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import MP2RAGE
    >>> model = MP2RAGE()
    >>> model.evaluate(model.own_acquisition(), np.array([[1.2]])).round(3)
    array([[0.005],
           [0.053]])
    """

    formula = "M0 MP2RAGE(TI; T1, B1)"
    _always = ("T1",)
    _optional = ("B1",)

    def __init__(
        self,
        inversion_times=(0.7, 2.5),
        flip_angle=(7.0, 5.0),
        cycle_time=5.0,
        readout_spacing=0.006,
        n_readouts=160,
        efficiency=1.96,
        B1=1.0,
    ):
        self.inversion_times = inversion_times
        self.flip_angle = flip_angle
        self.cycle_time = cycle_time
        self.readout_spacing = readout_spacing
        self.n_readouts = n_readouts
        self.efficiency = efficiency
        self.B1 = B1

    @property
    def acquisition_columns(self):
        return ("TI",)

    def own_acquisition(self):
        """Return the inversion times.

        Returns
        -------
        ndarray of shape (n_trains, 1)
            Inversion times [s].
        """
        times = np.atleast_1d(
            check_numbers("inversion_times", self.inversion_times, finite=True)
        )
        if times.ndim > 1 or times.size == 0:
            raise ValueError(
                f"inversion_times must have shape (n_trains,), got {times.shape}."
            )
        return times[:, None].copy()

    def evaluate(self, acquisition, parameters):
        """Return the signal in the middle of each train.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Inversion times of the sequence [s].
        parameters : ndarray of shape (n_sets, n_parameters)
            T1 [s], and B1 where it is None in the constructor.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The signal of each set.

        Raises
        ------
        ValueError
            If the trains do not fit into the cycle, a time is not an inversion time
            of the sequence, or a setting is outside its range.
        """
        (t1, b1), dtype = self._tissue(parameters)
        times = self.own_acquisition()[:, 0]
        index = point_indices(self, np.asarray(acquisition)[:, 0], times, 1e-6)
        flips = np.deg2rad(per_pulse("flip_angle", self.flip_angle, times.size))
        pauses = self._pauses(times)
        keep = check_efficiency(self.efficiency) - 1.0
        n_readouts = int(self.n_readouts)
        before = n_readouts // 2
        e1 = np.exp(-self.readout_spacing / t1)
        # Magnetisation as slope * (value before the inversion) + offset.
        slope, offset = np.full(t1.size, -keep), np.zeros(t1.size)
        middles = []
        for flip, pause in zip(flips, pauses[:-1], strict=True):
            slope, offset = _recover(slope, offset, np.exp(-pause / t1))
            turn = np.cos(flip * b1) * e1
            # Each pulse multiplies the distance to the steady state of the train.
            steady = (1.0 - e1) / (1.0 - turn)
            middle = turn**before
            middles.append((slope * middle, steady + (offset - steady) * middle))
            slope = slope * turn**n_readouts
            offset = steady + (offset - steady) * turn**n_readouts
        slope, offset = _recover(slope, offset, np.exp(-pauses[-1] / t1))
        start = offset / (1.0 - slope)
        signals = [
            np.sin(flip * b1) * (a * start + b)
            for flip, (a, b) in zip(flips, middles, strict=True)
        ]
        return np.array(signals)[index].astype(dtype, copy=False)

    def _pauses(self, times):
        """Return the times without pulses before, between and after the trains."""
        spacing = check_positive("readout_spacing", self.readout_spacing)
        n_readouts = check_count("n_readouts", self.n_readouts, _MOST_READOUTS)
        cycle_time = check_positive("cycle_time", self.cycle_time)
        begins = times - spacing * (n_readouts // 2)
        ends = np.append(0.0, begins + spacing * n_readouts)
        pauses = np.append(begins, cycle_time) - ends
        if not (pauses >= -1e-9).all():
            raise ValueError(
                "the trains must fit between inversions without overlap: with "
                f"inversion_times={self.inversion_times}, n_readouts="
                f"{self.n_readouts}, readout_spacing={spacing} and cycle_time="
                f"{self.cycle_time} the pauses are {pauses.round(6).tolist()} s."
            )
        return np.maximum(pauses, 0.0)


def _recover(slope, offset, decay):
    """Return slope and offset after a free recovery."""
    return slope * decay, 1.0 + (offset - 1.0) * decay
