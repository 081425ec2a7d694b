"""Dictionaries: simulation and matching beside torchsim, faiss and a plain Numba loop.

All results are judged by the correlation that they miss, computed for all contestants
in float64 with the same atoms; indices of neighbours on a fine grid are a matter of
rounding. Two threads for everybody.
"""

import argparse
import time

import faiss
import numba
import numpy as np
import torch
import torchsim
from _timing import (
    Timing,
    interleave,
    make_row,
    make_workload,
    watch,
    write_results,
)
from torchsim import DictionaryMatcher as TorchMatcher

from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.signals import EPGEchoTrain, FingerprintingTrain

N_THREADS = 2
N_VOXELS = 256 * 256
OURS = "skrelax, 2 threads"
# Signals whose loss of correlation is computed: the plain product is large.
N_JUDGED = 2000
GAP = "largest loss of correlation"


@numba.njit(fastmath=True, cache=True)
def row_product(first, second):
    """Return the product of two rows, summed in float64."""
    total = 0.0
    for k in range(first.size):
        total += first[k] * second[k]
    return total


@numba.njit(parallel=True, fastmath=True, cache=True)
def complex_loop(signals, atoms, cost, found):
    """Find the best atom of each signal as torchsim's first examples showed it.

    A function multiplies rows; the best product so far is complex, and its modulus is
    taken for every atom.
    """
    for i in numba.prange(signals.shape[0]):
        for j in range(atoms.shape[0]):
            product = row_product(signals[i], atoms[j])
            if np.abs(product) > np.abs(cost[i]):
                cost[i] = product
                found[i] = j


@numba.njit(parallel=True, fastmath=True, cache=True)
def plain_loop(signals, atoms):
    """Return the best atom of each signal by three loops, over unit atoms."""
    found = np.empty(signals.shape[0], np.int64)
    for i in numba.prange(signals.shape[0]):
        best, place = -1.0, 0
        for j in range(atoms.shape[0]):
            total = 0.0
            for k in range(atoms.shape[1]):
                total += signals[i, k] * atoms[j, k]
            total = abs(total)
            if total > best:
                best, place = total, j
        found[i] = place
    return found


def unit(rows):
    """Return rows of norm one, contiguous."""
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1)[:, None])


def loss(atoms, signals, found):
    """Return the largest correlation that a choice of atoms misses."""
    rows = np.linspace(0, len(signals) - 1, N_JUDGED).astype(int)
    A = unit(atoms.astype(np.result_type(atoms, np.float64)))
    s = unit(signals[rows].astype(np.result_type(signals, np.float64)))
    worst = 0.0
    for start in range(0, N_JUDGED, 250):
        part = slice(start, start + 250)
        every = np.abs(s[part] @ A.conj().T)
        chosen = every[np.arange(len(every)), np.asarray(found)[rows[part]]]
        worst = max(worst, float((every.max(axis=1) - chosen).max()))
    return worst


def echo_trains():
    """Return the model of torchsim's example, its dictionary and noisy signals."""
    model = EPGEchoTrain(180.0, echo_spacing=0.005, n_echoes=32)
    atoms, parameters = make_dictionary(
        model, parameter_grid(T2=np.linspace(0.01, 0.36, 1000)), dtype=np.float32
    )
    rng = np.random.default_rng(0)
    T2 = rng.uniform(0.02, 0.3, (N_VOXELS, 1)).astype(np.float32)
    clean = make_dictionary(model, T2, dtype=np.float32)[0]
    signals = clean * rng.uniform(0.5, 2.0, (N_VOXELS, 1))
    signals += 0.01 * rng.standard_normal(signals.shape)
    return model, atoms, parameters, signals.astype(np.float32), T2


