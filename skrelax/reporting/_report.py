"""A report of one inversion."""

import numbers

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..io._files import as_numbers, as_path
from ..metrics import residual_autocorrelation
from ..plotting import (
    DecayDisplay,
    DistributionDisplay,
    DistributionMapDisplay,
    ResidualsDisplay,
)
from ..plotting._base import fitted_axes, styled
from ..uncertainty import bootstrap_distribution
from ..uncertainty._bootstrap import bounds_of_fit
from ..utils._inspect import final_step, find_kernel
from ..utils._provenance import describe_estimator, describe_settings, find_chosen
from ..utils._validation import check_number, check_size
from ..utils._warnings import collect_warnings
from . import _page
from ._alone import fit_alone
from ._strengths import (
    compare_rules,
    fit_strengths,
    tried_strengths,
    with_one_strength,
)

_LEVEL = 0.9
# What intervals hold, by whether they are bounds.
_HOLDS = {
    True: "The intervals hold all distributions without sign that fit the signal, and "
    "so may leave out the estimate where the penalty shifts it.",
    False: "They do not hold the bias of the penalty: a feature narrower than the "
    "resolution is broad in all refits.",
}
# Of white residuals, at most so many lags are beyond their limits, and the first one
# not by this factor.
_FEW_LAGS, _FAR = 2, 1.5
# Signals with sections of their own: a page of more is long, and takes long.
_MOST_SIGNALS = 10


def write_report(
    path,
    model,
    X,
    y,
    *,
    sample_weight=None,
    n_bootstrap=100,
    unit=None,
    title=None,
    command=None,
    random_state=0,
    overwrite=False,
):
    """Write one HTML file that shows an inversion and how far to trust it.

    The file needs nothing else, no network either: pictures are inside. It has data and
    fit, residuals with their autocorrelation, the distribution with a band of refits,
    its numbers with intervals, a slider over the strengths of the penalty, what other
    rules would have chosen, and settings, versions and the command.

    Parameters
    ----------
    path : str or path-like
        The file, ``.html``.
    model : estimator
        A fitted inversion, or a Pipeline or search that ends in one.
    X : array-like of shape (n_points, n_columns)
        Acquisition, as in ``model.fit``.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        The signal, or several of them. Each of the first 10 has its sections, as if it
        were alone with the strength that was chosen; a table has the numbers of all.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each point, as in ``model.fit``.
    n_bootstrap : int, default=100
        Number of refits for bands and intervals, see
        :func:`~skrelax.uncertainty.bootstrap_distribution`. 0 leaves them out. Two axes
        have intervals without refits where bounds or bias-aware ones are possible.
    unit : str or None, default=None
        Unit of the times. None takes s.
    title : str or None, default=None
        Heading. None takes the name of the file.
    command : str or None, default=None
        What made the result, to be shown.
    random_state : int, RandomState instance or None, default=0
        Seed of the refits.
    overwrite : bool, default=False
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If the file is there, has another suffix, X and y do not belong together, or
        the inversion has more than two axes, or several signals that hang together.
    TypeError
        If `model` is no inversion.
    ImportError
        If Matplotlib is not installed.

    See Also
    --------
    skrelax.io.write_result : The numbers themselves.

    Notes
    -----
    The slider needs a penalty with one strength (:class:`~skrelax.SmoothLasso`,
    :class:`~skrelax.LassoFista`, their CV classes and searches); the report of another
    inversion is without it. Lag 1 to 12 of the residuals are compared with the limit of
    white noise, see :func:`~skrelax.metrics.residual_autocorrelation`.

    Examples
    --------
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.datasets import load_graphene
    >>> from skrelax.reporting import write_report
    >>> from sklearn.pipeline import make_pipeline
    >>> data = load_graphene()
    >>> model = make_pipeline(KernelBuilder("T2", n_bins=30), SmoothLasso())
    >>> model = model.fit(data.X, data.y)
    >>> path = write_report("graphene.html", model, data.X, data.y)  # doctest: +SKIP
    """
    path = _page.check_target(as_path(path), overwrite)
    kind = numbers.Integral
    n_bootstrap = int(check_number(n_bootstrap, "n_bootstrap", 0, 100_000, kind))
    if n_bootstrap == 1:
        raise ValueError("n_bootstrap must be 0 or at least 2, got 1.")
    X, y, weight = _check_data(model, X, y, sample_weight)
    title = path.stem if title is None else str(title)
    made = f"{len(y)} points, {_page.made_now()}"
    parts = [f"<h1>{_page.escape(title)}</h1>", _page.paragraph(made, "note")]
    refits = n_bootstrap, random_state
    if y.ndim == 1:
        parts += _show_signal(model, X, y, weight, unit, refits)
    else:
        parts.append(_show_all(model, X, y, unit))
        for number, label in enumerate(_labels(model)[:_MOST_SIGNALS]):
            one = fit_alone(model, number, X, y[:, number], weight)
            parts.append(f"<h1>{_page.escape(label)}</h1>")
            parts += _show_signal(one, X, y[:, number], weight, unit, refits)
    parts.append(_show_provenance(model, command))
    return _page.write(path, title, parts, overwrite)


