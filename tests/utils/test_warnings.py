"""Warnings are told apart by thread, and nobody's settings change."""

import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

import skrelax
from skrelax import KernelBuilder
from skrelax.utils._parallel import run_tasks
from skrelax.utils._warnings import (
    collect_warnings,
    give_warning,
    held_reports,
    hold_report,
    reports_are_held,
    silenced,
    warning_of_signals,
)

# Commands are the only thread there is, and readers are not within fits.
ELSEWHERE = {"io", "_cli"}


def read(path):
    return path.read_text(encoding="utf-8")


def test_fits_leave_the_warnings_of_python_alone():
    package = Path(skrelax.__file__).parent
    allowed = {package / "utils" / name for name in ("_warnings.py", "_compiler.py")}
    for path in package.rglob("*.py"):
        if path not in allowed and path.relative_to(package).parts[0] not in ELSEWHERE:
            assert not re.search(r"(?<![\w.])warnings\.\w", read(path)), path
        if path not in allowed and "_cli" not in path.parts:
            assert "catch_warnings" not in read(path), path


@pytest.mark.parametrize("is_step", [False, True])
def test_the_line_that_called_is_told(is_step):
    times = np.geomspace(1e-3, 1.0, 20)[:, None]
    builder = KernelBuilder("T2", grid=np.geomspace(1e3, 1e4, 5))
    called = make_pipeline(builder, "passthrough") if is_step else builder
    with pytest.warns(UserWarning, match="covers 0%") as told:
        called.fit(times)
    assert [one.filename for one in told] == [__file__]


def state():
    return list(warnings.filters), warnings.showwarning, warnings.warn


def test_threads_get_their_own_warnings_and_leave_no_trace():
    before = state()
    inside = threading.Barrier(4)

    def work(number):
        with collect_warnings() as caught:
            inside.wait()
            for _ in range(50):
                give_warning(f"from {number}")
            assert state() == before
            inside.wait()
        return caught

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    for number, caught in enumerate(found):
        assert [str(one) for one in caught] == [f"from {number}"] * 50
    assert state() == before
    with pytest.raises(UserWarning, match="an error again"):
        give_warning("an error again")


def test_nested_lists_and_threads_of_an_estimator():
    def work(number):
        give_warning(f"from below {number}", ConvergenceWarning)

    with collect_warnings() as outer:
        give_warning("before")
        with collect_warnings() as inner:
            give_warning(warning_of_signals("inside", {0: "inside"}, 1))
        run_tasks(work, [(number,) for number in range(3)], n_jobs=2)
        with pytest.raises(RuntimeError), collect_warnings():
            raise RuntimeError
        give_warning("after")
    (inside,) = inner
    assert inside.texts == {0: "inside"}
    assert str(outer[0]) == "before"
    assert {str(one) for one in outer[1:4]} == {f"from below {k}" for k in range(3)}
    assert {type(one) for one in outer[1:4]} == {ConvergenceWarning}
    assert str(outer[4]) == "after"


def test_reports_are_held_in_threads_of_an_estimator():
    def work(number):
        assert hold_report(number)

    with held_reports() as held:
        run_tasks(work, [(number,) for number in range(3)], n_jobs=2)
        with held_reports() as inner:
            hold_report("inside")
    assert sorted(held) == [0, 1, 2]
    assert inner == ["inside"]
    assert not reports_are_held()
    assert not hold_report("nobody waits")


def test_a_warning_names_the_line_that_asked_for_it():
    with pytest.warns(UserWarning, match="here") as found:
        give_warning("here")
    assert found[0].filename == __file__


def test_other_packages_are_silenced_by_one_thread_at_a_time():
    before = state()

    def work(_):
        for _ in range(20):
            with silenced():
                warnings.warn("a breach of a standard", UserWarning, stacklevel=1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert state() == before
