"""Dictionaries of simulated signals, and matching of measured ones to them."""

from ._make import SignalSimulator, make_dictionary, parameter_grid
from ._match import DictionaryMatch
from ._matcher import DictionaryMatcher

__all__ = [
    "DictionaryMatch",
    "DictionaryMatcher",
    "SignalSimulator",
    "make_dictionary",
    "parameter_grid",
]
