"""scikit-learn's checks of every rule."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skrelax import LassoFista, SmoothLasso
from skrelax.model_selection import StrengthSearch

RULES = ["gcv", "lcurve", "discrepancy", "chi2", "brd", "cv", "cv-1se"]


def expected_failures(estimator):
    # The parameters of a LASSO are the same however often a point was measured.
    if estimator.rule != "gcv" or isinstance(estimator.estimator, LassoFista):
        return {}
    name = "check_sample_weight_equivalence_on_dense_data"
    return {name: "generalised cross-validation counts points, repeated ones twice"}


@parametrize_with_checks(
    [StrengthSearch(SmoothLasso(), rule, strengths=5) for rule in RULES]
    # All other rules read residuals, as one of these or the other does.
    + [StrengthSearch(LassoFista(), rule, strengths=3) for rule in (*RULES[:3], "cv")],
    expected_failed_checks=expected_failures,
)
# The data of the checks have no noise, corner or degrees of freedom to choose by.
@pytest.mark.filterwarnings("ignore:rule=")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_common_checks(estimator, check):
    check(estimator)
