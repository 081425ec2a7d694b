"""Spin echo trains by extended phase graphs."""

import numpy as np

from ._checks import (
    check_count,
    check_flag,
    check_numbers,
    check_positive,
    per_pulse,
)
from ._numba import (
    LANES,
    SpinEchoes,
    cpmg_train,
    cpmg_train_derivatives,
    echo_train,
)
from ._sequence import SequenceModel, point_indices

# Echo times may differ from the train's by this fraction of the echo spacing: files
# round them.
_ROUNDING = 1e-3
# The work for a train grows with the square of its length.
_MOST_ECHOES = 10_000


class EPGEchoTrain(SequenceModel):
    r"""Multi-echo spin echo (fast spin echo) with stimulated echoes.

    The amplitude of every echo by extended phase graphs [1]_, in units of the
    magnetisation before the excitation. With perfect pulses it is
    :math:`\exp(-T_E / T_2)`; otherwise stimulated echoes, which decay with T1
    while they are stored, mix in.

    The acquisition column TE holds times of echoes of the train, any subset in any
    order: echo k comes at `first_echo` + (k - 1) `echo_spacing`.

    Parameters
    ----------
    flip_angle : float or array-like of shape (n_echoes,), default=180.0
        Refocusing angles [degrees].
    T1 : float or None, default=1.0
        Longitudinal relaxation time [s]. None makes it a parameter.
    B1 : float or None, default=1.0
        Factor on all angles, the excitation included. None makes it a parameter.
    echo_spacing : float or None, default=None
        Time between echoes [s]. It must be given to evaluate: a few echo times do
        not tell of echoes that were left out.
    first_echo : float or None, default=None
        Time of the first echo [s]; half of it passes before the first refocusing
        pulse. None takes the echo spacing.
    excitation : float or "half", default=90.0
        Excitation angle [degrees]. ``"half"`` is half of the first refocusing angle,
        the convention of DECAES.
    phase : float or array-like of shape (n_echoes,), default=0.0
        Phases of the refocusing pulses relative to the magnetisation after the
        excitation [degrees]. Where all are 0 (CPMG) the signal is real, else complex.
    magnitude : bool, default=False
        Whether to return magnitudes. Echoes of a short T2 between imperfect pulses
        can be negative; magnitude images, and DECAES, do not tell.
    n_echoes : int or None, default=None
        Length of the train. None takes the length of `flip_angle`, and what the
        acquisition needs where that is a number.

    Notes
    -----
    With real pulses along the magnetisation only odd orders reach an echo, and orders
    above the number of echoes left do not: both halve the work. Off-resonance,
    diffusion and slice profiles are not in the model. The dtype of `parameters`,
    float32 or float64, is that of the computation; with phases it is complex128.

    References
    ----------
    .. [1] M. Weigel, "Extended phase graphs: dephasing, RF pulses, and echoes", J.
       Magn. Reson. Imaging 41 (2015) 266. https://doi.org/10.1002/jmri.24619

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import EPGEchoTrain
    >>> model = EPGEchoTrain(flip_angle=120.0, echo_spacing=0.01, T1=1e9)
    >>> times = np.array([[0.01], [0.02], [0.03]])
    >>> model.evaluate(times, np.array([[1e9]])).ravel()
    array([0.75   , 0.9375 , 0.84375])
    >>> [parameter.name for parameter in EPGEchoTrain(T1=None, B1=None).parameters]
    ['T2', 'T1', 'B1']
    """

    fades = "low"
    changes_sign = True
    formula = "M0 EPG(TE; T2, T1, B1)"
    _always = ("T2",)
    _optional = ("T1", "B1")

    def __init__(
        self,
        flip_angle=180.0,
        T1=1.0,
        B1=1.0,
        echo_spacing=None,
        first_echo=None,
        excitation=90.0,
        phase=0.0,
        magnitude=False,
        n_echoes=None,
    ):
        self.flip_angle = flip_angle
        self.T1 = T1
        self.B1 = B1
        self.echo_spacing = echo_spacing
        self.first_echo = first_echo
        self.excitation = excitation
        self.phase = phase
        self.magnitude = magnitude
        self.n_echoes = n_echoes

    @property
    def acquisition_columns(self):
        return ("TE",)

    def search_limits(self, acquisition):
        """Return the range in which a fit looks for each nonlinear parameter.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times of echoes [s].

        Returns
        -------
        ndarray of shape (n_parameters, 2)
            As for other sequences, but for B1 only up to where the largest refocusing
            angle is 180 degrees: beyond it the train is the same again.
        """
        limits = super().search_limits(acquisition)
        angles = check_numbers("flip_angle", self.flip_angle, finite=True)
        largest = np.abs(angles).max(initial=0.0)
        for row, parameter in zip(limits, self.parameters, strict=True):
            if parameter.name == "B1" and 0.0 < row[0] * largest < 180.0:
                row[1] = min(row[1], 180.0 / largest)
        return limits

    def own_acquisition(self):
        """Return the times of all echoes.

        Returns
        -------
        ndarray of shape (n_echoes, 1)
            Echo times [s].

        Raises
        ------
        ValueError
            If neither `n_echoes` nor an array of angles tells the length.
        """
        length = self._length()
        if length is None:
            raise ValueError(
                "the length of the train is unknown: give n_echoes, an array for "
                "flip_angle, or acquisition points."
            )
        first, spacing = self._timing()
        return (first + spacing * np.arange(length))[:, None]

    def evaluate(self, acquisition, parameters):
        """Return the amplitudes of the echoes.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times of echoes [s].
        parameters : ndarray of shape (n_sets, n_parameters)
            T2 [s], then T1 [s] and B1 where these are None in the constructor.

        Returns
        -------
        ndarray of shape (n_points, n_sets)
            The amplitudes; complex where a phase is not 0.

        Raises
        ------
        ValueError
            If a time is not that of an echo, or a setting is outside its range.
        """
        (t2, t1, b1), dtype = self._tissue(parameters)
        index, train = self._train(acquisition)
        n_echoes = train.flips.size
        if train.phases.any():
            out = np.empty((t2.size, n_echoes), np.complex128)
            state = np.empty((3, n_echoes // 2 + 2), np.complex128)
            echo_train(t1, t2, b1, train, state, out)
        else:
            out = np.empty((t2.size, n_echoes), dtype)
            state = np.empty((3, n_echoes + 1, LANES), dtype)
            lane = np.empty((13, LANES), dtype)
            cpmg_train(t1, t2, b1, train, state, lane, out)
        if check_flag("magnitude", self.magnitude):
            out = np.abs(out)
        return _pick(out, index)

    def jacobian(self, acquisition, parameters):
        """Return the amplitudes and their derivatives by the parameters.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Times of echoes [s].
        parameters : ndarray of shape (n_sets, n_parameters)
            As in `evaluate`.

        Returns
        -------
        signal : ndarray of shape (n_points, n_sets)
            The amplitudes.
        derivatives : ndarray of shape (n_parameters, n_points, n_sets)
            Their derivatives, in the order of :attr:`parameters`.

        Raises
        ------
        ValueError
            As in `evaluate`, or if a phase is not 0.
        """
        (t2, t1, b1), _ = self._tissue(np.asarray(parameters, dtype=np.float64))
        index, train = self._train(acquisition)
        if train.phases.any():
            raise ValueError(
                f"derivatives need phase=0 for all pulses, got {self.phase!r}."
            )
        n_echoes = train.flips.size
        out = np.empty((t2.size, n_echoes))
        slopes = np.empty((3, t2.size, n_echoes))
        state = np.empty((4, 3, n_echoes // 2 + 2))
        cpmg_train_derivatives(t1, t2, b1, train, state, out, slopes)
        free = [parameter.name for parameter in self.parameters]
        kept = [("T2", "T1", "B1").index(name) for name in free]
        derivatives = np.stack([_pick(slopes[place], index) for place in kept])
        signal = _pick(out, index)
        if check_flag("magnitude", self.magnitude):
            return np.abs(signal), derivatives * np.sign(signal)
        return signal, derivatives

    def _length(self):
        """Return the length of the train, or None where it is open."""
        length = self.n_echoes
        if length is not None:
            return check_count("n_echoes", length, _MOST_ECHOES)
        sizes = []
        for name in ("flip_angle", "phase"):
            values = check_numbers(name, getattr(self, name))
            if values.ndim:
                sizes.append(check_count(f"size of {name}", values.size, _MOST_ECHOES))
        return max(sizes) if sizes else None

    def _timing(self):
        """Return the times of the first echo and from echo to echo."""
        if self.echo_spacing is None:
            raise ValueError(
                "echo_spacing must be given: it cannot be told from echo times, of "
                "which some may have been left out."
            )
        spacing = check_positive("echo_spacing", self.echo_spacing)
        if self.first_echo is None:
            return spacing, spacing
        return check_positive("first_echo", self.first_echo), spacing

    def _train(self, acquisition):
        """Return the echo of each acquisition point, and the train."""
        first, spacing = self._timing()
        times = np.asarray(acquisition, dtype=np.float64)[:, 0]
        length = self._length()
        if length is None:
            after = (times.max(initial=first) - first) / spacing
            if not after < _MOST_ECHOES:
                raise ValueError(
                    f"TE reaches {times.max():.6g}, which takes more than "
                    f"{_MOST_ECHOES} echoes with echo_spacing={spacing:.6g}."
                )
            length = max(1, int(np.rint(after)) + 1)
        known = first + spacing * np.arange(length)
        index = point_indices(self, times, known, _ROUNDING * spacing)
        flips = per_pulse("flip_angle", self.flip_angle, length)
        excitation = self.excitation
        if isinstance(excitation, str):
            if excitation != "half":
                raise ValueError(
                    f"excitation must be an angle or 'half', got {excitation!r}."
                )
            excitation = 0.5 * flips[0]
        excitation = per_pulse("excitation", excitation, 1)[0]
        phases = np.deg2rad(per_pulse("phase", self.phase, length))
        angles = np.deg2rad(flips), phases, np.deg2rad(excitation)
        return index, SpinEchoes(*angles, first, spacing)


def _pick(out, index):
    """Return columns of out (n_sets, n_all) as rows, without a copy if it can."""
    if np.array_equal(index, np.arange(out.shape[1])):
        return out.T
    return out[:, index].T
