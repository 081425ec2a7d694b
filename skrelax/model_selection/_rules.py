"""What each rule looks for, and what it says where there is no such strength."""

import functools
from typing import NamedTuple

import numpy as np

from ..utils._warnings import give_warning, warning_of_signals
from ._criteria import first_minimum
from ._lcurve import corner_of
from ._searches import largest_below, minimise, side_by_side

# Where no strength reaches a target, this factor on what the best one reaches does.
WITHIN = 1.05


class Grid(NamedTuple):
    """What is known of one choice at the strengths of the grid, decreasing."""

    strengths: np.ndarray
    """The strengths, (n_strengths,)."""
    criterion: np.ndarray
    """What the rule looks at, (n_strengths,)."""
    fits: list
    """The fits."""
    square: float
    """Weighted mean square of what is fitted."""
    target: float | None
    """Value that the criterion must reach, if the rule has one."""


def choose(rule, curve, strengths, criterion, measure, targets, refine):
    """Return log(strength) of each choice, (n_choices,).

    Strengths and criterion, which is ``measure(fit, choice)``, are (n_strengths,
    n_choices), targets (n_choices,) or None. Of signals of zeros the largest strength
    is taken.
    """
    chosen = np.log(strengths[0])
    searches = {}
    for choice in np.flatnonzero(curve.squares > 0.0).tolist():
        x = np.log(strengths[:, choice]).tolist()
        grid = Grid(
            strengths[:, choice],
            criterion[:, choice],
            [curve(value, choice) for value in x],
            float(curve.squares[choice]),
            None if targets is None else float(targets[choice]),
        )
        own = functools.partial(measure, choice=choice)
        searches[choice] = _search(rule, grid, own, curve, refine)
    found = side_by_side(searches, curve)
    odd = {}
    for choice, (x, text) in found.items():
        chosen[choice] = x
        if text:
            odd[choice] = text
    if odd:
        first, text = min(odd.items())
        of = f", signal {first}, the first of {len(odd)}" if curve.per_signal else ""
        alone = {choice: f"rule={rule!r}: {text}" for choice, text in odd.items()}
        warning = warning_of_signals(
            f"rule={rule!r}{of}: {text}",
            alone if curve.per_signal else {},
            curve.target.signals.shape[1],
        )
        give_warning(warning)
    return chosen


def _search(rule, grid, measure, curve, refine):
    """Search log(strength) of a choice; return it and what there is to warn of."""
    strengths, criterion = grid.strengths, grid.criterion
    if rule == "lcurve":
        power = curve.penalty.power
        found, n_defined = yield from corner_of(
            grid.fits, strengths, grid.square, power, refine
        )
        if found is not None:
            return found, ""
        return np.log(strengths[0]), (
            "the curve of residual and penalty norm has no corner "
            f"({n_defined} of {strengths.size} strengths give both); "
            "the largest strength is taken."
        )
    if rule == "gcv":
        text = ""
        if not np.isfinite(criterion).any():
            text = (
                f"at every strength the fits use up all {curve.target.n_points} "
                "points, so that no degrees of freedom are left to judge them by; "
                "the largest is taken."
            )
        if refine:
            return (yield from minimise(measure, strengths, criterion)), text
        return np.log(strengths[first_minimum(criterion)]), text
    found = yield from largest_below(measure, grid.target, strengths, criterion, refine)
    if found is not None:
        return found, ""
    # The weakest strength would fit all the noise that a distribution can fit.
    least = criterion.min()
    found = yield from largest_below(
        measure, WITHIN * least, strengths, criterion, refine
    )
    return found, (
        f"no strength down to {strengths[-1]:.3g} reaches "
        f"the target {grid.target:.3g}, the best is {least:.3g}; the largest within "
        f"{WITHIN - 1.0:.0%} of it is taken. The noise level may be too low, as noise "
        "is by chance, or the model wrong."
    )
