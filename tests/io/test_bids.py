"""Folders of NIfTI files: BIDS, converters, PAR/REC, times in a file of their own."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scans import AFFINE, write_par, write_volume

from skrelax.io import list_series, read_nifti, read_times

nibabel = pytest.importorskip("nibabel")
SHAPE = (4, 3, 2)


def volumes(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(10.0, 1000.0, (count, *SHAPE)).astype(np.float32)


def write_echoes(
    folder, stem="sub-01_echo-{}_MEGRE", times=(0.005, 0.01, 0.02), **more
):
    """Write a file for each echo; return the volumes."""
    values = volumes(len(times))
    for number, (time, image) in enumerate(zip(times, values, strict=True), start=1):
        path = folder / f"{stem.format(number)}.nii.gz"
        write_volume(path, image, EchoTime=time, RepetitionTime=0.05, **more)
    return values


def images_of(table):
    return table.signals.to_numpy().T.reshape(-1, *SHAPE)


def notes_of(table):
    return [one for one in table.measurement.notes if one.startswith("left out")]


def test_magnitudes_and_phases_of_one_folder(tmp_path):
    magnitudes = write_echoes(tmp_path, "sub-01_echo-{}_part-mag_MEGRE")
    write_echoes(tmp_path, "sub-01_echo-{}_part-phase_MEGRE")
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition["TE"], [0.005, 0.01, 0.02])
    assert_allclose(images_of(table), magnitudes)
    # Converters name them otherwise.
    other = tmp_path / "other"
    magnitudes = write_echoes(other, "gre_e{}", SeriesNumber=4)
    write_echoes(other, "gre_e{}_ph", SeriesNumber=5,
                 ImageType=["ORIGINAL", "PRIMARY", "P"])  # fmt: skip
    table = read_nifti(other)
    assert_allclose(images_of(table), magnitudes)
    assert notes_of(table) == [
        "left out: series 5 'gre_e1_ph' (3 images P, TE 5-20 ms (3)): phase"
    ]
    assert read_nifti(other, series=4).signals.shape == (24, 3)


def test_real_and_imaginary_parts(tmp_path):
    real = write_echoes(tmp_path, "sub-01_echo-{}_part-real_MEGRE")
    for number in (1, 2, 3):
        path = tmp_path / f"sub-01_echo-{number}_part-imag_MEGRE.nii.gz"
        write_volume(path, 2 * real[number - 1], RepetitionTime=0.05,
                     EchoTime=(0.005, 0.01, 0.02)[number - 1])  # fmt: skip
    table = read_nifti(tmp_path)
    assert_allclose(images_of(table), real * (1 + 2j))
    assert table.signals.to_numpy().dtype == np.complex64
    assert_allclose(images_of(read_nifti(tmp_path, component="real")), real)
    with pytest.raises(ValueError, match=r"components \['M'\], found \['I', 'R'\]"):
        read_nifti(tmp_path, component="magnitude")
    with pytest.raises(ValueError, match="component must be"):
        read_nifti(tmp_path, component="phase")


def test_other_images_of_a_subject_are_left_out(tmp_path):
    values = write_echoes(tmp_path)
    one = volumes(1)[0]
    write_volume(tmp_path / "sub-01_T1w.nii.gz", one, EchoTime=0.003, FlipAngle=9)
    write_volume(tmp_path / "sub-01_T2starmap.nii.gz", one, EchoTime=0.003)
    write_volume(tmp_path / "sub-01_label-brain_mask.nii.gz", one)
    write_volume(tmp_path / "brain.nii.gz", one)
    write_volume(tmp_path / "notes.nii.gz", one, Author="me")
    table = read_nifti(tmp_path)
    assert_allclose(images_of(table), values)
    left = " ".join(notes_of(table))
    for why in ("suffix T1w", "suffix T2starmap", "suffix mask", "no sidecar",
                "no times or angles in its sidecar"):  # fmt: skip
        assert why in left
    found = list_series(tmp_path).set_index("description")
    assert found.loc["sub-01_T1w", "left_out"] == "suffix T1w"
    assert found.loc["sub-01_MEGRE", "left_out"] == ""
    # Among files of other names it is another sequence.
    plain = tmp_path / "plain"
    values = write_echoes(plain, "echo{}", ScanningSequence="GR")
    write_volume(plain / "head.nii.gz", one, EchoTime=0.003, RepetitionTime=2.0,
                 ScanningSequence="GR")  # fmt: skip
    assert_allclose(images_of(read_nifti(plain)), values)


def test_two_series_of_a_folder_are_a_choice(tmp_path):
    first = write_echoes(tmp_path, "sub-01_acq-fine_echo-{}_MEGRE")
    write_echoes(tmp_path, "sub-01_acq-fast_echo-{}_MESE", (0.01, 0.02))
    with pytest.raises(ValueError, match="2 series vary in TE; choose with series='"):
        read_nifti(tmp_path)
    table = read_nifti(tmp_path, series="sub-01_acq-fine_MEGRE")
    assert_allclose(images_of(table), first)
    assert read_nifti(tmp_path, series="MESE").signals.shape == (24, 2)
    with pytest.raises(ValueError, match="expected series 'IRT1', found series"):
        read_nifti(tmp_path, series="IRT1")


@pytest.mark.parametrize(
    "key", ["RepetitionTimeExcitation", "RepetitionTimePreparation"]
)
def test_variable_flip_angles(tmp_path, key):
    for number, angle in enumerate((3, 10, 20), start=1):
        path = tmp_path / f"sub-01_flip-{number}_VFA.nii.gz"
        write_volume(
            path, volumes(1)[0], FlipAngle=angle, EchoTime=0.003, **{key: 0.015}
        )
    table = read_nifti(tmp_path, varying="FA")
    assert_allclose(table.acquisition["FA"], [3, 10, 20])
    assert_allclose(table.acquisition["TR"], 0.015)


def test_inversions(tmp_path):
    for number, TI in enumerate((0.7, 2.5), start=1):
        for part in ("mag", "phase"):
            path = tmp_path / f"sub-01_inv-{number}_part-{part}_MP2RAGE.nii.gz"
            write_volume(
                path, volumes(1)[0], InversionTime=TI, FlipAngle=4 + number,
                RepetitionTimeExcitation=0.007, RepetitionTimePreparation=5.0,
            )  # fmt: skip
    write_volume(tmp_path / "sub-01_UNIT1.nii.gz", volumes(1)[0])
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition[["TI", "TR", "FA"]], [[0.7, 5, 5], [2.5, 5, 6]])
    other = tmp_path / "ir"
    for number, TI in enumerate((0.05, 0.4, 1.1), start=1):
        write_volume(other / f"sub-01_inv-{number}_IRT1.nii.gz", volumes(1)[0],
                     InversionTime=TI, RepetitionTimePreparation=2.5)  # fmt: skip
    table = read_nifti(other, varying="TI")
    assert_allclose(
        table.acquisition[["TI", "TR"]], [[0.05, 2.5], [0.4, 2.5], [1.1, 2.5]]
    )


def test_sidecars_are_inherited(tmp_path):
    root = tmp_path / "data"
    anat = root / "sub-01" / "ses-1" / "anat"
    values = volumes(3)
    for number in (1, 2, 3):
        write_volume(
            anat / f"sub-01_ses-1_echo-{number}_MESE.nii.gz", values[number - 1]
        )
        (anat / f"sub-01_ses-1_echo-{number}_MESE.json").write_text(
            json.dumps({"EchoTime": 0.01 * number})
        )
    (root / "dataset_description.json").write_text("{}")
    (root / "MESE.json").write_text('{"RepetitionTime": 9.0, "FlipAngle": 180}')
    (root / "sub-01" / "sub-01_MESE.json").write_text('{"RepetitionTime": 2.0}')
    (root / "sub-01" / "sub-01_acq-x_MESE.json").write_text('{"RepetitionTime": 7.0}')
    # Above the root nothing counts.
    (tmp_path / "MESE.json").write_text('{"InversionTime": 1.0}')
    for source in (anat, root / "sub-01", root):
        table = read_nifti(source)
        assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.03])
        assert_allclose(table.acquisition[["TR", "FA"]], [[2.0, 180.0]] * 3)
        assert_allclose(images_of(table), values)


def test_sidecars_in_milliseconds_are_doubted(tmp_path):
    write_echoes(tmp_path, times=(1.5, 4.0, 6.5))
    with (
        pytest.warns(UserWarning, match=r"TE is 1\.5 to 6\.5 s, .* milliseconds"),
        pytest.warns(UserWarning, match=r"TE of 1\.5 s is longer than TR of 0\.05 s"),
    ):
        read_nifti(tmp_path)
    write_echoes(tmp_path, times=(5.0, 10.0, 20.0))
    with pytest.raises(ValueError, match="EchoTime is up to 20, expected seconds"):
        read_nifti(tmp_path)


def test_other_quantities_of_sidecars(tmp_path):
    for number, time in enumerate((0.001, 0.02, 0.06)):
        rho, sr = tmp_path / "rho" / f"{number}.nii", tmp_path / "sr" / f"{number}.nii"
        write_volume(rho, volumes(1)[0], EchoTime=0.003, SpinLockTime=time)
        write_volume(sr, volumes(1)[0], SaturationTime=10 * time)
    table = read_nifti(tmp_path / "rho", varying="TSL")
    assert_allclose(table.acquisition["TSL"], [0.001, 0.02, 0.06])
    table = read_nifti(tmp_path / "sr", varying="TS")
    assert_allclose(table.acquisition["TS"], [0.01, 0.2, 0.6])
    assert list(table.acquisition) == ["TS"]


def test_clipped_integers(tmp_path):
    times = np.array([0.005, 0.01, 0.02, 0.04])
    signals = np.linspace(500.0, 9000.0, 24).reshape(SHAPE)[..., None]
    stored = np.minimum(signals * np.exp(-times / 0.03), 4095).astype(np.int16)
    write_volume(tmp_path / "a.nii", stored, dtype=np.int16, EchoTime=times.tolist())
    with pytest.warns(
        UserWarning, match=f"{(stored == 4095).sum()} values in 3 images"
    ):
        table = read_nifti(tmp_path)
    lost = np.isnan(images_of(table))
    assert (lost == (stored == 4095).transpose(3, 0, 1, 2)).all()
    assert table.signals.to_numpy().dtype == np.float32


def test_stored_types_keep_their_digits(tmp_path):
    rng = np.random.default_rng(0)
    for dtype, expected in (
        (np.float32, np.float32), (np.float64, np.float64), (np.uint8, np.float32),
        (np.int16, np.float32), (np.int32, np.float64), (np.complex64, np.complex64),
    ):  # fmt: skip
        stored = rng.uniform(1, 200, (*SHAPE, 3)).astype(dtype)
        for ending in (".nii", ".nii.gz"):
            path = tmp_path / f"a{ending}"
            write_volume(path, stored, dtype=dtype, EchoTime=[0.01, 0.02, 0.03])
            table = read_nifti(path)
            assert table.signals.to_numpy().dtype == expected
            assert_allclose(images_of(table), np.moveaxis(stored, -1, 0), rtol=0)
    # With a factor and a summand.
    image = nibabel.Nifti1Image(rng.uniform(0, 1e-3, (*SHAPE, 3)), AFFINE)
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    expected = np.moveaxis(
        np.asanyarray(nibabel.load(tmp_path / "a.nii").dataobj), -1, 0
    )
    table = read_nifti(tmp_path / "a.nii")
    assert_allclose(images_of(table), expected, rtol=1e-7, atol=1e-12)


def test_times_in_a_file(tmp_path):
    path = tmp_path / "in" / "echoes.nii.gz"
    values = volumes(4)
    write_volume(path, np.moveaxis(values, 0, -1))
    write_volume(tmp_path / "in" / "mask.nii.gz", values[0] > 500)
    expected = [0.01, 0.02, 0.04, 0.08]
    texts = {
        "a.txt": "TE (ms)\n10\n20\n40\n80\n",
        "b.csv": "TE (ms);FA\n10,0;90\n20,0;90\n40,0;90\n80,0;90\n",
        "c.csv": "# echoes\nEcho time [s]\n.01\n.02\n.04\n.08\n",
        "d.json": '{"EchoTime": [0.01, 0.02, 0.04, 0.08], "FlipAngle": 90}',
        "e.json": '{"TE (ms)": [10, 20, 40, 80], "note": "x"}',
        "f.tsv": "TE/ms\tTR/s\n10\t2\n20\t2\n40\t2\n80\t2\n",
        "g.txt": "TE (ms) TR (s)\n10 2\n20 2\n40 2\n80 2\n",
        "h.txt": "0.01 0.02 0.04 0.08\n",
        "i.txt": "0.01\n0.02\n0.04\n0.08\n",
        "j.txt": "\ufeffTE (ms)\r\n10\r\n20\r\n40\r\n80\r\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        times = read_times(tmp_path / name, "TE")
        assert_allclose(times["TE"], expected, err_msg=name)
        for source in (path, path.parent):
            table = read_nifti(source, times)
            assert_allclose(table.acquisition["TE"], expected)
            assert_allclose(images_of(table), values)
    assert list(read_times(tmp_path / "b.csv")) == ["TE", "FA"]
    assert_allclose(read_times(tmp_path / "g.txt")["TR"], 2.0)
    assert "4" in notes_of(table)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("TE (ms)\n", "has a header and no numbers"),
        ("10\n20\n", "does not say what its numbers are"),
        ("TE\n10\n20\n", "'TE' has no unit of a time; write TE"),
        ("echo,signal\n1,2\n", "expected columns named TI, TE"),
        ("TE (ms)\n10\nx\n", "row 3 has"),
        ("TE (ms),TR (s)\n10,2\n20\n", "row 3 has"),
        ("TE (ms)\n-10\n", "TE must not be negative"),
        ("TE (ms),TE (s)\n10,2\n", "two columns of TE"),
        ("FA (rad)\n0.1\n0.2\n", r"must be in degrees: FA \(degrees\)"),
        ("TI (s)\n100\n900\n", "TI is up to 900 s; give the unit"),
        ("{", "cannot be read"),
        ('{"a": 1}', "expected columns named"),
        ('{"a": "x"}', "expected an object with EchoTime"),
        ('{"EchoTime": ["x"]}', "EchoTime must be numbers"),
        ('{"EchoTime": [0.1, 0.2], "FlipAngle": [1, 2, 3]}', "columns of one length"),
        ("[1, 2]", "does not say what its numbers are"),
    ],
)
def test_files_of_times_that_say_too_little(tmp_path, text, message):
    path = tmp_path / "times.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_times(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ValueError, match="column must be one of"):
        read_times(path, "T2")
    with pytest.raises(ValueError, match="cannot be read"):
        read_times(tmp_path / "absent")


def test_files_are_in_the_order_of_their_numbers(tmp_path):
    values = volumes(12)
    for index in range(12):
        write_volume(tmp_path / f"te{index + 1}.nii", values[index])
    (tmp_path / "times.txt").write_text(
        "\n".join(["TE (ms)", *(f"{10 * k}" for k in range(1, 13))])
    )
    times = read_times(tmp_path / "times.txt")
    assert_allclose(images_of(read_nifti(tmp_path, times)), values)
    # A mask is none of them, by its name.
    write_volume(tmp_path / "mask.nii", values[0] > 500)
    assert_allclose(images_of(read_nifti(tmp_path, times)), values)


def par_rows(echoes=(10.0, 20.0, 40.0), n_slices=2, **more):
    return [
        {"slice": k + 1, "echo": index + 1, "TE": echo, **more}
        for index, echo in enumerate(echoes)
        for k in range(n_slices)
    ]


def test_par_and_rec(tmp_path):
    rng = np.random.default_rng(0)
    rows = par_rows() + par_rows(kind=3)
    stored = rng.integers(1, 2000, (len(rows), 3, 4))
    for index, row in enumerate(rows):
        row |= {"slope": 2.0, "intercept": 4.0, "scale": 0.5 * (1 + index)}
    write_par(tmp_path / "echoes.PAR", stored, rows)
    for source in (tmp_path, tmp_path / "echoes.PAR"):
        table = read_nifti(source, varying="TE")
        assert_allclose(table.acquisition["TE"], [0.01, 0.02, 0.04])
        assert_allclose(table.acquisition[["TR", "FA"]], [[2.0, 90.0]] * 3)
        scales = np.array([row["scale"] for row in rows[:6]])[:, None, None]
        values = (2.0 * stored[:6] + 4.0) / (2.0 * scales)
        with (tmp_path / "echoes.PAR").open() as file:
            header = nibabel.parrec.PARRECHeader.from_fileobj(file)
        assert_allclose(table.spatial["affine"], header.get_affine())
        found = table.signals.to_numpy().T.reshape(3, 4, 3, 2)
        expected = values.reshape(3, 2, 3, 4).transpose(0, 3, 2, 1)
        assert_allclose(found, expected, rtol=1e-6)
    assert "6 images M+P" in read_nifti(tmp_path).measurement.notes[0]
    rows = par_rows((10.0, 10.0, 10.0))
    for index, row in enumerate(rows):
        row["TI"] = (50.0, 400.0, 1200.0)[index // 2]
    write_par(tmp_path / "echoes.PAR", stored[:6], rows)
    table = read_nifti(tmp_path)
    assert_allclose(table.acquisition["TI"], [0.05, 0.4, 1.2])
    (tmp_path / "echoes.REC").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"echoes\.REC: cannot be read"):
        read_nifti(tmp_path)
    (tmp_path / "echoes.PAR").write_text("text")
    with pytest.raises(ValueError, match=r"echoes\.PAR: cannot be read"):
        read_nifti(tmp_path)
