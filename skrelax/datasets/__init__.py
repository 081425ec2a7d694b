"""Simulated signals with known truth."""

from ._simulate import make_decay, make_distribution

__all__ = ["make_decay", "make_distribution"]
