"""DictionaryMatcher: exactness against a plain search, limits, bad input."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import TSVDCompressor
from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.dictionary._checks import grid_neighbours
from skrelax.signals import EPGEchoTrain, FingerprintingTrain


def all_correlations(atoms, signals, signed=False):
    """Return the plain matrix of correlations (n_signals, n_atoms) in float64."""
    atoms = atoms.astype(np.result_type(atoms.dtype, np.float64))
    signals = signals.astype(np.result_type(signals.dtype, np.float64))
    product = signals @ atoms.conj().T
    product = product if signed else np.abs(product)
    norms = np.linalg.norm(signals, axis=1)[:, None] * np.linalg.norm(atoms, axis=1)
    return product / norms


def random_walks(rng, n, n_points, is_complex):
    """Return smooth, correlated rows, in which bounds have something to prune."""
    walks = np.cumsum(rng.standard_normal((n, n_points)), axis=1)
    if is_complex:
        walks = walks + 1j * np.cumsum(rng.standard_normal((n, n_points)), axis=1)
    return walks


@pytest.fixture(scope="module")
def echo_trains():
    """Return a dictionary of echo trains, T2 on a linear grid, and its model."""
    model = EPGEchoTrain(180.0, echo_spacing=0.005, n_echoes=32)
    grid = parameter_grid(T2=np.linspace(0.01, 0.36, 1000))
    return (*make_dictionary(model, grid), model)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["rr", "rc", "cr", "cc", "signed"])
def test_nothing_correlates_more_than_the_match(kind, dtype):
    rng = np.random.default_rng(0)
    atoms = random_walks(rng, 3000, 20, kind[0] == "c")
    signals = random_walks(rng, 300, 20, kind[-1] == "c")
    # Noise is the hardest to prune.
    signals[100:200] = rng.standard_normal((100, 20))
    single = np.complex64 if kind[0] == "c" else np.float32
    atoms = atoms.astype(single) if dtype == np.float32 else atoms
    signed = kind == "signed"
    matcher = DictionaryMatcher(signed=signed, chunk_size=64, n_jobs=2)
    matcher.fit(atoms, np.arange(3000.0))
    indices, correlations = matcher.kneighbors(signals, 4)
    every = all_correlations(atoms, signals, signed)
    best = np.sort(every, axis=1)[:, :-5:-1]
    # Some tens of products, each rounded.
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    assert_allclose(correlations, best, atol=tolerance)
    assert_allclose(np.take_along_axis(every, indices, 1), best, atol=tolerance)
    assert all(len(set(row)) == 4 for row in indices)
    first = matcher.kneighbors(signals, 1)[1]
    assert_allclose(first, best[:, :1], atol=tolerance)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_atoms=st.integers(1, 400),
    n_points=st.integers(2, 9),
    spread=st.floats(1e-4, 10),
)
def test_exact_for_any_cloud_of_atoms(seed, n_atoms, n_points, spread):
    rng = np.random.default_rng(seed)
    atoms = 1.0 + spread * rng.standard_normal((n_atoms, n_points))
    signals = 1.0 + spread * rng.standard_normal((20, n_points))
    matcher = DictionaryMatcher().fit(atoms, np.arange(float(n_atoms)))
    best = all_correlations(atoms, signals).max(axis=1)
    assert_allclose(matcher.match(signals).correlation, best, atol=1e-14)


def test_every_atom_finds_itself_whatever_its_amplitude_and_phase():
    rng = np.random.default_rng(0)
    atoms = random_walks(rng, 500, 12, True)
    scale = rng.uniform(0.1, 1e6, 500) * np.exp(2j * np.pi * rng.random(500))
    match = (
        DictionaryMatcher().fit(atoms, np.arange(500.0)).match(atoms * scale[:, None])
    )
    assert_array_equal(match.indices, np.arange(500))
    assert_allclose(match.scale, scale, rtol=1e-12)
    assert_allclose(match.correlation, 1.0, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_amplitudes_far_from_one(dtype):
    atoms = random_walks(np.random.default_rng(0), 50, 8, False).astype(dtype)
    matcher = DictionaryMatcher().fit(atoms, np.arange(50.0))
    for factor in (1e-25, 1e25):
        match = matcher.match(atoms * dtype(factor))
        assert_array_equal(match.parameters[:, 0], np.arange(50.0))
        assert_allclose(match.scale, factor, rtol=1e-5)


def test_signals_without_a_match_leave_the_rest_alone():
    rng = np.random.default_rng(0)
    atoms = random_walks(rng, 100, 8, False)
    signals = atoms[:9].copy()
    signals[1] = 0.0
    signals[3] = 7.0
    signals[5] = np.nan
    signals[6, 0] = np.inf
    matcher = DictionaryMatcher(refine=None).fit(atoms, np.arange(100.0))
    match = matcher.match(signals)
    bad = np.isin(np.arange(9), [1, 3, 5, 6])
    assert_array_equal(match.mask, ~bad)
    assert_array_equal(match.indices, np.where(bad, -1, np.arange(9)))
    for values in (match.parameters[:, 0], match.scale, match.correlation):
        assert_array_equal(np.isnan(values), bad)
    assert_array_equal(np.isnan(matcher.predict(signals)), bad)
    assert matcher.score(signals, np.arange(9.0)) == 1.0
    with pytest.raises(ValueError, match="nothing to score"):
        matcher.score(signals[[1]], [1.0])
    turned = DictionaryMatcher(refine="parabola").fit(atoms, np.arange(100.0))
    assert_array_equal(np.isnan(turned.predict(signals)), bad)
    complex_match = matcher.match(signals * (1 + 1j))
    assert_array_equal(np.isnan(complex_match.scale), bad)


def test_signed_correlation_tells_positive_from_negative_amplitudes():
    atoms = np.array([[1.0, 0.1], [-1.0, 0.1]])
    signals = np.array([[-1.0, -0.1]])
    plain = DictionaryMatcher().fit(atoms, [0.0, 1.0])
    assert plain.predict(signals) == [0.0]
    assert plain.predict_scale(signals) == pytest.approx([-1.0])
    signed = DictionaryMatcher(signed=True).fit(atoms, [0.0, 1.0])
    assert signed.predict(signals) == [1.0]
    # The best of two bad ones.
    opposite = DictionaryMatcher(signed=True).fit(atoms[:1], [0.0])
    assert_allclose(opposite.match(signals).correlation, -1.0)


def test_parabola_lies_between_the_atoms(echo_trains):
    atoms, parameters, model = echo_trains
    truth = np.random.default_rng(0).uniform(0.02, 0.3, 500)
    signals = model.evaluate(model.own_acquisition(), truth[:, None]).T
    nearest = DictionaryMatcher().fit(atoms, parameters).predict(signals)[:, 0]
    refined = DictionaryMatcher(refine="parabola").fit(atoms, parameters)
    refined = refined.predict(signals)[:, 0]
    step = 0.35 / 999
    assert np.abs(nearest - truth).max() < 0.6 * step
    # The correlation is not quite a parabola.
    assert np.abs(refined - truth).max() < 0.02 * step
    single = DictionaryMatcher(refine="parabola").fit(
        atoms.astype(np.float32), parameters
    )
    # Correlations of neighbours differ by 1e-8 at long T2, which float32 rounds.
    error = np.abs(single.predict(signals)[:, 0] - truth)
    assert np.median(error) < 0.2 * step
    assert error.max() < 3 * step


def test_parabola_on_a_grid_with_holes_and_edges():
    model = FingerprintingTrain(
        20 + 40 * np.abs(np.sin(np.arange(80) / 12)), inversion_time=0.02
    )
    grid = parameter_grid(T1=np.geomspace(0.3, 3, 40), T2=np.geomspace(0.02, 1.0, 40))
    atoms, parameters = make_dictionary(model, grid)
    rng = np.random.default_rng(0)
    truth = np.column_stack([rng.uniform(0.5, 2.5, 200), rng.uniform(0.03, 0.3, 200)])
    signals = model.evaluate(model.own_acquisition(), truth).T
    plain = DictionaryMatcher().fit(atoms, parameters).predict(signals)
    refined = DictionaryMatcher(refine="parabola").fit(atoms, parameters)
    error = np.abs(refined.predict(signals) / truth - 1)
    assert error.mean() < 0.2 * np.abs(plain / truth - 1).mean()
    corner = model.evaluate(model.own_acquisition(), np.array([[0.29, 0.019]])).T
    assert_allclose(refined.predict(corner), [[0.3, 0.02]])


def test_neighbours_of_a_grid():
    sets = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0], [2.0, 3.0], [4.0, 1.0]])
    neighbours = grid_neighbours(sets)
    assert_array_equal(neighbours[:, 0], [[-1, 2], [-1, -1], [0, 4], [-1, -1], [2, -1]])
    assert_array_equal(
        neighbours[:, 1], [[-1, 1], [0, -1], [-1, -1], [-1, -1], [-1, -1]]
    )


def test_mean_of_several_neighbours(echo_trains):
    atoms, parameters, _ = echo_trains
    matcher = DictionaryMatcher(n_neighbors=3).fit(atoms, parameters)
    T2 = parameters["T2"].to_numpy()
    assert_allclose(matcher.predict(atoms[[10]])[0, 0], T2[9:12].mean(), rtol=1e-12)
    assert_array_equal(np.sort(matcher.kneighbors(atoms[[10]])[0][0]), [9, 10, 11])


def test_frames_in_frames_out(echo_trains):
    atoms, parameters, _ = echo_trains
    names = [f"TE={k}" for k in range(32)]
    table = pd.DataFrame(atoms[:5] * 2.0, columns=names, index=list("abcde"))
    matcher = DictionaryMatcher().fit(pd.DataFrame(atoms, columns=names), parameters)
    predicted = matcher.predict(table)
    pd.testing.assert_frame_equal(
        predicted, parameters[:5].set_axis(list("abcde")), check_dtype=False
    )
    one = DictionaryMatcher().fit(pd.DataFrame(atoms, columns=names), parameters["T2"])
    series = one.predict(table)
    assert series.name == "T2"
    assert list(series.index) == list("abcde")
    again = DictionaryMatcher().fit(atoms, parameters)
    assert isinstance(again.predict(atoms[:2]), np.ndarray)


def test_compressed_dictionary_behind_a_tsvd():
    model = FingerprintingTrain(
        20 + 40 * np.abs(np.sin(np.arange(200) / 30)), inversion_time=0.02, B1=None
    )
    grid = parameter_grid(
        T1=np.geomspace(0.3, 3, 20), T2=np.geomspace(0.02, 0.3, 20), B1=[0.9, 1.0, 1.1]
    )
    atoms, parameters = make_dictionary(model, grid)
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(grid), 300)
    signals = atoms[chosen] + 1e-3 * rng.standard_normal((300, 200))
    compressed = make_pipeline(
        TSVDCompressor(12, output="components"), DictionaryMatcher()
    ).fit(atoms, parameters)
    whole = DictionaryMatcher().fit(atoms, parameters).match(signals)
    small = compressed.predict(signals)
    agree = (small == whole.parameters).all(axis=1)
    assert agree.mean() > 0.98
    # The same with the phase of a coil, which compression and match must ignore.
    turned = signals * np.exp(2j * np.pi * rng.random(300))[:, None]
    assert_array_equal(compressed.predict(turned), small)
    # Bad voxels do not stop the rest.
    turned[3] = 0.0
    turned[5, 7] = np.nan
    signals[5, 7], signals[3] = np.inf, 0.0
    for bad in (turned, signals):
        again = compressed.predict(bad)
        assert_array_equal(np.isnan(again[:, 0]), np.isin(np.arange(300), [3, 5]))
        assert_array_equal(again[6:], small[6:])


def test_search_over_rank_and_resolution():
    model = EPGEchoTrain(180.0, echo_spacing=0.005, n_echoes=32)
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.03, 0.3, 400)
    signals = model.evaluate(model.own_acquisition(), truth[:, None]).T
    signals = signals + 1e-3 * rng.standard_normal(signals.shape)
    atoms, parameters = make_dictionary(
        model, parameter_grid(T2=np.linspace(0.02, 0.32, 481))
    )
    # Atoms to train on, noisy signals of known T2 to score.
    split = [(np.arange(481), np.arange(481, 881))]
    search = GridSearchCV(
        make_pipeline(TSVDCompressor(output="components"), DictionaryMatcher()),
        {"tsvdcompressor__n_components": [2, 8], "dictionarymatcher__thin": [1, 40]},
        cv=split,
        refit=False,
    ).fit(np.vstack([atoms, signals]), np.append(parameters["T2"], truth))
    results = search.cv_results_
    score = {
        (row["tsvdcompressor__n_components"], row["dictionarymatcher__thin"]): value
        for row, value in zip(
            results["params"], results["mean_test_score"], strict=True
        )
    }
    # Two components do not resolve T2, nor do 13 atoms.
    assert score[8, 1] > 0.999
    assert score[8, 1] > score[2, 1]
    assert score[8, 1] > score[8, 40]


def test_thinned_grid(echo_trains):
    atoms, parameters, _ = echo_trains
    matcher = DictionaryMatcher(thin=100).fit(atoms, parameters)
    assert_array_equal(matcher.kept_, np.arange(0, 1000, 100))
    match = matcher.match(np.vstack([atoms[[300, 512]], np.zeros((1, 32))]))
    assert_array_equal(match.indices, [300, 500, -1])
    assert_array_equal(matcher.kneighbors(atoms[[300]])[0], [[300]])
    T2 = parameters["T2"].to_numpy()
    assert_array_equal(match.parameters[:2, 0], T2[[300, 500]])


class Chunks:
    """An array that can be read in parts only, as those on disk."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.chunks, self.largest = True, 0

    def __getitem__(self, rows):
        part = self.array[rows]
        self.largest = max(self.largest, len(part))
        return part

    def __array__(self, *args, **kwargs):
        raise AssertionError("the whole array was read")


