"""Intervals of numbers from refits, on the scale on which each kind of them scatters.

Each takes estimates (n_signals,), refits (n_signals, n_refits) that may hold nan, and
quantiles (n_signals,) of Student's distribution.
"""

import functools

import numpy as np

# Shares may be beyond 0 and 1 by rounding.
_ROUNDING = 1e-9


def _statistics(refits):
    """Return functions for mean and standard deviation, which skip nan if need be."""
    if np.isnan(refits).any():
        return np.nanmean, functools.partial(np.nanstd, ddof=1)
    return np.mean, functools.partial(np.std, ddof=1)


def number_interval(estimates, refits, quantiles):
    """Return the interval of as many root mean square distances to the refits."""
    mean, _ = _statistics(refits)
    half = quantiles * np.sqrt(mean((refits - estimates[:, None]) ** 2, axis=1))
    return estimates - half, estimates + half


def time_interval(estimates, refits, quantiles):
    """Return the interval of a positive number, whose logarithm is any number."""
    low, high = number_interval(np.log(estimates), np.log(refits), quantiles)
    return np.exp(low), np.exp(high)


def share_interval(estimates, refits, quantiles):
    r"""Return the score interval of a number from 0 to 1.

    The variance at a true share s is :math:`c s (1 - s)`, where refits tell c. Shares
    within as many standard deviations of the estimate are the interval [1]_. No
    variance is left at the ends, so what the refits say at the estimate decides
    whether these belong to it.

    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", J. Am. Stat. Assoc. 22 (1927) 209.
       https://doi.org/10.1080/01621459.1927.10502953
    """
    mean, std = (of(refits, axis=1) for of in _statistics(refits))
    spread = mean * (1.0 - mean)
    c = np.divide(std**2, spread, out=np.zeros_like(std), where=spread > 0.0)
    k = c * quantiles**2
    half = np.sqrt(k**2 + 4.0 * k * np.maximum(estimates * (1.0 - estimates), 0.0))
    low, high = (2.0 * estimates + k + np.array([[-1.0], [1.0]]) * half) / (2 + 2 * k)
    low[estimates <= quantiles * std] = 0.0
    high[estimates + quantiles * std >= 1.0] = 1.0
    # Rounding must not leave the estimate outside.
    return np.minimum(low, estimates), np.maximum(high, estimates)


def split_scale(value):
    """Return the function and the scale of what may be a pair of both.

    None stands for a scale that is not named, and for both of what is no such pair.
    """
    pair = value if isinstance(value, tuple | list) else (value, None)
    return pair if len(pair) == 2 else (None, None)


def on_scale(values, rows, scale):
    """Return numbers (n_rows,) of distributions, nan for those that are no times.

    Raises ValueError for shares outside 0 to 1, which only negative bins explain.
    """
    if scale == "share" and values.size and (rows >= 0.0).all():
        wrong = (values < -_ROUNDING) | (values > 1.0 + _ROUNDING)
        if wrong.any():
            raise ValueError(
                "scale='share' is for numbers from 0 to 1, got "
                f"{values[wrong][0]:.6g}; take scale='number' for others."
            )
    if scale == "time":
        return np.where(values < 0.0, np.nan, values)
    return values


SCALES = {"number": number_interval, "share": share_interval, "time": time_interval}
