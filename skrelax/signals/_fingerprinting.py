"""Gradient echo trains of magnetic resonance fingerprinting."""

import numpy as np

from ._checks import (
    check_count,
    check_efficiency,
    check_numbers,
    check_positive,
    per_pulse,
)
from ._numba import LANES, GradientEchoes, gradient_echo_train
from ._sequence import SequenceModel, point_indices

# The work for a train grows with the square of its length.
_MOST_PULSES = 10_000


class FingerprintingTrain(SequenceModel):
    r"""Unbalanced gradient echo train after an inversion, as for fingerprinting.

    Every repetition is a pulse about one axis, an echo after `echo_time`, and a
    gradient that dephases by one unit (FISP) [1]_. Signals are in units of the
    equilibrium magnetisation, a quarter turn from the axis of the pulses: real and
    signed.

    The acquisition column is the number of the pulse, from 0. Parameters are T1 [s],
    T2 [s], and B1 where it is None.

    Parameters
    ----------
    flip_angle : array-like of shape (n_pulses,), default=10.0
        Flip angles [degrees]. A number stands for one pulse.
    repetition_time : float or array-like of shape (n_pulses,), default=0.012
        Time from each pulse to the next [s].
    echo_time : float or array-like of shape (n_pulses,), default=0.0
        Time from each pulse to its echo [s].
    inversion_time : float or None, default=None
        Time from an inversion to the first pulse [s]. None is no inversion: the
        train starts in equilibrium.
    efficiency : float, default=2.0
        Inversion efficiency b: the inversion leaves 1 - b, and nothing transverse.
    B1 : float or None, default=1.0
        Factor on the flip angles, the inversion not included. None makes it a
        parameter.
    n_states : int or None, default=None
        Number of dephasing orders that are kept. None keeps all that can reach an
        echo. Work grows with n_pulses * n_states, and orders above T2 / TR and some
        add little.

    References
    ----------
    .. [1] Y. Jiang et al., "MR fingerprinting using fast imaging with steady state
       precession (FISP) with spiral readout", Magn. Reson. Med. 74 (2015) 1621.
       https://doi.org/10.1002/mrm.25559

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import FingerprintingTrain
    >>> model = FingerprintingTrain([90.0, 30.0, 30.0], inversion_time=0.0)
    >>> model.evaluate(np.array([[0.0]]), np.array([[1.0, 0.1]]))
    array([[-1.]])
    """

    _always = ("T1", "T2")
    _optional = ("B1",)

    def __init__(
        self,
        flip_angle=10.0,
        repetition_time=0.012,
        echo_time=0.0,
        inversion_time=None,
        efficiency=2.0,
        B1=1.0,
        n_states=None,
    ):
        self.flip_angle = flip_angle
        self.repetition_time = repetition_time
        self.echo_time = echo_time
        self.inversion_time = inversion_time
        self.efficiency = efficiency
        self.B1 = B1
        self.n_states = n_states

    @property
    def acquisition_columns(self):
        return ("pulse",)

    def own_acquisition(self):
        """Return the numbers of all pulses.

        Returns
        -------
        ndarray of shape (n_pulses, 1)
            0, 1, 2, ...
        """
        flips = check_numbers("flip_angle", self.flip_angle)
        if flips.ndim > 1 or not 0 < flips.size <= _MOST_PULSES:
            raise ValueError(
                "flip_angle must be a number or have shape (n_pulses,), with at most "
                f"{_MOST_PULSES} pulses, got shape {flips.shape}."
            )
        return np.arange(float(flips.size))[:, None]

    def evaluate(self, acquisition, parameters):
        """Return the echoes of the train.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Numbers of pulses.
        parameters : ndarray of shape (n_sets, n_parameters)
            T1 [s], T2 [s], and B1 where it is None in the constructor.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The echoes.

        Raises
        ------
        ValueError
            If a number is not that of a pulse, or a setting is outside its range.
        """
        (t1, t2, b1), dtype = self._tissue(parameters)
        known = self.own_acquisition()[:, 0]
        index = point_indices(self, np.asarray(acquisition)[:, 0], known, 1e-6)
        n_pulses = known.size
        flips = np.deg2rad(per_pulse("flip_angle", self.flip_angle, n_pulses))
        repetition = per_pulse("repetition_time", self.repetition_time, n_pulses)
        echo = per_pulse("echo_time", self.echo_time, n_pulses)
        if not ((echo >= 0) & (echo <= repetition) & (repetition > 0)).all():
            raise ValueError(
                "repetition_time must be positive and echo_time from 0 to "
                f"repetition_time, got {self.repetition_time} and {self.echo_time}."
            )
        inversion = -1.0
        if self.inversion_time is not None:
            inversion = check_numbers("inversion_time", self.inversion_time)
            if inversion.ndim or inversion != 0:
                inversion = check_positive("inversion_time", self.inversion_time)
        efficiency = check_efficiency(self.efficiency)
        n_states = n_pulses
        if self.n_states is not None:
            n_states = min(n_pulses, check_count("n_states", self.n_states, 2**31))
        out = np.empty((t1.size, n_pulses), dtype)
        state = np.empty((3, n_pulses + n_states + 1, LANES), dtype)
        lane = np.empty((15, LANES), dtype)
        train = GradientEchoes(flips, repetition, echo, float(inversion), efficiency)
        gradient_echo_train(t1, t2, b1, train, n_states, state, lane, out)
        return out.T if index.size == n_pulses else out[:, index].T
