"""Maps of distributions: all that was found, masks, known values, failures, memory."""

import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, NonlinearRelaxationFit, SmoothLasso
from skrelax.compose import VoxelMapper
from skrelax.inversion import KernelParameterSearch
from skrelax.metrics import fraction_between, log_mean
from skrelax.model_selection import StrengthSearch
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain
from skrelax.utils import _progress

N_ECHOES = 16
TE = 0.01 * np.arange(1, N_ECHOES + 1)[:, None]
T2 = np.geomspace(0.01, 1.0, 12)


def trains(n, seed=0):
    """Return signals (n, n_echoes) of two pools, and their angles."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(110.0, 170.0, n)
    signals = [
        EPGEchoTrain(angle, echo_spacing=0.01).evaluate(TE, np.array([[0.02], [0.09]]))
        @ [0.15, 0.85]
        for angle in angles
    ]
    return np.array(signals) + 0.005 * rng.standard_normal((n, N_ECHOES)), angles


def search(rule="chi2", **settings):
    inversion = StrengthSearch(
        SmoothLasso(alpha=0.0, order=0), rule, degrees_of_freedom="linear"
    )
    builder = KernelBuilder(EPGEchoTrain(echo_spacing=0.01), grid=T2)
    return KernelParameterSearch(make_pipeline(builder, inversion), **settings)


def test_all_that_was_found_is_kept():
    X, _ = trains(30)
    mapper = VoxelMapper(search(), TE, chunk_size=7).set_output(transform="pandas")
    table = mapper.fit_transform(pd.DataFrame(X, index=[f"v{k}" for k in range(30)]))
    assert table.index[4] == "v4"
    names = table.columns.tolist()
    assert names[0] == "T2=0.01"
    assert names[12:] == ["flip_angle", "strength", "residual", "noise_std", "status"]
    whole = search().fit(TE, X.T)
    columns = [whole.value_, whole.strength_, whole.residual_]
    columns += [whole.noise_std_, whole.status_]
    # The same bits, however voxels are shared out.
    assert_array_equal(table, np.column_stack([whole.coef_, *columns]))
    mapper = VoxelMapper(search(), TE, include=("status", "settings"))
    assert_array_equal(mapper.fit_transform(X), table.to_numpy()[:, [12, 13, 16]])


def test_a_baseline_is_kept_where_there_is_one():
    X, _ = trains(4)
    pipeline = make_pipeline(
        KernelBuilder("T2", grid=T2), SmoothLasso(0.0, 1e-3, fit_intercept=True)
    )
    mapper = VoxelMapper(pipeline, TE, include=("baseline", "residual"))
    rows = mapper.fit_transform(X + 0.3)
    assert mapper.get_feature_names_out().tolist() == ["baseline", "residual"]
    fitted = pipeline.fit(TE, X.T + 0.3)
    assert_allclose(rows[:, 0], fitted[-1].intercept_, rtol=1e-9)
    mapper = VoxelMapper(search(), TE, include=("baseline", "status")).fit(X)
    assert mapper.get_feature_names_out().tolist() == ["status"]


def last_bin(F, bins):
    return F[:, -1] * bins[-1]


def test_numbers_of_distributions_in_place_of_bins():
    X, _ = trains(25)
    kinds = ("statistics", "status")
    whole = VoxelMapper(search(), TE, include=("distribution", *kinds), short=0.05)
    table = whole.fit_transform(X)
    F = table[:, : T2.size]
    names = whole.get_feature_names_out().tolist()
    assert names[T2.size :] == ["short_fraction", "log_mean", "status"]
    assert_array_equal(table[:, T2.size], fraction_between(F, T2, upper=0.05))
    assert_array_equal(table[:, T2.size + 1], log_mean(F, T2))
    alone = VoxelMapper(search(), TE, include=kinds, short=0.05, chunk_size=7)
    assert_allclose(alone.fit_transform(X), table[:, T2.size :], rtol=1e-12)
    own = {"end": last_bin, "log_mean": log_mean}
    mapper = VoxelMapper(search(), TE, include=("statistics",), statistics=own)
    found = mapper.fit_transform(X)
    assert mapper.get_feature_names_out().tolist() == ["end", "log_mean"]
    assert_allclose(found[:, 0], F[:, -1] * T2[-1])


def test_numbers_of_distributions_that_cannot_be_told():
    X, _ = trains(3)
    kinds = ("statistics",)
    with pytest.raises(ValueError, match="statistics must be among"):
        VoxelMapper(search(), TE, include=kinds, statistics=("T2",)).fit(X)
    with pytest.raises(ValueError, match="must know its relaxation times"):
        VoxelMapper(SmoothLasso(alpha=0.1), np.eye(8), include=kinds).fit(X[:, :8])
    with pytest.raises(ValueError, match="include must name some of"):
        VoxelMapper(NonlinearRelaxationFit("T2"), TE, include=kinds).fit(X)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_masks(n_jobs):
    X, _ = trains(24)
    mask = np.arange(24).reshape(2, 3, 4) % 3 > 0
    for estimator in (search(), NonlinearRelaxationFit("T2")):
        mapper = VoxelMapper(estimator, TE, chunk_size=5, n_jobs=n_jobs).fit(X)
        whole = mapper.transform(X)
        for given in (mask, mask.ravel().tolist(), mask.astype(np.int8)):
            rows = mapper.transform(X, given)
            assert_array_equal(rows[mask.ravel()], whole[mask.ravel()])
            assert np.isnan(rows[~mask.ravel(), :-1]).all()
            assert_array_equal(rows[~mask.ravel(), -1], FitStatus.MASKED)
    nothing = mapper.transform(X, np.zeros(24, dtype=bool))
    assert np.isnan(nothing[:, :-1]).all()
    # What is outside a mask may be anything.
    X[~mask.ravel()] = np.nan
    assert_array_equal(mapper.fit_transform(X, mask=mask), rows)


def test_known_values():
    X, angles = trains(12)
    mapper = VoxelMapper(search(), TE, chunk_size=5).fit(X)
    expected = search().fit(TE, X.T, known=angles)
    for given in (angles, angles.reshape(3, 4)):
        rows = mapper.transform(X, known=given)
        assert_array_equal(rows[:, :12], expected.coef_)
        assert_array_equal(rows[:, 12], angles)
    inside = VoxelMapper(make_pipeline("passthrough", search()), TE, chunk_size=5)
    assert_array_equal(inside.fit_transform(X, known=angles), rows)
    angles[3] = np.nan
    with pytest.warns(ConvergenceWarning, match="1 of 12 fits .* 1 failed"):
        rows = mapper.transform(X, known=angles)
    assert rows[3, -1] == FitStatus.FAILED
    assert np.isnan(rows[3, :-1]).all()

    B1 = angles / 180.0
    fit = NonlinearRelaxationFit(EPGEchoTrain(echo_spacing=0.01, B1=None))
    mapper = VoxelMapper(fit, TE, chunk_size=2, only_converged=False).fit(X)
    with pytest.warns(ConvergenceWarning, match="1 of 4 .* 1 failed"):
        rows = mapper.transform(X[:4], known={"B1": B1[:4].reshape(2, 2)})
    there = np.arange(3)
    assert_array_equal(rows[there, 2], B1[there])
    assert rows[3, -1] == FitStatus.FAILED


def test_masks_and_known_values_of_lazy_arrays():
    da = pytest.importorskip("dask.array")
    signals, angles = trains(20)
    mask = np.arange(20) % 4 > 0
    X = da.from_array(signals, chunks=(6, 5))
    mapper = VoxelMapper(search(), TE, chunk_size=4).fit(X)
    lazy = mapper.transform(X, mask=mask.reshape(4, 5), known=angles)
    expected = mapper.transform(signals, mask=mask, known=angles)
    assert lazy.chunks[0] == (6, 6, 6, 2)
    assert_array_equal(lazy.compute(scheduler="synchronous"), expected)
    lazy = mapper.transform(X, mask=mask)
    expected = mapper.transform(signals, mask=mask)
    assert_array_equal(lazy.compute(scheduler="synchronous"), expected)
    with pytest.raises(ValueError, match=r"one entry per voxel \(20\)"):
        mapper.transform(X, mask=mask[:3])
    with pytest.raises(ValueError, match="whose chunks are known"):
        mapper.transform(X[X[:, 0] > 0], mask=mask)


def test_wrong_masks_and_known_values():
    X, angles = trains(6)
    mapper = VoxelMapper(search(), TE).fit(X)
    with pytest.raises(ValueError, match=r"mask must have one entry per voxel \(6\)"):
        mapper.transform(X, mask=np.ones((2, 4), dtype=bool))
    with pytest.raises(ValueError, match="mask must hold zeros and ones"):
        mapper.transform(X, mask=2.0 * np.ones(6))
    with pytest.raises(ValueError, match="mask must be finite"):
        mapper.transform(X, mask=np.full(6, np.nan))
    with pytest.raises(ValueError, match=r"known must be a number or .* voxel \(6\)"):
        mapper.transform(X, known=angles[:5])
    with pytest.raises(TypeError, match="known must be numbers"):
        mapper.transform(X, known={"flip_angle": angles})
    fits = VoxelMapper(NonlinearRelaxationFit("T2"), TE).fit(X)
    with pytest.raises(TypeError, match="known must be a dict"):
        fits.transform(X, known=angles)
    with pytest.raises(ValueError, match=r"known\['B1'\] must be a number"):
        fits.transform(X, known={"B1": angles[:3]})
    plain = VoxelMapper(make_pipeline(KernelBuilder("T2"), LassoFista()), TE).fit(X)
    with pytest.raises(TypeError, match="known values are for a KernelParameterSearch"):
        plain.transform(X, known=angles)


class Touchy(RegressorMixin, BaseEstimator):
    """An estimator that raises for signals that begin with a large number."""

    def __init__(self, limit=2.0):
        self.limit = limit

    def fit(self, X, y):
        if y[0].max() > self.limit:
            raise ValueError(f"the signal begins with {y[0].max():.3f}")
        self.coef_ = y[:3].T.copy()
        return self

    def predict(self, X):
        return np.zeros((len(X), len(self.coef_)))


def test_a_voxel_that_fails_is_alone():
    X, _ = trains(40)
    X[[3, 4, 17, 39], 0] = 5.0, 6.0, 7.0, 8.0
    mapper = VoxelMapper(Touchy(), TE, chunk_size=25).fit(X)
    with pytest.warns(UserWarning, match=r"begins with 5.000 \(and 3 more") as told:
        rows = mapper.transform(X)
    assert len(told) == 1
    lost = [3, 4, 17, 39]
    assert_array_equal(rows[lost, -1], FitStatus.FAILED)
    assert np.isnan(rows[lost, :-1]).all()
    kept = np.delete(np.arange(40), lost)
    assert_array_equal(rows[kept, :3], X[kept, :3])
    # If nothing can be fitted, it is no fault of a voxel.
    with pytest.raises(ValueError, match="the signal begins with"):
        mapper.transform(X[lost])


def test_progress_tells_the_time_that_is_left(monkeypatch, capsys):
    X, _ = trains(20)
    # The first chunk compiles for five minutes, which tells nothing of the others.
    clock = iter([0.0, *np.arange(300.0, 1000.0, 40.0)])
    # Not that of the whole process, which others look at.
    own = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(_progress, "time", own)
    VoxelMapper(search(), TE, chunk_size=5, verbose=1).fit(X).transform(X)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "skrelax: 5 of 20 voxels"
    assert lines[1] == "skrelax: 10 of 20 voxels (1 min 20 s left)"
    assert lines[-1] == "skrelax: 20 of 20 voxels (0 s left)"
    VoxelMapper(search(), TE, chunk_size=5).fit(X).transform(X)
    assert capsys.readouterr().err == ""


def test_time_that_is_left_of_several_workers(monkeypatch, capsys):
    # Three of them compile for a minute each, and take ten seconds for a part.
    ends = [60.0, 61.0, 61.0, 70.0, 71.0, 71.0, 80.0, 81.0, 81.0]
    own = SimpleNamespace(monotonic=iter([0.0, *ends]).__next__)
    monkeypatch.setattr(_progress, "time", own)
    progress = _progress.Progress(30, tells_time=True, n_workers=3)
    for _ in ends:
        progress()
    lines = capsys.readouterr().err.splitlines()
    # 24 parts of three each 10 s, and 21 of them.
    assert lines == [
        "skrelax: 1 of 30 fits",
        "skrelax: 3 of 30 fits",
        "skrelax: 6 of 30 fits (1 min 20 s left)",
        "skrelax: 9 of 30 fits (1 min 10 s left)",
    ]


def test_memory_is_that_of_a_chunk(tmp_path):
    X, _ = trains(50)
    n_voxels, chunk = 8000, 250
    path = tmp_path / "voxels.dat"
    volume = np.memmap(path, np.float32, "w+", shape=(40, 40, 5, N_ECHOES))
    volume.reshape(-1, N_ECHOES)[:] = np.tile(X, (n_voxels // 50, 1))
    inversion = make_pipeline(KernelBuilder("T2", grid=T2), LassoFista(0.0))
    mapper = VoxelMapper(inversion, TE, chunk_size=chunk)
    rows = volume.reshape(-1, N_ECHOES)
    assert isinstance(rows, np.memmap)
    mapper.fit(rows).transform(rows[:chunk])
    tracemalloc.start()
    try:
        out = mapper.transform(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Of 32 chunks not even a third are held at a time, in doubles.
    assert peak - out.nbytes < 10 * chunk * (N_ECHOES + len(out[0])) * 8
    # A product may round by the place of a signal.
    assert_allclose(out[-50:], out[:50], rtol=1e-9, atol=1e-12)


def test_noise_and_huge_numbers_do_not_stop_a_volume():
    X, _ = trains(12)
    rng = np.random.default_rng(1)
    X[2] = rng.standard_normal(N_ECHOES)
    X[3] = -X[3]
    X[4, 5], X[5], X[6] = np.inf, 0.0, 1e250
    X[7] = 1e-200
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = VoxelMapper(search(), TE, chunk_size=5).fit_transform(X)
    lost = rows[:, -1] > FitStatus.AT_BOUND
    assert_array_equal(np.flatnonzero(lost), [2, 3, 4, 5, 6, 7])
    assert np.isnan(rows[lost, :-1]).all()
    assert np.isfinite(rows[~lost]).all()
