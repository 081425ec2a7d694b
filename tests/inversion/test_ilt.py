"""The estimator of the signed inversion."""

import sys
import types

import numpy as np
import pandas as pd
import pytest
from ilt_cases import GRIDS, TAU, TIMES, plane, same, signed_line
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold

from skrelax import (
    AdaptivePenalty,
    ConvergentScheme,
    MultiDimRegularizedILT,
    ReferenceScheme,
)
from skrelax.inversion._signed import _iteration as iteration
from skrelax.kernels import acquisition_grid
from skrelax.signals import Identity, InversionRecovery, MonoExponential


def test_signed_components_are_found():
    ilt = MultiDimRegularizedILT("T2", TAU, noise_std=1.0)
    g = ilt.fit(TIMES[:, None], signed_line()).distribution_
    late, early = TAU > 0.15, TAU < 0.15
    # 64 points of noise 1 leave amplitudes uncertain by a few units.
    assert g[late].sum() == pytest.approx(200, abs=8)
    assert g[early].sum() == pytest.approx(-120, abs=12)
    peak = np.exp(np.average(np.log(TAU[late]), weights=g[late].clip(0)))
    assert peak == pytest.approx(1.0, rel=0.08)
    assert ilt.residuals_.std() == pytest.approx(1.0, abs=0.25)
    assert ilt.n_iter_ == ilt.convergence_.size == 100
    assert ilt.converged_ is False


def test_fit_equals_fit_grid_and_predicts_the_fit():
    axes, data = plane()
    ilt = MultiDimRegularizedILT("T2", GRIDS, noise_std=1.0, scheme=ReferenceScheme(20))
    grid = ilt.fit_grid(axes, data)
    assert grid.residuals_.shape == data.shape
    X = acquisition_grid(*axes)
    order = np.random.default_rng(0).permutation(X.shape[0])
    shuffled = MultiDimRegularizedILT(
        "T2", GRIDS, noise_std=1.0, scheme=ReferenceScheme(20)
    )
    shuffled.fit(X[order], data.ravel()[order])
    assert_array_equal(shuffled.distribution_, grid.distribution_)
    assert_allclose(grid.predict(X), (data - grid.residuals_).ravel(), atol=1e-9)
    kernels = [np.exp(-t[:, None] / tau) for t, tau in zip(axes, GRIDS, strict=True)]
    expected = kernels[0] @ grid.distribution_ @ kernels[1].T
    assert_allclose(grid.predict(X), expected.ravel(), atol=1e-9)
    assert grid.score(X, data.ravel()) > 0.99


@pytest.mark.parametrize("n_inverted", [1, 2])
def test_missing_points_equal_a_fit_without_their_rows(n_inverted):
    """A lost point has no data term; scattered points give the same system."""
    axes, data = plane()
    kernels = "T2" if n_inverted == 2 else ["T2", "identity"]
    grids = GRIDS if n_inverted == 2 else [GRIDS[0], None]
    settings = {"noise_std": 1.0, "scheme": ReferenceScheme(9), "grids": grids}
    X, y = acquisition_grid(*axes), data.ravel()
    keep = np.random.default_rng(1).random(y.size) > 0.2
    # Default penalties count data points, as the fits here do, too.
    lost = MultiDimRegularizedILT(kernels, **settings).fit(X[keep], y[keep])
    sigma = np.where(keep.reshape(data.shape), 1.0, np.inf)
    marked = MultiDimRegularizedILT(kernels, **settings).fit_grid(axes, data, sigma)
    zero = MultiDimRegularizedILT(kernels, **settings).fit(X, y, keep.astype(float))
    same(marked.distribution_, lost.distribution_)
    same(zero.distribution_, lost.distribution_)
    full = MultiDimRegularizedILT(kernels, **settings).fit(X, y)
    assert np.abs(full.distribution_ - lost.distribution_).max() > 1e-3
    assert_allclose(lost.predict(X[keep]), y[keep] - lost.residuals_, atol=1e-8)


