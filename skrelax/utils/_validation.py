"""Checks that several packages share."""

import numpy as np


def check_acquisition(points, model, name="X"):
    """Raise ValueError if acquisition points have no meaning for a model.

    `points` is the (n_points, n_columns) part of X that `model` reads.
    """
    if model.requires_positive and (points < 0).any():
        row, column = np.argwhere(points < 0)[0]
        raise ValueError(
            f"Negative values in data passed to {name}: "
            f"{model.acquisition_columns[column]} must not be negative, got "
            f"{points[row, column]} at row {row}."
        )
