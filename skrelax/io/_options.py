"""What callers of readers may ask for, checked."""

import numbers

import numpy as np

from ._files import shown
from ._recording import ReadOptions

# Echo spacings of any experiment [s].
_SHORTEST, _LONGEST = 1e-9, 1e4


def make_options(pairs, echo_spacing, allow_external):
    """Return the ReadOptions of checked arguments."""
    check_flags(pairs=False if pairs is None else pairs, allow_external=allow_external)
    if echo_spacing is not None:
        if not isinstance(echo_spacing, numbers.Real) or isinstance(echo_spacing, bool):
            raise TypeError(
                f"echo_spacing must be a number or None, got {shown(echo_spacing)}."
            )
        if not _SHORTEST <= echo_spacing <= _LONGEST:
            raise ValueError(
                f"echo_spacing must be from {_SHORTEST:g} to {_LONGEST:g} seconds, got "
                f"{shown(echo_spacing)}."
            )
        echo_spacing = float(echo_spacing)
    return ReadOptions(pairs, echo_spacing, bool(allow_external))


def without_effect(found, options, average, phase="auto"):
    """Return in words, a list, which options do nothing to a Recording."""
    echoes = found.inner is not None and found.inner.kind == "echo"
    turned = isinstance(phase, float) and not np.iscomplexobj(found.signals)
    asked = (
        (options.pairs and found.format != "text",
         "pairs (--complex)", "columns of text"),
        (options.echo_spacing and not found.spaced,
         "echo_spacing (--echo-spacing)", "files that count echoes or loops"),
        (not average and not echoes,
         "average=False (--no-average)", "echoes of several points"),
        (turned, "a phase (--phase)", "complex signals"),
    )  # fmt: skip
    return [
        f"{name} has no effect: it is for {what}, which {found.format} has not here"
        for given, name, what in asked
        if given
    ]


def check_flags(**flags):
    """Raise an error where an argument is neither True nor False."""
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {shown(value)}.")


def check_region(region):
    """Return limits of a spectral region [Hz], or raise."""
    if region is None:
        return None
    if (
        not isinstance(region, tuple | list)
        or len(region) != 2
        or not all(isinstance(one, numbers.Real) for one in region)
        or not -1e12 < region[0] < region[1] < 1e12
    ):
        raise ValueError(
            f"region must be two frequencies [Hz], low and high, got {shown(region)}."
        )
    return float(region[0]), float(region[1])


def check_phase(phase):
    """Return "auto", None or a number of degrees, or raise."""
    if isinstance(phase, bool | np.bool_):
        return "auto" if phase else None
    if isinstance(phase, numbers.Real) and -1e6 < phase < 1e6:
        return float(phase)
    raise TypeError(f"phase must be True, False or degrees, got {shown(phase)}.")
