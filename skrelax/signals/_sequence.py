"""What models of whole sequences share: tissue parameters that are held or free."""

import numpy as np

from ._base import Parameter, SignalModel
from ._checks import check_positive

_UNITS = {"T1": "s", "T2": "s", "B1": ""}
# Factors on flip angles that fits look for.
_B1_LIMITS = 0.3, 1.7


class SequenceModel(SignalModel):
    """Base class of models of a sequence, with tissue parameters by their names.

    A subclass names the tissue parameters that are always free (`_always`) and those
    that are constructor arguments too (`_optional`): a number holds such a parameter,
    None makes it free, as a further column of the parameters.
    """

    _always: tuple = ()
    _optional: tuple = ()

    @property
    def parameters(self):
        free = [name for name in self._optional if getattr(self, name) is None]
        return tuple(
            # A factor on flip angles is no relaxation time: its range is finite.
            Parameter(name, _UNITS[name], upper=2.0 if name == "B1" else np.inf)
            for name in (*self._always, *free)
        )

    def search_limits(self, acquisition):
        """Return the range in which a fit looks for each nonlinear parameter.

        Parameters
        ----------
        acquisition : ndarray of shape (n_points, n_columns)
            Acquisition points.

        Returns
        -------
        ndarray of shape (n_parameters, 2)
            0.3 to 1.7 for B1, ten times the range of :meth:`grid_limits` on both sides
            for relaxation times.
        """
        limits = super().search_limits(acquisition)
        for row, parameter in zip(limits, self.parameters, strict=True):
            if parameter.name == "B1":
                row[:] = _B1_LIMITS
        return limits

    def own_acquisition(self):
        """Return all acquisition points of the sequence, if it knows them.

        Returns
        -------
        ndarray of shape (n_points, n_columns) or None
            Acquisition points, columns as in :attr:`acquisition_columns`. None
            where they come with the data.
        """
        return None

    def _tissue(self, parameters):
        """Return one contiguous array (n_sets,) per name, and the dtype of all."""
        parameters = np.asarray(parameters)
        dtype = np.float32 if parameters.dtype == np.float32 else np.float64
        free = [parameter.name for parameter in self.parameters]
        columns = []
        for name in (*self._always, *self._optional):
            if name in free:
                column = parameters[:, free.index(name)]
            else:
                value = check_positive(name, getattr(self, name))
                column = np.full(parameters.shape[0], value)
            # A copy: Numba compiles anew for read-only arrays.
            columns.append(np.array(column, dtype=dtype))
        return columns, dtype


def point_indices(model, points, known, tolerance):
    """Return the position in `known` (n_known,) of each point (n_points,).

    Raises ValueError for a point that is farther than `tolerance` from all of them.
    """
    points = np.asarray(points, dtype=np.float64)
    order = np.argsort(known)
    place = np.searchsorted(known[order], points).clip(1, max(known.size - 1, 1))
    left, right = order[place - 1], order[np.minimum(place, known.size - 1)]
    nearer = np.abs(points - known[left]) <= np.abs(points - known[right])
    index = np.where(nearer, left, right)
    wrong = ~(np.abs(points - known[index]) <= tolerance)
    if wrong.any():
        raise ValueError(
            f"{model.acquisition_columns[0]} must be among the {known.size} points of "
            f"{type(model).__name__}, from {known.min():.6g} to {known.max():.6g}, got "
            f"{points[wrong][0]:.6g}."
        )
    return index
