"""Attenuation by diffusion."""

import numpy as np

from ._base import Parameter, SignalModel, _column, _reach


class Diffusion(SignalModel):
    r"""Attenuation of a signal by free diffusion in a field gradient.

    .. math:: s(b) = \exp(-b D)

    b [s/m²] and D [m²/s], or any pair of units whose product is one.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.signals import Diffusion
    >>> Diffusion().evaluate(np.array([[0.0]]), np.array([[2e-9]]))
    array([[1.]])
    """

    fades = "high"
    formula = "M0 exp(-b D)"

    @property
    def parameters(self):
        return (Parameter("D"),)

    @property
    def acquisition_columns(self):
        return ("b",)

    def evaluate(self, acquisition, parameters):
        return np.exp(-_column(acquisition) * parameters[:, 0])

    def grid_limits(self, acquisition):
        """Return the range of D that an acquisition can see.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, 1)
            Values of b.

        Returns
        -------
        tuple of float
            A third over the largest b, and three over the smallest positive b.
        """
        low, high = _reach(acquisition[:, 0], 1 / 3, 3.0)
        return 1.0 / high, 1.0 / low
