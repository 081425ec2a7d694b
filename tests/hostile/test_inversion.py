"""Hostile input to linear inversions, their searches, folds and uncertainty."""

import warnings

import hostile
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from variants import SAME

from skrelax import KernelBuilder, LassoFista, LassoFistaCV, SmoothLasso, SmoothLassoCV
from skrelax.inversion import KernelParameterSearch, RicianInversion, lasso_path
from skrelax.model_selection import (
    InterleavedKFold,
    StrengthSearch,
    one_standard_error,
)
from skrelax.nonlinear import FitStatus
from skrelax.signals import InversionRecovery
from skrelax.uncertainty import (
    DistributionBands,
    UncertaintyResult,
    bootstrap_distribution,
    estimate_noise_std,
)

TIMES = np.geomspace(0.01, 1.0, 12)[:, None]
KERNEL = KernelBuilder(n_bins=5, minimum=0.01, maximum=1.0).fit_transform(TIMES)
SIGNAL = np.exp(-TIMES[:, 0] / 0.2) + 0.01 * np.random.default_rng(0).random(12)
WEIGHT = np.linspace(0.5, 1.5, 12)
RULES = ["gcv", "lcurve", "discrepancy", "chi2", "brd", "cv", "cv-1se"]
SEARCHED = make_pipeline(
    KernelBuilder(InversionRecovery(), n_bins=4), SmoothLasso(1e-4)
)
ESTIMATORS = {
    "LassoFista": LassoFista(),
    "LassoFista signed": LassoFista(positive=False, fit_intercept=True),
    "LassoFista fista": LassoFista(solver="fista", max_iter=50),
    "LassoFistaCV": LassoFistaCV(4, cv=3),
    "LassoFistaCV each": LassoFistaCV(4, cv=3, per_signal=True, rule="1se"),
    "SmoothLasso": SmoothLasso(),
    "SmoothLasso signed": SmoothLasso(1e-3, positive=False, fit_intercept=True),
    "SmoothLassoCV": SmoothLassoCV(2, 3, cv=3),
    "SmoothLassoCV each": SmoothLassoCV(2, 3, cv=3, per_signal=True),
    "StrengthSearch each": StrengthSearch(SmoothLasso(), strengths=4, per_signal=True),
    "RicianInversion": RicianInversion(SmoothLasso()),
    "RicianInversion known": RicianInversion(LassoFista(), 0.01),
} | {
    f"StrengthSearch {rule}": StrengthSearch(
        SmoothLasso(), rule, strengths=4, cv=3,
        # Rules that look for a target share their refinement, of thirty fits.
        refine=rule in ("gcv", "lcurve", "discrepancy"),
    )
    for rule in RULES
}  # fmt: skip
KERNEL_SEARCH = KernelParameterSearch(SEARCHED, "efficiency", [1.7, 1.8, 1.9, 2.0])


def first(values, like):
    """Return as many values as another array, of whatever kind, has rows."""
    shape = getattr(like, "shape", ())
    return values[: shape[0]] if shape else values


def distribution(fit):
    """Return the distribution inside searches, as rows."""
    return np.atleast_2d(getattr(fit, "best_estimator_", fit).coef_)


def sound(fit):
    """Assert that a fit has finite results and statuses that say so."""
    inner = getattr(fit, "best_estimator_", fit)
    there = np.atleast_1d(getattr(fit, "status_", 0)) <= FitStatus.AT_BOUND
    coef, intercept = np.atleast_2d(inner.coef_), np.atleast_1d(inner.intercept_)
    if there.all():
        assert hostile.all_finite(coef, intercept)
    else:
        # A signal without numbers says why.
        assert (np.isfinite(coef).all(axis=1) == there).all()
        assert (np.isfinite(intercept) == there).all()
    if hasattr(inner, "dual_gap_"):
        assert not np.isnan(inner.dual_gap_).any()
    if hasattr(fit, "curve_"):
        assert hostile.all_finite(fit.strength_, fit.curve_["residual"])
        assert not np.isnan(fit.curve_["criterion"]).any()
    if hasattr(fit, "cv_results_"):
        assert hostile.all_finite(fit.alpha_, *fit.cv_results_.values())


def fitted(estimator, *arguments, names, **keywords):
    """Return a fit with sound results, or None where the input is refused."""
    fit = hostile.ends_well(lambda: clone(estimator).fit(*arguments, **keywords), names)
    if fit is not None:
        sound(fit)
    return fit


def check_variant(variant, fit, plain):
    """Assert that the same numbers give the same fit, and what is none of them none."""
    if variant in SAME:
        assert_allclose(
            distribution(fit), distribution(plain), rtol=1e-9, atol=1e-12,
            err_msg=variant,
        )  # fmt: skip
    if variant in ("nan", "inf", "complex", "masked", "sparse", "1e300", "None"):
        assert fit is None, variant


