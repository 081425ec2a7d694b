"""The command that makes maps of T2 distributions."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import AFFINE, called, fails, names
from joblib import parallel_config
from numpy.testing import assert_allclose

from skrelax._cli import _distribution_map, main
from skrelax.compose import VoxelMapper
from skrelax.datasets import make_myelin_water_images
from skrelax.metrics import fraction_between
from skrelax.nonlinear import FitStatus
from skrelax.uncertainty import _statistic_intervals, statistic_intervals

nibabel = pytest.importorskip("nibabel")
SIZE = 16
TIMES = 0.01 * np.arange(1, 33)


def save(path, values, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(np.asarray(values, np.float32), affine), path)
    return path


def load(path):
    return nibabel.load(path).get_fdata()


@pytest.fixture(scope="module")
def brain():
    return make_myelin_water_images(TIMES, size=SIZE, noise_std=1e-3, random_state=0)


@pytest.fixture
def series(tmp_path, brain):
    """A folder with one 4-D image and its sidecar."""
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "train.nii.gz", brain.y.T.reshape(SIZE, SIZE, 1, -1))
    sidecar = {"EchoTime": TIMES.tolist()}
    (folder / "train.json").write_text(json.dumps(sidecar))
    return folder


def command(series, *options, out="out"):
    out = series.parent / out
    return [
        "map", str(series), "--model", "T2-distribution", "--out", str(out), *options
    ]  # fmt: skip


def test_maps_of_a_brain(series, brain, capsys):
    pytest.importorskip("matplotlib")
    inside = (brain.tissue != "")[..., None]
    mask = save(series.parent / "mask.nii.gz", inside)
    assert main(command(series, "--mask", str(mask))) == 0
    out = series.parent / "out"
    assert names(out) == [
        "M0.nii.gz", "acquisition.csv", "distribution.csv", "distribution.json",
        "distribution.nii.gz", "flip_angle.nii.gz", "gmT2.nii.gz", "maps.png",
        "noise_std.nii.gz", "short_fraction.nii.gz", "status.nii.gz",
        "strength.nii.gz", "summary.csv",
    ]  # fmt: skip
    status = load(out / "status.nii.gz")
    assert (status[inside] <= FitStatus.AT_BOUND).all()
    assert (status[~inside] == FitStatus.MASKED).all()
    found = {
        name: load(out / f"{name}.nii.gz")[..., 0]
        for name in ("short_fraction", "gmT2", "M0", "flip_angle", "noise_std")
    }
    inside = inside[..., 0]
    assert np.isnan(found["M0"][~inside]).all()
    tissue = inside & (brain.tissue != "fluid")
    for name, atol in (("short_fraction", 0.03), ("flip_angle", 2.0), ("M0", 0.02)):
        error = (found[name] - brain.truth[name])[tissue]
        assert np.abs(np.median(error)) < 0.3 * atol, name
        assert np.quantile(np.abs(error), 0.8) < atol, name
    assert_allclose(np.median(found["noise_std"][tissue]), 1e-3, rtol=0.1)
    # The axis of the distributions is told beside them.
    axis = json.loads((out / "distribution.json").read_text())
    distributions = load(out / "distribution.nii.gz")
    assert distributions.shape == (SIZE, SIZE, 1, 40)
    assert_allclose(axis["T2"], np.geomspace(0.01, 2.0, 40))
    assert_allclose(
        fraction_between(distributions[inside][:, 0], axis["T2"], upper=0.04),
        found["short_fraction"][inside],
        atol=1e-6,
    )
    summary = pd.read_csv(out / "summary.csv").set_index("map")
    assert_allclose(summary["median"]["M0"], np.nanmedian(found["M0"]), rtol=1e-6)
    printed = capsys.readouterr().out
    assert "strength of each voxel by chi2" in printed
    assert f"{inside.sum()} voxels inside the mask of {SIZE**2}" in printed
    assert (out / "maps.png").read_bytes().startswith(b"\x89PNG")


def test_voxels_beyond_the_grid_are_counted(series, capsys):
    # Fluid has a T2 of .9 s.
    options = ["--maximum", "0.5", "--rule", "none", "--no-plot"]
    assert main(command(series, *options)) == 0
    out = series.parent / "out"
    inside = load(out / "status.nii.gz") <= FitStatus.AT_BOUND
    f = load(out / "distribution.nii.gz")[inside]
    count = (f[:, -1] > 0.5 * f.sum(axis=1)).sum()
    assert 0 < count < len(f)
    printed = capsys.readouterr().out
    assert f"{count} voxels have more than half of their amplitude at the" in printed
    assert "the grid, 0.5 s, or beyond it: --maximum moves it" in printed
    assert "--minimum moves it" not in printed


def test_known_angles_and_settings(series, brain, capsys):
    B1 = (brain.truth["flip_angle"] / 180.0)[..., None]
    half = B1.copy()
    half[: SIZE // 2] = np.nan
    save(series.parent / "B1.nii.gz", half)
    options = ["--B1", str(series.parent / "B1.nii.gz"), "--rule", "gcv"]
    options += ["--bins", "30", "--T1", "1.0", "--no-plot"]
    assert main(command(series, *options)) == 0
    out = series.parent / "out"
    printed = capsys.readouterr().out
    assert "voxels without it are left out" in printed
    assert "B1 of each voxel from" in printed
    angles = load(out / "flip_angle.nii.gz")
    known = np.isfinite(angles)
    assert_allclose(angles[known], 180.0 * half[known], rtol=1e-6)
    assert not known[: SIZE // 2].any()
    assert load(out / "distribution.nii.gz").shape[3] == 30
    assert "maps.png" not in names(out)


@pytest.mark.parametrize("rule", ["lcurve", "discrepancy", "none"])
def test_every_rule(series, rule):
    options = ["--rule", rule, "--B1", "0.9", "--no-plot", "--noise-std", "1e-3"]
    if rule != "discrepancy":
        options = options[:-2]
    assert main(command(series, *options)) == 0
    out = series.parent / "out"
    strength = load(out / "strength.nii.gz") if rule != "none" else None
    status = load(out / "status.nii.gz")
    good = status <= FitStatus.AT_BOUND
    assert good.sum() > 50
    if rule == "none":
        assert "strength.nii.gz" not in names(out)
    else:
        assert (strength[good] > 0).all()


def test_decays_without_stimulated_echoes(tmp_path, capsys):
    times = np.array([0.008, 0.011, 0.02, 0.034, 0.05, 0.09, 0.15, 0.22, 0.3])
    folder = tmp_path / "in"
    folder.mkdir()
    images = np.zeros((4, 4, 1, times.size))
    images[1:3, 1:3] = 50.0 * np.exp(-times / 0.08)
    save(folder / "decay.nii.gz", images)
    (folder / "decay.json").write_text(json.dumps({"EchoTime": times.tolist()}))
    # These are no echoes of one train.
    error = fails(capsys, *command(folder, "--no-plot"))
    assert "s off a train from 0.008 s in steps of" in error
    assert "--echoes exponential" in error
    options = ["--echoes", "exponential", "--no-plot", "--rule", "gcv"]
    assert main(command(folder, *options)) == 0
    gmT2 = load(tmp_path / "out" / "gmT2.nii.gz")
    assert_allclose(gmT2[1:3, 1:3], 0.08, rtol=0.05)
    assert "flip_angle.nii.gz" not in names(tmp_path / "out")


def test_first_echo_other_than_the_spacing(tmp_path, brain):
    times = 0.014 + 0.01 * np.arange(32)
    data = make_myelin_water_images(times, size=SIZE, noise_std=1e-3, random_state=0)
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "train.nii.gz", data.y.T.reshape(SIZE, SIZE, 1, -1))
    (folder / "train.json").write_text(json.dumps({"EchoTime": times.tolist()}))
    assert main(command(folder, "--no-plot")) == 0
    angles = load(tmp_path / "out" / "flip_angle.nii.gz")[..., 0]
    white = np.isfinite(angles) & (data.tissue == "white")
    error = angles[white] - data.truth["flip_angle"][white]
    assert np.abs(np.median(error)) < 1.5


def test_echoes_that_were_left_out(series, brain, tmp_path):
    kept = np.r_[1, 2, 3, 5:32]
    folder = tmp_path / "part"
    folder.mkdir()
    images = brain.y.T.reshape(SIZE, SIZE, 1, -1)[..., kept]
    save(folder / "train.nii.gz", images)
    (folder / "train.json").write_text(json.dumps({"EchoTime": TIMES[kept].tolist()}))
    assert main(command(folder, "--no-plot")) == 0
    angles = load(tmp_path / "out" / "flip_angle.nii.gz")[..., 0]
    white = np.isfinite(angles) & (brain.tissue == "white")
    error = angles[white] - brain.truth["flip_angle"][white]
    assert np.abs(np.median(error)) < 2.0


def test_what_cannot_be_mapped(series, capsys):
    mask = save(series.parent / "mask.nii.gz", np.ones((SIZE, SIZE + 1, 1)))
    empty = save(series.parent / "empty.nii.gz", np.zeros((SIZE, SIZE, 1)))
    T1 = save(series.parent / "T1.nii.gz", np.ones((SIZE, SIZE, 1)))
    cases = [
        (["--mask", mask], f"has shape ({SIZE}, {SIZE + 1}, 1), the images have"),
        (["--mask", empty], "leaves no voxel"),
        (["--mask", "nothing"], "is neither 'auto', 'none' nor a file"),
        (["--T1", T1], "--T1 must be a number for T2-distribution"),
        (["--minimum", "3"], "--minimum must be below --maximum"),
        (["--short", "5"], "--short must be above --minimum"),
        (["--minimum", "1e-4"], "sees nothing of a T2 below 0.0005 s"),
        (["--echoes", "exponential", "--B1", "0.9"], "--B1 does not go with --echoes"),
        (["--tr", "ignore"], "--tr does not go with --model"),
        (["--model", "T2", "--rule", "gcv"], "--rule goes with --model T2-distr"),
        (["--rule", "best"], "invalid choice"),
        (["--bins", "1"], "must be at least 2"),
    ]
    for options, message in cases:
        assert message in fails(capsys, *command(series, *options)), options
    assert not (series.parent / "out").exists()


def test_odd_voxels_do_not_stop_a_volume(series, brain, capsys):
    images = brain.y.T.reshape(SIZE, SIZE, 1, -1).copy()
    inside = np.argwhere(brain.tissue == "white")
    for (x, y), values in zip(
        inside, (np.nan, np.inf, 0.0, 1e-3 * TIMES, 1.0), strict=False
    ):
        images[x, y, 0] = values
    save(series / "train.nii.gz", images)
    found, lines, _ = called(
        capsys, *command(series, "--no-plot", "--mask", "none", "--B1", "1")
    )
    assert found == 0, lines
    status = load(series.parent / "out" / "status.nii.gz")[..., 0]
    short = load(series.parent / "out" / "short_fraction.nii.gz")[..., 0]
    assert status[tuple(inside[0])] == FitStatus.FAILED
    assert status[tuple(inside[2])] == FitStatus.NO_SIGNAL
    lost = status > FitStatus.AT_BOUND
    assert np.isnan(short[lost]).all()
    assert np.isfinite(short[~lost]).all()
    # The background of noise has no distribution.
    assert lost[brain.tissue == ""].mean() > 0.9


def test_voxels_outside_do_not_change_those_inside(series, brain, capsys):
    # What is signed, or nothing but noise, outside of the mask is of no interest.
    inside = (brain.tissue == "white")[..., None]
    mask = save(series.parent / "mask.nii.gz", inside)
    options = ["--no-plot", "--mask", str(mask), "--noise", "rician", "--bins", "20"]
    assert main(command(series, *options, out="before")) == 0
    images = brain.y.T.reshape(SIZE, SIZE, 1, -1).copy()
    images[0, 0] = -np.inf
    images[0, 1] *= -1.0
    images[tuple(np.argwhere(inside)[0])] = np.nan
    save(series / "train.nii.gz", images)
    assert main(command(series, *options, "--intervals", "2", out="after")) == 0
    assert "90 % intervals by 2 refits with new noise" in capsys.readouterr().out
    for name in ("short_fraction", "flip_angle"):
        before, after = (
            load(series.parent / out / f"{name}.nii.gz") for out in ("before", "after")
        )
        lost = np.isnan(after[inside])
        assert lost.sum() == 1
        assert_allclose(after[inside][~lost], before[inside][~lost], rtol=1e-6)
    low = load(series.parent / "after" / "short_fraction_lower.nii.gz")
    assert np.isfinite(low[inside]).sum() == inside.sum() - 1
    # Inside it is wrong, also where another point is missing.
    images[tuple(np.argwhere(inside)[1])][[3, 4]] = -1.0, np.nan
    save(series / "train.nii.gz", images)
    error = fails(capsys, *command(series, *options))
    assert "got -1 inside the mask" in error


def test_turned_angles_give_the_same_echoes(series, brain):
    inside = (brain.tissue == "white")[..., None]
    B1 = np.full(inside.shape, 0.8)
    # 0.8 times 180 degrees, the same beyond 180, and one and two turns more.
    B1[tuple(np.argwhere(inside)[:4].T)] = 0.8, 1.2, 2.8, 5.2
    save(series.parent / "B1.nii.gz", B1)
    options = ["--B1", str(series.parent / "B1.nii.gz"), "--no-plot", "--bins", "20"]
    assert main(command(series, *options, "--mask", "none")) == 0
    angles = load(series.parent / "out" / "flip_angle.nii.gz")
    assert_allclose(angles[inside], 144.0, rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_volume_without_a_value(series, capsys, value):
    save(series / "train.nii.gz", np.full((2, 2, 1, TIMES.size), value))
    error = fails(capsys, *command(series, "--no-plot"))
    assert f"{series}: signals have no voxel with finite values" in error
    found, _, printed = called(
        capsys, *command(series, "--no-plot", "--mask", "none", "--bins", "8")
    )
    assert found == 0
    assert "RuntimeWarning" not in printed
    empty = save(series.parent / "B1.nii.gz", np.zeros((2, 2, 1)))
    _, lines, printed = called(
        capsys,
        *command(series, "--mask", "none", "--B1", empty, "--no-plot", out="B1"),
    )
    assert "the maps of B1 have no value" in lines[0]
    assert "RuntimeWarning" not in printed


def test_train_from_zero(series, capsys):
    times = (TIMES - TIMES[0]).tolist()
    (series / "train.json").write_text(json.dumps({"EchoTime": times}))
    assert "an echo at 0 s is none of a train" in fails(capsys, *command(series))


@pytest.mark.parametrize("echoes", ["epg", "exponential"])
@pytest.mark.parametrize("n_echoes", [1, 4])
def test_one_echo_time_tells_nothing(series, capsys, echoes, n_echoes):
    save(series / "train.nii.gz", np.ones((4, 4, 1, n_echoes)))
    (series / "train.json").write_text('{"EchoTime": 0.01}')
    options = ["--mask", "none", "--no-plot", "--echoes", echoes]
    error = fails(capsys, *command(series, *options))
    assert "needs 4 different echo times or more, got [0.01] s" in error


def test_workers_for_every_kind_of_echoes(series, brain, monkeypatch):
    inside = (brain.tissue == "white")[..., None]
    mask = save(series.parent / "mask.nii.gz", inside)
    options = ["--no-plot", "--mask", str(mask), "--echoes", "exponential"]
    options += ["--bins", "12", "--intervals", "4"]
    assert main(command(series, *options, out="one")) == 0
    workers = []

    def mapper(*arguments, n_jobs, **settings):
        workers.append(n_jobs)
        return VoxelMapper(*arguments, n_jobs=n_jobs, chunk_size=50, **settings)

    def intervals(*arguments, n_jobs, **settings):
        workers.append(n_jobs)
        return statistic_intervals(*arguments, n_jobs=n_jobs, **settings)

    monkeypatch.setattr(_distribution_map, "VoxelMapper", mapper)
    monkeypatch.setattr(_distribution_map, "statistic_intervals", intervals)
    monkeypatch.setattr(_statistic_intervals, "_TOGETHER", 40)
    with parallel_config("threading"):
        assert main(command(series, *options, "--jobs", "2", out="two")) == 0
    assert workers == [2, 2]
    for name in ("short_fraction", "gmT2_lower"):
        one, two = (
            load(series.parent / out / f"{name}.nii.gz") for out in ("one", "two")
        )
        assert_allclose(two, one, rtol=1e-6)
