"""
Influence of the number of data points on time, memory and result
=================================================================

How a signed inversion grows with the points of an axis that is not inverted, and what
the points of the inverted axis do for the result. The three ways to solve the system
of an iteration are compared on the same problem.
"""

# %%
# Time and memory against the length of a spectrum
# ------------------------------------------------
#
# Eight delays and N points of a spectrum give 35 N unknowns. One inverted axis makes
# the system a band, which is factored from both ends on two threads: time and memory
# are proportional to N. Ten iterations are timed here; larger spectra are in the
# :doc:`benchmarks </generated/benchmarks>`, beside ILTpy.

import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np

from skrelax import MultiDimRegularizedILT, ReferenceScheme
from skrelax.datasets import make_decay, make_spectrum_series

sizes = [64, 128, 256, 512, 1024, 2048]
seconds, peaks = [], []
for n in sizes:
    series = make_spectrum_series(n)
    ilt = MultiDimRegularizedILT(
        "T2", series.relaxation_times, channels="coupled", noise_std=1.0,
        scheme=ReferenceScheme(max_iter=10), n_jobs=2,
    )  # fmt: skip
    X = series.delays[:, None]
    ilt.fit(X, series.data)
    start = time.perf_counter()
    ilt.fit(X, series.data)
    seconds.append((time.perf_counter() - start) / 10)
    tracemalloc.start()
    ilt.fit(X, series.data)
    peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
    tracemalloc.stop()
    print(f"N = {n:5d}: {1e3 * seconds[-1]:6.2f} ms per iteration, {peaks[-1]:6.1f} MB")

figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
axes[0].loglog(sizes, seconds, "o-")
axes[0].loglog(sizes, np.array(sizes) * seconds[-1] / sizes[-1], "--", color="0.6")
axes[0].set(xlabel="points of the spectrum", ylabel="time per iteration (s)")
axes[1].loglog(sizes, peaks, "o-", label="peak of a fit")
axes[1].loglog(
    sizes, 0.03 * np.array(sizes), "--", color="0.6", label="30 kB per point"
)
axes[1].set(xlabel="points of the spectrum", ylabel="memory (MB)")
axes[1].legend(frameon=False)
plt.show()

# %%
# Three solvers, one result
# -------------------------
#
# One thread, two threads from both ends, and conjugate gradients behind the factored
# penalty: ``solver`` chooses, by default what takes less work.

series = make_spectrum_series(64)
results = {}
for name, n_jobs, solver in (
    ("band, one thread", 1, "direct"),
    ("band, two threads", 2, "direct"),
    ("conjugate gradients", 2, "iterative"),
):
    ilt = MultiDimRegularizedILT(
        "T2", series.relaxation_times, channels="coupled", noise_std=1.0,
        scheme=ReferenceScheme(max_iter=10), n_jobs=n_jobs, solver=solver,
    )  # fmt: skip
    start = time.perf_counter()
    ilt.fit(series.delays[:, None], series.data)
    elapsed = time.perf_counter() - start
    results[name] = ilt.distribution_
    apart = np.linalg.norm(ilt.distribution_ - results["band, one thread"])
    apart /= np.linalg.norm(ilt.distribution_)
    print(f"{name:20s} {elapsed:6.3f} s, difference {apart:.0e}")

# %%
# What more delays do for the result
# ----------------------------------
#
# Two components a factor of 12 apart, measured at 8 to 512 delays with the same noise
# of 1 % per delay. With eight delays they are one broad peak.

bins = np.geomspace(1e-3, 30, 100)
# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(
    2, 2, figsize=(6.8, 4.8), sharex=True, sharey=True, layout="constrained"
)
for ax, n in zip(axes.flat, (8, 32, 128, 512), strict=True):
    data = make_decay(
        "T2", np.geomspace(1e-3, 10, n), peaks=[(0.1, 0.0, 0.5), (1.2, 0.0, 0.5)],
        amplitude=100.0, noise_std=1.0, random_state=0,
    )  # fmt: skip
    g = MultiDimRegularizedILT("T2", bins, noise_std=1.0).fit(data.X, data.y)
    ax.plot(bins, g.distribution_)
    for time_constant in (0.1, 1.2):
        ax.axvline(time_constant, color="C1", lw=0.8)
    ax.set(xscale="log", title=f"{n} delays")
figure.supxlabel("T2 (s)")
figure.supylabel("amplitude per bin")
plt.show()
