"""Threads over chunks, with BLAS held to one thread inside."""

import contextlib
import contextvars
import functools
import itertools
import numbers
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
import threadpoolctl
from joblib import effective_n_jobs

from ._progress import SILENT

# Below about this many multiplications (3 ms of work) threads cost more than
# they save; chunks of signals are not made smaller either.
THREAD_WORTH = 2e6
# Chunks of which somebody who listens hears, at least, where they are worth it.
_TOLD_CHUNKS = 20


def split_slices(n_items, n_slices):
    """Return slices that share n_items out evenly, at most one per item."""
    edges = np.linspace(0, n_items, min(n_items, n_slices) + 1).astype(int)
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def run_chunks(function, n_items, cost_per_item, n_jobs, work=SILENT):
    """Call function(slice) over chunks of items, in threads where it pays.

    Nothing may depend on how items are shared out: there are more chunks where
    somebody listens to the work.
    """
    n_threads = effective_n_jobs(n_jobs)
    worth = max(1, int(n_items * cost_per_item / THREAD_WORTH))
    n_chunks = min(4 * n_threads, worth) if n_threads > 1 else 1
    if not work.is_silent:
        n_chunks = max(n_chunks, min(_TOLD_CHUNKS, worth))
    tasks = [(part,) for part in split_slices(n_items, n_chunks)]
    run_tasks(function, tasks, n_jobs, work.part("chunks", len(tasks)), "chunk")


def run_tasks(function, tasks, n_jobs, work=SILENT, name="task"):
    """Call function(*task) for all tasks, in threads if there are several of each.

    Tasks write into shared arrays, so they must not leave the process whatever
    backend of joblib the caller has chosen; and a pool of joblib costs more to start
    than most of these fits. Each is a part of the work, with this name.
    """
    n_threads = min(effective_n_jobs(n_jobs), len(tasks))
    if not work.is_silent:
        tasks = [(function, work.part(name), *task) for task in tasks]
        function = _run_told
    if n_threads <= 1:
        for task in tasks:
            function(*task)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        # Who collects warnings, and what NumPy says of errors, is known by the context.
        waiting = [
            pool.submit(contextvars.copy_context().run, function, *task)
            for task in tasks
        ]
        try:
            for done in as_completed(waiting):
                done.result()
        except BaseException:
            # Nobody waits for the rest after an error, or an interruption.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_told(function, part, *task):
    """Call function(*task), which is a part of the work."""
    part.begin()
    function(*task)
    part.end()


class _SharedLimit:
    """The limit of one thread of libraries that know one number for the process.

    It is set by the first thread to ask and lifted after the last: each of several
    would restore what another has set.
    """

    def __init__(self):
        self.lock, self.count, self.limit = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if self.count == 0:
                _let_this_thread_decide()
                self.limit = _controllers()[1].limit(limits=1)
            self.count += 1

    def __exit__(self, *error):
        with self.lock:
            self.count -= 1
            if self.count == 0:
                _let_this_thread_decide()
                self.limit.restore_original_limits()
                _let_this_thread_decide()


_shared_limit = _SharedLimit()


def _let_this_thread_decide():
    """Lift the rule that the thread which set the number of OpenBLAS has to lift it.

    threadpoolctl has it from version 3.8 on.
    """
    clear = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


@functools.cache
def _controllers():
    """Return what limits BLAS by the thread that asks, and what does so for all."""
    every = threadpoolctl.ThreadpoolController()
    files = [], []
    for one in every.info():
        if one["user_api"] == "blas":
            own = one["internal_api"] == "mkl" or one.get("threading_layer") == "openmp"
            files[not own].append(one["filepath"])
    return [every.select(filepath=paths) for paths in files]


@contextlib.contextmanager
def single_blas_thread():
    """Hold BLAS to one thread in a block."""
    own = _controllers()[0]
    limit = own.limit(limits=1) if own.lib_controllers else contextlib.nullcontext()
    with limit, _shared_limit:
        yield


# Rows or columns up to which factorisations do not need threads of BLAS.
_THREADED_SIZE = 1000


def calm_blas(size):
    """Hold BLAS to one thread in a block for matrices of at most 1000 rows or columns.

    At each step of a factorisation its threads wait for one another; where another
    process has a core, they wait until its slice of time is over: the singular values
    of 100 rows then take hundreds of milliseconds instead of one.
    """
    return single_blas_thread() if size <= _THREADED_SIZE else contextlib.nullcontext()


def calm_fit(fit):
    """Let a method that fits X (m, n) hold BLAS to one thread if X is small."""

    @functools.wraps(fit)
    def calm(self, X, *args, **kwargs):
        shape = getattr(X, "shape", None)
        # What is no array, or does not know its size, the fit itself refuses.
        known = shape if isinstance(shape, tuple) else ()
        sizes = [size for size in known if isinstance(size, numbers.Real)]
        with calm_blas(min(sizes, default=0)):
            return fit(self, X, *args, **kwargs)

    return calm
