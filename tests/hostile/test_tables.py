"""Hostile input to dictionaries, metrics and batches."""

from dataclasses import replace

import hostile
import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from variants import SAME, check_arrays, check_numbers, finite

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
    SmoothLasso,
    fit_batch,
)
from skrelax.dictionary import (
    DictionaryMatch,
    DictionaryMatcher,
    SignalSimulator,
    make_dictionary,
    parameter_grid,
)
from skrelax.metrics import (
    Polygon,
    RatioBand,
    Rectangle,
    distribution_peaks,
    distribution_peaks_2d,
    distribution_statistics,
    fraction_between,
    label_statistics,
    log_mean,
    peak_statistics,
    region_statistics,
    wasserstein_distance,
)
from skrelax.uncertainty import DistributionBands

RNG = np.random.default_rng(0)
TIMES = np.geomspace(0.01, 1.0, 12)
F = np.abs(RNG.standard_normal(12)) + 0.1
ROWS = np.abs(RNG.standard_normal((5, 12))) + 0.1
PLANE = np.abs(RNG.standard_normal((4, 3))) + 0.1
AXES = (np.geomspace(0.1, 10, 4), np.geomspace(0.1, 5, 3))
POLYGON = Polygon("c", T1=[0.2, 4, 3, 0.5, 0.2], T2=[0.2, 0.3, 4, 2, 1])
SETS = np.array([[0.02], [0.05], [0.1], [0.3], [0.8]])
ATOMS = np.exp(-TIMES / SETS)
SIGNALS = 2.0 * np.exp(-TIMES / np.array([[0.03], [0.12], [0.5]]))


# Dictionaries ---------------------------------------------------------------------


def test_parameter_grid():
    def call(values):
        return parameter_grid(T2=values)

    check_arrays(call, SETS[:, 0], ("T2",), finite)
    check_numbers(call, ("T2",), finite)
    check_numbers(lambda v: parameter_grid(v, T2=0.1), ("physical",))
    assert hostile.ends_well(parameter_grid, ("values",)) is None
    many = np.geomspace(1, 2, 10**5)
    grid = {"T1": many, "T2": many}
    assert hostile.ends_well(lambda: parameter_grid(**grid), ("T1, T2",)) is None


@pytest.mark.parametrize("simulate", [
    lambda grid, times: make_dictionary("T2", grid, times)[0],
    lambda grid, times: SignalSimulator("T2", times).fit_transform(grid),
    lambda grid, times: SignalSimulator("T2", times).fit(SETS).transform(grid),
])  # fmt: skip
def test_make_dictionary_and_signal_simulator(simulate):
    check_arrays(lambda a: simulate(a, TIMES), SETS, ("X", "grid"), finite)
    check_arrays(lambda a: simulate(SETS, a), TIMES, ("acquisition",), finite)
    check_numbers(lambda v: simulate(v, TIMES), ("X", "grid"), finite)
    check_numbers(lambda v: simulate(SETS, v), ("acquisition",), finite)


def test_settings_of_simulations():
    for name in ("dtype", "n_jobs", "model"):
        for simulate in (
            lambda **options: make_dictionary(grid=SETS, **options)[0],
            lambda **options: SignalSimulator(**options).fit_transform(SETS),
        ):
            check_numbers(
                lambda v, s=simulate, n=name: s(
                    **{"model": "T2", "acquisition": TIMES} | {n: v}
                ),
                (name,),
                finite,
            )
    frame = pd.DataFrame({"T2": [0.1], "T1": [1.0]})
    for bad in (frame, frame[["T1"]], pd.concat([frame["T2"]] * 2, axis=1)):
        call = SignalSimulator("T2", TIMES).fit
        assert hostile.ends_well(lambda bad=bad, c=call: c(bad), ("X",)) is None
    assert SignalSimulator("T2", TIMES).fit(SETS).get_feature_names_out("x").size == 12


def sound_match(kind, match):
    """Rows have a match with all numbers, or none with NaN in all."""
    got = match.mask
    assert np.isfinite(match.parameters[got]).all(), kind
    assert np.isfinite(match.scale[got]).all(), kind
    assert (np.abs(match.correlation[got]) <= 1 + 1e-6).all(), kind
    assert (match.indices[~got] == -1).all(), kind
    for values in (match.parameters, match.scale, match.correlation):
        assert np.isnan(values[~got]).all(), kind


