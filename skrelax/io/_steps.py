"""Steps from what an instrument writes to signals that can be inverted."""

import numpy as np

from ._files import shown
from ._recording import Recording
from ._spinsolve import correct_phase

# What the imaginary channel may hold beyond noise, as a share of the signal.
_SETTLED = 0.05
# A recovery whose first point is this far below zero, of its last, was inverted.
_INVERTED = -0.1
# Points from which differences tell the noise.
_MANY = 16
# Median of the size of normal numbers of standard deviation 1.
_MEDIAN = 0.6744897501960817


def reduce_points(recording, average=True, region=None, phase="auto"):
    """Return the recording with one point for each echo or free decay.

    Echoes are averaged over their points, or, without `average`, the middle one is
    taken. Of free decays the integral of the spectrum over a region [Hz] is taken,
    divided by the number of its points; the whole spectrum has the first point as
    integral. A spectrum of which a part is taken is phased as a whole before where
    `phase` is "auto": the dispersion of lines beside it would turn the part.
    """
    inner = recording.inner
    if inner is None:
        if region is not None:
            raise ValueError(
                f"region is for free decays, got {shown(region)} for "
                f"{recording.format} signals of one point each."
            )
        return recording
    count, noise, removed = recording.signals.shape[-1], None, None
    if inner.kind == "echo":
        if region is not None:
            raise ValueError(f"region is for free decays, got {shown(region)}.")
        if average:
            signals = recording.signals.mean(axis=-1)
            note = f"{count} points of each echo averaged"
        else:
            signals = recording.signals[..., count // 2]
            note = f"point {count // 2 + 1} of the {count} of each echo"
    elif region is None:
        signals, noise = recording.signals[..., 0], _noise_of_tail(recording, count)
        note = f"integral over the whole spectrum of {count} points"
    else:
        signals, note, part = _integrate(recording, region)
        if phase == "auto":
            *_, removed = phase_signal(
                recording.signals[0, ..., 0], recording.points, recording.kernels
            )
            signals = signals * np.exp(-1j * np.deg2rad(removed))
        noise = 2.0 * np.sqrt(part) * _noise_of_tail(recording, count)
    return Recording(
        **vars(recording)
        | {
            "signals": signals,
            "inner": None,
            "notes": [*recording.notes, note],
            "noise_std": noise,
            "phase": removed,
        }
    )


def _integrate(recording, region):
    low, high = region
    signals, dwell = recording.signals, recording.inner.dwell
    count = signals.shape[-1]
    frequencies = np.fft.fftfreq(count, dwell)
    inside = (frequencies >= low) & (frequencies <= high)
    if not inside.any():
        raise ValueError(
            f"region must lie within the spectrum, from {frequencies.min():g} to "
            f"{frequencies.max():g} Hz, got {shown(region)}."
        )
    # Of a signal that starts at zero the transform takes half the first point, which
    # otherwise lies as a constant below the spectrum.
    first = np.where(np.arange(count) == 0, 0.5, 1.0)
    spectra = 2.0 * np.fft.fft(signals * first, axis=-1)
    note = (
        f"integral over {inside.sum()} of {count} points of the spectrum, {low:g} to "
        f"{high:g} Hz"
    )
    return spectra[..., inside].sum(axis=-1) / count, note, inside.sum() / count


def _noise_of_tail(recording, count):
    """Return the noise of one channel of one point, by the end of free decays."""
    tail = recording.signals[..., -max(2, count // 8) :]
    return float(np.sqrt(np.mean(np.abs(np.diff(tail, axis=-1)) ** 2) / 4.0))


def phase_signal(signal, points, kernels, phase="auto"):
    """Return real and imaginary channel and the phase that was removed [degrees].

    `signal` (n_1,) or (n_1, n_2) is complex. A recovery is positive at its last points
    on the first axis, all others by their sum.
    """
    if phase is None:
        return signal.real, signal.imag, 0.0
    if phase != "auto":
        rotated = signal * np.exp(-1j * np.deg2rad(phase))
        return rotated.real, rotated.imag, phase
    real, imaginary, found = correct_phase(signal)
    if signal.ndim == 1 and _recovers(kernels):
        last = np.argsort(points[0], kind="stable")[-max(1, signal.size // 8) :]
        if real[last].mean() < 0:
            real, imaginary = -real, -imaginary
            found = found + 180.0 if found <= 0 else found - 180.0
    return real, imaginary, found


def _recovers(kernels):
    return kernels is not None and kernels[0].startswith("T1") and kernels[0] != "T1rho"


def noise_of(imaginary):
    """Return the noise level of an imaginary channel, (..., n_points).

    By the median of steps between neighbours: first echoes are out of phase, by far
    more than noise, and phases drift.
    """
    level = float(np.sqrt(np.mean(imaginary**2)))
    if imaginary.size < _MANY or imaginary.shape[-1] < 2:
        return level
    steps = np.abs(np.diff(imaginary, axis=-1)) / np.sqrt(2.0)
    return min(float(np.median(steps)) / _MEDIAN, level)


def _rest_of(imaginary):
    """Return the root mean square of what is not noise in an imaginary channel.

    Differences of neighbours see noise alone, and all of it.
    """
    square = np.mean(imaginary**2)
    if imaginary.shape[-1] >= _MANY:
        square -= np.mean(np.diff(imaginary, axis=-1) ** 2) / 2.0
    return float(np.sqrt(max(square, 0.0)))


def unsettled(signal, real, imaginary):
    """Return in words what one phase does not remove, or None."""
    size = np.abs(real).max(initial=0.0)
    rest = _rest_of(imaginary)
    few = imaginary.shape[-1] < _MANY
    if not size > 0 or rest <= _SETTLED * size:
        return None
    strong = np.abs(signal) > 0.3 * np.abs(signal).max()
    # Angles of what is strong, on the half turn that signs leave open.
    angles = np.rad2deg(np.angle(signal[strong] / (real + 1j * imaginary)[strong]))
    along = np.where(real == 0, size, real)[strong]
    spread = np.rad2deg(np.arctan(imaginary[strong] / along))
    return (
        "the phase does not settle: the imaginary channel holds "
        f"{100 * rest / size:.0f} % of the signal{' or noise' if few else ''} after "
        f"one phase of {angles[0]:.1f} degrees; points differ by {spread.min():.0f} to "
        f"{spread.max():.0f} degrees from it"
    )


def settle_recovery(kernels, names, signal):
    """Return kernels and names with T1 made inversion or saturation recovery.

    `signal` (n_1,) or (n_1, n_2) is real, its first axis in the order of delays.
    """
    if kernels is None or "T1" not in kernels:
        return kernels, names, None
    axis = kernels.index("T1")
    row = np.moveaxis(signal, axis, 0).reshape(signal.shape[axis], -1)[:, :1].ravel()
    inverted = row[0] < _INVERTED * np.abs(row).max()
    kernel, name = ("T1-IR", "TI") if inverted else ("T1-SR", "TS")
    kernels = tuple(kernel if one == "T1" else one for one in kernels)
    names = tuple(name if i == axis else one for i, one in enumerate(names))
    kind = "an inversion" if inverted else "a saturation"
    note = (
        f"{kind} recovery by its first point, {row[0]:.3g}, beside {row[-1]:.3g} at "
        "the end"
    )
    return kernels, names, note