def test_data_on_disk_are_read_by_chunks(echo_trains, tmp_path):
    atoms, parameters, _ = echo_trains
    matcher = DictionaryMatcher(chunk_size=100).fit(atoms, parameters)
    expected = matcher.predict(atoms)
    lazy = Chunks(atoms)
    assert_array_equal(matcher.predict(lazy), expected)
    assert lazy.largest == 100
    mapped = np.memmap(tmp_path / "signals", "f4", "w+", shape=atoms.shape)
    mapped[:] = atoms
    assert_allclose(matcher.predict(mapped), expected, atol=1e-3)
    with pytest.raises(ValueError, match="is expecting 32 features"):
        matcher.predict(Chunks(atoms[:, :4]))


def test_dask_arrays(echo_trains):
    dask = pytest.importorskip("dask.array", exc_type=ImportError)
    atoms, parameters, _ = echo_trains
    matcher = DictionaryMatcher(chunk_size=300).fit(atoms, parameters)
    turned = dask.from_array(atoms * 1j, chunks=(400, 32))
    assert_array_equal(matcher.predict(turned), parameters.to_numpy())


def test_read_only_and_fortran_order(echo_trains):
    atoms, parameters, _ = echo_trains
    matcher = DictionaryMatcher().fit(atoms, parameters)
    signals = np.asfortranarray(atoms)
    signals.flags.writeable = False
    assert_array_equal(matcher.predict(signals), parameters.to_numpy())


