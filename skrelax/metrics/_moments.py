"""Moments and fractions of whole distributions."""

import math

import numpy as np
import pandas as pd

from ..utils._inspect import number_repeats
from ..utils._row_products import row_products
from ..utils._scaling import centre_rows
from ..utils._validation import check_number, check_numbers

# Amplitudes up to here have sums that are doubles, relaxation times within these limits
# products and ratios.
_LARGEST_AMPLITUDE = 1e300
_TIMES = 1e-150, 1e150


def check_grid(relaxation_times, name="relaxation_times"):
    """Return the bins of an axis as an array, or raise an error that names them."""
    times = check_numbers(relaxation_times, name, ndim=1)
    if times.size == 0:
        raise ValueError(f"{name} must have at least one bin.")
    low, high = _TIMES
    outside = ~((times >= low) & (times <= high))
    if outside.any():
        at = int(outside.argmax())
        raise ValueError(
            f"{name} must be positive, from {low:g} to {high:g}, got {times[at]} at "
            f"index {at}."
        )
    if (np.diff(times) <= 0).any():
        at = int((np.diff(times) <= 0).argmax())
        raise ValueError(
            f"{name} must increase, got {times[at]} and {times[at + 1]} at index {at}."
        )
    return times


def check_distributions(distribution, relaxation_times, names=None):
    """Return non-negative parts, exponents and grids of distributions.

    The parts (n_signals, n_1, ..., n_d) times 2**exponents (n_signals,) are those of
    the distributions; exponents are 0 but where sums of squares would overflow or
    vanish. A distribution with NaN in one bin has NaN in all.
    """
    name, times_name = names or ("distribution", "relaxation_times")
    if not isinstance(relaxation_times, tuple):
        relaxation_times = (relaxation_times,)
    times = tuple(check_grid(axis, times_name) for axis in relaxation_times)
    shape = tuple(axis.size for axis in times)
    f = check_numbers(distribution, name, finite=False)
    n_bins = math.prod(shape)
    if f.shape == shape or f.shape == (n_bins,):
        n_signals = 1
    elif f.ndim >= 2 and f.shape[1:] in (shape, (n_bins,)):
        n_signals = f.shape[0]
    else:
        raise ValueError(
            f"{name} must have {n_bins} bins per signal to match a grid of shape "
            f"{shape}, got shape {f.shape}."
        )
    # Rows of memory, each of which is summed alone.
    f = np.ascontiguousarray(f.reshape(n_signals, n_bins))
    if (np.abs(f) > _LARGEST_AMPLITUDE).any():
        raise ValueError(
            f"{name} must have amplitudes of at most {_LARGEST_AMPLITUDE:g} in size, "
            f"got {np.nanmax(np.abs(f)):g}."
        )
    f, exponents = centre_rows(f.clip(min=0.0), np.float64)
    f[np.isnan(f).any(axis=1)] = np.nan
    return f.reshape(n_signals, *shape), exponents, times


def check_names(names, n_axes):
    """Return a name per axis: numbers for None, numbered where names repeat."""
    if names is None:
        return [str(axis) for axis in range(n_axes)]
    right = not isinstance(names, str) and hasattr(names, "__iter__")
    names = list(names) if right else names
    if not right or len(names) != n_axes or not all(isinstance(n, str) for n in names):
        raise ValueError(f"names must be {n_axes} strings, got {names!r}.")
    return number_repeats(names)


def as_axis(relaxation_times):
    """Return the bins of one axis; a tuple would stand for several axes."""
    return (
        list(relaxation_times)
        if isinstance(relaxation_times, tuple)
        else (relaxation_times)
    )


