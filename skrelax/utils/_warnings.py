"""Warnings of one thread, while others warn as well."""

import contextlib
import threading
import warnings

_lock = threading.Lock()
# Identity of a thread: the list that its warnings go to.
_lists = {}
_outer = None
_reports = threading.local()


def warning_of_signals(message, texts, n_signals):
    """Return a UserWarning that knows what each signal would be told alone.

    `texts` are those, {number of the signal: text}, of `n_signals` in the call.
    """
    warning = UserWarning(message)
    warning.texts, warning.n_signals = texts, n_signals
    return warning


def texts_of_signals(warning, n_signals):
    """Return {number of the signal: text} of a warning, {} where it is not known."""
    # Signals of a part of the call have other numbers.
    known = getattr(warning, "n_signals", None) == n_signals
    return warning.texts if known else {}


@contextlib.contextmanager
def collect_warnings():
    """Give a list of the warnings that this thread issues meanwhile.

    ``warnings.catch_warnings`` swaps settings of the whole process, so two threads
    that use it restore each other's. Here the first thread to come swaps them and the
    last one to leave restores them.
    """
    global _outer
    me, mine = threading.get_ident(), []
    with _lock:
        if not _lists:
            _outer = warnings.catch_warnings()
            _outer.__enter__()
            warnings.simplefilter("always")
            warnings.showwarning = _dispatch
        previous = _lists.get(me)
        _lists[me] = mine
    try:
        yield mine
    finally:
        with _lock:
            if previous is None:
                del _lists[me]
            else:
                _lists[me] = previous
            if not _lists:
                _outer.__exit__(None, None, None)
                _outer = None


def _dispatch(message, category, filename, lineno, file=None, line=None):
    """Store a warning in the list of its thread."""
    found = _lists.get(threading.get_ident())
    if found is None and len(_lists) == 1:
        # A thread that an estimator has started warns for the only one that listens.
        (found,) = _lists.values()
    if found is not None:
        found.append(message)


@contextlib.contextmanager
def held_reports():
    """Give the list that reports of fits in this thread go to instead of warnings."""
    previous = getattr(_reports, "held", None)
    _reports.held = held = []
    try:
        yield held
    finally:
        _reports.held = previous


def reports_are_held():
    """Return whether somebody in this thread waits for reports."""
    return getattr(_reports, "held", None) is not None


def hold_report(report):
    """Return whether somebody in this thread waits for reports, and then has this."""
    held = getattr(_reports, "held", None)
    if held is not None:
        held.append(report)
    return held is not None
