"""Warnings of fits, for whoever asks for them in a context, or for everybody.

Settings of Python's own module are those of the whole process: threads that change them
restore each other's. So what the suite warns of goes through `give_warning`, and who
collects it is known by the context, which `run_tasks` hands on to its threads.
"""

import contextlib
import os
import sys
import threading
import warnings
from contextvars import ContextVar
from pathlib import Path

import joblib
import sklearn

_collected = ContextVar("collected warnings", default=None)
_reports = ContextVar("held reports", default=None)
_others = threading.RLock()
# Folders whose functions stand between a warning and who is told: the suite, and those
# of scikit-learn, which checks its parameters or fits it as a step.
_INSIDE = tuple(
    os.path.join(path, "")
    for path in (Path(__file__).parents[1], *sklearn.__path__, *joblib.__path__)
)


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


def give_warning(message, category=UserWarning):
    """Warn the caller of the suite, unless somebody in this context collects it."""
    found = _collected.get()
    if found is None:
        frame, level = sys._getframe(), 1
        while frame.f_back and frame.f_code.co_filename.startswith(_INSIDE):
            frame, level = frame.f_back, level + 1
        warnings.warn(message, category, stacklevel=level)
    else:
        found.append(message if isinstance(message, Warning) else category(message))


@contextlib.contextmanager
def collect_warnings():
    """Give a list of what the suite warns of meanwhile in this context.

    Other packages warn as ever.
    """
    token = _collected.set([])
    try:
        yield _collected.get()
    finally:
        _collected.reset(token)


@contextlib.contextmanager
def silenced():
    """Keep other packages from warning.

    One thread at a time is in here, so nothing inside may wait for others.
    """
    with _others, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def held_reports():
    """Give the list that reports of fits in this context go to, and no warnings."""
    token = _reports.set([])
    try:
        yield _reports.get()
    finally:
        _reports.reset(token)


def reports_are_held():
    """Return whether somebody in this context waits for reports."""
    return _reports.get() is not None


def hold_report(report):
    """Return whether somebody in this context waits for reports, and then has this."""
    held = _reports.get()
    if held is not None:
        held.append(report)
    return held is not None
