"""Fits of signal models to many voxels: parameter maps with their uncertainty."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._fit import NonlinearRelaxationFit
    from ._status import FitStatus

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _fit=["NonlinearRelaxationFit"],
    _status=["FitStatus"],
)
