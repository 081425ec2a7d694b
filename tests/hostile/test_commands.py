"""The commands invert and map meet hostile files and limits."""

import json
import os
import warnings

import hostile
import numpy as np
import pandas as pd
import pytest
from commands import AFFINE, called, decay
from variants import flat


def command(capsys, *arguments):
    """Run a command; return its code, and check that it says one line at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, errors, printed = called(capsys, *arguments)
    assert code in (0, 2), printed
    assert len(errors) == (1 if code else 0), printed
    assert "RuntimeWarning" not in printed
    assert "DeprecationWarning" not in printed
    return code


@pytest.mark.parametrize("kernel", ["T2", "T1-IR", "diffusion"])
@pytest.mark.parametrize("column", ["time", "signal"])
def test_invert_of_hostile_columns(tmp_path, capsys, kernel, column):
    times = np.geomspace(1e-3, 1.0, 12)
    signal = np.exp(-times / 0.05) if kernel == "T2" else 1 - 2 * np.exp(-times / 0.05)
    if kernel == "diffusion":
        signal = np.exp(-2.0 * times)
    good = times if column == "time" else signal
    path, out = tmp_path / "decay.csv", tmp_path / "out"
    fixed = ["--no-plot", "--bins", "12", "--folds", "3", "--overwrite", "--out", out]
    fixed += ["--kernel", kernel, "--baseline", "no"]
    fixed += ["--efficiency", "1.9"] if kernel == "T1-IR" else []
    for name, value in hostile.arrays(good).items():
        value = np.ravel(flat(value)) if name not in ("sparse", "None") else None
        if value is None or name in ("object", "list", "read-only", "fortran"):
            continue
        other = signal if column == "time" else times
        pair = (value, other) if column == "time" else (other, value)
        rows = [f"{t},{str(y).strip('()')}" for t, y in zip(*pair, strict=False)]
        path.write_text("\n".join(rows))
        code = command(capsys, "invert", path, *fixed)
        if code == 0:
            table = pd.read_csv(out / "distribution.csv")
            assert hostile.all_finite(table), name
            assert hostile.all_finite(pd.read_csv(out / "fit.csv")), name


def test_read_of_hostile_columns(tmp_path, capsys):
    times = np.geomspace(1e-3, 1.0, 12)
    path = tmp_path / "decay.csv"
    for header in ("", "TE (ms),signal", "b (s/mm2),signal", "index,time,real,imag"):
        for name, value in hostile.arrays(np.exp(-times / 0.05)).items():
            if name in ("sparse", "None"):
                continue
            values = np.ravel(flat(value))
            rows = [
                f"{t},{str(y).strip('()')}" for t, y in zip(times, values, strict=False)
            ]
            if header.startswith("index"):
                rows = [f"{k},{row},{k}" for k, row in enumerate(rows)]
            path.write_text("\n".join([header, *rows]))
            command(capsys, "read", path, "--no-plot")


def test_invert_with_hostile_limits(tmp_path, capsys):
    path, out = decay(tmp_path), tmp_path / "out"
    fixed = ["--no-plot", "--bins", "12", "--folds", "3", "--overwrite", "--out", out]
    fixed += ["--baseline", "no"]
    for low in ("5e-324", "1e-300", "1e-3", "0.0999999999999", "1", "1e300"):
        for high in ("1e-320", "1e-3", "0.1", "1e300", "1.7e308"):
            code = command(
                capsys, "invert", path, *fixed, "--minimum", low, "--maximum", high
            )
            if code == 0:
                assert hostile.all_finite(pd.read_csv(out / "distribution.csv"))


def test_map_of_hostile_images(tmp_path, capsys):
    nibabel = pytest.importorskip("nibabel")
    times = 0.01 * np.arange(1, 7)
    good = 100.0 * np.exp(-times / [[0.03], [0.05], [0.08], [0.1]])
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, value in hostile.arrays(good).items():
        try:
            values = np.asarray(value)
        except ValueError:
            continue
        if values.dtype.kind not in "iufc" or values.ndim != 2 or not values.size:
            continue
        values = values.astype(np.complex128 if values.dtype.kind == "c" else float)
        values = values.reshape(len(values), 1, 1, -1)
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), folder / "a.nii")
        sidecar = {"EchoTime": times[: values.shape[3]].tolist()}
        (folder / "a.json").write_text(json.dumps(sidecar))
        for model in ("T2", "T2-offset"):
            code = command(
                capsys, "map", folder, "--model", model, "--mask", "none", "--no-plot",
                "--out", out, "--overwrite",
            )  # fmt: skip
            if code == 0:
                T2 = nibabel.load(out / "T2.nii.gz").get_fdata()
                status = nibabel.load(out / "status.nii.gz").get_fdata()
                # A value where the fit converged, and nothing elsewhere.
                assert (np.isfinite(T2) == (status == 0)).all(), (name, model)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert os.listdir(folder) == ["a.nii", "a.json"] or len(os.listdir(folder)) == 2
