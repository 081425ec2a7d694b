"""Signals that lack the same points belong together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from skrelax.utils._missing import fill_missing, split_by_points

MISSING = arrays(bool, st.tuples(st.integers(0, 8), st.integers(1, 4)))


@given(missing=MISSING)
def test_parts_are_all_signals_by_what_they_lack(missing):
    parts = split_by_points(missing)
    places = [members for _, members in parts]
    everyone = [place for members in places for place in members]
    assert sorted(everyone) == list(range(len(missing)))
    for points, members in parts:
        assert members.size
        assert (np.diff(members) > 0).all()
        assert (missing[members] == ~points).all()
    patterns = [points.tobytes() for points, _ in parts]
    assert len(set(patterns)) == len(patterns)
    complete = ~missing.any(axis=1)
    if complete.any():
        assert_array_equal(places[0], np.flatnonzero(complete))


def test_missing_points_of_a_constant_are_like_the_others():
    nan = np.nan
    Y = np.array([[nan, 2.0, nan, 2.0], [1.0, nan, 3.0, nan], [nan, nan, nan, nan]])
    filled = fill_missing(Y, np.isnan(Y))
    assert_array_equal(filled, [[2.0] * 4, [1.0, 1.0, 3.0, 1.0], [nan] * 4])
