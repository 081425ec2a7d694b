"""Callbacks of scikit-learn hear of the parts of long fits, and change nothing."""

import copy
import pickle
import threading
import time
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from listeners import Everywhere, Listener
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
    VoxelMapper,
    fit_batch,
)
from skrelax.decomposition import MarchenkoPasturDenoiser, TSVDCompressor
from skrelax.dictionary import DictionaryMatcher, SignalSimulator
from skrelax.inversion import KernelParameterSearch, RicianInversion
from skrelax.model_selection import EfficiencySearch, StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.utils._parallel import run_tasks
from skrelax.utils._progress import SILENT, open_work

HAS_CALLBACKS = hasattr(SmoothLassoCV, "set_callbacks")
needs_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9"
)

TIMES = np.geomspace(1e-3, 1.0, 24)[:, None]
NOISE = 1e-3 * np.random.default_rng(0).standard_normal((24, 6))
SIGNALS = np.exp(-TIMES / np.array([0.03, 0.05, 0.08, 0.1, 0.2, 0.3])) + NOISE
KERNEL = KernelBuilder("T2", n_bins=12).fit_transform(TIMES)
GRID = np.geomspace(1e-3, 1.0, 16)
ECHOES = 0.01 * np.arange(1, 17)[:, None]


def check_tree(listener):
    """Assert that each task begins once in its parent, ends once, and all are there."""
    assert [what for what, *_ in listener.told if what in ("setup", "teardown")] == [
        "setup", "teardown",
    ]  # fmt: skip
    assert listener.told[0][0] == "setup"
    assert listener.told[-1][0] == "teardown"
    begun, ended, parts = set(), set(), Counter()
    for what, _, place, context in listener.told[1:-1]:
        if what == "begin":
            assert place not in begun
            assert len(place) == 1 or place[:-1] in begun - ended
            begun.add(place)
            parts[place[:-1]] += 1
        else:
            assert place in begun - ended
            ended.add(place)
            if context.max_subtasks is not None:
                assert parts[place] <= context.max_subtasks
    assert begun == ended


def searched(rule="gcv", inversion=None, **settings):
    return StrengthSearch(
        SmoothLasso() if inversion is None else inversion,
        rule=rule, strengths=4, **settings,
    )  # fmt: skip


def ilt(**settings):
    return MultiDimRegularizedILT("T2", GRID, noise_std=1e-3, **settings)


def echo_search(inversion):
    builder = KernelBuilder(EPGEchoTrain(echo_spacing=0.01), grid=GRID[4:])
    return KernelParameterSearch(make_pipeline(builder, inversion))


# Estimator, X, y, and how often parts of each name are told of.
FITS = {
    "smooth cv": (
        SmoothLassoCV(3, smoothnesses=4, cv=3, rule="near"), KERNEL, SIGNALS[:, 0],
        {"fit": 1, "cross-validation": 1, "fold": 3, "path": 12, "final fit": 1},
    ),
    "smooth cv, two axes": (
        SmoothLassoCV(2, smoothnesses=3, cv=3, grid_shape=(3, 4), adaptive=True),
        KERNEL, SIGNALS[:, 0],
        {"fit": 1, "cross-validation": 1, "fold": 3, "path": 9, "final fit": 1},
    ),
    "lasso cv": (
        LassoFistaCV(8, cv=4), KERNEL, SIGNALS,
        {"fit": 1, "cross-validation": 1, "fold": 4, "path": 4, "final fit": 1},
    ),
    "strengths": (
        searched(refine=False), KERNEL, SIGNALS,
        {"fit": 1, "curve": 1, "strength": 4, "search": 1, "final fit": 1},
    ),
    "strengths by folds": (
        searched("cv", cv=3), KERNEL, SIGNALS,
        {"fit": 1, "cross-validation": 1, "fold": 3, "curve": 1, "strength": 16,
         "final fit": 1},
    ),
    "strengths and a fit of its own": (
        searched("chi2", refine=False), KERNEL, SIGNALS,
        {"fit": 1, "curve": 1, "strength": 5, "search": 1, "final fit": 1},
    ),
    "channels": (ilt(), TIMES, SIGNALS, {"fit": 1, "channel": 6}),
    "iterations": (
        ilt(scheme="convergent"), TIMES, SIGNALS[:, 0], {"fit": 1, "iteration": None},
    ),
    "values": (
        echo_search(LassoFistaCV(4)), ECHOES, np.exp(-ECHOES / [0.03, 0.1]),
        {"fit": 1, "values": 1, "value": 32, "inversions": 1, "inversion": None},
    ),
    "nonlinear": (NonlinearRelaxationFit("T2"), TIMES, SIGNALS, {"fit": 1, "part": 1}),
    "at once": (SmoothLasso(), KERNEL, SIGNALS, {"fit": 1}),
}  # fmt: skip


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("case", FITS)
def test_parts_are_told_and_numbers_stay(case, n_jobs):
    estimator, X, y, expected = FITS[case]
    if "n_jobs" in estimator.get_params(deep=False):
        estimator = clone(estimator).set_params(n_jobs=n_jobs)
    listener = Listener()
    told = clone(estimator).set_callbacks(listener).fit(X, y)
    check_tree(listener)
    found = listener.count("end")
    assert set(found) == set(expected)
    for name, count in expected.items():
        assert count is None or found[name] == count
    alone = clone(estimator).fit(X, y)
    for name, value in vars(alone).items():
        if isinstance(value, np.ndarray):
            assert_array_equal(getattr(told, name), value)
    # Nothing of a fit is kept but the callbacks.
    assert set(vars(told)) - set(vars(alone)) == {"_skl_callbacks"}


