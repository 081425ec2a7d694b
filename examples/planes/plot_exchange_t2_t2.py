"""
Exchange in T2-T2 maps
======================

Two trains of echoes with a mixing time between them. Spins that stay in their pool lie
on the diagonal of the T2-T2 map, and those that have moved to the other pool meanwhile
lie beside it. The share beside the diagonal grows with the mixing time, at the rate of
exchange.
"""

# %%
# Two pools that exchange
# -----------------------
#
# A pool with long and one with short T2, with 60 and 40 % of the spins. In an echo
# train and in the mixing time the magnetisation M of both follows dM/dt = -(R + K) M,
# with relaxation rates R (1/T2 in trains, 1/T1 between them) and exchange rates K,
# which keep the sizes of the pools.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.linalg import expm
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, NonlinearRelaxationFit, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Rectangle
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import DistributionSlicesDisplay, ResidualsMapDisplay

sizes, rate = np.array([0.6, 0.4]), 1.0
exchange = rate * np.array([[sizes[1], -sizes[0]], [-sizes[1], sizes[0]]])
train = -np.diag([1 / 0.05, 1 / 0.005]) - exchange
mixing = -np.eye(2) / 2.0 - exchange

times = np.geomspace(2.5e-4, 0.25, 20)
mixing_times = np.array([0.05, 0.3, 0.8, 2.0])
decays = np.array([expm(train * t) for t in times])
rng = np.random.default_rng(0)
signals = {}
for t in mixing_times:
    between = expm(mixing * t) * np.exp(t / 2.0)
    first, second = decays @ sizes, decays.sum(axis=1)
    clean = first @ between.T @ second.T
    noise = 0.0005 * rng.standard_normal(clean.size)
    signals[f"mixing {1e3 * t:.0f} ms"] = clean.ravel() + noise
X = acquisition_grid(times, times)
signals = pd.DataFrame(signals)

# %%
# The decay by T1 between the trains, the same for both pools, is taken off, as the echo
# at time zero tells it. Noise is low, since exchange is a matter of small shares.
#
# Maps
# ----
#
# All maps are inverted in one call, with one strength, so that they can be compared:
# the strongest that raises the misfit of all by no more than 2 %. Regions go by the
# names of the axes, which are numbered: ``T2_0`` is that of the first train. The border
# between the pools lies between their peaks.

kernel = KernelBuilder(["T2", "T2"], n_bins=48, minimum=5e-4, maximum=0.5)
model = make_pipeline(kernel, StrengthSearch(SmoothLasso(), rule="chi2"))
model.fit(X, signals)
strength = model[-1].strength_
print(f"smoothness {strength:.1e}")

border = 0.016
pools = {"long": (border, np.inf), "short": (0, border)}
regions = [
    Rectangle(f"{before} to {after}", T2_0=pools[before], T2_1=pools[after])
    for before, after in (("long", "short"), ("short", "long"))
]
DistributionSlicesDisplay.from_estimator(model, regions=regions)
plt.show()

# %%
# The residuals of the longest mixing time are as large as the noise, and have no
# structure that a map could explain.

last = signals.columns[-1]
position = signals.columns.get_loc(last)
ResidualsMapDisplay.from_estimator(model, X, signals, noise_std=0.0005, signal=position)
plt.show()

# %%
# Reading the maps
# ----------------
#
# One row per map and region. Refits with new noise give intervals of one map.

table = model[-1].regions(regions)
shares = table.pivot(index="signal", columns="region", values="share")
shares.loc[signals.columns].round(3)

# %%
one = make_pipeline(kernel, SmoothLasso(smoothness=strength))
one.fit(X, signals[last])
bands = one[-1].bands(
    20, X=one[:-1].transform(X), y=signals[last].to_numpy(), random_state=0
)
one[-1].regions(regions, bands=bands)[
    ["region", "share", "share lower", "share upper", "log_mean_T2_0", "log_mean_T2_1"]
].round(3)

# %%
# The rate of exchange
# --------------------
#
# Both shares grow alike, as 1 - exp(-k t) with the sum k of the rates of both
# directions, to twice the product of the sizes of the pools, 0.48: the saturation of a
# T1 experiment with 1/k for T1. Exchange within the trains takes a little of the
# smallest shares.

moved = shares.loc[signals.columns].sum(axis=1).to_numpy()
fit = NonlinearRelaxationFit("T1-SR").fit(mixing_times[:, None], moved)
found = fit.to_frame().iloc[0]
print(f"rate {1 / found['T1']:.2f} per s (truth {rate}), limit {found['M0']:.2f}")
fine = np.linspace(0, 2.2, 100)
# sphinx_gallery_thumbnail_number = 3
figure, ax = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
ax.plot(mixing_times, moved, "ko", mfc="none", label="share beside the diagonal")
ax.plot(fine, fit.predict(fine[:, None]), label="fit")
truth = 2 * sizes.prod() * (1 - np.exp(-rate * fine))
ax.plot(fine, truth, "C1--", label="truth")
ax.set(xlabel="mixing time (s)", ylabel="share", xlim=(0, 2.2), ylim=(0, None))
ax.legend(frameon=False)
plt.show()
