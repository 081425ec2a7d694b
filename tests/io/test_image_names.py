"""Images whose names, sidecars or headers say unusual things, and mean one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import write_par, write_volume

from skrelax.io import read_nifti

SHAPE = (4, 3, 2)
TIMES = (0.005, 0.01, 0.02)


def images_of(table):
    return table.signals.to_numpy().T.reshape(-1, *SHAPE)


def test_halves_of_complex_images_by_the_names_of_converters(tmp_path):
    rng = np.random.default_rng(0)
    parts = rng.uniform(1, 100, (2, 3, *SHAPE)).astype(np.float32)
    for kind, volumes in zip(("real", "imaginary"), parts, strict=True):
        for number, (time, volume) in enumerate(zip(TIMES, volumes, strict=True), 1):
            write_volume(tmp_path / f"e{number}_{kind}.nii.gz", volume, EchoTime=time)
    table = read_nifti(tmp_path)
    assert_allclose(images_of(table), parts[0] + 1j * parts[1])
    assert "6 images I+R" in table.measurement.notes[0]
    # Two gains of the real parts are two measurements.
    for number, time in enumerate(TIMES, 1):
        path = tmp_path / f"again{number}_real.nii.gz"
        write_volume(path, parts[0, number - 1], EchoTime=time)
    with pytest.raises(ValueError, match="series vary in TE"):
        read_nifti(tmp_path)


def test_an_entity_counts_in_names_that_are_not_of_bids(tmp_path):
    magnitudes = np.arange(72.0, dtype=np.float32).reshape(4, 3, 2, 3) + 1.0
    for part, values in (("mag", magnitudes), ("phase", magnitudes - 40.0)):
        write_volume(tmp_path / f"scan_part-{part}_gre.nii.gz", values,
                     EchoTime=list(TIMES))  # fmt: skip
    found = images_of(read_nifti(tmp_path))
    assert_allclose(found, np.moveaxis(magnitudes, 3, 0))


def test_numbers_as_a_scanner_shows_them_are_brought_to_one_scale(tmp_path):
    values = np.arange(1.0, 25.0, dtype=np.float32).reshape(4, 3, 2)
    slopes = {"UsePhilipsFloatNotDisplayScaling": 0, "PhilipsRescaleSlope": 2.0}
    for number, time in enumerate(TIMES, 1):
        own = {"EchoTime": time, "PhilipsScaleSlope": 1.0 * number, **slopes}
        write_volume(tmp_path / f"x_e{number}.nii.gz", 2.0 * number * values, **own)
    assert_allclose(images_of(read_nifti(tmp_path)), [values] * 3, rtol=1e-6)


@pytest.mark.parametrize("floating", [0, 1])
def test_real_world_values_are_brought_to_one_scale(tmp_path, floating):
    # A converter prefers their slopes, whatever it is told of the others.
    stored = np.arange(1.0, 25.0, dtype=np.float32).reshape(4, 3, 2)
    for number, time in enumerate(TIMES, 1):
        own = {
            "EchoTime": time, "UsePhilipsFloatNotDisplayScaling": floating,
            "PhilipsRWVSlope": 3.0 * number, "PhilipsRescaleSlope": 7.0,
            "PhilipsScaleSlope": 0.5 * number,
        }  # fmt: skip
        values = 3.0 * number * stored * number
        write_volume(tmp_path / f"x_e{number}.nii.gz", values, **own)
    # Stored numbers over the scale slope.
    assert_allclose(images_of(read_nifti(tmp_path)), [2.0 * stored] * 3, rtol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16", "utf-16-le"])
def test_sidecars_of_other_encodings(tmp_path, encoding):
    values = np.arange(1.0, 25.0, dtype=np.float32).reshape(4, 3, 2)
    for number, time in enumerate(TIMES, 1):
        write_volume(tmp_path / f"x_e{number}.nii.gz", number * values)
        text = f'{{"EchoTime": {time}, "ProtocolName": "Größe"}}'
        sidecar = tmp_path / f"x_e{number}.json"
        sidecar.write_bytes(text.encode(encoding))
    assert_allclose(read_nifti(tmp_path).acquisition["TE"], TIMES)


def test_images_that_an_interrupted_scan_lacks(tmp_path):
    rng = np.random.default_rng(0)
    stored = rng.integers(1, 2000, (6, 3, 4))
    rows = [
        {"slice": place, "echo": index, "TE": 1e3 * time}
        for index, time in enumerate(TIMES, 1)
        for place in (1, 2)
    ]
    # nibabel would begin volumes at any slice.
    write_par(tmp_path / "echoes.PAR", stored[:5], rows[:5])
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition["TE"], TIMES)
    expected = stored.astype(float).reshape(3, 2, 3, 4).transpose(0, 3, 2, 1)
    expected[2, :, :, 1] = np.nan
    assert_allclose(images_of(table), expected, rtol=1e-6)
