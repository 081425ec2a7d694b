"""Metrics against hand-made distributions and independent formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import find_peaks

from skrelax.datasets import make_decay, make_distribution
from skrelax.metrics import (
    distribution_peaks,
    distribution_peaks_2d,
    distribution_statistics,
    fraction_between,
    log_mean,
    peak_statistics,
    wasserstein_distance,
)
from skrelax.metrics._peaks import _find_tops

TIMES = np.geomspace(1e-3, 10, 200)


def test_peaks_of_two_log_gaussians():
    f = make_distribution(TIMES, [(0.01, 0.1, 0.3), (1.0, 0.2, 0.7)])
    table = distribution_peaks(f, TIMES)
    # Log-Gaussians on a log grid: their log mean is the centre, to half a bin.
    assert_allclose(table["log_mean"], [0.01, 1.0], rtol=0.01)
    assert_allclose(table["width"], [0.1, 0.2], rtol=0.02)
    assert_allclose(table["share"], [0.3, 0.7], rtol=1e-3)
    assert not table["at_edge"].any()
    assert table["peak"].tolist() == [0, 1]


def test_small_peaks_are_left_out_and_edges_marked():
    f = np.zeros(200)
    f[0], f[100], f[199] = 1.0, 0.001, 1.0
    table = distribution_peaks(f, TIMES)
    assert_array_equal(table["position"], TIMES[[0, 199]])
    assert table["at_edge"].all()
    assert len(distribution_peaks(f, TIMES, min_share=0.0)) == 3


def test_labels_and_empty_signals():
    f = np.zeros((2, 200))
    f[1, 50] = 1.0
    table = distribution_peaks(f, TIMES, labels=["empty", "full"])
    assert table["signal"].tolist() == ["full"]
    assert np.isnan(log_mean(f, TIMES)[0])
    assert np.isnan(fraction_between(f, TIMES)[0])


@given(f=hnp.arrays(float, 30, elements=st.floats(0, 1).map(lambda x: round(x, 3))))
def test_shares_of_all_peaks_add_up_to_one(f):
    table = distribution_peaks(f, TIMES[:30], min_share=0.0)
    if f.any():
        assert_allclose(table["share"].sum(), 1.0, rtol=1e-12)
    else:
        assert table.empty


@given(f=hnp.arrays(float, (6, 7), elements=st.floats(0, 1).map(lambda x: round(x, 1))))
def test_shares_of_all_peaks_add_up_to_one_in_two_dimensions(f):
    table = distribution_peaks_2d(f, (TIMES[:6], TIMES[:7]), min_share=0.0)
    if f.any():
        assert_allclose(table["share"].sum(), 1.0, rtol=1e-12)
    else:
        assert table.empty


def test_two_dimensional_peaks_and_their_ratio():
    t1, t2 = np.geomspace(1e-2, 10, 40), np.geomspace(1e-3, 1, 50)
    large = np.outer(
        make_distribution(t1, [(1.0, 0.1, 0.8)]), make_distribution(t2, [(0.1, 0.1, 1)])
    )
    small = np.outer(
        make_distribution(t1, [(0.1, 0.1, 0.2)]),
        make_distribution(t2, [(0.01, 0.1, 1)]),
    )
    table = distribution_peaks_2d(large + small, (t1, t2), names=("T1", "T2"))
    assert_allclose(table["share"], [0.8, 0.2], rtol=0.01)
    assert_allclose(table["log_mean_T1"], [1.0, 0.1], rtol=0.02)
    assert_allclose(table["log_mean_T2"], [0.1, 0.01], rtol=0.02)
    assert_allclose(table["ratio"], [10.0, 10.0], rtol=0.03)
    flat = distribution_peaks_2d((large + small).ravel(), (t1, t2))
    assert_allclose(flat["share"], table["share"])


def ridge(height, angle=2.0):
    """Return a ridge that runs slantwise over the bins, and a hill beside it."""
    i, j = np.mgrid[:24, :24].astype(float)
    across, along = i - 12 - (j - 12) / angle, i - 12 + (j - 12) * angle
    hill = np.exp(-((i - 3) ** 2 + (j - 20) ** 2) / 3)
    return np.exp(-(across**2) / 0.4 - along**2 / 600) + height * hill


def test_a_slanting_ridge_is_one_peak():
    grids = np.geomspace(0.01, 1.0, 24), np.geomspace(0.01, 1.0, 24)
    f = ridge(0.3)
    every = distribution_peaks_2d(f, grids, min_depth=0.0)
    assert len(every) > 2
    joined = distribution_peaks_2d(f, grids, min_depth=0.9)
    assert_allclose(joined["share"].sum(), every["share"].sum())
    assert len(joined) == 2
    top = np.unravel_index(f.argmax(), f.shape)
    assert joined["position_0"][0] == grids[0][top[0]]
    assert joined["position_1"][0] == grids[1][top[1]]


@pytest.mark.parametrize(("depth", "count"), [(0.02, 1), (0.1, 2)])
def test_saddles_count_from_a_depth_on(depth, count):
    f = np.zeros((3, 5))
    f[1] = [0.5, 1.0, 1.0 - depth, 1.0 + 1e-9, 0.2]
    table = distribution_peaks_2d(f, (np.arange(1.0, 4), np.arange(1.0, 6)))
    assert len(table) == count
    assert sorted(table["position_1"]) == [2.0, 4.0][-count:]


def test_plateau_is_one_peak():
    f = np.zeros((5, 5))
    f[1:3, 1:4] = 1.0
    table = distribution_peaks_2d(f, (TIMES[:5], TIMES[:5]))
    assert table["share"].tolist() == [1.0]


def test_statistics_of_one_and_two_axes():
    f = make_distribution(TIMES, [(0.1, 0.2, 2.0)])
    row = distribution_statistics(f, TIMES).iloc[0]
    assert_allclose(row["amplitude"], 2.0)
    assert_allclose(row["log_mean"], 0.1, rtol=1e-3)
    assert_allclose(row["mean"], f @ TIMES / 2.0)
    assert_allclose(row["width"], 0.2, rtol=0.01)
    both = distribution_statistics(np.outer(f, f)[None], (10 * TIMES, TIMES)).iloc[0]
    assert_allclose(both["ratio"], 10.0, rtol=1e-6)


def test_fractions():
    f = make_distribution(TIMES, [(0.02, 0.05, 0.25), (0.1, 0.05, 0.75)])
    assert_allclose(fraction_between(f, TIMES, upper=0.04), 0.25, atol=1e-3)
    assert_allclose(
        fraction_between(np.stack([f, f]), TIMES, lower=0.04), 0.75, atol=1e-3
    )
    with pytest.raises(ValueError, match="lower must be below upper"):
        fraction_between(f, TIMES, 1.0, 0.5)


def test_peak_statistics_use_the_limits_of_the_first_row():
    first = make_distribution(TIMES, [(0.01, 0.1, 0.5), (1.0, 0.1, 0.5)])
    second = make_distribution(TIMES, [(0.012, 0.1, 0.2), (0.8, 0.1, 0.8)])
    table = peak_statistics(np.stack([first, second]), TIMES)
    assert_allclose(table["share_0"], [0.5, 0.2], atol=1e-3)
    assert_allclose(table["log_mean_1"], [1.0, 0.8], rtol=0.02)


def test_wasserstein_distance_of_shifted_distributions():
    f = make_distribution(TIMES, [(0.01, 0.1, 1.0)])
    g = make_distribution(TIMES, [(0.1, 0.1, 3.0)])
    # A shift by one decade moves all amplitude by one, to a bin of 0.02 decades.
    assert_allclose(wasserstein_distance(f, TIMES, g, TIMES), 1.0, atol=0.02)
    assert wasserstein_distance(f, TIMES, f, TIMES) == 0.0
    with pytest.raises(ValueError, match="without amplitude"):
        wasserstein_distance(0 * f, TIMES, g, TIMES)


@pytest.mark.parametrize(
    ("f", "times", "message"),
    [
        (np.ones(3), np.ones(3), "must increase"),
        (np.ones(3), [-1.0, 1.0, 2.0], "must be positive"),
        (np.ones(4), [1.0, 2.0, 3.0], "must have 3 bins"),
    ],
)
def test_bad_input(f, times, message):
    for function in (distribution_peaks, log_mean, distribution_statistics):
        with pytest.raises(ValueError, match=message):
            function(f, times)


def test_two_dimensional_peaks_need_two_axes():
    with pytest.raises(ValueError, match="tuple of two"):
        distribution_peaks_2d(np.ones((3, 3)), TIMES[:3])


def test_simulated_decays_follow_their_formula():
    data = make_decay(
        peaks=[(0.5, 0.0, 1.0)], amplitude=2.0, baseline=0.1, noise_std=0.0
    )
    # A single bin of the fine grid is at most 1/800 decade off.
    assert_allclose(data.y, 2 * np.exp(-data.X[:, 0] / 0.5) + 0.1, atol=0.004)
    batch = make_decay(n_signals=5, drift=1.0, random_state=0)
    assert batch.y.shape == (25, 5)
    means = log_mean(batch.distribution, batch.relaxation_times)
    assert_allclose(means[-1] / means[0], 10.0, rtol=1e-3)
    assert_allclose(np.std(batch.y - batch.clean), batch.noise_std, rtol=0.2)
    with pytest.raises(ValueError, match="noise_std"):
        make_decay(noise_std=-1)
    with pytest.raises(ValueError, match="times must be 1-D"):
        make_decay(times=[])
    with pytest.raises(ValueError, match="positive centre"):
        make_decay(peaks=[(0.1, 0.1, 1), (1.0, -0.1, 1)])


def test_axes_of_planes_are_not_called_what_they_are_not():
    f = np.zeros((3, 3))
    f[2, 0] = 1.0
    grids = ([1.0, 10.0, 100.0], [1.0, 10.0, 100.0])
    for function in (distribution_peaks_2d, distribution_statistics):
        for names, expected in (
            (None, ["0", "1"]), (("D", "T2"), ["D", "T2"]),
            (("T2", "T2"), ["T2_0", "T2_1"]),
        ):  # fmt: skip
            table = function(f, grids, names=names)
            assert table.columns.is_unique
            means = [table[f"log_mean_{name}"].item() for name in expected]
            assert_allclose(means, [100.0, 1.0])
        for names in (("T2",), "T2", ("T1", 2), 3):
            with pytest.raises(ValueError, match="names must be 2 strings"):
                function(f, grids, names=names)


@pytest.mark.parametrize("scale", [2.0**-1040, 2.0**-600, 2.0**600, 2.0**960])
def test_moments_do_not_depend_on_the_size_of_amplitudes(scale):
    f = make_distribution(TIMES, [(0.01, 0.1, 0.3), (1.0, 0.2, 0.7)])
    # What is below rounding would be lost in numbers this small.
    f[f < 1e-6] = 0.0
    f = np.round(f * 2**24)
    plain, scaled = (distribution_statistics(g, TIMES).iloc[0] for g in (f, f * scale))
    assert_allclose(scaled["amplitude"], plain["amplitude"] * scale, rtol=1e-12)
    assert_allclose(scaled.drop("amplitude"), plain.drop("amplitude"), rtol=1e-12)
    peaks = [distribution_peaks(g, TIMES) for g in (f, f * scale)]
    assert_allclose(peaks[1]["amplitude"], peaks[0]["amplitude"] * scale, rtol=1e-12)
    assert_allclose(log_mean(f * scale, TIMES), log_mean(f, TIMES), rtol=1e-12)
    assert_allclose(wasserstein_distance(f * scale, TIMES, f, TIMES), 0.0, atol=1e-12)


def test_one_nan_makes_a_distribution_nan_and_leaves_the_others():
    f = np.ones((3, 4))
    f[1, 2] = np.nan
    times = TIMES[:4]
    for values in (
        log_mean(f, times), fraction_between(f, times),
        distribution_statistics(f, times)["amplitude"],
        peak_statistics(f, times)["share_0"],
    ):  # fmt: skip
        assert np.isnan(values).tolist() == [False, True, False]
    assert distribution_peaks(f, times)["signal"].tolist() == [0, 2]
    pair = (times[:2], times[:2])
    assert distribution_peaks_2d(f, pair)["signal"].tolist() == [0, 2]
    with pytest.raises(ValueError, match="second must be one distribution without nan"):
        wasserstein_distance(f[0], times, f[1], times)


def test_negative_bins_have_no_mean():
    # Cancelling weights would put a mean anywhere.
    assert_allclose(log_mean([1.0, -1.0 + 1e-16, 0.0], TIMES[:3]), TIMES[0])
    assert np.isnan(log_mean([-1.0, -2.0, 0.0], TIMES[:3]))


@given(f=st.lists(st.integers(0, 3), max_size=12))
def test_maxima_are_those_of_scipy(f):
    # Few levels, so that most maxima are flat.
    f = np.array(f, dtype=np.float64)
    expected = find_peaks(np.concatenate([[0.0], f, [0.0]]))[0] - 1
    assert_array_equal(_find_tops(f), expected)
