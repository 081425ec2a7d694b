"""The same calls on a local Dask cluster of two processes."""

import os

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFistaCV,
    NonlinearRelaxationFit,
    SmoothLasso,
    VoxelMapper,
    fit_batch,
)
from skrelax.model_selection import InterleavedKFold

dask = pytest.importorskip("dask", reason="clusters need dask")
da = pytest.importorskip("dask.array", reason="clusters need dask")
distributed = pytest.importorskip("distributed", reason="clusters need distributed")

# Bytes that a worker may use. The libraries alone take about a third of them.
LIMIT = 640 * 2**20
TE = pd.DataFrame({"TE": 0.002 * np.arange(1, 65)})


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        memory_limit=LIMIT,
        dashboard_address=None,
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


def decays(n_voxels, seed=0):
    rng = np.random.default_rng(seed)
    T2 = rng.uniform(0.02, 0.1, n_voxels)
    clean = np.exp(-TE["TE"].to_numpy() / T2[:, None])
    return clean + 0.01 * rng.standard_normal(clean.shape)


def tasks_done(client):
    """Return a counter that grows with every task of the cluster."""
    return client.run_on_scheduler(
        lambda dask_scheduler: dask_scheduler.transition_counter
    )


def test_grid_search(client):
    X, y = TE, decays(3).T
    builder = KernelBuilder("T2", n_bins=[12], minimum=0.01, maximum=0.2)
    search = GridSearchCV(
        make_pipeline(builder, SmoothLasso()),
        {
            "smoothlasso__smoothness": [1e-4, 1e-2],
            "kernelbuilder__n_bins": [12, 20],
        },
        cv=InterleavedKFold(4),
    )
    local = search.fit(X, y)
    scores, best = local.cv_results_["mean_test_score"], local.best_params_
    coef = local.best_estimator_[-1].coef_
    before = tasks_done(client)
    with joblib.parallel_config(backend="dask"):
        remote = search.fit(X, y)
    assert tasks_done(client) > before
    assert_allclose(remote.cv_results_["mean_test_score"], scores, rtol=1e-9)
    assert remote.best_params_ == best
    assert_allclose(remote.best_estimator_[-1].coef_, coef, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(KernelBuilder("T2", n_bins=20), SmoothLasso(1e-5, 1e-3)),
        make_pipeline(KernelBuilder("T2", n_bins=20), LassoFistaCV(8)),
        NonlinearRelaxationFit("T2"),
    ],
    ids=["smooth", "lasso CV", "nonlinear"],
)
def test_batch(client, estimator):
    signals = decays(12)
    frame = pd.DataFrame(
        {
            "sample": np.repeat(np.arange(12), len(TE)),
            "TE": np.tile(TE["TE"], 12),
            "signal": signals.ravel(),
        }
    )
    roles = {"acquisition": "TE", "signal": "signal", "by": ["sample"]}
    local, before = fit_batch(estimator, frame, **roles), tasks_done(client)
    with joblib.parallel_config(backend="dask"):
        remote = fit_batch(estimator, frame, **roles)
    assert tasks_done(client) > before
    assert_frame_equal(remote, local, rtol=1e-8)


def test_mapper_of_an_array_in_memory(client):
    X = decays(200)
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, chunk_size=50)
    local, before = mapper.fit_transform(X), tasks_done(client)
    with joblib.parallel_config(backend="dask"):
        # Workers may have compiled for themselves: equal but for rounding.
        assert_allclose(mapper.fit_transform(X), local, rtol=1e-10)
    assert tasks_done(client) > before


def test_mapper_of_an_array_beyond_the_memory_of_a_worker(client):
    n_voxels, rows = 1_400_000, 50_000
    times = TE["TE"].to_numpy()

    def simulate(block_info=None):
        # A function of its own, so that it travels by value to the workers.
        (start, stop), _ = block_info[None]["array-location"]
        T2 = 0.02 + 1e-7 * np.arange(start, stop) % 0.08
        return np.exp(-times / T2[:, None])

    X = da.map_blocks(
        simulate, chunks=((rows,) * (n_voxels // rows), (times.size,)), dtype=float,
        meta=np.empty((0, 0)),
    )  # fmt: skip
    limits = client.run(lambda dask_worker: dask_worker.memory_manager.memory_limit)
    assert set(limits.values()) == {LIMIT}
    processes = client.run(os.getpid)
    assert X.nbytes > LIMIT
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, include=("params", "status"))
    out = mapper.fit(X).transform(X)
    assert out.shape == (n_voxels, 3)
    assert out.chunks[0] == X.chunks[0]
    with joblib.parallel_config(backend="dask"):
        found = out.compute()
    # No worker has died of its memory and come back.
    assert client.run(os.getpid) == processes
    truth = 0.02 + 1e-7 * np.arange(n_voxels) % 0.08
    # Splines behind the fit are accurate to 1e-8.
    assert_allclose(found[:, 1], truth, rtol=1e-6)
    assert not found[:, 2].any()
    part = slice(n_voxels - 2 * rows, n_voxels - rows)
    local = mapper.transform(np.exp(-times / truth[part, None]))
    assert_allclose(found[part], local, rtol=1e-10)


def test_lazy_arrays_follow_the_rules_of_arrays():
    signals = decays(9)
    signals[4] = np.nan
    X = da.from_array(signals, chunks=(4, 10))
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TE, chunk_size=3)
    lazy = mapper.fit(X).transform(X)
    with pytest.warns(UserWarning, match="1 of 9 fits"):
        local = mapper.fit(signals).transform(signals)
    assert_array_equal(lazy.compute(scheduler=dask.get), local)
    with pytest.raises(ValueError, match="expecting 64 features"):
        mapper.transform(X[:, :10])
    with pytest.raises(ValueError, match="rows of a 2-D array"):
        mapper.transform(X[0])
    with pytest.raises(ValueError, match="acquisition has 64 points"):
        mapper.fit(X[:, :10])
    inversion = make_pipeline(KernelBuilder("T2", n_bins=12), SmoothLasso(1e-3))
    maps = VoxelMapper(inversion, TE).fit(X)
    assert_allclose(
        maps.transform(X).compute(scheduler=dask.get), maps.transform(signals)
    )
