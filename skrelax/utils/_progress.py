"""Long work in parts, of which callbacks of scikit-learn and standard error hear."""

import contextlib
import sys
import threading
import time
from typing import NamedTuple

from joblib import effective_n_jobs

from ._sklearn import open_context

# Work that is done within this time [s] is not reported.
_PATIENCE = 2.0
# Time between reports [s] after which there is another one, whatever was done.
_SILENCE = 30.0


class _Owner(NamedTuple):
    """Whose work it is."""

    estimator: object
    """The estimator that callbacks are given."""
    data: dict
    """X and y of its fit."""
    verbose: int
    """Whether standard error is to hear of it."""
    lock: object
    """Held while anybody is told anything, for parts are done in threads."""


class Work:
    """A piece of work in parts, which tells when a part is done.

    Callbacks hear of the tree of all parts, standard error of the innermost ones. Where
    nobody listens, it is its own part, and costs nothing.
    """

    def __init__(self, owner=None, context=None, n_parts=0, parent=None):
        self.n_parts, self.done = n_parts, 0
        self._owner, self._context, self._parent = owner, context, parent
        self._report = None if parent is None else parent._report
        self._has_begun = self._has_ended = False

    @property
    def is_silent(self):
        """Whether nobody listens."""
        return self._owner is None

    def report(self, n_steps, what="fits", tells_time=True, n_jobs=None):
        """Write on standard error, if it is to hear, ten times or so in these steps.

        Steps are the innermost parts of parts that are asked for later, which `n_jobs`
        workers, as in joblib, share.
        """
        if self._owner is not None and self._owner.verbose:
            n_workers = effective_n_jobs(n_jobs)
            self._report = Progress(n_steps, what, tells_time, n_workers)

    def part(self, name, n_parts=0):
        """Return the next part, which has n_parts itself, None if that is not known.

        Parts are asked for in one thread, in their order.
        """
        if self._owner is None:
            return self
        with self._owner.lock:
            context = None
            if self._context is not None:
                # Callbacks ask of a task that it begins before what is in it.
                self.begin()
                context = self._context.subcontext(name, max_subtasks=n_parts)
        return Work(self._owner, context, n_parts, self)

    def begin(self):
        """Tell that this part begins, once."""
        if self._context is None or self._has_begun:
            return
        with self._owner.lock:
            self._has_begun = True
            self._context.call_on_fit_task_begin(
                estimator=self._owner.estimator, **self._owner.data
            )

    def end(self, detail="", count=1):
        """Tell that this part is done; return whether a callback wants to stop here.

        A part whose parts are all done ends by itself.
        """
        if self._owner is None or self._has_ended:
            return False
        with self._owner.lock:
            stop = False
            self.begin()
            self._has_ended = True
            if self._context is not None:
                stop = self._context.call_on_fit_task_end(
                    estimator=self._owner.estimator, **self._owner.data
                )
            above = self._parent
            if above is not None:
                if self._report is not None and self.n_parts == 0:
                    self._report(detail, count)
                above.done += 1
                if above._parent is not None and above.done == above.n_parts:
                    above.end()
        return stop

    def step(self, name, detail="", count=1):
        """Tell that the next part is done; return whether a callback wants to stop."""
        if self._owner is None:
            return False
        with self._owner.lock:
            return self.part(name).end(detail, count)

    @contextlib.contextmanager
    def lent(self, estimator, detail=""):
        """Let callbacks hear of the fit of an estimator, which is this part.

        One that fits at once has nothing to tell.
        """
        is_deaf = getattr(estimator, "_fits_at_once", False)
        if self._context is None or is_deaf or not hasattr(estimator, "set_callbacks"):
            yield
        else:
            with self._context.propagate_callback_context(estimator):
                self.begin()
                yield
        self.end(detail)


# The work of those who have no listeners.
SILENT = Work()


def open_work(estimator, X=None, y=None, n_parts=0, *, verbose=0, name="fit"):
    """Return the Work of a fit in n_parts, None if their number is not known.

    Whoever asks ends it, unless it raises an error.
    """
    context = open_context(estimator, name, n_parts)
    if context is None:
        return open_report(verbose)
    data = {"X": X, "y": y}
    work = Work(_Owner(estimator, data, verbose, threading.RLock()), context, n_parts)
    work.begin()
    return work


def open_report(verbose):
    """Return Work of which standard error alone hears, if it is to."""
    if not verbose:
        return SILENT
    return Work(_Owner(None, {}, verbose, threading.RLock()))


def tell_fit(estimator, X, y=None):
    """Tell callbacks of a fit without parts that it is done."""
    open_work(estimator, X, y).end()


class Progress:
    """Count steps, and report about ten of them once the work takes a while."""

    def __init__(self, n_steps, what="fits", tells_time=False, n_workers=1):
        self.n_steps, self.what, self.done = n_steps, what, 0
        self.tells_time = tells_time
        self.start = self.told = time.monotonic()
        # The first call of each worker tells no time: it may have compiled loops.
        self.n_untold, self.since = n_workers, None

    def __call__(self, detail="", count=1):
        """Count steps."""
        before, self.done = self.done, self.done + count
        now = time.monotonic()
        left = self._left(now)
        tenth = self.done * 10 // self.n_steps > before * 10 // self.n_steps
        is_due = tenth or now - self.told > _SILENCE
        if not is_due or now - self.start <= _PATIENCE:
            return
        self.told = now
        if self.tells_time and left is not None:
            detail = f"{detail} ({_shown(left)} left)".strip()
        text = f"skrelax: {self.done} of {self.n_steps} {self.what} {detail}"
        print(text.rstrip(), file=sys.stderr)

    def _left(self, now):
        """Return the time that is left [s], None as long as nothing tells it."""
        self.n_untold -= 1
        if self.n_untold > 0:
            return None
        if self.since is None:
            self.since = now, self.done
            return None
        start, before = self.since
        return (now - start) * (self.n_steps - self.done) / (self.done - before)


def _shown(seconds):
    """Return a time in words, such as '3 min 20 s'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
