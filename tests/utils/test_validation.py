"""Checks that several packages share."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skrelax import LassoFista
from skrelax.utils._validation import errors_name, refuse_complex

COMPLEX = np.array([[1.0 + 0.0j], [2.0 + 1.0j]])


@pytest.mark.parametrize(
    "y",
    [
        COMPLEX,
        COMPLEX.astype(np.complex64),
        COMPLEX.tolist(),
        COMPLEX[0, 0],
        pd.Series(COMPLEX[:, 0]),
        pd.DataFrame({"a": [1.0, 2.0], "b": COMPLEX[:, 0]}),
        sparse.csr_matrix(COMPLEX),
    ],
    ids=lambda y: type(y).__name__,
)
def test_complex_numbers_of_every_kind_are_refused_with_the_way_out(y):
    with pytest.raises(ValueError, match=r"signals is complex; phase it.*real part"):
        refuse_complex(y, "signals")


@pytest.mark.parametrize(
    "y",
    [
        COMPLEX.real,
        [1.0, 2.0],
        [[1.0], [2.0, 3.0]],
        ["long"],
        None,
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["x", "y"]}),
        pd.Series(["x"], dtype="category"),
    ],
    ids=lambda y: type(y).__name__,
)
def test_all_else_is_left_to_other_checks(y):
    refuse_complex(y)


def test_an_unfitted_estimator_is_not_blamed_on_its_input():
    with pytest.raises(NotFittedError, match=r"^This LassoFista"), errors_name("X"):
        LassoFista().predict(COMPLEX.real)
