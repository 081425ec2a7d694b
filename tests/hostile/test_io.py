"""Arrays and tables of files, and maps to be written, meet hostile input.

EchoGrid, RelaxationTable, compress_echoes, correct_phase, foreground_mask,
write_bids_maps, write_map_report, write_maps, write_report, write_result.
"""

import hostile
import numpy as np
import pandas as pd
import pytest
from commands import AFFINE
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from variants import SAME, absurd_paths, flat

from skrelax import KernelBuilder, SmoothLasso
from skrelax.io import (
    EchoGrid,
    RelaxationTable,
    SignalGrid,
    compress_echoes,
    correct_phase,
    foreground_mask,
    read_result,
    write_bids_maps,
    write_maps,
    write_result,
)
from skrelax.reporting import write_map_report, write_report


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(4))))
def test_correct_phase(name):
    good = np.exp(-np.arange(1, 7) / 3.0) - 0.4
    for base in (good, good[:, None] * [1.0, 0.5]):
        value = hostile.arrays(base).get(name)
        found = hostile.ends_well(lambda v=value: correct_phase(v), ["signal"])
        if found is not None:
            assert hostile.all_finite(*found)
            assert np.shape(found[0]) == np.shape(value)
        if name in SAME and not isinstance(value, pd.DataFrame):
            assert_allclose(found[0], correct_phase(base)[0])
        if name in ("nan", "inf", "text", "no rows", "nullable with NA", "masked"):
            assert found is None


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_compress_echoes(name):
    times, signals = 0.01 * np.arange(1, 13), np.ones((2, 12)) * np.arange(12)
    expected = compress_echoes(times, signals, 5)
    for variants, call, argument in (
        (hostile.arrays(times), lambda v: compress_echoes(v, signals, 5), "echo_times"),
        (hostile.arrays(signals), lambda v: compress_echoes(times, v, 5), "signals"),
    ):
        if name not in variants:
            continue
        value = variants[name]
        if argument == "echo_times":
            value = flat(value)
        found = hostile.ends_well(
            lambda c=call, v=value: c(v), ["echo_times", "signals"]
        )
        if found is not None:
            assert hostile.all_finite(*found)
        if name in SAME:
            for one, other in zip(found, expected, strict=True):
                assert_allclose(one, other)
        if name in ("1e-300", "1e-160", "1e160") and argument == "signals":
            assert_allclose(found[1], float(name) * expected[1])


def test_compress_echoes_windows():
    for value in hostile.numbers(5.0).values():
        found = hostile.ends_well(
            lambda v=value: compress_echoes(np.arange(1, 13), np.ones(12), v),
            ["n_windows"],
        )
        assert found is None or found[2].sum() == 12


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_foreground_mask(name):
    rng = np.random.default_rng(0)
    good = np.abs(rng.standard_normal((60, 4))) + 30.0 * (np.arange(60) % 2)[:, None]
    mask = foreground_mask(good)
    assert mask.sum() == 30
    value = hostile.arrays(good)[name]
    found = hostile.ends_well(lambda: foreground_mask(value), ["signals"])
    if found is not None:
        assert found.dtype == bool
        assert found.shape == (len(value),)
    if name in [*SAME, "1e-300", "1e-160", "1e160", "1e300", "negative", "float32"]:
        assert (found == mask).all()
    if name in ("text", "no rows", "no columns", "None", "scalar", "all nan", "sparse"):
        assert found is None


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
@pytest.mark.parametrize("part", ["inversion_times", "echo_times", "echoes"])
def test_echo_grid(part, name):
    good = {
        "inversion_times": np.array([0.1, 0.2, 0.3]),
        "echo_times": np.array([0.01, 0.02]),
        "echoes": np.ones((3, 2), complex),
    }
    variants = hostile.arrays(good[part].real)
    if name not in variants:
        return
    value = variants[name] if part == "echoes" else flat(variants[name])
    grid = hostile.ends_well(
        lambda: EchoGrid(**good | {part: value}, parameters={}), list(good)
    )
    if grid is not None:
        assert grid.echoes.shape == (grid.inversion_times.size, grid.echo_times.size)
        assert hostile.all_finite(grid.inversion_times, grid.echo_times)
    if name in SAME:
        assert_allclose(getattr(grid, part), good[part])


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
@pytest.mark.parametrize("part", ["first", "second", "signals"])
def test_signal_grid(part, name):
    good = {
        "first": np.array([0.1, 0.2, 0.3]),
        "second": np.array([0.01, 0.02]),
        "signals": np.ones((3, 2)),
    }
    variants = hostile.arrays(good[part])
    if name not in variants:
        return
    value = variants[name] if part == "signals" else flat(variants[name])
    parts = good | {part: value}
    grid = hostile.ends_well(
        lambda: SignalGrid(
            ("TI", "TE"), (parts["first"], parts["second"]), parts["signals"]
        ),
        ["points", "signals"],
    )
    if grid is not None:
        assert grid.signals.shape == tuple(one.size for one in grid.points)
        assert np.isfinite(grid.signals).all()


