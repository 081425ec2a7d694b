"""Moments and fractions of whole distributions."""

import numpy as np
import pandas as pd


def check_distributions(distribution, relaxation_times):
    """Return non-negative parts (n_signals, n_1, ..., n_d) and a tuple of grids."""
    times = relaxation_times if isinstance(relaxation_times, tuple) else None
    times = (relaxation_times,) if times is None else times
    times = tuple(np.asarray(axis, dtype=np.float64) for axis in times)
    for axis in times:
        if axis.ndim != 1 or not (np.isfinite(axis) & (axis > 0)).all():
            raise ValueError("relaxation_times must be positive, finite and 1-D.")
        if (np.diff(axis) <= 0).any():
            raise ValueError("relaxation_times must increase.")
    shape = tuple(axis.size for axis in times)
    f = np.asarray(distribution, dtype=np.float64)
    n_bins = int(np.prod(shape))
    if f.shape == shape or f.shape == (n_bins,):
        f = f.reshape(1, *shape)
    elif f.ndim >= 2 and f.shape[1:] in (shape, (n_bins,)):
        f = f.reshape(f.shape[0], *shape)
    else:
        raise ValueError(
            f"distribution must have {n_bins} bins per signal to match a grid of shape "
            f"{shape}, got shape {f.shape}."
        )
    return f.clip(min=0.0), times


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
        Log-mean relaxation time, nan for an empty distribution.

    Raises
    ------
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> from skrelax.metrics import log_mean
    >>> round(log_mean([1.0, 0.0, 1.0], [0.01, 0.1, 1.0]), 6)
    0.1
    """
    f, (times,) = check_distributions(distribution, np.asarray(relaxation_times))
    mean = np.exp(_ratio(f @ np.log(times), f.sum(axis=1)))
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
        Shares from 0 to 1, nan for an empty distribution.

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
    if not lower < upper:
        raise ValueError(f"lower must be below upper, got {lower} and {upper}.")
    f, (times,) = check_distributions(distribution, np.asarray(relaxation_times))
    inside = (times >= lower) & (times < upper)
    share = _ratio(f[:, inside].sum(axis=1), f.sum(axis=1))
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
        Names of the axes. None: none for one axis, "T1", "T2" for two.

    Returns
    -------
    DataFrame
        One row per signal: ``amplitude``, and per axis ``log_mean``, ``mean``,
        ``width`` (standard deviation of log10, in decades); for two axes also the
        ``ratio`` of the log means. Columns of several axes end in ``_name``.

    Raises
    ------
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> from skrelax.metrics import distribution_statistics
    >>> table = distribution_statistics([1.0, 0.0, 1.0], [0.01, 0.1, 1.0])
    >>> table.round(3).to_dict("records")
    [{'amplitude': 2.0, 'log_mean': 0.1, 'mean': 0.505, 'width': 1.0}]
    """
    f, times = check_distributions(distribution, relaxation_times)
    n_axes = len(times)
    if names is None:
        names = ["T1", "T2"] if n_axes == 2 else [str(i) for i in range(n_axes)]
    columns = {"amplitude": f.sum(axis=tuple(range(1, f.ndim)))}
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
    total = f.sum(axis=1)
    x = np.log10(times)
    center = _ratio(f @ x, total)
    spread = _ratio(((x - center[:, None]) ** 2 * f).sum(axis=1), total)
    return 10.0**center, _ratio(f @ times, total), np.sqrt(spread)
