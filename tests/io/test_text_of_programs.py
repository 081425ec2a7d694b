"""Text as spreadsheets, R and people write it: read right, or said, never misread."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.io import DecayFileError, read_decay, read_signal_grid

TIMES = np.array([10.0, 20.5, 40.0, 80.0, 120.0, 160.0])
SIGNAL = np.round(np.exp(-TIMES / 80.0), 5)


def rows(separator=",", form="{}", columns=(TIMES, SIGNAL)):
    return "\n".join(
        separator.join(form.format(one) for one in row)
        for row in zip(*columns, strict=True)
    )


def commas(text):
    return text.replace(".", ",")


def write(folder, text):
    path = folder / "decay.csv"
    path.write_bytes(text.encode())
    return path


NUMBERED = (np.arange(1, 7), TIMES, SIGNAL)


@pytest.mark.parametrize(
    "text",
    [
        '"TE (ms)","signal"\n' + rows(),
        "'TE (ms)','signal'\n" + rows(),
        '"TE (ms)","signal"\n' + rows(form='"{}"'),
        '"TE (ms)","signal"\n' + commas(rows(form='"{}"')),
        '"","TE (ms)","signal"\n' + rows(columns=NUMBERED),
        '"TE (ms)" "signal"\n' + rows(" ", columns=NUMBERED),
        "n,TE (ms),signal\n" + rows(columns=(5 + np.arange(6), TIMES, SIGNAL)),
        "TE (ms),index,signal\n" + rows(columns=(TIMES, np.arange(6), SIGNAL)),
        "Sample,3\nTE (ms),signal\n" + rows(),
        "Temperature 25\nTE (ms)  signal\n" + rows(" "),
        "25 C in the lab\nTE (ms)  signal\n" + rows(" "),
        "TE {ms};signal\n" + commas(rows(";")),
        "TE (10^-3 s),signal\n" + rows(),
        "TE (10⁻³ s),signal\n" + rows(),
        "TE: ms,signal\n" + rows(),
        "TE (msec.),signal\n" + rows(),
        "TE (ms)\x0b,signal\n" + rows(),
        "TE (ms) signal\n" + rows(" ").replace("40.0", "4.0D+01"),
    ],
)
def test_one_table_in_many_forms(tmp_path, text):
    table = read_decay(write(tmp_path, text))
    assert table.measurement.kernels == ("T2",)
    assert_allclose(table.acquisition["TE"], 1e-3 * TIMES, rtol=1e-12)
    assert_allclose(table.signals.loc["signal"], SIGNAL)


@pytest.mark.parametrize("separator", [";", "\t", " "])
def test_decimal_commas_beside_whole_numbers(tmp_path, separator):
    # The last line, which is looked at first, has none.
    text = f"TE{separator}signal\n" + commas(rows(separator)) + f"\n400{separator}0"
    table = read_decay(write(tmp_path, text))
    assert_allclose(table.acquisition["TE"], [*TIMES, 400.0])
    assert_allclose(table.signals.loc["signal"], [*SIGNAL, 0.0])
    path = write(tmp_path, "TI/TE;1,5;2\n1;2;3\n2;3;4\n")
    assert_allclose(read_signal_grid(path).points[1], [1.5, 2.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TE,signal\n" + commas(rows()), "but 2 names: are these decimal commas"),
        ("0,10,1,5\n0,20,1,0\n0,30,0,5\n", "are these decimal commas"),
        ("TE,signal\n" + rows() + "\nEND", ":8: expected a number in column 1"),
        ("TE,signal\n" + rows() + "\nTE,signal\n" + rows(), ":8: expected a number"),
        (rows(columns=(5 + np.arange(6), TIMES, SIGNAL)), "column 1 counts 5, 6, 7"),
        (rows(columns=([0, 1, 3, 4, 6, 9], [2, 4, 8, 10, 14, 20], SIGNAL)),
         "column 1 counts 0, 1, 3"),
        ("index,signal\n" + rows(columns=(np.arange(6), SIGNAL)), "--echo-spacing"),
        ("TE,signal\n10,0.5+0.1i\n20,0.1\n", "column 2 is complex"),
    ],
)  # fmt: skip
def test_what_would_be_misread_is_refused(tmp_path, text, message):
    with pytest.raises(DecayFileError, match=message):
        read_decay(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TE (ticks),signal\n" + rows(), "'ticks', is not known"),
        ("R2 (1/s),signal\n" + rows(), "'1/s', is not known"),
        ("TE (s),signal\nms,V\n" + rows(), "has two units: ms is taken"),
        ("TE,signal,error\n" + rows(), r"has 3 names \(TE, signal, error\), but"),
        (rows(columns=(np.arange(6), SIGNAL)), "column 1 counts 0, 1, 2, ...;"),
        ("TE,real,imag,other\n" + rows(columns=(TIMES, SIGNAL, SIGNAL, SIGNAL)),
         "columns real, imag are named as channels, but each"),
    ],
)  # fmt: skip
def test_what_is_passed_over_is_said(tmp_path, text, message):
    with pytest.warns(UserWarning, match=message):
        table = read_decay(write(tmp_path, text))
    assert len(table.acquisition) == len(TIMES)


@pytest.mark.parametrize("header", ["index,signal\n", ""])
@pytest.mark.parametrize("first", [0, 1])
def test_echoes_that_are_counted(tmp_path, header, first):
    text = header + rows(columns=(first + np.arange(6), SIGNAL))
    table = read_decay(write(tmp_path, text), echo_spacing=2e-3)
    assert_allclose(table.acquisition["TE"], 2e-3 * np.arange(1, 7))
    assert table.measurement.units == ("s",)
    assert any("2000 us each" in note for note in table.measurement.notes)


@pytest.mark.parametrize(
    "header",
    ["TE,Re,Im,Abs", "TE,Re1,Im1,phase", "TE,magnitude,S_real,S_imag", "TE,im,re,abs"],
)
def test_channels_wherever_they_stand(tmp_path, header):
    signal = SIGNAL * np.exp(1.0j)
    columns = {"re": signal.real, "im": signal.imag}
    names = [name.lower().split("_")[-1][:2] for name in header.split(",")[1:]]
    table = read_decay(
        write(
            tmp_path,
            f"{header}\n"
            + rows(columns=(TIMES, *(columns.get(name, SIGNAL) for name in names))),
        )
    )
    assert_allclose(table.samples["phase"], np.rad2deg(1.0))
    assert_allclose(table.signals.loc["signal"], SIGNAL, rtol=1e-12)
    assert any("is left out" in note for note in table.measurement.notes)


def test_a_minispec_that_ends_in_a_number(tmp_path):
    path = tmp_path / "cpmg.dps"
    lines = [f"{i}\t{0.2 * i + 0.1:.10f}\t{100.0 - i:.10f}" for i in range(8)]
    path.write_text("\n".join(lines)[:-7])
    with pytest.raises(DecayFileError, match=r":8: expected ten decimals.*cut short"):
        read_decay(path)