@pytest.mark.parametrize("options", [{}, {"refine": "parabola"}, {"signed": True}])
def test_matched_signals(options):
    matcher = DictionaryMatcher(**options).fit(ATOMS, SETS)

    def sound(kind, match):
        assert isinstance(match, DictionaryMatch)
        sound_match(kind, match)
        if kind in ("1e-300", "1e-160", "1e160", "1e300"):
            assert match.mask.all(), kind
            assert_array_equal(match.indices, matcher.match(SIGNALS).indices)

    check_arrays(matcher.match, SIGNALS, ("X", "signed"), sound)
    check_numbers(matcher.match, ("X",))
    for call in (matcher.predict, matcher.predict_scale, matcher.kneighbors):
        check_arrays(call, SIGNALS, ("X", "signed"))


@pytest.mark.parametrize("options", [{}, {"refine": "parabola"}, {"signed": True}])
def test_atoms_and_their_parameters(options):
    def sound(kind, match):
        sound_match(kind, match)
        if kind in ("1e-300", "1e-160", "1e160", "1e300"):
            assert match.mask.all(), kind

    def fit(atoms=ATOMS, parameters=SETS):
        return DictionaryMatcher(**options).fit(atoms, parameters).match(SIGNALS)

    names = ("X", "atoms", "signed")
    check_arrays(fit, ATOMS, names, sound)
    # The number of atoms differs from that of parameters, or the other way round.
    check_arrays(lambda y: fit(parameters=y), SETS, ("y", "parameters"), sound)
    check_numbers(fit, names)
    check_numbers(lambda y: fit(parameters=y), ("y", "parameters"))


def test_settings_of_a_matcher():
    for name in DictionaryMatcher().get_params():

        def call(value, name=name):
            matcher = DictionaryMatcher(**{name: value}).fit(ATOMS, SETS)
            return matcher.match(SIGNALS)

        check_numbers(call, (name,), sound_match)
    matcher = DictionaryMatcher().fit(ATOMS, SETS)
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: matcher.kneighbors(SIGNALS, v), ("n_neigh",))


def test_score_of_a_matcher():
    matcher = DictionaryMatcher().fit(ATOMS, SETS)

    def finite_score(kind, score):
        assert np.isfinite(score), kind

    truth = np.array([[0.03], [0.12], [0.5]])
    # A single match has no R^2: scikit-learn's NaN, with a warning.
    check_arrays(lambda X: matcher.score(X, truth), SIGNALS, ("X", "match", "y"))
    check_arrays(
        lambda y: matcher.score(SIGNALS, y), truth, ("y",), finite_score,
    )  # fmt: skip
    check_arrays(
        lambda w: matcher.score(SIGNALS, truth, w), np.array([1.0, 2.0, 3.0]),
        ("sample_weight", "Sample weights"), finite_score,
        [kind for kind in SAME if kind != "nullable"],
    )  # fmt: skip


# Metrics --------------------------------------------------------------------------


def in_range(kind, values, low, high):
    values = np.asarray(values, dtype=float)
    assert not np.isinf(values).any(), kind
    # NaN is what an empty distribution has.
    assert ((values >= low * 0.999) & (values <= high * 1.001) | np.isnan(values)).all()


@pytest.mark.parametrize("good", [F, ROWS])
@pytest.mark.parametrize(("function", "low", "high"), [
    (log_mean, TIMES[0], TIMES[-1]),
    (fraction_between, 0.0, 1.0),
    (lambda f, t: distribution_statistics(f, t)["log_mean"], TIMES[0], TIMES[-1]),
    (lambda f, t: distribution_statistics(f, t)["width"], 0.0, 2.0),
    (lambda f, t: distribution_peaks(f, t)["share"], 0.01, 1.0),
    (lambda f, t: distribution_peaks(f, t)["log_mean"], TIMES[0], TIMES[-1]),
    (lambda f, t: peak_statistics(f, t).filter(like="share"), 0.0, 1.0),
    (lambda f, t: peak_statistics(f, t).filter(like="log_mean"), TIMES[0], TIMES[-1]),
])  # fmt: skip
def test_moments_and_peaks_of_one_axis(function, low, high, good):
    plain = function(good, TIMES)

    def sound(kind, result):
        in_range(kind, result, low, high)
        if kind in ("1e-300", "1e-160", "1e160"):
            assert_allclose(result, plain, rtol=1e-9, err_msg=kind)

    check_arrays(lambda f: function(f, TIMES), good, ("distribution",), sound)
    check_arrays(lambda t: function(good, t), TIMES, ("relaxation_times", "bins"))
    check_numbers(lambda f: function(f, TIMES), ("distribution",))
    check_numbers(lambda t: function(good, t), ("relaxation_times", "distribution"))