def test_names_of_signal_grids():
    points = np.array([0.1, 0.2, 0.3]), np.array([0.01, 0.02])
    for value in hostile.numbers().values():
        hostile.ends_well(
            lambda v=value: SignalGrid(v, points, np.ones((3, 2))), ["names"]
        )
        hostile.ends_well(
            lambda v=value: SignalGrid(("a", "b"), v, np.ones((3, 2))), ["points"]
        )
        hostile.ends_well(
            lambda v=value: SignalGrid(("a", "b"), points, np.ones((3, 2)), v),
            ["units"],
        )


def table(**changes):
    parts = {
        "signals": pd.DataFrame(np.arange(6.0).reshape(3, 2)),
        "acquisition": pd.DataFrame({"TE": [0.1, 0.2]}),
        "samples": pd.DataFrame({"T2": [1.0, 2.0, 3.0]}),
        "spatial": {"mask": np.array([True, False, True, True])},
    }
    return RelaxationTable(**parts | changes)


@pytest.mark.parametrize("part", ["signals", "acquisition", "samples", "spatial"])
def test_relaxation_table(part):
    shape = {"signals": (3, 2), "acquisition": (2, 1), "samples": (3, 1)}
    good = np.ones(shape.get(part, (4, 1)))
    names = ["signals", "acquisition", "samples", "spatial", "mask"]
    given = hostile.arrays(good) | hostile.numbers()
    given |= {f"mask of {key}": {"mask": value} for key, value in given.items()}
    for value in given.values():
        found = hostile.ends_well(lambda v=value: table(**{part: v}), names)
        if found is not None:
            X, y = found.by_point()
            assert len(X) == len(y)
            assert len(found.by_sample()) == 3


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(3))))
def test_to_image(name):
    one = table()
    value = hostile.arrays(np.array([1.0, 2.0, 3.0]))[name]
    value = flat(value)
    image = hostile.ends_well(lambda: one.to_image(value), ["values"])
    if image is not None:
        assert image.shape == (4,)
        assert np.isnan(image[1])
    if name in SAME:
        assert_allclose(image, [1, np.nan, 2, 3])


def test_to_image_of_absurd_arguments():
    one = table()
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: one.to_image(v), ["values"])
        image = hostile.ends_well(lambda v=value: one.to_image("T2", fill=v), ["fill"])
        assert image is None or image.shape == (4,)


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_write_maps(tmp_path, name):
    nibabel = pytest.importorskip("nibabel")
    good = np.linspace(1.0, 2.0, 8).reshape(4, 2)
    value = hostile.arrays(good)[name]
    written = hostile.ends_well(
        lambda: write_maps(tmp_path / "out", {"T1": value}, AFFINE), ["maps"]
    )
    assert (written is None) != (tmp_path / "out").exists()
    if written is not None:
        back = nibabel.load(written[0]).get_fdata()
        if isinstance(value, pd.DataFrame):
            value = value.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        expected = np.ma.filled(np.ma.asarray(value, dtype=float), np.nan)
        assert_allclose(back, expected, rtol=1e-6)
    if name in ("complex", "text", "None", "sparse", "no rows"):
        assert written is None
    value = hostile.arrays(AFFINE)[name]
    written = hostile.ends_well(
        lambda: write_maps(tmp_path / "other", {"T1": good}, value), ["affine"]
    )
    assert (written is None) != (tmp_path / "other").exists()


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_write_bids_maps(tmp_path, name):
    pytest.importorskip("nibabel")
    good = np.linspace(1.0, 2.0, 8).reshape(4, 2)
    value = hostile.arrays(good)[name]
    for map_name in ("T2", "short_fraction"):
        maps, folder = {"T2": good} | {map_name: value}, tmp_path / map_name
        written = hostile.ends_well(
            lambda m=maps, f=folder: write_bids_maps(
                f, m, AFFINE, entities={"sub": "1"}
            ),
            ["maps"],
        )
        # Nothing is left where something was refused.
        assert (written is None) != (folder / "sub-1").exists()


