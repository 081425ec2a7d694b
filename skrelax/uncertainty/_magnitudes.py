"""Magnitudes whose mean is known: the signal below them, their noise and its level."""

import functools

import numpy as np

from ..utils._rice import expected_magnitude

# Above this ratio of signal to noise magnitudes are Gaussian to a thousandth.
_GAUSSIAN_ABOVE = 20.0
_N_ROUNDS = 30


@functools.cache
def _table():
    """Return ratios of signal and noise, and means and variances of magnitudes."""
    ratios = np.linspace(0.0, _GAUSSIAN_ABOVE, 2001)
    means = expected_magnitude(ratios, 1.0)
    return ratios, means, 2.0 + ratios**2 - means**2


def signals_below(means, noise_std):
    """Return signals whose magnitudes have these means, 0 for means below the floor."""
    ratios, table, _ = _table()
    means, noise_std = np.broadcast_arrays(np.abs(means), noise_std)
    scaled = np.full(means.shape, np.inf)
    np.divide(means, noise_std, out=scaled, where=noise_std > 0.0)
    out = np.array(means)
    noisy = scaled < table[-1]
    out[noisy] = noise_std[noisy] * np.interp(scaled[noisy], table, ratios)
    near = ~noisy & (scaled < 1e8)
    # One variance is the difference of the squares there.
    out[near] = noise_std[near] * np.sqrt(scaled[near] ** 2 - 1.0)
    return out


def level_of_magnitudes(means, variances):
    r"""Return the noise of complex signals whose magnitudes scatter.

    At the floor magnitudes scatter less than each channel, so the level solves

    .. math:: \langle \xi(s_i / \sigma) \rangle \sigma^2 = v

    with the variance :math:`\xi \sigma^2` of magnitudes [1]_.

    Parameters
    ----------
    means : ndarray of shape (n_signals, n_points)
        Means of magnitudes.
    variances : ndarray of shape (n_signals,)
        Mean variances v of magnitudes.

    Returns
    -------
    ndarray of shape (n_signals,)
        Standard deviations of each channel.

    References
    ----------
    .. [1] C. G. Koay and P. J. Basser, "Analytically exact correction scheme for signal
       extraction from noisy magnitude MR signals", J. Magn. Reson. 179 (2006) 317.
       https://doi.org/10.1016/j.jmr.2006.01.016
    """
    ratios, _, table = _table()
    std = np.sqrt(variances)
    for _ in range(_N_ROUNDS):
        level = std[:, None]
        scaled = np.full(means.shape, np.inf)
        below = signals_below(means, level)
        np.divide(below, level, out=scaled, where=level > 0.0)
        std = np.sqrt(variances / np.interp(scaled, ratios, table).mean(axis=1))
    return std