def test_scattered_points_need_no_grid(monkeypatch):
    axes, data = plane()
    settings = {"noise_std": 1.0, "scheme": ReferenceScheme(8), "grids": GRIDS}
    X, y = acquisition_grid(*axes), data.ravel()
    grid = MultiDimRegularizedILT("T2", **settings).fit(X, y)
    # Points without product structure take a kernel with one row per point.
    monkeypatch.setattr("skrelax.inversion._signed._axes._SPARSEST", 0)
    monkeypatch.setattr("skrelax.inversion._signed._axes._FEW_POINTS", 0)
    rows = MultiDimRegularizedILT("T2", **settings).fit(X, y)
    assert len(rows._problem.factors) == 1
    same(rows.distribution_, grid.distribution_)
    assert_allclose(rows.predict(X), grid.predict(X), atol=1e-4)


def test_weights_count_measurements():
    X, y = TIMES[:, None], signed_line()
    twice = np.where(np.arange(64) % 3 == 0, 2, 1)
    settings = {"grids": TAU, "scheme": ReferenceScheme(10)}
    repeated = MultiDimRegularizedILT(**settings)
    repeated.fit(np.repeat(X, twice, axis=0), np.repeat(y, twice))
    weighted = MultiDimRegularizedILT(**settings).fit(X, y, twice)
    same(weighted.distribution_, repeated.distribution_)
    assert weighted.noise_std_ == pytest.approx(repeated.noise_std_, rel=1e-9)


def test_equal_weights_of_all_points_are_a_smaller_noise():
    ilt = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(10))
    one = ilt.fit_grid([TIMES], signed_line()).noise_std_
    assert ilt.fit_grid(TIMES, signed_line()).noise_std_ == one
    ilt.fit(TIMES[:, None], signed_line(), np.full(64, 4.0))
    assert ilt.noise_std_ == pytest.approx(2 * one)


@pytest.mark.parametrize("noise", [0.3, 5.0])
def test_noise_is_estimated(noise):
    axes, data = plane(n=(20, 20), noise=noise)
    ilt = MultiDimRegularizedILT("T2", GRIDS, scheme=ReferenceScheme(3)).fit_grid(
        axes, data
    )
    # Some 350 degrees of freedom give the estimate a deviation of 4 %.
    assert ilt.noise_std_ == pytest.approx(noise, rel=0.15)
    sigma = np.full(data.shape, noise)
    assert ilt.fit_grid(axes, data, sigma).noise_std_ == 1.0


def test_data_without_noise_are_inverted():
    y = np.exp(-TIMES / 0.1)
    ilt = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(10)).fit(
        TIMES[:, None], y
    )
    assert np.abs(ilt.residuals_).max() < 1e-4
    assert ilt.noise_std_ > 0


def test_channels_on_their_own_and_together():
    y = np.column_stack([signed_line(seed) for seed in range(4)])
    y[:, 2] = 0.0
    frame = pd.DataFrame(y, columns=list("abcd"))
    own = MultiDimRegularizedILT(
        "T2", TAU, scheme=ReferenceScheme(15), noise_std=1.0, n_jobs=2
    )
    own.fit(TIMES[:, None], frame)
    assert own.distribution_.shape == (100, 4)
    alone = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(15), noise_std=1.0)
    alone.fit(TIMES[:, None], y[:, 3])
    assert_array_equal(own.distribution_[:, 3], alone.distribution_)
    assert np.isnan(own.distribution_[:, 2]).all()
    assert own.n_iter_.tolist() == [15, 15, 0, 15]
    assert list(own.to_frame().columns) == list("abcd")
    assert own.to_frame().index.name == "T2"

    together = own.set_params(channels="coupled").fit(TIMES[:, None], frame)
    assert together.distribution_.shape == (100, 4)
    same_axes = MultiDimRegularizedILT(
        ["T2", "identity"], [TAU, None], scheme=ReferenceScheme(15), noise_std=1.0
    ).fit_grid((TIMES, np.arange(1.0, 5.0)), y)
    same(same_axes.distribution_, together.distribution_)


def test_two_channel_axes_have_coordinates():
    rng = np.random.default_rng(0)
    data = signed_line()[:, None, None] * rng.uniform(0.5, 1, (1, 3, 2))
    axes = [np.array([0.0, 5.0, 10.0]), np.array([1.0, 2.0])]
    ilt = MultiDimRegularizedILT(
        "T2", 20, channels=axes, noise_std=1.0, scheme=ReferenceScheme(5)
    ).fit_grid([TIMES], data)
    assert ilt.distribution_.shape == (20, 3, 2)
    assert ilt.to_frame().columns.names == ["channel_0", "channel_1"]
    flat = MultiDimRegularizedILT(
        "T2", 20, channels=axes, noise_std=1.0, scheme=ReferenceScheme(5)
    ).fit(TIMES[:, None], data.reshape(64, 6))
    assert_array_equal(flat.distribution_, ilt.distribution_)


