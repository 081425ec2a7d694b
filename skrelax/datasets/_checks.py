"""Checks of what simulations are asked for."""

import math
import numbers

from sklearn.utils import check_random_state

from ..utils._validation import check_number, errors_name

# Numbers of one array at most: more do not fit into memory.
_MOST_NUMBERS = 2**28
# Squares of amplitudes and noise up to here are doubles.
LARGEST = 1e150


def check_counts(factor=1, **counts):
    """Return counts as int; ValueError if `factor` arrays of them are too many."""
    for name, count in counts.items():
        counts[name] = check_number(count, name, 1, _MOST_NUMBERS, numbers.Integral)
    total = factor * math.prod(counts.values())
    if total > _MOST_NUMBERS:
        raise ValueError(
            f"{' and '.join(counts)} make {total} numbers, above {_MOST_NUMBERS}, got "
            f"{', '.join(map(str, counts.values()))}."
        )
    return tuple(counts.values())


def check_noise(noise_std):
    """Return a standard deviation of noise."""
    return check_number(noise_std, "noise_std", 0.0, LARGEST)


def check_generator(random_state):
    """Return the generator of a seed, or raise an error that names random_state."""
    with errors_name("random_state"):
        return check_random_state(random_state)
