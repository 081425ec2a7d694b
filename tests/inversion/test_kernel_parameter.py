"""Settings of the kernel that are estimated signal by signal."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    SmoothLasso,
)
from skrelax.inversion import KernelParameterSearch
from skrelax.model_selection import StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain, InversionRecovery

TIMES = 0.01 * np.arange(1, 33)[:, None]
GRID = np.geomspace(0.01, 2.0, 40)


def echo_trains(angles, noise=1e-4):
    """Return signals (32, n) of T2 = 20 and 90 ms at refocusing angles."""
    clean = [
        EPGEchoTrain(angle, echo_spacing=0.01).evaluate(
            TIMES, np.array([[0.02], [0.09]])
        )
        @ [0.2, 0.8]
        for angle in angles
    ]
    rng = np.random.default_rng(0)
    return np.array(clean).T + noise * rng.standard_normal((32, len(angles)))


def pipeline(inversion, **settings):
    kernel = EPGEchoTrain(echo_spacing=0.01, **settings)
    return make_pipeline(KernelBuilder(kernel, grid=GRID), inversion)


def test_angles_are_found_and_distributions_are_those_of_the_angle():
    truth = np.array([175.0, 150.0, 121.3, 90.0])
    signals = echo_trains(truth)
    search = KernelParameterSearch(pipeline(SmoothLasso(1e-6, 1e-6)), n_jobs=2)
    search.fit(TIMES, signals)
    # Near 180 degrees echoes hardly change with the angle; elsewhere noise, and a grid
    # of T2 without the true values, leave some tenths of a degree.
    assert_allclose(search.value_, truth, atol=1.0)
    assert_allclose(search.value_[1:], truth[1:], atol=0.4)
    rest = search.predict(TIMES) - signals
    assert_allclose(search.residual_, np.sqrt(np.mean(rest**2, axis=0)), rtol=1e-9)
    assert_allclose(search.noise_std_, 1e-4, rtol=0.3)
    assert search.strength_ is None
    assert_array_equal(search.status_, FitStatus.CONVERGED)
    for index in (1, 3):
        alone = pipeline(SmoothLasso(1e-6, 1e-6), flip_angle=search.value_[index])
        alone.fit(TIMES, signals[:, index])
        assert_allclose(search.coef_[index], alone[-1].coef_, atol=1e-10)
        assert_allclose(
            search.predict(TIMES)[:, index], alone.predict(TIMES), atol=1e-10
        )
    share = search.coef_[:, search.relaxation_times_ < 0.04].sum(axis=1)
    assert_allclose(share, 0.2, atol=0.03)
    wrong = pipeline(SmoothLasso(1e-6, 1e-6)).fit(TIMES, signals[:, 3])
    assert np.linalg.norm(wrong.predict(TIMES) - signals[:, 3]) > 0.1


def test_known_angles():
    truth = [150.0, 120.0]
    signals = echo_trains(truth)
    model = pipeline(StrengthSearch(SmoothLasso(order=0), strengths=20))
    search = KernelParameterSearch(model).fit(TIMES, signals, known=truth)
    assert_allclose(search.value_, truth)
    assert_allclose(search.predict(TIMES), signals, atol=2e-3)
    one = KernelParameterSearch(model).fit(TIMES, signals[:, 0], known=150.0)
    assert one.coef_.shape == (40,)
    assert_allclose(one.coef_, search.coef_[0], atol=1e-2)
    with pytest.raises(ValueError, match=r"one per signal \(2\)"):
        KernelParameterSearch(model).fit(TIMES, signals, known=[1.0, 2.0, 3.0])


def test_signals_of_one_angle_have_their_own_strengths():
    signals = echo_trains([150.0] * 3, noise=5e-3)
    signals[:, 1] *= 10.0
    search = KernelParameterSearch(
        pipeline(StrengthSearch(SmoothLasso(order=0), rule="chi2", strengths=10))
    )
    together = search.fit(TIMES, signals, known=150.0).coef_
    for index in range(3):
        alone = search.fit(TIMES, signals[:, index], known=150.0)
        # A column of many signals may be summed in another order.
        assert_allclose(alone.coef_, together[index], rtol=1e-6, atol=1e-9)


def test_efficiency_of_an_inversion():
    points = pd.DataFrame({"TI": np.geomspace(0.01, 5, 30)})
    truth = InversionRecovery(1.73)
    signal = truth.evaluate(points.to_numpy(), np.array([[0.2], [1.0]])) @ [1.0, 2.0]
    builder = KernelBuilder(InversionRecovery(), n_bins=60)
    search = KernelParameterSearch(
        make_pipeline(builder, LassoFista(1e-6)), "efficiency", np.linspace(1.5, 2, 9)
    ).fit(points, signal, sample_weight=np.full(30, 2.0))
    assert search.value_ == pytest.approx(1.73, abs=0.01)
    assert search.score(points, signal) > 0.9999


@pytest.mark.parametrize("tag", ["ref2", "ref_lcurve"])
def test_angle_of_decaes(shared_data, tag):
    def read(name):
        return np.loadtxt(shared_data / "decaes" / f"decaes_{name}.csv")

    kernel = EPGEchoTrain(T1=1.0, echo_spacing=0.01, excitation="half", magnitude=True)
    search = KernelParameterSearch(
        make_pipeline(KernelBuilder(kernel, grid=read("ref_t2times")), LassoFista()),
        values=np.linspace(50, 180, 64),
    ).fit(0.01 * np.arange(1, 17)[:, None], read("ref_signal"))
    # Both interpolate the curve of residuals.
    assert search.value_ == pytest.approx(float(read(f"{tag}_alpha")), abs=0.02)


@pytest.mark.parametrize("searched", [False, True])
@pytest.mark.parametrize(("tag", "rule"), [("ref2", "gcv"), ("ref_lcurve", "lcurve")])
def test_strengths_and_distributions_of_decaes(shared_data, tag, rule, searched):
    def read(name):
        return np.loadtxt(shared_data / "decaes" / f"decaes_{name}.csv")

    kernel = EPGEchoTrain(T1=1.0, echo_spacing=0.01, excitation="half", magnitude=True)
    inversion = StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), rule, degrees_of_freedom="linear",
        # DECAES searches ln(mu) from -8 to 2.
        strengths=np.exp(2 * np.linspace(2, -8, 41)) / 16,
    )  # fmt: skip
    search = KernelParameterSearch(
        make_pipeline(KernelBuilder(kernel, grid=read("ref_t2times")), inversion)
    )
    angle = float(read(f"{tag}_alpha"))
    times, signal = 0.01 * np.arange(1, 17)[:, None], read("ref_signal")
    search.fit(times, signal, known=None if searched else angle)
    # DECAES takes the angle from a spline, some hundredths of a degree away. Minima of
    # GCV are flat, and found to 1e-3.
    close = 1e-2 if searched else 1e-3
    mu, f = np.sqrt(16 * search.strength_), read(f"{tag}_dist")
    assert search.value_ == pytest.approx(angle, abs=0.03)
    assert mu == pytest.approx(float(read(f"{tag}_mu")), rel=close)
    assert_allclose(search.coef_, f, atol=close * f.max())


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (KernelParameterSearch(LassoFista()), "must be a Pipeline"),
        (KernelParameterSearch(make_pipeline(KernelBuilder("T2"), LassoFista())),
         "no setting 'flip_angle'"),
        (KernelParameterSearch(pipeline(LassoFista()), values=[1, 2]), "at least 4"),
        (KernelParameterSearch(pipeline(LassoFista()), values=[1, 3, 2, 4]),
         "strictly increasing"),
    ],
)  # fmt: skip
def test_bad_settings(search, message):
    with pytest.raises(ValueError, match=message):
        search.fit(TIMES, echo_trains([150.0]))


def recovery_search():
    kernel = KernelBuilder(InversionRecovery(), n_bins=8)
    return KernelParameterSearch(
        make_pipeline(kernel, SmoothLasso(1e-4)), "efficiency", [1.7, 1.8, 1.9, 2.0]
    )


def test_predictions_do_not_follow_later_settings_or_data():
    times = np.geomspace(0.01, 3.0, 24)[:, None]
    values = np.array([1.7, 1.8, 1.9, 2.0])
    search = recovery_search().set_params(values=values)
    search.fit(times, 1 - 1.85 * np.exp(-times[:, 0] / 0.5))
    query = np.geomspace(0.02, 2.0, 7)[:, None]
    before = search.predict(query)
    search.estimator.set_params(kernelbuilder__n_bins=3)
    values[:] = 0.0
    times *= 5.0
    assert_array_equal(search.predict(query), before)
    assert search.values_[0] == 1.7


@pytest.mark.parametrize("inversion", [SmoothLasso(1e-4), LassoFistaCV(4, cv=3)])
def test_zeros_have_no_distribution(inversion):
    times = np.geomspace(0.01, 3.0, 24)[:, None]
    search = recovery_search().set_params(estimator__smoothlasso=inversion)
    signals = np.column_stack([np.zeros(24), 1 - 1.85 * np.exp(-times[:, 0] / 0.5)])
    with pytest.warns(ConvergenceWarning, match="1 of 2 fits .* 1 no signal") as told:
        search.fit(times, signals)
    assert told[0].filename == __file__
    assert_array_equal(search.status_, [FitStatus.NO_SIGNAL, FitStatus.CONVERGED])
    assert np.isnan(search.value_[0])
    assert np.isnan(search.predict(times)[:, 0]).all()
    assert search.score(times, signals) > 0.99
    with pytest.warns(ConvergenceWarning, match="1 of 1 fits"):
        search.fit(times, np.zeros(24))
    assert search.status_ == FitStatus.NO_SIGNAL
    assert np.isnan(search.coef_).all()
    assert np.isnan(search.score(times, np.zeros(24)))


def test_what_is_no_linear_inversion_is_refused():
    times = np.geomspace(0.01, 3.0, 24)[:, None]
    kernel = KernelBuilder(InversionRecovery(), n_bins=8)
    pipeline = make_pipeline(kernel, MultiDimRegularizedILT())
    with pytest.raises(TypeError, match=r"must end in a linear inversion.*got Multi"):
        KernelParameterSearch(pipeline, "efficiency").fit(times, times[:, 0])
    with pytest.raises(TypeError, match=r"a LassoFista, a SmoothLasso, a Multi.*CV"):
        StrengthSearch(LassoFistaCV()).fit(times, times[:, 0])


def test_a_setting_without_influence_is_not_known():
    # Between pulses of 180 degrees nothing is stored along the field.
    times = 0.01 * np.arange(1, 25)[:, None]
    model = EPGEchoTrain(echo_spacing=0.01)
    noise = 0.002 * np.random.default_rng(0).standard_normal((24, 3))
    y = model.evaluate(times, np.array([[0.04], [0.06], [0.09]])) + noise
    pipeline = make_pipeline(
        KernelBuilder(model, grid=np.geomspace(0.01, 1.0, 30)), SmoothLasso(order=0)
    )
    search = KernelParameterSearch(pipeline, "T1", np.linspace(0.3, 3.0, 10))
    with pytest.warns(ConvergenceWarning, match="3 not identifiable"):
        search.fit(times, y)
    assert (search.status_ == FitStatus.NOT_IDENTIFIABLE).all()
    # The distributions do not depend on it.
    assert np.isfinite(search.coef_).all()
    assert search.n_points_.tolist() == [24, 24, 24]
    known = search.fit(times, y, known=1.0)
    assert (known.status_ == FitStatus.CONVERGED).all()
