"""Tell of signals that a fit explains nothing of, or by what no point sees."""

from dataclasses import dataclass, field

import numpy as np

from ..utils._sklearn import fits_a_fold
from ..utils._warnings import (
    give_warning,
    hold_report,
    reports_are_held,
    warning_of_signals,
)

# A fit that takes less than this share off the sum of squares explains nothing,
_NOTHING = 0.01
# of a signal that correlates with some bin by more than this, and with few points
# by so much that their noise does hardly ever: r^2 m / (1 - r^2) of more than ten.
_CLEAR = 0.5
_SIGNIFICANT = 10.0
# Relative mean square below which what is left beside a constant is rounding.
_ROUNDING = 1e-24
# Bins are hidden whose largest response is below this share of that of others,
_HIDDEN = 0.135
# and are told of where they hold more than this share of the amplitude.
_MUCH = 0.1
# Signals are looked at in blocks of about this many values.
_BLOCK_VALUES = 500_000


@dataclass
class Unexplained:
    """Signals that a fit explains nothing of, (number, reason) each."""

    n_signals: int
    found: list = field(default_factory=list)

    def extend(self, other, signals):
        """Add what was found in some of the signals."""
        self.found += [(int(signals[number]), why) for number, why in other.found]

    def warn(self):
        """Give one warning, if there is something to tell."""
        # Candidates of a search may well explain nothing: the last fit tells of it.
        if not self.found or fits_a_fold():
            return
        number, why = min(self.found)
        which = "the signal" if self.n_signals == 1 else f"signal {number}, the first"
        alone = {
            other: _text(1, 1, "the signal", reason) for other, reason in self.found
        }
        text = _text(len(self.found), self.n_signals, which, why)
        give_warning(warning_of_signals(text, alone, self.n_signals))


def _text(n_found, n_signals, which, why):
    """Return what is told of signals that are not explained."""
    return (
        f"the distributions explain less than {_NOTHING:.0%} of {n_found} of "
        f"{n_signals} signals; of {which}: {why}."
    )


def report_unexplained(rows, F, alphas, positive):
    """Warn once of all signals that distributions F (q, n_bins) do not explain.

    Noise without a signal and zeros are not told of: there is nothing to explain.
    """
    report = Unexplained(len(F))
    step = max(1, _BLOCK_VALUES // F.shape[1])
    for start in range(0, len(F), step):
        block = slice(start, start + step)
        S, rest = rows.S[block], rows.residuals(block, F[block])
        total = np.einsum("ij,ij->i", S, S)
        left = np.einsum("ij,ij->i", rest, rest)
        raw = total + rows.extra[block]
        told = left + rows.extra[block] > (1.0 - _NOTHING) * raw
        told &= raw > _ROUNDING * rows.signal_mean[block] ** 2
        for k in np.flatnonzero(told):
            why = _reason(rows, start + k, raw[k], alphas[start + k], positive)
            if why:
                report.found.append((start + k, why))
    if not hold_report(report):
        report.warn()


def _reason(rows, k, square, alpha, positive):
    """Return why a signal is not explained, or None where there may be none."""
    gradient = rows.AT @ rows.S[k]
    norms = np.sqrt(np.einsum("ij,ij->i", rows.AT, rows.AT))
    if not norms.any():
        return "the kernel is zero at all points" if not rows.centred else None
    match = np.divide(
        gradient, norms * np.sqrt(square), out=np.zeros_like(norms), where=norms > 0
    )
    if not positive:
        match = np.abs(match)
        gradient = np.abs(gradient)
    clear = max(_CLEAR, np.sqrt(_SIGNIFICANT / (_SIGNIFICANT + rows.AT.shape[1])))
    if match.max() > clear:
        top = gradient.max()
        if alpha >= top:
            return f"alpha={alpha:.3g} is not below {top:.3g}, from where all is zero"
        return f"the penalties are too strong (alpha={alpha:.3g})"
    if match.min() < -clear:
        return (
            "its sign is opposite to the kernel's (correlations with the bins from "
            f"{match.min():.2f} to {match.max():.2f}); change the sign, or take "
            "positive=False"
        )
    return None


def report_hidden(X, weight, F):
    """Warn of amplitude of distributions F (q, n_bins) that hardly any point sees.

    X (n_points, n_bins) is the kernel, weight that of its points or None.
    """
    if reports_are_held() or fits_a_fold():
        return
    seen = X if weight is None else X[weight > 0]
    response = np.maximum(seen.max(axis=0), -seen.min(axis=0))
    hidden = response < _HIDDEN * response.max()
    if not hidden.any():
        return
    amplitude = np.abs(F)
    whole = amplitude.sum(axis=1)
    part = amplitude[:, hidden].sum(axis=1)
    told = np.flatnonzero(part > _MUCH * whole)
    if not told.size:
        return
    shares = part[told] / whole[told]

    def text(count, total, share):
        return (
            f"of {count} of {total} distributions {share:.0%} of the amplitude lies in "
            f"bins of which no point sees more than {_HIDDEN:.0%} of what is seen of "
            "others, such as times below the first one: it is noise, amplified. Take "
            "a grid without them (`minimum` of a KernelBuilder), or measure earlier."
        )

    alone = {int(k): text(1, 1, share) for k, share in zip(told, shares, strict=True)}
    message = text(told.size, len(F), shares.max())
    give_warning(warning_of_signals(message, alone, len(F)))
