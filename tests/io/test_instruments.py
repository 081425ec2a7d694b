"""Files of instruments: what is read, what it says, and errors of damaged ones."""

import gzip

import instruments
import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.io import DecayFileError, read_decay, read_signal_grid

TIMES = np.geomspace(0.01, 2.0, 32)
RECOVERY = 1 - 2 * np.exp(-TIMES / 0.2)
FID = np.exp(-np.arange(32) / 8.0) * np.exp(0.5j)


@pytest.fixture
def nmrglue():
    return pytest.importorskip("nmrglue")


def test_minispec(tmp_path):
    times = 0.215 + 0.212 * np.arange(20)
    signal = 90 * np.exp(-times / 2.0)
    path = instruments.minispec(tmp_path, times, signal)
    for name in ("cpmg.dps", "renamed.txt", "packed.dps.gz"):
        content = path.read_bytes()
        other = tmp_path / name
        other.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        table = read_decay(other)
        assert table.measurement.format == "minispec"
        assert table.measurement.kernels == ("T2",)
        assert table.measurement.units == ("s",)
        assert_allclose(table.acquisition["TE"], 1e-3 * times)
        assert_allclose(table.signals.iloc[0], signal)
    path.write_text("0\t0.1\t1\n2\t0.2\t1\n")
    with pytest.raises(DecayFileError, match="three columns of a minispec, index"):
        read_decay(path)


def test_geospec_decay(tmp_path):
    times = 0.1 * np.arange(1, 201)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(200) + 1j * rng.standard_normal(200)
    signal = 1000 * np.exp(-times / 5.0) * np.exp(-2.9j) + 2.0 * noise
    path = instruments.geospec(tmp_path, 3, times, 0 * times, signal)
    table = read_decay(path)
    assert table.measurement.kernels == ("T2",)
    assert_allclose(table.acquisition["TE"], 1e-3 * times)
    assert_allclose(table.signals.iloc[0], 1000 * np.exp(-times / 5.0), atol=10.0)
    # The scatter of 200 points is known to 5 per cent.
    assert_allclose(table.samples["noise_std"], 2.0, rtol=0.15)
    assert_allclose(table.samples["phase"], np.rad2deg(-2.9), atol=0.1)
    rows = path.read_text().splitlines()
    path.write_text("\n".join(rows[:-10]))
    with pytest.raises(DecayFileError, match=r"200 x 1, but \[Data\] has 190 rows"):
        read_decay(path)
    path.write_text(path.read_text().replace("TestType=3", "TestType=9"))
    with pytest.raises(DecayFileError, match=r"TestType of 3, 7, .* got '9'"):
        read_decay(path)


@pytest.mark.parametrize(
    ("signal", "kernel", "column"),
    [
        (RECOVERY, "T1-IR", "TI"),
        (1 - np.exp(-TIMES / 0.2), "T1-SR", "TS"),
    ],
)
def test_geospec_recovery_by_its_signs(tmp_path, signal, kernel, column):
    path = instruments.geospec(
        tmp_path, 7, 1e3 * TIMES, 0 * TIMES, signal * np.exp(2.0j)
    )
    table = read_decay(path)
    assert table.measurement.kernels == (kernel,)
    assert list(table.acquisition) == [column]
    # The last point is the most recovered one, and positive.
    assert_allclose(table.signals.iloc[0], signal, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "kernels"),
    [
        (106, ("T1-IR", "T2")), (108, ("diffusion", "T2")), (110, ("T2", "T2")),
    ],
)  # fmt: skip
def test_geospec_planes(tmp_path, kind, kernels):
    first, second = np.array([1.0, 10.0, 100.0]), np.array([2.0, 4.0, 6.0, 8.0])
    rows = RECOVERY[[0, 16, 31]] if kind == 106 else np.array([1.0, 0.8, 0.3])
    plane = rows[:, None] * np.exp(-second / 5.0)
    path = instruments.geospec(
        tmp_path, kind, np.tile(second, 3), np.repeat(first, 4), plane.ravel() + 0j,
        dimensions=(4, 3),
    )  # fmt: skip
    table = read_decay(path)
    assert table.measurement.kernels == kernels
    grid = read_signal_grid(path)
    assert_allclose(grid.signals.real, plane, atol=1e-7)
    scale = 1.0 if kind == 108 else 1e-3
    assert_allclose(grid.points[0], scale * first)
    assert_allclose(grid.points[1], 1e-3 * second)


