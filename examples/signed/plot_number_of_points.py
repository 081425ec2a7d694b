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
from matplotlib.ticker import LogLocator

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
    laps = []
    for _ in range(3):
        start = time.perf_counter()
        ilt.fit(X, series.data)
        laps.append((time.perf_counter() - start) / 10)
    # Other programs on the machine only make it slower.
    seconds.append(min(laps))
    tracemalloc.start()
    ilt.fit(X, series.data)
    peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
    tracemalloc.stop()
    print(f"N = {n:5d}: {1e3 * seconds[-1]:6.2f} ms per iteration, {peaks[-1]:6.1f} MB")

figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
milliseconds = 1e3 * np.array(seconds)
line = np.array(sizes) * milliseconds[-1] / sizes[-1]
axes[0].loglog(sizes, milliseconds, "o-", label="measured")
axes[0].loglog(sizes, line, "--", color="0.6", label="proportional")
axes[0].legend(frameon=False)
axes[0].set(xlabel="points of the spectrum", ylabel="time per iteration (ms)")
axes[1].loglog(sizes, peaks, "o-", label="peak of a fit")
axes[1].loglog(
    sizes, 0.03 * np.array(sizes), "--", color="0.6", label="30 kB per point"
)
axes[1].set(xlabel="points of the spectrum", ylabel="memory (MB)")
axes[1].legend(frameon=False)
for ax in axes:
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
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
    for T2 in (0.1, 1.2):
        ax.axvline(T2, color="C1", lw=0.8)
    ax.set(xscale="log", title=f"{n} delays")
figure.supxlabel("$T_2$ (s)")
figure.supylabel("amplitude per bin")
plt.show()