def bench_simulation(repeats):
    """Time the echo trains of an image."""
    model, *_, T2 = echo_trains()
    T1 = np.random.default_rng(1).uniform(0.3, 2.0, T2.shape).astype(np.float32)
    sets = np.hstack([T2, T1])
    free = EPGEchoTrain(180.0, T1=None, echo_spacing=0.005, n_echoes=32)
    flips = 180.0 * torch.ones(32)
    theirs = {
        name: torch.from_numpy(np.ascontiguousarray(1e3 * column[:, 0]))
        for name, column in (("T2", T2), ("T1", T1))
    }
    signals = {}

    def ours(dtype):
        def call():
            signals[dtype] = make_dictionary(free, sets, dtype=dtype, n_jobs=2)[0]

        return call

    def peer(states):
        def call():
            signals[states] = torchsim.fse_sim(
                flip=flips, ESP=5.0, states=states, **theirs
            ).numpy()

        return call

    timings = interleave(
        {
            f"{OURS}, float32": ours(np.float32),
            f"{OURS}, float64": ours(np.float64),
            "torchsim, 10 states": peer(10),
            "torchsim, 32 states": peer(32),
        },
        repeats,
    )
    exact = np.exp(-model.own_acquisition()[:, 0] / T2.astype(float))
    rows = [
        make_row(name, timing, gap=float(np.abs(np.abs(signals[key]) - exact).max()))
        for (name, timing), key in zip(
            timings.items(), (np.float32, np.float64, 10, 32), strict=True
        )
    ]
    return make_workload(
        "Simulation of echo trains",
        "65 536 voxels, 32 echoes after 180 degree pulses, spacing 5 ms.",
        rows,
        f"{OURS}, float32",
        "largest error of an amplitude",
    )


def bench_echo_trains(repeats):
    """Time matching to 1000 atoms of 32 echoes."""
    _, atoms, parameters, signals, _ = echo_trains()
    found = {}
    ours = DictionaryMatcher(n_jobs=N_THREADS).fit(atoms, parameters)
    refined = DictionaryMatcher(refine="parabola", n_jobs=N_THREADS)
    refined.fit(atoms.astype(np.float64), parameters)
    normal, queries = unit(atoms), torch.from_numpy(signals)
    index = faiss.IndexFlatIP(32)
    index.add(normal)
    torch_atoms, torch_parameters = (
        torch.from_numpy(atoms),
        torch.arange(1000.0)[:, None],
    )
    plain = TorchMatcher(dictionary=torch_atoms, parameters=torch_parameters)
    groups = TorchMatcher(
        dictionary=torch_atoms, parameters=torch_parameters, groups=20
    )
    names = ("torchsim.DictionaryMatcher", "torchsim.DictionaryMatcher, 20 groups")

    def keep(name, function):
        def call():
            found[name] = function()

        return call

    def documented():
        cost, best = np.zeros(N_VOXELS, np.complex64), np.zeros(N_VOXELS, np.int64)
        complex_loop(signals, normal, cost, best)
        return best

    calls = {
        OURS: lambda: ours.match(signals).indices,
        f"{OURS}, float64, parabola": lambda: refined.match(signals).indices,
        "Numba, three loops as documented by torchsim": documented,
        "Numba, three loops, real": lambda: plain_loop(signals, normal),
        "faiss IndexFlatIP": lambda: index.search(signals, 1)[1][:, 0],
        names[0]: lambda: plain.match(queries).indices[:, 0].numpy(),
        names[1]: lambda: groups.match(queries).indices[:, 0].numpy(),
    }
    timings = interleave({k: keep(k, f) for k, f in calls.items()}, repeats)
    rows = [
        make_row(name, timing, gap=loss(atoms, signals, found[name]))
        for name, timing in timings.items()
    ]
    return make_workload(
        "Matching of echo trains",
        "65 536 voxels, 1000 atoms of 32 echoes in float32. All find amplitude and "
        "index, faiss and the loops of unit atoms without the amplitude.",
        rows,
        OURS,
        GAP,
    )