def test_memory_is_bounded_by_the_chunk(echo_trains):
    atoms, parameters, _ = echo_trains
    atoms = atoms.astype(np.float32)
    signals = np.repeat(atoms, 60, axis=0)
    matcher = DictionaryMatcher(chunk_size=1000).fit(atoms, parameters)
    matcher.predict(signals[:10])
    tracemalloc.start()
    matcher.predict(signals)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Index, amplitude and T2 of 60 000 signals take 1.2 MB, their scores 240 MB.
    assert peak < 4e6


def test_progress(echo_trains, capsys, monkeypatch):
    monkeypatch.setattr("skrelax.utils._progress._PATIENCE", -1.0)
    atoms, parameters, _ = echo_trains
    DictionaryMatcher(chunk_size=100, verbose=1).fit(atoms, parameters).predict(atoms)
    assert "10 of 10" in capsys.readouterr().err


ATOMS = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, 1.0], [2.0, 2.0, 1.0]])


@pytest.mark.parametrize(
    ("settings", "atoms", "parameters", "message"),
    [
        ({}, ATOMS, np.ones(2), r"shape \(2,\) and atoms of shape \(3, 3\)"),
        ({}, ATOMS, np.ones((2, 2)), r"shape \(2, 2\) and atoms of shape \(3, 3\)"),
        ({}, ATOMS[:0], np.ones(0), r"is empty .*\(0, 3\), parameters of shape \(0"),
        ({}, ATOMS * [[1], [0], [1]], np.ones(3),
         r"atom 1 is zero.*\(3, 3\), parameters of shape \(3, 1\)"),
        ({}, ATOMS[[0, 1, 0]], np.ones(3),
         r"atoms 0 and 2 are equal.*\(3, 3\), parameters of shape \(3, 1\)"),
        ({}, ATOMS[[0, 1, 0]] * [[1], [1], [-3]], np.ones(3), "0 and 2 are equal"),
        ({}, np.exp(0.7j) * ATOMS[[0, 1, 1]] * [[1], [1], [1j]], np.ones(3),
         "atoms 1 and 2 are equal"),
        ({"signed": True}, ATOMS * 1j, np.ones(3),
         r"signed=True needs real atoms.*\(3, 3\) with parameters of shape \(3, 1\)"),
        ({}, ATOMS * np.nan, np.ones(3), "NaN"),
        ({}, ATOMS * (1j * np.nan), np.ones(3), "NaN"),
        ({}, ATOMS, ATOMS * 1j, "Complex data not supported"),
        ({}, ATOMS[:, :1], np.ones(3), "1 feature"),
        ({}, ATOMS, None, "requires y to be passed"),
        ({"n_neighbors": 4}, ATOMS, np.ones(3), "n_neighbors=4 must not exceed"),
        ({"n_neighbors": 2, "refine": "parabola"}, ATOMS, np.ones(3), "1 with refine"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_bad_dictionaries(settings, atoms, parameters, message):
    with pytest.raises(ValueError, match=message):
        DictionaryMatcher(**settings).fit(atoms, parameters)


def test_bad_signals():
    matcher = DictionaryMatcher(signed=True).fit(ATOMS, np.arange(3.0))
    with pytest.raises(ValueError, match="signed=True needs real signals"):
        matcher.predict(ATOMS * 1j)
    with pytest.raises(ValueError, match="X has 2 features"):
        matcher.predict(ATOMS[:, :2])
    with pytest.raises(ValueError, match="n_neighbors must be from 1 to 3, got 4"):
        matcher.kneighbors(ATOMS, 4)
    with pytest.raises(ValueError, match="got shape"):
        DictionaryMatcher().fit(ATOMS * 1j, np.ones(3)).predict(np.array([1j, 2, 3]))


@pytest.mark.parametrize("exponent", [-1000, -560, -110, -40, 40, 110, 530, 1000])
@pytest.mark.parametrize("kind", ["plain", "parabola", "signed", "complex"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_signals_have_the_same_match(exponent, kind, dtype):
    times = np.linspace(0.01, 0.3, 30)
    atoms, parameters = make_dictionary(
        "T2", np.linspace(0.02, 0.2, 100)[:, None], times
    )
    rng = np.random.default_rng(0)
    signals = np.exp(-times / np.array([[0.0755], [0.1], [0.05]]))
    signals += 0.01 * rng.standard_normal(signals.shape)
    if kind == "complex":
        signals = signals * np.exp(0.3j)
    matcher = DictionaryMatcher(
        refine="parabola" if kind == "parabola" else None, signed=kind == "signed"
    ).fit(atoms.astype(dtype), parameters)
    plain = matcher.match(signals)
    scaled = matcher.match(signals * 2.0**exponent)
    if dtype == np.float32 and abs(exponent) > 120:
        # Amplitudes that float32 does not have.
        assert not scaled.mask.any()
        assert np.isnan(scaled.scale).all()
        assert (scaled.indices == -1).all()
        return
    # Powers of two change no rounding.
    assert_array_equal(scaled.correlation, plain.correlation)
    assert_array_equal(scaled.indices, plain.indices)
    assert_array_equal(scaled.parameters, plain.parameters)
    assert_array_equal(scaled.scale, plain.scale * dtype(2.0**exponent))


@pytest.mark.parametrize("exponent", [-1000, -60, 60, 1000])
def test_scaled_atoms_have_the_same_match(exponent):
    rng = np.random.default_rng(0)
    atoms, signals = rng.standard_normal((50, 8)), rng.standard_normal((9, 8))
    plain = DictionaryMatcher().fit(atoms, np.arange(50.0)).match(signals)
    matcher = DictionaryMatcher().fit(atoms * 2.0**exponent, np.arange(50.0))
    scaled = matcher.match(signals)
    assert_array_equal(scaled.correlation, plain.correlation)
    assert_array_equal(scaled.indices, plain.indices)
    assert_array_equal(scaled.scale, plain.scale * 2.0**-exponent)
    # An amplitude of 2**1100 is no double: there is no match, rather than inf.
    lost = matcher.match(signals * 2.0 ** (-100 if exponent > 0 else 100))
    assert lost.mask.all() == (abs(exponent) < 100)


def test_later_changes_of_the_arrays_do_not_reach_the_fit():
    rng = np.random.default_rng(0)
    atoms, parameters = rng.standard_normal((20, 6)), np.arange(20.0)[:, None]
    signals = rng.standard_normal((5, 6))
    matcher = DictionaryMatcher().fit(atoms, parameters)
    expected = matcher.predict(signals)
    atoms[:], parameters[:] = 1.0, -1.0
    assert_array_equal(matcher.predict(signals), expected)


def test_matches_at_the_edge_are_marked():
    times = np.linspace(0.01, 0.3, 30)
    grid = parameter_grid(T2=np.geomspace(0.02, 0.35, 60))
    atoms, parameters = make_dictionary("T2", grid, times)
    T2 = np.array([0.005, 0.08, 0.34, 2.2])
    signals = np.vstack([np.exp(-times / T2[:, None]), np.zeros(30)])
    for refine in (None, "parabola"):
        match = DictionaryMatcher(refine=refine).fit(atoms, parameters).match(signals)
        assert match.at_edge[:, 0].tolist() == [True, False, False, True, False]
        assert match.status.tolist() == [
            "at edge", "matched", "matched", "at edge", "no match"
        ]  # fmt: skip
        # Nothing is claimed beyond the grid, where the amplitude is wrong, too.
        assert_allclose(match.parameters[[0, 3], 0], [0.02, 0.35])
        assert match.scale[3] > 1.1
    # A parameter that all atoms share has no edge, and others have their own.
    model = EPGEchoTrain(B1=None, T1=None, echo_spacing=0.01, n_echoes=24)
    grid = parameter_grid(
        T2=np.geomspace(0.02, 0.2, 30), T1=[1.0], B1=np.linspace(0.6, 1, 9)
    )
    atoms, parameters = make_dictionary(model, grid)
    sets = np.array([[0.06, 1.0, 0.8], [0.06, 1.0, 0.4]])
    signals = model.evaluate(model.own_acquisition(), sets).T
    match = DictionaryMatcher().fit(atoms, parameters).match(signals)
    assert not match.at_edge[0].any()
    assert match.at_edge[1].tolist() == [False, False, True]
