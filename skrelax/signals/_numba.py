"""Compiled extended phase graphs; plain NumPy twins stand in the tests.

States are Fourier orders of the magnetisation in units of the dephasing per half echo
spacing (spin echo) or per repetition (gradient echo): M. Weigel, J. Magn. Reson.
Imaging 41 (2015) 266, https://doi.org/10.1002/jmri.24619.

Atoms are propagated in blocks of LANES, the innermost index of every array, so that the
loops over lanes run on vector registers in the precision of `out`. Constants are never
written inside these loops: a Python float would widen float32 to float64.
"""

import numpy as np
from numba import njit

LANES = 16

# Fused multiply-adds: an echo train takes 15-20 % less time. NaN keeps its meaning.
_FUSED = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FUSED)
def cpmg_train(t2, t1, b1, flips, excitation, first, spacing, state, lane, out):
    """Write the echoes of CPMG trains into out (n_atoms, n_echoes).

    flips (n_echoes,) and excitation in radians; first and spacing are the time of the
    first echo and from echo to echo; state (3, n_echoes // 2 + 2, LANES) and lane
    (10, LANES) are workspaces of the dtype of out.

    Only odd orders at a pulse reach an echo, and recovery feeds even ones: so
    recovery drops out, state j stands for order 2 j + 1, and orders beyond the echoes
    that are left are skipped. With pulses along the magnetisation F is real and Z
    imaginary.
    """
    n, n_echoes = out.shape
    fp, fm, z = state[0], state[1], state[2]
    e1, e2, h, c2, s2, sa, ca, hs, nh, scale = (
        lane[0], lane[1], lane[2], lane[3], lane[4],
        lane[5], lane[6], lane[7], lane[8], lane[9],
    )  # fmt: skip
    whole = 0.5 * (first + spacing)
    for start in range(0, n, LANES):
        state[:] = 0
        for i in range(LANES):
            a = min(start + i, n - 1)
            scale[i] = b1[a]
            h[i] = np.exp(-0.5 * first / t2[a])
            nh[i] = np.exp(-0.5 * spacing / t2[a])
            e1[i] = np.exp(-whole / t1[a])
            e2[i] = h[i] * nh[i]
            fp[0, i] = np.sin(excitation * scale[i]) * h[i]
        for p in range(n_echoes):
            if p == 0 or flips[p] != flips[p - 1]:
                for i in range(LANES):
                    angle = flips[p] * scale[i]
                    cosine = np.cos(angle)
                    ca[i] = cosine
                    sa[i] = np.sin(angle)
                    hs[i] = 0.5 * sa[i]
                    c2[i] = 0.5 * (1.0 + cosine)
                    s2[i] = 0.5 * (1.0 - cosine)
            for j in range(min(p, n_echoes - 1 - p) + 1):
                for i in range(LANES):
                    x, y, w = fp[j, i], fm[j, i], z[j, i]
                    fp[j, i] = c2[i] * x + s2[i] * y + sa[i] * w
                    fm[j, i] = s2[i] * x + c2[i] * y - sa[i] * w
                    z[j, i] = hs[i] * (y - x) + ca[i] * w
            for i in range(min(LANES, n - start)):
                out[start + i, p] = fm[0, i] * h[i]
            if p == n_echoes - 1:
                continue
            top = min(p + 1, n_echoes - 2 - p)
            for j in range(top, 0, -1):
                for i in range(LANES):
                    fp[j, i] = fp[j - 1, i] * e2[i]
            for i in range(LANES):
                fp[0, i] = fm[0, i] * e2[i]
            for j in range(top + 1):
                for i in range(LANES):
                    fm[j, i] = fm[j + 1, i] * e2[i]
                    z[j, i] = z[j, i] * e1[i]
            if p == 0:
                # From the second pulse on all intervals are equal.
                for i in range(LANES):
                    a = min(start + i, n - 1)
                    h[i] = nh[i]
                    e2[i] = nh[i] * nh[i]
                    e1[i] = np.exp(-spacing / t1[a])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FUSED)
