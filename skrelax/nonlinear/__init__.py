"""Fits of signal models to many voxels: parameter maps with their uncertainty."""

from ..utils._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _fit=["NonlinearRelaxationFit"],
    _status=["FitStatus"],
)
