"""
A batch of samples
==================

Six samples at five temperatures, measured with two echo trains, are in one long table.
One call of :func:`~skrelax.batch.fit_batch` gives a table with one row for each
measurement, in which the physics can be looked for: here activation energies, whose
true values are known.
"""

# %%
# The long table
# --------------
#
# Each row is one echo. Each sample has two components whose T2 grows with temperature
# by the law of Arrhenius: the short one with an activation energy of 20 kJ/mol, the
# long one with 12. One measurement has lost its receiver, another one a single echo.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, NonlinearRelaxationFit, SmoothLasso, fit_batch

GAS_CONSTANT = 8.314e-3  # kJ / (mol K)
rng = np.random.default_rng(0)
temperatures = [280, 295, 310, 325, 340]
parts = []
for number in range(6):
    share = 0.25 + 0.1 * number
    times = np.geomspace(1e-3, 2.0 if number % 2 else 1.5, 60)
    for temperature in temperatures:
        step = (1 / 310 - 1 / temperature) / GAS_CONSTANT
        short, long = 0.008 * np.exp(20 * step), 0.2 * np.exp(12 * step)
        signal = share * np.exp(-times / short) + (1 - share) * np.exp(-times / long)
        part = pd.DataFrame({"TE": times})
        part["signal"] = signal + 2e-3 * rng.standard_normal(times.size)
        part["sample"], part["temperature"] = f"sample {number + 1}", temperature
        part["true share"] = share
        parts.append(part)
frame = pd.concat(parts, ignore_index=True)
frame.loc[frame["sample"].eq("sample 3") & frame["temperature"].eq(280), "signal"] = 0.0
frame.loc[1000, "signal"] = np.nan  # a point that is missing
frame.loc[300, "signal"] = np.inf  # one that is wrong
frame

# %%
# One call
# --------
#
# Failures are rows like the others, with a status, and the message tells which samples
# miss a point. ``n_bootstrap`` asks for standard errors of the peaks.

model = make_pipeline(
    KernelBuilder("T2", n_bins=80, minimum=1e-3, maximum=2.0), SmoothLasso(1e-5, 1e-4)
)
roles = {"acquisition": "TE", "signal": "signal", "by": ["sample", "temperature"]}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    table, models = fit_batch(
        model, frame, **roles, n_bootstrap=20, random_state=0, return_estimators=True
    )
print(caught[0].message)
told = (table["status"] != "converged") | table["message"].str.contains("points")
table.loc[told, ["sample", "temperature", "status", "message"]]

# %%
# The table
# ---------

columns = ["log_mean_0", "log_mean_0 stderr", "share_0", "share_0 stderr", "noise"]
table[["sample", "temperature", "n_peaks", *columns]].round(4).head(10)

# %%
# From the table to physics
# -------------------------
#
# Frames can be grouped, joined and plotted. Measurements with two peaks give an
# Arrhenius plot, whose slopes are the activation energies.

good = table[(table["status"] == "converged") & (table["n_peaks"] == 2)].copy()
good["true share"] = good["sample"].map(frame.groupby("sample")["true share"].first())
figure, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")
inverse = 1000 / good["temperature"]
for peak, color, energy in ((0, "C0", 20), (1, "C1", 12)):
    times = good[f"log_mean_{peak}"]
    error = good[f"log_mean_{peak} stderr"]
    ax.errorbar(inverse, times, error, fmt="o", ms=3, color=color, capsize=2)
    slope, start = np.polyfit(1 / good["temperature"], np.log(times), 1)
    line = np.linspace(inverse.min(), inverse.max(), 2)
    found = -slope * GAS_CONSTANT
    label = f"{found:.1f} kJ/mol (true: {energy})"
    ax.plot(line, np.exp(start + slope * line / 1000), color=color, label=label)
ax.set(yscale="log", xlabel="1000 K / temperature", ylabel="$T_2$ of the peak (s)")
ax.set(title="activation energies")
ax.legend(frameon=False, loc="center right")

# %%
# The shares beside the true ones, and the distributions of one sample.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].errorbar(
    good["true share"], good["share_0"], good["share_0 stderr"], fmt="o", ms=3,
    color="C0", capsize=2,
)  # fmt: skip
axes[0].plot([0.2, 0.8], [0.2, 0.8], color="0.7", zorder=0)
axes[0].set(xlabel="true share of the short component", ylabel="share found")
for row, fitted in zip(table.itertuples(), models, strict=True):
    if row.sample == "sample 1" and fitted is not None:
        shade = plt.get_cmap("viridis")((row.temperature - 280) / 70)
        axes[1].plot(
            fitted[0].relaxation_times_, fitted[-1].coef_, color=shade,
            label=f"{row.temperature} K",
        )  # fmt: skip
axes[1].set(xscale="log", xlabel="$T_2$ (s)", ylabel="amplitude per bin, sample 1")
axes[1].legend(frameon=False)

# %%
# Another model, the same call
# ----------------------------
#
# Two exponentials fit these data as well, with standard errors of their own. The
# noise level and the score tell whether a model is good enough: a single exponential is
# not.

rows = {}
for name in ("T2", "T2-biexponential"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = fit_batch(NonlinearRelaxationFit(name), frame, **roles)
    good = fits[fits["status"] == "converged"]
    rows[name] = good[["noise", "score"]].median()
pd.DataFrame(rows).T.round(5)