def cpmg_train_derivatives(
    t2, t1, b1, flips, excitation, first, spacing, state, out, slopes
):
    """Write echoes and their derivatives by T2, T1 and B1, slopes (3, n, n_echoes).

    The recursion of cpmg_train, one atom at a time, with a tangent for each
    parameter: state (4, 3, n_echoes // 2 + 2) holds the value and the tangents.
    """
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


@njit(cache=True, nogil=True, error_model="numpy")
def echo_train(
    t2, t1, b1, flips, phases, excitation, first, spacing, state, out
):  # fmt: skip
    """Write the complex echoes of trains with any phases into out (n_atoms, n_echoes).

    As cpmg_train, with phases (n_echoes,) of the pulses in radians relative to the
    magnetisation after the excitation; state (3, n_echoes // 2 + 2) is complex.
    """
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FUSED)
def gradient_echo_train(
    t1,
    t2,
    b1,
    flips,
    repetition,
    echo,
    inversion,
    efficiency,
    n_states,
    state,
    lane,
    out,
):
    """Write the echoes of unbalanced gradient echo trains into out (n_atoms, n_pulses).

    flips in radians, repetition and echo times per pulse, (n_pulses,); inversion is
    the time from a perfectly spoiled inversion pulse to the first pulse, negative for
    none. At most n_states orders are kept. state (3, n_states + 1, LANES) and lane
    (11, LANES) are workspaces of the dtype of out.

    All pulses have one axis, so F is imaginary (stored without its unit) and Z real.
    """
    n, n_pulses = out.shape
    fp, fm, z = state[0], state[1], state[2]
    e1, e2, h, c2, s2, sa, ca, hs, scale, one, rest = (
        lane[0], lane[1], lane[2], lane[3], lane[4], lane[5],
        lane[6], lane[7], lane[8], lane[9], lane[10],
    )  # fmt: skip
    for start in range(0, n, LANES):
        state[:] = 0
        for i in range(LANES):
            a = min(start + i, n - 1)
            scale[i] = b1[a]
            one[i] = 1.0
            z[0, i] = 1.0
            if inversion >= 0:
                z[0, i] = 1.0 - (1.0 + efficiency) * np.exp(-inversion / t1[a])
        for p in range(n_pulses):
            if p == 0 or flips[p] != flips[p - 1]:
                for i in range(LANES):
                    angle = flips[p] * scale[i]
                    cosine = np.cos(angle)
                    ca[i] = cosine
                    sa[i] = np.sin(angle)
                    hs[i] = 0.5 * sa[i]
                    c2[i] = 0.5 * (1.0 + cosine)
                    s2[i] = 0.5 * (1.0 - cosine)
            if p == 0 or repetition[p] != repetition[p - 1]:
                for i in range(LANES):
                    a = min(start + i, n - 1)
                    e1[i] = np.exp(-repetition[p] / t1[a])
                    e2[i] = np.exp(-repetition[p] / t2[a])
                    rest[i] = one[i] - e1[i]
            if p == 0 or echo[p] != echo[p - 1]:
                for i in range(LANES):
                    h[i] = np.exp(-echo[p] / t2[min(start + i, n - 1)])
            # An order above the pulses that are left cannot come back to an echo.
            count = min(p + 1, n_pulses - p, n_states)
            for j in range(count):
                for i in range(LANES):
                    x, y, w = fp[j, i], fm[j, i], z[j, i]
                    fp[j, i] = c2[i] * x - s2[i] * y + sa[i] * w
                    fm[j, i] = c2[i] * y - s2[i] * x + sa[i] * w
                    z[j, i] = ca[i] * w - hs[i] * (x + y)
            for i in range(min(LANES, n - start)):
                out[start + i, p] = fp[0, i] * h[i]
            for j in range(min(count, n_states - 1), 0, -1):
                for i in range(LANES):
                    fp[j, i] = fp[j - 1, i] * e2[i]
            for j in range(count):
                for i in range(LANES):
                    fm[j, i] = fm[j + 1, i] * e2[i]
                    z[j, i] = z[j, i] * e1[i]
            for i in range(LANES):
                fp[0, i] = fm[0, i]
                z[0, i] += rest[i]
