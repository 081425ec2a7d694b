"""Callbacks that keep what they are told.

They are here because processes of joblib import the class of what they are sent, and
find this folder on the path, but no module of a test.
"""

from collections import Counter


class Listener:
    """Keep what is told, and stop a fit after a number of parts of a name."""

    def __init__(self, stop_at=None):
        self.told, self.stop_at = [], stop_at

    def setup(self, estimator, context):
        self.told.append(("setup", "", None, None))

    def teardown(self, estimator, context):
        self.told.append(("teardown", "", None, None))

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, path(context), context))

    def on_fit_task_end(self, estimator, context):
        self.told.append(("end", context.task_name, path(context), context))
        return (context.task_name, context.task_id) == self.stop_at

    def count(self, kind):
        return Counter(name for what, name, *_ in self.told if what == kind)


def path(context):
    found = []
    while context is not None:
        found.insert(0, context.task_id)
        context = context.parent
    return tuple(found)


class Everywhere(Listener):
    """A listener that goes on to the estimators inside."""

    max_propagation_depth = None
