"""What ``skrelax map`` makes of a fit: maps, a picture, and what is printed."""

from collections.abc import Mapping

import numpy as np

from ..nonlinear import FitStatus
from ..nonlinear._status import status_words
from ..plotting import ParameterMapDisplay
from ..plotting._base import known_unit, rows_and_columns, styled
from ..plotting._slices import choose_slices
from ._model import comparison_lines


class FitMaps(Mapping):
    """Images of a fit by name, made when they are asked for.

    Voxels that are not converged are nan, unless they are to be kept. `ends`
    (n_voxels,) by name are those of intervals.
    """

    def __init__(self, fit, table, known, keep, ends):
        self._fit, self._table, self._ends = fit, table, ends
        self._lost = np.zeros(len(fit.status_), dtype=bool)
        if not keep:
            self._lost = fit.status_ != FitStatus.CONVERGED
        names = [name for name in fit.param_names_ if name not in known]
        kinds = ("", " stderr", " lower", " upper") if ends else ("", " stderr")
        self._names = [f"{name}{kind}" for name in names for kind in kinds]
        self._names += ["relative error", "r2"]
        if _count_holed(fit, len(table.acquisition)):
            self._names.append("n_points")
        self._names.append("status")

    def __getitem__(self, name):
        """Return an image."""
        if name not in self._names:
            raise KeyError(name)
        fit, table = self._fit, self._table
        if name == "status":
            return table.to_image(fit.status_, fill=FitStatus.MASKED).astype(int)
        if name == "n_points":
            return table.to_image(fit.n_points_, fill=0).astype(int)
        if name in ("relative error", "r2"):
            return table.to_image(getattr(fit, f"{name.replace(' ', '_')}_"))
        if name in self._ends:
            return table.to_image(self._ends[name])
        parameter = name.removesuffix(" stderr")
        values = fit.params_ if name == parameter else fit.stderr_
        column = values[:, fit.param_names_.index(parameter)]
        return table.to_image(np.where(self._lost, np.nan, column))

    def __iter__(self):
        """Return the names."""
        return iter(self._names)

    def __len__(self):
        """Return the number of images."""
        return len(self._names)


def _count_holed(fit, n_points):
    """Return the number of voxels that were fitted without some of their points."""
    return int(((fit.n_points_ > 0) & (fit.n_points_ < n_points)).sum())


@styled
def draw_fit(path, fit, maps, affine):
    """Draw relaxation time, amplitude, standard error and relative error."""
    from matplotlib.figure import Figure

    time = fit.model_.parameters[0].name
    fitted = [name for name in fit.param_names_ if name in maps]
    wanted = dict.fromkeys([time, *fitted, f"{time} stderr", "relative error"])
    names = [name for name in wanted if name in maps]
    rows, columns = rows_and_columns(len(names))
    figure = Figure(figsize=(3.1 * columns, 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    units = {
        label: unit
        for name, unit in _units(fit).items()
        for label in (name, f"{name} stderr")
    }
    # The slices that are drawn of a volume, where it was fitted.
    shown = choose_slices(np.where(maps["status"] < FitStatus.MASKED, 1.0, np.nan), 9)
    images = {name: maps[name][:, :, shown] for name in names}
    ParameterMapDisplay(images, units=units, affine=affine).plot(axes)
    figure.savefig(path, dpi=150)


def _units(fit):
    """Return the unit of each parameter by name, None where it has none."""
    return {
        parameter.name: parameter.unit or known_unit(parameter.name)
        for parameter in fit.model_.outputs
    }


def _kind_of(fit, table):
    """Return what the signals are in a word."""
    signals = table.signals.to_numpy()
    if np.iscomplexobj(signals):
        return "complex"
    # Of models that never change their sign, the fit does not ask.
    lowest = 0.0 if fit.magnitude_ else np.fmin.reduce(signals, axis=None)
    return "signed" if lowest < 0 else "magnitude"


def report_fit(fit, table, mask, plan, intervals, keep):
    """Return what is printed; `intervals` are their ends by name and the level."""
    ends, level = intervals
    known, X, units = plan.known, table.acquisition, _units(fit)
    n_voxels = int(mask.sum())
    good = fit.status_ == FitStatus.CONVERGED
    kind = _kind_of(fit, table)
    lines = [
        *comparison_lines(plan),
        f"{len(X)} images, {n_voxels} voxels inside the mask of {mask.size}, {kind} "
        f"signals: {fit.model_.formula}",
        f"fits: {status_words(fit.status_[mask])}",
        f"{'parameter':>16} {'median':>12} {'quartiles':>25} {'standard error':>15}",
    ]
    if good.any():
        for k, name in enumerate(fit.param_names_):
            if name in known:
                continue
            low, middle, high = np.quantile(fit.params_[good, k], [0.25, 0.5, 0.75])
            # With as many points as parameters no voxel has a standard error.
            errors = fit.stderr_[good, k]
            errors = errors[np.isfinite(errors)]
            error = np.median(errors) if errors.size else np.nan
            unit = units.get(name)
            label = f"{name} ({unit})" if unit else name
            lines.append(
                f"{label:>16} {middle:>12.4g} {low:>12.4g} {high:>12.4g} {error:>15.2g}"
            )
    lost = int((fit.status_[mask] != FitStatus.CONVERGED).sum())
    if lost:
        kept = "keep their values" if keep else "are nan there; --keep keeps the values"
        lines.append(
            f"{lost} voxels are not converged, status.nii.gz says why: maps {kept}"
        )
    holed = _count_holed(fit, len(X))
    if holed:
        lines.append(
            f"{holed} voxels without some of their points: n_points counts them"
        )
    if ends:
        lines.append(_say_intervals(fit, known, ends, level))
    return "\n".join(lines)


def _say_intervals(fit, known, ends, level):
    """Return a line on intervals."""
    lacking = np.zeros(len(fit.status_), dtype=bool)
    for name in set(fit.param_names_) - set(known):
        lacking |= np.isnan(ends[f"{name} lower"]) | np.isnan(ends[f"{name} upper"])
    count = int((lacking & (fit.status_ == FitStatus.CONVERGED)).sum())
    line = (
        f"{100 * level:g} % intervals by profile likelihood: maps with lower and upper"
    )
    return f"{line}; {count} voxels lack an end" if count else line
