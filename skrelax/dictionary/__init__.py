"""Dictionaries of simulated signals, and matching of measured ones to them."""

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:
    # Editors find code and docstrings by these.
    from ._make import SignalSimulator, make_dictionary, parameter_grid
    from ._match import DictionaryMatch
    from ._matcher import DictionaryMatcher

__getattr__, __dir__, __all__ = lazily(
    __name__,
    _make=["SignalSimulator", "make_dictionary", "parameter_grid"],
    _match=["DictionaryMatch"],
    _matcher=["DictionaryMatcher"],
)
