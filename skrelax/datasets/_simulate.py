"""Signals of log-Gaussian distributions, computed without a KernelBuilder."""

import numpy as np
from sklearn.utils import Bunch, check_random_state

from ..signals import resolve_model

# Bins per decade of the fine grid behind a simulated signal: far finer than any
# grid of an inversion, so that the inversion does not meet its own kernel.
_BINS_PER_DECADE = 400
_PEAKS = ((0.5, 0.18, 0.5), (20.0, 0.25, 0.5))


def make_distribution(relaxation_times, peaks=_PEAKS):
    """Return a sum of log-Gaussian peaks on a grid.

    Parameters
    ----------
    relaxation_times : array-like of shape (n_bins,)
        Bins.
    peaks : sequence of (centre, width, share)
        Position of each peak, its standard deviation in decades of log10 (0 puts
        all into the nearest bin), and its share. A share may be negative.

    Returns
    -------
    ndarray of shape (n_bins,)
        The distribution; the shares sum to its sum.

    Raises
    ------
    ValueError
        If a centre is not positive or a width is negative.

    Examples
    --------
    >>> from skrelax.datasets import make_distribution
    >>> make_distribution([0.01, 0.1, 1.0], [(0.1, 0.0, 2.0)])
    array([0., 2., 0.])
    """
    x = np.log10(np.asarray(relaxation_times, dtype=np.float64))
    total = np.zeros_like(x)
    for centre, width, share in peaks:
        if not centre > 0 or width < 0:
            raise ValueError(
                "peaks must have a positive centre and a width of at least 0, got "
                f"{(centre, width, share)}."
            )
        distance = np.abs(x - np.log10(centre))
        if width == 0:
            shape = (np.arange(x.size) == distance.argmin()).astype(np.float64)
        else:
            shape = np.exp(-0.5 * (distance / width) ** 2)
        total += share * shape / shape.sum()
    return total


def make_decay(
    kernel="T2",
    times=None,
    *,
    peaks=_PEAKS,
    amplitude=1.0,
    baseline=0.0,
    noise_std=1e-3,
    n_signals=None,
    drift=0.0,
    random_state=None,
):
    """Simulate signals of known distributions.

    Parameters
    ----------
    kernel : str, SignalModel or callable, default="T2"
        The signal model, see :func:`~skrelax.signals.resolve_model`.
    times : array-like of shape (n_points,) or None, default=None
        Acquisition points. None takes 25 times from 0.01 to 300 on a log axis.
    peaks : sequence of (centre, width, share)
        The distribution, see :func:`make_distribution`. By default two peaks of
        equal share at 0.5 and 20.
    amplitude : float, default=1.0
        Factor on the distribution.
    baseline : float, default=0.0
        Constant added to the signal.
    noise_std : float, default=1e-3
        Standard deviation of the Gaussian noise.
    n_signals : int or None, default=None
        Number of signals. None gives one 1-D signal.
    drift : float, default=0.0
        Decades by which all centres move from the first signal to the last.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    Bunch
        ``X`` (n_points, 1), ``y`` (n_points,) or (n_points, n_signals),
        ``clean`` (y without noise), ``relaxation_times`` (a fine grid),
        ``distribution`` on it ((n_fine,) or (n_signals, n_fine)), ``noise_std``.

    Raises
    ------
    ValueError
        If the noise is negative or there are no times.

    Examples
    --------
    >>> from skrelax.datasets import make_decay
    >>> data = make_decay(random_state=0)
    >>> data.X.shape, data.y.shape, round(float(data.distribution.sum()), 6)
    ((25, 1), (25,), 1.0)
    """
    model = resolve_model(kernel)
    points = np.geomspace(1e-2, 300.0, 25) if times is None else times
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 1 or points.size == 0:
        raise ValueError(f"times must be 1-D and not empty, got shape {points.shape}.")
    if not noise_std >= 0:
        raise ValueError(f"noise_std must not be negative, got {noise_std}.")
    count = 1 if n_signals is None else n_signals
    moves = 10.0 ** (drift * np.linspace(0.0, 1.0, count) if count > 1 else np.zeros(1))
    reach = [
        (centre * move * 10.0 ** (side * 5 * max(width, 0.01)))
        for centre, width, _ in peaks
        for move in (moves[0], moves[-1])
        for side in (-1, 1)
    ]
    low, high = np.log10([min(reach), max(reach)])
    grid = np.logspace(low, high, int(_BINS_PER_DECADE * (high - low)) + 2)
    distributions = amplitude * np.array(
        [
            make_distribution(grid, [(c * move, w, share) for c, w, share in peaks])
            for move in moves
        ]
    )
    clean = model.evaluate(points[:, None], grid[:, None]) @ distributions.T + baseline
    noise = check_random_state(random_state).standard_normal(clean.shape)
    y = clean + noise_std * noise
    if n_signals is None:
        y, clean, distributions = y[:, 0], clean[:, 0], distributions[0]
    return Bunch(
        X=points[:, None],
        y=y,
        clean=clean,
        relaxation_times=grid,
        distribution=distributions,
        noise_std=noise_std,
    )