@pytest.mark.parametrize("function", [distribution_peaks_2d, distribution_statistics])
def test_moments_and_peaks_of_planes(function):
    plain = function(PLANE, AXES)

    def sound(kind, table):
        for name in table.filter(like="log_mean"):
            in_range(kind, table[name], 0.1, 10.0)
        if kind in ("1e-300", "1e-160", "1e160"):
            scaled = table.drop(columns="amplitude").astype(float)
            assert_allclose(scaled, plain.drop(columns="amplitude").astype(float))

    check_arrays(lambda f: function(f, AXES), PLANE, ("distribution",), sound)
    stack = np.stack([PLANE, PLANE[::-1]])
    for bad in (stack * np.nan, stack * 0, stack * -1, stack[:0]):
        table = hostile.ends_well(lambda bad=bad: function(bad, AXES))
        assert table is not None
        assert not table.filter(like="log_mean").notna().any(axis=None)
    check_arrays(lambda t: function(PLANE, (t, AXES[1])), AXES[0],
                 ("relaxation_times", "bins"))  # fmt: skip
    for bad in (AXES[0], AXES[:1], (*AXES, AXES[0]), list(AXES), (), ((), ()), None):
        hostile.ends_well(
            lambda bad=bad: function(PLANE, bad), ("relaxation_times", "distribution")
        )
    check_numbers(lambda v: function(PLANE, AXES, names=v), ("names",))
    check_numbers(lambda v: function(PLANE, AXES, names=(v, "T2")), ("names",))


def test_settings_of_metrics():
    for function, f, times in (
        (distribution_peaks, F, TIMES),
        (peak_statistics, ROWS, TIMES),
        (distribution_peaks_2d, PLANE, AXES),
    ):
        check_numbers(lambda v, c=function, a=f, b=times: c(a, b, v), ("min_share",))
    check_numbers(lambda v: distribution_peaks(F, TIMES, labels=v), ("labels",))
    check_arrays(lambda v: distribution_peaks(ROWS, TIMES, labels=v), np.arange(5.0),
                 ("labels",), same=())  # fmt: skip

    def share(kind, value):
        in_range(kind, value, 0.0, 1.0)

    for name in ("lower", "upper"):
        check_numbers(
            lambda v, n=name: fraction_between(F, TIMES, **{n: v}),
            ("lower", "upper"), share,
        )  # fmt: skip


def read_regions(f, times, regions, **options):
    return region_statistics(f, times, regions, names=("T1", "T2"), **options)


def test_regions():
    parts = [Rectangle("a", T2=(0, 1)), RatioBand("b", 1), POLYGON]
    plain = read_regions(PLANE, AXES, parts)

    def sound(kind, table):
        in_range(kind, table["share"], 0.0, 1.0)
        for name in table.filter(like="log_mean"):
            in_range(kind, table[name], 0.1, 10.0)
        if kind in ("1e-300", "1e-160", "1e160"):
            for name in ("share", "log_mean_T1", "ratio"):
                assert_allclose(table[name], plain[name])

    check_arrays(
        lambda f: read_regions(f, AXES, parts), PLANE, ("distribution",), sound
    )
    check_arrays(lambda t: read_regions(PLANE, (t, AXES[1]), parts), AXES[0],
                 ("relaxation_times", "bins"))  # fmt: skip
    bands = DistributionBands.from_samples(PLANE, np.stack([PLANE, PLANE[::-1]]), 0.9)
    check_arrays(
        lambda f: read_regions(PLANE, AXES, parts, bands=replace(bands, samples=f)),
        bands.samples.reshape(2, -1), ("bands",), same=(),
    )  # fmt: skip
    good = {"regions": parts, "names": ("T1", "T2"), "bands": bands}
    for name in good:
        check_numbers(
            lambda v, n=name: region_statistics(PLANE, AXES, **good | {n: v}),
            (name, "axis"),
        )
    check_numbers(
        lambda v: read_regions(PLANE, AXES, parts, bands=replace(bands, level=v)),
        ("bands",),
    )
    check_numbers(lambda v: read_regions(PLANE, AXES, [v]), ("regions",))
    check_numbers(lambda v: read_regions(PLANE, AXES, parts, labels=v), ("labels",))


