"""Fit all samples of a long table."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.exceptions import ConvergenceWarning

from ..utils._answers import answering, free_name
from ..utils._frames import like
from ..utils._inspect import choosing_for_each, final_step, fit_weighted
from ..utils._progress import open_work
from ..utils._sklearn import (
    BaseEstimator,
    has_callbacks,
    set_callbacks,
    with_callbacks,
)
from ..utils._validation import check_n_jobs, check_number
from ..utils._warnings import collect_warnings, give_warning, texts_of_signals
from ._describe import Columns, describe, join_texts
from ._intervals import (
    METHODS,
    Intervals,
    WrongCallError,
    check_numbers,
    seeds_of_groups,
)
from ._table import make_units, read_table

# Signals of one call at most, and their points: bounds the memory of a task. Grids of
# many bins are those of signals with many points.
_CHUNK = 4096
_MOST_POINTS = 2_000_000
# Parts of a call that failed, which are tried again before each signal is alone.
_PARTS = 16
# Refits that are kept in memory at a time.
_MOST_REFITS = 1_000_000
# Tasks of which callbacks hear, at least.
_TOLD_TASKS = 20
# Statuses that are no reason for a warning.
_GOOD = {"converged", "completed"}


@dataclass(frozen=True)
class Settings:
    """What a task must know beside its signals."""

    names: list
    asked: Intervals
    keep: bool


class FitBatch(BaseEstimator):
    """A call of `fit_batch`, as its callbacks know it."""

    def __init__(self, estimator):
        self.estimator = estimator

    @with_callbacks
    def run(self, tasks, store, n_jobs):
        """Do tasks, each a delayed call, and store(*each) of what they return."""
        n_tasks = 0
        if has_callbacks(self):
            # Their number must be known.
            tasks = list(tasks)
            n_tasks = len(tasks)
        work = open_work(self, n_parts=n_tasks)
        for done in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
            for result in done:
                store(*result)
            work.step("task")
        work.end()


def fit_batch(
    estimator,
    frame,
    acquisition,
    signal,
    by,
    *,
    sample_weight=None,
    min_share=0.01,
    n_bootstrap=0,
    intervals=None,
    numbers=None,
    level=0.9,
    random_state=None,
    n_jobs=None,
    return_estimators=False,
    callbacks=None,
):
    """Fit every sample of a long table and report one row for each.

    Parameters
    ----------
    estimator : estimator
        Any regressor on the acquisition: a Pipeline of a KernelBuilder and an
        inversion, a MultiDimRegularizedILT, a NonlinearRelaxationFit, or a search
        around one of them. It is cloned.
    frame : DataFrame
        Long table with one row per acquisition point of each sample, of pandas or of
        any library that narwhals knows, polars for example.
    acquisition : str or list of str
        Columns with the acquisition, X of the estimator. Models take their columns by
        name where the names are theirs.
    signal : str
        Column with the signal, y of the estimator. Points where it is nan, or null, are
        missing, and left out of that sample.
    by : str or list of str
        Columns that tell samples apart: rows with equal values are one group.
    sample_weight : str or None, default=None
        Column with the weight of each point.
    min_share : float, default=0.01
        Smallest share of a distribution that a peak must have to be listed.
    n_bootstrap : int, default=0
        Number of refits with new noise, from which the standard errors of what is
        derived from distributions come; 0 for none, else at least 2. Nonlinear fits
        have standard errors of their own.
    intervals : str or None, default=None
        Method of intervals of numbers of each distribution, as of
        :func:`~skrelax.uncertainty.bootstrap_distribution`: ``"bounds"``,
        ``"simultaneous"``, ``"bias-aware"``, ``"unpenalised"``, ``"parametric"`` or
        ``"residual"``, of which the first three need no refits. ``"profile"`` is that
        of the parameters of a nonlinear fit, see
        :func:`~skrelax.uncertainty.profile_parameters`. ``"auto"`` is ``"profile"`` of
        a nonlinear fit, ``"bounds"`` where these can be, and ``"bias-aware"`` of signed
        distributions.
    numbers : list of str, dict or None, default=None
        The numbers with intervals: names of columns; or, of distributions, a dict of
        new names with a
        :class:`~skrelax.uncertainty.Share`, :class:`~skrelax.uncertainty.LogMean`,
        :class:`~skrelax.uncertainty.TimeRatio`, an
        :class:`~skrelax.uncertainty.Amplitude`, a function of a distribution and its
        bins or, where intervals are made of refits, an
        :class:`~skrelax.uncertainty.OfEstimator`; of nonlinear fits, a dict of new
        names with a function of parameters, ``lambda T2: 1 / T2``. A pair of a
        function and a scale, ``"share"``, ``"time"`` or ``"number"``, is one, too. None
        is all numbers of the distribution and its peaks, or all
        parameters.
    level : float, default=0.9
        Level of the intervals, in (0, 1).
    random_state : int or None, default=None
        Seed of the refits. What is drawn for a group follows from it and the labels
        of the group, whatever else is in the table, its order, and `n_jobs`.
    n_jobs : int or None, default=None
        Number of tasks at a time, with the joblib backend of the context: threads,
        processes, or a cluster with ``joblib.parallel_config("dask")``.
    return_estimators : bool, default=False
        Whether to return the fitted estimators as well. Then groups are fitted one
        by one.
    callbacks : callback, list of callback or None, default=None
        Callbacks of scikit-learn, :class:`sklearn.callback.ProgressBar` for example,
        that hear of each task. They need scikit-learn 1.9.

    Returns
    -------
    results : DataFrame of shape (n_groups, n_columns)
        One row per group, in the order in which groups appear, of the library that
        `frame` is of, with the columns

        - of `by` and ``n_points``, the number of points that have a signal;
        - parameters of a nonlinear fit and their standard errors (``"T1 stderr"``), or
          amplitude, means and width of a distribution, see
          :func:`~skrelax.metrics.distribution_statistics`; strengths that a search has
          chosen;
        - ``n_peaks`` and ``n_edge_peaks`` (with their maximum at the edge of the
          grid), and ``log_mean_0``, ``width_0``, ``amplitude_0``, ``share_0``,
          ``log_mean_1``, ... of each peak;
        - ``"log_mean lower"``, ``"log_mean upper"``, ``"log_mean stderr"`` and
          ``"log_mean status"``, and those of other numbers, see `intervals` and
          :meth:`skrelax.uncertainty.UncertaintyResult.status`, or of parameters
          :meth:`skrelax.uncertainty.ProfileResult.status`;
        - ``noise``, the standard deviation of a point of weight one, and ``score``,
          the coefficient of determination;
        - ``status`` and ``message``.

        A name that `by` holds as well gets the suffix ``_fit``.
    estimators : list of estimator or None
        The fitted estimator of each row, None where the fit failed. Only for
        ``return_estimators=True``.

    Raises
    ------
    ValueError
        If a column is missing or has two roles, the frame is empty, a setting is
        outside its range, the estimator does not go with `intervals`, or a function
        raises or returns an array.
    TypeError
        If `frame` is no DataFrame, acquisition or signal are no numbers, `numbers` are
        of another kind, or a callback is none.
    ImportError
        If there are callbacks, and scikit-learn is too old for them.

    Warns
    -----
    ConvergenceWarning
        With the number of groups whose status is neither ``converged`` nor
        ``completed``.

    See Also
    --------
    skrelax.compose.VoxelMapper : Rows of voxels in, rows of parameters out.

    Notes
    -----
    The result is that of fitting the groups one by one. Where an estimator treats
    signals independently, groups with the same acquisition share a call, which is
    faster, and so do their refits. A row does not change by a bit with the rest of the
    table, its order, or `n_jobs`.

    A group whose points are all missing has the status ``"failed"``, and the message
    of others tells how many are.

    The status is ``"converged"``, ``"not converged"`` (the message tells the gap; an
    estimator of another package has taken all its `max_iter`),
    ``"completed"`` (for schemes without a limit, such as the reference scheme of
    MultiDimRegularizedILT), ``"no signal"``, ``"failed"`` (an error, which is the
    message), or one of :class:`~skrelax.nonlinear.FitStatus` in words.

    Of signed distributions, amplitudes and peaks are those of the positive part, and
    ``negative_amplitude`` is the sum of the rest.

    Standard errors are those of refits of signals around a distribution of few bins,
    where bounds could be made, and else around the fit.

    Rows of a group keep their order. Searches with interleaved folds want them sorted
    by time.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrelax import NonlinearRelaxationFit, fit_batch
    >>> frame = pd.DataFrame({"sample": ["oil"] * 4 + ["water"] * 4})
    >>> frame["TE"] = [0.01, 0.02, 0.04, 0.08] * 2
    >>> frame["signal"] = np.exp(-frame["TE"] / ([0.03] * 4 + [0.05] * 4))
    >>> model = NonlinearRelaxationFit("T2")
    >>> table = fit_batch(model, frame, acquisition="TE", signal="signal", by="sample")
    >>> table[["sample", "T2", "status"]].round(4).values.tolist()
    [['oil', 0.03, 'converged'], ['water', 0.05, 'converged']]
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        what = f"an object of {type(estimator).__name__}"
        if isinstance(estimator, type):
            what = f"the class {estimator.__name__}; write {estimator.__name__}(...)"
        raise TypeError(f"estimator must be an estimator with fit, got {what}.")
    min_share = check_number(min_share, "min_share", 0, 1)
    is_number = isinstance(n_bootstrap, Integral)
    if not is_number or not 0 <= n_bootstrap <= _MOST_REFITS or n_bootstrap == 1:
        raise ValueError(
            f"n_bootstrap must be 0 or at least 2, and at most {_MOST_REFITS}, got "
            f"{n_bootstrap}."
        )
    if not (random_state is None or isinstance(random_state, Integral)):
        raise ValueError(f"random_state must be an int or None, got {random_state!r}.")
    if random_state is not None:
        random_state = check_number(
            random_state, "random_state", 0, 2**32 - 1, Integral
        )
    wanted = _check_intervals(intervals, level, numbers)
    asked = Intervals(int(n_bootstrap), *wanted, min_share)
    table = read_table(frame, acquisition, signal, by, sample_weight)
    last = answering(estimator)
    if np.iscomplexobj(table.signal) and not last._takes_complex:
        raise ValueError(
            f"column {signal!r} is complex, but {type(last).__name__} inverts real "
            "signals: phase it (skrelax.io.correct_phase) and pass the real part."
        )
    settings = Settings(table.names, asked, return_estimators)
    # Refits of signals that share a call would draw other noise than alone.
    draws = n_bootstrap > 0 and last._has_refits
    shared = None
    if hasattr(estimator, "get_params") and not (return_estimators or draws):
        shared = choosing_for_each(estimator)
    together = shared is not None
    call = FitBatch(estimator)
    set_callbacks(call, callbacks)
    n_jobs = check_n_jobs(n_jobs, table.n_groups)
    n_workers = effective_n_jobs(n_jobs)
    n_tasks = 4 * n_workers if n_workers > 1 else 1
    if callbacks and not together:
        # Nobody sees how groups that are fitted one by one are shared out.
        n_tasks = max(n_tasks, _TOLD_TASKS)
    size = min(_CHUNK, -(-table.n_groups // n_tasks))
    columns = Columns(table.n_groups)
    estimators = [None] * table.n_groups

    def store(members, found, fitted):
        columns.store(members, found)
        if return_estimators:
            estimators[members[0]] = fitted

    seeds = seeds_of_groups(table.keys, random_state)
    units = make_units(table, together, last, seeds)
    tasks = (
        delayed(_fit_units)(estimator, shared, task, settings)
        for task in _share_out(units, size)
    )
    call.run(tasks, store, n_jobs)
    n_points, n_missing = np.diff(table.edges), table.n_missing
    columns.tell_missing(n_missing, n_points)
    lead = table.keys.copy()
    lead[free_name("n_points", lead)] = n_points - n_missing
    results = columns.to_frame(lead)
    results = like(results, frame, keys=list(table.keys), rows=table.first)
    _warn(columns.status)
    return (results, estimators) if return_estimators else results


def _check_intervals(intervals, level, asked):
    """Return method, level and numbers of intervals, or raise."""
    is_known = isinstance(intervals, str) and intervals in METHODS
    if intervals is not None and not is_known:
        raise ValueError(
            f"intervals must be one of {list(METHODS)} or None, got {intervals!r}."
        )
    if isinstance(level, bool) or not isinstance(level, Real) or not 0.0 < level < 1.0:
        raise ValueError(f"level must be between 0 and 1, got {level!r}.")
    asked = check_numbers(asked)
    if asked is not None and intervals is None:
        raise ValueError(
            "numbers are those that have intervals, got intervals=None: say which, "
            "such as intervals='auto'."
        )
    return intervals, float(level), asked


def _share_out(units, size):
    """Yield lists of units with about `size` signals together."""
    task, count = [], 0
    for unit in units:
        few = max(1, _MOST_POINTS // max(len(unit.points), 1))
        for part in unit.parts(min(size, few)):
            if task and count + part.members.size > size:
                yield task
                task, count = [], 0
            task.append(part)
            count += part.members.size
    yield task


def _fit_units(estimator, shared, units, settings):
    """Return a list of (members, columns of the result, estimator or None)."""
    results = []
    for unit in units:
        size = unit.members.size
        if unit.together:
            # One alone, too, so that no bit hangs on who else is there.
            found = _fit_together(shared, unit, settings)
            if found is not None:
                results.append((unit.members, found, None))
                continue
            if size > 1:
                # One signal may be the reason, and the others do share a call.
                parts = unit.parts(-(-size // _PARTS))
                results += _fit_units(estimator, shared, parts, settings)
                continue
        for part in unit.parts(1):
            found, fitted = _fit_alone(estimator, part.alone(), settings)
            results.append((part.members, found, fitted))
    return results


def _fit_together(estimator, unit, settings):
    """Return the results of signals in one call, None if they must be told apart."""
    X = pd.DataFrame(unit.points, columns=settings.names)
    with collect_warnings() as caught:
        try:
            fitted = fit_weighted(estimator, X, unit.signals, unit.weight)
            found = _describe(fitted, estimator, X, unit, settings)
            own = answering(fitted)._tells_convergence
            texts = _texts_of_each(caught, own, unit.members.size)
            if texts is None:
                return None
            for k, told in texts.items():
                found["message"][k] = join_texts(found["message"][k], told)
            return found
        except WrongCallError:
            raise
        except Exception:
            # Each one alone shows which signal is the reason.
            return None


def _fit_alone(estimator, unit, settings):
    """Return the results of one signal and the fitted estimator, or the failure."""
    if not unit.signals.size:
        return _failure("no point has a signal"), None
    X = pd.DataFrame(unit.points, columns=settings.names)
    with collect_warnings() as caught:
        try:
            fitted = fit_weighted(estimator, X, unit.signals[:, 0], unit.weight)
            found = _describe(fitted, estimator, X, unit, settings)
        except WrongCallError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return _failure(text), None
    own = answering(fitted)._tells_convergence
    if not own and _used_up(fitted):
        found["status"] = np.array(["not converged"])
    texts = [
        str(warning) for warning in caught if not (own and _is_convergence(warning))
    ]
    if texts:
        found["message"] = np.array([join_texts(found["message"][0], texts)])
    return found, fitted if settings.keep else None


def _failure(text):
    """Return the results of a signal without a fit."""
    return {"status": np.array(["failed"]), "message": np.array([text])}


def _used_up(fitted):
    """Return whether an estimator of another package took all its iterations."""
    last = final_step(fitted)
    done, most = getattr(last, "n_iter_", None), getattr(last, "max_iter", None)
    if not isinstance(most, Real) or done is None:
        return False
    return bool(np.max(done) >= most)


def _describe(fitted, estimator, X, unit, settings):
    """Return the columns of a fit to the signals of a unit."""
    return describe(
        fitted, estimator, X, unit.signals, unit.weight, settings.asked, unit.seeds
    )


def _texts_of_each(caught, own, n_signals):
    """Return the texts of warnings by signal, {number: list}, None where not known."""
    texts = {}
    for warning in caught:
        if own and _is_convergence(warning):
            continue
        told = texts_of_signals(warning, n_signals)
        if not told:
            return None
        for k, text in told.items():
            texts.setdefault(k, []).append(text)
    return texts


def _is_convergence(warning):
    return isinstance(warning, ConvergenceWarning)


def _warn(status):
    """Warn of groups without a converged fit, by number."""
    names, counts = np.unique(status.astype(str), return_counts=True)
    wrong = {
        name: count
        for name, count in zip(names, counts, strict=True)
        if name not in _GOOD
    }
    if wrong:
        words = ", ".join(f"{count} {name}" for name, count in wrong.items())
        give_warning(
            f"{sum(wrong.values())} of {status.size} groups have no converged fit: "
            f"{words}. See the columns status and message.",
            ConvergenceWarning,
        )