@pytest.fixture(scope="module")
def plain():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: clone(estimator).fit(KERNEL, SIGNAL)
            for name, estimator in ESTIMATORS.items()
        }


@pytest.mark.parametrize("name", ESTIMATORS)
def test_kernels(name, plain):
    for variant, X in hostile.arrays(KERNEL).items():
        y = first(SIGNAL, X)
        names = ("X", "points", "n_samples", "noise_std")
        fit = fitted(ESTIMATORS[name], X, y, names=names)
        check_variant(variant, fit, plain[name])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_signals(name, plain):
    for variant, y in hostile.arrays(SIGNAL).items():
        names = ("y", "noise_std")
        fit = fitted(ESTIMATORS[name], KERNEL, y, names=names)
        check_variant(variant, fit, plain[name])
    with pytest.raises(ValueError, match=r"y is complex; phase it \(skrelax.io"):
        clone(ESTIMATORS[name]).fit(KERNEL, SIGNAL + 0.1j)
    if name.startswith("StrengthSearch") and not name.endswith("chi2"):
        return
    for variant, Y in hostile.arrays(np.column_stack([SIGNAL, SIGNAL[::-1]])).items():
        fit = fitted(ESTIMATORS[name], KERNEL, Y, names=("y", "noise_std"))
        assert fit is None or distribution(fit).shape[1] == 5, variant


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights(name):
    usual = clone(ESTIMATORS[name]).fit(KERNEL, SIGNAL, sample_weight=WEIGHT)
    for variant, weight in hostile.arrays(WEIGHT).items():
        fit = fitted(
            ESTIMATORS[name], KERNEL, SIGNAL, sample_weight=weight,
            names=("sample_weight", "n_samples"),
        )  # fmt: skip
        # Only ratios of weights count.
        if variant in ("1e-300", "1e-160", "1e160", "1e300"):
            assert_allclose(
                distribution(fit), distribution(usual), rtol=1e-6, atol=1e-9
            )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_predictions(name, plain):
    expected = plain[name].predict(KERNEL)
    for variant, X in hostile.arrays(KERNEL).items():
        found = hostile.ends_well(lambda X=X: plain[name].predict(X), ("X",))
        if found is not None:
            assert hostile.all_finite(found), variant
        if variant in SAME:
            assert_allclose(found, expected, rtol=1e-12, err_msg=variant)


def parameters():
    for name, estimator in ESTIMATORS.items():
        if name.count(" ") and not name.endswith(("gcv", "brd")):
            continue
        for parameter in estimator.get_params(deep=False):
            yield name, parameter


@pytest.mark.parametrize(("name", "parameter"), list(parameters()))
def test_parameters(name, parameter):
    if parameter == "verbose":
        pytest.skip("true of anything that is: it would report progress")
    for value in hostile.numbers().values():
        changed = clone(ESTIMATORS[name]).set_params(**{parameter: value})
        fitted(changed, KERNEL, SIGNAL, names=(parameter,))


def test_groups():
    for estimator in (LassoFistaCV(4, cv=3), SmoothLassoCV(2, 3, cv=3)):
        for groups in hostile.arrays(WEIGHT).values():
            fitted(estimator, KERNEL, SIGNAL, names=("groups",), groups=groups)


@pytest.mark.parametrize(
    "part", ["X", "y", "signals", "sample_weight", "known", "mask", "values"]
)
def test_kernel_search(part):
    recovery = 1 - 1.85 * SIGNAL
    usual = clone(KERNEL_SEARCH).fit(TIMES, recovery)
    good = {
        "X": TIMES, "y": recovery, "sample_weight": WEIGHT,
        "signals": np.column_stack([recovery, recovery]), "mask": np.array([1.0, 0.0]),
        "known": np.array([1.8, 1.9]), "values": np.array([1.7, 1.8, 1.9, 2.0]),
    }[part]  # fmt: skip
    for variant, value in hostile.arrays(good).items():
        estimator, given = clone(KERNEL_SEARCH), {"X": TIMES, "y": recovery}
        if part in ("known", "mask"):
            given["y"] = np.column_stack([recovery, recovery])
        if part == "values":
            estimator.set_params(values=value)
        else:
            given["y" if part == "signals" else part] = value
        if part == "X":
            given["y"] = first(recovery, value)
        names = (
            "y" if part == "signals" else part,
            "efficiency",
            "points",
            "minimum",
            "maximum",
            "bins",
        )
        fit = fitted(estimator, names=names, **given)
        if fit is not None:
            there = np.atleast_1d(fit.status_) <= FitStatus.AT_BOUND
            assert hostile.all_finite(np.atleast_1d(fit.value_)[there])
        if part in ("X", "y") and variant in SAME:
            assert fit.value_ == usual.value_
    for variant, value in hostile.arrays(TIMES).items():
        if part == "X":
            found = hostile.ends_well(lambda X=value: usual.predict(X), ("X",))
            assert found is None or hostile.all_finite(found), variant


