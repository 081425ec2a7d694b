"""Small fits hold BLAS to one thread, large ones leave it as it is."""

from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skrelax.utils._parallel import calm_blas, calm_fit


def blas_threads():
    return [
        one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"
    ]


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, "blas"):
        if 2 not in blas_threads():
            pytest.skip("this BLAS has one thread")
        yield


@pytest.mark.parametrize(("size", "is_held"), [(0, True), (1000, True), (1001, False)])
def test_size_decides(size, is_held):
    before = blas_threads()
    with calm_blas(size):
        assert (max(blas_threads()) == 1) == is_held
    assert blas_threads() == before


@pytest.mark.parametrize(
    ("X", "is_held"),
    [
        (np.zeros((5, 2000)), True),
        (np.zeros((2000, 1001)), False),
        ([[1.0], [2.0]], True),
        (None, True),
        (SimpleNamespace(shape=5), True),
        (SimpleNamespace(shape=(None, 2000)), False),
    ],
)
def test_the_smaller_side_of_x_decides(X, is_held):
    class Estimator:
        @calm_fit
        def fit(self, X, y=None):
            """Fit."""
            self.threads_ = max(blas_threads())
            return self

    assert Estimator.fit.__doc__ == "Fit."
    assert (Estimator().fit(X).threads_ == 1) == is_held
    assert (Estimator().fit(X=X, y=1).threads_ == 1) == is_held
    assert max(blas_threads()) == 2