def _check_data(model, X, y, sample_weight):
    """Return what was given, y and weights as arrays (n_points,)."""
    last = final_step(model)
    if not getattr(last, "_tells_distributions", False):
        raise TypeError(
            f"model must be an inversion, or end in one, got {type(last).__name__}."
        )
    check_is_fitted(last)
    if not 1 <= len(last.grids_) <= 2:
        raise ValueError(
            f"model must have one axis or two, got {len(last.grids_)}; draw slices "
            "with DistributionSlicesDisplay."
        )
    try:
        fitted_axes(model, len(last.grids_))
    except ValueError as error:
        raise ValueError(f"model: {error}") from None
    points, signal = as_numbers(X, "X", finite=True), as_numbers(y, "y", finite=True)
    sound = points.ndim == 2 and signal.ndim in (1, 2) and signal.size > 0
    if not sound or len(signal) != len(points):
        raise ValueError(
            "X and y must be the acquisition and the signals, (n_points, n_columns) "
            "and (n_points,) or (n_points, n_signals), got shapes "
            f"{points.shape} and {signal.shape}."
        )
    check_size(points, "X")
    check_size(signal, "y")
    n_signals = len(last.describe())
    signal = signal.ravel() if signal.size == len(points) else signal
    if n_signals != signal.size // len(points):
        raise ValueError(
            f"y must have the {n_signals} signals of the model, got shape "
            f"{signal.shape}."
        )
    if n_signals > 1 and not hasattr(last, "coef_"):
        raise ValueError(
            f"model must be of one signal, got {type(last).__name__} of {n_signals}."
        )
    if sample_weight is None:
        return X, signal, None
    weight = as_numbers(sample_weight, "sample_weight", finite=True)
    if weight.shape != (len(points),) or (weight < 0).any() or not weight.any():
        raise ValueError(
            f"sample_weight must be {len(points)} non-negative numbers, not all 0."
        )
    return X, signal, weight


def _labels(model):
    """Return the names of the signals of a model."""
    return [str(label) for label in final_step(model).describe().index]


def _show_signal(model, X, y, weight, unit, refits):
    """Return the sections of one signal."""
    return [
        _show_fit(model, X, y, weight, unit),
        _show_distribution(model, X, y, weight, unit, *refits),
        *_show_strengths(model, X, y, weight, unit),
    ]


