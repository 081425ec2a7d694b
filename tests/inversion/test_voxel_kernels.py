"""Distributions of many signals with kernels of all kinds."""

import numpy as np
import pytest

from skrelax.inversion._voxels import RULES, invert_signals, make_table
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain, InversionRecovery

LOW, HIGH = 50.0, 180.0
SETTINGS = {"strengths": 1e-3, "noise_std": 0.01, "least_snr": None}


def recovery(efficiency):
    """Return an inversion recovery, which changes its sign."""
    times, T1 = np.geomspace(0.01, 5.0, 24)[:, None], np.geomspace(0.05, 4.0, 30)
    return InversionRecovery(float(efficiency)).evaluate(times, T1[:, None])


def short_train(n_echoes, bins):
    def train(angle):
        model = EPGEchoTrain(angle, echo_spacing=0.01, excitation="half")
        return model.evaluate(0.01 * np.arange(1, n_echoes + 1)[:, None], bins[:, None])

    return train


KERNELS = {
    "more bins than echoes": (short_train(8, np.geomspace(0.01, 2, 60)), LOW, HIGH),
    "one bin": (short_train(32, np.array([0.08])), LOW, HIGH),
    "one echo": (short_train(1, np.geomspace(0.01, 2, 5)), LOW, HIGH),
    "bins that are not seen": (short_train(32, np.geomspace(1e-6, 2, 30)), LOW, HIGH),
    "recovery": (recovery, 1.5, 2.0),
    "no change": (lambda _: recovery(2.0), 1.5, 2.0),
    "nothing": (lambda _: np.zeros((4, 3)), 0.0, 1.0),
}


@pytest.mark.parametrize("name", KERNELS)
def test_other_kernels(name):
    make, low, high = KERNELS[name]
    m, n = make(low).shape
    table = make_table(lambda v: make(v) / np.sqrt(m), low, high)
    rng = np.random.default_rng(0)
    F = rng.exponential(size=(12, n)) * (rng.random((12, n)) < 0.3)
    kernels = [make(v) for v in rng.uniform(low, high, 12)]
    signals = np.array([K @ f for K, f in zip(kernels, F, strict=True)])
    size = np.abs(signals).max()
    signals += 0.01 * size * rng.standard_normal(signals.shape)
    for rule in RULES:
        found = invert_signals(table, signals, rule, **SETTINGS)
        kept = found.status <= FitStatus.AT_BOUND
        assert set(found.status[~kept]) <= {FitStatus.NO_SIGNAL}
        assert kept.any() == (name != "nothing")
        assert (found.distributions[kept] >= 0.0).all()
        for column in found[:5]:
            assert np.isfinite(column[kept]).all()
            assert np.isnan(column[~kept]).all()
    scan = [
        invert_signals(table, signals, settings=np.full(12, v), **SETTINGS).residuals
        for v in np.linspace(low, high, 66)
    ]
    # Where nothing is explained at a setting there is no residual.
    least = np.nan_to_num(scan, nan=np.inf).min(axis=0)
    free = invert_signals(table, signals, **SETTINGS)
    kept = free.status <= FitStatus.AT_BOUND
    assert (free.residuals[kept] <= least[kept] + 1e-9 * size).all()
