"""Threads that fit at once find what one thread finds."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
    VoxelMapper,
)
from skrelax.dictionary import DictionaryMatcher
from skrelax.model_selection import StrengthSearch
from skrelax.utils._parallel import single_blas_thread

TIMES = 0.01 * np.arange(1, 33)[:, None]
NOISE = 1e-3 * np.random.default_rng(0).standard_normal((32, 24))
SIGNALS = np.exp(-TIMES / np.geomspace(0.02, 0.2, 24)) + NOISE
ATOMS = np.exp(-TIMES / np.geomspace(0.01, 0.3, 50)).T


def on_line(inversion, **settings):
    return make_pipeline(KernelBuilder("T2", n_bins=24, **settings), inversion)


def jobs():
    """Return calls without arguments that each give an array."""
    bins = np.geomspace(0.01, 0.3, 24)

    def fit(estimator, y=SIGNALS, get="predict"):
        def run():
            fitted = clone(estimator).fit(TIMES, y)
            return fitted.predict(TIMES) if get == "predict" else getattr(fitted, get)

        return run

    matcher = DictionaryMatcher(refine="parabola").fit(
        ATOMS, np.geomspace(0.01, 0.3, 50)
    )
    mapper = VoxelMapper(on_line(SmoothLasso()), TIMES, chunk_size=5)
    chosen = SmoothLassoCV(3, smoothnesses=5, cv=3, rule="near", per_signal=True)
    return [
        fit(on_line(chosen)),
        fit(on_line(LassoFista(1e-5), grid=bins)),
        fit(on_line(LassoFistaCV(8, cv=3))),
        fit(on_line(StrengthSearch(SmoothLasso(), strengths=6))),
        fit(MultiDimRegularizedILT("T2", bins, noise_std=1e-3), get="distribution_"),
        fit(NonlinearRelaxationFit("T2"), get="params_"),
        lambda: mapper.fit_transform(SIGNALS.T),
        lambda: matcher.predict(SIGNALS.T),
    ]


@pytest.fixture
def eager_threads():
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_eight_threads_fit_as_one_does(eager_threads):
    work = jobs()
    expected = [run() for run in work]
    blas = [one["num_threads"] for one in threadpool_info()]
    ready = threading.Barrier(8)

    def rounds(first):
        ready.wait()
        # Each thread begins with another estimator, so that all run beside all.
        order = np.roll(np.arange(len(work)), -first).tolist()
        return {place: work[place]() for _ in range(2) for place in order}

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(rounds, range(8)):
            for place, values in found.items():
                assert_array_equal(values, expected[place])
    assert [one["num_threads"] for one in threadpool_info()] == blas


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_one_fitted_estimator_serves_threads(eager_threads):
    fitted = on_line(SmoothLasso()).fit(TIMES, SIGNALS)
    matcher = DictionaryMatcher().fit(ATOMS, np.geomspace(0.01, 0.3, 50))
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TIMES).fit(SIGNALS.T)
    calls = [
        lambda: fitted.predict(TIMES),
        lambda: matcher.predict(SIGNALS.T),
        lambda: mapper.transform(SIGNALS.T),
    ]
    expected = [call() for call in calls]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            for call, values in zip(calls, expected, strict=True):
                for found in pool.map(lambda call: call(), [call] * 8):
                    assert_array_equal(found, values)


def test_the_limit_of_blas_is_lifted_whoever_leaves_last():
    before = [one["num_threads"] for one in threadpool_info()]
    inside, out = threading.Event(), threading.Event()

    def hold():
        with single_blas_thread():
            inside.set()
            out.wait(10.0)

    other = threading.Thread(target=hold)
    with single_blas_thread():
        other.start()
        inside.wait(10.0)
    out.set()
    other.join()
    assert [one["num_threads"] for one in threadpool_info()] == before
