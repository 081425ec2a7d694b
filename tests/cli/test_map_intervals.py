"""Maps of intervals, from the command line."""

import json

import numpy as np
import pytest
from bids import check_layout
from commands import AFFINE, called, fails, names
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.uncertainty import profile_parameters

nibabel = pytest.importorskip("nibabel")
TIMES = 0.01 * np.arange(1, 13)
T2 = np.array([0.03, 0.06, 0.12])[:, None, None] * np.ones((3, 4, 1))


def load(path):
    return nibabel.load(path).get_fdata()


def echoes(noise=2.0):
    """Return images (n_points, 3, 4, 1) of an echo train in single precision."""
    clean = 100.0 * np.exp(-TIMES[:, None, None, None] / T2)
    rest = noise * np.random.default_rng(0).standard_normal(clean.shape)
    return (clean + rest).astype(np.float32)


def write(folder, images, stem="train"):
    folder.mkdir(parents=True, exist_ok=True)
    for k, (time, image) in enumerate(zip(TIMES, images, strict=True), 1):
        name = f"{stem}_echo-{k}_MESE"
        nibabel.save(nibabel.Nifti1Image(image, AFFINE), folder / f"{name}.nii.gz")
        (folder / f"{name}.json").write_text(json.dumps({"EchoTime": time}))
    return folder


def test_maps_are_the_intervals_of_the_voxels(tmp_path, capsys):
    images = echoes()
    command = ["map", str(write(tmp_path / "in", images)), "--model", "T2", "--mask"]
    command += ["none", "--no-plot", "--intervals", "profile"]
    command += ["--interval-level", "0.8", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert "80 % intervals by profile likelihood" in capsys.readouterr().out
    y = images.reshape(len(TIMES), -1)
    fit = NonlinearRelaxationFit("T2").fit(TIMES[:, None], y)
    result = profile_parameters(fit, TIMES[:, None], y)
    for name in ("M0", "T2"):
        low, high = result.interval(name, 0.8)
        for end, values in (("lower", low), ("upper", high)):
            image = load(tmp_path / "out" / f"{name}_{end}.nii.gz")
            assert_allclose(image.ravel(), values, rtol=1e-6)
    # Another run without them leaves none of an earlier one.
    again = [one for one in command if one not in ("--intervals", "profile", "0.8")]
    again.remove("--interval-level")
    assert main([*again, "--overwrite"]) == 0
    assert "T2_lower.nii.gz" not in names(tmp_path / "out")


def test_what_is_not_told_is_nan(tmp_path, capsys):
    # Noise alone, and a decay of which nothing is left.
    images = echoes(20.0)
    images[:, 2] = np.random.default_rng(1).standard_normal((12, 4, 1))
    source = write(tmp_path / "in", images)
    command = ["map", str(source), "--model", "T2", "--mask", "none", "--no-plot"]
    command += ["--intervals", "profile", "--out", str(tmp_path / "out")]
    assert main([*command, "--keep"]) == 0
    kept = {
        end: load(tmp_path / "out" / f"T2_{end}.nii.gz") for end in ("lower", "upper")
    }
    value = load(tmp_path / "out" / "T2.nii.gz")
    assert np.isnan(kept["upper"]).any()
    there = np.isfinite(kept["upper"]) & np.isfinite(kept["lower"])
    assert (kept["lower"][there] <= value[there] * (1 + 1e-6)).all()
    assert (kept["upper"][there] >= value[there] * (1 - 1e-6)).all()
    capsys.readouterr()
    assert main([*command, "--overwrite"]) == 0
    assert "12 voxels" in capsys.readouterr().out
    lost = load(tmp_path / "out" / "status.nii.gz") != 0
    assert lost.any()
    assert np.isnan(load(tmp_path / "out" / "T2_lower.nii.gz")[lost]).all()


def test_datasets_say_what_ends_are(tmp_path):
    root, out = tmp_path / "data", tmp_path / "maps"
    write(root / "sub-01" / "anat", echoes(), "sub-01")
    command = ["map", str(root), str(out), "participant", "--model", "T2", "--no-plot"]
    assert main([*command, "--mask", "none", "--intervals", "profile"]) == 0
    check_layout(out)
    folder = out / "sub-01" / "anat"
    low, value, high = (
        load(folder / f"sub-01_{desc}T2map.nii.gz")
        for desc in ("desc-lower_", "", "desc-upper_")
    )
    assert ((low < value) & (value < high)).all()
    sidecar = json.loads((folder / "sub-01_desc-lower_T2map.json").read_text())
    assert sidecar["Units"] == "s"
    assert sidecar["Description"] == "T2 lower"
    assert "90 % intervals from profile likelihood" in sidecar["Intervals"]


def test_without_a_value_the_model_says_how(tmp_path, capsys):
    source = write(tmp_path / "in", echoes())
    tables = []
    for number, value in enumerate(([], ["profile"])):
        out = tmp_path / f"out{number}"
        command = ["map", str(source), "--model", "T2", "--mask", "none", "--no-plot"]
        assert main([*command, "--out", str(out), "--intervals", *value]) == 0
        tables.append(load(out / "T2_lower.nii.gz"))
    assert np.isfinite(tables[0]).any()
    np.testing.assert_array_equal(*tables)
    assert "T2 (s)" in capsys.readouterr().out


def test_options_that_do_not_go_together(tmp_path, capsys):
    source = write(tmp_path / "in", echoes())
    for options, words in (
        (["--intervals", "40", "--model", "T2"], "takes profile, got 40"),
        (["--intervals", "profile", "--model", "T2-distribution"], "number of refits"),
        (["--interval-level", "0.5", "--model", "T2"], "goes with --intervals"),
        (["--interval-level", "1", "--model", "T2"], "must be between 0 and 1"),
        (["--intervals", "profil", "--model", "T2"], "must be profile"),
        (["--intervals", "1", "--model", "T2-distribution"], "at least 2"),
    ):
        out = ["--no-plot", "--out", tmp_path / "out"]
        assert words in fails(capsys, "map", source, *options, *out)
    assert not (tmp_path / "out").exists()


def test_too_few_points_leave_no_interval(tmp_path, capsys):
    source = write(tmp_path / "in", echoes())
    code, _, said = called(
        capsys, "map", source, "--model", "T2", "--skip", "10", "--mask", "none",
        "--intervals", "profile", "--no-plot", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 2
    assert "too few for residuals" in said
