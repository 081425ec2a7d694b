"""What somebody gets wrong on the first day is told with the way out."""

import warnings

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, SmoothLasso, SmoothLassoCV, fit_batch

TIMES = np.geomspace(1e-3, 3.0, 20)[:, None]
DECAYS = np.exp(-TIMES / [0.01, 0.1, 0.5])
ESTIMATORS = [SmoothLasso(), LassoFista(), SmoothLassoCV(cv=3)]


@pytest.mark.parametrize("inversion", ESTIMATORS)
def test_times_in_the_place_of_a_kernel_are_doubted(inversion):
    with pytest.warns(UserWarning, match="put a KernelBuilder before"):
        inversion.fit(TIMES, DECAYS[:, 0])


@pytest.mark.parametrize("kernel", ["T2", "T1-SR"])
def test_a_kernel_of_one_bin_is_not(kernel):
    # A recovery rises as times do, but its bin is known.
    K = KernelBuilder(kernel, grid=[0.1]).fit_transform(TIMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = SmoothLasso(0.0, 0.0).fit(K, 2.0 * np.asarray(K)[:, 0]).coef_
    assert found == pytest.approx([2.0])


@pytest.mark.parametrize("inversion", ESTIMATORS)
def test_signals_in_rows_are_to_be_turned(inversion):
    model = make_pipeline(KernelBuilder("T2"), inversion)
    with pytest.raises(ValueError, match=r"X has 20, y has 3\. .* pass y\.T"):
        model.fit(TIMES, DECAYS.T)
    # Where turning does not help, it is not named.
    with pytest.raises(ValueError, match=r"X has 20, y has 3\.$"):
        model.fit(TIMES, DECAYS[:3])


def test_signals_without_times_are_told_what_is_what():
    model = make_pipeline(KernelBuilder("T2"), SmoothLasso())
    with pytest.raises(ValueError, match="a column for each signal") as caught:
        model.fit(DECAYS[:5])
    assert not str(caught.value).startswith("X")


def test_a_table_in_the_place_of_the_estimator_is_not_printed():
    model = make_pipeline(KernelBuilder("T2"), SmoothLasso())
    with pytest.raises(TypeError, match="got an object of ndarray") as caught:
        fit_batch(DECAYS, model, "TE", "signal", "sample")
    assert len(str(caught.value)) < 80
    with pytest.raises(TypeError, match=r"write SmoothLasso\(\.\.\.\)"):
        fit_batch(SmoothLasso, DECAYS, "TE", "signal", "sample")
