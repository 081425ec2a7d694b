"""
The cost of matching
====================

How the time of :class:`.DictionaryMatcher` grows with the number of voxels and with
that of atoms. The numbers are those of ``benchmarks/bench_dictionary.py``, which writes
them into ``benchmarks/results/dictionary.json``: fingerprints at rank 16 in float32,
two threads. Time is proportional to the voxels, and memory is that of the result and of
a chunk. With the number of atoms it grows much less than proportionally, because most
of them are not looked at.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# The gallery runs in the folder of this example.
here = Path().resolve()
root = next(
    folder for folder in (here, *here.parents) if (folder / "benchmarks").is_dir()
)
results = json.loads((root / "benchmarks/results/dictionary.json").read_text())
rows = next(
    workload["rows"]
    for workload in results["workloads"]
    if workload["title"].startswith("Cost against")
)
cost = np.array(
    [[float(word) for word in row["contestant"].split()[::2]] + [row["median_s"]]
     for row in rows]
)  # fmt: skip
largest = cost[:, 1] == cost[:, 1].max()

figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.9), layout="constrained")
left.loglog(cost[largest, 0], cost[largest, 2], "o-")
left.set(xlabel="voxels", ylabel="time (s)", title=f"{cost[largest, 1][0]:,.0f} atoms")
order = np.argsort(cost[~largest, 1])
atoms, seconds = cost[~largest][order, 1:].T
right.loglog(atoms, seconds, "o-", label="measured")
right.loglog(atoms, seconds[0] * atoms / atoms[0], "k--", lw=0.8, label="proportional")
right.set(
    xlabel="atoms", ylabel="time (s)", title=f"{cost[~largest, 0][0]:,.0f} voxels"
)
right.legend(frameon=False)
print(f"{results['machine']['processor']}, {results['date']}")
plt.show()
