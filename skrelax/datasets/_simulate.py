"""Signals of log-Gaussian distributions, computed without a KernelBuilder."""

import numpy as np
from sklearn.utils import Bunch

from ..signals import resolve_model
from ..utils._validation import check_acquisition, check_number, check_numbers
from ._checks import LARGEST, check_counts, check_generator, check_noise

# Bins per decade of the fine grid behind a simulated signal: far finer than any
# grid of an inversion, so that the inversion does not meet its own kernel.
_BINS_PER_DECADE = 400
# Times and decades that doubles have with room for squares.
_TIMES, _DECADES = (1e-150, 1e150), 150.0
_PEAKS = ((0.5, 0.18, 0.5), (20.0, 0.25, 0.5))


def make_distribution(relaxation_times, peaks=_PEAKS):
    """Return a sum of log-Gaussian peaks on a grid.

    Parameters
    ----------
    relaxation_times : array-like of shape (n_bins,)
        Bins.
    peaks : sequence of (float, float, float)
        Position of each peak, its standard deviation in decades of log10 (0 puts
        all into the nearest bin), and its share. A share may be negative.

    Returns
    -------
    ndarray of shape (n_bins,)
        The distribution; the shares sum to its sum.

    Raises
    ------
    ValueError
        If times or a centre are not positive, a width is negative, or a peak lies
        outside the grid.

    Examples
    --------
    >>> from skrelax.datasets import make_distribution
    >>> make_distribution([0.01, 0.1, 1.0], [(0.1, 0.0, 2.0)])
    array([0., 2., 0.])
    """
    times = check_numbers(relaxation_times, "relaxation_times", ndim=1)
    if times.size == 0 or not ((times >= _TIMES[0]) & (times <= _TIMES[1])).all():
        raise ValueError(
            f"relaxation_times must be positive, from {_TIMES[0]:g} to {_TIMES[1]:g}, "
            f"and not empty, got shape {times.shape} with a minimum of "
            f"{times.min(initial=np.inf):g}."
        )
    return _sum_peaks(times, _check_peaks(peaks))


def _check_peaks(peaks):
    """Return peaks as tuples of (centre, width, share)."""
    found = []
    if isinstance(peaks, str) or not hasattr(peaks, "__iter__"):
        raise TypeError(f"peaks must be (centre, width, share)s, got {peaks!r}.")
    for peak in peaks:
        if not isinstance(peak, tuple | list | np.ndarray) or len(peak) != 3:
            raise ValueError(f"peaks must be (centre, width, share)s, got {peak!r}.")
        centre, width, share = peak
        share = check_number(share, "peaks: share", -LARGEST, LARGEST)
        in_range = (
            _TIMES[0] <= check_number(centre, "peaks: centre") <= _TIMES[1]
            and 0 <= check_number(width, "peaks: width") <= _DECADES
        )
        if not in_range:
            raise ValueError(
                "peaks must have a positive centre and a width of at least 0, got "
                f"{(centre, width, share)}."
            )
        found.append((float(centre), float(width), share))
    return found


def _sum_peaks(times, peaks):
    """Return a sum of checked peaks on checked times."""
    x = np.log10(times)
    total = np.zeros_like(x)
    for centre, width, share in peaks:
        distance = np.abs(x - np.log10(centre))
        if width == 0:
            shape = (np.arange(x.size) == distance.argmin()).astype(np.float64)
        else:
            with np.errstate(over="ignore"):
                shape = np.exp(-0.5 * (distance / width) ** 2)
            if not shape.any():
                if not times.min() <= centre <= times.max():
                    raise ValueError(
                        f"peaks: {(centre, width, share)} lies outside of "
                        f"relaxation_times, {times.min():g} to {times.max():g}."
                    )
                # Narrow between two bins: the nearer one has it.
                shape[distance.argmin()] = 1.0
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
    peaks : sequence of (float, float, float)
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
        If the noise is negative, there are no times, the model reads several columns
        or has several parameters, or arrays would not fit into memory.

    Examples
    --------
    >>> from skrelax.datasets import make_decay
    >>> data = make_decay(random_state=0)
    >>> data.X.shape, data.y.shape, round(float(data.distribution.sum()), 6)
    ((25, 1), (25,), 1.0)
    """
    model = resolve_model(kernel)
    points = np.geomspace(1e-2, 300.0, 25) if times is None else times
    points = np.array(check_numbers(points, "times"))
    if points.ndim != 1 or points.size == 0:
        raise ValueError(f"times must be 1-D and not empty, got shape {points.shape}.")
    if len(model.acquisition_columns) > 1 or len(model.parameters) > 1:
        raise ValueError(
            "kernel must read one acquisition column and have one parameter, got "
            f"{list(model.acquisition_columns)} and "
            f"{[parameter.name for parameter in model.parameters]}."
        )
    check_acquisition(points[:, None], model, "times")
    noise_std, rng = check_noise(noise_std), check_generator(random_state)
    amplitude = check_number(amplitude, "amplitude", -LARGEST, LARGEST)
    baseline = check_number(baseline, "baseline", -LARGEST, LARGEST)
    drift = check_number(drift, "drift", -_DECADES, _DECADES)
    peaks = _check_peaks(peaks)
    if not peaks:
        raise ValueError("peaks must hold at least one (centre, width, share).")
    count = 1
    if n_signals is not None:
        (count,) = check_counts(points.size, n_signals=n_signals)
    for centre, width, _ in peaks:
        if abs(np.log10(centre)) + abs(drift) + 5 * max(width, 0.01) > _DECADES:
            raise ValueError(
                f"peaks: {(centre, width)} with a drift of {drift:g} decades reaches "
                "beyond the numbers of relaxation times."
            )
    moves = 10.0 ** (drift * np.linspace(0.0, 1.0, count) if count > 1 else np.zeros(1))
    reach = [
        (centre * move * 10.0 ** (side * 5 * max(width, 0.01)))
        for centre, width, _ in peaks
        for move in (moves[0], moves[-1])
        for side in (-1, 1)
    ]
    low, high = np.log10([min(reach), max(reach)])
    grid = np.logspace(low, high, int(_BINS_PER_DECADE * (high - low)) + 2)
    if n_signals is not None:
        check_counts(grid.size, n_signals=count)
    distributions = amplitude * np.array(
        [
            _sum_peaks(grid, [(c * move, w, share) for c, w, share in peaks])
            for move in moves
        ]
    )
    with np.errstate(all="ignore"):
        kernel = model.evaluate(points[:, None], grid[:, None])
        clean = kernel @ distributions.T + baseline
    if not np.isfinite(clean).all():
        raise ValueError(
            "times and peaks give signals of the kernel that are no numbers."
        )
    noise = rng.standard_normal(clean.shape)
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
