"""Simulated measurements with known truth, and small measured ones."""

from ._images import make_image_series
from ._measured import (
    load_berea,
    load_graphene,
    load_phantom,
    load_sandstone,
    load_water_diffusion,
)
from ._myelin import make_myelin_water_images
from ._signed import make_signed_slices, make_spectrum_series
from ._simulate import make_decay, make_distribution

__all__ = [
    "load_berea",
    "load_graphene",
    "load_phantom",
    "load_sandstone",
    "load_water_diffusion",
    "make_decay",
    "make_distribution",
    "make_image_series",
    "make_myelin_water_images",
    "make_signed_slices",
    "make_spectrum_series",
]
