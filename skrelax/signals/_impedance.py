"""Relaxation of electrical impedance."""

import numpy as np

from ._base import Parameter, SignalModel, _column


class Impedance(SignalModel):
    r"""Real or imaginary part of the impedance of a relaxation process.

    .. math:: Z(f) = 1 / (1 + 2 \pi i f \tau)

    f [Hz] and tau [s].

    Parameters
    ----------
    part : {"real", "imaginary"}, default="real"
        The part that was measured.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import Impedance
    >>> Impedance().evaluate(np.array([[0.0]]), np.array([[1.0]]))
    array([[1.]])
    """

    def __init__(self, part="real"):
        self.part = part

    @property
    def parameters(self):
        return (Parameter("tau", unit="s"),)

    @property
    def acquisition_columns(self):
        return ("f",)

    def evaluate(self, acquisition, parameters):
        known = isinstance(self.part, str) and self.part in ("real", "imaginary")
        if not known:
            raise ValueError(f"part must be 'real' or 'imaginary', got {self.part!r}.")
        phase = 2.0 * np.pi * _column(acquisition) * parameters[:, 0]
        real = 1.0 / (1.0 + phase**2)
        return real if self.part == "real" else -phase * real

    def grid_limits(self, acquisition):
        """Return the range of tau that an acquisition can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Frequencies f [Hz].

        Returns
        -------
        tuple of float
            The inverses of the largest and the smallest positive angular
            frequency, a factor of three beyond each [s].
        """
        low, high = super().grid_limits(acquisition)
        return 1.0 / (2 * np.pi * high), 1.0 / (2 * np.pi * low)
