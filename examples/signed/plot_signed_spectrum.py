"""
Spectra with relaxation: an axis that is not inverted
=====================================================

A series of NMR spectra, one per delay, has a decay at every point of the spectrum.
Inverted point by point, noise scatters the relaxation times from one point to the
next. Here the spectrum is an axis of the distribution too, which is regularised
together with the relaxation times and not inverted. Signals, and distributions, may
have both signs.
"""

# %%
# A series of spectra
# -------------------
#
# Eight delays between 1 ms and 1 s; six lines, one of them negative, with noise of
# standard deviation 1. Lines at .30, .55 and .80 hold two relaxation times each.

import matplotlib.pyplot as plt
import numpy as np

from skrelax import MultiDimRegularizedILT
from skrelax.datasets import make_spectrum_series

series = make_spectrum_series(512, random_state=0)
position = np.linspace(0, 1, 512)

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for delay, spectrum in zip(series.delays[::2], series.data[::2], strict=True):
    ax.plot(position, spectrum, lw=0.9, label=f"{delay * 1e3:.3g} ms")
ax.set(xlabel="position in the spectrum", ylabel="signal / noise")
ax.legend(title="delay", frameon=False, ncols=2)
plt.show()

# %%
# Inversion of all points together
# --------------------------------
#
# The channels of y are the points of the spectrum. ``channels="coupled"`` makes them an
# axis of the distribution. The noise is estimated from the part of the data that the
# kernel cannot make. Of so many channels some always change a little, so the published
# scheme is the quicker choice.

ilt = MultiDimRegularizedILT(
    "T2", series.relaxation_times, channels="coupled", scheme="reference", n_jobs=2
)
ilt.fit(series.delays[:, None], series.data)
print(f"noise {ilt.noise_std_:.3f}, {ilt.n_iter_} iterations")

# sphinx_gallery_thumbnail_number = 2
fit = ilt.distribution_
limit = np.abs(fit).max() / 8
figure, axes = plt.subplots(
    2, 1, figsize=(6.8, 5), sharex=True, height_ratios=(1, 2), layout="constrained"
)
axes[0].plot(position, series.data[0], color="0.5", lw=0.9)
axes[0].set(ylabel="signal / noise")
mesh = axes[1].pcolormesh(
    position, series.relaxation_times, fit, cmap="RdBu_r", vmin=-limit, vmax=limit
)
places = [(place, time) for place, _, parts in series.lines for time, _ in parts]
axes[1].plot(*np.transpose(places), "ko", mfc="none", ms=9, label="truth")
axes[1].set(yscale="log", xlabel="position in the spectrum", ylabel="$T_2$ (s)")
axes[1].legend(frameon=False, loc="lower left")
figure.colorbar(mesh, ax=axes[1], label="amplitude per bin", extend="both")
plt.show()

# %%
# The relaxation times of a line
# ------------------------------
#
# Sums over the points of a line are its distribution. Circles above and lines below
# mark the truth.

figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.8), layout="constrained")
for ax, (place, _, parts) in zip(axes, series.lines[1::2], strict=True):
    near = np.abs(position - place) < 0.012
    ax.plot(series.relaxation_times, fit[:, near].sum(axis=1), ".-", ms=4)
    for time, share in parts:
        ax.axvline(time, color="C1", lw=0.6 + 2 * share)
    ax.axhline(0, color="0.8", lw=0.8)
    ax.set(xscale="log", xlabel="$T_2$ (s)", title=f"line at {place}")
axes[0].set_ylabel("amplitude per bin")
plt.show()

# %%
# Residuals and their whiteness
# -----------------------------
#
# What is left should look like the noise: no structure in the picture, a standard
# deviation just below 1, and no autocorrelation along the spectrum beyond the 95 %
# limits of white noise. A few per cent of correlation are left here: the feet of lines,
# which the penalty flattens a little.

residuals = ilt.residuals_ / ilt.noise_std_
lags = np.arange(1, 31)
correlation = [
    np.mean(residuals[:, lag:] * residuals[:, :-lag]) / np.mean(residuals**2)
    for lag in lags
]
white = 1.96 / np.sqrt(residuals.size)
outside = np.mean(np.abs(correlation) > white)
print(f"residuals: deviation {residuals.std():.3f}, {outside:.0%} of lags outside")

figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
axes[0].pcolormesh(
    position, np.arange(8), residuals, cmap="RdBu_r", vmin=-3, vmax=3, shading="nearest"
)
axes[0].set(xlabel="position", ylabel="number of the delay", title="residuals / noise")
grid = np.linspace(-4, 4, 81)
axes[1].hist(residuals.ravel(), grid[::2], density=True, color="0.75")
axes[1].plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), color="C3")
axes[1].set(xlabel="residual / noise", title="distribution")
axes[2].bar(lags, correlation, color="0.5")
axes[2].axhspan(-white, white, color="C3", alpha=0.2, lw=0)
axes[2].set(xlabel="lag along the spectrum", title="autocorrelation")
plt.show()

# %%
# Convergence
# -----------
#
# The iteration follows the distribution with its penalties. It reaches a plateau, where
# the distribution changes by about a thousandth per step, and no fixed point: the
# attribute ``converged_`` says so. See
# :ref:`sphx_glr_auto_examples_signed_plot_signed_schemes.py` for a scheme that has one.

figure, ax = plt.subplots(figsize=(5, 2.8), layout="constrained")
ax.semilogy(np.arange(1, ilt.n_iter_ + 1), ilt.convergence_)
ax.set(xlabel="iteration", ylabel="relative change")
plt.show()
print(f"converged: {ilt.converged_}")
