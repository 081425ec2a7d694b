"""Distributions of many signals: each on its own, and what becomes of odd ones."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from voxels import LOW, N_ECHOES, T2, kernel, simulate, table_of

from skrelax.inversion._voxels import RULES, invert_signals
from skrelax.nonlinear import FitStatus

SETTINGS = {"strengths": 1e-4, "noise_std": 0.01}


@pytest.fixture(scope="module")
def table():
    return table_of()


@pytest.mark.parametrize("rule", RULES)
def test_signals_do_not_know_of_each_other(table, rule):
    signals, _ = simulate(24, 100.0)
    signals[5] = np.nan
    together = invert_signals(table, signals, rule, **SETTINGS)
    order = np.random.default_rng(0).permutation(24)
    mixed = invert_signals(table, signals[order], rule, **SETTINGS)
    threads = invert_signals(
        table, np.tile(signals, (4, 1)), rule, n_jobs=3, **SETTINGS
    )
    for name in ("distributions", "settings", "strengths", "residuals", "status"):
        whole = getattr(together, name)
        assert_array_equal(getattr(mixed, name), whole[order])
        assert_array_equal(getattr(threads, name)[-24:], whole)
        for index in (0, 5, 23):
            alone = invert_signals(table, signals[index : index + 1], rule, **SETTINGS)
            assert_array_equal(getattr(alone, name)[0], whole[index])


@pytest.mark.parametrize("rule", RULES)
def test_every_signal_ends_with_a_status(table, rule):
    signals, _ = simulate(12, 100.0)
    good = invert_signals(table, signals, rule, **SETTINGS)
    signals[1] = 0.0
    signals[2] = -signals[2]
    signals[3, 4] = np.nan
    signals[4, 0] = np.inf
    signals[5] = 1e308 * np.sign(np.random.default_rng(0).standard_normal(N_ECHOES))
    signals[6] = 5e-324
    signals[7] = 0.0
    signals[7, 9] = 1.0
    mask = np.ones(12, dtype=bool)
    mask[8] = False
    found = invert_signals(table, signals, rule, mask=mask, **SETTINGS)
    status = FitStatus
    noise_std = np.full(12, 0.01)
    noise_std[9:] = [np.nan, -1.0, 0.0]
    odd = invert_signals(table, signals, "discrepancy", noise_std=noise_std)
    assert_array_equal(odd.status[9:], [status.FAILED] * 2 + [status.AT_BOUND])
    assert_array_equal(
        found.status[[1, 2, 3, 4, 8]],
        [status.NO_SIGNAL] * 2 + [status.FAILED] * 2 + [status.MASKED],
    )
    lost = found.status > status.AT_BOUND
    for column in (
        found.distributions,
        found.settings,
        found.strengths,
        found.residuals,
    ):
        assert np.isnan(column[lost]).all()
        assert np.isfinite(column[~lost]).all()
    assert (found.distributions[~lost] >= 0).all()
    for name in ("distributions", "settings", "strengths", "residuals", "status"):
        kept = [0, 9, 10, 11]
        assert_array_equal(getattr(found, name)[kept], getattr(good, name)[kept])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("exponent", [-900, 400])
def test_units_of_a_signal_do_not_matter(table, rule, exponent):
    signals, _ = simulate(6, 100.0)
    scaled = np.ldexp(signals, exponent)
    options = {"strengths": 1e-4}
    found = invert_signals(table, signals, rule, noise_std=0.01, **options)
    again = invert_signals(
        table, scaled, rule, noise_std=np.ldexp(0.01, exponent), **options
    )
    assert_array_equal(again.settings, found.settings)
    assert_array_equal(again.strengths, found.strengths)
    assert_array_equal(again.distributions, np.ldexp(found.distributions, exponent))


def test_settings_outside_the_table_fail(table):
    signals, angles = simulate(3, 100.0)
    angles[:2] = [LOW - 1.0, np.nan]
    found = invert_signals(table, signals, settings=angles)
    assert found.status[0] == FitStatus.FAILED
    # One that is not known is searched.
    assert found.settings[1] == invert_signals(table, signals).settings[1]


# Noise.


@pytest.mark.parametrize("magnitude", [True, False])
def test_noise_alone_has_no_distribution(table, magnitude):
    noise = np.random.default_rng(0).standard_normal((2, 4000, N_ECHOES))
    signals = np.hypot(*noise) if magnitude else noise[0]
    found = invert_signals(table, signals, "chi2")
    assert set(found.status) <= {*range(FitStatus.NO_SIGNAL + 1)}
    lost = found.status == FitStatus.NO_SIGNAL
    assert lost.mean() > 0.99
    assert np.isnan(found.distributions[lost]).all()
    # In other units it is noise, too.
    again = invert_signals(table, 1e-7 * signals[:50], "chi2")
    assert_array_equal(again.status, found.status[:50])


@pytest.mark.parametrize("magnitude", [True, False])
def test_a_first_echo_of_eight_times_the_noise_is_a_signal(table, magnitude):
    rng = np.random.default_rng(0)
    peaks = [np.exp(-0.5 * (np.log(T2 / t) / 0.2) ** 2) for t in (0.02, 0.08, 1.0)]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    fluid, share = rng.uniform(0, 1, 4000), rng.uniform(0.05, 0.2, 4000)
    F = np.column_stack([share * (1 - fluid), (1 - share) * (1 - fluid), fluid])
    kernels = [kernel(a) for a in np.linspace(90.0, 180.0, 20)]
    Y = np.array([kernels[i % 20] @ f for i, f in enumerate(F @ peaks)])
    noise = rng.standard_normal((2, *Y.shape))
    Y = 8.0 * Y / Y[:, :1] + noise[0]
    signals = np.hypot(Y, noise[1]) if magnitude else Y
    found = invert_signals(table, signals)
    assert np.isfinite(found.distributions).all()
    # Ten times that are lost where so much is asked for.
    assert (invert_signals(table, signals, least_snr=80.0).status == 3).all()


def test_clean_signals_always_pass(table):
    signals, angles = simulate(5, 1e12)
    found = invert_signals(table, signals, settings=angles, least_snr=1e6)
    assert (found.status <= FitStatus.AT_BOUND).all()


def test_a_kernel_that_gives_no_number_fails(table):
    broken = table._replace(coefficients=np.full_like(table.coefficients, np.nan))
    signals, angles = simulate(3, 100.0)
    found = invert_signals(broken, signals, settings=angles)
    assert_array_equal(found.status, FitStatus.FAILED)