def test_baseline_is_separate_from_the_bins():
    y = signed_line() + 30.0
    ilt = MultiDimRegularizedILT("T2", TAU, baseline=True, noise_std=1.0)
    ilt.fit(TIMES[:, None], y)
    assert ilt.baseline_ == pytest.approx(30.0, abs=2.0)
    assert_allclose(ilt.predict([[1e6]]), ilt.baseline_, rtol=1e-9)
    axes, data = plane()
    both = MultiDimRegularizedILT(
        "T2", GRIDS, baseline=True, scheme=ReferenceScheme(5), noise_std=1.0
    )
    both.fit_grid(axes, data + 10)
    assert [part.shape for part in both.baseline_] == [(14,), (15,)]


def test_columns_are_taken_by_name():
    axes, data = plane()
    X = pd.DataFrame(acquisition_grid(*axes), columns=["TI", "TE"])
    kernels = [InversionRecovery(), MonoExponential()]
    ilt = MultiDimRegularizedILT(
        kernels, GRIDS, noise_std=1.0, scheme=ReferenceScheme(5)
    )
    named = ilt.fit(X[["TE", "TI"]], data.ravel()).distribution_
    plain = ilt.fit(X.to_numpy(), data.ravel()).distribution_
    assert_array_equal(named, plain)
    frame = ilt.to_frame()
    assert frame.index.names == ["T1", "T2"]
    assert_array_equal(frame[0].to_numpy().reshape(15, 14), plain)


def test_xarray_has_named_axes(monkeypatch):
    made = {}
    fake = types.SimpleNamespace(DataArray=lambda values, **rest: made.update(rest))
    axes, data = plane()
    ilt = MultiDimRegularizedILT("T2", GRIDS, noise_std=1.0, scheme=ReferenceScheme(2))
    ilt.fit_grid(axes, np.stack([data, data], axis=2))
    monkeypatch.setitem(sys.modules, "xarray", fake)
    ilt.to_xarray()
    assert made["dims"] == ["T2_0", "T2_1", "channel"]
    assert_array_equal(made["coords"]["T2_1"], GRIDS[1])
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"skrelax\[xarray\]"):
        ilt.to_xarray()


def test_marginal_keeps_one_axis():
    axes, data = plane()
    ilt = MultiDimRegularizedILT("T2", GRIDS, noise_std=1.0, scheme=ReferenceScheme(2))
    ilt.fit_grid(axes, data)
    assert_allclose(ilt.marginal(1), ilt.distribution_.sum(axis=0))


def test_compression_without_weights_is_a_projection():
    full = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(10), noise_std=1.0)
    full.fit(TIMES[:, None], signed_line())
    all_of_it = MultiDimRegularizedILT(
        "T2", TAU, scheme=ReferenceScheme(10), noise_std=1.0, compression=1e-14
    ).fit(TIMES[:, None], signed_line())
    same(all_of_it.distribution_, full.distribution_, 1e-3)
    few = MultiDimRegularizedILT(
        "T2", TAU, scheme=ReferenceScheme(10), noise_std=1.0, compression=3
    ).fit(TIMES[:, None], signed_line())
    assert np.abs(few.residuals_).max() > 3


def test_grid_search_tunes_any_parameter():
    axes, data = plane()
    search = GridSearchCV(
        MultiDimRegularizedILT("T2", GRIDS, noise_std=1.0, scheme=ReferenceScheme(10)),
        {"penalty__strength": [1.0, 1e4], "compression": [None, 2]},
        cv=KFold(4, shuffle=True, random_state=0),
    ).fit(acquisition_grid(*axes), data.ravel())
    assert search.best_params_ == {"compression": None, "penalty__strength": 1.0}
    scores = search.cv_results_["mean_test_score"]
    assert scores.max() > 0.99
    assert scores.min() < scores.max() - 0.005


