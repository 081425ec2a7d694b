"""Compression of kernels, signals and dictionaries."""

from ._tsvd import TSVDCompressor

__all__ = ["TSVDCompressor"]
