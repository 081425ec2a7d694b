"""Threads over chunks, with BLAS held to one thread inside."""

import functools
import itertools
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController

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
        waiting = [pool.submit(function, *task) for task in tasks]
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


@functools.cache
def _controller():
    return ThreadpoolController()


def single_blas_thread():
    """Return a context that holds BLAS to one thread."""
    return _controller().limit(limits=1, user_api="blas")
