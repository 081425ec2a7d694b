"""Estimators made of others: from rows of voxels to rows of parameters."""

from ._mapper import VoxelMapper

__all__ = ["VoxelMapper"]
