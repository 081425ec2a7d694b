"""The command line of the suite."""

from ._main import main

__all__ = ["main"]
