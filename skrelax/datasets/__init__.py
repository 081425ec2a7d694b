"""Simulated measurements with known truth, and small measured ones."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
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

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _images=["make_image_series"],
    _measured=[
        "load_berea",
        "load_graphene",
        "load_phantom",
        "load_sandstone",
        "load_water_diffusion",
    ],
    _myelin=["make_myelin_water_images"],
    _signed=["make_signed_slices", "make_spectrum_series"],
    _simulate=["make_decay", "make_distribution"],
)
