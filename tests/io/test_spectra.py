"""Relaxation beside a spectrum, in CSDM files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.io import DecayFileError, read_decay


@pytest.mark.parametrize("order", [0, 1])
def test_points_of_a_spectrum_are_signals(tmp_path, order):
    csdmpy = pytest.importorskip("csdmpy")
    times = np.linspace(0.01, 0.5, 12)
    lines = np.array([0.1, 1.0, 3.0, 0.5])
    data = np.outer(np.exp(-times / 0.1), lines) * np.exp(1.0j)
    dimensions = [
        csdmpy.as_dimension(1e3 * times, unit="ms", label="TE"),
        csdmpy.LinearDimension(count=4, increment="10 Hz", label="shift"),
    ]
    # The first dimension of a CSDM file varies fastest.
    values = data.T if order == 0 else data
    dimensions = dimensions if order == 0 else dimensions[::-1]
    path = tmp_path / "series.csdf"
    csdmpy.CSDM(
        dimensions=dimensions,
        dependent_variables=[csdmpy.as_dependent_variable(values.copy())],
    ).save(str(path))
    table = read_decay(path)
    assert table.signals.shape == (4, 12)
    assert_allclose(table.samples["frequency"], [0, 10, 20, 30])
    assert_allclose(table.acquisition["TE"], times)
    # One phase for all: lines keep their sizes and signs.
    expected = np.outer(lines, np.exp(-times / 0.1))
    assert_allclose(table.signals.to_numpy(), expected, atol=1e-9)
    assert table.measurement.kernels == ("T2",)


def test_spectra_without_relaxation(tmp_path):
    csdmpy = pytest.importorskip("csdmpy")
    path = tmp_path / "map.csdf"
    csdmpy.CSDM(
        dimensions=[csdmpy.LinearDimension(count=3, increment="1 Hz")] * 2,
        dependent_variables=[csdmpy.as_dependent_variable(np.ones((3, 3)))],
    ).save(str(path))
    with pytest.raises(DecayFileError, match="expected one or two dimensions of times"):
        read_decay(path)
