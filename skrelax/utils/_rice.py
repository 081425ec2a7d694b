"""The Rice distribution: magnitudes of signals with complex Gaussian noise."""

import numpy as np
from scipy.special import i0e, i1e


def expected_signal(y, s, variance):
    """Return the expected real part of magnitudes y of signals s."""
    z = np.abs(y * s) / variance
    return np.sign(s) * y * (i1e(z) / i0e(z))


def expected_magnitude(s, noise_std):
    r"""Return the mean of magnitudes of signals s, a Laguerre function [1]_.

    It is :math:`\sigma \sqrt{\pi / 2} L_{1/2}(-s^2 / 2 \sigma^2)`, and \|s\| without
    noise.

    .. [1] S. O. Rice, "Mathematical analysis of random noise", Bell Syst. Tech. J. 24
       (1945) 46. https://doi.org/10.1002/j.1538-7305.1945.tb00453.x
    """
    s, noise_std = np.broadcast_arrays(np.abs(s), noise_std)
    out = np.array(s, dtype=np.float64)
    # Beyond this ratio the noise adds less than rounding.
    noisy = (noise_std > 0.0) & (s < 1e8 * noise_std)
    q = 0.25 * (s[noisy] / noise_std[noisy]) ** 2
    mean = (1.0 + 2.0 * q) * i0e(q) + 2.0 * q * i1e(q)
    out[noisy] = np.sqrt(0.5 * np.pi) * noise_std[noisy] * mean
    return out