@pytest.mark.parametrize(
    "parameter", ["estimator", "parameter", "values", "n_jobs", "known"]
)
def test_settings_of_a_kernel_search(parameter):
    for value in hostile.numbers(1.8).values():
        estimator, given = clone(KERNEL_SEARCH), {}
        if parameter == "known":
            given = {"known": value}
        else:
            estimator.set_params(**{parameter: value})
        names = (parameter, "efficiency")
        fitted(estimator, TIMES, 1 - 1.85 * SIGNAL, names=names, **given)


@pytest.mark.parametrize("part", ["K", "y", "sample_weight", "alphas"])
def test_paths(part):
    good = {
        "K": KERNEL, "y": SIGNAL, "sample_weight": WEIGHT,
        "alphas": np.array([0.1, 0.01]),
    }  # fmt: skip
    for value in hostile.arrays(good[part]).values():
        given = good | {part: value}
        if part == "K":
            given |= {"y": first(SIGNAL, value), "sample_weight": None}
        K, y = given.pop("K"), given.pop("y")
        found = hostile.ends_well(
            lambda K=K, y=y, given=given: lasso_path(K, y, **given), (part, "X")
        )
        assert found is None or hostile.all_finite(*found)


@pytest.mark.parametrize("name", ["alphas", "eps", "positive", "tol", "max_iter"])
def test_settings_of_paths(name):
    for value in hostile.numbers().values():
        found = hostile.ends_well(
            lambda value=value: lasso_path(KERNEL, SIGNAL, **{name: value}), (name,)
        )
        assert found is None or hostile.all_finite(*found)


def test_folds():
    for value in hostile.numbers().values():
        folds = hostile.ends_well(
            lambda value=value: InterleavedKFold(value), ("n_splits",)
        )
        for X in hostile.arrays(KERNEL).values() if folds is not None else ():
            hostile.ends_well(lambda X=X, f=folds: list(f.split(X)), ("X", "n_samples"))


def test_the_one_standard_error_rule():
    good = {
        "param_alpha": np.array([1.0, 2.0, 4.0]),
        "split0_test_score": np.array([0.90, 0.89, 0.1]),
        "split1_test_score": np.array([0.94, 0.93, 0.2]),
        "mean_test_score": np.array([0.92, 0.91, 0.15]),
    }
    for key in good:
        for value in hostile.arrays(good[key]).values():
            found = hostile.ends_well(
                lambda r=good | {key: value}: one_standard_error(r), ("cv_results",)
            )
            assert found is None or found in range(3)
    for value in hostile.numbers().values():
        names = ("cv_results", "parameter")
        hostile.ends_well(lambda v=value: one_standard_error(v), names)
        hostile.ends_well(lambda v=value: one_standard_error(good, v), ("parameter",))
    del good["split1_test_score"]
    # One fold has no standard error: the best it is.
    assert one_standard_error(good) == 0


@pytest.mark.parametrize("method", ["auto", "residual", "tail", "imaginary"])
def test_noise_levels(method):
    kernel = None if method in ("tail", "imaginary") else KERNEL
    y = SIGNAL if method != "imaginary" else SIGNAL + 0.01j * WEIGHT
    variants = hostile.arrays(SIGNAL)
    if method == "imaginary":
        variants = {"usual": y} | {
            name: np.asarray(value) * (1 + 1e-3j)
            for name, value in variants.items()
            if isinstance(value, np.ndarray) and value.dtype == np.float64
        }
    for variant, value in variants.items():
        found = hostile.ends_well(
            lambda value=value: estimate_noise_std(value, kernel, method=method),
            ("y", "complex"),
        )
        assert found is None or hostile.all_finite(found), variant
        assert found is None or np.all(np.asarray(found) >= 0), variant
    if kernel is None:
        return
    usual = estimate_noise_std(SIGNAL, KERNEL)
    for variant, value in hostile.arrays(KERNEL).items():
        rows = first(SIGNAL, value)
        found = hostile.ends_well(
            lambda K=value, y=rows: estimate_noise_std(y, K, method=method),
            ("K", "points", "y"),
        )
        assert found is None or hostile.all_finite(found), variant
        if variant in SAME:
            assert_allclose(found, usual, rtol=1e-9)
    for value in hostile.arrays(WEIGHT).values():
        found = hostile.ends_well(
            lambda w=value: estimate_noise_std(SIGNAL, KERNEL, sample_weight=w),
            ("sample_weight",),
        )
        assert found is None or hostile.all_finite(found)


