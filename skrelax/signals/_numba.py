"""Compiled extended phase graphs; plain NumPy twins stand in the tests.

States are Fourier orders of the magnetisation in units of the dephasing per half echo
spacing (spin echo) or per repetition (gradient echo): M. Weigel, J. Magn. Reson.
Imaging 41 (2015) 266, https://doi.org/10.1002/jmri.24619.

Atoms are propagated in blocks of LANES, the innermost index of every array, so that the
loops over lanes run on vector registers in the precision of `out`. Constants are never
written inside the loops over orders: a Python float would widen float32 to float64.
F+ lies in a workspace whose origin moves down by one row per pulse, F- in one whose
origin moves up: that is the shift of the orders, without a copy.
"""

from typing import NamedTuple

import numpy as np

from ..utils._compiled import compiled

# Before each loop over lanes the compiled code makes sure that its arrays do not
# overlap: with 16 lanes a train takes four times as long as with 64.
LANES = 64

# Fused multiply-adds. NaN keeps its meaning.
_FUSED = {"contract", "nsz"}


class SpinEchoes(NamedTuple):
    """A train of spin echoes."""

    flips: np.ndarray
    """Angles of the refocusing pulses in radians, (n_echoes,)."""
    phases: np.ndarray
    """Their phases relative to the magnetisation after the excitation, (n_echoes,)."""
    excitation: float
    """Angle of the excitation in radians."""
    first: float
    """Time of the first echo [s]."""
    spacing: float
    """Time from echo to echo [s]."""


class GradientEchoes(NamedTuple):
    """A train of unbalanced gradient echoes."""

    flips: np.ndarray
    """Angles of the pulses in radians, (n_pulses,)."""
    repetition: np.ndarray
    """Times to the next pulse [s], (n_pulses,)."""
    echo: np.ndarray
    """Times from pulse to echo [s], (n_pulses,)."""
    inversion: float
    """Time from a perfectly spoiled inversion to the first pulse, < 0 for none [s]."""
    efficiency: float
    """What the inversion does to a magnetisation of 1."""


@compiled(fastmath=_FUSED, allocates=True)
def cpmg_train(t1, t2, b1, train, state, lane, out):
    """Write the echoes of CPMG trains into out (n_atoms, n_echoes).

    t1 and t2 [s] and the factor b1 on all angles are (n_atoms,). The phases are 0.
    state (3, n_echoes + 1, LANES) and lane (13, LANES) are workspaces of the dtype of
    out.

    Only odd orders at a pulse reach an echo, and recovery feeds even ones: so
    recovery drops out, state j stands for order 2 j + 1, and orders beyond the echoes
    that are left are skipped. With pulses along the magnetisation F is real and Z
    imaginary.
    """
    flips, _, excitation, first, spacing = train
    n, n_echoes = out.shape
    up, down, z = state[0], state[1], state[2]
    # Elements of the rotation: bare ones give the echo, those with the decay until
    # the next pulse (in capitals) the states.
    e1, e2, h, rest = lane[0], lane[1], lane[2], lane[3]
    c2, s2, sa, echo = lane[4], lane[5], lane[6], lane[7]
    C2, S2, SA, CA, HS = lane[8], lane[9], lane[10], lane[11], lane[12]
    for start in range(0, n, LANES):
        down[:] = 0
        z[:] = 0
        for i in range(LANES):
            a = min(start + i, n - 1)
            h[i] = np.exp(-0.5 * first / t2[a])
            rest[i] = np.exp(-0.5 * spacing / t2[a])
            e1[i] = np.exp(-0.5 * (first + spacing) / t1[a])
            e2[i] = h[i] * rest[i]
            up[n_echoes, i] = np.sin(excitation * b1[a]) * h[i]
        for p in range(n_echoes):
            # Intervals are equal from the second pulse on.
            if p < 2 or flips[p] != flips[p - 1]:
                for i in range(LANES):
                    angle = flips[p] * b1[min(start + i, n - 1)]
                    cosine = np.cos(angle)
                    sine = np.sin(angle)
                    c2[i] = 0.5 * (1.0 + cosine)
                    s2[i] = 0.5 * (1.0 - cosine)
                    sa[i] = sine
                    C2[i] = c2[i] * e2[i]
                    S2[i] = s2[i] * e2[i]
                    SA[i] = sine * e2[i]
                    CA[i] = cosine * e1[i]
                    HS[i] = 0.5 * sine * e1[i]
            f, g, w = up[n_echoes - p], down[p], z[0]
            for i in range(LANES):
                echo[i] = h[i] * (s2[i] * f[i] + c2[i] * g[i] - sa[i] * w[i])
            for i in range(min(LANES, n - start)):
                out[start + i, p] = echo[i]
            if p == n_echoes - 1:
                continue
            for j in range(min(p, n_echoes - 1 - p) + 1):
                f, g, w = up[n_echoes - p + j], down[p + j], z[j]
                for i in range(LANES):
                    x, y, v = f[i], g[i], w[i]
                    f[i] = C2[i] * x + S2[i] * y + SA[i] * v
                    g[i] = S2[i] * x + C2[i] * y - SA[i] * v
                    w[i] = HS[i] * (y - x) + CA[i] * v
            # The echo goes on as the lowest order.
            up[n_echoes - p - 1] = down[p]
            if p == 0:
                for i in range(LANES):
                    h[i] = rest[i]
                    e2[i] = rest[i] * rest[i]
                    e1[i] = np.exp(-spacing / t1[min(start + i, n - 1)])


