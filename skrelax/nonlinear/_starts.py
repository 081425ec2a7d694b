"""Starting values of fits: a coarse scan of all parameters, and the best nodes."""

import itertools
import math

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import qmc

from ._projection import orthonormalize, supports
from ._table import check_size

# Steps of grids: logarithmic, and as a fraction of a linear range.
_STEP_LOG, _STEP_LINEAR = 0.12, 0.06
# Grids have no more nodes than this, and than that many numbers to compare with for
# each point of a signal.
_MOST_NODES, _MOST_ATOMS = 20_000, 100_000
_FEWEST_NODES = 1_000
# Above this number of parameters a product of grids is too coarse on each of them. An
# axis has at least so many nodes.
_MOST_GRIDDED, _FEWEST_PER_AXIS = 4, 9
_SOBOL_NODES = 2**14
# Polarities per node that are tried, from directions of the amplitudes.
_N_PATTERNS = 32
# Neighbours that the energy of a start exceeds.
_MOST_NEIGHBOURS = 26
# Starts of each signal, of energies within this fraction of |y|^2 of the best.
_N_KEPT, _N_KEPT_PATTERNS, _MARGIN = 6, 12, 0.05
# Numbers that signals are compared with at once, so that they stay in a cache.
_SCANNED = 500_000
# Signals of a node alike up to rounding must not give it a huge energy.
_DEPENDENT = 1e-9
_SEED = 0


