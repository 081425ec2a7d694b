"""Run the quick half of the benchmarks within ten minutes, into the history alone.

Then `python benchmarks/compare.py` says what became slower. A script whose peers are
not installed is left out, and said; so is what would not be done in time.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# The most telling first.
PARTS = [
    "bench_lasso.py --skip-slow",
    "bench_planes.py --quick",
    "bench_maps.py --only inversion",
    "bench_dictionary.py --only trains",
    "bench_dictionary.py --only simulation",
    "bench_denoise.py --only patches",
    "bench_ilt.py --only line",
    "bench_batch.py --repeats 3",
    "bench_maps.py --only mono",
    "bench_dictionary.py --only end",
]


def run_part(part, seconds):
    """Run a part for at most so many seconds, and return what became of it."""
    try:
        done = subprocess.run(
            [sys.executable, *part.split()],
            cwd=HERE,
            env={**os.environ, "SKRELAX_BENCHMARKS": "history"},
            stderr=subprocess.PIPE,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "not done in time"
    if done.returncode == 0:
        return "done"
    last = done.stderr.strip().rpartition("\n")[2]
    return f"left out: {last}"


def main():
    """Run the parts, one after the other, and tell what was done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    end = time.monotonic() + 60.0 * parser.parse_args().minutes
    told = {}
    for part in PARTS:
        start = time.monotonic()
        left = end - start
        told[part] = run_part(part, left) if left > 0.0 else "not done in time"
        told[part] += f" ({time.monotonic() - start:.0f} s)"
    print("\n" + "\n".join(f"{part:<40}{what}" for part, what in told.items()))
    return int(not any(what.startswith("done") for what in told.values()))


if __name__ == "__main__":
    sys.exit(main())
