"""Regularised inversion of signals into distributions."""

from ._lasso import LassoFista
from ._lasso_cv import LassoFistaCV
from ._solvers import lasso_path

__all__ = ["LassoFista", "LassoFistaCV", "lasso_path"]
