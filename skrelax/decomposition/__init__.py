"""Compression of kernels, signals and dictionaries; denoising of image series."""

from ._denoiser import MarchenkoPasturDenoiser
from ._tsvd import TSVDCompressor

__all__ = ["MarchenkoPasturDenoiser", "TSVDCompressor"]
