"""Hostile input to the denoising of image series."""

import hostile
import numpy as np
import pytest
from variants import check_arrays, check_numbers

from skrelax.decomposition import MarchenkoPasturDenoiser

RNG = np.random.default_rng(0)
TIMES = np.linspace(0.01, 0.08, 8)
SERIES = np.exp(-TIMES / RNG.uniform(0.04, 0.06, (20, 1)))
SERIES += 0.02 * RNG.standard_normal(SERIES.shape)
FITTED = MarchenkoPasturDenoiser((4, 5), patch_size=4).fit(SERIES)


def denoise(X=SERIES, **settings):
    settings = {"image_shape": (4, 5), "patch_size": 4} | settings
    denoiser = MarchenkoPasturDenoiser(**settings)
    denoised = denoiser.fit_transform(X)
    return denoised, denoiser.noise_std_, denoiser.rank_


def sound(kind, result):
    """Voxels are denoised, or as they were with a nan in the map of ranks."""
    denoised, noise, rank = result
    seen = ~np.isnan(rank)
    assert np.isfinite(denoised[seen]).all(), kind
    assert not np.isinf(noise).any(), kind
    assert np.isnan(noise[~seen]).all(), kind
    assert (noise[seen & ~np.isnan(noise)] >= 0).all(), kind


@pytest.mark.parametrize("settings", [
    {}, {"noise_std": 0.02}, {"mask": np.eye(4, 5) < 1}, {"stride": 1, "n_jobs": 2},
    {"image_shape": None, "patch_size": None},
])  # fmt: skip
def test_series(settings):
    names = ("X", "noise_std", "mask")
    check_arrays(lambda X: denoise(X, **settings), SERIES, names, sound)
    check_numbers(lambda X: denoise(X, **settings), ("X",))


def test_series_of_a_fitted_denoiser():
    check_arrays(FITTED.transform, SERIES, ("X",))
    check_numbers(FITTED.transform, ("X",))


def test_maps_of_noise_and_masks():
    check_arrays(
        lambda noise: denoise(noise_std=noise), RNG.uniform(0.01, 0.03, 20),
        ("noise_std",), sound,
    )  # fmt: skip
    mask = np.ones((4, 5))
    mask[0, 1] = 0
    check_arrays(lambda mask: denoise(mask=mask), mask, ("mask",), sound)
    check_arrays(
        lambda mask: denoise(mask=mask, image_shape=None), mask,
        ("mask", "image", "patch_size"), sound,
    )  # fmt: skip


def test_settings():
    for name in MarchenkoPasturDenoiser().get_params():
        check_numbers(lambda v, n=name: denoise(**{n: v}), (name, "image"), sound)
    for name in ("image_shape", "patch_size", "stride"):
        for bad in hostile.numbers().values():
            for pair in ((bad, 5), (4, bad), [bad, bad], (bad,)):
                hostile.ends_well(
                    lambda p=pair, n=name: denoise(**{n: p}), (name, "image")
                )
