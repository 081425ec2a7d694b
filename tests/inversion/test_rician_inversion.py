"""Distributions from magnitudes, by the likelihood of Rician noise."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, optimize, special, stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    SmoothLasso,
    SmoothLassoCV,
    VoxelMapper,
    fit_batch,
)
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.model_selection import InterleavedKFold, StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import bootstrap_distribution
from skrelax.utils._inspect import final_step, treats_signals_alone
from skrelax.utils._rice import expected_magnitude, expected_signal

TIMES = 0.01 * np.arange(1.0, 49.0)[:, None]
GRID = np.geomspace(0.01, 2.0, 24)
POOLS = np.array([0.02, 0.08])
KERNEL = KernelBuilder("T2", grid=GRID).fit_transform(TIMES)
TIKHONOV = SmoothLasso(smoothness=1e-5, order=0)
NOISE = 0.02


def magnitudes(n_signals, seed=0, short=0.15):
    """Return magnitudes of two pools, and the same with the noise of one channel."""
    noise = NOISE * np.random.default_rng(seed).standard_normal((2, 48, n_signals))
    signal = np.exp(-TIMES / POOLS) @ [short, 1.0 - short]
    along = signal[:, None] + noise[0]
    return np.hypot(along, noise[1]), along


def on_line(inversion):
    return make_pipeline(KernelBuilder("T2", grid=GRID), inversion)


def echo_train(inversion, **settings):
    kernel = KernelBuilder(EPGEchoTrain(echo_spacing=0.01), grid=GRID)
    return KernelParameterSearch(make_pipeline(kernel, inversion), **settings)


def chosen(inversion, rule, **settings):
    return StrengthSearch(inversion, rule, strengths=8, per_signal=True, **settings)


def long_share(coef):
    coef = np.atleast_2d(coef)
    return coef[:, GRID > 0.2].sum(axis=1) / coef.sum(axis=1)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0, 7.0, 40.0])
def test_expected_magnitudes_are_means_of_the_rice_distribution(ratio):
    density = stats.rice(ratio, scale=0.2)
    ends = 0.2 * max(0.0, ratio - 9.0), 0.2 * (ratio + 9.0)
    mean = integrate.quad(lambda y: y * density.pdf(y), *ends, epsabs=0, epsrel=1e-11)
    assert_allclose(expected_magnitude(ratio * 0.2, 0.2), mean[0], rtol=1e-9)


def test_expected_magnitudes_at_the_limits():
    assert_allclose(expected_magnitude(0.0, 2.0), 2.0 * np.sqrt(np.pi / 2.0))
    s = np.array([-3.0, 0.0, 1.0])
    assert_array_equal(expected_magnitude(s, 0.0), np.abs(s))
    # Far from the floor the noise adds its variance over twice the signal.
    assert_allclose(expected_magnitude(1e3, 1.0) - 1e3, 0.5e-3, rtol=1e-5)


def test_expected_signals_are_averages_over_the_phase():
    # E[Re z | |z| = y] for z = s + noise, by a sum over the phase of z.
    phase = np.linspace(-np.pi, np.pi, 2001)[:-1]
    for y, s in [(1.0, 0.1), (0.5, 2.0), (3.0, -1.0)]:
        weight = np.exp(y * s * (np.cos(phase) - np.sign(s)) / 0.3)
        expected = (weight * y * np.cos(phase)).sum() / weight.sum()
        assert_allclose(expected_signal(y, s, 0.3), expected, rtol=1e-12)


def objective_of(K, y, weight, noise_std, penalty):
    """Return the penalised negative log-likelihood of (f, c) and its gradient.

    ``penalty(f)`` gives a value and its gradient; K has a last column for c.
    """
    variance = noise_std**2 / weight
    scale = noise_std**2 / weight.sum()

    def objective(x):
        s = K @ x
        z = y * s / variance
        # Without the terms that do not depend on s.
        value = s**2 / (2.0 * variance) - np.log(special.i0e(z)) - np.abs(z)
        slope = (s - y * special.i1e(z) / special.i0e(z)) / variance
        added, gradient = penalty(x[:-1])
        return scale * value.sum() + added, scale * K.T @ slope + np.append(gradient, 0)

    return objective


FEW = GRID[::3]
D = np.diff(np.eye(8), axis=0)
PENALISED = {
    "LASSO": (LassoFista(1e-3), 1e-3, 0.0 * np.eye(8)),
    "baseline": (LassoFista(1e-3, fit_intercept=True), 1e-3, 0.0 * np.eye(8)),
    "Tikhonov": (SmoothLasso(smoothness=1e-3, order=0), 0.0, 1e-3 * np.eye(8)),
    "smooth": (SmoothLasso(1e-4, smoothness=1e-3), 1e-4, 1e-3 * D.T @ D),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", PENALISED)
def test_a_fixed_strength_gives_the_penalised_maximum_of_the_likelihood(name, weighted):
    inversion, alpha, L = PENALISED[name]
    Y, _ = magnitudes(3)
    K = np.exp(-TIMES / FEW)
    weight = np.linspace(0.5, 1.5, 48) if weighted else np.ones(48)
    inversion = clone(inversion).set_params(tol=1e-12)
    found = RicianInversion(inversion, NOISE, tol=1e-8).fit(
        K, Y, sample_weight=3.0 * weight if weighted else None
    )
    A = np.column_stack([K, np.full(48, float(inversion.fit_intercept))])
    for k, y in enumerate(Y.T):
        objective = objective_of(
            A, y, weight, NOISE,
            lambda f: (alpha * f.sum() + 0.5 * f @ L @ f, alpha + L @ f),
        )  # fmt: skip
        x = np.append(found.coef_[k], found.intercept_[k])
        best = optimize.minimize(
            objective, np.full(9, 0.1), jac=True, method="SLSQP",
            bounds=[(0.0, None)] * 8 + [(None, None)],
            options={"maxiter": 5000, "ftol": 1e-16},
        )  # fmt: skip
        value, gradient = objective(x)
        # It is the minimum that another method finds from elsewhere, to its digits ...
        assert value <= best.fun + 1e-9 * abs(best.fun)
        assert_allclose(A @ x, A @ best.x, atol=2e-3 * NOISE)

        # ... and nothing is to be gained, by the density of SciPy.
        def density(x, y=y):
            root = np.sqrt(weight) / NOISE
            log = stats.rice.logpdf(y * root, np.maximum(A @ x, 0.0) * root)
            return -(NOISE**2) / 48 * log.sum() + x[:8] @ (alpha + 0.5 * L @ x[:8])

        for j in np.flatnonzero(x > 1e-3):
            step = 1e-4 * np.eye(9)[j]
            slope = (density(x + step) - density(x - step)) / 2e-4
            assert abs(slope) < 1e-6
        assert (gradient[:8] > -1e-10).all()


def test_extrapolation_ends_where_plain_iteration_does():
    Y, _ = magnitudes(8)
    found = RicianInversion(TIKHONOV, NOISE, tol=1e-7).fit(KERNEL, Y)
    s = clone(TIKHONOV).fit(KERNEL, Y).predict(KERNEL)
    for _ in range(1000):
        before = s
        completed = expected_signal(Y, s, NOISE**2)
        s = clone(TIKHONOV).fit(KERNEL, completed).predict(KERNEL)
        if np.abs(s - before).max() < 1e-7 * NOISE:
            break
    assert_allclose(found.predict(KERNEL), s, atol=1e-5 * NOISE)
    assert found.n_iter_.max() < 40


@pytest.mark.parametrize(
    "inversion",
    [
        TIKHONOV,
        chosen(TIKHONOV, "chi2"),
        chosen(TIKHONOV, "gcv", degrees_of_freedom="linear"),
    ],
    ids=["fixed", "chi2", "gcv"],
)
def test_rician_fits_of_magnitudes_are_as_those_of_one_channel(inversion):
    # Both have the same noise along the signal, so differences are clearer than each.
    Y, along = magnitudes(120)

    def moments(y, estimator):
        f = final_step(clone(estimator).fit(KERNEL, y)).coef_
        return np.array([f[:, GRID < 0.04].sum(axis=1) / f.sum(axis=1), long_share(f)])

    plain = moments(along, inversion)
    least_squares = moments(Y, inversion) - plain
    rician = moments(Y, RicianInversion(inversion, NOISE)) - plain
    error = rician.std(axis=1) / np.sqrt(Y.shape[1])
    # The floor reads as long T2, and takes from the short fraction what fits it.
    assert least_squares[1].mean() > 0.008
    assert least_squares[0].mean() < -0.012
    # The long share is not negative, so its mean is above that of one channel.
    assert abs(rician[1].mean()) < 0.1 * least_squares[1].mean()
    assert abs(rician[0].mean()) < 3.0 * error[0] < 0.01


def test_estimated_noise_is_that_of_the_channels():
    Y, _ = magnitudes(120)
    found = RicianInversion(TIKHONOV).fit(KERNEL, Y)
    assert found.converged_.all()
    # 91 degrees of freedom: 7 to 10 % for each signal, 1 % for the mean, and a bias of
    # the active bins, which are those that fit the noise.
    assert_allclose(found.noise_std_.mean(), NOISE, rtol=0.05)
    assert found.noise_std_.std() < 0.13 * NOISE
    residual = Y - clone(TIKHONOV).fit(KERNEL, Y).predict(KERNEL)
    naive = np.sqrt((residual**2).sum(axis=0) / 44)
    assert naive.mean() < 0.93 * NOISE
    known = RicianInversion(TIKHONOV, NOISE).fit(KERNEL, Y)
    plain = clone(TIKHONOV).fit(KERNEL, Y)
    shares = [long_share(fit.coef_).mean() for fit in (plain, found, known)]
    # What is not known of the noise costs a part of the correction.
    assert shares[0] > 4.0 * shares[1] > 4.0 * shares[2]


def test_signals_without_a_floor_and_without_noise_are_as_they_were():
    signal = np.exp(-TIMES[:, 0] / 0.3)
    plain = on_line(TIKHONOV).fit(TIMES, signal)
    for noise_std in (1e-9, None):
        found = RicianInversion(on_line(TIKHONOV), noise_std).fit(TIMES, signal)
        assert found.converged_
        # What the penalty leaves counts as noise.
        assert_allclose(found.completed_, signal, rtol=1e-3)
        assert_allclose(found.predict(TIMES), plain.predict(TIMES), atol=1e-4)


ALONE = {
    "LassoFista": on_line(LassoFista(1e-4)),
    "SmoothLasso": on_line(TIKHONOV),
    "LassoFistaCV": on_line(LassoFistaCV(8, per_signal=True)),
    "SmoothLassoCV": on_line(SmoothLassoCV(2, 4, per_signal=True)),
    "search": chosen(on_line(TIKHONOV), "chi2"),
    "search inside": on_line(chosen(TIKHONOV, "gcv")),
    "angle": echo_train(
        TIKHONOV, values=[140.0, 150.0, 160.0, 170.0, 180.0], least_snr=None
    ),
}


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.parametrize("noise_std", [NOISE, None])
def test_signals_of_one_call_are_as_alone(name, noise_std):
    Y, _ = magnitudes(3)
    # One that is clear and one that is all noise take other numbers of steps.
    Y = np.column_stack([Y, np.exp(-TIMES[:, 0] / 0.3), Y[::-1, 0]])
    inversion = RicianInversion(ALONE[name], noise_std)
    assert treats_signals_alone(inversion)
    together = clone(inversion).fit(TIMES, Y)
    assert together.converged_.all()
    assert np.median(together.n_iter_) < 30
    for k in (0, 3, 4):
        alone = clone(inversion).fit(TIMES, Y[:, k])
        # Products of matrices round in the order of their columns.
        assert_allclose(together.coef_[k], alone.coef_, rtol=1e-5, atol=1e-6)
        assert_allclose(together.noise_std_[k], alone.noise_std_, rtol=1e-6)
    again = clone(inversion).fit(TIMES, Y)
    assert_array_equal(again.coef_, together.coef_)


def test_threads_change_nothing():
    Y, _ = magnitudes(40)
    one, two = (
        RicianInversion(on_line(clone(TIKHONOV).set_params(n_jobs=n)), NOISE)
        for n in (1, 2)
    )
    assert_array_equal(one.fit(TIMES, Y).coef_, two.fit(TIMES, Y).coef_)


def test_strengths_that_signals_share():
    Y, _ = magnitudes(6)
    search = StrengthSearch(on_line(TIKHONOV), "chi2", strengths=8)
    inversion = RicianInversion(search, NOISE)
    assert not treats_signals_alone(inversion)
    found = inversion.fit(TIMES, Y)
    assert found.converged_.all()
    # The choice is that of a search among the completed signals.
    again = clone(search).fit(TIMES, found.completed_)
    assert found.estimator_.strength_ == again.strength_
    assert_array_equal(found.distribution_, again.distribution_)
    assert long_share(found.coef_).mean() < 0.005
    table = found.describe()
    assert_array_equal(table["strength"], np.full(6, again.strength_))


def test_strengths_of_each_signal_go_with_it():
    Y, _ = magnitudes(4)
    smoothness = np.array([1e-6, 1e-5, 1e-4, 1e-3])[:, None]
    each = SmoothLasso(smoothness=smoothness, order=0)
    found = RicianInversion(each, NOISE, tol=1e-6).fit(KERNEL, Y)
    for k in range(4):
        own = SmoothLasso(smoothness=smoothness[k, 0], order=0)
        alone = RicianInversion(own, NOISE, tol=1e-6).fit(KERNEL, Y[:, k])
        assert_allclose(found.predict(KERNEL)[:, k], alone.predict(KERNEL), atol=1e-6)


def test_a_known_map_of_angles():
    Y, _ = magnitudes(3)
    angles = np.array([150.0, 160.0, 180.0])
    inversion = RicianInversion(echo_train(TIKHONOV), NOISE)
    found = inversion.fit(TIMES, Y, known=angles)
    assert_array_equal(found.estimator_.value_, angles)
    for k, angle in enumerate(angles):
        alone = clone(inversion).fit(TIMES, Y[:, k], known=angle)
        assert_allclose(found.coef_[k], alone.coef_, rtol=1e-5, atol=1e-7)


def test_a_signed_inversion():
    Y, _ = magnitudes(2)
    signed = MultiDimRegularizedILT("T2", FEW)
    found = RicianInversion(signed, NOISE, tol=0.01).fit(TIMES, Y)
    assert found.distribution_.shape == (8, 2)
    assert not hasattr(found, "coef_")
    plain = clone(signed).fit(TIMES, Y)
    tail = np.abs(found.predict(TIMES)[-10:]), np.abs(plain.predict(TIMES)[-10:])
    assert tail[0].mean() < 0.9 * tail[1].mean()


def test_noise_levels_of_each_signal():
    Y, _ = magnitudes(3)
    levels = NOISE * np.array([0.5, 1.0, 2.0])
    found = RicianInversion(TIKHONOV, levels).fit(KERNEL, Y)
    assert not treats_signals_alone(found)
    assert_array_equal(found.noise_std_, levels)
    for k, level in enumerate(levels):
        alone = RicianInversion(TIKHONOV, level).fit(KERNEL, Y[:, k])
        assert_allclose(found.coef_[k], alone.coef_, rtol=1e-6, atol=1e-9)


def test_points_without_weight_do_not_count():
    Y, _ = magnitudes(2)
    spoilt, weight = Y.copy(), np.ones(48)
    spoilt[5:8], weight[5:8] = 7.0, 0.0
    kept = weight > 0
    for noise_std in (NOISE, None):
        inversion = RicianInversion(TIKHONOV, noise_std)
        found = clone(inversion).fit(KERNEL, spoilt, sample_weight=weight)
        less = clone(inversion).fit(KERNEL[kept], Y[kept])
        # Both are within a step of a thousandth of the noise.
        assert_allclose(found.coef_, less.coef_, atol=1e-4)
        assert_allclose(found.noise_std_, less.noise_std_, rtol=1e-5)
        scaled = clone(inversion).fit(KERNEL, spoilt, sample_weight=1e3 * weight)
        assert_allclose(scaled.noise_std_, found.noise_std_, rtol=1e-9)


def test_scores_are_those_of_magnitudes():
    Y, _ = magnitudes(3)
    found = RicianInversion(TIKHONOV, NOISE).fit(KERNEL, Y)
    expected = found.predict_magnitude(KERNEL)
    assert_allclose(expected, expected_magnitude(found.predict(KERNEL), NOISE))
    total = ((Y - Y.mean(axis=0)) ** 2).sum(axis=0)
    score = 1.0 - ((Y - expected) ** 2).sum(axis=0) / total
    assert_allclose(found.score(KERNEL, Y), score.mean())
    signal = 1.0 - ((Y - found.predict(KERNEL)) ** 2).sum(axis=0) / total
    assert score.mean() > signal.mean()


def test_labels_and_statuses():
    Y, _ = magnitudes(2)
    frame = pd.DataFrame(Y, columns=["oil", "water"])
    inversion = RicianInversion(on_line(TIKHONOV), NOISE)
    table = inversion.fit(TIMES, frame).describe()
    assert list(table.index) == ["oil", "water"]
    assert table["status"].tolist() == ["converged"] * 2
    with pytest.warns(ConvergenceWarning, match="2 of 2 signals did not come to rest"):
        hasty = clone(inversion).set_params(max_iter=1, tol=1e-9).fit(TIMES, Y)
    assert not hasty.converged_.any()
    table = hasty.describe()
    assert table["status"].tolist() == ["not converged"] * 2
    assert table["message"].str.contains("Rician").all()


def test_batches_tell_the_noise_that_was_used():
    Y, _ = magnitudes(3)
    frame = pd.DataFrame({"TE": np.tile(TIMES[:, 0], 3), "y": Y.T.ravel()})
    frame["sample"] = np.repeat([0, 1, 2], 48)
    search = chosen(on_line(TIKHONOV), "chi2")
    for inversion in (RicianInversion(search), on_line(RicianInversion(TIKHONOV))):
        table = fit_batch(
            inversion, frame, "TE", "y", "sample", n_bootstrap=3, random_state=0
        )
        alone = clone(inversion).fit(TIMES, Y[:, 1])
        assert table["status"].tolist() == ["converged"] * 3
        assert_allclose(table["noise"][1], final_step(alone).noise_std_, rtol=1e-7)
        assert (table["log_mean stderr"] > 0).all()
    assert "strength" not in table
    with pytest.warns(ConvergenceWarning, match="3 of 3 groups"):
        table = fit_batch(
            RicianInversion(search, max_iter=1, tol=1e-12), frame, "TE", "y", "sample"
        )
    assert table["status"].tolist() == ["not converged"] * 3
    assert "strength" in table


def test_voxels_of_any_kind():
    Y, _ = magnitudes(3)
    voxels = np.vstack([Y.T, np.zeros(48), np.ones(48), np.full(48, np.nan)])
    mapper = VoxelMapper(RicianInversion(on_line(TIKHONOV), NOISE), TIMES)
    rows = mapper.fit_transform(voxels)
    names = mapper.get_feature_names_out()
    assert names[0].startswith("T2=")
    assert names[-3:].tolist() == ["residual", "noise_std", "status"]
    alone = RicianInversion(on_line(TIKHONOV), NOISE).fit(TIMES, Y[:, 1])
    assert_allclose(rows[1, :-3], alone.coef_, rtol=1e-6, atol=1e-9)
    # What is left of the magnitudes, whose mean is above the signal.
    rest = alone.predict_magnitude(TIMES) - Y[:, 1]
    assert_allclose(rows[1, -3:], [np.sqrt(np.mean(rest**2)), NOISE, 0], rtol=1e-6)
    assert rows[3, -1] == FitStatus.NO_SIGNAL
    assert np.isfinite(rows[4]).all()
    assert np.isnan(rows[[3, 5], :-1]).all()


def test_noise_in_a_search_of_angles():
    Y, _ = magnitudes(2)
    noise = np.hypot(*(NOISE * np.random.default_rng(1).standard_normal((2, 48))))
    inversion = RicianInversion(echo_train(TIKHONOV), NOISE)
    with pytest.warns(ConvergenceWarning, match="1 of 3 fits .* 1 no signal"):
        found = clone(inversion).fit(TIMES, np.column_stack([Y, noise]))
    assert found.converged_.all()
    assert np.isnan(found.coef_[2]).all()
    alone = clone(inversion).fit(TIMES, Y[:, 1])
    assert_allclose(found.coef_[1], alone.coef_, rtol=1e-5, atol=1e-6)
    mapper = VoxelMapper(inversion, TIMES).fit(Y.T)
    with pytest.warns(ConvergenceWarning):
        rows = mapper.transform(np.vstack([Y.T, noise]), known=[150.0, 150.0, 150.0])
    assert rows[:, -1].tolist() == [0, 0, FitStatus.NO_SIGNAL]
    names = mapper.get_feature_names_out().tolist()
    assert_array_equal(rows[:2, names.index("flip_angle")], 150.0)


def test_voxels_with_their_own_strength():
    Y, _ = magnitudes(3)
    voxels = np.vstack([Y.T, np.zeros(48), np.ones(48), np.full(48, np.nan)])
    search = RicianInversion(StrengthSearch(on_line(TIKHONOV), "chi2", strengths=6))
    # The mapper sets per_signal, so that each voxel gets its own strength.
    mapper = VoxelMapper(search, TIMES, include=("distribution",))
    rows = mapper.fit_transform(voxels[:2])
    own = clone(search).fit(TIMES, Y[:, 0])
    assert_allclose(rows[0], own.coef_, rtol=1e-5, atol=1e-7)


def test_a_grid_search_around_it():
    Y, _ = magnitudes(2)
    inversion = RicianInversion(on_line(SmoothLasso(order=0)), NOISE)
    name = "estimator__smoothlasso__smoothness"
    grid = GridSearchCV(inversion, {name: [1e-5, 1.0]}, cv=InterleavedKFold(3))
    grid.fit(TIMES, Y)
    assert grid.best_params_ == {name: 1e-5}
    assert final_step(grid) is grid.best_estimator_


def test_bands_are_those_of_magnitudes():
    Y, along = magnitudes(1)
    inversion = RicianInversion(on_line(TIKHONOV), NOISE).fit(TIMES, Y[:, 0])
    bands = inversion.bands(40, X=TIMES, y=Y[:, 0], random_state=0)
    assert_array_equal(bands.distribution, inversion.distribution_)
    # Gaussian noise on top would be negative, or have a floor added to it.
    gaussian = bootstrap_distribution(
        on_line(TIKHONOV), TIMES, along[:, 0], n_bootstrap=40,
        method="parametric", noise_std=NOISE, random_state=0,
    )  # fmt: skip
    floor = long_share(on_line(TIKHONOV).fit(TIMES, Y[:, 0])[-1].coef_)
    assert long_share(bands.samples).mean() < 0.6 * floor
    ratio = bands.std.sum() / gaussian.samples.std(axis=0).sum()
    assert 0.6 < ratio < 1.6
    search = RicianInversion(
        StrengthSearch(on_line(TIKHONOV), "chi2", strengths=6), NOISE
    )
    result = bootstrap_distribution(
        search, TIMES, Y[:, 0], n_bootstrap=3, random_state=0, noise_std=NOISE
    )
    assert result.noise_std == NOISE
    assert "log_mean" in result.to_frame().index


def test_weights_reach_the_inversion_inside():
    Y, _ = magnitudes(1)
    y, weight = Y[:, 0], np.linspace(0.5, 1.5, 48)
    plain = RicianInversion(chosen(on_line(TIKHONOV), "chi2"), NOISE)
    plain.fit(TIMES, y, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=True):
        final = clone(TIKHONOV).set_fit_request(sample_weight=True)
        inversion = RicianInversion(chosen(on_line(final), "chi2"), NOISE)
        routed = clone(inversion).fit(TIMES, y, sample_weight=weight)
        outer = Pipeline([("rician", inversion)]).fit(TIMES, y, sample_weight=weight)
        silent = RicianInversion(on_line(TIKHONOV), NOISE)
        with pytest.raises(ValueError, match="sample_weight"):
            silent.fit(TIMES, y, sample_weight=weight)
        angles = echo_train(final).set_fit_request(known=True)
        known = RicianInversion(angles, NOISE)
        known.fit(TIMES, y, sample_weight=weight, known=170.0)
    assert_array_equal(routed.coef_, plain.coef_)
    assert_array_equal(outer[-1].coef_, plain.coef_)
    assert known.estimator_.value_ == 170.0


def test_signals_with_nothing_in_them():
    rng = np.random.default_rng(0)
    noise = np.hypot(*rng.standard_normal((2, 48)))
    Y = np.column_stack([np.zeros(48), np.ones(48), noise])
    for inversion in (TIKHONOV, chosen(TIKHONOV, "gcv"), LassoFista(1e-3)):
        found = RicianInversion(inversion).fit(KERNEL, Y)
        assert np.isfinite(found.coef_).all()
        assert not found.coef_[0].any()
        assert found.noise_std_[0] == 0.0
    # Noise of a known level has next to no signal, where the plain fit has a floor.
    found = RicianInversion(TIKHONOV, 1.0).fit(KERNEL, Y)
    assert found.converged_.all()
    assert found.predict(KERNEL)[-1, 2] < 0.7
    assert clone(TIKHONOV).fit(KERNEL, Y).predict(KERNEL)[-1, 2] > 1.0


def test_what_is_no_magnitude_is_refused():
    Y, along = magnitudes(2)
    inversion = RicianInversion(TIKHONOV, NOISE)
    with pytest.raises(ValueError, match=r"negative, got -[0-9.e-]+ at index \d+, 0"):
        inversion.fit(KERNEL, along)
    with pytest.raises(ValueError, match="fit the estimator itself"):
        inversion.fit(KERNEL, -Y)
    with pytest.raises(ValueError, match="phase it"):
        inversion.fit(KERNEL, Y + 0.1j)
    with pytest.raises(ValueError, match="NaN"):
        inversion.fit(KERNEL, np.where(Y > 0.5, np.nan, Y))
    with pytest.raises(TypeError, match="known values are for a KernelParameterSearch"):
        inversion.fit(KERNEL, Y, known=3.0)
    with pytest.raises(TypeError, match="an inversion of signals, not of magnitudes"):
        RicianInversion(inversion, NOISE).fit(KERNEL, Y)


@pytest.mark.parametrize(
    ("noise_std", "match"),
    [
        (0.0, "noise_std"),
        (-1.0, "noise_std"),
        ([0.1, 0.0], r"noise_std must be positive .* got 0.0; None estimates it"),
        ([0.1, np.nan], "noise_std must be positive"),
        ([0.1, 0.2, 0.3], r"one per signal \(2\), got shape \(3,\)"),
    ],
)
def test_noise_levels_that_are_refused(noise_std, match):
    with pytest.raises(ValueError, match=match):
        RicianInversion(TIKHONOV, noise_std).fit(KERNEL, magnitudes(2)[0])