def test_write_bids_maps_of_absurd_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("nibabel")
    good = {"maps": {"T1": np.ones((2, 2, 1))}, "affine": AFFINE}
    good |= {"entities": {"sub": "1"}, "metadata": {"EchoTime": 0.1}}
    bad = {
        "maps": [None, 3, {}, {"r2": np.ones((2, 2, 1))}, {1: np.ones((2, 2, 1))},
                 {"T1": np.ones((2, 2, 1)), "gmT2": "a"}],
        "affine": [None, np.zeros((4, 4)), "a"],
        "entities": [None, {}, {"ses": "1"}, {"sub": "../a"}, {"sub": 1}, {"sub": ""},
                     {"sub": "1", "desc": "a"}, {"sub": "1", "x": "2"}, ["sub"]],
        "metadata": [3, "a", [1]],
    }  # fmt: skip
    for name, values in bad.items():
        for value in values:
            with pytest.raises((TypeError, ValueError), match=name):
                write_bids_maps(tmp_path / "out", **good | {name: value})
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("mine")
    for key, value in absurd_paths(str(tmp_path / "file")).items():
        try:
            hostile.ends_well(
                lambda v=value: write_bids_maps(v, **good), ["folder", str(value)]
            )
        except OSError:
            # A path that is sound, where the system allows no folder.
            assert key in ("below a file", "device")
    assert (tmp_path / "file").read_text() == "mine"


def test_write_maps_of_absurd_arguments(tmp_path, monkeypatch):
    pytest.importorskip("nibabel")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    image = np.ones((2, 2, 2))
    for key, value in absurd_paths(str(tmp_path / "file")).items():
        try:
            hostile.ends_well(lambda v=value: write_maps(v, {"a": image}, AFFINE),
                              ["folder", str(value)])  # fmt: skip
        except OSError:
            # A path that is sound, where the system allows no folder.
            assert key in ("below a file", "device")
    for value in hostile.numbers().values():
        hostile.ends_well(lambda v=value: write_maps("out", v, AFFINE), ["maps"])
        hostile.ends_well(lambda v=value: write_maps("out", {"a": v}, AFFINE), ["maps"])
        if value.__hash__:
            hostile.ends_well(
                lambda v=value: write_maps("out", {v: image}, AFFINE), ["maps"]
            )
        hostile.ends_well(
            lambda v=value: write_maps("out", {"a": image}, v), ["affine"]
        )
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture(scope="module")
def inversion():
    kernel = np.exp(-np.arange(1.0, 5.0)[:, None] / np.array([1.0, 3.0, 9.0]))
    return SmoothLasso(smoothness=0.0).fit(kernel, kernel.sum(axis=1)), kernel


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(4))))
def test_write_result(tmp_path, inversion, name):
    pytest.importorskip("xarray")
    model, kernel = inversion
    for number, (X, y, argument) in enumerate(
        (
            (hostile.arrays(kernel).get(name), kernel.sum(axis=1), "X"),
            (kernel, hostile.arrays(kernel.sum(axis=1))[name], "y"),
        )
    ):
        path = tmp_path / f"{number}.nc"
        written = hostile.ends_well(
            lambda p=path, X=X, y=y: write_result(p, model, X, y), [argument]
        )
        # Nothing is left of what failed, and no half of it.
        assert (written is None) != path.exists()
        if written is not None:
            assert_allclose(read_result(path)["distribution"], model.coef_)


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones(4))))
def test_write_report(tmp_path, name):
    pytest.importorskip("matplotlib")
    times = np.arange(1.0, 5.0)[:, None]
    signal = np.exp(-times[:, 0] / 3.0)
    inversion = make_pipeline(
        KernelBuilder("T2", n_bins=3), SmoothLasso(smoothness=0.0)
    ).fit(times, signal)
    for number, (X, y, argument) in enumerate(
        (
            (hostile.arrays(times).get(name), signal, "X"),
            (times, hostile.arrays(signal)[name], "y"),
        )
    ):
        path = tmp_path / f"{number}.html"
        written = hostile.ends_well(
            lambda p=path, X=X, y=y: write_report(p, inversion, X, y, n_bootstrap=0),
            [argument],
        )
        assert (written is None) != path.exists()


def test_results_at_absurd_paths(tmp_path, inversion, monkeypatch):
    pytest.importorskip("xarray")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    for value in absurd_paths(str(tmp_path / "file")).values():
        for call in (lambda v: write_result(v, inversion[0]), read_result):
            hostile.ends_well(lambda v=value, c=call: c(v), ["path", str(value)])
    for value in hostile.numbers().values():
        for call in (lambda v: write_result(v, inversion[0]), read_result):
            hostile.ends_well(lambda v=value, c=call: c(v), ["path", str(value)])
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", list(hostile.arrays(np.ones((4, 2)))))
def test_write_map_report(tmp_path, name):
    pytest.importorskip("matplotlib")
    value = hostile.arrays(np.linspace(1.0, 2.0, 8).reshape(4, 2))[name]
    path = tmp_path / "a.html"
    written = hostile.ends_well(
        lambda: write_map_report(path, {"T1": value}), ["maps", "images"]
    )
    assert (written is None) != path.exists()
