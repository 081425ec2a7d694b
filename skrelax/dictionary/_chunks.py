"""Signals read by chunks, and the amplitudes of atoms in them."""

import numpy as np

from ..utils._scaling import centre_rows

# Signals of these dtypes are read as they are.
_PRECISIONS = tuple(map(np.dtype, ("f4", "f8", "c8", "c16")))


def is_lazy(X):
    """Return whether X is better read by chunks: on disk, or not computed yet."""
    return isinstance(X, np.memmap) or hasattr(X, "chunks")


def usable_rows(signals):
    """Return whether each row is finite and not constant, (n_signals,)."""
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(signals.sum(axis=1))
        return finite & (signals != signals[:, :1]).any(axis=1)


def read_chunk(chunk, real):
    """Return a chunk in the dtype `real`, or its complex one, and exponents taken out.

    Unusable rows are set to 0.
    """
    chunk = np.asarray(chunk)
    dtype = np.result_type(real, np.complex64) if np.iscomplexobj(chunk) else real
    if chunk.dtype not in _PRECISIONS:
        chunk = chunk.astype(np.result_type(chunk.dtype, np.float64))
    chunk, exponents = centre_rows(chunk, real)
    chunk = chunk.astype(dtype, copy=False)
    usable = usable_rows(chunk)
    if not usable.all():
        chunk = np.where(usable[:, None], chunk, 0)
    return chunk, exponents


def amplitudes(products, found, exponents, norms):
    """Return the amplitude of atoms `found` in signals times 2**exponents.

    `norms` of all atoms are (mantissas, exponents). NaN where there is no match, or the
    amplitude is beyond the dtype.
    """
    mantissas, norm_exponents = (part[found] for part in norms)
    shift = exponents - norm_exponents
    top = products[:, 0]
    if products.shape[1] == 2:
        top = top + 1j * products[:, 1]
    quotients = np.ascontiguousarray(top / mantissas)
    parts = quotients.view(quotients.real.dtype).reshape(found.size, -1)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.ldexp(parts, shift[:, None])
    lost = (found < 0) | ~np.isfinite(scaled).all(axis=1)
    lost |= (parts != 0).any(axis=1) & (scaled == 0).all(axis=1)
    scaled[lost] = np.nan
    return scaled.view(quotients.dtype)[:, 0]
