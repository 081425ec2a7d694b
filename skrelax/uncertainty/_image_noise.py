"""The noise of images, from neighbouring voxels."""

import numpy as np

# Voxels this far apart are compared: scanners often interpolate images by a factor of
# two, which makes the noise of the nearest neighbours alike.
_APART = 2
# Differences that tell a level of noise, and as many as are looked at.
_FEWEST, _MOST = 25, 20_000
# Median of the modulus of a standard normal variable.
_MEDIAN = 0.6744897501960817


def image_noise_std(signals, places):
    r"""Return the noise standard deviation of images, or None if it cannot be told.

    `signals` are (n_voxels, n_points), real or complex; `places` (n_x, n_y, n_z) the
    row of each voxel, -1 for voxels that are not to be looked at.

    Differences of differences, along both axes of a slice, vanish for edges along
    either axis and for linear changes. They have twice the standard deviation of the
    noise, which their median tells for each image, and the median over images for all.
    """
    corners = [
        places[:-_APART, :-_APART],
        places[_APART:, :-_APART],
        places[:-_APART, _APART:],
        places[_APART:, _APART:],
    ]
    rows = np.stack([corner.ravel() for corner in corners])
    rows = rows[:, (rows >= 0).all(axis=0)]
    if rows.shape[1] > _MOST:
        rows = rows[:, np.linspace(0, rows.shape[1] - 1, _MOST).round().astype(int)]
    first, second, third, fourth = (signals[row] for row in rows)
    with np.errstate(invalid="ignore"):
        differences = 0.5 * (first - second - third + fourth)
    if np.iscomplexobj(differences):
        differences = np.concatenate([differences.real, differences.imag])
    there = np.isfinite(differences)
    # An image that is clipped or missing must not hide the noise of the others.
    told = there.sum(axis=0) >= _FEWEST
    if not told.any():
        return None
    sizes = np.abs(np.where(there, differences, np.nan)[:, told])
    found = float(np.median(np.nanmedian(sizes, axis=0)) / _MEDIAN)
    return found if found > 0 else None
