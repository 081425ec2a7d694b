"""Noise for signals that are refitted."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Beyond it signals with noise could not be squared.
LARGEST_NOISE = 1e98


def points_left(weight, used):
    """Return how many points a fit leaves for the noise, or raise if none."""
    seen = np.count_nonzero(weight)
    if seen - used < 1:
        raise ValueError(
            f"y has {seen} points with a weight, too few for residuals: the fit uses "
            f"{used} of them. Give noise_std, with method='parametric' for a bootstrap."
        )
    return seen - used


def draw_noise(method, noise_std, residuals, weight, used, n_bootstrap, rng):
    """Return noise (n_points, n_bootstrap) and its standard deviation."""
    m = residuals.size
    if noise_std is None:
        standard = (residuals * np.sqrt(weight))[weight > 0]
        left = points_left(weight, used)
        standard = standard * np.sqrt(standard.size / left)
        noise_std = float(np.sqrt((standard**2).mean()))
    if method == "residual":
        drawn = rng.choice(standard, size=(m, n_bootstrap))
    else:
        drawn = noise_std * rng.standard_normal((m, n_bootstrap))
    return _spread(drawn, weight, noise_std), noise_std


def draw_signals(expected, *given):
    """Return signals (n_points, n_bootstrap) with the noise of `draw_noise`, and it."""
    noise, noise_std = draw_noise(*given)
    return expected[:, None] + noise, noise_std


def draw_magnitudes(expected, noise_std, weight, n_bootstrap, rng):
    """Return magnitudes (n_points, n_bootstrap) of signals, and their noise."""
    drawn = rng.standard_normal((2 * len(expected), n_bootstrap)) * noise_std
    along, across = _spread(drawn, np.tile(weight, 2), noise_std).reshape(
        2, -1, n_bootstrap
    )
    return np.hypot(expected[:, None] + along, across), noise_std


class Drawing(NamedTuple):
    """Signals that are drawn, the same ones at every call."""

    draw: Callable
    """Takes a source of random numbers, returns signals (n_points, n_bootstrap), and
    may return their noise."""
    rng: np.random.RandomState
    """The source, as it was before the first draw."""

    @classmethod
    def before(cls, draw, rng):
        """Return it, from a source that others draw from as well."""
        return cls(draw, copy.deepcopy(rng))

    def __call__(self):
        """Return the signals."""
        found = self.draw(copy.deepcopy(self.rng))
        return found[0] if isinstance(found, tuple) else found


def _spread(drawn, weight, noise_std):
    """Return noise (n_points, n_bootstrap) of points of weight one, as weights say."""
    root = np.sqrt(weight)
    drawn *= np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)[:, None]
    if not np.abs(drawn).max(initial=0.0) <= LARGEST_NOISE:
        raise ValueError(
            "sample_weight must not differ so much that the noise of a point, "
            f"{noise_std:.3g} / sqrt(weight), passes {LARGEST_NOISE:.0e}; the "
            f"smallest is {weight[weight > 0].min():.3g}."
        )
    return drawn
