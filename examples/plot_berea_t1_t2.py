"""
T1-T2 map of a sandstone
========================

Inversion recovery followed by an echo train gives a signal over two times, and a
distribution over T1 and T2 together. This example reads a measurement of Berea
sandstone where it is there (a folder that ``SKRELAX_DATA`` names, or ``shared/data``
beside the checkout) and simulates one like it elsewhere.
"""

# %%
# The measurement
# ---------------
#
# Echoes are complex: the phase is removed, and the imaginary channel tells the noise.
# A train of a thousand echoes is averaged in windows of growing width. The number of
# echoes in a window is its weight.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.io import compress_echoes, correct_phase, read_spinsolve
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks_2d
from skrelax.plotting import DistributionMapDisplay
from skrelax.signals import InversionRecovery

folder = Path(os.environ.get("SKRELAX_DATA", "../../shared/data")) / "nmr"
if (folder / "T1IRT2.dat.gz").exists():
    source = "Berea sandstone"
    grid = read_spinsolve(folder / "T1IRT2.dat.gz", folder / "IRCPMG_acqu.par")
    inversion_times, echo_times = grid.inversion_times, grid.echo_times
    echoes, imaginary, phase = correct_phase(grid.echoes)
    noise_std = imaginary.std()
    print(f"{source}: phase {phase:.2f} degrees, noise {noise_std:.3g} per echo")
else:
    source = "simulated sandstone"
    inversion_times = np.geomspace(1e-3, 3.0, 16)
    echo_times = 1e-4 * np.arange(1, 1025)
    T2 = np.logspace(-3.5, -1, 300)
    weight = np.exp(-0.5 * ((np.log10(T2) + 1.9) / 0.35) ** 2)
    recovery = 1 - 1.75 * np.exp(-inversion_times[:, None] / (12 * T2))
    decays = np.exp(-echo_times[:, None] / T2)
    noise_std = 70.0
    echoes = 5e4 * np.einsum("ik,jk,k->ij", recovery, decays, weight / weight.sum())
    echoes += noise_std * np.random.default_rng(0).standard_normal(echoes.shape)

windows, signal, weights = compress_echoes(echo_times, echoes, n_windows=48)
X = acquisition_grid(inversion_times, windows)
y = signal.ravel()
sample_weight = np.tile(weights, inversion_times.size)

# %%
# The inversion efficiency
# ------------------------
#
# Inversion pulses are not perfect. The factor of the recovery is tuned like a penalty:
# by the cross-validated error of held-out points.


def invert(efficiency, final):
    builder = KernelBuilder(
        [InversionRecovery(efficiency=efficiency), "T2"],
        n_bins=40,
        minimum=[3e-3, 3e-4],
        maximum=[3.0, 0.3],
    )
    name = type(final).__name__.lower()
    return make_pipeline(builder, final).fit(
        X, y, **{f"{name}__sample_weight": sample_weight}
    )


efficiencies = np.linspace(1.5, 2.0, 11)
search = SmoothLassoCV(alphas=[0.0], smoothnesses=[1e-5], cv=4)
errors = [
    invert(efficiency, search)[-1].cv_results_["mean_test_mse"].min()
    for efficiency in efficiencies
]
best = float(efficiencies[int(np.argmin(errors))])
figure, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
ax.semilogy(efficiencies, errors, "o-")
ax.set(xlabel="inversion efficiency", ylabel="mean squared error of held-out points")
print(f"inversion efficiency {best:.2f}")

# %%
# The map
# -------
#
# The dashed line is T1 = T2; nothing can lie below it. The marginals are the T1 and
# T2 distributions. Residuals of the measurement stay above twice the noise however
# weak the penalty is, so something systematic is left in it. Cross-validation would
# take that for structure and choose the weakest penalty; a moderate one is set by hand.

model = invert(best, SmoothLasso(alpha=0.0, smoothness=1e-3))
residual = (y - model.predict(X)) * np.sqrt(sample_weight)
print(f"residual: {residual.std() / noise_std:.1f} times the noise")
display = DistributionMapDisplay.from_estimator(model)
display.figure_.suptitle(source)
coef = model[-1].coef_.reshape(model[0].grid_shape_)
peaks = distribution_peaks_2d(coef, model[0].relaxation_times_, names=("T1", "T2"))
peaks[["position_T1", "position_T2", "ratio", "share", "at_edge"]].round(4)

# %%
# Without the right efficiency
# ----------------------------
#
# A perfect inversion (2) leaves a misfit that ends up as amplitude on the edge of the
# T1 axis.

perfect = invert(2.0, SmoothLasso(alpha=0.0, smoothness=1e-3))
display = DistributionMapDisplay.from_estimator(perfect)
display.figure_.suptitle(f"{source}, efficiency 2 instead of {best:.2f}")
f = perfect[-1].coef_.reshape(perfect[0].grid_shape_)
print(f"amplitude on the first T1 bin: {100 * f[0].sum() / f.sum():.0f} %")
