"""CSDM files of strangers: nothing is fetched, run or read outside their folder."""

import base64
import contextlib
import http.server
import json
import os
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax._cli import main
from skrelax.io import DecayFileError, read_decay

pytest.importorskip("csdmpy")
VALUES = np.exp(-np.arange(1, 13) / 5.0)


def dimension(**changes):
    return {"type": "linear", "count": 12, "increment": "1 ms"} | changes


def internal(**changes):
    variable = {
        "type": "internal",
        "numeric_type": "float64",
        "quantity_type": "scalar",
        "encoding": "none",
        "components": [VALUES.tolist()],
    }
    return variable | changes


def external(url, **changes):
    variable = {
        "type": "external",
        "numeric_type": "float64",
        "quantity_type": "scalar",
        "components_url": url,
    }
    return variable | changes


def write(path, variable, axis=None, **changes):
    content = {
        "version": "1.0",
        "dimensions": [axis or dimension(coordinates_offset="1 ms")],
        "dependent_variables": [variable],
    } | changes
    path.write_text(json.dumps({"csdm": content}))
    return path


@contextlib.contextmanager
def server(folder):
    """Serve a folder on this machine; give its address and a list of requests."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}", requests
        running.shutdown()


def test_nothing_is_fetched_unless_asked_for(tmp_path, capsys):
    served = tmp_path / "served"
    served.mkdir()
    VALUES.tofile(served / "x.dat")
    path = tmp_path / "decay.csdf"
    out = ["--out", str(tmp_path / "out"), "--no-plot", "--bins", "20"]
    out += ["--baseline", "no", "--folds", "3"]
    with server(served) as (address, requests):
        for url in (
            f"http://{address}/x.dat",
            f"HTTP://{address}/x.dat",
            f"//{address}/x.dat",
            f"ftp://{address}/x.dat",
            f"file://{address}/x.dat",
        ):
            write(path, external(url))
            with pytest.raises(DecayFileError, match="allow_external=True"):
                read_decay(path)
            assert main(["invert", str(path), *out]) == 2
            assert "--allow-external" in capsys.readouterr().err
        assert not requests
        write(path, external(f"http://{address}/x.dat"))
        table = read_decay(path, allow_external=True)
        assert requests == ["/x.dat"]
        assert_allclose(table.signals.iloc[0], VALUES)
        assert main(["invert", str(path), *out, "--allow-external"]) == 0
        assert len(requests) == 2
        write(path, external(f"http://{address}/nothing.dat"))
        with pytest.raises(DecayFileError, match=r"cannot be read \(.*404"):
            read_decay(path, allow_external=True)


def test_no_file_outside_of_the_folder_is_read(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    secret = tmp_path / "secret.dat"
    VALUES.tofile(secret)
    (folder / "link.dat").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    path = folder / "decay.csdf"
    for url in (
        str(secret),
        f"file:{secret}",
        f"file://{secret}",
        f"file://localhost{secret}",
        "../secret.dat",
        "file:../secret.dat",
        "sub/../../secret.dat",
        "%2e%2e/secret.dat",
        "..%2Fsecret.dat",
        "file:%2e%2e%2fsecret.dat",
        f"%2F{str(secret)[1:]}",
        "..\\secret.dat",
        "..%5Csecret.dat",
        "\\\\host\\share\\secret.dat",
        "//host/share/secret.dat",
        "C:\\secret.dat",
        "link.dat",
        "linked/secret.dat",
        "secret.dat\0.png",
        "http://[::1",
        "data:application/octet-stream;base64,AAAA",
        "file:/etc/hostname",
        "file:/dev/zero",
        "circle",
    ):
        write(path, external(url))
        with pytest.raises(DecayFileError) as caught:
            read_decay(path)
        assert str(caught.value).startswith(str(path))
        assert "no file in the folder" in str(caught.value), url
    write(path, external("../secret.dat"))
    assert_allclose(read_decay(path, allow_external=True).signals.iloc[0], VALUES)
    # A device never ends, even where it is allowed.
    for url in ("file:/dev/zero", "nothing.dat", "sub"):
        write(path, external(url))
        with pytest.raises(DecayFileError, match="cannot be read"):
            read_decay(path, allow_external=True)


def test_files_in_the_folder_are_read(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    for name in ("x.dat", "two words.dat", "sub/x.dat", "50%25.dat"):
        VALUES.tofile(tmp_path / name)
    path = tmp_path / "decay.csdf"
    for url in (
        "x.dat",
        "file:x.dat",
        "file:./x.dat",
        "two words.dat",
        "two%20words.dat",
        "sub/x.dat",
        "50%25.dat",
    ):
        write(path, external(url))
        assert_allclose(read_decay(path).signals.iloc[0], VALUES)
    monkeypatch.chdir(tmp_path)
    assert_allclose(read_decay("decay.csdf").signals.iloc[0], VALUES)
    write(path, external("absent.dat"))
    with pytest.raises(DecayFileError, match=r"absent.dat.*cannot be read \(no such"):
        read_decay(path)
    write(path, external("sub"))
    with pytest.raises(DecayFileError, match="cannot be read"):
        read_decay(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.dat")
        write(path, external("pipe.dat"))
        with pytest.raises(DecayFileError, match="cannot be read"):
            read_decay(path)


def test_what_csdmpy_writes_is_read(tmp_path):
    import csdmpy

    data = csdmpy.CSDM(
        dimensions=[
            csdmpy.LinearDimension(
                count=12, increment="2 ms", coordinates_offset="1 ms", label="echo"
            )
        ],
        dependent_variables=[
            csdmpy.as_dependent_variable(np.stack([VALUES, 2 * VALUES]), name="pair",
                                         quantity_type="vector_2", unit="V"),
            csdmpy.as_dependent_variable(1j * VALUES.astype(np.complex64)),
        ],
    )  # fmt: skip
    for name in ("decay.csdf", "decay.csdfe"):
        data.save(str(tmp_path / name))
        table = read_decay(tmp_path / name)
        assert_allclose(table.acquisition["echo"], 1e-3 + 2e-3 * np.arange(12))
        assert table.signals.index.tolist() == ["pair 1", "pair 2", "signal 2 3"]
        assert_allclose(table.signals.iloc[1], 2 * VALUES)
        assert_allclose(table.signals.iloc[2], VALUES, rtol=1e-6)
    pairs = np.stack([VALUES, 0 * VALUES], axis=1).ravel().tolist()
    path = write(
        tmp_path / "a.csdf", internal(numeric_type="complex64", components=[pairs])
    )
    assert_allclose(read_decay(path).signals.iloc[0], VALUES, rtol=1e-6)


@pytest.mark.parametrize("unit", ["s/m^2", "s * m^-2", "µs", "(ms)", "s^(1/2)", ""])
def test_units_of_all_kinds(tmp_path, unit):
    axis = {"type": "monotonic", "coordinates": [f"{k} {unit}" for k in range(12)]}
    path = write(tmp_path / "a.csdf", internal(), axis)
    if unit.endswith("2"):
        # Protons do not see b values of 11 s/m².
        with pytest.warns(UserWarning, match="reach 11 s/m², which is implausible"):
            table = read_decay(path)
    else:
        table = read_decay(path)
    scale = {"µs": 1e-6, "(ms)": 1e-3}.get(unit, 1.0)
    assert_allclose(table.acquisition.iloc[:, 0], scale * np.arange(12), atol=1e-15)


ENCODED = base64.b64encode(VALUES.tobytes()).decode()


@pytest.mark.parametrize(
    ("variable", "axis", "message"),
    [
        (internal(), dimension(count=10**12), "1000000000000 points.*holds 12 values"),
        (internal(), dimension(count=10**30), "points.*holds 12 values"),
        (internal(), dimension(count=-3), "-3"),
        (internal(), dimension(count=0), "has 0 points"),
        (internal(), dimension(count=True), "count must be a whole number"),
        (internal(), dimension(count=12.0), "count must be a whole number"),
        (internal(), dimension(increment="9**9**9 s"), "increment must be a number"),
        (internal(), dimension(increment="(1).__class__ s"), "increment must be"),
        (internal(), dimension(increment="__import__('os') s"), "increment must be"),
        (internal(), dimension(increment="1 s^99999999"), "increment must be"),
        (internal(), dimension(increment="1 " + "s " * 1000), "increment must be"),
        (internal(), dimension(increment="1 furlongs"), "not a CSDM file"),
        (internal(), dimension(increment=None), "increment must be"),
        (internal(), dimension(increment="1e400 s"), "(NaN or infinite|not a CSDM)"),
        (internal(), dimension(label=["x"]), "label must be text"),
        (internal(), dimension(type="labeled", labels=["a"] * 12), "linear or mono"),
        (internal(), dimension(type=["x"]), "linear or monotonic"),
        (internal(), dimension(complex_fft="x"), "not a CSDM file"),
        (internal(), {"type": "monotonic", "coordinates": "1 s"}, "must be a list"),
        (internal(), {"type": "monotonic", "coordinates": [1, 2]}, "coordinates must"),
        (internal(components=[[1.0] * 5]), None, "12 points.*holds 5 values"),
        (internal(components=[[1.0] * 12, [1.0]]), None, "holds 1 and 12 values"),
        (internal(components=[]), None, "holds no values"),
        (internal(components="x"), None, "must be a list"),
        (internal(components=[["x"] * 12]), None, "expected a list of numbers"),
        (internal(components=[[[1.0]] * 12]), None, "expected a list of numbers"),
        (internal(components=[[10**400] * 12]), None, "cannot be decoded"),
        (internal(components=[[float("nan")] * 12]), None, "NaN or infinite"),
        (internal(components=[[300] * 12], numeric_type="uint8"), None, "decoded"),
        (internal(components=[[0.5] * 12], numeric_type="uint8"), None, "whole"),
        (internal(components=[[1e300] * 12], numeric_type="float32"), None, "infinite"),
        (internal(), dimension(count=10**400), r"has 10+\.\.\. points"),
        (internal(components=[[1.0] * 13], numeric_type="complex64"), None, "pairs"),
        (internal(encoding="base64", components=[ENCODED[:-8]]), None, "decoded"),
        (internal(encoding="base64", components=[ENCODED[:-1]]), None, "decoded"),
        (internal(encoding="base64", components=["???"]), None, "cannot be decoded"),
        (internal(encoding="base64", components=[3]), None, "cannot be decoded"),
        (internal(encoding="pickle"), None, "encoding of .* is 'pickle'"),
        (internal(encoding=["none"]), None, "encoding of"),
        (internal(numeric_type="object"), None, "numeric_type of"),
        (internal(numeric_type="O8"), None, "numeric_type of"),
        (internal(numeric_type=[]), None, "numeric_type of"),
        (internal(numeric_type="float99"), None, "numeric_type of"),
        (internal(quantity_type="vector_99999999999"), None, "quantity_type of"),
        (internal(quantity_type="vector_9"), None, "not a CSDM file"),
        (internal(quantity_type="exec"), None, "quantity_type of"),
        (internal(quantity_type=7), None, "quantity_type of"),
        (internal(name=7), None, "name must be text"),
        (internal(type="other"), None, "type of"),
        (internal(sparse_sampling={"dimension_indexes": [0]}), None, "sparsely"),
        (external(7), None, "components_url of"),
        (external(""), None, "components_url of"),
        (external("short.dat"), None, "with 20 bytes"),
        (external("short.dat", quantity_type="vector_0"), None, "20 bytes"),
    ],
)  # fmt: skip
def test_claims_of_a_file_are_checked(tmp_path, variable, axis, message):
    (tmp_path / "short.dat").write_bytes(b"x" * 20)
    path = write(tmp_path / "bad.csdf", variable, axis)
    start = time.monotonic()
    with pytest.raises(DecayFileError, match=message) as caught:
        read_decay(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))
    assert time.monotonic() - start < 5.0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"csdm":' * 100_000,
        "1" * 100_000,
        '{"csdm": {"version": ' + "1" * 10_000 + "}}",
        "",
        "null",
        "[1]",
        '{"csdm": []}',
        '{"csdm": {"version": "1.0", "dimensions": {}}}',
        '{"csdm": {"version": "1.0", "dimensions": [7]}}',
        '{"csdm": {"version": "1.0", "dimensions": []}}',
        '{"csdm": {"version": "1.0", "dimensions": [{}, {}]}}',
        '{"csdm": {"dimensions": []}}',
    ],
)
def test_other_json_is_one_error(tmp_path, text):
    path = tmp_path / "bad.csdf"
    path.write_text(text)
    with pytest.raises(DecayFileError) as caught:
        read_decay(path)
    assert len(str(caught.value)) < 300 + len(str(path))
    path.write_bytes(b"\xff\xfe\x00\x81" * 9)
    with pytest.raises(DecayFileError, match="not a CSDM file"):
        read_decay(path)


def test_labels_are_text_and_nothing_else(tmp_path):
    path = write(tmp_path / "a.csdf", internal(name="\x1b[2J\nred\u202e" + "x" * 500))
    (label,) = read_decay(path).signals.index
    assert label.isprintable()
    assert len(label) <= 100


def test_b_values_come_in_seconds_per_square_metre(tmp_path):
    axis = dimension(increment="100 s/mm^2")
    table = read_decay(write(tmp_path / "a.csdf", internal(), axis))
    assert_allclose(table.acquisition["b"][:3], [0.0, 1e8, 2e8])
