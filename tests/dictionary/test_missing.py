"""Signals with missing points: matched at the others."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.signals import EPGEchoTrain

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


def branched(kind, dtype):
    """Return atoms of several branches of the tree, and noisy signals."""
    rng = np.random.default_rng(1)
    echoes = EPGEchoTrain(150.0, B1=None, echo_spacing=0.01, n_echoes=24)
    grid = parameter_grid(T2=np.geomspace(0.02, 0.5, 90), B1=np.linspace(0.6, 1, 30))
    atoms, _ = make_dictionary(echoes, grid)
    truth = np.column_stack([rng.uniform(0.03, 0.3, 60), rng.uniform(0.65, 1, 60)])
    signals = make_dictionary(echoes, truth)[0]
    signals = signals + 0.02 * rng.standard_normal(signals.shape)
    if kind != "real":
        signals = signals * np.exp(2j * np.pi * rng.random((60, 1)))
    if kind == "complex":
        atoms = atoms * np.exp(1j * np.linspace(0, 3, 24) * grid.B1.to_numpy()[:, None])
    signals[rng.random(signals.shape) < 0.25] = np.nan
    # One tenth lack most of their points.
    signals[::10, 6:] = np.nan
    complex_dtype = np.result_type(dtype, np.complex64)
    kinds = [complex_dtype if np.iscomplexobj(a) else dtype for a in (atoms, signals)]
    return atoms.astype(kinds[0]), grid, signals.astype(kinds[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["real", "phased", "complex"])
def test_no_branch_that_has_the_match_is_skipped(kind, dtype):
    atoms, grid, signals = branched(kind, dtype)
    matcher = DictionaryMatcher(n_neighbors=4).fit(atoms, grid)
    found, correlations = matcher.kneighbors(signals)
    wide = np.complex128 if kind != "real" else np.float64
    for signal, own, correlation in zip(signals, found, correlations, strict=True):
        rows = np.isfinite(signal)
        A, s = atoms[:, rows].astype(wide), signal[rows].astype(wide)
        every = np.abs(A.conj() @ s) / np.linalg.norm(A, axis=1) / np.linalg.norm(s)
        best = np.argsort(-every)[:4]
        # Rounding of products of some twenty points, a few of which may be there.
        tolerance = 64 * np.finfo(dtype).eps
        assert_allclose(correlation, every[best], rtol=tolerance)
        assert_allclose(every[own], every[best], rtol=tolerance)


def test_an_atom_without_anything_at_the_points_there_matches_nothing():
    atoms = np.zeros((3, 6))
    atoms[0, :2], atoms[1, 2:], atoms[2] = 1.0, [4.0, 3.0, 2.0, 1.0], 1.0
    atoms[0, 4] = 1e-17
    signal = np.array([[np.nan, np.nan, 4.0, 3.0, 2.0, 1.0]])
    matcher = DictionaryMatcher(n_neighbors=3).fit(atoms, np.arange(3.0))
    found, correlations = matcher.kneighbors(signal)
    assert found[0].tolist() == [1, 2, 0]
    expected = [1.0, 10 / np.sqrt(4 * 30), 0.0]
    assert_allclose(correlations[0], expected, rtol=1e-14)
    assert matcher.match(signal).scale[0] == pytest.approx(1.0, rel=1e-14)