@pytest.mark.parametrize("packed", [False, True])
def test_tecmag_train(tmp_path, nmrglue, packed):
    times = 2e-4 * np.arange(1, 101)
    shape = np.array([0.5, 1.0, 1.0, 0.5])
    signal = np.exp(-times / 5e-3)
    rows = (signal[:, None] * shape * 1j).ravel()
    path = instruments.tecmag(tmp_path, rows, 4, "200u")
    if packed:
        content = path.read_bytes()
        path = tmp_path / "train.tnt.gz"
        path.write_bytes(gzip.compress(content))
    table = read_decay(path)
    assert table.measurement.kernels == ("T2",)
    assert_allclose(table.acquisition["TE"], times)
    assert_allclose(table.signals.iloc[0], 0.75 * signal, atol=1e-6)
    assert "4 points of each echo averaged" in table.measurement.notes
    middle = read_decay(path, average=False)
    assert_allclose(middle.signals.iloc[0], signal, atol=1e-6)
    given = read_decay(path, echo_spacing=1e-3)
    assert_allclose(given.acquisition["TE"], 5 * times)
    with pytest.raises(ValueError, match="region is for free decays"):
        read_decay(path, region=(-10.0, 10.0))


def test_tecmag_without_a_spacing(tmp_path, nmrglue):
    path = instruments.tecmag(tmp_path, np.exp(-np.arange(32) / 9.0), 4)
    with pytest.raises(DecayFileError, match=r"8 echoes, but no echo spacing .*--echo"):
        read_decay(path)
    assert_allclose(read_decay(path, echo_spacing=0.1).acquisition["TE"][7], 0.8)
    path = instruments.tecmag(tmp_path, np.ones(4), 4)
    with pytest.raises(DecayFileError, match="a single free decay"):
        read_decay(path)


def test_tecmag_delays(tmp_path, nmrglue):
    if not hasattr(nmrglue.tecmag, "guess_tables"):
        pytest.skip("tables of delays need nmrglue 0.12")
    rows = RECOVERY[::4, None] * FID
    table = [f"{1e3 * one:.6g}m" for one in TIMES[::4]]
    path = instruments.tecmag(tmp_path, rows, 32, table=table)
    found = read_decay(path)
    assert found.measurement.kernels == ("T1-IR",)
    assert_allclose(found.acquisition["TI"], TIMES[::4], rtol=1e-5)
    assert_allclose(found.signals.iloc[0], RECOVERY[::4], atol=1e-6)
    path = instruments.tecmag(tmp_path, rows, 32, table=table[:-1])
    with pytest.raises(DecayFileError, match="8 rows, but no tables of as many delays"):
        read_decay(path)


def test_topspin_delays(tmp_path, nmrglue):
    rows = 1e6 * RECOVERY[:, None] * FID
    delays = [f"{1e3 * one:.7g}m" for one in TIMES]
    path = instruments.bruker(tmp_path, rows, {"vdlist": delays})
    for source in (path, path / "ser"):
        table = read_decay(source)
        assert table.measurement.format == "bruker"
        assert table.measurement.kernels == ("T1-IR",)
        assert_allclose(table.acquisition["TI"], TIMES, rtol=1e-6)
        # Integers of a millionth, and the phase that a noise of this size leaves.
        assert_allclose(table.signals.iloc[0], 1e6 * RECOVERY, atol=5.0)
    assert_allclose(table.samples["phase"], np.rad2deg(0.5), atol=1e-3)


def test_topspin_regions_of_the_spectrum(tmp_path, nmrglue):
    # Two lines 2 kHz apart, of which the second recovers five times faster.
    n = np.arange(512)
    slow = np.exp(2j * np.pi * 0.1 * n - n / 60.0)
    fast = np.exp(-2j * np.pi * 0.1 * n - n / 60.0)
    other = 1 - 2 * np.exp(-TIMES / 0.04)
    rows = 1e6 * (RECOVERY[:, None] * slow + other[:, None] * fast)
    delays = [f"{one:.8g}s" for one in TIMES]
    path = instruments.bruker(tmp_path, rows, {"vdlist": delays})
    whole = read_decay(path).signals.iloc[0]
    assert_allclose(whole, 1e6 * (RECOVERY + other), atol=10.0)
    part = read_decay(path, region=(0.0, 2000.0))
    signal = part.signals.iloc[0] / part.signals.iloc[0].iloc[-1]
    # Of lines of 27 Hz half width, below 1 per cent lies on the other side.
    assert_allclose(signal, RECOVERY / RECOVERY[-1], atol=0.03)
    assert "0 to 2000 Hz" in " ".join(part.measurement.notes)
    with pytest.raises(ValueError, match="region must lie within the spectrum"):
        read_decay(path, region=(1e6, 2e6))