def test_initial_distribution_is_where_the_iteration_starts():
    ilt = MultiDimRegularizedILT("T2", TAU, noise_std=1.0, scheme=ReferenceScheme(1))
    longer = clone(ilt).set_params(scheme__max_iter=2)
    X, y = TIMES[:, None], signed_line()
    first = ilt.fit(X, y).distribution_
    again = clone(ilt).fit(X, y, initial=first)
    longer.fit(X, y)
    # The weights of an iteration depend on the distribution alone at first.
    same(again.distribution_, longer.distribution_)
    with pytest.raises(ValueError, match="initial must have the shape"):
        ilt.fit(X, y, initial=first[:5])
    channels = np.column_stack([y, -y])
    for start in (first, np.column_stack([first, -first])):
        ilt.fit(X, channels, initial=start)
        same(ilt.distribution_[:, 0], longer.distribution_)
    with pytest.raises(ValueError, match="initial must have the shape"):
        ilt.fit(X, channels, initial=np.ones((100, 3)))
    same(ilt.fit_grid(TIMES, y, initial=first).distribution_, longer.distribution_)


def test_callback_stops_and_interruption_keeps_the_last_iterate(monkeypatch):
    X, y = TIMES[:, None], signed_line()
    seen = []

    def stop(iteration, step):
        seen.append(step)
        return iteration == 7

    ilt = MultiDimRegularizedILT("T2", TAU, noise_std=1.0, callback=stop).fit(X, y)
    assert ilt.n_iter_ == 7
    assert_array_equal(ilt.convergence_, seen)
    seven = MultiDimRegularizedILT(
        "T2", TAU, noise_std=1.0, scheme=ReferenceScheme(7)
    ).fit(X, y)
    same(ilt.distribution_, seven.distribution_)

    def interrupt(iteration, step):
        if iteration == 7:
            raise KeyboardInterrupt

    ilt.set_params(callback=interrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted after 7 of 100"):
        ilt.fit(X, y)
    same(ilt.distribution_, seven.distribution_)


def test_progress_is_reported(monkeypatch, capsys):
    monkeypatch.setattr("skrelax.utils._progress._PATIENCE", 0.0)
    ilt = MultiDimRegularizedILT(
        "T2", TAU, scheme=ReferenceScheme(10), verbose=1, noise_std=1.0
    )
    ilt.fit(TIMES[:, None], signed_line())
    assert "10 of 10 iterations (change" in capsys.readouterr().err


def test_bands_are_seeded_and_carry_the_weights():
    y = signed_line()
    sigma = np.where(TIMES < 0.05, 1.0, 10.0)
    ilt = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(20)).fit_grid(
        [TIMES], y, sigma
    )
    one = ilt.bands(12, random_state=3)
    two = ilt.bands(12, random_state=3, n_jobs=2)
    assert_array_equal(one.samples, two.samples)
    assert (one.lower <= one.upper).all()
    assert one.std.shape == ilt.distribution_.shape
    even = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(20)).fit_grid(
        [TIMES], y, np.ones_like(sigma)
    )
    late = TAU > 0.15
    # Noise ten times larger at late times widens what is seen there.
    spread = one.samples[:, late].sum(axis=1).std()
    assert (
        spread > 3 * even.bands(12, random_state=3).samples[:, late].sum(axis=1).std()
    )
    with pytest.raises(ValueError, match="n_refits"):
        ilt.bands(1)


def test_bands_of_channels_on_their_own():
    y = np.column_stack([signed_line(0), 3 * signed_line(1)])
    ilt = MultiDimRegularizedILT("T2", TAU, scheme=ReferenceScheme(5)).fit(
        TIMES[:, None], y
    )
    bands = ilt.bands(4, random_state=0)
    assert bands.samples.shape == (4, 100, 2)
    assert ilt.noise_std_.shape == (2,)


def test_amplitude_bands_cover_the_truth():
    """The spread of refits is that of new measurements, within a factor."""
    amplitudes = []
    late = TAU > 0.15
    for seed in range(20):
        ilt = MultiDimRegularizedILT("T2", TAU, noise_std=1.0)
        ilt.fit(TIMES[:, None], signed_line(seed))
        amplitudes.append(ilt.distribution_[late].sum())
    spread = ilt.bands(20, random_state=0).samples[:, late].sum(axis=1).std()
    # The ratio of two deviations of 20 draws is between .5 and 2 but for 1 in 400.
    assert 0.5 < spread / np.std(amplitudes) < 2.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scheme", [ReferenceScheme(8), ConvergentScheme(8)])
