"""Maps of all subjects of a BIDS dataset, from the command line."""

import json

import numpy as np
import pytest
from bids import check_layout
from commands import AFFINE, called, fails
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.signals import MP2RAGE, SpoiledGradientEcho

nibabel = pytest.importorskip("nibabel")
T1 = np.where(np.arange(6) < 3, 0.6, 1.2)[:, None, None] * np.ones((6, 4, 2))


def put(folder, name, image, **sidecar):
    folder.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(np.asarray(image, dtype=np.float32), AFFINE)
    nibabel.save(image, folder / f"{name}.nii.gz")
    (folder / f"{name}.json").write_text(json.dumps(sidecar))


def noise(images, seed=0):
    return images + 0.1 * np.random.default_rng(seed).standard_normal(images.shape)


def write_recovery(folder, stem):
    """Write an inversion recovery, and a T1w image that belongs to nothing."""
    times = np.array([0.05, 0.2, 0.5, 1.0, 2.5])
    decays = 2 * np.exp(-times[:, None, None, None] / T1)
    images = noise(100 * np.abs(1 - decays + np.exp(-4.0 / T1)))
    for k, (time, image) in enumerate(zip(times, images, strict=True), 1):
        put(folder, f"{stem}_inv-{k}_IRT1", image,
            InversionTime=time, RepetitionTimePreparation=4.0)  # fmt: skip
    put(folder, f"{stem}_T1w", images[0], EchoTime=0.003)


def write_angles(folder, stem):
    """Write variable flip angles."""
    X = np.column_stack([[3.0, 8.0, 15.0, 25.0], np.full(4, 0.02)])
    signals = 1000 * SpoiledGradientEcho().evaluate(X, T1.reshape(-1, 1))
    for k, image in enumerate(noise(signals.reshape(4, *T1.shape)), 1):
        put(folder, f"{stem}_flip-{k}_VFA", image, FlipAngle=X[k - 1, 0],
            RepetitionTimeExcitation=0.02)  # fmt: skip


def write_echoes(folder, stem, suffix, time, spacing):
    """Write echoes with phases, which must not enter a fit."""
    for k in range(1, 9):
        image = noise(100 * np.exp(-k * spacing / (time * T1)), k)
        for part, values in (("mag", image), ("phase", 4096 * (image % 1))):
            put(folder, f"{stem}_echo-{k}_part-{part}_{suffix}", values,
                EchoTime=k * spacing)  # fmt: skip


def write_two_readouts(folder, stem, sign):
    """Write MP2RAGE, whose first readout is negative for long T1."""
    model = MP2RAGE((0.5, 2.5), (7.0, 5.0), 5.0, 0.006, 80)
    signals = 5000 * model.evaluate(model.own_acquisition(), T1.reshape(-1, 1))
    signals = signals.reshape(2, *T1.shape)
    assert signals[0].min() < 0 < signals[0].max()
    sidecar = {"RepetitionTimePreparation": 5.0, "RepetitionTimeExcitation": 0.006}
    sidecar["NumberShots"] = [40, 40] if sign == "uniform" else 80
    for k, image in enumerate(signals, 1):
        own = sidecar | {"InversionTime": (0.5, 2.5)[k - 1], "FlipAngle": (7, 5)[k - 1]}
        put(folder, f"{stem}_inv-{k}_part-mag_MP2RAGE", np.abs(image), **own)
        phases = {"radians": np.where(image < 0, 3.0, -0.1),
                  "12 bits": np.where(image < 0, 2048, 10 * (k - 1)),
                  "with a sign": np.where(image < 0, -3900, 190 + 10 * k),
                  "thousandths": np.where(image < 0, -3000, 190 + 10 * k)}  # fmt: skip
        if sign in phases:
            # A coil adds the same phase to both.
            put(folder, f"{stem}_inv-{k}_part-phase_MP2RAGE", phases[sign], **own)
    first, second = signals
    ratio = first * second / (first**2 + second**2)
    uniform = {"uniform": np.round(4095 * (ratio + 0.5)), "fraction": ratio,
               "from 0 to 1": ratio + 0.5, "unknown": 8000 * ratio}  # fmt: skip
    if sign in uniform:
        put(folder, f"{stem}_UNIT1", uniform[sign])


def load(path):
    return nibabel.load(path).get_fdata()


