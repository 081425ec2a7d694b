"""Defaults of the signed inversion."""

import numpy as np
import pytest

from skrelax import MultiDimRegularizedILT, ReferenceScheme


@pytest.mark.parametrize(
    ("n_axes", "n_points", "n_bins"),
    [
        (1, 4, 100), (2, 4, 40), (3, 200, 20), (3, 20, 9), (4, 20, 5), (5, 200, 3),
        (10, 20, 1), (27, 20, 1),
    ],
)  # fmt: skip
def test_default_grids_do_not_explode(n_axes, n_points, n_bins):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0.1, 1.0, (n_points, n_axes)), rng.uniform(size=n_points)
    ilt = MultiDimRegularizedILT(noise_std=1.0, scheme=ReferenceScheme(1))
    ilt.fit(X, y)
    assert ilt.distribution_.shape == (n_bins,) * n_axes
