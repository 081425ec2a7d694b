"""What files of a derived BIDS dataset must look like."""

import json
import re

from skrelax._version import __version__

# The specification's rules for derived parametric maps, their segmentations, and maps
# of the transmit field: entities in this order, then one of these suffixes.
ENTITIES = (
    r"sub-[a-zA-Z0-9]+(_ses-[a-zA-Z0-9]+)?(_task-[a-zA-Z0-9]+)?(_acq-[a-zA-Z0-9]+)?"
    r"(_ce-[a-zA-Z0-9]+)?(_rec-[a-zA-Z0-9]+)?(_run-[0-9]+)?(_space-[a-zA-Z0-9]+)?"
    r"(_res-[a-zA-Z0-9]+)?(_desc-[a-zA-Z0-9]+)?"
)
SUFFIXES = {
    "anat": r"(T1map|T2map|T2starmap|R1map|R2map|R2starmap|PDmap|T1rho|MWFmap|S0map"
    r"|M0map|dseg)",
    "fmap": r"(TB1map|RB1map)",
}


def check_layout(folder):
    """Assert that all files are where the specification has them."""
    description = json.loads((folder / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert re.fullmatch(r"1\.\d+\.\d+", description["BIDSVersion"])
    assert description["GeneratedBy"][0]["Version"] == __version__
    assert {"Name", "GeneratedBy"} <= set(description)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        if path.name == "dataset_description.json":
            continue
        where = path.relative_to(folder)
        subject, *session, datatype, name = where.parts
        extension = r"\.(nii\.gz|json|tsv)"
        assert re.fullmatch(ENTITIES + "_" + SUFFIXES[datatype] + extension, name)
        assert name.startswith("_".join([subject, *session]) + "_")
        if name.endswith(".nii.gz"):
            sidecar = path.with_name(name.replace(".nii.gz", ".json"))
            assert "Sources" in json.loads(sidecar.read_text())
    return {str(path.relative_to(folder)) for path in files}
