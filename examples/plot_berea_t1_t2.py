"""
T1-T2 map of a sandstone in one command
=======================================

Inversion recovery followed by an echo train gives a signal over two times, and a
distribution over T1 and T2 together. One command goes from the files of a spectrometer
to the map. This example reads a measurement of Berea sandstone where it is there (a
folder that ``SKRELAX_DATA`` names, or ``shared/data`` beside the checkout) and writes
one like it elsewhere.
"""

# %%
# The measurement
# ---------------
#
# A Spinsolve writes complex echoes, one line for each inversion time, and a file of
# parameters beside them. The simulated sandstone has a broad distribution of T2 around
# 13 ms, a T1 of twelve times T2, and pulses that invert imperfectly.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skrelax.metrics import RatioBand, Rectangle, region_statistics
from skrelax.plotting import DistributionMapDisplay


def write_spinsolve(folder):
    """Write a simulated measurement as a Spinsolve does; return its file."""
    inversion_times = np.geomspace(1e-3, 3.0, 16)
    echo_times = 1e-4 * np.arange(1, 1025)
    T2 = np.logspace(-3.5, -1, 300)
    weight = np.exp(-0.5 * ((np.log10(T2) + 1.9) / 0.35) ** 2)
    recovery = 1 - 1.75 * np.exp(-inversion_times[:, None] / (12 * T2))
    echoes = (
        5e4 * (recovery * weight / weight.sum()) @ np.exp(-echo_times / T2[:, None])
    )
    noise = 70.0 * np.random.default_rng(0).standard_normal((2, *echoes.shape))
    echoes = (echoes + noise[0] + 1j * noise[1]) * np.exp(0.2j)
    columns = np.stack([echoes.real, echoes.imag], axis=-1).reshape(16, -1)
    np.savetxt(folder / "T1IRT2.dat", columns, fmt="%.1f", delimiter=",")
    settings = {"minTau": 1, "maxTau": 3000, "tauSteps": 16, "echoTime": 100}
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (folder / "acqu.par").write_text("\n".join([*lines, 'logspace = "yes"']))
    return folder / "T1IRT2.dat"


results = tempfile.TemporaryDirectory()
work = Path(results.name)
file = Path(os.environ.get("SKRELAX_DATA", "../../shared/data")) / "nmr/T1IRT2.dat.gz"
source = "Berea sandstone"
if not file.exists():
    source, file = "simulated sandstone", write_spinsolve(work)
print(source)

# %%
# One command
# -----------
#
# In a terminal this is ``python -m skrelax invert T1IRT2.dat --kernel T1-IR,T2``. What
# it prints says what was done to the data, what was chosen and how, how large the
# residuals are, and which peaks there are.


def invert(name, *options):
    """Run the command, print what it prints, and return its folder."""
    command = [sys.executable, "-m", "skrelax", "invert", str(file.resolve())]
    command += ["--kernel", "T1-IR,T2", "--out", name, *options]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
    print(done.stdout)
    return work / name


folder = invert("map")

# %%
# Beside tables of the map, its marginals, its peaks, the residuals and the strengths
# that were tried there is a picture. On the left stands the map with its marginals and
# lines of equal T1/T2; nothing can lie below T1 = T2. On the right are the residuals:
# structure there is signal that the map does not hold.

figure = plt.figure(figsize=(12, 4.4), layout="constrained")
ax = figure.add_subplot()
ax.imshow(plt.imread(folder / "inversion.png"), interpolation="antialiased")
ax.axis("off")
plt.show()

# %%
# Reading the map
# ---------------
#
# Of a sandstone one asks how much water is bound: what has a T2 below 33 ms, by the
# usual cutoff. The tables that the command wrote have all that is needed.

table = pd.read_csv(folder / "map.csv", index_col=0)
bins = table.index.to_numpy(), table.columns.astype(float).to_numpy()
f = table.to_numpy()
regions = [
    Rectangle("bound, T2 below 33 ms", T2=(0, 0.033)),
    Rectangle("free", T2=(0.033, np.inf)),
    RatioBand("T1/T2 from 3 to 50", 3, 50),
]
held = region_statistics(f, bins, regions, names=("T1", "T2"))
held[["region", "share", "log_mean_T1", "log_mean_T2", "ratio"]].round(3)

# %%
display = DistributionMapDisplay(bins, f, names=("T1", "T2"), regions=regions).plot()
display.figure_.suptitle(source)
plt.show()

# %%
# Without the right efficiency
# ----------------------------
#
# Pulses never invert all of the magnetisation. The command chooses the efficiency by
# cross-validated errors; ``--efficiency`` states it. With that of a perfect pulse (2)
# residuals grow, and what the kernel cannot describe ends up at the edges of the map.

perfect = invert("perfect", "--efficiency", "2", "--no-plot")
for name, one in (("chosen", folder), ("2", perfect)):
    f = pd.read_csv(one / "map.csv", index_col=0).to_numpy()
    edges = f.sum() - f[1:-1, 1:-1].sum()
    print(f"efficiency {name}: {100 * edges / f.sum():.0f} % in the bins at the edges")

# %%
# :doc:`../guide/two_axes` has the same steps in Python,
# :doc:`../guide/plane_choices` what bins, windows and rules do to a map.

results.cleanup()
