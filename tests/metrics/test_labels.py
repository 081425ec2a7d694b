"""Numbers of maps in labelled regions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.metrics import label_statistics


def test_numbers_of_normal_values():
    rng = np.random.default_rng(0)
    values = np.concatenate([1.0 + 0.1 * rng.standard_normal(20_000), [40.0] * 20])
    labels = np.ones(values.size)
    table = label_statistics({"T1": values}, labels)
    (row,) = table.to_dict("records")
    assert (row["label"], row["region"], row["map"]) == (1, "1", "T1")
    # What is far off moves the mean, not the median.
    assert_allclose(row["median"], 1.0, atol=0.003)
    assert_allclose(row["robust_std"], 0.1, rtol=0.02)
    assert row["std"] > 1.0
    assert row["mean"] > 1.03
    assert_allclose(row["quartile_3"] - row["quartile_1"], 0.1349, rtol=0.03)
    # The error of a median, over samples.
    samples = 1.0 + 0.1 * rng.standard_normal((2000, 100))
    told = [
        label_statistics({"a": one}, np.ones(100))["median_stderr"][0]
        for one in samples[:200]
    ]
    assert_allclose(np.mean(told), np.median(samples, axis=1).std(), rtol=0.06)


def test_regions_and_missing_values():
    labels = np.array([[0, 2, 2], [2, 7, 7]])
    T1 = np.array([[9.0, 1.0, np.nan], [3.0, np.nan, np.nan]])
    table = label_statistics({"T1": T1, "M0": T1 + 1}, labels, names={7: "oil"})
    assert table["region"].tolist() == ["2", "2", "oil", "oil"]
    assert table["map"].tolist() == ["T1", "M0", "T1", "M0"]
    assert table["n_voxels"].tolist() == [3, 3, 2, 2]
    assert table["n_values"].tolist() == [2, 2, 0, 0]
    assert_allclose(table["median"], [2.0, 3.0, np.nan, np.nan])
    assert_allclose(table["std"][:2], np.sqrt(2.0))
    one = label_statistics({"T1": T1}, np.where(labels == 0, 5, 0))
    assert one["mean"][0] == 9.0
    assert np.isnan(one[["std", "median_stderr"]].to_numpy()).all()
    for bad, words in (
        ({"labels": labels - 1}, "integers from 0"),
        ({"labels": labels + 0.5}, "integers"),
        ({"labels": 0 * labels}, "all are 0"),
        ({"names": {3: "air"}}, "3 is none of the labels"),
        ({"maps": {"T1": T1[0]}}, "shape of the labels"),
    ):
        with pytest.raises(ValueError, match=words):
            label_statistics(**{"maps": {"T1": T1}, "labels": labels} | bad)