@compiled(fastmath=_FUSED)
def cpmg_train_derivatives(t1, t2, b1, train, state, out, slopes):
    """Write echoes and their derivatives by T2, T1 and B1, slopes (3, n, n_echoes).

    The recursion of cpmg_train, one atom at a time, with a tangent for each
    parameter: state (4, 3, n_echoes // 2 + 2) holds the value and the tangents.
    """
    flips, _, excitation, first, spacing = train
    n, n_echoes = out.shape
    for a in range(n):
        state[:] = 0
        fp, fm, z = state[:, 0], state[:, 1], state[:, 2]
        halves = (0.5 * first, 0.5 * spacing)
        h = np.exp(-halves[0] / t2[a])
        dh = h * halves[0] / t2[a] ** 2
        fp[0, 0] = np.sin(excitation * b1[a]) * h
        fp[1, 0] = np.sin(excitation * b1[a]) * dh
        fp[3, 0] = np.cos(excitation * b1[a]) * excitation * h
        for p in range(n_echoes):
            sa, ca = np.sin(flips[p] * b1[a]), np.cos(flips[p] * b1[a])
            c2, s2 = 0.5 * (1.0 + ca), 0.5 * (1.0 - ca)
            for j in range(min(p, n_echoes - 1 - p) + 1):
                turn = flips[p] * (0.5 * sa * (fm[0, j] - fp[0, j]) + ca * z[0, j])
                tilt = flips[p] * (0.5 * ca * (fm[0, j] - fp[0, j]) - sa * z[0, j])
                for q in range(4):
                    x, y, w = fp[q, j], fm[q, j], z[q, j]
                    fp[q, j] = c2 * x + s2 * y + sa * w
                    fm[q, j] = s2 * x + c2 * y - sa * w
                    z[q, j] = 0.5 * sa * (y - x) + ca * w
                fp[3, j] += turn
                fm[3, j] -= turn
                z[3, j] += tilt
            half = halves[min(p, 1)]
            h = np.exp(-half / t2[a])
            dh = h * half / t2[a] ** 2
            out[a, p] = fm[0, 0] * h
            for q in range(3):
                slopes[q, a, p] = fm[q + 1, 0] * h
            slopes[0, a, p] += fm[0, 0] * dh
            if p == n_echoes - 1:
                continue
            whole = half + halves[1]
            e1, e2 = np.exp(-whole / t1[a]), np.exp(-whole / t2[a])
            d1, d2 = e1 * whole / t1[a] ** 2, e2 * whole / t2[a] ** 2
            top = min(p + 1, n_echoes - 2 - p)
            # Tangents first: they read the values before these decay.
            for q in range(3, -1, -1):
                by_t2 = d2 if q == 1 else 0.0
                by_t1 = d1 if q == 2 else 0.0
                for j in range(top, 0, -1):
                    fp[q, j] = fp[q, j - 1] * e2 + fp[0, j - 1] * by_t2
                fp[q, 0] = fm[q, 0] * e2 + fm[0, 0] * by_t2
                for j in range(top + 1):
                    fm[q, j] = fm[q, j + 1] * e2 + fm[0, j + 1] * by_t2
                    z[q, j] = z[q, j] * e1 + z[0, j] * by_t1


