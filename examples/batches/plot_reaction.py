"""
A reaction followed in time
===========================

While cement, gels or emulsions set, water goes from one environment to another, and its
T2 with it. A decay every few minutes is a frame with a column for each time: one fit
inverts them all, with one strength of the penalty, so that they can be compared.
"""

# %%
# A decay every twelve minutes
# ----------------------------
#
# Free water is bound at a rate of 0.15 per hour, up to seven tenths, and the bound
# water relaxes faster and faster.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLassoCV
from skrelax.metrics import fraction_between, log_mean

hours = np.arange(0.0, 24.0, 0.2)
bound = 0.7 * (1 - np.exp(-0.15 * hours))
T2_free, T2_bound = 0.25, 0.03 * np.exp(-0.08 * hours) + 0.004
times = np.geomspace(5e-4, 1.5, 80)
decays = (1 - bound) * np.exp(-times[:, None] / T2_free)
decays += bound * np.exp(-times[:, None] / T2_bound)
decays += 0.002 * np.random.default_rng(0).standard_normal(decays.shape)
signals = pd.DataFrame(decays, columns=[f"{hour:.1f} h" for hour in hours])
signals.iloc[::16, ::30].round(3)

# %%
# One fit
# -------
#
# Each column becomes a column of the distribution, which is drawn over the hours. Lines
# are the true T2.

model = make_pipeline(
    KernelBuilder("T2", n_bins=80, minimum=1e-3, maximum=2.0), SmoothLassoCV(n_jobs=2)
).fit(times[:, None], signals)
bins, distributions = model[0].relaxation_times_, model[-1].distribution_
print(f"{distributions.shape[1]} decays, alpha {model[-1].alpha_:.1e}")

shown = np.where(distributions > 0.005, distributions, np.nan)
figure, ax = plt.subplots(figsize=(6.2, 4.3), layout="constrained")
mesh = ax.pcolormesh(hours, bins, shown, cmap="magma_r", shading="nearest")
ax.plot(hours, T2_bound, "--", color="C0", label="true $T_2$")
ax.axhline(T2_free, ls="--", color="C0")
ax.set(yscale="log", ylim=(1.5e-3, 1), xlabel="time of the reaction (h)")
ax.set_ylabel("$T_2$ (s)")
ax.legend(frameon=False, loc="lower left")
figure.colorbar(mesh, label="amplitude per bin")
plt.show()

# %%
# The reaction in numbers
# -----------------------
#
# Shares and means of the whole series, each in one call. Distributions are rows for
# them.

rows = distributions.T
border = 0.09
found = fraction_between(rows, bins, upper=border)
fast = bins < border
T2_found = log_mean(rows[:, fast], bins[fast])

figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained")
axes[0].plot(hours, found, ".", ms=4, label="found")
axes[0].plot(hours, bound, label="truth")
axes[0].set(xlabel="time of the reaction (h)", ylabel="share of bound water")
axes[0].legend(frameon=False)
seen = found > 0.05
axes[1].semilogy(hours[seen], 1e3 * T2_found[seen], ".", ms=4)
axes[1].semilogy(hours, 1e3 * T2_bound)
axes[1].set(xlabel="time of the reaction (h)", ylabel="$T_2$ of bound water (ms)")
axes[1].set_yticks([10, 20, 30], ["10", "20", "30"], minor=False)
axes[1].tick_params(axis="y", which="minor", labelleft=False)
plt.show()

# %%
# ``describe`` has a row for each decay, as :func:`~skrelax.batch.fit_batch` has for
# each sample of a long table.

model[-1].describe().iloc[::20, :6].round(4)