@styled
def _show_all(model, X, y, unit):
    """Return signals and fits in one picture, and a table with a row for each."""
    figure = _page.make_figure(10, 3.6)
    DecayDisplay.from_estimator(model, X, y, unit=unit, ax=figure.subplots())
    table = final_step(model).describe().rename_axis("signal")
    words = "Each has sections below, with the strength that was chosen here."
    if len(table) > _MOST_SIGNALS:
        words = f"Of {len(table)} signals the first {_MOST_SIGNALS} have sections."
    return _page.section(
        "All signals",
        _page.picture(figure, "Signals with their fits"),
        _page.table(table),
        _page.paragraph(words, "note"),
    )


@styled
def _show_fit(model, X, y, weight, unit):
    """Return signal, fit and residuals with what is left in them."""
    figure = _page.make_figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    DecayDisplay.from_estimator(model, X, y, unit=unit, ax=left)
    residual = (y - np.ravel(model.predict(X))) * (1 if weight is None else weight**0.5)
    size = float(np.sqrt(np.mean(residual**2)))
    ResidualsDisplay.from_estimator(model, X, y, noise_std=size, unit=unit, ax=right)
    left.set_title("Signal and fit")
    right.set_title("Residuals, grey: root mean square")
    table = residual_autocorrelation(residual, max_lag=min(12, max(1, len(y) // 4)))
    beyond = table["correlation"].abs() > table["limit"]
    # White noise has three lags of twelve beyond their limits in 2 of 100 cases.
    first = abs(table["correlation"].iloc[0]) / table["limit"].iloc[0]
    white = beyond.sum() <= _FEW_LAGS and not first > _FAR
    words = (
        f"Root mean square of the residuals{'' if weight is None else ' (weighted)'}: "
        f"{size:.4g}. Autocorrelation at lag 1: {table['correlation'].iloc[0]:.2f}, "
        f"white noise stays within {table['limit'].iloc[0]:.2f} in 95 of 100 cases; "
        f"{beyond.sum()} of {len(table)} lags are beyond their limit."
    )
    verdict = (
        _page.paragraph("The residuals look like noise.")
        if white
        else _page.paragraph(
            "The residuals are not white: kernel, baseline or weights do not describe "
            "the signal, or the penalty is too strong. No penalty mends a wrong model.",
            "warning",
        )
    )
    picture = _page.picture(figure, "Signal with fit, and residuals")
    return _page.section("Signal and fit", picture, _page.paragraph(words), verdict)


def _show_distribution(model, X, y, weight, unit, n_bootstrap, random_state):
    """Return the distribution with its band, and its numbers with intervals."""
    last, refits, notes = final_step(model), None, []
    if n_bootstrap:
        try:
            # Of refits; what the fit itself warned of was seen.
            with collect_warnings():
                refits = _find_intervals(model, X, y, weight, n_bootstrap, random_state)
        except (TypeError, ValueError) as error:
            notes.append(_page.paragraph(f"No intervals: {error}", "note"))
    picture = _draw_distribution(model, unit, refits)
    described = last.describe().iloc[0]
    if refits is None:
        told = described.drop(["status", "message"])
        frame = told.to_frame("estimate").rename_axis("number")
    else:
        frame = refits.to_frame()[["estimate", "lower", "upper", "status"]]
        held = refits.method == "bounds"
        made = f"Ends of {100 * _LEVEL:.0f} % intervals ({refits.method})"
        if len(refits.samples):
            made += f" and the band, from {n_bootstrap} refits with new noise"
        notes.append(
            _page.paragraph(
                f"{made}. {_HOLDS[held]} 'Not identifiable' is what the measurement "
                "hardly tells; 'does not fit' that no distribution of these bins comes "
                "as near to the signal as its noise asks.",
                "note",
            )
        )
    status = _page.paragraph(f"Status: {described['status']} ({described['message']}).")
    return _page.section("Distribution", picture, _page.table(frame), status, *notes)


def _find_intervals(model, X, y, weight, n_bootstrap, random_state):
    """Return the UncertaintyResult of a fitted model.

    Planes show no band, and each refit of one takes seconds.
    """
    if len(final_step(model).grids_) == 2:
        weights = np.ones(len(y)) if weight is None else weight
        found = bounds_of_fit(model, X, y, weights, _LEVEL)
        if found is not None:
            return found
    return bootstrap_distribution(
        model,
        X,
        y,
        n_bootstrap=n_bootstrap,
        level=_LEVEL,
        sample_weight=weight,
        random_state=random_state,
    )


@styled
def _draw_distribution(model, unit, refits=None):
    """Return the picture of the distribution of a fitted model."""
    if len(final_step(model).grids_) == 2:
        figure = _page.make_figure(6.4, 5.6)
        DistributionMapDisplay.from_estimator(model, unit=unit, figure=figure)
    else:
        figure = _page.make_figure(7, 3.6)
        band = None if refits is None else refits.band()
        ax = figure.subplots()
        DistributionDisplay.from_estimator(model, unit=unit, band=band, ax=ax)
    return _page.picture(figure, "Distribution")


def _show_strengths(model, X, y, weight, unit):
    """Return a slider over strengths and a table of rules, [] where there is none."""
    plain, name = with_one_strength(model)
    if plain is None or name is None:
        return []
    K = find_kernel(model, X)
    strengths, chosen = tried_strengths(model, plain, name)
    if not strengths.size:
        return []
    fits = fit_strengths(plain, name, strengths, K, y, weight)
    root = 1 if weight is None else weight**0.5
    sizes = [
        float(np.sqrt(np.mean(((y - np.ravel(one.predict(K))) * root) ** 2)))
        for one in fits
    ]
    start = int(np.abs(np.log(strengths / chosen)).argmin()) if chosen > 0 else 0
    peaks = [one.describe().iloc[0].get("n_peaks", np.nan) for one in fits]
    frames = [
        (
            _draw_strength(strengths, sizes, number, one, unit),
            f"{name} {strengths[number]:.3g}{' (chosen)' if number == start else ''}: "
            f"residual {sizes[number]:.4g}, {peaks[number]} peak(s)",
        )
        for number, one in enumerate(fits)
    ]
    shown = _page.slider(f"Strength of the penalty ({name})", frames, start)
    rules = compare_rules(plain, name, K, y, weight)
    return [
        _page.section("Other strengths", shown),
        _page.section(
            "Other rules",
            _page.paragraph(
                "What each rule of StrengthSearch would choose for these data. What "
                "all agree on is in the data; the rest is the choice of a rule."
            ),
            _page.table(rules),
        ),
    ]


@styled
def _draw_strength(strengths, sizes, number, fitted, unit):
    """Return one picture of the slider: residuals over strengths, distribution."""
    two = len(fitted.grids_) == 2
    figure = _page.make_figure(10, 4.6 if two else 3.4)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.4 if two else 1.2))
    ax = left.subplots()
    ax.semilogx(strengths, sizes, ".-", color="0.6", ms=4, lw=1)
    if min(sizes) > 0 and max(sizes) > 10 * min(sizes):
        ax.set_yscale("log")
    ax.plot(strengths[number], sizes[number], "o", color="C3")
    ax.set(xlabel="strength", ylabel="root mean square residual")
    if two:
        DistributionMapDisplay.from_estimator(fitted, unit=unit, figure=right)
    else:
        DistributionDisplay.from_estimator(fitted, unit=unit, ax=right.subplots())
    return _page.picture(figure, f"Distribution at strength {strengths[number]:.3g}")


def _show_provenance(model, command):
    """Return settings, what was chosen, versions and the command."""
    settings = pd.Series(describe_settings(model)).to_frame("value").rename_axis("name")
    chosen = [f"{name} {value}" for name, value in find_chosen(model).items()]
    return _page.section(
        "How it was made",
        f"<pre>{_page.escape(describe_estimator(model))}</pre>",
        _page.paragraph(f"Chosen: {', '.join(chosen) or 'nothing'}."),
        *_page.origin(command),
        "<details><summary>All settings</summary>",
        _page.table(settings),
        "</details>",
    )
