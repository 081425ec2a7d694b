"""Maps that are written as derivatives of a BIDS dataset."""

import json

import numpy as np
import pandas as pd
import pytest
from bids import check_layout
from numpy.testing import assert_allclose
from scans import AFFINE

from skrelax.io import write_bids_maps

nibabel = pytest.importorskip("nibabel")


def test_names_and_sidecars(tmp_path):
    image = np.linspace(0.5, 2.0, 12).reshape(2, 3, 2)
    maps = {"M0": 90 * image, "T1": image, "T1 stderr": 0.1 * image, "r2": image}
    maps["status"] = np.zeros(image.shape, dtype=int)
    sources = ["bids::sub-01/ses-a/anat/sub-01_ses-a_inv-1_IRT1.nii.gz"]
    files = write_bids_maps(
        tmp_path / "out",
        maps,
        AFFINE,
        entities={"run": "2", "ses": "a", "sub": "01"},
        sources=sources,
        metadata={"InversionTime": [0.1, 0.4], "EstimationAlgorithm": "least squares"},
        statuses={0: "converged", 1: "at bound"},
    )
    found = check_layout(tmp_path / "out")
    place = "sub-01/ses-a/anat/sub-01_ses-a_run-2"
    stems = ["M0map", "T1map", "desc-stderr_T1map", "desc-r2_T1map"]
    stems.append("desc-T1status_dseg")
    expected = {f"{place}_{stem}.{end}" for stem in stems for end in ("nii.gz", "json")}
    expected |= {f"{place}_desc-T1status_dseg.tsv", "dataset_description.json"}
    assert found == expected
    assert [path.name.partition("run-2_")[2] for path in files] == [
        f"{stem}.nii.gz" for stem in stems
    ]
    assert_allclose(nibabel.load(files[1]).get_fdata(), image, rtol=1e-6)
    assert_allclose(nibabel.load(files[1]).affine, AFFINE)
    sidecar = json.loads((tmp_path / "out" / f"{place}_T1map.json").read_text())
    assert sidecar == {
        "Description": "T1",
        "Sources": sources,
        "InversionTime": [0.1, 0.4],
        "EstimationAlgorithm": "least squares",
        "Units": "s",
    }
    path = files[4].with_name(files[4].name.replace("nii.gz", "tsv"))
    table = pd.read_csv(path, sep="\t")
    assert table.to_dict("list") == {"index": [0, 1], "name": ["converged", "at bound"]}


def test_sources_are_several(tmp_path):
    with pytest.raises(TypeError, match="sources must be a list of URIs, got 'bids::"):
        write_bids_maps(
            tmp_path, {"T1": np.ones((2, 2, 1))}, AFFINE, entities={"sub": "1"},
            sources="bids::sub-1/anat/a.nii.gz",
        )  # fmt: skip


def test_maps_of_other_fits_keep_apart(tmp_path):
    image = np.full((2, 2, 1), 0.25)
    for name in ("T1", "T2*", "gmT2"):
        maps = {name: image, "M0": image, "status": image.astype(int), "B1": image}
        if name == "gmT2":
            maps |= {"short_fraction": image, "short_fraction lower": image}
        before = check_layout(tmp_path) if (tmp_path / "sub-1").exists() else set()
        files = write_bids_maps(tmp_path, maps, AFFINE, entities={"sub": "1"})
        new = {str(path.relative_to(tmp_path)) for path in files}
        assert not new & before
    found = check_layout(tmp_path)
    stems = ("T1map", "M0map", "T2starmap", "desc-T2star_S0map", "T2map", "MWFmap")
    assert {f"sub-1/anat/sub-1_{stem}.nii.gz" for stem in stems} <= found
    assert "sub-1/fmap/sub-1_desc-T2star_TB1map.nii.gz" in found
    # The specification has myelin water in per cent.
    for stem in ("MWFmap", "desc-lower_MWFmap"):
        path = tmp_path / "sub-1" / "anat" / f"sub-1_{stem}.nii.gz"
        assert_allclose(nibabel.load(path).get_fdata(), 25.0)
