"""Small DICOM and NIfTI files of relaxation series."""

import json

import numpy as np
import pytest

PHILIPS = "Philips MR Imaging DD 001"
AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def base(**values):
    """Return a data set without pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.Modality, data.SeriesNumber = "MR", 1
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    for name, value in values.items():
        if value is not None:
            setattr(data, name, value)
    return data


def group(**values):
    """Return functional groups; keywords are DICOM's."""
    from pydicom.dataset import Dataset

    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def put_pixels(data, pixels):
    """Store integers, signed if they have to be."""
    pixels = np.asarray(pixels)
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = int(pixels.min() < 0)
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.astype("<i2" if pixels.min() < 0 else "<u2").tobytes()


def write_image(path, pixels=None, position=(0.0, 0.0, 0.0), scale=None, **values):
    """Write a classical file; keywords are DICOM's."""
    defaults = {
        "ImagePositionPatient": list(position),
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [2.0, 1.5],
        "SliceThickness": 5.0,
        "RepetitionTime": 3000.0,
        "EchoTime": 10.0,
        "FlipAngle": 90.0,
    }
    data = base(**{**defaults, **values})
    put_pixels(data, np.arange(12).reshape(3, 4) if pixels is None else pixels)
    if scale is not None:
        block = data.private_block(0x2005, PHILIPS, create=True)
        block.add_new(0x0E, "FL", scale)
    data.save_as(path, enforce_file_format=True)


def write_volume(path, values, affine=AFFINE, dtype=np.float32, **sidecar):
    """Write a NIfTI file, with a sidecar if there is something in it."""
    nibabel = pytest.importorskip("nibabel")
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.asarray(values, dtype), affine), path)
    if sidecar:
        name = path.name.removesuffix(".gz").removesuffix(".nii")
        path.with_name(f"{name}.json").write_text(json.dumps(sidecar))


def write_echoes(folder, times, slices=1, shape=(3, 4), **values):
    """Write a file for each echo time [ms] and slice, with other pixels in each."""
    rng = np.random.default_rng(0)
    for time in times:
        for k in range(slices):
            pixels = rng.integers(10, 1000, shape)
            write_image(folder / f"{time:g}-{k}.dcm", pixels, (0.0, 0.0, 5.0 * k),
                        EchoTime=time, **values)  # fmt: skip


def write_par(path, stored, rows, general=()):
    """Write a PAR file, version 4.2, and its REC: rows of slice, echo time and more.

    stored (n_images, n_y, n_x), rows dicts with ``slice``, ``echo``, ``TE`` [ms] and
    those of ``kind`` (0 magnitude, 1 real, 2 imaginary, 3 phase), ``TI`` [ms],
    ``angle``, ``slope``, ``intercept``, ``scale`` that are not the usual.
    """
    n_slices = max(row["slice"] for row in rows)
    n_echoes = max(row["echo"] for row in rows)
    _, height, width = stored.shape
    entries = {
        "Patient name": "x", "Examination name": "x", "Protocol name": "echoes",
        "Examination date/time": "2020.01.01 / 00:00:00", "Series Type": "Image",
        "Acquisition nr": 1, "Reconstruction nr": 1, "Scan Duration [sec]": 10,
        "Max. number of cardiac phases": 1, "Max. number of echoes": n_echoes,
        "Max. number of slices/locations": n_slices, "Max. number of dynamics": 1,
        "Max. number of mixes": 1, "Patient position": "Head First Supine",
        "Preparation direction": "Anterior-Posterior", "Technique": "SE",
        "Scan resolution  (x, y)": f"{width}  {height}", "Scan mode": "MS",
        "Repetition time [ms]": 2000.0,
        "FOV (ap,fh,rl) [mm]": f"{2.0 * height}  {5.0 * n_slices}  {2.0 * width}",
        "Water Fat shift [pixels]": 1.0,
        "Angulation midslice(ap,fh,rl)[degr]": "0 0 0",
        "Off Centre midslice(ap,fh,rl) [mm]": "0 0 0",
        "Flow compensation <0=no 1=yes> ?": 0, "Presaturation     <0=no 1=yes> ?": 0,
        "Phase encoding velocity [cm/sec]": "0 0 0",
        "MTC               <0=no 1=yes> ?": 0,
        "SPIR              <0=no 1=yes> ?": 0, "EPI factor        <0,1=no EPI>": 1,
        "Dynamic scan      <0=no 1=yes> ?": 0, "Diffusion         <0=no 1=yes> ?": 0,
        "Diffusion echo time [ms]": 0, "Max. number of diffusion values": 1,
        "Max. number of gradient orients": 1,
        "Number of label types   <0=no ASL>": 0, **dict(general),
    }  # fmt: skip
    lines = ["# CLINICAL TRYOUT     Research image export tool     V4.2", "#"]
    lines += [f".    {key:<40}:   {value}" for key, value in entries.items()]
    lines += ["#", "# === IMAGE INFORMATION =====", "#"]
    for index, row in enumerate(rows):
        numbers = [
            row["slice"], row["echo"], 1, 1, row.get("kind", 0), 0, index, 16, 100,
            width, height, row.get("intercept", 0.0), row.get("slope", 1.0),
            row.get("scale", 1.0), 500, 1000, 0, 0, 0, 0, 5.0 * row["slice"], 0, 5.0,
            0.0, 0, 1, 0, 2, 2.0, 2.0, row["TE"], 0, 0, 0, 1, row.get("angle", 90.0), 0,
            0, 0, 1, row.get("TI", 0.0), 1, 1, 0, 0, 0, 0, 0, 1,
        ]  # fmt: skip
        lines.append(" ".join(f"{number:g}" for number in numbers))
    lines += ["", "# === END OF DATA DESCRIPTION FILE ====="]
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".REC").write_bytes(stored.astype("<u2").tobytes())
