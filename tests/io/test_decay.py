"""Readers of decays: formats, and an error with file and line for each defect."""

import gzip

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.io import (
    DecayFileError,
    RelaxationTable,
    compress_echoes,
    correct_phase,
    read_decay,
    read_spinsolve,
)


@pytest.mark.parametrize(
    "text",
    [
        "TE,signal\n0.1,1\n0.2,0.5\n",
        "TE;signal\r\n0.1;1\r\n0.2;0.5\r\n",
        "\ufeffTE\tsignal\n0.1\t1\n\n0.2\t0.5\n",
        "# measured today\nTE signal\n 0.1   1\n 0.2  0.5\n",
        "TE, signal,\n0.1, 1,\n0.2, 0.5,\n",
    ],
)
def test_reads_the_usual_text_formats(tmp_path, text):
    path = tmp_path / "decay.csv"
    path.write_text(text, encoding="utf-8", newline="")
    table = read_decay(path)
    assert_array_equal(table.acquisition["TE"], [0.1, 0.2])
    assert_array_equal(table.signals.loc["signal"], [1.0, 0.5])


def test_without_header_columns_get_names(tmp_path):
    path = tmp_path / "decay.txt"
    path.write_text("0.2 1 2\n0.1 3 4\n0.2 5 6\n")
    X, y = read_decay(path, column="TE").by_point()
    assert list(X.columns) == ["TE"]
    assert list(y.columns) == ["signal 1", "signal 2"]
    # Unsorted and repeated times stay as they are.
    assert_array_equal(X["TE"], [0.2, 0.1, 0.2])
    assert_array_equal(y["signal 2"], [2, 4, 6])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n\n", "the file is empty"),
        ("TE,signal\n", "a header, but no rows"),
        ("0.1,1\n0.2,abc\n", r":2: expected a number in column 2, got 'abc'"),
        ("0,1 0.5\n0.2 1\n", r"got '0,1'; write decimal points, not commas"),
        ("0.1;0,5\n0.2;1\n", r":1: .*'0.1'; other numbers have decimal commas"),
        ("0.1;1\n0.2;0,5\n", r":1: .*'0.1'; other numbers have decimal commas"),
        ("TE,signal\n0.1,1\n0.2,\n0.3,1\n", r":3: (one column|expected)"),
        ("0.1,1\n0.2,nan\n", r":2: column 2 is not finite, got 'nan'"),
        ("0.1,1\ninf,2\n", r":2: column 1 is not finite"),
        ("0.1,1\n\n-0.2,2\n", r":3: times must not be negative, got -0.2"),
        ("0.1\n0.2\n", r":1: one column only"),
        ("0.1,1\n0.2,1,2\n", r":2: expected 2 columns as above, got 3"),
        ("0.1,1\0\n", "null bytes"),
        ("TE,signal\n-2,1\n", "got -2; they are the first column"),
    ],
)
def test_defects_are_named_with_file_and_line(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DecayFileError, match=message) as caught:
        read_decay(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(DecayFileError, match="no such file"):
        read_decay(tmp_path / "absent.csv")
    with pytest.raises(DecayFileError, match="is a folder"):
        read_decay(tmp_path)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(200, 256)))
    with pytest.raises(DecayFileError, match=r"not a text file .* expected columns"):
        read_decay(binary)
    binary.write_bytes(gzip.compress(b"0.1 1\n0.2 0.5\n"))
    assert read_decay(binary).signals.shape == (1, 2)
    binary.write_bytes(gzip.compress(b"0.1 1\n0.2 0.5\n")[:-9])
    with pytest.raises(DecayFileError, match=r"binary.csv: cannot be read \("):
        read_decay(binary)


def test_negative_points_on_request(tmp_path):
    path = tmp_path / "offsets.csv"
    path.write_text("-1,2\n1,2\n")
    assert read_decay(path, allow_negative=True).acquisition["time"].tolist() == [-1, 1]


def test_reads_csdm(tmp_path):
    csdmpy = pytest.importorskip("csdmpy")
    echo_times = csdmpy.MonotonicDimension(coordinates=["1 ms", "2 ms", "40 ms"])
    phase = np.exp(0.3j)
    data = csdmpy.CSDM(
        dimensions=[echo_times],
        dependent_variables=[
            csdmpy.as_dependent_variable(np.array([3.0, 2.0, 0.5]) * phase)
        ],
    )
    path = tmp_path / "decay.csdf"
    data.save(str(path))
    table = read_decay(path)
    # Milliseconds become seconds, and the phase is taken off.
    assert_allclose(table.acquisition.iloc[:, 0], [1e-3, 2e-3, 4e-2], rtol=1e-12)
    assert_allclose(table.signals.iloc[0], [3.0, 2.0, 0.5], rtol=1e-12)
    path.write_text("no json")
    with pytest.raises(DecayFileError, match="not a CSDM file"):
        read_decay(path)


