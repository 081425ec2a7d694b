"""Hostile input to the searches for baselines and inversion efficiencies."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from variants import check_arrays, check_numbers, finite

from skrelax import KernelBuilder, SmoothLassoCV
from skrelax.model_selection import BaselineSearch, EfficiencySearch

TIMES = np.geomspace(0.01, 1.0, 12)[:, None]
Y = 1.0 - 1.8 * np.exp(-TIMES[:, 0] / 0.2) + 0.01 * np.random.default_rng(0).random(12)
PIPELINE = make_pipeline(KernelBuilder("T1-IR", n_bins=5), SmoothLassoCV(2, 3, cv=3))
SEARCHES = {
    "baseline": BaselineSearch(PIPELINE),
    "efficiency": EfficiencySearch(PIPELINE, [1.8, 2.0]),
}


def answers(search):
    """Return the numbers that a fitted search gives."""
    return search.candidates_.to_numpy(dtype=np.float64), search.predict(TIMES)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_searches(name):
    def fit(X=TIMES, y=Y, **options):
        n_rows = X.shape[0] if hasattr(X, "shape") and X.shape else len(TIMES)
        y = y[:n_rows] if y is Y else y
        return answers(clone(SEARCHES[name]).fit(X, y, **options))

    places = ("X", "y", "sample_weight", "n_samples", "folds", "grid", "minimum")
    check_arrays(fit, TIMES, places, finite)
    check_arrays(lambda y: fit(y=y), Y, ("y",), finite)
    check_arrays(
        lambda w: fit(sample_weight=w), np.ones(12), ("sample_weight", "folds"), finite
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_parameters():
    def fit(**options):
        search = clone(SEARCHES["efficiency"]).set_params(**options)
        return answers(search.fit(TIMES, Y))

    check_arrays(
        lambda v: fit(efficiencies=v), np.array([1.8, 2.0]), ("efficiencies",), finite
    )
    check_numbers(lambda v: fit(efficiencies=v), ("efficiencies",))
    check_numbers(lambda v: fit(verbose=v), ("verbose",))
    check_numbers(lambda v: fit(estimator=v), ("estimator",))