def test_threads_share_large_updates(monkeypatch, scheme):
    """More cells than the threshold are updated in two parts, with one result."""
    axes, data = plane()
    kernels, grids = ["T2", "identity"], [GRIDS[0], None]
    settings = {"noise_std": 1.0, "scheme": scheme}
    alone = MultiDimRegularizedILT(kernels, grids, **settings).fit_grid(axes, data)
    monkeypatch.setattr(iteration, "_THREAD_CELLS", 10)
    monkeypatch.setattr(iteration, "_SMALL_WORK", 0)
    shared = MultiDimRegularizedILT(kernels, grids, n_jobs=2, **settings)
    same(shared.fit_grid(axes, data).distribution_, alone.distribution_)


def test_smoothing_alone_inverts_nothing():
    x = np.arange(40.0)
    y = 50 * np.exp(-((x - 20) ** 2) / 20)
    y = y + np.random.default_rng(0).standard_normal(40)
    ilt = MultiDimRegularizedILT("identity", noise_std=1.0).fit(x[:, None], y)
    assert ilt.distribution_.shape == (40,)
    assert np.diff(ilt.distribution_, 2).std() < np.diff(y, 2).std()


BAD = [
    ({"grids": TAU[::-1]}, "grids of axis 0 must be strictly increasing"),
    ({"grids": np.r_[0.0, TAU]}, "grids of axis 0 must be positive on a log axis"),
    ({"grids": [TAU, TAU]}, "grids must hold one entry for each of 1 axes"),
    ({"kernels": ["T2", "T2"], "grids": 10}, "kernels read 2 acquisition columns"),
    (
        {"penalty": AdaptivePenalty(windows=(3, 2, 3))},
        "windows must be three odd numbers",
    ),
    ({"scheme": ReferenceScheme(damping=(3, 2.0, 3))}, "damping must be"),
    ({"baseline": [True, False]}, "baseline must be one value or one per axis"),
    ({"compression": 2.5}, "compression must be a number of singular values"),
    ({"max_bins": 50}, "above max_bins=50"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_bad_settings_are_named(settings, message):
    ilt = MultiDimRegularizedILT(**{"grids": TAU, **settings})
    with pytest.raises(ValueError, match=message):
        ilt.fit(TIMES[:, None], signed_line())


def test_bad_data_are_named():
    ilt = MultiDimRegularizedILT("T2", TAU)
    with pytest.raises(ValueError, match="y is constant"):
        ilt.fit(TIMES[:, None], np.ones(64))
    with pytest.raises(ValueError, match="NaN"):
        ilt.fit_grid([TIMES], np.where(TIMES > 1, np.nan, 1.0))
    with pytest.raises(ValueError, match="sizes"):
        ilt.fit_grid([TIMES], np.ones(60))
    with pytest.raises(ValueError, match="sigma must be positive"):
        ilt.fit_grid([TIMES], signed_line(), np.zeros(64))
    with pytest.raises(ValueError, match="TE must not be negative"):
        ilt.fit(-TIMES[:, None], signed_line())
    y = np.column_stack([signed_line()] * 4)
    for channels in ([1.0, 2.0], [[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0, 3.0]]):
        ilt.set_params(channels=channels)
        with pytest.raises(ValueError, match="channels must have a coordinate"):
            ilt.fit(TIMES[:, None], y)
    ilt.set_params(channels=[[1.0, 2.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="channels must have a coordinate"):
        ilt.fit_grid(TIMES, y.reshape(64, 4, 1))


def test_bins_of_an_identity_axis_are_its_points():
    axes, data = plane()
    ilt = MultiDimRegularizedILT(["T2", "identity"], [GRIDS[0], np.arange(1.0, 5.0)])
    with pytest.raises(ValueError, match="grids: axis 1 is not inverted"):
        ilt.fit_grid(axes, data)
    with pytest.raises(ValueError, match="grids: axis 1 is not inverted"):
        ilt.fit(acquisition_grid(*axes), data.ravel())
    ilt.set_params(kernels=["T2", Identity("position")], grids=[GRIDS[0], None])
    ilt.set_params(scheme__max_iter=2, noise_std=1.0).fit_grid(axes, data)
    with pytest.raises(ValueError, match="is no bin of axis 1"):
        ilt.predict([[0.1, 0.5]])