@pytest.mark.parametrize(
    ("program", "lists", "options", "column", "kernel", "points"),
    [
        ("cpmg", {"vclist": [2, 4, 8]}, {"echo_spacing": 1e-3}, "TE", "T2",
         [2e-3, 4e-3, 8e-3]),
        ("zg_x", {"vplist": ["1m", "20m", "0.3s"]}, {}, "TSL", "T1rho",
         [1e-3, 0.02, 0.3]),
        ("zg_x", {"vplist": [1000, 20000, 300000]}, {}, "TSL", "T1rho",
         [1e-3, 0.02, 0.3]),
        ("satrect1", {"vdlist": ["100u", "0.1", "2s"]}, {}, "TS", "T1-SR",
         [1e-4, 0.1, 2.0]),
        ("zg_x", {"vdlist": ["100u", "0.1", "2s"]}, {}, "time", None,
         [1e-4, 0.1, 2.0]),
    ],
)  # fmt: skip
def test_topspin_lists(
    tmp_path, nmrglue, program, lists, options, column, kernel, points
):
    signal = np.array([1.0, 0.5, 0.2]) if kernel != "T1-SR" else np.array([0.1, 0.5, 1])
    path = instruments.bruker(tmp_path, 1e6 * signal[:, None] * FID, lists, program)
    table = read_decay(path, **options)
    assert table.measurement.kernels == (None if kernel is None else (kernel,))
    assert_allclose(table.acquisition[column], points)
    assert_allclose(table.signals.iloc[0], 1e6 * signal, atol=5.0)


def test_topspin_loops_whose_length_is_not_known(tmp_path, nmrglue):
    rows = 1e6 * np.array([1.0, 0.5, 0.2])[:, None] * FID
    lists = {"vclist": [2, 4, 8]}
    path = instruments.bruker(tmp_path, rows, lists, "cpmg_x", [0, 5, 1e-3, 2e-3])
    with pytest.raises(DecayFileError, match=r"--echo-spacing.* d2 0.001 s, d3 0.002"):
        read_decay(path)
    delays = [0.0, 5.0, 0.0, 1e-3]
    path = instruments.bruker(tmp_path, rows, lists, "cpmg_x", delays, name="8")
    with pytest.warns(UserWarning, match=r"2 d3 \+ p2 = 2006.2 us"):
        table = read_decay(path)
    assert_allclose(table.acquisition["TE"], np.array([2, 4, 8]) * 2006.2e-6)


def test_topspin_that_does_not_fit(tmp_path, nmrglue):
    rows = 1e6 * RECOVERY[:, None] * FID
    path = instruments.bruker(tmp_path, rows, {"vdlist": TIMES[:-2]})
    with pytest.raises(DecayFileError, match="vdlist: 30 entries, but 32 rows in ser"):
        read_decay(path)
    (path / "vdlist").write_text("1s\ntwo\n")
    with pytest.raises(DecayFileError, match=r"vdlist:2: expected a number .* 'two'"):
        read_decay(path)
    (path / "vdlist").unlink()
    with pytest.raises(DecayFileError, match=r"expected one of vdlist, .* found none"):
        read_decay(path)
    (path / "vdlist").write_text("1s\n" * 32)
    (path / "ser").write_bytes((path / "ser").read_bytes()[: 20 * 1024])
    with pytest.raises(DecayFileError, match=r"20480 bytes, .* take 32768; was the"):
        read_decay(path)
    (path / "acqus").write_bytes(b"\xff\xfe junk")
    with pytest.raises(DecayFileError, match="not a TopSpin experiment, or cut short"):
        read_decay(path)