def test_all_subjects(tmp_path, capsys):
    root, out = tmp_path / "data", tmp_path / "maps"
    for subject in ("01", "02"):
        folder = root / f"sub-{subject}" / "anat"
        write_recovery(folder, f"sub-{subject}")
        write_echoes(folder, f"sub-{subject}", "MESE", 0.06, 0.01)
    session = root / "sub-03" / "ses-a" / "anat"
    write_angles(session, "sub-03_ses-a")
    write_echoes(session, "sub-03_ses-a_acq-fast", "MEGRE", 0.03, 0.004)
    # A subject whose images are damaged is reported, and stops no other.
    broken = root / "sub-04" / "anat"
    write_echoes(broken, "sub-04", "MESE", 0.06, 0.01)
    (broken / "sub-04_echo-2_part-mag_MESE.nii.gz").write_bytes(b"x")
    command = ["map", str(root), str(out), "participant", "--mask", "none", "--no-plot"]
    code, _, said = called(capsys, *command)
    assert code == 0
    assert "sub-04_MESE failed" in said
    found = check_layout(out)
    assert not any("sub-04" in name for name in found)
    for subject in ("01", "02"):
        folder = out / f"sub-{subject}" / "anat"
        assert_allclose(load(folder / f"sub-{subject}_T1map.nii.gz"), T1, rtol=0.02)
        T2 = load(folder / f"sub-{subject}_T2map.nii.gz")
        assert_allclose(T2, 0.06 * T1, rtol=0.02)
    folder, stem = out / "sub-03" / "ses-a" / "anat", "sub-03_ses-a"
    assert_allclose(load(folder / f"{stem}_T1map.nii.gz"), T1, rtol=0.02)
    T2star = load(folder / f"{stem}_acq-fast_T2starmap.nii.gz")
    assert_allclose(T2star, 0.03 * T1, rtol=0.02)
    sidecar = json.loads((folder / f"{stem}_T1map.json").read_text())
    assert sidecar["FlipAngle"] == [3.0, 8.0, 15.0, 25.0]
    assert sidecar["RepetitionTimeExcitation"] == 0.02
    assert sidecar["Units"] == "s"
    assert sidecar["Sources"][0] == f"bids::sub-03/ses-a/anat/{stem}_flip-1_VFA.nii.gz"
    other = json.loads((folder / f"{stem}_acq-fast_T2starmap.json").read_text())
    assert len(other["Sources"]) == 8
    assert not any("phase" in name for name in other["Sources"])
    # Nothing is replaced unasked, and other subjects are left alone.
    code, _, error = called(capsys, *command)
    assert code == 2
    assert "sub-01 exists; give --overwrite" in error
    before = (folder / f"{stem}_T1map.json").stat().st_mtime_ns
    assert main([*command, "--overwrite", "--participant-label", "02"]) == 0
    assert (folder / f"{stem}_T1map.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "sign",
    ["radians", "12 bits", "with a sign", "thousandths", "uniform", "fraction",
     "from 0 to 1"],
)  # fmt: skip
def test_two_readouts_after_an_inversion(tmp_path, sign):
    root, out = tmp_path / "data", tmp_path / "maps"
    folder = root / "sub-1" / "anat"
    write_two_readouts(folder, "sub-1", sign)
    write_recovery(folder, "sub-1")
    command = ["map", str(root), str(out), "participant", "--mask", "none"]
    assert main([*command, "--no-plot"]) == 0
    check_layout(out)
    # Two ways to T1 keep apart by their names.
    for kind in ("MP2RAGE", "IRT1"):
        found = load(out / "sub-1" / "anat" / f"sub-1_desc-{kind}_T1map.nii.gz")
        assert_allclose(found, T1, rtol=0.02)


def test_readouts_of_unknown_sign(tmp_path, capsys):
    root, out = tmp_path / "data", tmp_path / "maps"
    folder = root / "sub-1" / "anat"
    command = ["map", root, out, "participant", "--mask", "none", "--no-plot"]
    write_two_readouts(folder, "sub-1", "unknown")
    # No model of a single series describes them.
    for source in (root, folder / "sub-1_inv-1_part-mag_MP2RAGE.nii.gz"):
        error = fails(capsys, "map", source, "--out", out, "--model", "T1-IR")
        assert "the readouts of MP2RAGE are fitted as those of a dataset" in error
    assert "expected a uniform image from 0 to 4095" in fails(capsys, *command)
    write_two_readouts(folder, "sub-1", "uniform")
    assert "--skip leaves too little" in fails(capsys, *command, "--skip", "1")
    path = folder / "sub-1_UNIT1.nii.gz"
    image = load(path)
    image[1, 1] = np.nan
    put(folder, "sub-1_UNIT1", image)
    for k in (1, 2):
        sidecar = folder / f"sub-1_inv-{k}_part-mag_MP2RAGE.json"
        content = json.loads(sidecar.read_text()) | {"NumberShots": [20, 60]}
        sidecar.write_text(json.dumps(content))
    code, _, printed = called(capsys, *command)
    assert code == 0
    assert "the middle of k-space is not that of the train" in printed
    found = np.isnan(load(out / "sub-1" / "anat" / "sub-1_T1map.nii.gz"))
    assert found[1, 1].all()
    assert found.sum() == 2


