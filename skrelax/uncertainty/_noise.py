"""The standard deviation of the noise of a measured signal."""

import numpy as np
from scipy import linalg

from ..utils._parallel import calm_blas, single_blas_thread
from ..utils._row_products import row_products
from ..utils._sklearn import validate_params
from ..utils._validation import (
    RealInterval,
    check_numbers,
    check_size,
    is_complex,
    refuse_complex,
    unmasked,
)

# Singular values below this fraction of the largest carry no signal that is above
# the noise of a measurement.
_SEEN = 1e-4
# Columns from which a wide kernel is decomposed by products of its rows.
_MANY_BINS = 1200
_METHODS = {"auto", "imaginary", "residual", "tail"}


@validate_params(
    {"tail": [RealInterval(0, 1, closed="right")]},
    prefer_skip_nested_validation=True,
)
def estimate_noise_std(y, K=None, *, method="auto", tail=0.25, sample_weight=None):
    r"""Estimate the noise standard deviation of signals.

    Parameters
    ----------
    y : array-like of shape (n_points,) or (n_points, n_signals)
        Signals in the order of acquisition; complex for ``"imaginary"``.
    K : array-like of shape (n_points, n_bins) or None, default=None
        Kernel, for ``"residual"``.
    method : {"auto", "imaginary", "residual", "tail"}, default="auto"
        - ``"imaginary"``: standard deviation of the imaginary channel after a
          constant phase is removed.
        - ``"residual"``: residuals of the part of the signal that the kernel can
          make, divided by the degrees of freedom that are left.
        - ``"tail"``: second differences of the last points, which cancel any
          signal that is smooth there.
        - ``"auto"``: the first of these that the input allows.
    tail : float, default=0.25
        Fraction of the points that ``"tail"`` uses, at least 8 points.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weights of the points, for ``"residual"``. The result then belongs to a
        point of weight one, where weights have mean one.

    Returns
    -------
    float or ndarray of shape (n_signals,)
        Noise standard deviation of each signal; 0, or the size of rounding, for
        signals that have none.

    Raises
    ------
    ValueError
        If the input does not allow the method, has too few points, or numbers that
        cannot be squared.

    Notes
    -----
    Second differences of white noise have the variance
    :math:`6 \sigma^2`. For ``"residual"`` the kernel is cut to its r singular
    values above 1e-4 of the largest and :math:`\sigma^2 = \|r\|^2 / (m - r)`,
    without the bound f >= 0, which would need fewer degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.uncertainty import estimate_noise_std
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(9000)
    >>> decay = np.exp(-np.arange(9000) / 100)
    >>> round(float(estimate_noise_std(decay + noise)), 2)
    0.1
    """
    if not (isinstance(method, str) and method in _METHODS):
        raise ValueError(
            f"method must be 'auto', 'imaginary', 'residual' or 'tail', got {method!r}."
        )
    y = _check_signals(y)
    if method == "auto":
        if np.iscomplexobj(y):
            method = "imaginary"
        else:
            method = "tail" if K is None else "residual"
    signals = y.reshape(y.shape[0], -1)
    if method == "imaginary":
        std = _from_imaginary(signals)
    elif method == "residual":
        if K is None:
            raise ValueError("method='residual' needs the kernel K, got None.")
        refuse_complex(K, "K")
        K = check_numbers(K, "K")
        refuse_complex(sample_weight, "sample_weight")
        std = _from_residual(signals, K, sample_weight)
    else:
        std = _from_tail(signals, tail)
    return float(std[0]) if y.ndim == 1 else std


def _check_signals(y):
    """Return real or complex signals whose squares are finite."""
    if is_complex(y):
        y = np.asarray(unmasked(y), dtype=np.complex128)
    else:
        y = check_numbers(y, "y", finite=False)
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(
            f"y must be 1-D or 2-D, with at least one point, got shape {y.shape}."
        )
    if not np.isfinite(y).all():
        raise ValueError("y contains NaN or infinite values.")
    for part in [y.real, y.imag] if np.iscomplexobj(y) else [y]:
        check_size(part, "y")
    return y


def _from_imaginary(signals):
    """Return the noise of the channel that a constant phase leaves empty."""
    if not np.iscomplexobj(signals):
        raise ValueError("method='imaginary' needs complex signals, got real ones.")
    if len(signals) < 2:
        raise ValueError("method='imaginary' needs y of at least 2 points, got 1.")
    # The sum of squares turns at twice the phase, whatever the sign of the signal.
    phase = 0.5 * np.angle((signals**2).sum(axis=0))
    return (signals * np.exp(-1j * phase)).imag.std(axis=0, ddof=1)


def _from_residual(signals, K, sample_weight):
    """Return the noise that the resolved part of a kernel leaves."""
    if K.ndim != 2 or K.shape[0] != signals.shape[0] or K.shape[1] == 0:
        raise ValueError(
            f"K must have {signals.shape[0]} rows to match y, and a column, got shape "
            f"{K.shape}."
        )
    check_size(np.maximum(K.max(keepdims=True), -K.min(keepdims=True)), "K")
    weight = np.ones(K.shape[0])
    if sample_weight is not None:
        weight = check_numbers(sample_weight, "sample_weight")
        if weight.shape != (K.shape[0],) or (weight < 0).any() or not weight.any():
            raise ValueError(
                f"sample_weight must be {K.shape[0]} non-negative numbers, not all 0."
            )
        used = weight > 0
        K, signals, weight = K[used], signals[used], weight[used]
        if not 1e-100 < weight.max() < 1e100:
            # Only ratios count, and the sum may be beyond doubles.
            weight = weight / weight.max()
        weight = weight / weight.mean()
    root = np.sqrt(weight)[:, None]
    U = left_directions(K, root[:, 0], _SEEN)
    left = K.shape[0] - U.shape[1]
    if left < 1:
        raise ValueError(
            f"{K.shape[0]} points leave no degrees of freedom beside the "
            f"{U.shape[1]} that the kernel resolves."
        )
    weighted = (np.real(signals) * root).T
    rest = weighted - row_products(row_products(weighted, U.T), U)
    return np.sqrt(np.einsum("qm,qm->q", rest, rest) / left)


def resolved_directions(K):
    """Return the left singular vectors of K that a measurement can resolve.

    A kernel of zeros resolves none.
    """
    return left_directions(K, np.ones(len(K)), _SEEN)


def left_directions(K, root, cut):
    """Return left singular vectors of K, its rows times root, (n_rows, k).

    Those are taken whose singular values are above cut times the largest.
    """
    if K.shape[1] <= max(_MANY_BINS, 2 * len(K)):
        with calm_blas(min(K.shape)):
            U, s, _ = linalg.svd(K * root[:, None], full_matrices=False)
        return U[:, s > cut * s[0]]
    # Products of rows are enough for cuts far above the root of rounding.
    with single_blas_thread():
        values, U = linalg.eigh((K @ K.T) * np.outer(root, root))
    return U[:, ::-1][:, values[::-1] > cut**2 * values[-1]]


def _from_tail(signals, tail):
    """Return the noise of the last points from second differences."""
    n_points = signals.shape[0]
    count = max(8, int(tail * n_points))
    if n_points < count:
        raise ValueError(f"method='tail' needs y of at least 8 points, got {n_points}.")
    second = np.diff(np.real(signals)[-count:], n=2, axis=0)
    return np.sqrt((second**2).mean(axis=0) / 6.0)
