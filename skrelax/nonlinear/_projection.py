"""Amplitudes eliminated from many fits at once, whatever their number.

Fits are the last axis: signals y (C, N, m) of C channels, basis (L, N, m) for L
amplitudes. All sums run over rows, so the result of a fit does not depend on the others
that it is computed with.
"""

import itertools
from dataclasses import dataclass, fields

import numpy as np

# A column whose part outside of the others is smaller than this is one of them.
_DEPENDENT = 1e-8
# The same for the smallest eigenvalue of J'J with columns of unit length.
_SINGULAR = 1e-13


@dataclass
class Projection:
    """Signals projected on the basis of each fit.

    basis (L, N, m) = Q R with Q (L, N, m) and R (L, L, m), zero where an amplitude is
    held at zero; coef (L, C, m), residual (C, N, m), value (m,) its sum of squares;
    signs (N, m) of the points, or None.
    """

    basis: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    coef: np.ndarray
    residual: np.ndarray
    value: np.ndarray
    signs: np.ndarray | None

    def take(self, chosen):
        """Return the projection of some of the fits."""
        parts = (getattr(self, one.name) for one in fields(self))
        return Projection(
            *(None if part is None else part[..., chosen] for part in parts)
        )


def orthonormalize(basis):
    """Return Q (L, N, m) and R (L, L, m), zero for columns that depend on others."""
    n_amplitudes, _, m = basis.shape
    Q = np.zeros_like(basis)
    R = np.zeros((n_amplitudes, n_amplitudes, m))
    for k in range(n_amplitudes):
        rest = basis[k]
        size = np.sqrt((rest**2).sum(axis=0))
        # Twice is enough against rounding.
        for _ in range(2 if k else 0):
            for j in range(k):
                part = (Q[j] * rest).sum(axis=0)
                R[j, k] += part
                rest = rest - part * Q[j]
        left = np.sqrt((rest**2).sum(axis=0)) if k else size
        R[k, k] = np.where(left > _DEPENDENT * size, left, 0.0)
        Q[k] = rest / np.where(R[k, k] > 0.0, R[k, k], np.inf)
    return Q, R


def project(basis, y, restricted, signs=None):
    """Return the Projection of y on a basis.

    Amplitudes where `restricted` (L,) is true are not negative in real data. With
    `signs` (N, m), y are magnitudes: the signs are changed until they are those of
    the model, which lowers the sum of squares each time.
    """
    found = _project_signed(basis, y if signs is None else y * signs, restricted)
    if signs is None:
        return found
    found.signs = signs.copy()
    changed = np.arange(y.shape[2])
    for _ in range(y.shape[1]):
        part = found.take(changed)
        model = part.signs * y[0][:, changed] - part.residual[0]
        turned = model * part.signs < 0.0
        again = turned.any(axis=0)
        if not again.any():
            break
        changed = changed[again]
        signs = np.where(turned, -part.signs, part.signs)[:, again]
        part = _project_signed(
            basis[:, :, changed], y[:, :, changed] * signs, restricted
        )
        part.signs = signs
        for one in fields(part):
            getattr(found, one.name)[..., changed] = getattr(part, one.name)
    return found


def _project_signed(basis, y, restricted):
    """Return the Projection of signed signals."""
    found = _project_freely(basis, y)
    if y.shape[0] > 1 or not restricted.any():
        return found
    wrong = np.flatnonzero((found.coef[restricted, 0] < 0.0).any(axis=0))
    if wrong.size == 0:
        return found
    y, basis = y[:, :, wrong], basis[:, :, wrong]
    best = _project_freely(np.zeros_like(basis), y)
    # The best of all subsets of amplitudes that come out positive is the minimum.
    for support in supports(restricted)[1:]:
        part = _project_freely(basis * support[:, None, None], y)
        allowed = (part.coef[restricted, 0] >= 0.0).all(axis=0)
        better = allowed & (part.value < best.value)
        for one in fields(part)[:-1]:
            getattr(best, one.name)[..., better] = getattr(part, one.name)[..., better]
    for one in fields(best)[:-1]:
        getattr(found, one.name)[..., wrong] = getattr(best, one.name)
    return found