def test_what_is_no_dataset(tmp_path, capsys):
    root, out = tmp_path / "data", tmp_path / "maps"
    root.mkdir()
    folder = root / "sub-1" / "anat"

    def error(*more):
        code, _, said = called(capsys, "map", root, *more)
        assert code == 2
        assert said.count("\n") == 1
        return said

    assert "no folder sub-*" in error(out, "participant")
    put(folder, "sub-1_T1w", T1)
    assert "no images of IRT1, VFA" in error(out, "participant")
    write_two_readouts(folder, "sub-1", "none")
    assert "needs the sign of its first image" in error(out, "participant", "--no-plot")
    assert "needs the level" in error(out)
    assert "has no subject 7, only 1" in error(
        out, "participant", "--participant-label", "7"
    )
    assert "--times does not go with" in error(out, "participant", "--times", "a.txt")
    assert "must be auto or none" in error(out, "participant", "--mask", "a.nii")
    assert "would lie among the images" in error(root, "participant")
    out.write_text("mine")
    assert "is a file" in error(out, "participant")
    assert out.read_text() == "mine"


def names(out):
    return {path.name.partition(".")[0] for path in out.rglob("*.nii.gz")}


def test_maps_of_one_name_are_told_apart(tmp_path):
    root, out = tmp_path / "data", tmp_path / "maps"
    folder = root / "sub-01" / "anat"
    write_echoes(folder, "sub-01", "MESE", 0.06, 0.01)
    write_echoes(folder, "sub-01_desc-x+y", "MESE", 0.04, 0.01)
    write_echoes(folder, "sub-01", "MEGRE", 0.03, 0.004)
    # The same subject under two names.
    (root / "sub-02").symlink_to(root / "sub-01")
    command = ["map", str(root), str(out), "participant", "--mask", "none", "--no-plot"]
    assert main([*command, "--model", "T2"]) == 0
    check_layout(out)
    maps = out / "sub-01" / "anat"
    for desc, time in (
        ("MESE", 0.06), ("MESEDescxy", 0.04), ("MEGRE", 0.03), ("MEGRE2", 0.03),
        ("MESE2", 0.06), ("MESEDescxy2", 0.04),
    ):  # fmt: skip
        T2 = load(maps / f"sub-01_desc-{desc}_T2map.nii.gz")
        assert_allclose(T2, time * T1, rtol=0.02)
    sidecar = json.loads((maps / "sub-01_desc-MESE_T2map.json").read_text())
    assert sidecar["EstimationAlgorithm"].endswith(
        "in each voxel, T2: M0 exp(-TE / T2)"
    )


def test_another_run_leaves_no_old_maps(tmp_path, capsys):
    root, out = tmp_path / "data", tmp_path / "maps"
    folder = root / "sub-01" / "anat"
    write_echoes(folder, "sub-01", "MESE", 0.06, 0.01)
    write_recovery(folder, "sub-01")
    command = ["map", root, out, "participant", "--mask", "none", "--no-plot"]
    assert called(capsys, *command)[0] == 0
    before = names(out)
    others = out / "sub-01" / "anat"
    put(others, "sub-01_desc-mine_T2map", T1, Sources=["bids::sub-01/anat/x"])
    # Of one of the two measurements, with another model.
    model = ["--model", "T2-distribution", "--overwrite"]
    code, _, printed = called(capsys, *command, *model)
    assert code == 0
    assert "does not go with them: sub-01_IRT1" in printed
    found = names(out)
    assert {"sub-01_MWFmap", "sub-01_T1map", "sub-01_desc-mine_T2map"} <= found
    assert "sub-01_desc-T2_S0map" in before - found
    assert not (others / "sub-01_desc-T2status_dseg.tsv").exists()
    assert called(capsys, *command, "--overwrite")[0] == 0
    assert names(out) == before | {"sub-01_desc-mine_T2map"}


def test_options_go_to_the_images_that_take_them(tmp_path, capsys):
    root, out = tmp_path / "data", tmp_path / "maps"
    folder = root / "sub-01" / "anat"
    write_echoes(folder, "sub-01", "MESE", 0.06, 0.01)
    write_recovery(folder, "sub-01")
    command = ["map", root, out, "participant", "--mask", "none", "--no-plot"]
    code, _, printed = called(capsys, *command, "--T1", "1.2", "--bounds", "T1=0.2,1")
    assert code == 0
    assert "failed" not in printed
    found = load(out / "sub-01" / "anat" / "sub-01_T1map.nii.gz")
    assert np.array_equal(np.isnan(found), T1 > 1)
    assert (out / "sub-01" / "fmap" / "sub-01_desc-T2_TB1map.nii.gz").exists()
    for options, message in (
        (["--bounds", "X=1,2"], "--bounds X does not go with"),
        (["--bounds", "T2*=1,2"], "--bounds T2* does not go with IRT1, MESE."),
        (["--T1", "T1.nii.gz"], "--T1 of a BIDS dataset must be a number"),
        (["--T1", "1", "--model", "T1-IR"], "--T1 goes with MESE only, got IRT1."),
        (["--model", "T1rho"], "--model T1rho does not go with any of"),
    ):
        assert message in fails(capsys, *command, *options, "--overwrite")
    command = ["map", root, "--out", out, "--overwrite", "--participant-label", "01"]
    assert "goes with a BIDS dataset" in fails(capsys, *command)
