"""What the signed inversion takes: weights of zero, columns of times, real signals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax import ConvergentScheme, MultiDimRegularizedILT, ReferenceScheme
from skrelax.kernels import acquisition_grid

TIMES = np.geomspace(1e-3, 10, 40)
NOISE = 0.002 * np.random.default_rng(0).standard_normal(40)
Y = np.exp(-TIMES / 0.3) - 0.4 * np.exp(-TIMES / 0.02) + NOISE


@pytest.mark.parametrize(
    "scheme", [ReferenceScheme(tol=1e-5), ConvergentScheme(tol=1e-5)]
)
def test_weight_0_is_a_removed_row(scheme):
    weight = np.ones(40)
    weight[[0, 7, 13, 39]] = 0.0
    kept = weight > 0
    ilt = MultiDimRegularizedILT(scheme=scheme)
    weighted = ilt.fit(TIMES[:, None], Y, sample_weight=weight)
    noise, g = weighted.noise_std_, weighted.distribution_
    assert_array_equal(weighted.residuals_, Y - weighted.predict(TIMES[:, None]))
    bands = weighted.bands(2, random_state=0)
    removed = ilt.fit(TIMES[kept, None], Y[kept])
    assert (removed.noise_std_, removed.residuals_.shape) == (noise, (36,))
    assert_array_equal(removed.distribution_, g)
    assert_array_equal(removed.bands(2, random_state=0).samples, bands.samples)


def test_removed_points_of_a_plane():
    t = np.geomspace(1e-3, 1, 9)
    X = acquisition_grid(t, [1.0, 2.0, 3.0])
    y = np.exp(-X[:, 0] / 0.05) * X[:, 1] + 0.01 * np.cos(np.arange(27.0))
    weight = np.ones(27)
    weight[[4, 11]] = 0.0
    weight[X[:, 1] == 2.0] = 0.0
    ilt = MultiDimRegularizedILT(
        ["T2", "identity"], [12, None], scheme=ReferenceScheme(20)
    )
    whole = ilt.fit(X, y, sample_weight=weight)
    # No bin stands for a position that was removed altogether.
    assert_array_equal(np.isnan(whole.residuals_), X[:, 1] == 2.0)
    g = whole.distribution_
    assert_array_equal(ilt.fit(X[weight > 0], y[weight > 0]).distribution_, g)
    with pytest.raises(ValueError, match="at least two positive entries, got 1"):
        ilt.fit(X, y, sample_weight=np.eye(27)[0])


def test_times_in_columns():
    t, u = TIMES[:32], np.geomspace(1e-2, 1, 31)
    data = np.outer(np.exp(-t / 0.1), np.exp(-u / 0.2))
    ilt = MultiDimRegularizedILT("T2", 8, noise_std=0.01, scheme=ReferenceScheme(5))
    plain = ilt.fit_grid((t, u), data).distribution_
    for axes in ((t[:, None], u[:, None]), [t[:, None].tolist(), u]):
        assert_array_equal(ilt.fit_grid(axes, data).distribution_, plain)
    line = ilt.fit_grid(t, data[:, 0]).distribution_
    for axes in (t[:, None], (t[:, None],), [t], t.tolist(), list(t)):
        assert_array_equal(ilt.fit_grid(axes, data[:, 0]).distribution_, line)
    with pytest.raises(ValueError, match=r"axes\[0\] must be a list of.*\(1, 32"):
        ilt.fit_grid((t[None], u), data)
    with pytest.raises(ValueError, match=r"sizes \(31, 32\), but data has shape \(32"):
        ilt.fit_grid((u[:, None], t[:, None]), data)


def test_complex_signals_are_to_be_phased():
    ilt = MultiDimRegularizedILT("T2", 8, noise_std=0.01, scheme=ReferenceScheme(5))
    with pytest.raises(ValueError, match="y is complex; phase it"):
        ilt.fit(TIMES[:, None], Y * 1j)
    with pytest.raises(ValueError, match="data is complex; phase it"):
        ilt.fit_grid(TIMES, Y * 1j)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_convergent_scheme_is_not_sensitive_to_the_noise_level():
    g = [
        MultiDimRegularizedILT(noise_std=0.002 * factor, scheme="convergent")
        .fit(TIMES[:, None], Y)
        .distribution_
        for factor in (1.0, 1.0003)
    ]
    # Documented as 7e-5 of the largest bin.
    assert_allclose(g[1], g[0], rtol=0, atol=5e-4 * np.abs(g[0]).max())
