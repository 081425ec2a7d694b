"""
Slices of T1-T2 maps inverted together: pseudo three dimensions
===============================================================

Four peaks of both signs in a T1-T2 map, of which two pass each other from slice to
slice, as for exchange or a chemical reaction. Slices are an axis that is regularised
with T1 and T2 and not inverted: a peak is told from noise by its neighbours in the
next slice.
"""

# %%
# Signal
# ------
#
# 32 x 32 times in each of ten slices, of which four are inverted and shown, with noise
# of standard deviation 1.

import matplotlib.pyplot as plt
import numpy as np

from skrelax import MultiDimRegularizedILT, ReferenceScheme
from skrelax.datasets import make_signed_slices

slices = make_signed_slices(10, random_state=0)
shown = [0, 3, 6, 9]
# Every third slice keeps this page quick; the benchmark inverts all ten.
data, positions = slices.data[:, :, shown], slices.positions[shown]
truth, times = slices.distribution[:, :, shown], slices.times

# %%
# Inversion
# ---------
#
# Two inverted axes with 40 bins each, and the slices. Trailing axes of an array are
# channels; ``channels`` gives their positions.

bins = np.logspace(-1.5, 2.5, 40)
ilt = MultiDimRegularizedILT(
    "T2", [bins, bins], channels=positions,
    noise_std=1.0, scheme=ReferenceScheme(max_iter=25), n_jobs=2,
)  # fmt: skip
ilt.fit_grid((times, times), data)
fit = ilt.distribution_
print(f"{fit.size} unknowns, last step {ilt.convergence_[-1]:.1e}")

# %%
# Truth and inversion, slice by slice. Amplitudes are per square decade.

figure, axes = plt.subplots(
    2, 4, figsize=(9.6, 5), sharex=True, sharey=True, layout="constrained"
)
per_bin = (np.log10(bins[1] / bins[0])) ** 2
per_fine = (np.log10(slices.relaxation_times[1] / slices.relaxation_times[0])) ** 2
limit = np.abs(truth).max() / per_fine
levels = np.linspace(-limit, limit, 21)
for column, axis in enumerate(axes.T):
    fine, grid = slices.relaxation_times, bins
    axis[0].contourf(fine, fine, truth[:, :, column] / per_fine, levels, cmap="RdBu_r")
    drawn = axis[1].contourf(
        grid, grid, fit[:, :, column] / per_bin, levels, cmap="RdBu_r", extend="both"
    )
    axis[0].set_title(
        f"slice at {positions[column]:.0f}".replace("-", "\N{MINUS SIGN}")
    )
    axis[1].set(xscale="log", yscale="log", xlabel="$T_2$ (s)")
axes[0, 0].set_ylabel("truth\n$T_1$ (s)")
axes[1, 0].set_ylabel("inversion\n$T_1$ (s)")
label = "amplitude per square decade"
figure.colorbar(drawn, ax=axes, label=label, ticks=[-10_000, 0, 10_000], shrink=0.8)
plt.show()

# %%
# Amplitudes
# ----------
#
# The sum over the quadrant of each peak against the truth.

late = bins > 10**0.75
fine_late = slices.relaxation_times > 10**0.75
print("slice   short T2       long T2        (truth in brackets)")
for column, position in enumerate(positions):
    row = [
        f"{fit[:, side, column].sum():7.1f} ({truth[:, fine, column].sum():.1f})"
        for side, fine in ((~late, ~fine_late), (late, fine_late))
    ]
    print(f"{position:5.0f}  {row[0]}  {row[1]}")

# %%
# Residuals
# ---------
#
# Standardised residuals of one slice, their distribution and their autocorrelation
# along the first axis.

residuals = ilt.residuals_
figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
axes[0].pcolormesh(times, times, residuals[:, :, 0], cmap="RdBu_r", vmin=-3, vmax=3)
axes[0].set(xscale="log", yscale="log", xlabel="$T_2$ delay (s)")
axes[0].set(ylabel="$T_1$ delay (s)", title="residuals / noise")
grid = np.linspace(-4, 4, 61)
axes[1].hist(residuals.ravel(), grid, density=True, color="0.75")
axes[1].plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), color="C3")
axes[1].set(xlabel="residual / noise", title="distribution")
lags = np.arange(1, 16)
correlation = [np.mean(residuals[lag:] * residuals[:-lag]) for lag in lags]
white = 1.96 / np.sqrt(residuals.size)
axes[2].bar(lags, correlation / residuals.var(), color="0.5")
axes[2].axhspan(-white, white, color="C3", alpha=0.2, lw=0)
axes[2].set(xlabel="lag along $T_1$", title="autocorrelation")
plt.show()
print(f"deviation of the residuals {residuals.std():.3f}")