def supports(restricted):
    """Return which amplitudes may differ from zero, arrays (L,), all of them first."""
    choices = [(True, False) if one else (True,) for one in restricted]
    return [np.array(support) for support in itertools.product(*choices)]


def _project_freely(basis, y):
    Q, R = orthonormalize(basis)
    n_amplitudes = len(basis)
    coef = np.zeros((n_amplitudes, y.shape[0], y.shape[2]))
    residual = y.copy()
    for c in range(len(y)):
        for k in range(n_amplitudes):
            # One after the other, from what is left, as in modified Gram-Schmidt.
            coef[k, c] = (Q[k] * residual[c]).sum(axis=0)
            residual[c] -= coef[k, c] * Q[k]
    for k in range(n_amplitudes - 1, -1, -1):
        for j in range(k + 1, n_amplitudes):
            coef[k] -= R[k, j] * coef[j]
        coef[k] /= np.where(R[k, k] > 0.0, R[k, k], np.inf)
    value = (residual**2).sum(axis=(0, 1))
    return Projection(basis, Q, R, coef, residual, value, None)


def curvature(found, slopes):
    """Return the gradient (P, m) of the sum of squares and its approximate Hessian.

    `slopes` (P, L, N, m) are the derivatives of the basis. The Hessian (P, P, m) is
    2 J'J with the Jacobian J of Golub and Pereyra.
    """
    Q, R, coef, residual = found.Q, found.R, found.coef, found.residual
    n_parameters, n_amplitudes, _, m = slopes.shape
    gradient = np.zeros((n_parameters, m))
    hessian = np.zeros((n_parameters, n_parameters, m))
    for c in range(coef.shape[1]):
        outside, inside = [], []
        for slope in slopes:
            moved = (slope * coef[:, c, None, :]).sum(axis=0)
            gradient[len(outside)] -= 2.0 * (residual[c] * moved).sum(axis=0)
            for one in Q:
                moved = moved - (one * moved).sum(axis=0) * one
            outside.append(moved)
            # Forward substitution with R', zero where an amplitude is.
            turned = np.zeros((n_amplitudes, m))
            for k in range(n_amplitudes):
                part = (slope[k] * residual[c]).sum(axis=0)
                for j in range(k):
                    part = part - R[j, k] * turned[j]
                turned[k] = part / np.where(R[k, k] > 0.0, R[k, k], np.inf)
            inside.append(turned)
        for p in range(n_parameters):
            for q in range(p + 1):
                both = (outside[p] * outside[q]).sum(axis=0)
                both += (inside[p] * inside[q]).sum(axis=0)
                hessian[p, q] += 2.0 * both
                hessian[q, p] = hessian[p, q]
    return gradient, hessian


def covariance(found, slopes):
    """Return the inverse (m, L + P, L + P) of J'J for amplitudes and u, or nan.

    A common phase of complex amplitudes decouples from the other parameters, so their
    moduli stand for them, with a sign on the axis of the first one.
    """
    coef = found.coef
    amplitudes = coef[:, 0]
    if coef.shape[1] == 2:
        turn = (coef[0] * coef).sum(axis=1)
        amplitudes = np.hypot(coef[:, 0], coef[:, 1]) * np.where(turn < 0, -1.0, 1.0)
    moved = (slopes * amplitudes[:, None, :]).sum(axis=1)
    J = np.moveaxis(np.concatenate([found.basis, moved]), -1, 0)
    size = np.sqrt((J**2).sum(axis=2))
    there = (np.isfinite(size) & (size > 0.0)).all(axis=1)
    inverse = np.full((len(J), J.shape[1], J.shape[1]), np.nan)
    J = J[there] / size[there, :, None]
    values, vectors = np.linalg.eigh(J @ J.transpose(0, 2, 1))
    good = values[:, 0] > _SINGULAR
    where = np.flatnonzero(there)[good]
    vectors = vectors[good] / size[where][:, :, None]
    inverse[where] = (vectors / values[good][:, None, :]) @ vectors.transpose(0, 2, 1)
    return inverse
