"""Signals with missing points: matched at the others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.dictionary import DictionaryMatcher, make_dictionary

TIMES = np.linspace(0.01, 0.3, 16)
GRID = np.geomspace(0.02, 0.3, 120)[:, None]


def measured(is_complex):
    rng = np.random.default_rng(0)
    T2 = rng.uniform(0.03, 0.2, (12, 1))
    signals = 3.0 * np.exp(-TIMES / T2) + 0.02 * rng.standard_normal((12, 16))
    if is_complex:
        signals = signals * np.exp(0.4j)
    signals[::2] = np.where(rng.random((6, 16)) < 0.3, np.nan, signals[::2])
    signals[4, 0] = np.nan
    return signals


@pytest.mark.parametrize("refine", [None, "parabola"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_the_other_points_are_matched(is_complex, refine):
    atoms, parameters = make_dictionary("T2", GRID, TIMES)
    signals = measured(is_complex)
    matcher = DictionaryMatcher(refine=refine, chunk_size=5).fit(atoms, parameters)
    found = matcher.match(signals)
    for k, signal in enumerate(signals):
        rows = np.isfinite(signal)
        alone = DictionaryMatcher(refine=refine).fit(atoms[:, rows], parameters)
        one = alone.match(signal[None, rows])
        assert found.indices[k] == one.indices[0]
        assert_allclose(found.parameters[k], one.parameters[0], rtol=1e-8)
        assert_allclose(found.scale[k], one.scale[0], rtol=1e-10)
        assert_allclose(found.correlation[k], one.correlation[0], rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_signs_and_signals_without_points(dtype):
    atoms, parameters = make_dictionary("T2", GRID, TIMES, dtype=dtype)
    signals = measured(False)
    signals[1, 1:] = np.nan
    signals[3] = np.nan
    signals[5] = np.where(np.arange(16) % 3, 2.0, np.nan)
    matcher = DictionaryMatcher(signed=True, n_jobs=2, chunk_size=3)
    matcher.fit(atoms, parameters)
    found, correlations = matcher.kneighbors(signals, 3)
    assert (found[[1, 3, 5]] == -1).all()
    assert np.isnan(correlations[[1, 3, 5]]).all()
    complete = np.isfinite(signals).all(axis=1)
    again, their = matcher.kneighbors(signals[complete], 3)
    assert_array_equal(found[complete], again)
    assert_array_equal(correlations[complete], their)
    for k in (0, 2, 4):
        rows = np.isfinite(signals[k])
        unit = atoms[:, rows] / np.linalg.norm(atoms[:, rows], axis=1)[:, None]
        all_of_them = unit @ signals[k, rows] / np.linalg.norm(signals[k, rows])
        expected = np.sort(all_of_them)[::-1][:3]
        assert_allclose(
            correlations[k], expected, rtol=1e-12 if dtype is np.float64 else 2e-6
        )