def _ratio(numerator, denominator):
    """Divide; nan where the denominator is 0."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator != 0)


def log_mean(distribution, relaxation_times):
    r"""Return the amplitude-weighted logarithmic mean of relaxation times.

    .. math:: T_{LM} = \exp(\sum_j f_j \ln T_j / \sum_j f_j)

    Parameters
    ----------
    distribution : array-like of shape (n_bins,) or (n_signals, n_bins)
        Distributions. Negative values count as 0.
    relaxation_times : array-like of shape (n_bins,)
        Bins.

    Returns
    -------
    float or ndarray of shape (n_signals,)
        Log-mean relaxation time, nan for a distribution that is empty or holds nan.

    Raises
    ------
    ValueError
        If shapes do not match, bins are not positive and increasing, or numbers are
        beyond what doubles can sum.

    Examples
    --------
    >>> from skrelax.metrics import log_mean
    >>> round(log_mean([1.0, 0.0, 1.0], [0.01, 0.1, 1.0]), 6)
    0.1
    """
    f, _, (times,) = check_distributions(distribution, as_axis(relaxation_times))
    mean = np.exp(_ratio(row_products(f, np.log(times)), f.sum(axis=1)))
    return float(mean[0]) if np.ndim(distribution) == 1 else mean


def fraction_between(distribution, relaxation_times, lower=0.0, upper=np.inf):
    """Return the share of a distribution between two relaxation times.

    Parameters
    ----------
    distribution : array-like of shape (n_bins,) or (n_signals, n_bins)
        Distributions. Negative values count as 0.
    relaxation_times : array-like of shape (n_bins,)
        Bins.
    lower : float, default=0.0
        First relaxation time that counts.
    upper : float, default=inf
        First relaxation time that does not count any more. A short-T2 fraction
        has ``upper`` at the border between water pools, 40 ms for myelin water.

    Returns
    -------
    float or ndarray of shape (n_signals,)
        Shares from 0 to 1, nan for a distribution that is empty or holds nan.

    Raises
    ------
    ValueError
        If shapes do not match, or `lower` is not below `upper`.

    Examples
    --------
    >>> from skrelax.metrics import fraction_between
    >>> fraction_between([1.0, 1.0, 2.0], [0.01, 0.1, 1.0], upper=0.04)
    0.25
    """
    lower, upper = check_number(lower, "lower"), check_number(upper, "upper")
    if not lower < upper:
        raise ValueError(f"lower must be below upper, got {lower} and {upper}.")
    f, _, (times,) = check_distributions(distribution, as_axis(relaxation_times))
    inside = (times >= lower) & (times < upper)
    share = _ratio(row_products(f, inside.astype(np.float64)), f.sum(axis=1))
    return float(share[0]) if np.ndim(distribution) == 1 else share


def distribution_statistics(distribution, relaxation_times, names=None):
    """Return amplitude, means and widths of whole distributions.

    Parameters
    ----------
    distribution : array-like of shape (n_bins,), (n_signals, n_bins) or grids
        Distributions; bins of several axes in C order, or as a grid. Negative
        values count as 0.
    relaxation_times : array-like of shape (n_bins,) or tuple of these
        Bins, one array per axis.
    names : sequence of str or None, default=None
        Names of the axes, numbered where they repeat. None: numbers, or nothing for
        one axis.

    Returns
    -------
    DataFrame
        One row per signal: ``amplitude``, and per axis ``log_mean``, ``mean``,
        ``width`` (standard deviation of log10, in decades); for two axes also the
        ``ratio`` of the log means. Columns of several axes end in ``_name``.

    Raises
    ------
    ValueError
        If shapes do not match, bins are not positive and increasing, or numbers are
        beyond what doubles can sum.

    Examples
    --------
    >>> from skrelax.metrics import distribution_statistics
    >>> table = distribution_statistics([1.0, 0.0, 1.0], [0.01, 0.1, 1.0])
    >>> table.round(3).to_dict("records")
    [{'amplitude': 2.0, 'log_mean': 0.1, 'mean': 0.505, 'width': 1.0}]
    """
    f, exponents, times = check_distributions(distribution, relaxation_times)
    n_axes = len(times)
    names = check_names(names, n_axes)
    total = f.sum(axis=tuple(range(1, f.ndim)))
    columns = {"amplitude": np.ldexp(total, exponents)}
    for axis, grid in enumerate(times):
        others = tuple(i + 1 for i in range(n_axes) if i != axis)
        marginal = f.sum(axis=others)
        suffix = "" if n_axes == 1 else f"_{names[axis]}"
        center, mean, width = _axis_moments(marginal, grid)
        columns[f"log_mean{suffix}"] = center
        columns[f"mean{suffix}"] = mean
        columns[f"width{suffix}"] = width
    if n_axes == 2:
        first, second = (columns[f"log_mean_{name}"] for name in names)
        columns["ratio"] = first / second
    return pd.DataFrame(columns).rename_axis("signal")


def _axis_moments(f, times):
    """Return log mean, arithmetic mean and width in decades of rows of f."""
    f = np.ascontiguousarray(f)
    total = f.sum(axis=1)
    x = np.log10(times)
    center = _ratio(row_products(f, x), total)
    spread = _ratio(((x - center[:, None]) ** 2 * f).sum(axis=1), total)
    return 10.0**center, _ratio(row_products(f, times), total), np.sqrt(spread)