def others():
    search = make_pipeline(KernelBuilder("T2", n_bins=8), LassoFistaCV(4))
    table = np.array([[0.03], [0.1]])
    return [
        (KernelBuilder("T2"), TIMES, None),
        (TSVDCompressor(), KERNEL, None),
        (MarchenkoPasturDenoiser(), SIGNALS, None),
        (SignalSimulator("T2", TIMES), table, None),
        (DictionaryMatcher(), SIGNALS.T, np.arange(6.0)),
        (LassoFista(1e-4), KERNEL, SIGNALS),
        (VoxelMapper(NonlinearRelaxationFit("T2"), TIMES), SIGNALS.T, None),
        (EfficiencySearch(search_of_inversion(), [0.9, 1.0]), TIMES, SIGNALS[:, 0]),
        (RicianInversion(search, 1e-3), TIMES, np.abs(SIGNALS[:, 0])),
    ]


def search_of_inversion():
    return make_pipeline(KernelBuilder("T1-IR", n_bins=8), LassoFistaCV(4, cv=3))


@needs_callbacks
@pytest.mark.parametrize("place", range(len(others())))
def test_every_estimator_tells_of_its_fit(place):
    estimator, X, y = others()[place]
    listener = Listener()
    estimator.set_callbacks(listener).fit(X, y)
    check_tree(listener)
    assert listener.count("end")["fit"] == 1
    assert estimator.set_callbacks() is estimator
    before = len(listener.told)
    estimator.fit(X, y)
    assert len(listener.told) == before


@needs_callbacks
def test_voxels_and_batches_are_told_by_chunks():
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TIMES, chunk_size=2)
    alone = mapper.fit(SIGNALS.T).transform(SIGNALS.T)
    listener = Listener()
    mapper.set_callbacks(listener)
    assert_array_equal(mapper.transform(SIGNALS.T), alone)
    check_tree(listener)
    assert listener.count("end") == {"transform": 1, "chunk": 3}
    table = long_table()
    model = make_pipeline(KernelBuilder("T2", n_bins=8), SmoothLasso())
    one_by_one = GridSearchCV(model, {"smoothlasso__order": [0, 1]}, cv=2)
    cases = (model, 1, 1), (model, 2, 6), (one_by_one, 1, 6)
    for model, n_jobs, n_tasks in cases:
        alone = fit_batch(model, table, "TE", "signal", "sample", n_jobs=n_jobs)
        listener = Listener()
        found = fit_batch(
            model, table, "TE", "signal", "sample", n_jobs=n_jobs, callbacks=listener
        )
        pd.testing.assert_frame_equal(found, alone, check_exact=True)
        check_tree(listener)
        assert listener.count("end") == {"fit": 1, "task": n_tasks}
    with pytest.raises(TypeError, match="FitCallback"):
        fit_batch(model, table, "TE", "signal", "sample", callbacks=[print])


def long_table():
    names = np.repeat(list("abcdef"), len(TIMES))
    times = np.tile(TIMES[:, 0], 6)
    return pd.DataFrame({"sample": names, "TE": times, "signal": SIGNALS.T.ravel()})


@pytest.mark.skipif(HAS_CALLBACKS, reason="scikit-learn has callbacks")
def test_without_callbacks_nothing_is_offered():
    assert not hasattr(VoxelMapper, "set_callbacks")
    with pytest.raises(ImportError, match=r"need scikit-learn 1\.9"):
        fit_batch(
            NonlinearRelaxationFit("T2"), long_table(), "TE", "signal", "sample",
            callbacks=Listener(),
        )  # fmt: skip


def test_who_tells_nobody_is_silent():
    # No thread, lock or context is made for a fit that nobody listens to.
    assert open_work(SmoothLassoCV(), n_parts=3) is SILENT
    assert SILENT.part("fold", 5) is SILENT
    assert SILENT.step("fold") is False
    assert vars(SILENT) == vars(copy.copy(SILENT))
    assert SILENT.done == 0