def test_a_folder_with_several_experiments(tmp_path, nmrglue):
    for name in ("7", "8"):
        rows = 1e6 * RECOVERY[:, None] * FID
        instruments.bruker(tmp_path, rows, {"vdlist": TIMES}, name=name)
    with pytest.raises(DecayFileError, match="with 2 experiments: 7, 8; name the one"):
        read_decay(tmp_path)


@pytest.mark.parametrize(
    ("name", "kernel", "signal"),
    [
        ("d2", "T1-IR", RECOVERY),
        ("bigtau", "T2", np.exp(-TIMES / 0.3)),
        ("foo", None, np.exp(-TIMES / 0.3)),
    ],
)
def test_agilent(tmp_path, nmrglue, name, kernel, signal):
    path = instruments.varian(tmp_path, 100 * signal[:, None] * FID, name, TIMES)
    for source in (path, path / "fid"):
        table = read_decay(source)
        assert table.measurement.format == "varian"
        assert table.measurement.kernels == (None if kernel is None else (kernel,))
        assert_allclose(table.acquisition.iloc[:, 0], TIMES)
        # Single precision.
        assert_allclose(table.signals.iloc[0], 100 * signal, atol=1e-4)


def test_agilent_that_does_not_fit(tmp_path, nmrglue):
    rows = RECOVERY[:, None] * FID
    path = instruments.varian(tmp_path, rows, "d2", TIMES[:-3])
    with pytest.raises(DecayFileError, match="29 values of d2, but 32 rows in fid"):
        read_decay(path)
    (path / "fid").write_bytes((path / "fid").read_bytes()[:3000])
    with pytest.raises(DecayFileError, match="not an Agilent experiment, or cut short"):
        read_decay(path)


def test_jeol(tmp_path, nmrglue):
    if not hasattr(nmrglue, "jeol"):
        pytest.skip("JEOL files need nmrglue 0.12")
    times = np.linspace(0.01, 2.0, 32)
    signal = 1 - 2 * np.exp(-times / 0.2)
    path = instruments.jeol(tmp_path, signal[:, None] * FID, 0.01, 2.0)
    table = read_decay(path)
    assert table.measurement.format == "jeol"
    assert table.measurement.kernels == ("T1-IR",)
    assert_allclose(table.acquisition["TI"], times)
    assert_allclose(table.signals.iloc[0], signal, atol=1e-9)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DecayFileError, match="not a JEOL file, or cut short"):
        read_decay(path)
    path = instruments.jeol(tmp_path, signal[:, None] * FID, 0.01, 2.0, listed=True)
    with pytest.raises(DecayFileError, match="the delays are a list"):
        read_decay(path)


DELAYS = {"minTau": 10, "maxTau": 2000, "tauSteps": 32, "logspace": '"yes"'}
ECHOES = {"nrEchoes": 32, "echoTime": 400}
GRADIENTS = {"nrSteps": 32, "gradMax": 500, "gradAmpPC": 80, "bDelta": 20, "lDelta": 2}
# (gamma g delta)^2 (Delta - delta / 3) of protons, in SI units.
B_VALUES = (267.52218744e6 * np.linspace(0, 0.4, 32) * 2e-3) ** 2 * (20e-3 - 2e-3 / 3)
TRAIN = 4e-4 * np.arange(1, 33)


@pytest.mark.parametrize(
    ("experiment", "settings", "kernel", "points", "signal"),
    [
        ("T2", ECHOES, "T2", TRAIN, np.exp(-TRAIN / 5e-3)),
        ("CPMG", ECHOES, "T2", TRAIN, np.exp(-TRAIN / 5e-3)),
        ("T1", DELAYS, "T1-IR", TIMES, RECOVERY),
        ("T1IR", DELAYS, "T1-IR", TIMES, RECOVERY),
        ("T1SR", DELAYS, "T1-SR", TIMES, 1 - np.exp(-TIMES / 0.2)),
        ("PGSE", GRADIENTS, "diffusion", B_VALUES, np.exp(-B_VALUES * 2e-9)),
        ("PGSTE", GRADIENTS, "diffusion", B_VALUES, np.exp(-B_VALUES * 2e-9)),
    ],
)
@pytest.mark.parametrize("layout", ["channels", "axis", "axis in ms", "one row"])
def test_spinsolve_decays(
    tmp_path, experiment, settings, kernel, points, signal, layout
):
    turned = signal * np.exp(0.4j)
    rows = instruments.interleaved(turned[:, None])
    if layout == "one row":
        rows = instruments.interleaved(turned)
    elif layout != "channels":
        axis = points * (1e3 if layout == "axis in ms" else 1.0)
        rows = np.column_stack([axis, rows])
    folder = instruments.spinsolve(tmp_path, experiment, rows, **settings)
    table = read_decay(folder)
    assert table.measurement.format == "spinsolve"
    assert table.measurement.kernels == (kernel,)
    assert table.measurement.units == ("s/m²" if kernel == "diffusion" else "s",)
    assert_allclose(table.acquisition.iloc[:, 0], points, rtol=1e-9)
    assert_allclose(table.signals.iloc[0], signal, atol=1e-7)
    assert_allclose(read_decay(folder / "data.dat").signals, table.signals)


