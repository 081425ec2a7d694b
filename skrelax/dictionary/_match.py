"""What a match says about signals."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DictionaryMatch:
    """Hold what a match says about signals; rows that have none are NaN and -1.

    Parameters
    ----------
    parameters : ndarray of shape (n_signals, n_parameters)
        Parameters of the match.
    scale : ndarray of shape (n_signals,)
        Amplitude of the best atom in the signal (M0), complex where signals or atoms
        are.
    correlation : ndarray of shape (n_signals,)
        Correlation with the best atom, from 0 to 1 (from -1 for signed ones).
    indices : ndarray of shape (n_signals,)
        Index of the best atom.
    mask : ndarray of shape (n_signals,), dtype=bool
        Whether the signal could be matched.
    at_edge : ndarray of shape (n_signals, n_parameters), dtype=bool
        Whether the best atom has the smallest or the largest value of a parameter that
        varies in the dictionary. The signal may then lie beyond it, and its
        parameters and amplitude mean as little as a fit at a bound.
    """

    parameters: np.ndarray
    scale: np.ndarray
    correlation: np.ndarray
    indices: np.ndarray
    mask: np.ndarray
    at_edge: np.ndarray

    @property
    def status(self):
        """What became of each signal: "matched", "at edge" or "no match"."""
        words = np.where(self.at_edge.any(axis=1), "at edge", "matched")
        return np.where(self.mask, words, "no match")