def bench_end_to_end(repeats):
    """Time simulation of the image, of the dictionary, and the match together."""
    model, _, _, signals, T2 = echo_trains()
    grid = np.linspace(0.01, 0.36, 1000)[:, None]
    flips, T1 = 180.0 * torch.ones(32), torch.full((N_VOXELS,), 1e3)
    found = {}

    def ours():
        make_dictionary(model, T2, dtype=np.float32, n_jobs=N_THREADS)
        atoms, parameters = make_dictionary(model, grid, dtype=np.float32)
        matcher = DictionaryMatcher(n_jobs=N_THREADS).fit(atoms, parameters)
        found["ours"] = atoms, matcher.match(signals).indices

    def peer(groups):
        def call():
            torchsim.fse_sim(
                flip=flips, ESP=5.0, T1=T1, T2=torch.from_numpy(1e3 * T2[:, 0])
            )
            T2s = torch.from_numpy(1e3 * grid)
            atoms = torchsim.fse_sim(
                flip=flips, ESP=5.0, T1=torch.full((1000,), 1e3), T2=T2s[:, 0]
            ).real.to(torch.float32)
            matcher = TorchMatcher(dictionary=atoms, parameters=T2s, groups=groups)
            found[groups] = (
                atoms.numpy(),
                matcher.match(torch.from_numpy(signals)).indices[:, 0].numpy(),
            )

        return call

    timings = interleave(
        {OURS: ours, "torchsim": peer(None), "torchsim, 20 groups": peer(20)}, repeats
    )
    rows = [
        make_row(name, timing, gap=loss(found[key][0], signals, found[key][1]))
        for (name, timing), key in zip(timings.items(), ("ours", None, 20), strict=True)
    ]
    return make_workload(
        "From a sequence to maps",
        "Simulation of 65 536 voxels, simulation of 1000 atoms, and matching.",
        rows,
        OURS,
        GAP,
    )


def fingerprints(n_voxels=N_VOXELS):
    """Return compressed atoms, their parameters, real and complex signals."""
    rng = np.random.default_rng(0)
    flips = 10 + 35 * np.abs(np.sin(np.arange(500) / 60)) + 5 * rng.random(500)
    model = FingerprintingTrain(
        flips, 0.012, 0.003, inversion_time=0.02, B1=None, n_states=20
    )
    grid = parameter_grid(
        T1=np.geomspace(0.1, 4.0, 88),
        T2=np.geomspace(0.01, 1.0, 78),
        B1=np.linspace(0.8, 1.2, 21),
    )
    atoms, parameters = make_dictionary(model, grid, dtype=np.float32, n_jobs=2)
    gram = atoms.T.astype(float) @ atoms
    basis = np.linalg.eigh(gram)[1][:, :-17:-1].astype(np.float32)
    T1 = rng.uniform(0.2, 3.0, n_voxels)
    T2 = (T1 * rng.uniform(0.03, 0.4, n_voxels)).clip(0.012, 0.9)
    sets = np.column_stack([T1, T2, rng.uniform(0.85, 1.15, n_voxels)])
    real = np.empty((n_voxels, 16), np.float32)
    phased = np.empty((n_voxels, 16), np.complex64)
    for start in range(0, n_voxels, 16384):
        rows = slice(start, start + 16384)
        clean = make_dictionary(model, sets[rows], dtype=np.float32, n_jobs=2)[0]
        noise = 0.04 * np.abs(clean).mean()
        shape = clean.shape
        real[rows] = (clean + noise * rng.standard_normal(shape)) @ basis
        turned = clean * np.exp(2j * np.pi * rng.random(len(clean)))[:, None]
        both = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        phased[rows] = (turned + noise * both) @ basis
    return atoms @ basis, parameters, real, phased


