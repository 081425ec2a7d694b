"""Denoising of image series: patches in batches beside a loop over patches.

The peer does the same on NumPy, a singular value decomposition and a cut by the same
rule for one patch after the other.
"""

import argparse
import itertools
import time

import numpy as np
import threadpoolctl
from _timing import (
    Timing,
    interleave,
    make_row,
    make_workload,
    print_workload,
    watch,
    write_results,
)

from skrelax.decomposition import MarchenkoPasturDenoiser

N_ECHOES, SNR = 48, 100.0
TIMES = 0.01 * np.arange(1, N_ECHOES + 1)
PEER = "a loop over patches in NumPy"


def simulate(shape, dtype=np.float64, seed=0):
    """Return noisy and clean signals (n_voxels, n_echoes): myelin, tissue and fluid."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    share = 0.1 + 0.06 * np.sin(3 * axes[0]) * np.cos(2.5 * axes[1])
    fluid = np.where(np.hypot(axes[0], 2 * axes[1]) < 0.3, 0.8, 0.0)
    parts = np.stack([share * (1 - fluid), (1 - share) * (1 - fluid), fluid], axis=-1)
    decays = np.exp(-TIMES / np.array([[0.02], [0.08], [1.0]]))
    clean = (parts.reshape(-1, 3) @ decays).astype(dtype)
    noise = rng.standard_normal(clean.shape, dtype=dtype)
    return clean + noise / dtype(SNR), clean


def peer(signals, shape, size, stride):
    """Return signals denoised by a loop over patches, BLAS with one thread."""
    with threadpoolctl.threadpool_limits(1, "blas"):
        return loop(signals, shape, size, stride)


def loop(signals, shape, size, stride):
    """Return signals denoised by a loop over patches."""
    image = signals.reshape(*shape, N_ECHOES)
    total, weights = np.zeros_like(image), np.zeros(shape)
    starts = [
        sorted({*range(0, n - s + 1, t), n - s})
        for n, s, t in zip(shape, size, stride, strict=True)
    ]
    m = np.prod(size)
    p = np.arange(min(m, N_ECHOES))
    numbers = (m - p) * (N_ECHOES - p)
    edge = (np.sqrt(m - p) + np.sqrt(N_ECHOES - p)) ** 2
    for corner in itertools.product(*starts):
        box = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
        patch = image[box].reshape(m, N_ECHOES)
        U, s, Vt = np.linalg.svd(patch, full_matrices=False)
        levels = np.cumsum(s[::-1] ** 2)[::-1] / numbers
        noise = (s**2 <= edge * levels) & (2 * edge < numbers)
        rank = int(noise.argmax()) if noise.any() else p.size
        made = (U[:, :rank] * s[:rank]) @ Vt[:rank]
        total[box] += made.reshape(*size, N_ECHOES) / (1 + rank)
        weights[box] += 1 / (1 + rank)
    return (total / weights[..., None]).reshape(-1, N_ECHOES)


def bench_patches(shape, size, stride, repeats):
    """Return the workload of an image: the peer, one and two threads."""
    signals, clean = simulate(shape)
    settings = {"patch_size": size, "stride": stride}
    calls = {PEER: lambda: peer(signals, shape, size, stride)}
    for n_jobs in (1, 2):
        denoiser = MarchenkoPasturDenoiser(shape, **settings, n_jobs=n_jobs)
        name = f"skrelax, {n_jobs} thread{'s' * (n_jobs > 1)}"
        calls[name] = lambda denoiser=denoiser: denoiser.fit_transform(signals)
    results = {name: call() for name, call in calls.items()}
    rows = []
    for name, timing in interleave(calls, repeats).items():
        left = np.std(results[name] - clean) * SNR
        gap = np.abs(results[name] - results[PEER]).max()
        note = (
            f"{len(signals) / timing.median:.0f} voxels a second; {left:.2f} of the "
            f"noise left; at most {gap:.0e} from the loop"
        )
        rows.append(make_row(name, timing, note=note))
        print(f"{name:36s} {note}", flush=True)
    sizes = [" x ".join(map(str, numbers)) for numbers in (shape, size, stride)]
    return make_workload(
        f"{sizes[0]} voxels, patches of {sizes[1]} every {sizes[2]}",
        f"{N_ECHOES} echoes, SNR {SNR:.0f}, double precision.",
        rows,
        PEER,
    )


def bench_cost(largest):
    """Return the workload of ever larger volumes, in single precision."""
    rows = []
    for length in (20, 43, 93, 200):
        shape = (length, length, length)
        if length**3 > largest:
            break
        signals, _ = simulate(shape, np.float32)
        denoiser = MarchenkoPasturDenoiser(shape, n_jobs=2)
        if not rows:
            denoiser.fit_transform(signals)
        start = time.perf_counter()
        denoiser.fit_transform(signals)
        timing = Timing([time.perf_counter() - start])
        note = f"{len(signals) / timing.median:.0f} voxels a second"
        rows.append(make_row(f"{length}^3 voxels", timing, note=note))
        print(f"{length}^3 voxels {note}", flush=True)
    return make_workload(
        "Cost against voxels",
        f"{N_ECHOES} echoes, single precision, two threads; one call each.",
        rows,
    )


def main():
    """Time all and write results/denoise.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--largest", type=int, default=10**6, help="voxels")
    parser.add_argument("--only", choices=["patches", "cost"])
    parser.add_argument("--dry", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    workloads = []
    if arguments.only in (None, "patches"):
        for shape, size, stride in (
            ((32, 32, 16), (5, 5, 5), (2, 2, 2)),
            ((96, 96), (7, 7), (3, 3)),
            ((64, 64), (7, 7), (1, 1)),
        ):
            workloads.append(
                watch(bench_patches, shape, size, stride, arguments.repeats)
            )
    if arguments.only in (None, "cost"):
        workloads.append(watch(bench_cost, arguments.largest))
    if arguments.dry:
        for workload in workloads:
            print_workload(workload)
        return
    write_results(
        "denoise",
        "Denoising of image series",
        workloads,
        ("skrelax", "numpy", "scipy", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
