"""How long a new process takes to its first result, with and without compiled loops.

Each time is that of a whole process, from its start to its end. Loops are compiled at
the first use of all, into a new folder, and come from there at the second.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

from _timing import Timing, interleave, make_row, make_workload, watch, write_results

DECAY = """
import warnings
import numpy as np
warnings.simplefilter("ignore")
t = np.geomspace(1e-3, 1.0, 40)[:, None]
y = np.exp(-t[:, 0] / 0.1) + 0.01 * np.random.default_rng(0).standard_normal(40)
"""
KERNEL = "from skrelax import KernelBuilder\nK = KernelBuilder('T2').fit_transform(t)\n"
MANY = "Y = np.tile(y[:, None], 9)\n"
RESULTS = {
    "skrelax invert, with its picture": None,
    "SmoothLassoCV": f"{KERNEL}from skrelax import SmoothLassoCV as E\nE().fit(K, y)",
    "SmoothLasso": f"{KERNEL}from skrelax import SmoothLasso as E\nE().fit(K, y)",
    "LassoFistaCV": f"{KERNEL}from skrelax import LassoFistaCV as E\nE().fit(K, y)",
    "MultiDimRegularizedILT": (
        "from skrelax import MultiDimRegularizedILT as E\n"
        "E('T2', np.geomspace(1e-3, 10.0, 100), noise_std=0.01).fit(t, y)"
    ),
    "NonlinearRelaxationFit, T2": (
        f"{MANY}from skrelax import NonlinearRelaxationFit as E\nE('T2').fit(t, Y)"
    ),
    "NonlinearRelaxationFit, T2-biexponential": (
        f"{MANY}from skrelax import NonlinearRelaxationFit as E\n"
        "E('T2-biexponential').fit(t, Y)"
    ),
    "VoxelMapper of a fit of T2": (
        f"{MANY}from skrelax import NonlinearRelaxationFit, VoxelMapper as E\n"
        "E(NonlinearRelaxationFit('T2'), t).fit_transform(Y.T)"
    ),
    "DictionaryMatcher, 200 atoms": (
        "from skrelax import DictionaryMatcher as E\n"
        "T2 = np.geomspace(0.01, 1.0, 200)\n"
        "E().fit(np.exp(-t[:, 0] / T2[:, None]), T2).predict(y[None])"
    ),
}
IMPORTS = {
    "scikit-learn's base, without skrelax": "import sklearn.base",
    "scikit-learn's base and Numba, without skrelax": "import sklearn.base, numba",
    **{
        name: f"from skrelax import {name}"
        for name in (
            "TSVDCompressor", "KernelBuilder", "LassoFista", "SmoothLasso",
            "MultiDimRegularizedILT", "DictionaryMatcher", "NonlinearRelaxationFit",
        )
    },
}  # fmt: skip


def run_process(code, folder):
    """Run code, or the main command, with compiled loops in a folder."""
    command = ["-c", DECAY + code] if code else ["-m", "skrelax", "invert"]
    with tempfile.TemporaryDirectory() as here:
        subprocess.run(
            [sys.executable, *command],
            cwd=here,
            env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
            capture_output=True,
            check=True,
        )


def bench_results(repeats):
    """Time processes to their first result."""
    rows = []
    for name, code in RESULTS.items():
        first, again = Timing(), Timing()
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                for timing in (first, again):
                    start = time.perf_counter()
                    run_process(code, folder)
                    timing.samples.append(time.perf_counter() - start)
        rows.append(make_row(f"{name}: first use", first))
        rows.append(make_row(f"{name}: again", again))
    return make_workload(
        "First results",
        "A process of its own, from its start to its end, for one signal of 40 to 60 "
        "points (nine for fits of voxels). Nothing is compiled before the first use; "
        "*again* is the next process, which finds the loops on disk.",
        rows,
    )


def bench_imports(repeats):
    """Time imports in processes of their own."""
    calls = {
        name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True)
        for name, code in IMPORTS.items()
    }
    timings = interleave(calls, repeats)
    rows = [make_row(name, timing) for name, timing in timings.items()]
    return make_workload(
        "Imports",
        "A process that imports a class and ends, beside one that imports what all of "
        "them stand on, and one that also has the compiler, which comes with the first "
        "loop that runs.",
        rows,
        reference=next(iter(calls)),
    )


def main():
    """Run both workloads and write results/first_use.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    write_results(
        "first_use",
        "First use",
        [watch(bench_results, repeats), watch(bench_imports, 2 * repeats + 1)],
        ("skrelax", "numpy", "numba", "scikit-learn", "scipy", "pandas", "matplotlib"),
    )


if __name__ == "__main__":
    main()
