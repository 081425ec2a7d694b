"""Regions of maps against areas known by hand, sampling and sums over whole bins."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, MultiDimRegularizedILT, ReferenceScheme, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import (
    Polygon,
    RatioBand,
    Rectangle,
    distribution_peaks_2d,
    distribution_statistics,
    region_statistics,
)
from skrelax.metrics._regions import cut_shares
from skrelax.model_selection import StrengthSearch
from skrelax.uncertainty import DistributionBands, bootstrap_distribution

T1, T2 = np.geomspace(1e-2, 10, 31), np.geomspace(1e-3, 1, 25)
NAMES = ("T1", "T2")
PLANES = np.random.default_rng(0).random((2, 31, 25))


def read(f, *regions, **options):
    return region_statistics(f, (T1, T2), list(regions), names=NAMES, **options)


def test_whole_bins_are_those_of_a_slice():
    # Borders half way between bins cut none of them.
    low, high = np.sqrt(T1[9] * T1[10]), np.sqrt(T1[20] * T1[21])
    border = np.sqrt(T2[4] * T2[5])
    table = read(PLANES, Rectangle("a", T1=(low, high), T2=(0, border)))
    inside = PLANES[:, 10:21, :5]
    assert_allclose(table["amplitude"], inside.sum(axis=(1, 2)))
    assert_allclose(table["share"], inside.sum((1, 2)) / PLANES.sum((1, 2)))
    for k, part in enumerate(inside):
        own = distribution_statistics(part, (T1[10:21], T2[:5]), NAMES).iloc[0]
        for name in ("log_mean_T1", "log_mean_T2", "ratio"):
            assert_allclose(table[name][k], own[name])
        row, column = np.unravel_index(part.argmax(), part.shape)
        assert table["position_T1"][k] == T1[10 + row]
        assert table["position_T2"][k] == T2[column]


@pytest.mark.parametrize("region", [
    Rectangle("a", T1=(T1[0], T1[-1]), T2=(T2[0], T2[-1])), Rectangle("a", T2=(0, 9)),
    Polygon("a", T1=[1e-3, 99, 99, 1e-3], T2=[1e-4, 1e-4, 9, 9]), RatioBand("a"),
])  # fmt: skip
def test_the_limits_of_the_grid_hold_all_of_it(region):
    row = read(PLANES, region).iloc[1]
    expected = distribution_statistics(PLANES[1], (T1, T2), NAMES).iloc[0]
    for name in ("amplitude", "log_mean_T1", "log_mean_T2", "ratio"):
        assert_allclose(row[name], expected[name], rtol=1e-12)
    assert row["share"] == 1.0


def test_a_border_through_a_bin_cuts_its_amplitude():
    f = np.zeros((31, 25))
    f[10, 12] = 2.0
    step = np.log10(T2[1] / T2[0])
    for part in (0.0, 0.25, 0.5, 0.9, 1.0):
        border = 10 ** (np.log10(T2[12]) + (part - 0.5) * step)
        row = read(f, Rectangle("a", T2=(0, border))).iloc[0]
        assert_allclose(row["amplitude"], 2.0 * part, atol=1e-9)
    # The cells of the first and last bin end there, and are half as wide.
    first = np.zeros((31, 25))
    first[10, 0] = 1.0
    border = T2[0] * 10 ** (0.25 * step)
    assert_allclose(read(first, Rectangle("a", T2=(0, border)))["share"], 0.5)


def test_a_diagonal_halves_the_bins_on_it():
    grid = np.geomspace(0.1, 10, 9)
    for region in (
        RatioBand("above", 1),
        Polygon("above", T1=[0.1, 10, 10], T2=[0.1, 0.1, 10]),
    ):
        for k, j, expected in ((4, 4, 0.5), (0, 0, 0.5), (5, 4, 1.0), (4, 5, 0.0)):
            f = np.zeros((9, 9))
            f[k, j] = 1.0
            table = region_statistics(f, (grid, grid), [region], names=NAMES)
            assert_allclose(table["share"], expected, atol=1e-9)


ANGLES = st.lists(st.floats(0, 6.28), min_size=3, max_size=9, unique=True)


@given(angles=ANGLES, seed=st.integers(0, 99))
def test_areas_of_any_polygon_are_those_of_many_points(angles, seed):
    # A star around a centre does not cross itself, and is often concave.
    angles = np.sort(angles)
    if np.diff([*angles, angles[0] + 2 * np.pi]).max() > 3.0 or (
        np.diff(angles).min() < 0.05
    ):
        return
    radius = np.random.default_rng(seed).uniform(0.2, 2.0, angles.size)
    corners = np.column_stack([radius * np.cos(angles), radius * np.sin(angles)])
    grids = 10 ** np.linspace(-1, 1, 5), 10 ** np.linspace(-1.3, 1.2, 4)
    shares = cut_shares(corners, grids)
    edges = [np.r_[x[0], 0.5 * (x[1:] + x[:-1]), x[-1]] for x in map(np.log10, grids)]
    for i, j in np.ndindex(shares.shape):
        sides = edges[0][i : i + 2], edges[1][j : j + 2]
        # Midpoints of 60 x 60 parts of a cell.
        at = [a + (b - a) * (np.arange(60) + 0.5) / 60 for a, b in sides]
        p, q = (side.ravel() for side in np.meshgrid(*at, indexing="ij"))
        inside = np.zeros(p.size, dtype=bool)
        for (a, b), (c, d) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crosses = (b > q) != (d > q)
            inside ^= crosses & (p < (c - a) * (q - b) / (d - b + (d == b)) + a)
        # An edge of a cell crosses at most 120 of its parts; 18 edges at most.
        assert abs(inside.mean() - shares[i, j]) < 0.02 * len(corners)


@settings(max_examples=40)
@given(
    a=st.floats(-3, 1), b=st.floats(-3, 1), c=st.floats(-1, 3), shift=st.floats(-2, 2)
)
def test_regions_that_tile_the_plane_sum_to_the_whole(a, b, c, shift):
    border, ratio = 10**a, 10**c
    left, right = 10 ** min(b, b + shift), 10 ** max(b, b + shift)
    tilings = [
        [Rectangle("1", T2=(0, border)), Rectangle("2", T2=(border, np.inf))],
        [RatioBand("1", 0, ratio), RatioBand("2", ratio)],
        [
            Polygon("1", T1=[1e-4, 1e4, 1e4, 1e-4], T2=[1e-5, 1e-5, left, right]),
            Polygon("2", T1=[1e-4, 1e4, 1e4, 1e-4], T2=[right, left, 1e4, 1e4]),
        ],
    ]
    for parts in tilings:
        table = read(PLANES, *parts)
        sums = table.groupby("signal")[["amplitude", "share"]].sum()
        assert_allclose(sums["amplitude"], PLANES.sum(axis=(1, 2)), rtol=1e-9)
        assert_allclose(sums["share"], 1.0, rtol=1e-9)


def test_the_same_region_drawn_in_three_ways():
    corners = Polygon("p", T1=[0.1, 0.1, 2, 2], T2=[0.01, 0.2, 0.2, 0.01])
    other_way = Polygon("q", T2=[0.01, 0.2, 0.2, 0.01], T1=[2, 2, 0.1, 0.1])
    closed = Polygon("r", T1=[0.1, 0.1, 2, 2, 0.1], T2=[0.01, 0.2, 0.2, 0.01, 0.01])
    table = read(
        PLANES[0],
        Rectangle("a", T1=(0.1, 2), T2=(0.01, 0.2)),
        corners,
        other_way,
        closed,
    )
    for name in ("amplitude", "share", "log_mean_T1", "ratio"):
        assert_allclose(table[name], table[name][0], rtol=1e-10)
    band = Polygon("b", T1=[2e-4, 6e-4, 6, 2], T2=[1e-4, 1e-4, 1, 1])
    table = read(PLANES[0], band, RatioBand("c", 2, 6))
    assert_allclose(table["amplitude"][0], table["amplitude"][1], rtol=1e-10)


def test_a_peak_is_what_its_region_holds():
    f = np.zeros((31, 25))
    f[10:13, 5:8], f[24:27, 18:21] = 1.0, 3.0
    peaks = distribution_peaks_2d(f, (T1, T2), names=NAMES)
    table = read(f, Rectangle("large", T2=(0.05, 1)), Rectangle("small", T2=(0, 0.05)))
    for name in ("amplitude", "share", "log_mean_T1", "log_mean_T2", "ratio"):
        assert_allclose(table[name], peaks[name])


def test_regions_outside_of_the_grid_hold_nothing():
    table = read(
        PLANES[0], Rectangle("a", T2=(2, 5)), RatioBand("b", 1e7),
        RatioBand("c", 0, 1e-9),
        Polygon("d", T1=[1e-5, 1e-4, 1e-4], T2=[1e-2, 1e-2, 1e-1]),
        # Beside the corner of the grid, within its limits on no axis.
        Polygon("e", T1=[10.1, 20, 20], T2=[1.01, 1.01, 3]),
    )  # fmt: skip
    assert_array_equal(table["amplitude"], 0.0)
    assert_array_equal(table["share"], 0.0)
    rest = table.drop(columns=["signal", "region", "amplitude", "share"])
    assert rest.isna().all(axis=None)


def test_rows_labels_and_signals_that_say_nothing():
    f = np.stack([np.zeros((31, 25)), PLANES[0], np.full((31, 25), np.nan)])
    parts = Rectangle("b", T2=(0, 0.1)), Rectangle("a", T2=(0.1, 1))
    table = read(f, *parts, labels=["empty", "full", "lost"])
    assert table["region"].tolist() == ["b", "a"] * 3
    assert table["signal"].tolist() == ["empty"] * 2 + ["full"] * 2 + ["lost"] * 2
    assert table["amplitude"][:2].tolist() == [0.0, 0.0]
    assert table["share"].isna().tolist() == [True] * 2 + [False] * 2 + [True] * 2
    assert table["amplitude"][4:].isna().all()
    flat = read(f.reshape(3, -1), *parts, labels=["empty", "full", "lost"])
    pd.testing.assert_frame_equal(flat, table)
    assert len(read(f[:0], *parts)) == 0
    with pytest.raises(ValueError, match="labels must be one for each of 3 signals"):
        read(f, *parts, labels=["one"])


def test_negative_bins_are_told_of_apart():
    f = np.zeros((31, 25))
    f[5, 5], f[6, 5], f[20, 20] = 2.0, -0.5, -3.0
    table = read(f, Rectangle("a", T2=(0, 0.05)), Rectangle("b", T2=(0.05, 1)))
    assert_allclose(table["amplitude"], [2.0, 0.0])
    assert_allclose(table["negative_amplitude"], [-0.5, -3.0])
    assert "negative_amplitude" not in read(f.clip(0), Rectangle("a", T2=(0, 1)))


def test_axes_of_one_name_and_without_names():
    f, grids = np.eye(25), (T2, T2)
    moved = Rectangle("moved", T2_0=(0, 0.03), T2_1=(0.05, 1))
    table = region_statistics(f, grids, [moved], names=("T2", "T2"))
    assert table["share"][0] == 0.0
    assert {"log_mean_T2_0", "position_T2_1"} <= {*table}
    assert region_statistics(f, grids, [RatioBand("all")])["share"][0] == 1.0
    with pytest.raises(ValueError, match="'moved' names the axis 'T2_0', but those of"):
        region_statistics(f, grids, [moved])


BAD = [
    (lambda: Rectangle("a"), ValueError, "limits of Rectangle 'a' must be given"),
    (lambda: Rectangle("a", T2=(2, 1)), ValueError, "limits T2 of Rectangle"),
    (lambda: Rectangle("a", T2=(1, 1)), ValueError, "must increase, got 1.0 and 1.0"),
    (lambda: Rectangle("a", T2=(-1, 1)), ValueError, "must be from 0 to inf, got -1"),
    (lambda: Rectangle("a", T2=(np.nan, 1)), ValueError, "T2 of .* got nan"),
    (lambda: Rectangle("a", T2=3.0), ValueError, "must be a pair"),
    (lambda: Rectangle("a", T2=("0", 1)), TypeError, "limits T2 of Rectangle 'a'"),
    (lambda: Rectangle("", T2=(0, 1)), ValueError, "name of a Rectangle"),
    (lambda: Rectangle(3, T2=(0, 1)), TypeError, "name of a Rectangle"),
    (lambda: RatioBand("a", 3, 1), ValueError, "low and high of RatioBand 'a'"),
    (lambda: RatioBand("a", -3, 1), ValueError, "must be from 0 to inf"),
    (lambda: RatioBand("a", np.nan), ValueError, "low and high of RatioBand 'a'"),
    (lambda: RatioBand(None), TypeError, "name of a RatioBand"),
    (lambda: Polygon("a", T1=[1, 2], T2=[1, 2]), ValueError, "from 3 to 1000"),
    (lambda: Polygon("a", T1=[1, 2, 1], T2=[1, 2, 1]), ValueError, "got 2"),
    (lambda: Polygon("a", T1=[1, 2, 3]), ValueError, "must be given for two axes"),
    (lambda: Polygon("a", T1=[1, 2, 3], T2=[1, 2]), ValueError, "as many values"),
    (lambda: Polygon("a", T1=[1, 10, 100], T2=[1, 10, 100]), ValueError, "one line"),
    (lambda: Polygon("a", T1=[1, 2, 0], T2=[1, 2, 1]), ValueError, "T1 of .* 0.0 at"),
    (lambda: Polygon("a", T1=[1, 2, np.nan], T2=[1, 2, 1]), ValueError, "vertices T1"),
    (lambda: Polygon("a", T1=[1, 2, 2, 1], T2=[1, 2, 1, 2]), ValueError, "cross or"),
    # A vertex on another edge, and a figure of eight through one point.
    (lambda: Polygon("a", T1=[1, 100, 100, 10, 1], T2=[1, 1, 100, 1, 100]), ValueError,
     "cross or"),
    (lambda: Polygon("a", T1=[1, 4, 16, 16, 4, 1], T2=[1, 4, 1, 16, 4, 16]), ValueError,
     "cross or"),
    (lambda: read(PLANES), ValueError, "regions must hold at least one"),
    (lambda: read(PLANES, "a"), TypeError, "regions must be Rectangle, Polygon or"),
    (lambda: region_statistics(PLANES, (T1, T2), RatioBand("a")), TypeError,
     "regions must be a list"),
    (lambda: read(PLANES, RatioBand("a"), RatioBand("a", 1)), ValueError, "twice"),
    (lambda: read(PLANES, Rectangle("a", D=(0, 1))), ValueError, "names the axis 'D'"),
    (lambda: region_statistics(T1, T1, [RatioBand("a")]), ValueError, "two axes"),
    (lambda: region_statistics(PLANES, (T1, T2, T2), [RatioBand("a")]), ValueError,
     "relaxation_times must be a tuple of two"),
    (lambda: region_statistics(T1, (T1, [1.0]), [RatioBand("a")]), ValueError,
     "relaxation_times must have at least 2 bins"),
    (lambda: read(PLANES[:, :3], RatioBand("a")), ValueError, "distribution must have"),
    (lambda: read(PLANES[0], RatioBand("a"), bands=PLANES), TypeError, "bands must be"),
    (lambda: read(PLANES, RatioBand("a"), bands=BANDS), ValueError, "of one signal"),
    (lambda: region_statistics(PLANES[0, 1:], (T1[1:], T2), [RatioBand("a")],
                               bands=BANDS), ValueError,
     "bands must have at least 2 refits with 750 bins"),
]  # fmt: skip
BANDS = DistributionBands.from_samples(PLANES[0], PLANES, 0.9)


@pytest.mark.parametrize(("call", "kind", "match"), BAD)
def test_what_is_no_region_is_named(call, kind, match):
    with pytest.raises(kind, match=match):
        call()


def test_regions_are_small_immutable_objects():
    for region in (
        Rectangle("a", T2=(0, 1), T1=(2, 3)),
        Polygon("a", T2=[1, 2, 2], T1=[1, 2, 1]),
        RatioBand("a", 1, 3),
    ):
        names = {"Rectangle": Rectangle, "Polygon": Polygon, "RatioBand": RatioBand}
        assert eval(repr(region), names) == region
        assert pickle.loads(pickle.dumps(region)) == region
        assert len({region, pickle.loads(pickle.dumps(region))}) == 1
        with pytest.raises(AttributeError):
            region.name = "b"
    assert Rectangle("a", T2=(0, 1)) != Rectangle("a", T2=(0, 2))


# Fitted inversions ----------------------------------------------------------------

X = acquisition_grid(np.geomspace(0.02, 5.0, 8), np.geomspace(2e-3, 0.6, 10))
BINS = np.geomspace(0.02, 8.0, 9), np.geomspace(4e-3, 1.0, 10)
PARTS = [Rectangle("short", T2=(0, 0.06)), RatioBand("far", 3)]


def signals(seed=0, n_signals=None):
    parts = (1 - np.exp(-X[:, :1] / [0.2, 1.0])) * np.exp(-X[:, 1:] / [0.02, 0.3])
    shape = (len(X),) if n_signals is None else (len(X), n_signals)
    noise = 2e-3 * np.random.default_rng(seed).standard_normal(shape)
    return (parts @ [0.4, 0.6]).reshape(-1, *(1,) * (len(shape) - 1)) + noise


@pytest.mark.parametrize("kind", ["linear", "search", "signed"])
def test_inversions_answer_of_regions(kind):
    y = pd.DataFrame(signals(n_signals=2), columns=["dry", "wet"])
    builder = KernelBuilder(["T1-SR", "T2"], grid=list(BINS))
    if kind == "signed":
        fitted = results = MultiDimRegularizedILT(
            ["T1-SR", "T2"], list(BINS), noise_std=2e-3, scheme=ReferenceScheme(20)
        ).fit(X, y)
    elif kind == "search":
        pipeline = make_pipeline(builder, SmoothLasso())
        fitted = results = StrengthSearch(pipeline, strengths=4).fit(X, y)
    else:
        fitted = make_pipeline(builder, SmoothLasso(1e-5, 1e-4)).fit(X, y)
        results = fitted[-1]
    table = results.regions(PARTS)
    assert table["signal"].tolist() == ["dry", "dry", "wet", "wet"]
    rows = np.moveaxis(results.distribution_, -1, 0)
    plain = region_statistics(rows, BINS, PARTS, names=NAMES, labels=["dry", "wet"])
    pd.testing.assert_frame_equal(table, plain)
    short = table[table["region"] == "short"]
    assert_allclose(short["share"], 0.4, atol=0.05)
    assert_allclose(short["amplitude"], 0.4, atol=0.05)


def test_inversions_without_a_map_have_no_regions():
    y = np.exp(-X[:, 1] / 0.1)
    line = make_pipeline(KernelBuilder("T2", n_bins=20), SmoothLasso(1e-5, 1e-4))
    with pytest.raises(ValueError, match=r"two inverted axes .* has 1 axes"):
        line.fit(X[:10, 1:], y[:10])[-1].regions(PARTS)
    bare = SmoothLasso(grid_shape=(2, 3)).fit(np.eye(6), np.ones(6))
    with pytest.raises(ValueError, match="with their relaxation times"):
        bare.regions(PARTS)
    series = make_pipeline(
        KernelBuilder(["identity", "T2"], grid=[None, BINS[1]]), SmoothLasso(1e-5, 1e-4)
    )
    with pytest.raises(ValueError, match="of which some are not inverted"):
        series.fit(X, y)[-1].regions(PARTS)


def test_intervals_of_regions_come_from_refits():
    builder = KernelBuilder(["T1-SR", "T2"], grid=list(BINS))
    K, y = builder.fit_transform(X), signals()
    results = SmoothLasso(1e-5, 1e-4).fit(K, y)
    bands = results.bands(40, X=K, y=y, random_state=0)
    table = results.regions(PARTS, bands=bands)
    plain = results.regions(PARTS)
    pd.testing.assert_frame_equal(table[list(plain)], plain)
    refits = region_statistics(bands.samples, BINS, PARTS, names=NAMES)
    for k, part in enumerate(PARTS):
        row, of_refits = table.iloc[k], refits[refits["region"] == part.name]
        for name in ("amplitude", "share", "log_mean_T1", "log_mean_T2", "ratio"):
            lower, upper = row[f"{name} lower"], row[f"{name} upper"]
            assert lower < upper
            low, high = np.quantile(of_refits[name], [0.05, 0.95])
            if name == "amplitude":
                # The bias that refits show is taken off.
                assert_allclose([lower, upper], 2 * row[name] - np.array([high, low]))
            if "mean" in name or name == "ratio":
                assert_allclose([lower, upper], row[name] ** 2 / np.array([high, low]))
    short = table.iloc[0]
    # Half of what many refits of an ideal fit would spread.
    assert short["share lower"] < 0.4 < short["share upper"]
    # What a bootstrap of the Pipeline holds is taken as well, bins in a row.
    whole = bootstrap_distribution(
        make_pipeline(builder, SmoothLasso(1e-5, 1e-4)), X, y, n_bootstrap=10,
        random_state=0,
    )  # fmt: skip
    again = region_statistics(whole.distribution, BINS, PARTS, names=NAMES, bands=whole)
    assert_allclose(again["share"], plain["share"])
    assert again["share lower"].notna().all()


def test_intervals_keep_to_the_limits_of_their_own_axis():
    grids = np.array([10.0, 20.0, 40.0]), np.array([0.1, 0.2, 0.4])
    samples = np.random.default_rng(0).uniform(1.0, 2.0, (20, 3, 3))
    bands = DistributionBands.from_samples(samples[0], samples, 0.9)
    # One name ends in the other.
    names, parts = ("T2", "slow_T2"), [RatioBand("all", 0.0, np.inf)]
    row = region_statistics(samples[0], grids, parts, names=names, bands=bands).iloc[0]
    for name, grid in zip(names, grids, strict=True):
        lower, upper = row[f"log_mean_{name} lower"], row[f"log_mean_{name} upper"]
        assert grid[0] < lower < upper < grid[-1]


def test_channels_over_two_coordinates_have_pairs_for_labels():
    data = signals().reshape(8, 10)[..., None, None] * np.array([[1.0, 2.0]])
    signed = MultiDimRegularizedILT(
        ["T1-SR", "T2"], list(BINS), channels=([5.0], [7.0, 9.0]), noise_std=2e-3,
        scheme=ReferenceScheme(3),
    )  # fmt: skip
    signed.fit_grid((np.unique(X[:, 0]), np.unique(X[:, 1])), data)
    table = signed.regions(PARTS)
    assert table["signal"].tolist() == [(5.0, 7.0)] * 2 + [(5.0, 9.0)] * 2
