"""Files of instruments that were damaged on the way, and absurd arguments.

Measurement, read_decay, read_signal_grid.
"""

import hostile
import instruments
import numpy as np
import pytest

from skrelax.io import Measurement, read_decay, read_signal_grid

TIMES = np.geomspace(0.01, 2.0, 32)
FID = np.exp(-np.arange(32) / 8.0) * np.exp(0.5j)
ROWS = 1e6 * (1 - 2 * np.exp(-TIMES / 0.2))[:, None] * FID
SPINSOLVE = {
    "minTau": 10, "maxTau": 2000, "tauSteps": 32, "nrEchoes": 32, "echoTime": 400,
    "nrSteps": 32, "gradMax": 500, "bDelta": 20, "lDelta": 2,
}  # fmt: skip


def write(kind, folder):
    """Return the source of a format, and the files of it that may be damaged."""
    if kind == "minispec":
        path = instruments.minispec(
            folder, 0.2 * np.arange(1, 21), np.linspace(9, 1, 20)
        )
    elif kind == "geospec":
        path = instruments.geospec(folder, 7, TIMES, 0 * TIMES, ROWS[:, 0])
    elif kind == "tecmag":
        path = instruments.tecmag(folder, np.repeat(FID, 4), 4, "200u")
    elif kind == "jeol":
        path = instruments.jeol(folder, ROWS, 0.01, 2.0)
    elif kind == "bruker":
        path = instruments.bruker(folder, ROWS, {"vdlist": TIMES})
        return path, [path / name for name in ("ser", "acqus", "acqu2s", "vdlist")]
    elif kind == "varian":
        path = instruments.varian(folder, ROWS, "d2", TIMES)
        return path, [path / name for name in ("fid", "procpar")]
    else:
        rows = instruments.interleaved(ROWS)
        path = instruments.spinsolve(folder, kind, rows, **SPINSOLVE)
        return path, [path / name for name in ("data.dat", "acqu.par")]
    return path, [path]


def damaged(whole):
    """Yield bytes of a file that were damaged on the way."""
    rng = np.random.default_rng(0)
    yield from (b"", bytes(len(whole)), whole * 2, whole[::-1], whole.upper())
    for k in range(12):
        yield whole[: rng.integers(len(whole))]
        changed = bytearray(whole)
        # Headers are where harm is done.
        for place in rng.integers(0, min(len(whole), 3000), 1 + k):
            changed[place] = rng.integers(256)
        yield bytes(changed)


@pytest.mark.parametrize(
    "kind",
    ["minispec", "geospec", "tecmag", "jeol", "bruker", "varian", "T1IRT2", "DT2"],
)
def test_damaged_files_of_instruments(tmp_path, kind):
    if kind in ("tecmag", "jeol", "bruker", "varian"):
        nmrglue = pytest.importorskip("nmrglue")
        if kind == "jeol" and not hasattr(nmrglue, "jeol"):
            pytest.skip("JEOL files need nmrglue 0.12")
    source, files = write(kind, tmp_path)
    for path in files:
        whole = path.read_bytes()
        for content in damaged(whole):
            path.write_bytes(content)
            found = hostile.ends_well(
                lambda: read_decay(source), [path.name, source.name]
            )
            if found is not None:
                assert hostile.all_finite(found.acquisition, found.signals)
        path.unlink()
        hostile.ends_well(lambda: read_decay(source), [path.name, source.name])
        path.write_bytes(whole)
    assert read_decay(source) is not None


def test_arguments_of_readers_of_instruments(tmp_path):
    path, _ = write("geospec", tmp_path)
    matrix = tmp_path / "map.csv"
    matrix.write_text("TI/TE,0.1,0.2\n1,2,3\n2,3,4\n")
    arguments = ("format", "pairs", "echo_spacing", "average", "region", "phase")
    for value in hostile.numbers().values():
        for name in arguments:
            hostile.ends_well(
                lambda v=value, n=name: read_decay(path, **{n: v}), [name, str(value)]
            )
            if name not in ("pairs", "phase"):
                hostile.ends_well(
                    lambda v=value, n=name: read_signal_grid(matrix, **{n: v}),
                    [name, str(value), "expected"],
                )
    for value in hostile.arrays(np.array([1.0, 2.0])).values():
        hostile.ends_well(lambda v=value: read_decay(path, region=v), ["region"])
        hostile.ends_well(lambda v=value: read_decay(path, phase=v), ["phase"])


def test_parts_of_measurements():
    for value in [*hostile.numbers().values(), "text", ["a", 1], {"a": 1}]:
        for name in ("format", "kernels", "units", "notes"):
            hostile.ends_well(
                lambda v=value, n=name: Measurement(**{"format": "text"} | {n: v}),
                [name],
            )
    assert Measurement("text", ["T2"]).kernels == ("T2",)
