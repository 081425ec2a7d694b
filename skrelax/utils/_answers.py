"""What batches, mappers, bootstraps and plots ask of the estimator that they hold.

They ask, and never look what class it is: an estimator of the suite inherits `Answers`
and overrides what it knows better; `answering` lends these answers to all others.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from ._inspect import final_step, find_builder, step_inside

# Columns that stand last in a table of fits.
_LAST = ("noise", "score", "status", "message")
# Names of what is told of a number of a peak, before its place is changed.
_PART_OF_PEAK = re.compile(r"^(.*) (lower|upper|stderr|status)_(\d+)$")


class Rest(NamedTuple):
    """What a fit leaves of the signals of one call."""

    kernel: np.ndarray
    """What the last step was given: a kernel or the acquisition, (n_points, ...)."""
    signals: np.ndarray
    """The signals, (n_points, n_signals)."""
    weight: np.ndarray
    """Weights of the points, (n_points,), or (n_points, n_signals) with gaps."""
    squares: np.ndarray
    """Weighted sums of squared residuals over 4**exponents, (n_signals,)."""
    exponents: np.ndarray
    """Their own squares may be no doubles; integers, (n_signals,)."""


class Distributions(NamedTuple):
    """Fitted distributions and what is known of their bins."""

    rows: np.ndarray | None
    """One distribution per row, bins of several axes in C order, or None."""
    grids: tuple | None = None
    """The bins of each axis, or None where only their number is known."""
    names: tuple = ()
    """A name per axis, or () where there are none."""
    models: tuple = ()
    """The signal model of each axis, or () where they are not known."""
    discrete: tuple = ()
    """Numbers of the axes that are not inverted."""

    @property
    def axis_names(self):
        """A name per axis, their numbers where there are none."""
        return list(self.names) or [f"{axis}" for axis in range(len(self.grids))]

    @property
    def has_times(self):
        """Whether all bins are relaxation times: positive, of inverted axes."""
        if self.grids is None or self.discrete:
            return False
        return all(grid[0] > 0 and (np.diff(grid) > 0).all() for grid in self.grids)


class Answers:
    """The answers of a regressor on the acquisition that the suite does not know.

    What may be asked before a fit stands first.
    """

    # Whether signals may be complex, or must not, or hold values that are not finite,
    # or be constant, for a fit that gives them a status or nan instead of an error.
    _takes_complex = True
    _takes_missing = False
    _takes_constant = True
    # Whether the signs of all signals of a call matter to each of them.
    _sees_all_signs = False
    # Whether the status of each signal says whether it converged, besides a warning.
    _tells_convergence = False
    # Whether names of the columns of X say which is which.
    _reads_names = True
    # Names of parameters that a search of strengths may vary, the default first.
    _strengths = ()
    # Strength of no penalty at all, or None where there has to be one.
    _weakest = None
    # Whether these take a value for each signal.
    _takes_strengths = False
    # Whether its description tells of distributions.
    _tells_distributions = False
    # Whether the fitted estimator refits its own signals with new noise.
    _has_refits = False
    # What a fit takes of values that are known: nothing, "values" or those of "names".
    _takes_known = ""
    # Kinds of columns that a map may hold, in their order, and those that it does.
    _map_columns = (
        "distribution", "statistics", "settings", "baseline", "residual", "noise",
        "status",
    )  # fmt: skip
    _default_columns = tuple(name for name in _map_columns if name != "statistics")
    # Whether signals are magnitudes, so that new noise of them has to be Rician.
    _is_rician = False

    def _treats_alone(self):
        """Return whether signals of one call get what each would get alone."""
        return False

    def _without_penalty(self):
        """Return a clone without penalty, in place of searches for one."""
        inner = getattr(self, "estimator", None)
        if inner is not None:
            return clone(self).set_params(estimator=without_penalty(inner))
        if not self._strengths or self._weakest is None:
            raise TypeError(
                "estimator must be a linear inversion, or end in one, got "
                f"{type(self).__name__}."
            )
        return clone(self).set_params(**dict.fromkeys(self._strengths, self._weakest))

    def _coupling(self):
        """Return the setting that couples the signals of a call, or None."""
        return None

    def _distributions(self):
        """Return the Distributions."""
        coef = getattr(self, "coef_", None)
        return Distributions(None if coef is None else np.atleast_2d(coef))

    def _own_kernel(self, X):
        """Return the kernel (n_points, n_bins) of one distribution, found from X.

        A regressor on a kernel is given it.
        """
        return X

    def _signal_axes(self):
        """Return the labels of the signals by the name of their axis, {} for none."""
        return {}

    def _read_models(self):
        """Return the signal models that read the acquisition."""
        return ()

    def _chosen(self):
        """Return what was chosen in the fit, {name: a number or one per signal}."""
        names = ("alpha", "smoothness", "strength")
        return {
            name: getattr(self, f"{name}_")
            for name in names
            if hasattr(self, f"{name}_")
        } | getattr(self, "best_params_", {})

    def _keep_choice(self, part):
        """Return a clone for a part of the signals of this fit, an array of numbers.

        What the fit has chosen is kept where this class can say it, and else chosen
        anew.
        """
        return clone(self)

    def _strengths_near(self):
        """Return strengths that suffice to choose for similar signals, or None.

        They are decreasing, (n_strengths,) or (n_strengths, n_signals) where each
        signal has its own; None where only the whole search tells.
        """
        return None

    def _describe_signals(self, found, n_signals, min_share):
        """Return columns (n_signals,) that describe each signal.

        `found` are the Distributions; keys are names, or (number of the peak, name).
        Two of them are ``status`` and ``message``.
        """
        status, message = self._convergence(n_signals)
        return {"status": status, "message": message}

    def _convergence(self, n_signals):
        """Return status and message of each signal, both (n_signals,)."""
        status = np.full(n_signals, "converged", dtype=object)
        return status, np.full(n_signals, "ok", dtype=object)

    def _noise(self, rest):
        """Return the noise of a point of weight one, nan where nothing is left over."""
        free = np.broadcast_to(self._count_free(rest), rest.squares.shape)
        out = np.full(rest.squares.shape, np.nan)
        root = np.sqrt(np.divide(rest.squares, free, out=out, where=free > 0))
        return np.ldexp(root, rest.exponents)

    def _count_free(self, rest):
        """Return how many numbers a fit left free, an int or (n_signals,)."""
        return np.count_nonzero(rest.weight, axis=0)

    def _has_outputs(self):
        """Return whether there are numbers to map of each voxel."""
        return self._distributions().rows is not None

    def _baselines(self):
        """Return the baseline of each signal, a float or (n_signals,), or None."""
        return None

    def _bin_names(self):
        """Return the names of the bins of the distributions, where no builder knows."""
        rows = self._distributions().rows
        return np.array([f"bin {k}" for k in range(rows.shape[1])], dtype=object)

    def _own_columns(self, only_converged):
        """Return what a map may hold of each voxel, {kind: (names, (n_signals, n))}.

        None where that follows from distributions and what is chosen.
        """
        return None

    def _fit_others(self, signals, known):
        """Return the same, fitted to other signals (n_points, n_signals) of its points.

        `known` are values as its fit takes them. None where a new fit is as good.
        """
        return None

    def _interval_columns(self, measured, only_converged, level):
        """Return names and columns (n_signals, n) of intervals, None for none.

        `measured` are X, y and the values that were known in the fit.
        """
        return None

    def _profiles(self, X, y, sample_weight, known):
        """Return profiles of its parameters, given what was fitted, None for none."""
        return None

    def _codes(self):
        """Return a FitStatus for each signal, or None where they have none."""
        return None

    def _codes_to_tell(self):
        """Return the same, as a warning counts them."""
        return self._codes()

    def _root_residuals(self):
        """Return root mean squares of residuals (n_signals,), None if not kept."""
        return None

    def _noise_found(self):
        """Return the noise (n_signals,) that the fit found, None if it seeks none."""
        return None


class Stranger(Answers):
    """An estimator of another package, with the answers that all have."""

    def __init__(self, estimator):
        self._estimator = estimator

    def __getattr__(self, name):
        """Return an attribute of the estimator."""
        return getattr(self._estimator, name)

    def _keep_choice(self, part):
        return clone(self._estimator)


def answers(estimator):
    """Return an estimator, or what answers in its place."""
    return estimator if isinstance(estimator, Answers) else Stranger(estimator)


def answering(estimator):
    """Return what answers for a Pipeline or a search: its last step, once fitted."""
    return answers(final_step(estimator))


def without_penalty(estimator):
    """Return a clone of an inversion without penalty, in place of searches for one."""
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        return clone(estimator).set_params(**{name: without_penalty(last)})
    if not isinstance(estimator, Answers):
        raise TypeError(
            "estimator must be a linear inversion, or end in one, got "
            f"{type(estimator).__name__}."
        )
    return estimator._without_penalty()


def check_takes_known(estimator):
    """Raise TypeError unless the fit of an estimator takes known values."""
    if not answering(estimator)._takes_known:
        raise TypeError(
            "known values are for a KernelParameterSearch or a NonlinearRelaxationFit; "
            "the estimator is neither."
        )


def fitted_distributions(estimator):
    """Return the Distributions of a fitted inversion, Pipeline or search.

    A KernelBuilder in the Pipeline knows its axes even where a step after it gave a
    plain kernel.
    """
    found = answering(estimator)._distributions()
    builder = find_builder(estimator)
    if builder is None or found.rows is None:
        return found
    grid = builder._known_grid()
    models = tuple(builder.models_)
    return Distributions(found.rows, grid.grids, grid.axis_names, models, grid.discrete)


def chosen_settings(fitted, n_signals):
    """Return what searches have chosen: strengths, settings of the kernel."""
    chosen = {}
    while fitted is not None:
        for name, value in answers(fitted)._chosen().items():
            is_number = np.issubdtype(np.asarray(value).dtype, np.number)
            if is_number and np.shape(value) in ((), (n_signals,)):
                chosen[name] = np.full(n_signals, value, dtype=np.float64)
            elif np.ndim(value) == 0:
                chosen[name] = np.full(n_signals, str(value), dtype=object)
        fitted = step_inside(fitted)
    return chosen


def strengths_near(fitted):
    """Return strengths that suffice for refits of a fitted search, None without one."""
    while fitted is not None:
        found = answers(fitted)._strengths_near()
        if found is not None:
            return found
        fitted = step_inside(fitted)
    return None


def describe_fitted(fitted, min_share):
    """Return a table with a row for each signal of a fitted inversion or search."""
    last = answering(fitted)
    index = last._signal_index()
    found = fitted_distributions(fitted)
    columns = chosen_settings(fitted, len(index))
    columns |= last._describe_signals(found, len(index), min_share)
    return make_table(columns, index=index)


def make_table(columns, lead=None, index=None):
    """Return columns as a frame: those of `lead` first, peaks later, the rest last.

    Keys are names, or (number of the peak, name): the first peak comes first.
    """
    peaks = sorted({key[0] for key in columns if isinstance(key, tuple)})
    order = [key for key in columns if isinstance(key, str) and key not in _LAST]
    for peak in peaks:
        order += [key for key in columns if key[0] == peak]
    out = {} if lead is None else dict(lead)
    for key in (*order, *(key for key in _LAST if key in columns)):
        name = key if isinstance(key, str) else f"{key[1]}_{key[0]}"
        name = _with_part(name)
        # Text gets the dtype of text, whatever pandas' version calls it.
        values = pd.Series(columns[key]).infer_objects()
        out[free_name(name, () if lead is None else lead)] = values
    table = pd.DataFrame(out)
    return table if index is None else table.set_axis(index)


def free_name(name, taken):
    """Return a name that is not taken, with the suffix ``_fit`` if need be."""
    while name in taken:
        name += "_fit"
    return name


def _with_part(name):
    """Return 'log_mean_0 stderr' for 'log_mean stderr_0'."""
    return _PART_OF_PEAK.sub(r"\1_\3 \2", name)
