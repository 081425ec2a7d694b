"""Scans of a grid of one nonlinear parameter: where the global minimum may be.

NaN voxels are gone before these loops. Rows of arrays are indexed, not sliced: a slice
counts references, which costs more than the work here.
"""

import numpy as np

from ..utils._compiled import compiled
from ._numba_missing import energies_there, invert_pair, list_missing, take_row
from ._numba_types import FAST, WIDTH


@compiled(fastmath=FAST, allocates=True)
def scan_line(Y, energies, grid, margins, work, brackets, there):
    """Write brackets of the best nodes.

    energies (n, -(-G // stride)) are those of y / |y| at coarse nodes. All nodes are
    looked at around coarse nodes whose energy is a local maximum within a margin of the
    largest, or near it; their local maxima within another margin count.
    """
    Q, stride, near = grid.basis, grid.stride, grid.near
    acc, peak = work
    start, node = brackets.start, brackets.node
    n, n_channels, n_points = Y.shape
    n_nodes = grid.nodes.count
    n_coarse = energies.shape[1]
    total, part = np.empty(WIDTH), np.empty(WIDTH)
    w, sums = np.empty(n_points if there.shape[0] else 0), np.empty((5, WIDTH))
    missing, n_missing = np.empty(n_points + 1, np.int64), 0
    peak[:] = False
    eight = peak.view(np.uint64)
    # Positive floats are ordered like their bits, whose maximum LLVM finds by SIMD.
    bits = energies.view(np.int32)
    highest = np.empty(1, dtype=np.int32)
    best = highest.view(np.float32)
    for v in range(n):
        most = bits[v, 0]
        for m in range(n_coarse):
            most = max(most, bits[v, m])
        highest[0] = most
        _mark_peaks(energies, v, best[0] - np.float32(margins.coarse), peak)
        row = min(v, near.shape[0] - 1)
        for m in range(n_coarse):
            peak[m] = peak[m] | (energies[v, m] >= best[0] - near[row, m])
        take_row(there, v, w)
        n_missing = list_missing(w, missing)
        for k in range(node.shape[1]):
            node[v, k] = -1
        found = 0
        m = 0
        while m < n_coarse:
            if m % 8 == 0 and eight[m // 8] == 0:
                m += 8
                continue
            if not peak[m]:
                m += 1
                continue
            first = max(m - 1, 0) * stride
            while m < n_coarse - 1 and peak[m + 1]:
                m += 1
            last = min((m + 1) * stride, n_nodes - 1)
            m += 1
            for g in range(first, last + 1, WIDTH):
                if w.size > 0:
                    points = w, missing, n_missing
                    energies_there(Y, v, grid, points, g, sums, acc)
                    continue
                for j in range(WIDTH):
                    total[j] = 0.0
                for c in range(n_channels):
                    for k in range(Q.shape[0]):
                        for j in range(WIDTH):
                            part[j] = 0.0
                        for i in range(n_points):
                            y = Y[v, c, i]
                            for j in range(WIDTH):
                                part[j] += y * Q[k, i, g + j]
                        for j in range(WIDTH):
                            total[j] += part[j] * part[j]
                for j in range(WIDTH):
                    acc[g + j] = total[j]
            found = _take_peaks(acc, n_nodes, first, last, node, start, v, found)
        energy = 0.0
        for c in range(n_channels):
            for i in range(n_points):
                energy += Y[v, c, i] * Y[v, c, i]
        _bracket(acc, grid.nodes, margins.fine * energy, brackets, v, found)


@compiled
def _mark_peaks(energies, v, least, peak):
    """Mark local maxima of energies above least."""
    last = energies.shape[1] - 1
    # No branches, so that LLVM uses SIMD.
    for m in range(1, last):
        e = energies[v, m]
        peak[m] = (e >= energies[v, m - 1]) & (e > energies[v, m + 1]) & (e >= least)
    peak[0] = energies[v, 0] > energies[v, 1] and energies[v, 0] >= least
    peak[last] = energies[v, last] >= energies[v, last - 1]
    peak[last] = peak[last] and energies[v, last] >= least


@compiled
def _take_peaks(acc, n_nodes, first, last, node, value, v, found):
    """Insert local maxima of acc between two nodes, best first; return their number.

    The ends count where they are the ends of the grid. value[v] takes acc.
    """
    n_kept = node.shape[1]
    for g in range(first, last + 1):
        if (g == first and g > 0) or (g == last and g < n_nodes - 1):
            continue
        if g > first and acc[g - 1] > acc[g]:
            continue
        if g < last and acc[g + 1] >= acc[g]:
            continue
        k = min(found, n_kept - 1)
        if found >= n_kept and value[v, k] >= acc[g]:
            continue
        while k > 0 and value[v, k - 1] < acc[g]:
            node[v, k] = node[v, k - 1]
            value[v, k] = value[v, k - 1]
            k -= 1
        node[v, k] = g
        value[v, k] = acc[g]
        found = min(found + 1, n_kept)
    return found


@compiled
def _bracket(acc, nodes, margin, brackets, v, found):
    """Write the cells on both sides of the nodes found, while they are good enough.

    The starts hold the energies of the nodes and take where to start.
    """
    lo, hi, start, node, _ = brackets
    u0, h = nodes.origin, nodes.step
    least = start[v, 0] - margin
    for k in range(found):
        if start[v, k] < least:
            for m in range(k, found):
                node[v, m] = -1
            break
        g = node[v, k]
        shift = 0.0
        if 0 < g < nodes.count - 1:
            # The parabola through three energies is a better start than the node.
            curve = acc[g - 1] - 2.0 * acc[g] + acc[g + 1]
            if curve < 0.0:
                shift = 0.5 * (acc[g - 1] - acc[g + 1]) / curve
        start[v, k] = u0 + h * (g + shift)
        lo[v, k] = u0 + h * max(g - 1, 0)
        hi[v, k] = u0 + h * min(g + 1, nodes.count - 1)


@compiled(fastmath=FAST, allocates=True)
def scan_signs(Y, patterns, nodes, margins, work, brackets, there):
    """Scan magnitudes of a model with two amplitudes, over all polarities.

    The maxima of the energies of each pattern count, where the parabola through three
    nodes is within a margin of the best node: a pattern may be the best one nowhere but
    between two nodes.
    """
    runs, order, base, Q = patterns
    energies, peak = work
    u0, h = nodes.origin, nodes.step
    lo, hi, start, node, sign = brackets
    n, _, n_points = Y.shape
    n_nodes = Q.shape[2]
    y, p, q = np.empty(n_points), np.empty(n_nodes), np.empty(n_nodes)
    # Positive floats are ordered like their bits, whose maximum LLVM finds by SIMD.
    bits = energies.view(np.int64)
    highest = np.empty(1, dtype=np.int64)
    best = highest.view(np.float64)
    pattern = np.empty(node.shape[1], dtype=np.int64)
    w = np.empty(n_points if there.shape[0] else 0)
    inverse = np.empty((3, n_nodes if there.shape[0] else 0))
    peak[:] = False
    eight = peak.view(np.uint64)
    for v in range(n):
        take_row(there, v, w)
        energy = 0.0
        for i in range(n_points):
            energy += Y[v, 0, i] * Y[v, 0, i]
        for g in range(n_nodes):
            p[g], q[g] = 0.0, 0.0
        for r in range(runs.size - 1):
            for i in range(n_points):
                y[i] = Y[v, 0, order[r, i]] * base[r, i]
                for g in range(np.uint64(runs[r]), np.uint64(runs[r + 1])):
                    p[g] += y[i] * Q[0, i, g]
                    q[g] += y[i] * Q[1, i, g]
            if w.size > 0:
                _energies_of_run((energies, inverse), Q, runs, order, r, y, (p, q, w))
                continue
            for i in range(n_points):
                turned = -2.0 * y[i]
                for g in range(np.uint64(runs[r]), np.uint64(runs[r + 1])):
                    energies[i, g] = p[g] * p[g] + q[g] * q[g]
                    p[g] += turned * Q[0, i, g]
                    q[g] += turned * Q[1, i, g]
        most = bits[0, 0]
        for i in range(n_points):
            for g in range(n_nodes):
                most = max(most, bits[i, g])
        highest[0] = most
        rough = best[0] - margins.node * energy
        least = best[0] - margins.between * energy
        for k in range(node.shape[1]):
            node[v, k] = -1
        found = 0
        for i in range(n_points):
            _mark_peaks(energies, i, rough, peak)
            for r in range(1, runs.size - 1):
                # The neighbour in another run has another pattern.
                left, right = runs[r] - 1, runs[r]
                low = rough
                if left > runs[r - 1]:
                    low = max(low, energies[i, left - 1])
                peak[left] = energies[i, left] >= low
                low = rough
                if right < runs[r + 1] - 1:
                    low = max(low, energies[i, right + 1])
                peak[right] = energies[i, right] >= low
            for word in range(eight.size):
                if eight[word] == 0:
                    continue
                for g in range(8 * word, min(8 * word + 8, n_nodes)):
                    if peak[g]:
                        top = _height(energies, i, g, runs)
                        if top >= least:
                            found = _take_pattern(
                                top, i, g, brackets, pattern, v, found
                            )
        for k in range(found):
            g = node[v, k]
            r = 0
            while runs[r + 1] <= g:
                r += 1
            for i in range(n_points):
                s = -base[r, i] if i < pattern[k] else base[r, i]
                sign[v, k, order[r, i]] = s
            shift = 0.0
            if runs[r] < g < runs[r + 1] - 1:
                i = pattern[k]
                shift, _ = summit(
                    energies[i, g - 1], energies[i, g], energies[i, g + 1]
                )
            start[v, k] = u0 + h * (g + shift)
            lo[v, k] = u0 + h * max(g - 1, 0)
            hi[v, k] = u0 + h * min(g + 1, n_nodes - 1)


@compiled(fastmath=FAST)
def _energies_of_run(out, Q, runs, order, r, y, work):
    """Write the energies of all patterns at the nodes of a run, of the points there.

    Patterns that differ in missing points alone are the same: one of them has energy.
    """
    energies, inverse = out
    p, q, w = work
    first, stop = np.uint64(runs[r]), np.uint64(runs[r + 1])
    for k in range(3):
        for g in range(first, stop):
            inverse[k, g] = 0.0
    for i in range(y.size):
        if w[order[r, i]] > 0.0:
            for g in range(first, stop):
                inverse[0, g] += Q[0, i, g] * Q[0, i, g]
                inverse[1, g] += Q[0, i, g] * Q[1, i, g]
                inverse[2, g] += Q[1, i, g] * Q[1, i, g]
    for g in range(first, stop):
        inverse[0, g], inverse[1, g], inverse[2, g] = invert_pair(
            inverse[0, g], inverse[1, g], inverse[2, g]
        )
    for i in range(y.size):
        if w[order[r, i]] == 0.0:
            for g in range(first, stop):
                energies[i, g] = 0.0
            continue
        turned = -2.0 * y[i]
        for g in range(first, stop):
            energy = inverse[0, g] * p[g] * p[g] + inverse[2, g] * q[g] * q[g]
            energies[i, g] = max(energy + 2.0 * inverse[1, g] * p[g] * q[g], 0.0)
            p[g] += turned * Q[0, i, g]
            q[g] += turned * Q[1, i, g]


@compiled
def _height(energies, i, g, runs):
    """Return how high a maximum of the energies of pattern i is between the nodes."""
    top = energies[i, g]
    inner = 0
    for r in range(1, runs.size - 1):
        # Beside another order of points the maximum may be beyond the last node.
        if g == runs[r] - 1 and g > runs[r - 1]:
            inner = g - 1
        elif g == runs[r] and g < runs[r + 1] - 1:
            inner = g + 1
        else:
            continue
        top += top - energies[i, inner]
        break
    else:
        if 0 < g < energies.shape[1] - 1:
            _, gain = summit(energies[i, g - 1], top, energies[i, g + 1])
            top += gain
    return top


@compiled
def _take_pattern(top, i, g, brackets, pattern, v, found):
    """Insert a maximum of pattern i at node g, best first; return their number.

    The starts take how high it is.
    """
    value, node = brackets.start, brackets.node
    n_kept = node.shape[1]
    if found == n_kept and value[v, n_kept - 1] >= top:
        return found
    k = min(found, n_kept - 1)
    while k > 0 and value[v, k - 1] < top:
        node[v, k], pattern[k] = node[v, k - 1], pattern[k - 1]
        value[v, k] = value[v, k - 1]
        k -= 1
    node[v, k], pattern[k], value[v, k] = g, i, top
    return min(found + 1, n_kept)


@compiled
def summit(left, middle, right):
    """Return place and height above the middle of a parabola through three nodes."""
    curve = left - 2.0 * middle + right
    if not curve < 0.0:
        return 0.0, 0.0
    slope = 0.5 * (right - left)
    return -slope / curve, -0.5 * slope * slope / curve


@compiled(fastmath=FAST, allocates=True)
def spread_signs(Y, polarities, nodes, brackets, there):
    """Give brackets the polarities of their nodes, and add those of other polarities.

    Of magnitudes the energy is the largest of all polarities, each of which is smooth:
    where points cross zero near a maximum, that of the next polarity may hide between
    two nodes. The gaps bound by how much, so that few cells on both sides of a maximum
    need a look. Brackets must leave room: the last slots are used.
    """
    units, gaps = polarities
    u0, h = nodes.origin, nodes.step
    lo, hi, start, node, sign = brackets
    n, n_kept = node.shape
    n_nodes, n_points = units.shape
    place, crossing = np.empty(n_points), np.empty(n_points, dtype=np.int64)
    w = np.empty(n_points if there.shape[0] else 0)
    for v in range(n):
        take_row(there, v, w)
        first = 0
        while first < n_kept and node[v, first] >= 0:
            _write_signs(units, node[v, first], sign, v, first)
            first += 1
        power, top = 0.0, 0.0
        for i in range(n_points):
            power += Y[v, 0, i] * Y[v, 0, i]
        for k in range(first):
            top = max(top, _magnitude_energy(Y, v, units, node[v, k], w))
        count = first
        for k in range(2 * first):
            g, way = node[v, k // 2], 2 * (k % 2) - 1
            here = _magnitude_energy(Y, v, units, g, w)
            while 0 <= g + way < n_nodes and count < n_kept:
                gap = gaps[min(g, g + way)]
                if w.size > 0:
                    gap = _gap_there(units, w, g, g + way)
                if here < top - gap * power:
                    break
                beyond = _magnitude_energy(Y, v, units, g + way, w)
                # A valley: what follows belongs to the maximum beyond it.
                if beyond > here or (beyond == here and way < 0):
                    break
                n_crossings = _sort_crossings(units, g, g + way, w, place, crossing)
                for m in range(n_crossings):
                    if count == n_kept:
                        break
                    node[v, count] = g
                    _write_signs(units, g, sign, v, count)
                    for i in range(m + 1):
                        sign[v, count, crossing[i]] *= -1
                    # The last polarity is that of the next node.
                    is_last = m == n_crossings - 1
                    start[v, count] = u0 + h * (g + way * (1.0 if is_last else 0.5))
                    near, far = g if is_last else g - way, g + 2 * way
                    lo[v, count] = u0 + h * max(min(near, far), 0)
                    hi[v, count] = u0 + h * min(max(near, far), n_nodes - 1)
                    count += 1
                g += way
                here = beyond


@compiled(fastmath=FAST)
def _magnitude_energy(Y, v, units, g, w):
    """Return the projected energy of magnitudes at a node."""
    p = 0.0
    for i in range(units.shape[1]):
        p += Y[v, 0, i] * abs(units[g, i])
    if w.size == 0:
        return p * p
    size = 0.0
    for i in range(w.size):
        size += w[i] * units[g, i] * units[g, i]
    return p * p / size if size > 0.0 else 0.0


@compiled(fastmath=FAST)
def _gap_there(units, w, g, other):
    """Return how much a maximum between two nodes may be above both, by points there.

    It is the squared sine of the angle between their signals, see `Polarities`.
    """
    a, b, c = 0.0, 0.0, 0.0
    for i in range(w.size):
        a += w[i] * units[g, i] * units[g, i]
        b += w[i] * units[g, i] * units[other, i]
        c += w[i] * units[other, i] * units[other, i]
    return 1.0 - b * b / (a * c) if a > 0.0 and c > 0.0 else 1.0


@compiled
def _write_signs(units, g, sign, v, k):
    """Write the polarities of a node to sign[v, k]."""
    for i in range(units.shape[1]):
        sign[v, k, i] = -1 if units[g, i] < 0.0 else 1


@compiled
def _sort_crossings(units, g, other, w, place, crossing):
    """Write the points that cross zero between two nodes in the order of it.

    Returns their number; place (N,) takes where they cross, as a part of the way.
    """
    count = 0
    for i in range(units.shape[1]):
        a, b = units[g, i], units[other, i]
        if (a < 0.0) == (b < 0.0) or (w.size > 0 and w[i] == 0.0):
            continue
        at = a / (a - b)
        k = count
        while k > 0 and place[k - 1] > at:
            place[k], crossing[k] = place[k - 1], crossing[k - 1]
            k -= 1
        place[k], crossing[k] = at, i
        count += 1
    return count
