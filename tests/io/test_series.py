"""Folders as scanners export them: which DICOM series is taken, and what is said."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scans import write_echoes, write_image

from skrelax.io import list_series, read_dicom_series

pytest.importorskip("pydicom")
T2 = np.array([[0.05, 0.08, 0.05, 0.08]] * 3)
ECHOES = (10.0, 20.0, 40.0, 80.0)


def truth(times, scale=1000.0):
    """Return echoes (n_points, rows, columns) of `T2`, in integers."""
    return np.rint(scale * np.exp(-np.asarray(times)[:, None, None] / 1e3 / T2))


def write_train(folder, number, times=ECHOES, scale=1000.0, **values):
    """Write a multi-echo series of one slice."""
    folder.mkdir(exist_ok=True)
    uid = f"1.2.3.{number}"
    for index, (time, image) in enumerate(zip(times, truth(times, scale), strict=True)):
        write_image(
            folder / f"{number}-{index}.dcm", image, EchoTime=time,
            **{"SeriesNumber": number, "SeriesInstanceUID": uid,
               "SeriesDescription": f"train {number}",
               "ImageType": ["ORIGINAL", "PRIMARY", "M"],
               "ScanningSequence": "SE", **values},
        )  # fmt: skip


def notes_of(table, start="left out"):
    return [note for note in table.measurement.notes if note.startswith(start)]


def test_a_localizer_in_the_same_plane_is_left_out(tmp_path):
    write_train(tmp_path, 8)
    for number, values in (
        (1, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        (2, {"SeriesDescription": "3-plane loc", "ScanningSequence": "GR"}),
        (3, {"SeriesDescription": "Survey"}),
        # One that nothing names: it is another sequence with one echo time.
        (4, {"SeriesDescription": "sag", "ScanningSequence": "GR"}),
    ):
        write_train(tmp_path, number, (5.0,), scale=3000.0, **values)
    table = read_dicom_series(tmp_path)
    assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.04, 0.08])
    images = table.signals.to_numpy().T.reshape(4, 4, 3)
    assert_allclose(images, truth(ECHOES).transpose(0, 2, 1))
    assert notes_of(table, "series") == [
        "series 8 'train 8' (4 images, TE 10-80 ms (4))"
    ]
    left = notes_of(table)
    assert len(left) == 4
    assert left[0].endswith("1 'train 1' (1 image, TE 5 ms): localizer")
    assert left[3].endswith("another measurement with one TE")


def test_two_trains_are_a_choice(tmp_path):
    write_train(tmp_path, 8)
    write_train(tmp_path, 17, (15.0, 30.0, 60.0), scale=300.0)
    with pytest.raises(ValueError, match="2 series vary in TE; choose with") as caught:
        read_dicom_series(tmp_path, varying="TE")
    text = str(caught.value)
    assert "series=8 (--series 8)" in text
    assert "8 'train 8' (4 images, TE 10-80 ms (4))" in text
    assert "17 'train 17' (3 images, TE 15-60 ms (3))" in text
    for series, count in ((8, 4), (17, 3), ("17", 3), ("8-17", 7), ([8, 17], 7)):
        table = read_dicom_series(tmp_path, series=series)
        assert table.signals.shape == (12, count)
    assert read_dicom_series(tmp_path, series="train 17").signals.shape == (12, 3)
    for wrong in ("8,9", [8, 9], "8-17,9"):
        with pytest.raises(ValueError, match=r"expected series .* found .* 17\]"):
            read_dicom_series(tmp_path, series=wrong)
    assert notes_of(table) == []


def test_maps_of_the_scanner_are_left_out(tmp_path):
    write_train(tmp_path, 8, SeriesDescription="T2_map")
    for number, kinds in (
        (9, ["DERIVED", "PRIMARY", "T2 MAP"]),
        # In the series that it was made from, and with no word of what it is.
        (8, ["DERIVED", "SECONDARY"]),
    ):
        write_train(tmp_path / "more", number, (10.0,), ImageType=kinds)
    table = read_dicom_series(tmp_path)
    assert table.signals.shape == (12, 4)
    left = " ".join(notes_of(table))
    assert "derived: T2 MAP" in left
    assert "8 'train 8' (1 image, TE 10 ms): derived images" in left
    # A train that a filter has seen is better than none.
    only = tmp_path / "only"
    write_train(only, 3, ImageType=["DERIVED", "PRIMARY", "M"])
    assert read_dicom_series(only).signals.shape == (12, 4)


def test_the_quantity_chooses_the_series(tmp_path):
    write_train(tmp_path, 8)
    for number, TI in enumerate((50.0, 100.0, 400.0, 800.0), start=20):
        write_train(
            tmp_path, number, (12.0,), InversionTime=TI, RepetitionTime=900.0 + 2 * TI,
            SeriesDescription=f"IR {TI:g} ms",
        )  # fmt: skip
    write_train(tmp_path, 30, (12.0,), SeriesDescription="t1 tse")
    table = read_dicom_series(tmp_path, varying="TI")
    assert_allclose(table.acquisition["TI"], [0.05, 0.1, 0.4, 0.8])
    assert_allclose(table.acquisition["TR"], [1.0, 1.1, 1.7, 2.5])
    taken = table.measurement.notes[0]
    assert taken == (
        "series 20-23 'IR 50 ms' to 'IR 800 ms' (4 images, TI 50-800 ms (4), "
        "TE 12 ms, TR 1000-2500 ms (4))"
    )
    assert read_dicom_series(tmp_path, varying="TE").signals.shape == (12, 4)
    with pytest.raises(ValueError, match="2 series vary in a time or an angle"):
        read_dicom_series(tmp_path)
    with pytest.raises(ValueError, match="no images tell TSL"):
        read_dicom_series(tmp_path, varying="TSL")
    with pytest.raises(ValueError, match="settings equal, vary in FA"):
        read_dicom_series(tmp_path, varying="FA")
    with pytest.raises(ValueError, match="varying must be one of"):
        read_dicom_series(tmp_path, varying="T1")


def test_a_single_image_with_another_name_is_another_measurement(tmp_path):
    for number, TI in enumerate((50.0, 100.0, 400.0), start=20):
        write_train(tmp_path, number, (12.0,), InversionTime=TI,
                    SeriesDescription=f"IR {TI:g} ms")  # fmt: skip
    write_train(tmp_path, 30, (12.0,), InversionTime=180.0, SeriesDescription="STIR")
    assert_allclose(read_dicom_series(tmp_path).acquisition["TI"], [0.05, 0.1, 0.4])
    # Names that are all different say nothing.
    for path in tmp_path.iterdir():
        path.unlink()
    names = ("short", "middle", "long")
    for number, (name, TI) in enumerate(zip(names, (50.0, 100.0, 400.0), strict=True)):
        write_train(tmp_path, number, (12.0,), InversionTime=TI, SeriesDescription=name)
    assert read_dicom_series(tmp_path).signals.shape == (12, 3)


def test_phases_and_parts_of_other_series(tmp_path):
    write_train(tmp_path, 8)
    phase = {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}
    write_train(tmp_path, 9, scale=4000.0, **phase)
    table = read_dicom_series(tmp_path)
    assert_allclose(table.signals.iloc[0], truth(ECHOES)[:, 0, 0])
    assert notes_of(table)[0].endswith("TE 10-80 ms (4)): phase")
    for number, letter in ((10, "R"), (11, "I")):
        write_train(tmp_path, number, scale=500.0 + number,
                    ImageType=["ORIGINAL", "PRIMARY", letter])  # fmt: skip
    table = read_dicom_series(tmp_path, component="complex")
    expected = truth(ECHOES, 510.0) + 1j * truth(ECHOES, 511.0)
    assert_allclose(table.signals.iloc[0], expected[:, 0, 0])
    real = read_dicom_series(tmp_path, component="real")
    assert_allclose(real.signals.iloc[0], truth(ECHOES, 510.0)[:, 0, 0])


@pytest.mark.parametrize("maker", ["GE MEDICAL SYSTEMS", "anonymised"])
def test_component_in_a_private_tag(tmp_path, maker):
    import pydicom

    times = (50.0, 500.0)
    for index, TI in enumerate(times):
        for number in range(4):
            path = tmp_path / f"{index}{number}.dcm"
            write_image(path, np.full((3, 4), 10 * number + index - 20),
                        InversionTime=TI, Manufacturer=maker)  # fmt: skip
            data = pydicom.dcmread(path)
            block = data.private_block(0x0043, "GEMS_PARM_01", create=True)
            block.add_new(0x2F, "SS", [number, 0, 0])
            if maker.startswith("GE"):
                # Anonymised: the owner of the private block is gone.
                del data[0x0043, 0x0010]
            data.save_as(path)
    assert_allclose(read_dicom_series(tmp_path).signals.iloc[0], [-20, -19])
    real = read_dicom_series(tmp_path, component="real")
    assert_allclose(real.signals.iloc[0], [0, 1])
    both = read_dicom_series(tmp_path, component="complex")
    assert_allclose(both.signals.iloc[0], [0 + 10j, 1 + 11j])


def test_other_files_of_an_exam_are_left_out(tmp_path):
    write_train(tmp_path, 8)
    write_image(tmp_path / "ct.dcm", Modality="CT", SeriesNumber=2)
    # A screen shot has colours and no place in the body.
    write_image(tmp_path / "shot.dcm", SeriesNumber=99, Modality="OT",
                ImagePositionPatient=None, PixelSpacing=None)  # fmt: skip
    write_image(tmp_path / "other.dcm", SeriesNumber=98, ImagePositionPatient=None)
    table = read_dicom_series(tmp_path)
    assert table.signals.shape == (12, 4)
    left = " ".join(notes_of(table))
    assert "modality CT" in left
    assert "modality OT" in left
    assert "other.dcm: ImagePositionPatient is missing" in left
    # Where it belongs to what is read, it is an error.
    write_image(tmp_path / "5.dcm", SeriesNumber=8, SeriesInstanceUID="1.2.3.8",
                SeriesDescription="train 8", ImageType=["ORIGINAL", "PRIMARY", "M"],
                ScanningSequence="SE", ImagePositionPatient=None)  # fmt: skip
    with pytest.raises(ValueError, match=r"5\.dcm: ImagePositionPatient is missing"):
        read_dicom_series(tmp_path)


def test_an_exam_of_25_series(tmp_path):
    for number in range(1, 26):
        folder = tmp_path / f"{number:02}"
        if number in (8, 17):
            write_train(folder, number)
        else:
            values = {"RepetitionTime": 20.0 * number, "SeriesDescription": "scan"}
            write_train(folder, number, (3.0 + number,), **values)
    with pytest.raises(ValueError, match="2 series vary in TE") as caught:
        read_dicom_series(tmp_path)
    assert "8 'train 8'" in str(caught.value)
    assert "scan" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
    found = list_series(tmp_path)
    assert found["series"].tolist() == list(range(1, 26))
    assert found["images"].sum() == 31
    row = found.set_index("series").loc[8]
    assert_allclose(row["TE"], [0.01, 0.02, 0.04, 0.08])
    assert row["left_out"] == ""
    assert isinstance(found, pd.DataFrame)
    assert read_dicom_series(tmp_path, series="16-18", varying="TE") is not None


def test_one_missing_image_of_a_slice(tmp_path):
    write_echoes(tmp_path, ECHOES, slices=3)
    whole = read_dicom_series(tmp_path)
    (tmp_path / "40-1.dcm").unlink()
    with pytest.warns(
        UserWarning, match=r"1 images are missing \(slice 1 at TE 0.04\)"
    ):
        table = read_dicom_series(tmp_path)
    found = table.signals.to_numpy().reshape(4, 3, 3, 4)
    expected = whole.signals.to_numpy().reshape(4, 3, 3, 4).copy()
    expected[:, :, 1, 2] = np.nan
    np.testing.assert_array_equal(found, expected)
    assert "missing" in table.measurement.notes[-1]


def test_inversion_times_of_each_slice(tmp_path):
    TI = np.array([[50.0, 200.0, 800.0], [60.0, 210.0, 810.0], [70.0, 220.0, 820.0]])
    for k in range(3):
        for index, one in enumerate(TI[k]):
            write_image(tmp_path / f"{k}{index}.dcm", np.full((3, 4), one + k),
                        (0.0, 0.0, 5.0 * k), InversionTime=one)  # fmt: skip
    table = read_dicom_series(tmp_path, varying="TI")
    assert np.isnan(table.acquisition["TI"]).all()
    assert_allclose(table.acquisition["TR"], 3.0)
    with pytest.raises(ValueError, match="times of their own"):
        table.by_point()
    parts = table.by_slice()
    assert_allclose([part.acquisition["TI"] for part in parts], 1e-3 * TI)
    image = np.full((4, 3, 3), np.nan)
    for k, part in enumerate(parts):
        assert_allclose(part.signals.iloc[0], TI[k] + k)
        assert part.by_point()[1].shape == (3, 12)
        image = np.where(np.isnan(image), part.to_image(part.signals[0]), image)
    assert_allclose(image, table.to_image(table.signals[0]))
    # Slices that go through the same times in another order are an ordinary grid.
    for path in tmp_path.iterdir():
        path.unlink()
    for k in range(3):
        for index in range(3):
            write_image(tmp_path / f"{k}{index}.dcm", np.full((3, 4), index),
                        (0.0, 0.0, 5.0 * k), InversionTime=TI[0][index])  # fmt: skip
    table = read_dicom_series(tmp_path)
    assert table.slices is None
    assert table.by_slice() == [table]


def test_delays_of_a_saturation_recovery(tmp_path):
    delays = (100.0, 300.0, 900.0)
    for index, delay in enumerate(delays):
        for name, column in (("ti", "InversionTime"), ("tr", "RepetitionTime")):
            (tmp_path / name).mkdir(exist_ok=True)
            write_image(tmp_path / name / f"{index}.dcm", **{column: delay})
    for name, column in (("ti", "TI"), ("tr", "TR")):
        table = read_dicom_series(tmp_path / name, varying="TS")
        assert_allclose(table.acquisition["TS"], [0.1, 0.3, 0.9])
        assert column not in table.acquisition
        assert column in read_dicom_series(tmp_path / name).acquisition
    for index, delay in enumerate(delays):
        write_image(tmp_path / "ti" / f"{index}.dcm", InversionTime=delay,
                    SaturationRecovery="YES")  # fmt: skip
    assert "TS" in read_dicom_series(tmp_path / "ti").acquisition


def test_an_acquisition_that_the_files_do_not_know(tmp_path):
    for index in range(4):
        write_image(tmp_path / f"{index}.dcm", np.full((3, 4), 4 - index),
                    InstanceNumber=4 - index)  # fmt: skip
    times = pd.DataFrame({"TSL": [0.001, 0.01, 0.02, 0.04]})
    table = read_dicom_series(tmp_path, varying="TSL", acquisition=times)
    assert_allclose(table.acquisition["TSL"], times["TSL"])
    assert_allclose(table.acquisition["TE"], 0.01)
    # In the order of instances, not of names.
    assert_allclose(table.signals.iloc[0], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="the acquisition has 3 rows, slice 0 has 4"):
        read_dicom_series(tmp_path, acquisition=times[:3])


def test_measured_phantom_is_clipped(shared_data):
    folder = shared_data / "dicom" / "T1" / "site5_philips_3T" / "plate5"
    # Read by eye from the file: 210 pixels of 200 ms at 4095, none from 4080 to 4094.
    with pytest.warns(UserWarning, match="210 values in 1 images are cut off"):
        table = read_dicom_series(folder)
    lost = np.isnan(table.signals.to_numpy())
    assert lost.sum(axis=0).tolist() == [0, 0, 210, 0, 0, 0]
    assert table.signals.to_numpy().dtype == np.float32


def test_an_acquisition_of_single_images(tmp_path):
    # A series for each image, as some scanners have it.
    for number, time in enumerate((50.0, 400.0, 2000.0), start=2):
        write_image(tmp_path / f"{number}.dcm", np.full((3, 4), number),
                    InversionTime=time, SeriesNumber=number)  # fmt: skip
    times = pd.DataFrame({"TI": [0.06, 0.5, 2.5]})
    table = read_dicom_series(tmp_path, acquisition=times)
    assert_allclose(table.acquisition["TI"], times["TI"])
    assert table.signals.to_numpy()[0].tolist() == [2.0, 3.0, 4.0]
    # What files do not know is asked for, with the numbers of all.
    for number in (2, 3, 4):
        write_image(tmp_path / f"{number}.dcm", SeriesNumber=number)
    with pytest.raises(ValueError, match=r"choose with series='2-4' \(--series 2-4\)"):
        read_dicom_series(tmp_path, acquisition=times)


def test_components_that_no_series_has(tmp_path):
    for number, time in enumerate((50.0, 400.0, 2000.0), start=2):
        write_image(tmp_path / f"{number}.dcm", InversionTime=time, SeriesNumber=number)
    with pytest.raises(ValueError, match=r"expected images of the components \['R'\]"):
        read_dicom_series(tmp_path, component="real")
