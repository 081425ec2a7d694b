"""Series whose distributions have both signs, on several axes."""

import numpy as np
from sklearn.utils import Bunch

from ._checks import check_counts, check_generator, check_noise

# Lines of the spectrum: position, half width, amplitude, (relaxation time, share)s.
_LINES = (
    (0.15, 0.004, 300.0, ((0.02, 1.0),)),
    (0.30, 0.006, 200.0, ((0.3, 0.7), (0.005, 0.3))),
    (0.33, 0.004, 150.0, ((0.05, 1.0),)),
    (0.55, 0.010, 120.0, ((1.0, 0.5), (0.03, 0.5))),
    (0.72, 0.003, -400.0, ((0.15, 1.0),)),
    (0.80, 0.020, 100.0, ((0.002, 0.6), (0.1, 0.4))),
)


def make_spectrum_series(n_spectrum=512, n_delays=8, *, noise_std=1.0, random_state=0):
    """Simulate spectra of Lorentzian lines at a series of delays.

    Parameters
    ----------
    n_spectrum : int, default=512
        Points of the spectrum.
    n_delays : int, default=8
        Delays, from 1 ms to 1 s on a log axis.
    noise_std : float, default=1.0
        Standard deviation of the noise; lines are 100 to 400 high, one of them
        negative.
    random_state : int, RandomState instance or None, default=0
        Seed of the noise.

    Returns
    -------
    Bunch
        ``delays`` [s], ``data`` (n_delays, n_spectrum), ``clean`` (data without
        noise), ``relaxation_times`` (35 bins from 0.1 ms to 10 s [s]), ``lines``
        (position as a fraction of the spectrum, height and relaxation times),
        ``noise_std``.

    Raises
    ------
    ValueError
        If a number is outside its range, or the arrays would not fit into memory.

    Examples
    --------
    >>> from skrelax.datasets import make_spectrum_series
    >>> make_spectrum_series(64).data.shape
    (8, 64)
    """
    n_spectrum, n_delays = check_counts(n_spectrum=n_spectrum, n_delays=n_delays)
    noise_std, rng = check_noise(noise_std), check_generator(random_state)
    delays = np.geomspace(1e-3, 1.0, n_delays)
    x = np.linspace(0.0, 1.0, n_spectrum)
    clean = np.zeros((n_delays, n_spectrum))
    for position, width, amplitude, parts in _LINES:
        # A line stays two points wide however few points there are.
        width = max(width, 2.0 / n_spectrum)
        line = amplitude * width**2 / ((x - position) ** 2 + width**2)
        decay = sum(share * np.exp(-delays / time) for time, share in parts)
        clean += decay[:, None] * line
    noise = rng.standard_normal(clean.shape)
    return Bunch(
        delays=delays,
        data=clean + noise_std * noise,
        clean=clean,
        relaxation_times=np.logspace(-4, 1, 35),
        lines=[(line[0], line[2], line[3]) for line in _LINES],
        noise_std=noise_std,
    )


def make_signed_slices(n_slices=10, n_times=32, *, noise_std=1.0, random_state=0):
    """Simulate T1-T2 signals of four signed peaks that move from slice to slice.

    Parameters
    ----------
    n_slices : int, default=10
        Slices. Two peaks of opposite sign pass each other in them.
    n_times : int, default=32
        Times of each axis, from 0.1 to 1000 on a log axis.
    noise_std : float, default=1.0
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=0
        Seed of the noise.

    Returns
    -------
    Bunch
        ``times`` (both axes), ``data`` (n_times, n_times, n_slices), ``clean``,
        ``relaxation_times`` (100 bins of the truth per axis), ``distribution``
        (100, 100, n_slices), ``positions`` of the slices, ``noise_std``.

    Raises
    ------
    ValueError
        If a number is outside its range, or the arrays would not fit into memory.

    Notes
    -----
    The pseudo three-dimensional test of ILTpy's documentation: peaks of amplitude
    -1, -.5, .5 and 1, with covariances diag(.05, .1) and diag(.01, .1) in decades
    squared. The first axis has T1.

    Examples
    --------
    >>> from skrelax.datasets import make_signed_slices
    >>> make_signed_slices(2, 8).data.shape
    (8, 8, 2)
    """
    (n_slices,) = check_counts(100 * 100, n_slices=n_slices)
    (n_times,) = check_counts(n_times=n_times)
    check_counts(n_times, n_slices=n_slices, n_times=n_times)
    noise_std, rng = check_noise(noise_std), check_generator(random_state)
    grid = np.logspace(-1.5, 2.5, 100)
    x = np.log10(grid)
    truth = np.zeros((100, 100, n_slices))
    wide, narrow = (0.05, 0.1), (0.01, 0.1)
    for j in range(n_slices):
        peaks = (
            (-1.0, 0.4 + j / 10, -0.5, wide),
            (-0.5, 0.0, -0.5 + j / 5, narrow),
            (0.5, 0.0, 1.5 - j / 5, narrow),
            (1.0, 0.4 + j / 10, 1.5, wide),
        )
        for amplitude, t1, t2, (v1, v2) in peaks:
            first = np.exp(-0.5 * (x - t1) ** 2 / v1) / np.sqrt(2 * np.pi * v1)
            second = np.exp(-0.5 * (x - t2) ** 2 / v2) / np.sqrt(2 * np.pi * v2)
            truth[:, :, j] += amplitude * np.outer(first, second)
    times = np.geomspace(0.1, 1000.0, n_times)
    K = np.exp(-times[:, None] / grid)
    clean = 10.0 * np.einsum("ta,abj,sb->tsj", K, truth, K, optimize=True)
    noise = rng.standard_normal(clean.shape)
    return Bunch(
        times=times,
        data=clean + noise_std * noise,
        clean=clean,
        relaxation_times=grid,
        distribution=10.0 * truth,
        positions=np.linspace(-25.0, 25.0, n_slices),
        noise_std=noise_std,
    )