@needs_callbacks
def test_inner_estimators_are_told_of_in_their_place():
    listener = Everywhere()
    searched("discrepancy", ilt(), refine=False, noise_std=1e-3).set_callbacks(
        listener
    ).fit(TIMES, SIGNALS[:, 0])
    check_tree(listener)
    inside = [
        context for what, name, _, context in listener.told
        if what == "end" and context.estimator_name == "MultiDimRegularizedILT"
        and name == "fit"
    ]  # fmt: skip
    # One for each strength, and the final one.
    assert {one.source_task_name for one in inside} == {"strength", "final fit"}
    assert len(inside) == 5
    listener = Everywhere()
    model = make_pipeline(KernelBuilder("T2", n_bins=8), LassoFistaCV(4, cv=3))
    search = GridSearchCV(model, {"lassofistacv__rule": ["min", "1se"]}, cv=2)
    search.set_callbacks(listener).fit(TIMES, SIGNALS[:, 0])
    check_tree(listener)
    # Two candidates in two folds, and the refit: of each three folds.
    assert listener.count("end")["fold"] == 5 * 3
    search = searched("discrepancy", ilt().set_callbacks(Everywhere()))
    search.set_callbacks(Everywhere())
    with pytest.raises(TypeError, match="auto-propagated"):
        search.fit(TIMES, SIGNALS[:, 0])


@needs_callbacks
def test_a_callback_stops_iterations():
    listener = Listener(stop_at=("iteration", 6))
    fitted = ilt().set_callbacks(listener).fit(TIMES, SIGNALS[:, 0])
    assert fitted.n_iter_ == 7
    check_tree(listener)


@needs_callbacks
def test_clones_and_pickles_keep_callbacks():
    listener = Listener()
    estimator = SmoothLassoCV(2, smoothnesses=2, rule="near").set_callbacks(listener)
    assert clone(estimator)._skl_callbacks[0] is listener
    fitted = pickle.loads(pickle.dumps(estimator.fit(KERNEL, SIGNALS)))
    assert_array_equal(fitted.coef_, estimator.coef_)
    assert isinstance(fitted._skl_callbacks[0], Listener)


@needs_callbacks
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_of_a_search(backend):
    listener = Listener()
    search = GridSearchCV(
        LassoFistaCV(4, cv=3).set_callbacks(listener), {"rule": ["min", "1se"]}, cv=2
    )
    with joblib.parallel_config(backend, n_jobs=2):
        found = search.fit(KERNEL, SIGNALS[:, 0]).cv_results_["mean_test_score"]
    alone = GridSearchCV(LassoFistaCV(4, cv=3), {"rule": ["min", "1se"]}, cv=2)
    alone.fit(KERNEL, SIGNALS[:, 0])
    assert_array_equal(found, alone.cv_results_["mean_test_score"])


@needs_callbacks
def test_an_error_tears_down():
    class Broken(Listener):
        def on_fit_task_end(self, estimator, context):
            raise KeyboardInterrupt

    listener = Broken()
    estimator = SmoothLassoCV(2, smoothnesses=2, rule="near", n_jobs=2)
    with pytest.raises(KeyboardInterrupt):
        estimator.set_callbacks(listener).fit(KERNEL, SIGNALS)
    assert listener.told[-1][0] == "teardown"
    assert not hasattr(estimator, "_callback_fit_ctx")


def test_an_error_ends_the_tasks_that_wait():
    done, wait = [], threading.Event()

    def work(number):
        if number == 0:
            raise KeyboardInterrupt
        wait.wait(0.2)
        time.sleep(0.05)
        done.append(number)

    with pytest.raises(KeyboardInterrupt):
        run_tasks(work, [(number,) for number in range(50)], n_jobs=2)
    # Those that had begun are finished, the others never begin.
    assert len(done) < 10


@needs_callbacks
def test_progress_bar(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    model = make_pipeline(KernelBuilder("T2", n_bins=8), LassoFistaCV(4, cv=3))
    model.set_callbacks(ProgressBar()).fit(TIMES, SIGNALS[:, 0])
    shown = capsys.readouterr().out
    assert "LassoFistaCV - cross-validation" in shown
    assert "100%" in shown


def test_words_count_the_innermost_parts(monkeypatch, capsys):
    monkeypatch.setattr("skrelax.utils._progress._PATIENCE", -1.0)
    SmoothLassoCV(3, smoothnesses=4, cv=3, rule="near", verbose=1).fit(KERNEL, SIGNALS)
    assert "skrelax: 12 of 12 fits (0 s left)" in capsys.readouterr().err


def test_words_of_profiles(monkeypatch, capsys):
    monkeypatch.setattr("skrelax.utils._progress._PATIENCE", -1.0)
    fitted = NonlinearRelaxationFit("T2").fit(TIMES, SIGNALS)
    profiles = fitted._profiles(TIMES, SIGNALS, None, None)
    found = profiles.intervals(["T2"], 0.9, verbose=1)
    assert "1 of 1 parts of the profiles" in capsys.readouterr().err
    assert np.isfinite(found["T2"].low).all()