@pytest.mark.parametrize(
    ("experiment", "settings", "kernels", "first"),
    [
        ("T1IRT2", DELAYS | ECHOES, ("T1-IR", "T2"), TIMES),
        ("T1SRT2", DELAYS | ECHOES, ("T1-SR", "T2"), TIMES),
        ("DT2", GRADIENTS | ECHOES, ("diffusion", "T2"), B_VALUES),
        ("D-T2", GRADIENTS | ECHOES, ("diffusion", "T2"), B_VALUES),
    ],
)
def test_spinsolve_planes(tmp_path, experiment, settings, kernels, first):
    rows = {
        "T1-IR": RECOVERY, "T1-SR": 1 - np.exp(-TIMES / 0.2),
        "diffusion": np.exp(-B_VALUES * 2e-9),
    }[kernels[0]]  # fmt: skip
    plane = np.outer(rows, np.exp(-TRAIN / 5e-3)) * np.exp(0.4j)
    folder = instruments.spinsolve(
        tmp_path, experiment, instruments.interleaved(plane), **settings
    )
    table = read_decay(folder)
    assert table.measurement.kernels == kernels
    grid = read_signal_grid(folder)
    assert_allclose(grid.points[0], first)
    assert_allclose(grid.points[1], TRAIN)
    assert_allclose(grid.signals, plane, atol=1e-8)
    assert_allclose(table.signals.iloc[0], np.abs(plane.ravel()) * np.sign(
        plane * np.exp(-0.4j)).real.ravel(), atol=1e-7)  # fmt: skip


@pytest.mark.parametrize(
    ("experiment", "changes", "message"),
    [
        ("T1", {"tauSteps": 40}, "expected 40 rows, one per point of TI, got 32; was"),
        ("T1", {"minTau": "x"}, r"acqu\.par: minTau must be a positive number"),
        ("PGSE", {"gradMax": 0}, r"acqu\.par: gradMax must be a positive number"),
        ("PGSE", {"gradAmpPC": 120}, "gradAmpPC must be in"),
        ("PGSE", {"bDelta": 0.1}, "bDelta must be above a third of lDelta"),
        ("PGSE", {"nucleus": '"99Xx"'}, "gyromagnetic ratio of '99XX' is not known"),
        ("Proton", {}, "expected an experiment such as T1, T2, PGSTE"),
    ],
)
def test_spinsolve_that_does_not_fit(tmp_path, experiment, changes, message):
    rows = instruments.interleaved(RECOVERY[:, None] + 0j)
    settings = DELAYS | GRADIENTS | changes
    folder = instruments.spinsolve(tmp_path, experiment, rows, **settings)
    with pytest.raises(DecayFileError, match=message):
        read_decay(folder)


def test_spinsolve_with_another_axis_or_file(tmp_path):
    rows = np.column_stack([TIMES**2, RECOVERY, 0 * RECOVERY])
    folder = instruments.spinsolve(tmp_path, "T1", rows, **DELAYS)
    with pytest.raises(DecayFileError, match="is not the TI of the parameters"):
        read_decay(folder)
    (folder / "again.dat").write_text("1,2\n")
    with pytest.raises(DecayFileError, match="expected one file with the echoes"):
        read_decay(folder)


def test_without_nmrglue(tmp_path, monkeypatch):
    path = tmp_path / "train.tnt"
    path.write_bytes(b"TNT1.008" + bytes(100))
    monkeypatch.setitem(__import__("sys").modules, "nmrglue", None)
    with pytest.raises(ImportError, match=r"skrelax\[nmr\]"):
        read_decay(path)
