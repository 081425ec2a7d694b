"""Simulated voxels with a refocusing angle each, and kernels to invert them."""

import numpy as np

from skrelax.inversion._voxels import make_table
from skrelax.signals import EPGEchoTrain

N_ECHOES, N_BINS = 32, 30
TIMES = 0.01 * np.arange(1, N_ECHOES + 1)[:, None]
T2 = np.geomspace(0.01, 2.0, N_BINS)
LOW, HIGH = 50.0, 180.0


def signed_train(angle):
    """Return echoes (n_echoes, n_bins) with the excitation at half the angle."""
    train = EPGEchoTrain(angle, echo_spacing=0.01, excitation="half")
    return train.evaluate(TIMES, T2[:, None])


def kernel(angle):
    """Return the magnitudes, as data have them."""
    return np.abs(signed_train(angle))


def table_of(penalty=None):
    return make_table(
        lambda v: signed_train(v) / np.sqrt(N_ECHOES), LOW, HIGH, penalty, True
    )


def simulate(n_signals, snr, seed=0):
    """Return signals (n, n_echoes) of two pools at their angles, with Rician noise."""
    rng = np.random.default_rng(seed)
    angles = np.append(rng.uniform(90.0, 180.0, n_signals - 1), 180.0)
    share = rng.uniform(0.05, 0.3, n_signals)
    peaks = [np.exp(-0.5 * (np.log(T2 / t) / 0.25) ** 2) for t in (0.02, 0.09)]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    F = np.column_stack([share, 1.0 - share]) @ peaks
    clean = np.array([kernel(a) @ f for a, f in zip(angles, F, strict=True)])
    noise = rng.standard_normal((2, *clean.shape)) / snr
    return np.hypot(clean + noise[0], noise[1]), angles