def test_labels_of_maps():
    labels = np.arange(PLANE.size).reshape(PLANE.shape) % 3
    good = {"maps": {"T1": PLANE}, "labels": labels, "names": {1: "oil"}}
    for name in good:
        check_numbers(lambda v, n=name: label_statistics(**good | {n: v}), (name,))

    def check(_, table):
        """Nothing of a map is lost but what is no number."""
        assert (table["n_values"] <= table["n_voxels"]).all()
        assert table["label"].tolist() == [1, 2]

    check_arrays(lambda f: label_statistics({"T1": f}, labels), PLANE, ("maps",), check)
    check_arrays(
        lambda v: label_statistics({"T1": PLANE}, v), labels, ("labels", "maps"),
        same=(),
    )  # fmt: skip


def test_borders_of_regions():
    def kept(kind, region):
        table = read_regions(PLANE, AXES, [region])
        in_range(kind, table["share"], 0.0, 1.0)

    check_numbers(lambda v: Rectangle("a", T2=v), ("limits T2",), kept)
    check_numbers(lambda v: Rectangle("a", T2=(v, 2.0)), ("limits T2",), kept)
    check_numbers(lambda v: Rectangle("a", T2=(0.5, v)), ("limits T2",), kept)
    check_numbers(lambda v: RatioBand("a", v, 2.0), ("low and high",), kept)
    check_numbers(lambda v: RatioBand("a", 0.5, v), ("low and high",), kept)
    for kind in (RatioBand, lambda v: Rectangle(v, T1=(0, 1))):
        check_numbers(kind, ("name of a",), kept)
    vertices = dict(POLYGON.vertices)
    for axis in ("T1", "T2"):
        good = np.array(vertices[axis])
        check_arrays(
            lambda v, a=axis: Polygon("a", **vertices | {a: v}), good,
            ("vertices of", f"vertices {axis}"), kept, same=(),
        )  # fmt: skip
        check_numbers(
            lambda v, a=axis: Polygon("a", **vertices | {a: v}),
            ("vertices of", f"vertices {axis}"), kept,
        )  # fmt: skip


def test_wasserstein_distance():
    good = {"first": F, "first_times": TIMES, "second": F[::-1], "second_times": TIMES}

    def sound(kind, distance):
        in_range(kind, distance, 0.0, 2.0)

    for name in good:
        # Distances belong to two arrays of one length.
        names = (name.removesuffix("_times"),)
        call = lambda v, n=name: wasserstein_distance(**good | {n: v})  # noqa: E731
        check_arrays(call, good[name], names, sound if "times" not in name else None)
        check_numbers(call, names)


# Batches --------------------------------------------------------------------------

POINTS = 0.01 * np.arange(1, 17)
DECAY = np.exp(-POINTS / 0.05) + 0.003 * RNG.standard_normal(16)
BUILDER = KernelBuilder("T2", n_bins=12, minimum=0.005, maximum=1.0)
ESTIMATORS = {
    "smooth": make_pipeline(BUILDER, SmoothLasso(1e-5, 1e-3)),
    "nonlinear": NonlinearRelaxationFit("T2"),
    "signed": MultiDimRegularizedILT(
        "T2", np.geomspace(0.005, 1, 12), scheme=ReferenceScheme(5)
    ),
}
ROLES = {"acquisition": "TE", "signal": "y", "by": "sample"}


