"""NIfTI images with sidecars, and maps that keep their geometry."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scans import write_volume as write

from skrelax.io import read_dicom_series, read_nifti, write_maps

nibabel = pytest.importorskip("nibabel")
AFFINE = np.array(
    [[-2.0, 0, 0, 90], [0, 1.6, 1.8, -100], [0, -1.2, 2.4, -40], [0, 0, 0, 1]]
)


def write_volume(path, values, affine=AFFINE, **sidecar):
    write(path, values, affine, **sidecar)


def test_one_file_per_volume(tmp_path):
    rng = np.random.default_rng(0)
    volumes = rng.random((2, 4, 3, 2)).astype(np.float32)
    for index, TI in enumerate((0.5, 0.05)):
        write_volume(
            tmp_path / f"ir-{index}.nii.gz", volumes[index], InversionTime=TI,
            RepetitionTime=3.0, FlipAngle=90, EchoTime=0.01,
        )  # fmt: skip
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition["TI"], [0.5, 0.05])
    assert_allclose(table.acquisition["FA"], 90)
    assert_allclose(table.to_image(table.signals[1]), volumes[1])
    assert_allclose(table.spatial["affine"], AFFINE)
    one = read_nifti(tmp_path / "ir-0.nii.gz")
    assert one.signals.shape == (24, 1)


def test_series_with_lists_and_given_acquisition(tmp_path):
    path = tmp_path / "echoes.nii"
    values = np.arange(48).reshape(2, 2, 4, 3)
    write_volume(path, values, EchoTime=[0.01, 0.02, 0.03], RepetitionTime=2.0)
    table = read_nifti(str(path))
    assert list(table.acquisition.columns) == ["TE", "TR"]
    assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.03])
    assert_allclose(table.signals.iloc[0], [0, 1, 2])
    (tmp_path / "echoes.json").unlink()
    given = pd.DataFrame({"TE": [0.01, 0.02, 0.04]})
    assert_allclose(read_nifti([path], given).acquisition["TE"], given["TE"])
    with pytest.raises(ValueError, match="acquisition has 2 rows"):
        read_nifti(path, given[:2])
    with pytest.raises(ValueError, match=r"columns \['te'\]"):
        read_nifti(path, given.rename(columns={"TE": "te"}))


def test_maps_keep_the_geometry(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.random((4, 3, 2))
    image[0, 0, 0] = np.nan
    maps = {"T1": image, "T2* stderr": image, "status": np.ones((4, 3, 2), int)}
    paths = write_maps(tmp_path / "maps", maps, AFFINE)
    names = [path.name for path in paths]
    assert names == ["T1.nii.gz", "T2star_stderr.nii.gz", "status.nii.gz"]
    back = nibabel.load(paths[0])
    assert_allclose(back.affine, AFFINE, atol=1e-5)
    assert_allclose(back.get_qform(), AFFINE, atol=1e-4)
    assert back.header["sform_code"] == back.header["qform_code"] == 1
    assert_allclose(back.get_fdata(), image, rtol=1e-6)
    assert nibabel.load(paths[2]).get_data_dtype() == np.int16
    sheared = AFFINE.copy()
    sheared[0, 1] = 0.5
    back = nibabel.load(write_maps(tmp_path, {"T1": image}, sheared)[0])
    assert_allclose(back.affine, sheared, atol=1e-5)
    assert back.header["qform_code"] == 0


def test_maps_of_distributions_have_a_fourth_axis(tmp_path):
    rng = np.random.default_rng(0)
    bins, image = rng.random((4, 3, 2, 7)), rng.random((4, 3, 2))
    for maps in ({"T2": bins, "M0": image}, {"M0": image, "T2": bins}):
        for path in write_maps(tmp_path, maps, AFFINE):
            back = nibabel.load(path)
            values = maps[path.name.removesuffix(".nii.gz")]
            assert_allclose(back.get_fdata(), values, rtol=1e-6)
            assert_allclose(back.affine, AFFINE, atol=1e-5)
    with pytest.raises(ValueError, match=r"one shape, .* got \(4, 3, 2, 7\) and"):
        write_maps(tmp_path, {"T2": bins, "M0": image[:3]}, AFFINE)


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ({"EchoTime": [0.1, 0.2]}, "EchoTime has 2 values, the image has 1"),
        ({"EchoTime": -0.1}, "EchoTime must be finite and must not be negative"),
        ({"EchoTime": "long"}, "EchoTime is 'long'"),
    ],
)
def test_wrong_sidecars(tmp_path, sidecar, message):
    write_volume(tmp_path / "a.nii", np.ones((2, 2, 2)), **sidecar)
    with pytest.raises(ValueError, match=message):
        read_nifti(tmp_path)


@pytest.mark.parametrize("axes", [(3, 4, 1, 1, 5), (3, 4, 2, 5, 1), (3, 4, 2, 1, 1, 5)])
def test_axes_of_one_voxel(tmp_path, axes):
    values = np.arange(np.prod(axes), dtype=np.float32).reshape(axes)
    times = [0.01, 0.02, 0.03, 0.04, 0.05]
    write_volume(tmp_path / "a.nii.gz", values, EchoTime=times)
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition["TE"], times)
    space = (*axes[:2], axes[2])
    assert table.spatial["mask"].shape == space
    for k in range(5):
        assert_allclose(
            table.to_image(table.signals[k].to_numpy()),
            values.reshape(*space, 5)[..., k],
        )


def test_slices_of_two_axes(tmp_path):
    image = np.arange(6.0).reshape(2, 3)
    for k in range(2):
        write_volume(tmp_path / f"{k}.nii", image + k, EchoTime=0.1 * (k + 1))
    # What a file system without forks holds of them.
    (tmp_path / "._0.nii").write_bytes(b"Mac OS X")
    table = read_nifti(tmp_path)
    assert_allclose(table.to_image(table.signals[1].to_numpy())[..., 0], image + 1)


def test_files_that_are_not_read_from_folders(tmp_path):
    (tmp_path / "a.NII").write_bytes(b"1")
    with pytest.raises(ValueError, match=r"\.par are read, a\.NII is none of them"):
        read_dicom_series(tmp_path)
    (tmp_path / "a.NII").unlink()
    (tmp_path / "a.img").write_bytes(b"1")
    with pytest.raises(ValueError, match=r"\.gz or \.par are read, a\.img is none"):
        read_dicom_series(tmp_path)


def test_wrong_files(tmp_path):
    with pytest.raises(ValueError, match="no files that end in"):
        read_nifti(tmp_path)
    write_volume(tmp_path / "a.nii", np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match=r"has no sidecar: expected a\.json beside it"):
        read_nifti(tmp_path)
    write_volume(tmp_path / "a.nii", np.ones((2, 2, 2)), EchoTime=0.1)
    write_volume(tmp_path / "b.nii", np.ones((2, 2, 2)), FlipAngle=3)
    with pytest.raises(ValueError, match="vary in a time or an angle; choose with"):
        read_nifti(tmp_path)
    both = [tmp_path / "a.nii", tmp_path / "b.nii"]
    with pytest.raises(ValueError, match="TE is missing in 1 of 2 images"):
        read_nifti(both)
    write_volume(tmp_path / "b.nii", np.ones((2, 2, 2)), AFFINE + 1, EchoTime=0.2)
    with pytest.raises(ValueError, match="another size or geometry"):
        read_nifti(both)
    write_volume(tmp_path / "b.nii", np.ones((2, 2, 2, 2, 2)), EchoTime=0.2)
    with pytest.raises(ValueError, match="expected 3 or 4 axes"):
        read_nifti([tmp_path / "b.nii"])
    (tmp_path / "b.nii").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be read"):
        read_nifti([tmp_path / "b.nii"])
