"""Small files as instruments write them, of decays whose truth is known."""

import struct

import numpy as np
import pytest


def minispec(folder, times_ms, signal, name="cpmg.dps"):
    path = folder / name
    rows = zip(times_ms, signal, strict=True)
    path.write_text(
        "".join(f"{i}\t{t:.10f}\t{y:.10f}\n" for i, (t, y) in enumerate(rows)),
        newline="\r\n",
    )
    return path


def geospec(folder, kind, first, second, signal, name="rock.txt", dimensions=None):
    """Write rows of the two axes as they are in the file, and a complex signal."""
    sizes = dimensions or (len(first), 1)
    text = "[GITData]\n;* TestType of all kinds\n\n"
    text += f"TestType={kind}\nSoftware Version=7.5\n\n[Parameters]\nTau=0.05\n\n"
    text += f"[Results]\nDimensions={sizes[0]},{sizes[1]}\n\n[Data]\n"
    text += "X\tY\tReal\tImaginary\n"
    for x, y, value in zip(first, second, signal, strict=True):
        text += f"{x:.6f}\t{y:.6f}\t{value.real:.8f}\t{value.imag:.8f}\n"
    path = folder / name
    path.write_text(text, newline="\r\n")
    return path


def tecmag(folder, rows, acquired, spacing=None, table=None, name="train.tnt"):
    """Write complex rows (n_rows, n_echoes * acquired) as TNMR does."""
    formats = pytest.importorskip("nmrglue").tecmag
    rows = np.atleast_2d(rows).astype("<c8")
    head = np.zeros((), formats.TNTTMAG)
    head["npts"] = head["actual_npts"] = [rows.shape[1], rows.shape[0], 1, 1]
    head["acq_points"], head["dwell"] = acquired, 4e-6
    sequence = b"1.18 BIN"
    if spacing is not None:
        sequence += _text("Echo_Time") + bytes(4) + _text(spacing) + bytes(16)
    if table is not None:
        sequence += _text("de0:2") + _text(" ".join(table)) + bytes(8)
    parts = {
        b"TMAG": head.tobytes(),
        b"DATA": rows.tobytes(),
        b"TMG2": bytes(formats.TNTTMG2.itemsize),
        b"PSEQ": sequence,
    }
    path = folder / name
    path.write_bytes(
        b"TNT1.008"
        + b"".join(
            tag + struct.pack("<II", 1, len(part)) + part for tag, part in parts.items()
        )
    )
    return path


def _text(text):
    return struct.pack("<I", len(text)) + text.encode()


