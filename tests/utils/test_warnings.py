"""Warnings are told apart by thread, and settings are restored."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from skrelax.utils._warnings import collect_warnings


def test_threads_get_their_own_warnings_and_leave_no_trace():
    before = list(warnings.filters), warnings.showwarning
    inside = threading.Barrier(4)

    def work(number):
        with collect_warnings() as caught:
            inside.wait()
            for _ in range(50):
                warnings.warn(f"from {number}", UserWarning, stacklevel=1)
            inside.wait()
        return caught

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    for number, caught in enumerate(found):
        assert [str(one) for one in caught] == [f"from {number}"] * 50
    assert (list(warnings.filters), warnings.showwarning) == before
    with pytest.raises(UserWarning, match="an error again"):
        warnings.warn("an error again", UserWarning, stacklevel=1)


def test_nested_lists_and_threads_of_an_estimator():
    def warn(text):
        warnings.warn(text, UserWarning, stacklevel=1)

    with collect_warnings() as outer:
        warn("before")
        with collect_warnings() as inner:
            warn("inside")
        worker = threading.Thread(target=warn, args=("from below",))
        worker.start()
        worker.join()
        with pytest.raises(RuntimeError), collect_warnings():
            raise RuntimeError
        warn("after")
    assert [str(one) for one in inner] == ["inside"]
    assert [str(one) for one in outer] == ["before", "from below", "after"]