def test_table_orientations_and_images():
    mask = np.array([[True, False], [True, True]])
    table = RelaxationTable(
        pd.DataFrame(np.arange(6.0).reshape(3, 2)),
        pd.DataFrame({"TE": [0.1, 0.2]}),
        pd.DataFrame({"T2": [1.0, 2.0, 3.0]}),
        {"mask": mask},
    )
    X, y = table.by_point()
    assert X.shape == (2, 1)
    assert y.shape == (2, 3)
    assert table.by_sample().shape == (3, 2)
    image = table.to_image("T2")
    assert_array_equal(image[mask], [1, 2, 3])
    assert np.isnan(image[0, 1])
    bins = np.arange(15.0).reshape(3, 5)
    image = table.to_image(bins, fill=-1.0)
    assert image.shape == (*mask.shape, 5)
    assert_array_equal(image[mask], bins)
    assert (image[~mask] == -1.0).all()
    for wrong in (bins.T, bins[None]):
        with pytest.raises(ValueError, match=r"values must have shape \(3,\) or"):
            table.to_image(wrong)
    with pytest.raises(ValueError, match=r"values must have shape \(3,\)"):
        table.to_image([1.0])
    with pytest.raises(ValueError, match="has no mask"):
        RelaxationTable(table.signals, table.acquisition).to_image("T2")
    with pytest.raises(ValueError, match="signals have 2 points"):
        RelaxationTable(table.signals, pd.DataFrame({"TE": [0.1]}))
    with pytest.raises(ValueError, match="mask has 3 voxels"):
        RelaxationTable(
            table.signals.iloc[:2], table.acquisition, spatial={"mask": mask}
        )
    with pytest.raises(ValueError, match="samples have 3 rows"):
        RelaxationTable(table.signals.iloc[:2], table.acquisition, table.samples)


def write_spinsolve(folder, rows, **settings):
    settings = {
        "minTau": 1, "maxTau": 100, "tauSteps": 3, "logspace": '"yes"', "echoTime": 100,
    } | settings  # fmt: skip
    (folder / "acqu.par").write_text(
        "\n".join(f"{name} = {value}" for name, value in settings.items())
    )
    path = folder / "data.dat.gz"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(rows))
    return path


def test_reads_spinsolve_text(tmp_path):
    path = write_spinsolve(tmp_path, ["-1,0,-0.5,0", "0.1,1,0,0", "1,0,0.5,0.25"])
    grid = read_spinsolve(path)
    assert_allclose(grid.inversion_times, [1e-3, 1e-2, 1e-1])
    assert_allclose(grid.echo_times, [1e-4, 2e-4])
    assert grid.echoes[1, 0] == 0.1 + 1j


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (["1,2", "3,4"], {}, "expected 3 rows of pairs"),
        (["1,2", "3,x", "5,6"], {}, r"gz:2: could not convert"),
        (["1,2", "3", "5,6"], {}, r"gz:2: expected 2 numbers, got 1"),
        (["1,2", "3,nan", "5,6"], {}, r"gz:2: NaN"),
        ([""], {}, "no data"),
        (["1,2"] * 3, {"echoTime": '"x"'}, "echoTime must be a positive number"),
    ],
)
def test_spinsolve_defects(tmp_path, rows, settings, message):
    with pytest.raises(ValueError, match=message):
        read_spinsolve(write_spinsolve(tmp_path, rows, **settings))


def test_spinsolve_without_parameters(tmp_path):
    path = tmp_path / "data.dat"
    path.write_text("1,2\n")
    with pytest.raises(ValueError, match=r"acqu\.par: cannot be read"):
        read_spinsolve(path)


def test_phase_correction_keeps_the_sign_of_the_recovered_rows():
    recovery = np.array([[-1.0, -0.5], [0.1, 0.0], [1.0, 0.6]])
    for phase in (0.2, 1.7, -2.9):
        real, imaginary, found = correct_phase(recovery * np.exp(1j * phase))
        assert_allclose(real, recovery, atol=1e-12)
        assert_allclose(imaginary, 0.0, atol=1e-12)
        assert_allclose(np.deg2rad(found), phase, atol=1e-12)


def test_compressed_echoes_keep_the_weighted_mean():
    times = np.arange(1, 101) * 1e-3
    signals = np.random.default_rng(0).standard_normal((2, 100))
    t, means, weights = compress_echoes(times, signals, 20)
    assert t.size <= 20
    assert weights.sum() == 100
    assert (np.diff(t) > 0).all()
    assert_allclose(np.average(means, weights=weights, axis=1), signals.mean(axis=1))
    with pytest.raises(ValueError, match="must increase"):
        compress_echoes(times[::-1], signals)
    with pytest.raises(ValueError, match="signals must end in 100"):
        compress_echoes(times, signals[:, :5])
    with pytest.raises(ValueError, match="n_windows"):
        compress_echoes(times, signals, 0)