class CoarseScan:
    """Unit signals of a model at nodes, compared with signals by projected energy.

    ``function(u (m, P))`` returns the basis (L, N, m). `exchanges` are pairs of axes
    that may be swapped, of which nodes in ascending order suffice. `most_atoms` bounds
    the memory.
    """

    def __init__(self, function, axes, restricted, exchanges, magnitude, most_atoms):
        self.restricted = restricted
        n_amplitudes = len(restricted)
        n_patterns = 1
        if magnitude and n_amplitudes > 1:
            n_patterns = _N_PATTERNS
        self.n_kept = _N_KEPT if n_patterns == 1 else _N_KEPT_PATTERNS
        rows = n_patterns * sum(support.sum() for support in supports(restricted))
        n_nodes = min(_MOST_ATOMS, most_atoms) // int(rows)
        n_nodes = min(max(n_nodes, _FEWEST_NODES), _MOST_NODES)
        self.nodes, scaled = _make_nodes(axes, exchanges, n_nodes)
        basis = function(self.nodes)
        wrong = ~np.isfinite(basis).all(axis=(0, 1))
        if wrong.any():
            first = self.nodes[wrong.argmax()]
            values = [
                f"{axis.name}={axis.from_u(u):.3g}"
                for axis, u in zip(axes, first, strict=True)
            ]
            raise ValueError(
                f"the model is not finite for {', '.join(values)}; bounds can leave "
                "such values out."
            )
        check_size(basis)
        Q, _ = orthonormalize(basis)
        # Without constraints only the space of the columns counts.
        columns = Q
        if restricted.any():
            size = np.sqrt((basis**2).sum(axis=1, keepdims=True))
            columns = basis / np.where(size > 0.0, size, np.inf)
            self.inverses = _inverses(columns, restricted)
        self.signs = None
        atoms = columns[None]
        if magnitude:
            self.signs = find_patterns(basis, Q)
            atoms = self.signs[:, None] * columns
        # (patterns, L, nodes, N), for one product with all signals.
        self.atoms = np.ascontiguousarray(np.moveaxis(atoms, 3, 2))
        n_neighbours = min(3 ** len(axes) - 1, _MOST_NEIGHBOURS, len(self.nodes) - 1)
        _, near = cKDTree(scaled).query(scaled, n_neighbours + 1)
        self.neighbours = near[:, 1:]

    def energies(self, y, constrained, there=None):
        """Return projected energies (patterns, nodes, n) of signals y (n, C, N).

        `there` (n, N) says which points are there, None that all are.
        """
        n_patterns, n_amplitudes, n_nodes, n_points = self.atoms.shape
        total = np.zeros((n_patterns, n_nodes, len(y)))
        inverses = None
        if there is not None:
            inverses = self._inverses_there(there, constrained)
        for c in range(y.shape[1]):
            b = self.atoms.reshape(-1, n_points) @ y[:, c].T
            b = b.reshape(n_patterns, n_amplitudes, n_nodes, -1)
            if inverses is not None:
                total += self._of_columns(b, constrained, inverses)
            elif self.restricted.any():
                inverses_here = self.inverses if constrained else self.inverses[:1]
                total += self._of_columns(b, constrained, inverses_here)
            else:
                total += (b**2).sum(axis=1)
        return total

    def _inverses_there(self, there, constrained):
        """Return indices and inverses (k, k, nodes, n) of supports, of points there."""
        # Signs of a pattern are squared.
        columns = self.atoms[0]
        n_amplitudes = len(columns)
        gram = np.empty((n_amplitudes, n_amplitudes, len(self.nodes), len(there)))
        for j, k in itertools.combinations_with_replacement(range(n_amplitudes), 2):
            gram[j, k] = gram[k, j] = (columns[j] * columns[k]) @ there.T
        choices = supports(self.restricted if constrained else self.restricted & False)
        chosen = [np.flatnonzero(support) for support in choices]
        return [
            (one, _invert_columns(gram[np.ix_(one, one)])) for one in chosen if one.size
        ]

    def _of_columns(self, b, constrained, inverses):
        """Return the largest energies, of amplitudes that are not negative."""
        best = np.zeros((len(b), *b.shape[2:]))
        for support, inverse in inverses:
            energy, allowed = np.zeros_like(best), np.ones(best.shape, dtype=bool)
            for i, row in zip(support, inverse, strict=True):
                coef = sum(_per_node(row[j]) * b[:, k] for j, k in enumerate(support))
                energy += coef * b[:, i]
                if constrained and self.restricted[i]:
                    allowed &= coef >= 0.0
            np.maximum(best, energy, out=best, where=allowed)
        return best

    def find_starts(self, y, there=None):
        """Return the signal, node and pattern (m,) of the best starts.

        Starts are maxima among their neighbours within _MARGIN * |y|^2 of the best.
        """
        found = []
        length = max(1, _SCANNED // self.atoms[..., 0].size)
        for first in range(0, len(y), length):
            part = slice(first, first + length)
            here = None if there is None else there[part]
            signal, node, pattern = self._find(y[part], here)
            rank = np.arange(len(signal)) - np.searchsorted(signal, signal)
            kept = rank < self.n_kept
            found.append((signal[kept] + first, node[kept], pattern[kept]))
        return [np.concatenate(part) for part in zip(*found, strict=True)]

    def _find(self, y, there):
        """Return the signal, node and pattern of all starts, best first."""
        constrained = self.restricted.any() and y.shape[1] == 1
        all_energies = self.energies(y, constrained, there)
        pattern = all_energies.argmax(axis=0)
        energy = all_energies.max(axis=0)
        power = (y**2).sum(axis=(1, 2))
        node, signal = np.nonzero(energy >= energy.max(axis=0) - _MARGIN * power)
        value = energy[node, signal]
        # Most nodes lose against one of the first neighbours already.
        for near in self.neighbours.T:
            peak = value >= energy[near[node], signal]
            node, signal, value = node[peak], signal[peak], value[peak]
        pattern = pattern[node, signal]
        if len(all_energies) > 1:
            # Minima may hide behind others of another polarity at every node.
            others = all_energies.argmax(axis=1)
            shape = others.shape
            parts = np.indices(shape).reshape(2, -1)
            pattern, signal = np.append(pattern, parts[0]), np.append(signal, parts[1])
            node = np.append(node, others.ravel())
            value = np.append(value, all_energies.max(axis=1).ravel())
        order = np.lexsort((pattern, node, -value, signal))
        found = np.stack([signal[order], node[order], pattern[order]])
        new = np.append(True, (np.diff(found, axis=1) != 0).any(axis=0))
        return found[:, new]


def find_patterns(basis, Q):
    """Return polarities (K, N, m) that a basis (L, N, m) = Q R can have."""
    if len(basis) == 1:
        return np.where(basis < 0.0, -1.0, 1.0)
    directions = _directions(len(basis))
    return np.where(np.einsum("kl,lnm->knm", directions, Q) < 0.0, -1.0, 1.0)


def best_pattern(basis, Q, y):
    """Return the polarities (N, m) that suit magnitudes y (N, m) best."""
    patterns = find_patterns(basis, Q)
    energy = (np.einsum("lnm,knm->klm", Q, patterns * y) ** 2).sum(axis=1)
    return patterns[energy.argmax(axis=0), :, np.arange(y.shape[1])].T


def _directions(n_amplitudes):
    """Return directions (K, L) that share out half of a sphere."""
    if n_amplitudes == 2:
        angle = np.pi * (np.arange(_N_PATTERNS) + 0.5) / _N_PATTERNS
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    normal = np.random.default_rng(_SEED).standard_normal((_N_PATTERNS, n_amplitudes))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _per_node(entries):
    """Return entries of inverses, (nodes,) or (nodes, n), for all signals."""
    return entries[:, None] if entries.ndim == 1 else entries


def _invert_columns(gram):
    """Return the inverses of symmetric matrices (k, k, ...), by Gauss and Jordan.

    A row and a column is zero where its signal depends on those before it.
    """
    k = len(gram)
    left = gram.copy()
    right = np.zeros_like(gram)
    right[np.arange(k), np.arange(k)] = 1.0
    for p in range(k):
        pivot = left[p, p]
        good = pivot > _DEPENDENT * gram[p, p]
        factor = np.divide(1.0, pivot, out=np.zeros_like(pivot), where=good)
        left[p] *= factor
        right[p] *= factor
        for r in range(k):
            if r != p:
                share = left[r, p].copy()
                left[r] -= share * left[p]
                right[r] -= share * right[p]
    return right


def _inverses(columns, restricted):
    """Return (indices, inverse of the Gram matrix (k, k, nodes)) of each support."""
    found = []
    for support in supports(restricted):
        chosen = np.flatnonzero(support)
        if chosen.size == 0:
            continue
        part = np.moveaxis(columns[chosen], 2, 0)
        gram = part @ part.transpose(0, 2, 1)
        inverse = np.zeros_like(gram)
        # Columns alike up to rounding must not give a node a huge energy.
        good = np.linalg.eigvalsh(gram)[:, 0] > 1e-9
        inverse[good] = np.linalg.inv(gram[good])
        found.append((chosen, np.moveaxis(inverse, 0, 2)))
    return found


def _make_nodes(axes, exchanges, n_nodes):
    """Return nodes (n, P) in u, and the same in units of their spacing."""
    ends = np.array([axis.ends for axis in axes])
    width = ends[:, 1] - ends[:, 0]
    if len(axes) > _MOST_GRIDDED or _FEWEST_PER_AXIS ** len(axes) > n_nodes:
        power = int(np.log2(min(_SOBOL_NODES, n_nodes)))
        unit = qmc.Sobol(len(axes), seed=_SEED).random_base2(power)
        for a, b in exchanges:
            unit[:, [a, b]] = np.sort(unit[:, [a, b]], axis=1)
        return ends[:, 0] + width * unit, unit
    steps = np.array([_STEP_LOG if axis.log else _STEP_LINEAR for axis in axes])
    while True:
        pairs = list(zip(axes, steps, strict=True))
        lines = [axis.nodes(step) for axis, step in pairs]
        coarsest = all(len(line) <= _FEWEST_PER_AXIS for line in lines)
        # Exchanges leave at least this many nodes.
        least = np.prod([len(line) for line in lines]) / math.factorial(len(axes)) / 2
        if least > n_nodes and not coarsest:
            steps = steps * 1.1
            continue
        mesh = np.meshgrid(*(np.arange(len(line)) for line in lines), indexing="ij")
        scaled = np.stack([part.ravel() for part in mesh], axis=1)
        for a, b in exchanges:
            # Equal values of both are a saddle that no step leaves.
            scaled = scaled[scaled[:, a] < scaled[:, b]]
        if len(scaled) <= n_nodes or coarsest:
            break
        steps = steps * 1.1
    nodes = [line[scaled[:, k]] for k, line in enumerate(lines)]
    return np.stack(nodes, axis=1), scaled.astype(np.float64)


def find_exchanges(function, axes, restricted):
    """Return {(a, b): order} of axes a < b whose values may be swapped.

    The basis with swapped values is that of before with its amplitudes in `order`.
    """
    found = {}
    u = np.array([axis.ends for axis in axes])
    share = np.random.default_rng(_SEED).uniform(0.2, 0.8, (4, len(axes)))
    sets = u[:, 0] + share * (u[:, 1] - u[:, 0])
    basis = function(sets)
    scale = np.abs(basis).max()
    for a, b in itertools.combinations(range(len(axes)), 2):
        same = axes[a].log == axes[b].log and axes[a].ends == axes[b].ends
        if not same:
            continue
        swapped = sets.copy()
        swapped[:, [a, b]] = sets[:, [b, a]]
        other = function(swapped)
        order = []
        for k, signal in enumerate(other):
            matches = [
                j
                for j, one in enumerate(basis)
                if j not in order
                and restricted[j] == restricted[k]
                and np.abs(one - signal).max() <= 1e-12 * scale
            ]
            order += matches[:1]
        if len(order) == len(basis):
            found[a, b] = np.array(order)
    return found