def long_table(**columns):
    """Return three samples; columns replace those of the second one."""
    parts = []
    for number, sample in enumerate("abc"):
        part = pd.DataFrame({"TE": POINTS, "y": (1 + number) * DECAY, "w": 1.0})
        part["sample"] = sample
        if sample == "b":
            part = part.assign(**columns)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def read_columns(table):
    return table.drop(columns=["sample", "status", "message"]).astype(float)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(("column", "good"), [
    ("y", 2 * DECAY), ("TE", POINTS), ("w", np.ones(16)),
])  # fmt: skip
def test_a_bad_sample_costs_only_itself(name, column, good):
    call = {"estimator": ESTIMATORS[name], **ROLES, "sample_weight": "w"}
    expected = fit_batch(frame=long_table(), **call)
    for kind, bad in hostile.arrays(good).items():
        if np.shape(bad) not in ((16,), (16, 1)) or kind in ("sparse", "masked"):
            continue
        # As a column of a table they are one and the same.
        if kind in ("strided", "backwards in memory", "fortran", "list"):
            continue
        bad = bad.iloc[:, 0].to_numpy(na_value=np.nan) if hasattr(bad, "iloc") else bad
        frame = long_table(**{column: bad})
        table = hostile.ends_well(lambda f=frame: fit_batch(frame=f, **call), (column,))
        if table is None:
            continue
        assert table["sample"].tolist() == ["a", "b", "c"], kind
        assert table["status"].notna().all(), kind
        assert table["message"].notna().all(), kind
        row = table.iloc[1]
        if row["status"] in ("converged", "completed"):
            main = "T2" if name == "nonlinear" else "amplitude"
            assert np.isfinite(row[main]), kind
        if frame["y"].dtype.kind == "c":
            # The others have two channels then.
            continue
        others = [name for name in read_columns(expected) if name in table]
        for k in (0, 2):
            assert table["status"][k] == expected["status"][k], kind
            assert_allclose(
                read_columns(table)[others].iloc[k],
                read_columns(expected)[others].iloc[k],
                rtol=1e-6, err_msg=kind,
            )  # fmt: skip


def test_hostile_tables():
    model = ESTIMATORS["nonlinear"]

    def call(frame, **roles):
        return fit_batch(model, frame, **ROLES | roles)

    plain = call(long_table())
    frame = long_table()
    unused = frame["sample"].astype(pd.CategoricalDtype(["z", "a", "b", "c"]))
    same = {
        "category": frame.assign(sample=unused),
        "nullable": frame.convert_dtypes(),
        "index": frame.set_index(np.arange(48) % 5),
        "rows of several levels": frame.set_index(["w", "y"], drop=False),
        "read-only": pd.DataFrame(frame.to_numpy(), columns=frame.columns).astype(
            {"TE": float, "y": float}
        ),
    }
    for kind, variant in same.items():
        table = hostile.ends_well(lambda v=variant: call(v))
        assert table is not None, kind
        assert_allclose(read_columns(table), read_columns(plain), rtol=1e-9)
        assert table["sample"].astype(str).tolist() == ["a", "b", "c"]
    for missing in (None, np.nan, pd.NA):
        some = frame.assign(sample=frame["sample"].where(frame["sample"] != "b"))
        some["sample"] = some["sample"].astype(object).where(some["sample"].notna(),
                                                             missing)  # fmt: skip
        table = hostile.ends_well(lambda s=some: call(s))
        assert table["sample"].isna().tolist() == [False, True, False]
        assert_allclose(read_columns(table), read_columns(plain), rtol=1e-9)
    mixed = frame.assign(sample=frame["sample"].astype(object))
    mixed.loc[16:20, "sample"] = None
    mixed.loc[21:25, "sample"] = np.nan
    table = hostile.ends_well(lambda: call(mixed))
    assert table["n_points"].sum() == 48
    one = pd.concat([frame[:16], frame[16:17], frame[32:]])
    assert hostile.ends_well(lambda: call(one))["status"][1] == "failed"
    uneven = pd.concat([frame[:16], frame[16:23], frame[32:]])
    assert hostile.ends_well(lambda: call(uneven))["n_points"].tolist() == [16, 7, 16]
    # Points without a signal are those that are not there.
    for missing in (np.nan, pd.NA):
        gaps = frame.assign(y=frame["y"].astype("Float64"))
        gaps.loc[[17, 20], "y"] = missing
        table = hostile.ends_well(lambda g=gaps: call(g))
        assert table["n_points"].tolist() == [16, 14, 16]
        assert table["message"][1] == "2 of 16 points have no signal"
        kept = hostile.ends_well(lambda g=gaps: call(g.dropna(subset="y")))
        assert_allclose(read_columns(table), read_columns(kept), rtol=1e-6)
        gaps.loc[16:31, "y"] = missing
        table = hostile.ends_well(lambda g=gaps: call(g))
        assert table["status"].tolist() == ["converged", "failed", "converged"]
        assert table["message"][1].startswith("no point has a signal")
    gaps = frame.assign(y=np.where(frame.index == 20, np.nan, frame["y"]))
    alike = gaps.assign(y=gaps["y"].where(gaps.index != 20, 1j * np.nan))
    table = hostile.ends_well(lambda: call(alike.astype({"y": complex})))
    assert table["n_points"].tolist() == [16, 15, 16]
    for weight in (0.0, 2.0):
        gaps["w"] = np.where(frame["TE"] == frame["TE"][3], weight, 1.0)
        table = hostile.ends_well(lambda: call(gaps, sample_weight="w"))
        kept = call(gaps.dropna(subset="y"), sample_weight="w")
        assert_allclose(read_columns(table), read_columns(kept), rtol=1e-6)
    doubled = pd.concat([frame, frame])
    assert hostile.ends_well(lambda: call(doubled))["n_points"].tolist() == [32] * 3
    shuffled = frame.sample(frac=1, random_state=0)
    again = hostile.ends_well(lambda: call(shuffled)).sort_values("sample")
    assert_allclose(read_columns(again), read_columns(plain), rtol=1e-6)


