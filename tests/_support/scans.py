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
