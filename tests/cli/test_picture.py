"""Pictures that commands draw."""

import numpy as np
import pytest

from skrelax._cli._picture import turn_upright


def test_the_front_is_above_in_pictures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    # Rows run to the front, to the back (as in DICOM), to the top, and to the right.
    for direction, turned in (
        ((0.0, 1.0, 0.1), True),
        ((0.0, -1.0, 0.0), False),
        ((0.1, 0.0, 2.0), True),
        ((3.0, 0.0, 0.0), False),
    ):
        affine = np.eye(4)
        affine[:3, 1] = direction
        figure, axes = pyplot.subplots(1, 2)
        for ax in axes:
            ax.imshow(np.zeros((3, 2)))
        turn_upright(axes, affine)
        assert [ax.yaxis_inverted() for ax in axes] == [not turned, not turned]
        pyplot.close(figure)