def bench_fingerprints(repeats, slow):
    """Time matching to some 120 000 atoms of rank 16, real and complex."""
    atoms, parameters, real, phased = fingerprints()
    normal = unit(atoms)
    matcher = DictionaryMatcher(n_jobs=N_THREADS).fit(atoms, parameters)
    builds = interleave(
        {"ours": lambda: DictionaryMatcher().fit(atoms, parameters)}, repeats
    )
    flat = faiss.IndexFlatIP(16)
    flat.add(normal)
    cells = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(16), 16, 1024, faiss.METRIC_INNER_PRODUCT
    )
    cells.train(normal)
    cells.add(normal)
    cells.nprobe = 16
    graph = faiss.IndexHNSWFlat(16, 32, faiss.METRIC_INNER_PRODUCT)
    graph.add(normal)
    graph.hnsw.efSearch = 64
    torch_atoms = torch.from_numpy(atoms)
    labels = torch.arange(float(len(atoms)))[:, None]
    groups = TorchMatcher(dictionary=torch_atoms, parameters=labels, groups=300)
    plain = TorchMatcher(dictionary=torch_atoms, parameters=labels)
    workloads = []
    for kind, signals in (("real", real), ("complex", phased)):
        found = {}
        queries = torch.from_numpy(signals)
        calls = {OURS: lambda s=signals: matcher.match(s).indices}
        if kind == "real":
            for name, index in (
                ("faiss IndexFlatIP", flat),
                ("faiss IVF, 16 of 1024 cells", cells),
                ("faiss HNSW, efSearch 64", graph),
            ):
                calls[name] = lambda i=index, s=signals: i.search(s, 1)[1][:, 0]
        calls["torchsim, 300 groups"] = lambda q=queries: (
            groups.match(q).indices[:, 0].numpy()
        )
        if slow:
            calls["torchsim"] = lambda q=queries: plain.match(q).indices[:, 0].numpy()

        def keep(name, function, found=found):
            def call():
                found[name] = function()

            return call

        timings = interleave(
            {k: keep(k, f) for k, f in calls.items()}, repeats, once={"torchsim"}
        )
        build = f"built in {builds['ours'].median:.2g} s before, one thread"
        rows = [
            make_row(
                name,
                timing,
                gap=loss(atoms, signals, found[name]),
                note=build if name == OURS else "",
            )
            for name, timing in timings.items()
        ]
        workloads.append(
            make_workload(
                f"Matching of fingerprints, {kind}",
                f"65 536 voxels, {len(atoms)} atoms of T1 x T2 x B1 at rank 16, "
                "float32. skrelax and IndexFlatIP are exact.",
                rows,
                OURS,
                GAP,
            )
        )
    return workloads


def bench_cost(largest):
    """Time matching against the number of voxels and of atoms."""
    atoms, parameters, real, _ = fingerprints()
    order = np.random.default_rng(0).permutation(len(atoms))
    rows = []
    for n_voxels in (10**4, 10**5, 10**6, 10**7):
        if n_voxels > largest:
            continue
        signals = real[np.arange(n_voxels) % len(real)]
        matcher = DictionaryMatcher(n_jobs=N_THREADS).fit(atoms, parameters)
        rows.append(
            _once(f"{n_voxels:.0e} voxels, {len(atoms)} atoms", matcher, signals)
        )
    for n_atoms in (10**3, 10**4, 10**5):
        part = order[:n_atoms]
        matcher = DictionaryMatcher(n_jobs=N_THREADS)
        matcher.fit(atoms[part], parameters.iloc[part])
        rows.append(_once(f"{len(real)} voxels, {n_atoms:.0e} atoms", matcher, real))
    return make_workload(
        "Cost against voxels and atoms",
        "Fingerprints at rank 16, float32, two threads; one call each.",
        rows,
        None,
        None,
    )


def _once(name, matcher, signals):
    matcher.predict(signals[:1000])
    start = time.perf_counter()
    matcher.predict(signals)
    return make_row(name, Timing([time.perf_counter() - start]))


def main():
    """Run all workloads and write results/dictionary.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--skip-slow", action="store_true", help="torchsim, ungrouped")
    parser.add_argument("--largest", type=int, default=10**7, help="voxels")
    parser.add_argument(
        "--only", choices=["simulation", "trains", "end", "fingerprints", "cost"]
    )
    arguments = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    faiss.omp_set_num_threads(N_THREADS)
    numba.set_num_threads(min(N_THREADS, numba.config.NUMBA_NUM_THREADS))
    repeats, only = arguments.repeats, arguments.only
    workloads = []
    if only in (None, "simulation"):
        workloads.append(watch(bench_simulation, repeats))
    if only in (None, "trains"):
        workloads.append(watch(bench_echo_trains, repeats))
    if only in (None, "end"):
        workloads.append(watch(bench_end_to_end, repeats))
    if only in (None, "fingerprints"):
        workloads += bench_fingerprints(repeats, not arguments.skip_slow)
    if only in (None, "cost"):
        workloads.append(watch(bench_cost, arguments.largest))
    write_results(
        "dictionary",
        "Dictionaries",
        workloads,
        ("skrelax", "numpy", "numba", "torch", "torchsim", "faiss-cpu"),
    )


if __name__ == "__main__":
    main()
