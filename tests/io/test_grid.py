"""Signals over two acquisition axes from files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skrelax.io import SignalGrid, read_decay, read_signal_grid


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
@pytest.mark.parametrize("corner", ["", "TI", "0"])
def test_text_matrix(tmp_path, separator, corner):
    rows = [[corner, "0.01", "0.02", "0.05"]]
    rows += [["0.1", "-1", "2", "3"], ["0.2", "4", "5", "6e1"]]
    text = "\n".join(separator.join(row).strip(" ") for row in rows)
    path = tmp_path / "map.txt"
    path.write_text(f"# a comment\n\n{text}\n")
    grid = read_signal_grid(path)
    assert_allclose(grid.points[0], [0.1, 0.2])
    assert_allclose(grid.points[1], [0.01, 0.02, 0.05])
    assert_array_equal(grid.signals, [[-1.0, 2.0, 3.0], [4.0, 5.0, 60.0]])
    assert grid.names == ("", "")


@pytest.mark.parametrize(
    ("corner", "names", "scale"),
    [
        ("TI/TE", ("TI", "TE"), 1.0),
        (" TI (ms) / TE [ms] ", ("TI", "TE"), 1e-3),
        ("TI (ms) / TE", ("TI", "TE"), 1e-3),
        ("b\\TE", ("b", "TE"), 1.0),
        ("T1 / T2", ("", ""), 1.0),
        ("TI/TE/TR", ("", ""), 1.0),
        ("s/m2", ("", ""), 1.0),
    ],
)
def test_corner_that_names_the_axes(tmp_path, corner, names, scale):
    path = tmp_path / "map.csv"
    path.write_text(f"{corner},1,2\n1,2,3\n2,3,4\n")
    grid = read_signal_grid(path)
    assert grid.names == names
    assert_allclose(grid.points[1], [scale, 2 * scale])
    assert grid.units == (("s", "s") if scale != 1.0 else ("", ""))


PAIRS = "0.2,3,6\n0.1,1,1\n0.1,3,3\n0.2,1,4\n0.1,2,2\n0.2,2,5\n"


@pytest.mark.parametrize(
    ("header", "names", "kernels"),
    [
        ("TI (s),TE (ms),signal", ("TI", "TE"), ("T1-IR", "T2")),
        ("# TI (s),TE (ms),amplitude", ("TI", "TE"), ("T1-IR", "T2")),
        ('"TE_1 (s)","TE_2 (ms)",y', ("TE", "TE"), ("T2", "T2")),
        ("echo time 1 (s),echo time 2 (ms),y", ("TE", "TE"), ("T2", "T2")),
    ],
)
def test_a_row_for_each_pair_of_points(tmp_path, header, names, kernels):
    path = tmp_path / "pairs.csv"
    path.write_text(f"{header}\n{PAIRS}")
    grid = read_signal_grid(path)
    assert grid.names == names
    assert_allclose(grid.points[0], [0.1, 0.2])
    assert_allclose(grid.points[1], [1e-3, 2e-3, 3e-3])
    assert_array_equal(grid.signals, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    table = read_decay(path)
    assert table.measurement.format == "matrix"
    assert table.measurement.kernels == kernels


def test_rows_of_pairs_may_be_complex(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("TI,TE,real,imag\n1,1,0,1\n1,2,0,2\n2,1,0,3\n2,2,0,4\n")
    assert_allclose(np.abs(read_signal_grid(path).signals), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,5\n1,2,5\n2,1,5\n", "each pair of 2 and 2 points, got 3 rows"),
        ("1,1,5\n1,2,5\n2,1,5\n2,1,6\n", "2 rows of 2 and 1: average them"),
        ("1,1,5\n1,2,5\n", "column 1 must hold two points .* got 1 from 1 on"),
        ("-1,1,5\n-1,2,5\n2,1,5\n2,2,5\n", "none of them negative"),
        ("1,1,5\n1,2,x\n2,1,5\n2,2,5\n", "expected a number in column 3"),
    ],
)
def test_pairs_that_make_no_grid_are_refused(tmp_path, rows, message):
    path = tmp_path / "pairs.csv"
    path.write_text(f"TI,TE,signal\n{rows}")
    with pytest.raises(ValueError, match=message):
        read_decay(path)


@pytest.mark.parametrize("header", ["TE,signal,other", "TE (ms),TR (ms),y", "a,b,c"])
def test_tables_of_one_axis_are_no_pairs(tmp_path, header):
    path = tmp_path / "decays.csv"
    path.write_text(f"{header}\n1,5,7\n2,4,6\n3,3,5\n")
    assert read_decay(path).measurement.format == "text"


def test_units_of_times_are_none_of_b_values(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("b / TE (ms),1,2\n1e9,2,3\n2e9,3,4\n")
    grid = read_signal_grid(path)
    assert_allclose(grid.points, [[1e9, 2e9], [1e-3, 2e-3]])
    assert grid.units == ("", "s")


def test_implausible_axes_are_said(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("TS (s) / TE (s),1,50\n1,2,3\n2,3,4\n")
    with pytest.warns(UserWarning, match=r"times of TE reach 50 s, .* long"):
        read_signal_grid(path)


def test_order_of_csdm_dimensions(tmp_path):
    csdmpy = pytest.importorskip("csdmpy")
    values = np.arange(6.0).reshape(2, 3)
    data = csdmpy.CSDM(
        dimensions=[
            csdmpy.MonotonicDimension(["100 ms", "200 ms"], label="TI"),
            csdmpy.LinearDimension(count=3, increment="10 ms", label="TE"),
        ],
        dependent_variables=[csdmpy.as_dependent_variable(values.T.copy())],
    )
    data.save(str(tmp_path / "map.csdf"))
    grid = read_signal_grid(tmp_path / "map.csdf")
    assert grid.names == ("TI", "TE")
    assert_allclose(grid.points[0], [0.1, 0.2])
    assert_allclose(grid.points[1], [0.0, 0.01, 0.02])
    assert_array_equal(grid.signals, values)


def test_spinsolve_folder(tmp_path):
    (tmp_path / "data.dat").write_text("1,2,3,4\n5,6,7,8\n")
    settings = "minTau = 1\nmaxTau = 100\ntauSteps = 2\nechoTime = 200\nlogspace = yes"
    (tmp_path / "acqu.par").write_text(settings)
    grid = read_signal_grid(tmp_path)
    assert grid.names == ("TI", "TE")
    assert_allclose(grid.points[0], [1e-3, 0.1])
    assert_allclose(grid.points[1], [2e-4, 4e-4])
    assert_array_equal(grid.signals, [[1 + 2j, 3 + 4j], [5 + 6j, 7 + 8j]])
    # The parameters may have another name, if there is one file of them.
    (tmp_path / "acqu.par").rename(tmp_path / "T1T2_acqu.par")
    assert read_signal_grid(tmp_path / "data.dat").signals.shape == (2, 2)
    (tmp_path / "other_acqu.par").write_text(settings)
    with pytest.raises(ValueError, match="expected one file with the parameters"):
        read_signal_grid(tmp_path)
    given = read_signal_grid(tmp_path, parameters=tmp_path / "other_acqu.par")
    assert_array_equal(given.signals, grid.signals)


def test_parts_that_do_not_fit():
    points = np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must have shape"):
        SignalGrid(("a", "b"), points, np.ones((3, 2)))
    with pytest.raises(ValueError, match="those of two axes"):
        SignalGrid(("a", "b"), points[:1], np.ones(2))
    with pytest.raises(TypeError, match="names must be two strings"):
        SignalGrid(("a",), points, np.ones((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        SignalGrid(("a", "b"), points, np.full((2, 3), np.nan))


def test_parameters_go_with_a_spinsolve_only(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("x,1,2\n1,2,3\n2,3,4\n")
    with pytest.raises(ValueError, match="those of a Spinsolve"):
        read_signal_grid(path, parameters=tmp_path / "acqu.par")
    with pytest.raises(TypeError, match="path"):
        read_signal_grid(3)