def test_refused_tables():
    frame = long_table()
    levels = pd.MultiIndex.from_product([["x"], frame.columns])
    span = pd.to_timedelta(frame["TE"], unit="s")
    cases = [
        (frame[:0], {}, "frame"),
        (frame.iloc[:, :0], {}, "TE"),
        (frame.set_axis(levels, axis=1), {}, "frame"),
        (pd.concat([frame, frame["TE"]], axis=1), {}, "TE"),
        (pd.concat([frame, frame["sample"]], axis=1), {}, "sample"),
        (frame.assign(TE=span), {}, "TE"),
        (frame.assign(TE=frame["TE"].astype(str)), {}, "TE"),
        (frame.assign(TE=frame["TE"] + 1j), {}, "TE"),
        (frame.assign(w=frame["w"] + 1j), {"sample_weight": "w"}, "w"),
        (frame.assign(sample=[[1]] * 48), {}, "by"),
        (frame.to_numpy(), {}, "frame"),
        (frame["y"], {}, "frame"),
        (None, {}, "frame"),
    ]
    cases += [(frame, {role: bad}, (role, "column"))
              for role in (*ROLES, "sample_weight")
              for bad in ("missing", 3, [["TE"]], {}, [{}], b"TE")]  # fmt: skip
    cases += [(frame, {role: bad}, role)
              for role in ROLES for bad in (None, [], 1j)]  # fmt: skip
    for bad, roles, names in cases:
        names = (*((names,) if isinstance(names, str) else names), "column")
        call = {"estimator": ESTIMATORS["nonlinear"], "frame": bad, **ROLES, **roles}
        assert hostile.ends_well(lambda c=call: fit_batch(**c), names) is None, roles
    for name in ("smooth", "signed"):
        both = frame.assign(y=frame["y"] + 1j)
        call = {"estimator": ESTIMATORS[name], "frame": both, **ROLES}
        with pytest.raises(ValueError, match="phase it"):
            fit_batch(**call)


def test_settings_of_batches():
    frame = long_table()
    for name in (
        "min_share", "n_bootstrap", "random_state", "n_jobs", "estimator",
        "return_estimators", "intervals", "numbers", "level",
    ):  # fmt: skip

        def call(value, name=name):
            options = {"estimator": ESTIMATORS["smooth"]} | {name: value}
            return fit_batch(frame=frame, **ROLES, **options)

        # Processes of their own would cost most of the time and see the same numbers.
        with parallel_config(backend="threading"):
            check_numbers(call, (name,))
    assert hostile.ends_well(
        lambda: fit_batch(LassoFista, frame, **ROLES), ("estimator",)
    ) is None  # fmt: skip
