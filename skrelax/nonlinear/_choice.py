"""Which numerical problem a model makes, by numbers of parameters and amplitudes."""

import numpy as np

from ..signals import SignalModel
from ._general import GeneralProblem
from ._line import LineProblem
from ._pair import PairProblem
from ._plane import PlaneProblem
from ._table import Coordinate


def find_axes(model: SignalModel, limits):
    """Return the Coordinate of each parameter of a model, within limits (P, 2)."""
    return [
        Coordinate(parameter.name, low, high, log=not np.isfinite(parameter.upper))
        for parameter, (low, high) in zip(model.parameters, limits, strict=True)
    ]


def choose_problem(
    model: SignalModel, acquisition, limits, root_weight, magnitude, known=None
):
    """Return the problem of a model on an acquisition, with its tables.

    `limits` (P, 2) bound the parameters, `root_weight` (N,) multiplies all signals.
    `known` maps names of parameters to values (n,), in the order of the model.
    """
    axes = find_axes(model, limits)
    for axis in axes:
        if axis.log and not axis.low > 0:
            raise ValueError(f"bounds of {axis.name} must be positive, got {axis.low}.")
    if np.iscomplexobj(model.basis(acquisition, limits.mean(axis=1)[None])):
        raise ValueError(
            f"signals of {type(model).__name__} are complex as it is set; fits take "
            "models with real signals, and complex amplitudes for complex data."
        )
    if known:
        axes = [axis for axis in axes if axis.name not in known]
        values = np.stack(list(known.values()), axis=1)
        return GeneralProblem(model, acquisition, axes, root_weight, magnitude, values)
    if model.component is not None:
        # Both components share one table, on the range of both.
        whole = Coordinate("", limits[:, 0].min(), limits[:, 1].max(), log=True)
        return PairProblem(model.component, acquisition, axes, whole, root_weight)

    def function(sets):
        return model.basis(acquisition, sets) * root_weight[:, None]

    n_amplitudes = len(model.amplitudes)
    if len(axes) == 1 and n_amplitudes <= 2:
        return LineProblem(function, axes, magnitude)
    if len(axes) == 2 and n_amplitudes == 1:
        return PlaneProblem(function, axes, magnitude)
    return GeneralProblem(model, acquisition, axes, root_weight, magnitude)