@compiled
def echo_train(t1, t2, b1, train, state, out):
    """Write the complex echoes of trains with any phases into out (n_atoms, n_echoes).

    state (3, n_echoes // 2 + 2) is a complex workspace.
    """
    flips, phases, excitation, first, spacing = train
    n, n_echoes = out.shape
    fp, fm, z = state[0], state[1], state[2]
    for a in range(n):
        state[:] = 0
        half = 0.5 * first
        fp[0] = np.sin(excitation * b1[a]) * np.exp(-half / t2[a])
        for p in range(n_echoes):
            angle = flips[p] * b1[a]
            sa, ca = np.sin(angle), np.cos(angle)
            c2, s2 = 0.5 * (1.0 + ca), 0.5 * (1.0 - ca)
            turn = complex(np.cos(phases[p]), np.sin(phases[p]))
            back = turn.conjugate()
            for j in range(min(p, n_echoes - 1 - p) + 1):
                x, y, w = fp[j], fm[j], z[j]
                fp[j] = c2 * x + turn * turn * s2 * y - 1j * turn * sa * w
                fm[j] = back * back * s2 * x + c2 * y + 1j * back * sa * w
                z[j] = 0.5j * sa * (turn * y - back * x) + ca * w
            if p > 0:
                half = 0.5 * spacing
            out[a, p] = fm[0].conjugate() * np.exp(-half / t2[a])
            if p == n_echoes - 1:
                continue
            whole = half + 0.5 * spacing
            e1, e2 = np.exp(-whole / t1[a]), np.exp(-whole / t2[a])
            top = min(p + 1, n_echoes - 2 - p)
            for j in range(top, 0, -1):
                fp[j] = fp[j - 1] * e2
            fp[0] = fm[0].conjugate() * e2
            for j in range(top + 1):
                fm[j] = fm[j + 1] * e2
                z[j] = z[j] * e1


@compiled(fastmath=_FUSED, allocates=True)
def gradient_echo_train(t1, t2, b1, train, n_states, state, lane, out):
    """Write the echoes of unbalanced gradient echo trains into out (n_atoms, n_pulses).

    At most n_states orders are kept. state (3, n_pulses + n_states + 1, LANES) and lane
    (15, LANES) are workspaces of the dtype of out.

    All pulses have one axis, so F is imaginary (stored without its unit) and Z real.
    """
    flips, repetition, echo, inversion, efficiency = train
    n, n_pulses = out.shape
    up, down, z = state[0], state[1], state[2]
    e1, e2, h, gain = lane[0], lane[1], lane[2], lane[3]
    c2, s2, sa, value = lane[4], lane[5], lane[6], lane[7]
    C2, S2, SA, CA, HS = lane[8], lane[9], lane[10], lane[11], lane[12]
    cosine, sine = lane[13], lane[14]
    for start in range(0, n, LANES):
        up[n_pulses] = 0
        down[:] = 0
        z[:] = 0
        for i in range(LANES):
            z[0, i] = 1.0
            if inversion >= 0:
                a = min(start + i, n - 1)
                z[0, i] = 1.0 - efficiency * np.exp(-inversion / t1[a])
        for p in range(n_pulses):
            new_flip = p == 0 or flips[p] != flips[p - 1]
            new_interval = p == 0 or repetition[p] != repetition[p - 1]
            if new_flip:
                for i in range(LANES):
                    angle = flips[p] * b1[min(start + i, n - 1)]
                    cosine[i] = np.cos(angle)
                    sine[i] = np.sin(angle)
                    c2[i] = 0.5 * (1.0 + cosine[i])
                    s2[i] = 0.5 * (1.0 - cosine[i])
                    sa[i] = sine[i]
            if new_interval:
                for i in range(LANES):
                    a = min(start + i, n - 1)
                    e1[i] = np.exp(-repetition[p] / t1[a])
                    e2[i] = np.exp(-repetition[p] / t2[a])
                    gain[i] = 1.0 - e1[i]
            if new_flip or new_interval:
                for i in range(LANES):
                    C2[i] = c2[i] * e2[i]
                    S2[i] = s2[i] * e2[i]
                    SA[i] = sa[i] * e2[i]
                    CA[i] = cosine[i] * e1[i]
                    HS[i] = 0.5 * sine[i] * e1[i]
            if p == 0 or echo[p] != echo[p - 1]:
                for i in range(LANES):
                    h[i] = np.exp(-echo[p] / t2[min(start + i, n - 1)])
            f, g, w = up[n_pulses - p], down[p], z[0]
            for i in range(LANES):
                value[i] = h[i] * (c2[i] * f[i] - s2[i] * g[i] + sa[i] * w[i])
            for i in range(min(LANES, n - start)):
                out[start + i, p] = value[i]
            # An order above the pulses that are left cannot come back to an echo.
            for j in range(min(p + 1, n_pulses - p, n_states)):
                f, g, w = up[n_pulses - p + j], down[p + j], z[j]
                for i in range(LANES):
                    x, y, v = f[i], g[i], w[i]
                    f[i] = C2[i] * x - S2[i] * y + SA[i] * v
                    g[i] = C2[i] * y - S2[i] * x + SA[i] * v
                    w[i] = CA[i] * v - HS[i] * (x + y)
            for i in range(LANES):
                z[0, i] += gain[i]
            up[n_pulses - p - 1] = down[p + 1]