def bruker(folder, rows, lists, program="t1ir", delays=None, name="7"):
    """Write a TopSpin experiment of integers, in blocks of 1024 bytes."""
    folder = folder / name
    folder.mkdir()
    rows = np.atleast_2d(rows)
    padded = np.zeros((len(rows), 2 * -(-2 * rows.shape[1] // 256) * 128), "<i4")
    padded[:, 0 : 2 * rows.shape[1] : 2] = np.rint(rows.real)
    padded[:, 1 : 2 * rows.shape[1] : 2] = np.rint(rows.imag)
    (folder / "ser").write_bytes(padded.tobytes())
    delays = delays or [0.0, 5.0]
    acqus = {
        "AQ_mod": 3, "BYTORDA": 0, "DTYPA": 0, "DECIM": 1, "DSPFVS": 0, "GRPDLY": 0,
        "PULPROG": f"<{program}>", "SW_h": 10000.0, "TD": 2 * rows.shape[1],
    }  # fmt: skip
    text = "##TITLE= Parameter file\n##JCAMPDX= 5.0\n"
    text += "".join(f"##${key}= {value}\n" for key, value in acqus.items())
    text += f"##$D= (0..{len(delays) - 1})\n" + " ".join(map(str, delays)) + "\n"
    text += "##$P= (0..2)\n3 3.1 6.2\n##END=\n"
    (folder / "acqus").write_text(text)
    (folder / "acqu2s").write_text(
        f"##TITLE= Parameter file\n##$TD= {len(rows)}\n##END=\n"
    )
    for file, entries in lists.items():
        (folder / file).write_text("".join(f"{one}\n" for one in entries))
    return folder


def varian(folder, rows, name, values, experiment="inversion.fid"):
    nmrglue = pytest.importorskip("nmrglue")
    path = folder / experiment
    path.mkdir()
    udic = nmrglue.fileiobase.create_blank_udic(2)
    udic[0] |= {"size": rows.shape[0], "complex": False}
    udic[1] |= {"size": rows.shape[1], "complex": True}
    dic = nmrglue.varian.create_dic(udic)
    make = nmrglue.varian.create_pdic_param
    dic["procpar"] |= {
        "array": make("array", [name]),
        name: make(name, [str(one) for one in values]),
        "sw": make("sw", ["10000"]),
        "seqfil": make("seqfil", ["s2pul"]),
    }
    nmrglue.varian.write(str(path), dic, rows.astype(np.complex64), torder="flat")
    return path


def jeol(folder, rows, first, last, name="t1.jdf", listed=False):
    """Write 32 x 32 complex points over linear delays, one submatrix a channel."""
    assert rows.shape == (32, 32)

    def eight(form, *values, rest=0):
        return struct.pack(f">8{form}", *values, *[rest] * (8 - len(values)))

    data = np.concatenate([rows.real.ravel(), -rows.imag.ravel()]).astype(">f8")
    start = 2048
    parameters = [
        _jeol_number("x_sweep", 10000.0),
        _jeol_text("experiment", "inversion"),
    ]
    block = struct.pack(">4I", 64, 0, len(parameters), 64 * len(parameters))
    block += b"".join(parameters)
    head = b"JEOL.NMR" + struct.pack(">bBHBBB", 0, 1, 1, 2, 0b11000000, 2)
    head += struct.pack(">b8b", 3, *range(1, 9))
    head += bytes([3, 1, 0, 0, 0, 0, 0, 0]) + bytes(16) + bytes(124)
    head += bytes([1 if listed else 0, 0, 0, 0])
    head += eight("I", 32, 32, rest=1) + eight("I", 0, 0) + eight("I", 31, 31)
    head += eight("d", 0.0, first) + eight("d", 3.1e-3, last)
    head += bytes(8) + bytes(16) + 3 * bytes(128) + bytes(8 * 32)
    head += eight("d") + eight("d") + bytes(8) + bytes(3) + bytes(1) + bytes(8)
    head += struct.pack(">II", 1500, len(block)) + bytes(64)
    head += struct.pack(">IQQ", start, data.nbytes, 0) + bytes(4 + 8 + 4 + 8 + 8 + 24)
    whole = head.ljust(1500, b"\0") + block
    path = folder / name
    path.write_bytes(whole.ljust(start, b"\0") + data.tobytes())
    return path


def _jeol_number(name, value):
    return _jeol_parameter(name, struct.pack(">d", value) + bytes(8), 2)


def _jeol_text(name, value):
    return _jeol_parameter(name, value.encode().ljust(16, b"\0"), 0)


def _jeol_parameter(name, value, kind):
    part = bytes(4) + struct.pack(">h", 0) + bytes(10) + value + struct.pack(">i", kind)
    return part + name.encode().ljust(28, b"\0")


def spinsolve(folder, experiment, rows, name="data.dat", **settings):
    """Write rows of numbers and their parameters."""
    settings = {"experiment": f'"{experiment}"', "nucleus": '"1H-1H"'} | settings
    (folder / "acqu.par").write_text(
        "".join(f"{key} = {value}\n" for key, value in settings.items())
    )
    path = folder / name
    path.write_text("".join(",".join(f"{x:.9g}" for x in row) + "\n" for row in rows))
    return folder


def interleaved(signals):
    """Return real and imaginary parts of complex rows in turn."""
    signals = np.atleast_2d(signals)
    return np.stack([signals.real, signals.imag], axis=-1).reshape(len(signals), -1)
