"""Whether residuals are white."""

import numbers

import numpy as np
import pandas as pd
from scipy import stats

from ..utils._validation import check_number, check_numbers


def residual_autocorrelation(residuals, *, max_lag=None, level=0.95):
    r"""Return the autocorrelation of residuals along each axis of an acquisition grid.

    .. math:: r_k = \frac{\sum_i e_i e_{i+k} / n_k}{\sum_i e_i^2 / n}

    with n points and :math:`n_k` pairs that are k steps apart. What a fit leaves of a
    signal is white where the fit holds all of it.

    Parameters
    ----------
    residuals : array-like of shape (n_1, ..., n_d)
        Residuals on a grid, weighted so that all have the same noise. Missing points
        are nan, and take no part.
    max_lag : int or None, default=None
        Largest number of steps. None takes a quarter of the points of each axis, 12 at
        most.
    level : float, default=0.95
        Share of the lags of white noise that lie within the limit.

    Returns
    -------
    DataFrame
        One row per axis and lag: ``axis``, ``lag``, ``correlation``, ``limit``, which
        white noise passes on either side in 1 - `level` of the lags, and ``n_pairs``.
        Residuals that are all zero have no correlation (nan).

    Raises
    ------
    ValueError
        If there are no residuals, or a setting is outside its range.

    Notes
    -----
    The correlation of white noise has the variance :math:`1/n_k` [1]_. The mean is not
    taken off, since an offset is a fault as well. A fit takes some of the noise along,
    so that correlations of few points are slightly negative on average.

    References
    ----------
    .. [1] M. S. Bartlett, "On the theoretical specification and sampling properties of
       autocorrelated time-series", Suppl. J. R. Stat. Soc. 8, 27-41 (1946).
       https://doi.org/10.2307/2983611

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.metrics import residual_autocorrelation
    >>> noise = np.random.default_rng(0).standard_normal((16, 48))
    >>> table = residual_autocorrelation(noise, max_lag=4)
    >>> (table["correlation"].abs() < table["limit"]).tolist()
    [True, True, True, True, True, True, True, True]
    >>> table = residual_autocorrelation(noise + 1.0, max_lag=1)
    >>> table["correlation"].round(1).tolist()
    [0.5, 0.5]
    """
    e = check_numbers(residuals, "residuals", finite=False)
    if e.ndim == 0 or e.size == 0:
        raise ValueError(f"residuals must not be empty, got shape {e.shape}.")
    if np.isinf(e).any():
        raise ValueError("residuals must be finite or nan, got inf.")
    if max_lag is not None:
        check_number(max_lag, "max_lag", 1, 2**31, numbers.Integral)
    level = check_number(level, "level")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level}.")
    known = ~np.isnan(e)
    # Correlations do not depend on a scale, whose squares may be no doubles.
    largest = np.abs(e[known]).max(initial=0.0)
    e = np.where(known, e, 0.0) / (largest or 1.0)
    n_known = np.count_nonzero(known)
    square = (e**2).sum() / n_known if n_known else 0.0
    z = stats.norm.ppf(0.5 * (1.0 + level))
    rows = []
    for axis, size in enumerate(e.shape):
        most = max(1, min(size // 4, 12)) if max_lag is None else max_lag
        for lag in range(1, min(most, size - 1) + 1):
            front = np.moveaxis(e, axis, 0)
            there = np.moveaxis(known, axis, 0)
            n_pairs = np.count_nonzero(there[lag:] & there[:-lag])
            product = (front[lag:] * front[:-lag]).sum()
            found = n_pairs > 0 and square > 0.0
            rows.append(
                {
                    "axis": axis,
                    "lag": lag,
                    "correlation": product / n_pairs / square if found else np.nan,
                    "limit": z / np.sqrt(n_pairs) if n_pairs else np.nan,
                    "n_pairs": n_pairs,
                }
            )
    columns = ["axis", "lag", "correlation", "limit", "n_pairs"]
    return pd.DataFrame(rows, columns=columns)
