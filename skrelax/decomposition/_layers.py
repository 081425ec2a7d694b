"""Denoising of image series, a layer of patches at a time."""

from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs

from ..utils._parallel import run_tasks, single_blas_thread
from ._patches import cut_spectra, runs_of

# Bytes of patches that are decomposed in one call, which fit into a cache, and of the
# layers that wait for those before them.
_BATCH, _WAITING = 1 << 22, 1 << 28


class Denoised(NamedTuple):
    """What the patches that hold a voxel say of it."""

    signals: np.ndarray | None
    """Signals, as they were where no patch is, (n_voxels, n_points)."""
    noise_std: np.ndarray
    """Standard deviation of the noise, nan where nothing tells of it, (n_voxels,)."""
    rank: np.ndarray
    """Mean number of components, nan where no patch is, (n_voxels,)."""


class Sums(NamedTuple):
    """Sums over patches for the voxels of some planes."""

    signals: np.ndarray | None
    """Weighted signals, (n_planes, n_lines, n_in_line, n_points)."""
    counts: np.ndarray
    """Weights, patches, ranks, patches with noise, variances; five in the last axis."""


def denoise_patches(X, patches, scale, n_jobs, wanted):
    """Return the Denoised rows of X.

    Parameters
    ----------
    X : ndarray of shape (n_voxels, n_points)
        Signals, finite in all rows that patches name.
    patches : Patches
        Where patches are.
    scale : ndarray of shape (n_voxels,) or None
        Standard deviation of the noise, where it is known.
    n_jobs : int or None
        Threads.
    wanted : bool
        Whether to make signals, besides noise and ranks.

    Returns
    -------
    Denoised
        Its numbers are the same for any number of threads: sums run over patches in
        the order in which these lie.
    """
    nothing = np.full((2, len(X)), np.nan)
    found = Denoised(X.copy() if wanted else None, *nothing)
    if not (patches.places >= 0).any():
        return found
    firsts, depth = patches.starts[0], patches.size[0]
    ends = np.append(firsts[1:], firsts[-1] + depth)
    layer_bytes = depth * patches.places[0].size * X.shape[1] * 8
    group = min(2 * effective_n_jobs(n_jobs), max(1, _WAITING // layer_bytes))
    held = None
    for begin in range(0, firsts.size, group):
        numbers = range(begin, min(begin + group, firsts.size))
        layers = {}

        def work(number, layers=layers):
            layers[number] = _sum_layer(X, patches, firsts[number], scale, wanted)

        with single_blas_thread():
            run_tasks(work, [(number,) for number in numbers], n_jobs)
        for number in numbers:
            held = _add(held, layers.pop(number))
            planes = slice(firsts[number], ends[number])
            _finish(found, held, patches.places[planes], scale)
            _move(held, ends[number] - firsts[number])
    return found


def _add(held, layer):
    """Return sums with those of a layer that starts at the same plane."""
    if held is None:
        return layer
    for array, more in zip(held, layer, strict=True):
        if array is not None:
            array += more
    return held


def _finish(found, held, places, scale):
    """Write the means of planes to which no later layer adds."""
    counts = held.counts[: len(places)]
    there = (places >= 0) & (counts[..., 1] > 0)
    rows = places[there]
    weight, number, rank, noisy, variance = counts[there].T
    found.rank[rows] = rank / number
    if scale is not None:
        found.noise_std[rows] = scale[rows]
    else:
        mean = np.divide(
            variance, noisy, where=noisy > 0, out=np.full(rows.size, np.nan)
        )
        found.noise_std[rows] = np.sqrt(mean)
    if found.signals is not None:
        factor = 1.0 / weight if scale is None else scale[rows] / weight
        mean = held.signals[: len(places)][there] * factor[:, None]
        found.signals[rows] = mean


def _move(held, n_planes):
    """Drop the first planes of sums, and let as many empty ones follow."""
    for array in held:
        if array is not None:
            array[: len(array) - n_planes] = array[n_planes:]
            array[len(array) - n_planes :] = 0.0


def _sum_layer(X, patches, first, scale, wanted):
    """Return the Sums over all patches that start in one plane."""
    depth, height, width = patches.size
    places = patches.places[first : first + depth]
    inside = places >= 0
    rows = places[inside]
    n_points = X.shape[1]
    volume = np.zeros((*places.shape, n_points), dtype=np.result_type(X, np.float64))
    volume[inside] = X[rows] if scale is None else X[rows] / scale[rows, None]
    signals = np.zeros_like(volume) if wanted else None
    counts = np.zeros((*places.shape, 5))
    n_voxels = depth * height * width
    longest = max(1, _BATCH // (n_voxels * n_points * volume.itemsize))
    for line in patches.starts[1]:
        band = slice(line, line + height)
        there = np.convolve(inside[:, band].sum(axis=(0, 1)), np.ones(width, int))
        there = there[width - 1 :]
        # Patches that mostly lie outside have little to average over.
        starts = patches.starts[2]
        starts = starts[2 * there[starts] >= n_voxels]
        windows = np.lib.stride_tricks.sliding_window_view(
            volume[:, band], width, axis=2
        ).transpose(2, 0, 1, 4, 3)
        for run in runs_of(starts, patches.step, longest) if starts.size else ():
            at = slice(run[0], run[-1] + 1, patches.step)
            matrices = windows[at].reshape(run.size, n_voxels, n_points)
            made, rank, variance = _denoise_matrices(
                matrices, there[run], scale is not None, wanted
            )
            # Fewer components leave less noise (Manjon et al. 2013).
            weight = 1.0 / (1.0 + rank)
            noisy = ~np.isnan(variance)
            found = np.column_stack(
                [weight, np.ones(run.size), rank, noisy, np.where(noisy, variance, 0)]
            )
            if wanted:
                made *= weight[:, None, None]
                made = made.reshape(run.size, depth, height, width, n_points)
                made = made.transpose(3, 1, 2, 0, 4)
            # From the last voxel to the first: what a voxel gets is then summed in
            # the order of the patches, wherever runs end.
            for offset in reversed(range(width)):
                at = slice(run[0] + offset, run[-1] + offset + 1, patches.step)
                counts[:, band, at] += found
                if wanted:
                    signals[:, band, at] += made[offset]
    return Sums(signals, counts)


def _denoise_matrices(matrices, n_rows, known, wanted):
    """Return matrices without their noise, ranks and variances of the noise."""
    adjoint = matrices.conj().swapaxes(1, 2)
    by_rows = matrices.shape[1] < matrices.shape[2]
    gram = matrices @ adjoint if by_rows else adjoint @ matrices
    n_columns = matrices.shape[2]
    if not wanted:
        spectra = np.linalg.eigvalsh(gram)[:, ::-1]
        return None, *cut_spectra(spectra, n_rows, n_columns, known)
    spectra, vectors = np.linalg.eigh(gram)
    rank, variance = cut_spectra(spectra[:, ::-1], n_rows, n_columns, known)
    made = np.zeros_like(matrices)
    # One rank at a time: products of other sizes would round in another order, and a
    # patch would depend on those beside it.
    for kept in np.unique(rank[rank > 0]):
        same = rank == kept
        basis = vectors[same, :, vectors.shape[2] - kept :]
        across = basis.conj().swapaxes(1, 2)
        if by_rows:
            made[same] = basis @ (across @ matrices[same])
        else:
            made[same] = (matrices[same] @ basis) @ across
    return made, rank, variance
