"""Text tables as people and programs write them: each row of what was tried."""

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.io import DecayFileError, read_decay, read_signal_grid


def write(folder, text, encoding="utf-8", name="decay.csv"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "TE;signal\n0,1;1,0\n0,2;0,5\n",
        "TE\tsignal\n0,1\t1,0\n0,2\t0,5\n",
        "TE signal\n0,1  1,0\n0,2  0,5\n",
        "0,1;1\n0,2;0,5\n",
        "TE;signal\n1,0e-1;1\n2,0E-1;5,0e-1\n",
    ],
)
def test_decimal_commas(tmp_path, text):
    table = read_decay(write(tmp_path, text))
    assert_array_equal(table.acquisition.iloc[:, 0], [0.1, 0.2])
    assert_array_equal(table.signals.iloc[0], [1.0, 0.5])
    assert any("decimal commas" in note for note in table.measurement.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # Points and commas in one file: one of them parts thousands.
        ("0,1;1.0\n0,2;0,5\n", ":1: .*'1.0'; other numbers have decimal commas"),
        ("0,1;1,0\n0,2;1.000,5\n", ":2: .*'1.000,5'; other numbers"),
        ("0,1;1,0\n0,2;1,000,5\n", ":2: expected a number in column 2"),
    ],
)
def test_decimal_commas_that_are_ambiguous(tmp_path, text, message):
    with pytest.raises(DecayFileError, match=message):
        read_decay(write(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings(tmp_path, encoding, packed):
    header = "Zeit,Höhe" if encoding != "utf-16-le" else "Zeit,Hoehe"
    path = write(tmp_path, f"{header}\n0.1,1\n0.2,0.5\n", encoding)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    table = read_decay(path)
    assert_array_equal(table.acquisition["Zeit"], [0.1, 0.2])
    assert_array_equal(table.signals.loc[header.split(",")[1]], [1.0, 0.5])


@pytest.mark.parametrize(
    ("header", "factor", "unit", "name"),
    [
        ("Time (ms),signal", 1e-3, "s", "Time"),
        ("t / us,signal", 1e-6, "s", "t"),
        ("TE [µs],signal", 1e-6, "s", "TE"),
        ("TE_ms,signal", 1e-3, "s", "TE"),
        ("Echo time in ms,signal", 1e-3, "s", "Echo time"),
        ("time (min),signal", 60.0, "s", "time"),
        ("TE (s),signal", 1.0, "s", "TE"),
        ("b (s/mm2),signal", 1e6, "s/m²", "b"),
        ("b / ms/µm²,signal", 1e9, "s/m²", "b"),
        ("b (10^9 s/m^2),signal", 1e9, "s/m²", "b"),
        ("TE,signal\nms,V", 1e-3, "s", "TE"),
        ("TE,signal\n(ms),(a.u.)", 1e-3, "s", "TE"),
        ("time,signal", 1.0, "", "time"),
        ("TE (furlongs),signal", 1.0, "", "TE (furlongs)"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*implausible", "ignore:.*is not known")
def test_units_of_headers(tmp_path, header, factor, unit, name):
    table = read_decay(write(tmp_path, f"{header}\n1,1\n2,0.5\n"))
    assert table.measurement.units == (unit,)
    assert list(table.acquisition) == [name]
    assert_allclose(table.acquisition[name], factor * np.array([1, 2]), rtol=1e-14)
    said = any("converted to" in note for note in table.measurement.notes)
    assert said == (factor != 1.0)


def test_a_unit_with_blanks_between_columns(tmp_path):
    path = write(tmp_path, "Time (ms)  Signal (a.u.)\n1 1\n2 0.5\n")
    assert_allclose(read_decay(path).acquisition["Time"], [1e-3, 2e-3])
    # A unit is never passed over: where the header is not understood, it is said.
    path = write(tmp_path, "Time in the lab (ms) of all\n1 1\n2 0.5\n")
    with pytest.warns(UserWarning, match="names a unit, 'ms'.*taken as they are"):
        assert_allclose(read_decay(path).acquisition["time"], [1, 2])
    path = write(tmp_path, "b (ms),signal\n1,1\n2,0.5\n")
    with pytest.warns(UserWarning, match="calls the first column b, but its unit is"):
        read_decay(path)


@pytest.mark.parametrize(
    ("header", "kernels"),
    [
        ("TE,signal", ("T2",)),
        ("TI (ms),signal", ("T1-IR",)),
        ("b (s/mm2),signal", ("diffusion",)),
        ("time,signal", None),
        ("B,signal", None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*implausible")
def test_the_header_tells_the_experiment(tmp_path, header, kernels):
    table = read_decay(write(tmp_path, f"{header}\n1,1\n2,0.5\n"))
    assert table.measurement.kernels == kernels


@pytest.mark.parametrize(
    "text",
    [
        "Sample 7\nmeasured on a Monday\nTE,signal\n0.1,1\n0.2,0.5\n",
        "% a comment\n// another\n; a third, 2 of 3\nTE,signal\n0.1,1\n0.2,0.5\n",
        "Title: x\n\nTE,signal\n# between\n0.1,1\n% within\n0.2,0.5\n",
    ],
)
def test_several_headers_and_comments(tmp_path, text):
    table = read_decay(write(tmp_path, text))
    assert_array_equal(table.acquisition["TE"], [0.1, 0.2])
    assert_array_equal(table.signals.loc["signal"], [1.0, 0.5])


@pytest.mark.parametrize(
    "header", ["# TE (ms),signal", "# of today\n# TE (ms)\tsignal", "% TE (ms) signal"]
)
def test_a_header_may_be_a_comment(tmp_path, header):
    table = read_decay(write(tmp_path, f"{header}\n1,1\n2,0.5\n"))
    assert_allclose(table.acquisition["TE"], [1e-3, 2e-3])
    assert table.measurement.kernels == ("T2",)
    # Words that name no times are no header.
    table = read_decay(write(tmp_path, "# measured today,twice\n1,1\n2,0.5\n"))
    assert list(table.acquisition) == ["time"]


def test_times_need_not_be_first(tmp_path):
    table = read_decay(write(tmp_path, "signal,Time (ms)\n1,10\n0.5,20\n"))
    assert_allclose(table.acquisition["Time"], [0.01, 0.02])
    assert_allclose(table.signals.loc["signal"], [1.0, 0.5])
    assert "column 2, 'Time (ms)', holds the times" in table.measurement.notes
    # Names that may be those of signals move nothing.
    table = read_decay(write(tmp_path, "delays,b,x\n1,10,3\n2,20,4\n"))
    assert list(table.acquisition) == ["delays"]


def test_errors_name_the_line_of_the_file(tmp_path):
    text = "Sample 7\n% a comment\nTE,signal\n0.1,1\n\n0.2,x\n"
    with pytest.raises(DecayFileError, match=r"decay\.csv:6: .*'x'"):
        read_decay(write(tmp_path, text))
    with pytest.raises(DecayFileError, match=r":201: .* after 200 lines of text"):
        read_decay(write(tmp_path, "words words\n" * 300 + "0.1 1\n"))


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("time,real,imaginary", {}),
        ("t,Re,Im", {}),
        ("t,Real (V),Imag (V)", {}),
        ("t,a,b", {"pairs": True}),
        (None, {"pairs": True}),
    ],
)
def test_columns_of_channels_are_one_signal(tmp_path, header, options):
    t = np.linspace(0.01, 1, 40)
    signal = np.exp(-t / 0.2) * np.exp(2.0j)
    rows = [
        f"{a:.6g},{b.real:.9g},{b.imag:.9g}" for a, b in zip(t, signal, strict=True)
    ]
    text = "\n".join([header, *rows] if header else rows)
    table = read_decay(write(tmp_path, text), **options)
    assert table.signals.shape == (1, 40)
    assert_allclose(table.signals.iloc[0], np.exp(-t / 0.2), atol=1e-7)
    assert_allclose(table.samples["phase"], np.rad2deg(2.0), rtol=1e-6)
    # Without the header, and where it is refused, they are two signals.
    table = read_decay(write(tmp_path, text), pairs=False)
    assert table.signals.shape == (2, 40)


def test_a_column_of_magnitudes_beside_channels_is_left_out(tmp_path):
    text = "t,real,imag,magnitude\n0.1,3,4,5\n0.2,1.5,2,2.5\n"
    table = read_decay(write(tmp_path, text))
    assert_allclose(table.signals.to_numpy(), [[5.0, 2.5]])
    assert any("left out" in note for note in table.measurement.notes)
    with pytest.raises(DecayFileError, match="expected pairs of columns"):
        read_decay(write(tmp_path, "0.1,3,4,5\n"), pairs=True)


def test_a_counter_is_no_time_axis(tmp_path):
    times = 0.2 * np.arange(1, 9)
    rows = [f"{i},{t:.3f},{np.exp(-t):.5f}" for i, t in enumerate(times)]
    with pytest.raises(DecayFileError, match=r"counts 0, 1, 2, \.\.\. and column 2"):
        read_decay(write(tmp_path, "\n".join(rows)))
    with pytest.raises(DecayFileError, match=r"from 0.2 to 1.6: which are the times"):
        read_decay(write(tmp_path, "\n".join(["x1,x2,x3", *rows])))
    for header in ("index,time,signal", "#no,Time (s),signal", "Echo,TE,signal"):
        text = "\n".join([header.replace("#", ""), *rows])
        table = read_decay(write(tmp_path, text))
        assert_allclose(table.acquisition.iloc[:, 0], times)
        assert any("counts the rows" in note for note in table.measurement.notes)
    # Times that are whole seconds, and say so, beside signals that grow.
    text = "\n".join(["time,recovery,other", *rows])
    assert_allclose(read_decay(write(tmp_path, text)).acquisition["time"], range(8))


@pytest.mark.parametrize(
    ("header", "points", "message"),
    [
        ("TE (s),signal", [1000, 2000], "times of TE reach 2e\\+03 s, .* long"),
        ("TE (ns),signal", [1, 2], "times of TE reach 2e-09 s, .* short"),
        ("b (s/m2),signal", [1, 2], "b values reach 2 s/m², which is implausible"),
    ],
)
def test_implausible_points_are_said(tmp_path, header, points, message):
    text = f"{header}\n{points[0]},1\n{points[1]},0.5\n"
    with pytest.warns(UserWarning, match=message):
        read_decay(write(tmp_path, text))


def test_a_decay_that_grows_is_said(tmp_path):
    t = np.linspace(0.01, 1, 40)
    rows = [f"{a:.4f},{1 - np.exp(-a / 0.2):.6f}" for a in t]
    with pytest.warns(UserWarning, match=r"grows from 0\.\d+ near 0.01 to 0\.9\d+"):
        read_decay(write(tmp_path, "\n".join(["TE,signal", *rows])))
    # A decay whose noise is large does not grow.
    noise = np.random.default_rng(0).standard_normal(40)
    rows = [
        f"{a:.4f},{np.exp(-a / 0.02) + n:.6f}" for a, n in zip(t, noise, strict=True)
    ]
    read_decay(write(tmp_path, "\n".join(["TE,signal", *rows])))


def test_a_recovery_that_falls_is_said(tmp_path):
    t = np.linspace(0.01, 1, 40)
    for sign in (1.0, -1.0):
        rows = [f"{a:.4f},{sign * (1 - 1.9 * np.exp(-a / 0.2)):.6f}" for a in t]
        path = write(tmp_path, "\n".join(["TI,signal", *rows]))
        if sign > 0:
            read_decay(path)
            continue
        with pytest.warns(UserWarning, match=r"from 0\.8\d+ to -0\.9\d+ along TI"):
            read_decay(path)


def test_first_echoes_out_of_phase_are_no_noise(tmp_path):
    t = 1e-3 * np.arange(1, 201)
    imaginary = 0.01 * np.random.default_rng(0).standard_normal(200)
    imaginary[:4] += [0.9, -0.7, 0.6, -0.4]
    rows = [
        f"{a:.4f},{b:.7f},{c:.7f}"
        for a, b, c in zip(t, np.exp(-t / 0.1), imaginary, strict=True)
    ]
    table = read_decay(write(tmp_path, "\n".join(["TE,real,imag", *rows])), phase=0.0)
    assert_allclose(table.samples["noise_std"], 0.01, rtol=0.2)


def test_phases_that_do_not_settle_are_said(tmp_path):
    t = np.linspace(0.01, 1, 200)
    signal = np.exp(-t / 0.5 + 3j * t)
    rows = [
        f"{a:.4f},{b.real:.7f},{b.imag:.7f}" for a, b in zip(t, signal, strict=True)
    ]
    path = write(tmp_path, "\n".join(["TE,real,imag", *rows]))
    with pytest.warns(UserWarning, match=r"does not settle: .* \d+ % of the signal"):
        read_decay(path)
    table = read_decay(path, phase=False)
    assert_allclose(table.signals.iloc[0], signal.real, atol=1e-6)
    assert "no phase removed" in " ".join(table.measurement.notes)


def test_a_phase_that_is_given(tmp_path):
    path = write(tmp_path, "TE,real,imag\n0.1,0,2\n0.2,0,1\n")
    table = read_decay(path, phase=90)
    assert_allclose(table.signals.iloc[0], [2.0, 1.0])
    assert_allclose(read_decay(path, phase=-90.0).signals.iloc[0], [-2.0, -1.0])
    with pytest.raises(TypeError, match="phase must be True, False or degrees"):
        read_decay(path, phase="auto")


def test_a_matrix_whose_corner_names_both_axes(tmp_path):
    path = write(tmp_path, "TI/TE (ms);10;20;30\n100;-1;-2;-3\n200;4;5;6\n")
    table = read_decay(path)
    assert table.measurement.format == "matrix"
    assert table.measurement.kernels == ("T1-IR", "T2")
    assert_allclose(table.acquisition["TI"], np.repeat([0.1, 0.2], 3))
    assert_allclose(table.acquisition["TE"], np.tile([0.01, 0.02, 0.03], 2))
    assert_allclose(table.signals.iloc[0], [-1, -2, -3, 4, 5, 6])
    grid = read_signal_grid(path)
    assert grid.names == ("TI", "TE")
    assert_allclose(grid.signals, [[-1, -2, -3], [4, 5, 6]])


def test_formats_that_are_given(tmp_path):
    path = write(tmp_path, "0\t0.2\t3\n1\t0.4\t2\n2\t0.6\t1\n3\t0.8\t0.5\n")
    assert_allclose(read_decay(path, "minispec").acquisition["TE"][0], 2e-4)
    with pytest.raises(ValueError, match="format must be None or one of csdm, bruker"):
        read_decay(path, "excel")
    with pytest.raises(TypeError, match="format must be None or one of"):
        read_decay(path, 3)
    with pytest.raises(DecayFileError, match="is a folder, but no text experiment"):
        read_decay(tmp_path, "text")
    pytest.importorskip("nmrglue")
    with pytest.raises(DecayFileError, match="not a Tecmag file, or cut short"):
        read_decay(path, "tecmag")
