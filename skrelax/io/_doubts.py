"""What looks wrong in a decay: words with numbers, so that nothing is silent."""

import numpy as np
from scipy.optimize import isotonic_regression

# Seconds beyond which times of these kernels are implausible, and below which all are.
_LONGEST = {"T2": 30.0, "gaussian": 30.0, "T1-IR": 300.0, "T1-SR": 300.0}
_SHORTEST = 1e-6
# b values in s/m² between which measurements lie.
_FEW, _MANY = 1e5, 1e14
# Kernels whose signals only fall.
_FALLING = ("T2", "gaussian", "diffusion", "T1rho")
# Ends of a recovery that are at least this fraction of its largest number have a sign.
_CLEAR = 0.2
# How far from monotone a signal may be: in units of the noise, and of its size.
_SIGMA, _SHARE = 3.0, 0.03
# Points at both ends whose means tell whether a signal grows.
_ENDS = 8


def doubt_units(name, points, unit, kernel):
    """Return in words what is implausible about points of a known unit, or None."""
    seen = points[points > 0]
    if not seen.size:
        return None
    top = seen.max()
    if unit == "s/m²":
        if _FEW <= top <= _MANY:
            return None
        return f"b values reach {top:.3g} s/m², which is implausible"
    longest = _LONGEST.get(kernel, 300.0)
    if unit != "s" or _SHORTEST <= top <= longest:
        return None
    much = "long" if top > longest else "short"
    return f"times of {name} reach {top:.3g} s, which is implausibly {much}"


def doubt_axes(names, points, units, kernels):
    """Return a list of what is implausible about the points of all axes, in words."""
    kernels = kernels or (None,) * len(names)
    units = units or ("",) * len(names)
    axes = zip(names, points, units, kernels, strict=True)
    return [text for text in (doubt_units(*axis) for axis in axes) if text]


def doubt_shape(points, signal, kernel, noise_std=np.nan):
    """Return in words what no signal of a kernel does, or None.

    `points` (n_points,) need no order; `signal` (n_points,) is real.
    """
    order = np.argsort(points, kind="stable")
    x, y = points[order], signal[order]
    size = np.abs(y).max(initial=0.0)
    if not 0 < size < 1e150:
        return None
    if kernel == "T1-IR":
        return _fall(y, size)
    if kernel not in _FALLING or y.size < 4:
        return None
    grows = _growth(x, y, size, kernel)
    if grows:
        return grows
    if not noise_std > 0:
        return None
    off = y - isotonic_regression(y, increasing=False).x
    level = np.sqrt(np.mean(off**2))
    if level <= max(_SIGMA * noise_std, _SHARE * size):
        return None
    rise = int(np.argmax(np.diff(y)))
    return (
        f"no simple decay: the signal rises from {y[rise]:.3g} at {x[rise]:.3g} to "
        f"{y[rise + 1]:.3g} at {x[rise + 1]:.3g}; it is {level:.3g} from any signal "
        f"that only falls, the noise is {noise_std:.3g}"
    )


def _fall(y, size):
    """Return in words that a recovery falls from its first point to its last."""
    if min(y[0], -y[-1]) <= _CLEAR * size:
        return None
    return (
        f"the signal falls from {y[0]:.3g} to {y[-1]:.3g} along TI, but an inversion "
        "recovery rises; turn its sign"
    )


def _growth(x, y, size, kernel):
    """Return in words that a signal grows from its first points to its last."""
    count = min(_ENDS, max(1, y.size // 4))
    first, last = y[:count], y[-count:]
    scatter = np.abs(np.diff(y)).mean() if y.size > 2 else 0.0
    step = last.mean() - first.mean()
    if step <= max(0.1 * size, 3.0 * scatter / np.sqrt(count)):
        return None
    return (
        f"the signal grows from {first.mean():.3g} near {x[0]:.3g} to "
        f"{last.mean():.3g} near {x[-1]:.3g}, but {kernel} decays; is it a recovery "
        "(T1-IR, T1-SR)?"
    )