@pytest.mark.parametrize("name", ["method", "tail"])
def test_settings_of_noise_levels(name):
    for value in hostile.numbers().values():
        found = hostile.ends_well(
            lambda v=value: estimate_noise_std(SIGNAL, **{name: v}), (name,)
        )
        assert found is None or hostile.all_finite(found)


def bootstrap(X=TIMES, y=SIGNAL, **settings):
    model = make_pipeline(KernelBuilder(n_bins=5), SmoothLasso())
    settings = {"n_bootstrap": 3, "random_state": 0, "estimator": model} | settings
    return bootstrap_distribution(settings.pop("estimator"), X, y, **settings)


@pytest.mark.parametrize("part", ["X", "y", "sample_weight"])
def test_bootstraps(part):
    good = {"X": TIMES, "y": SIGNAL, "sample_weight": WEIGHT}
    for variant, value in hostile.arrays(good[part]).items():
        given = {part: value}
        if part == "X":
            given["y"] = first(SIGNAL, value)
        names = (part, "points", "minimum", "bins", "y must be one signal")
        result = hostile.ends_well(lambda g=given: bootstrap(**g), names)
        if result is not None:
            assert isinstance(result, UncertaintyResult)
            assert hostile.all_finite(
                result.distribution, result.samples, *result.band()
            ), variant
            table = result.to_frame()
            limits = table[["lower", "upper"]].to_numpy(dtype=float)
            # What has no value, as the mean of nothing, has no interval.
            assert (np.isfinite(limits) | np.isnan(limits)).all(), variant


@pytest.mark.parametrize(
    "name",
    [
        "estimator",
        "n_bootstrap",
        "method",
        "noise_std",
        "level",
        "random_state",
        "n_jobs",
    ],
)
def test_settings_of_bootstraps(name):
    for value in hostile.numbers().values():
        result = hostile.ends_well(lambda v=value: bootstrap(**{name: v}), (name,))
        if result is not None:
            assert hostile.all_finite(result.samples, result.noise_std)


def test_bands():
    samples = np.random.default_rng(0).random((4, 5))
    middle = samples.mean(axis=0)
    for value in hostile.arrays(samples).values():
        bands = hostile.ends_well(
            lambda v=value: DistributionBands.from_samples(middle, v, 0.9),
            ("samples",),
        )
        assert bands is None or hostile.all_finite(bands.lower, bands.std)
    for value in hostile.arrays(middle).values():
        bands = hostile.ends_well(
            lambda v=value: DistributionBands.from_samples(v, samples, 0.9),
            ("distribution", "samples"),
        )
        assert bands is None or hostile.all_finite(bands.distribution)
    for value in hostile.numbers(0.5).values():
        hostile.ends_well(
            lambda v=value: DistributionBands.from_samples(middle, samples, v),
            ("level",),
        )


@pytest.mark.parametrize("value", [1.0, 0.1, -1e-3, 1e90])
@pytest.mark.parametrize(
    "inversion",
    [LassoFista(0.0), SmoothLasso(), LassoFistaCV(4, cv=3), SmoothLassoCV(2, 3, cv=3)],
    ids=lambda e: type(e).__name__,
)
def test_a_constant_is_all_baseline(inversion, value):
    # Its mean rounds, and what is left must not become a peak.
    inversion = clone(inversion).set_params(fit_intercept=True)
    inversion.fit(KERNEL, np.full(12, value), sample_weight=WEIGHT)
    assert inversion.intercept_ == value
    assert not inversion.coef_.any()


@pytest.mark.parametrize("scale", [1e-99, 1e90, 1e99])
@pytest.mark.parametrize("rule", ["min", "1se"])
@pytest.mark.parametrize(
    "inversion",
    [LassoFistaCV(6, cv=3), SmoothLassoCV(2, 3, cv=3)],
    ids=lambda e: type(e).__name__,
)
def test_errors_of_folds_of_any_size(inversion, rule, scale):
    # Errors are squares, and their spread would be squares of squares.
    inversion = clone(inversion).set_params(rule=rule)
    plain = clone(inversion).fit(KERNEL, SIGNAL)
    scaled = inversion.fit(KERNEL, SIGNAL * scale)
    assert_allclose(scaled.coef_ / scale, plain.coef_, rtol=1e-6, atol=1e-9)
    assert_allclose(
        scaled.cv_results_["se_test_mse"] / scale / scale,
        plain.cv_results_["se_test_mse"],
        rtol=1e-6,
    )
