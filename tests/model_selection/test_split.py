"""Interleaved folds and the one-standard-error rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skrelax.model_selection import InterleavedKFold, one_standard_error


@given(n_points=st.integers(2, 40), n_splits=st.integers(2, 7))
def test_every_point_is_held_out_once(n_points, n_splits):
    if n_points < n_splits:
        with pytest.raises(ValueError, match="above the number of points"):
            list(InterleavedKFold(n_splits).split(np.zeros((n_points, 1))))
        return
    held = []
    for train, test in InterleavedKFold(n_splits).split(np.zeros((n_points, 1))):
        assert set(train).isdisjoint(test)
        assert len(train) + len(test) == n_points
        # Folds span the decay: held-out points are n_splits apart.
        assert (np.diff(test) == n_splits).all()
        held.extend(test)
    assert sorted(held) == list(range(n_points))


@pytest.mark.parametrize("n_splits", [1, 2.5])
def test_number_of_folds_is_checked(n_splits):
    with pytest.raises(ValueError, match="n_splits must be an int"):
        InterleavedKFold(n_splits)


def results(**parameters):
    return {
        **{f"param_{name}": np.array(values) for name, values in parameters.items()},
        "split0_test_score": np.array([0.9, 0.91, 0.2]),
        "split1_test_score": np.array([0.9, 0.93, 0.2]),
        "mean_test_score": np.array([0.9, 0.92, 0.2]),
    }


def test_strongest_within_one_standard_error():
    # The standard error of the best is .01: .9 is too far, so the best stays.
    assert one_standard_error(results(alpha=[4.0, 2.0, 1.0])) == 1
    close = results(alpha=[4.0, 2.0, 1.0])
    close["mean_test_score"][0] = 0.915
    assert one_standard_error(close) == 0
    both = close | {"param_rank": np.array([1, 2, 3])}
    with pytest.raises(ValueError, match="parameter must be given"):
        one_standard_error(both)
    assert one_standard_error(both, "alpha") == 0
    with pytest.raises(ValueError, match="parameter must be one of"):
        one_standard_error(both, "beta")
