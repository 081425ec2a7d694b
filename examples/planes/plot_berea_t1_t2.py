"""
T1-T2 map of a sandstone
========================

Inversion recovery followed by an echo train gives a signal over two times, and a
distribution over T1 and T2 together. This is a measurement of Berea sandstone on a
benchtop spectrometer, which comes with the package; of a file like it one command makes
the same.
"""

# %%
# The measurement
# ---------------
#
# 16 inversion times, and 1024 echoes of each, whose phase is removed and which are
# averaged in windows of growing width. The number of echoes in a window is its weight.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.datasets import load_berea
from skrelax.metrics import RatioBand, Rectangle, distribution_peaks_2d
from skrelax.model_selection import EfficiencySearch, StrengthSearch
from skrelax.plotting import DistributionMapDisplay, ResidualsMapDisplay
from skrelax.signals import InversionRecovery

berea = load_berea()
X, y, weight = berea.X, berea.y, berea.sample_weight
print(berea.X.shape, f"noise of an echo {berea.noise_std:.3g}")

# %%
# Efficiency of the inversion
# ---------------------------
#
# Pulses never invert all of the magnetisation. A few values are compared by their
# cross-validated error, on a coarse grid, which is enough for it.

coarse = make_pipeline(
    KernelBuilder(["T1-IR", "T2"], n_bins=20),
    SmoothLassoCV(alphas=[0.0], smoothnesses=np.geomspace(1e-6, 1e-2, 5), cv=3,
                  order=1, adaptive=False, rule="min"),
)  # fmt: skip
search = EfficiencySearch(coarse, np.linspace(1.5, 2.0, 6))
search.fit(X, y, sample_weight=weight)
search.candidates_.round(4)

# %%
# The map
# -------
#
# The strength of the penalty is that of the corner of the L-curve; it is on the
# amplitudes themselves (order 0), as in most programs for maps. In a terminal all of
# this, from the files of the spectrometer, is ``skrelax invert T1IRT2.dat``: it finds
# phase, windows, efficiency, baseline and strength, and writes tables and a picture.


def invert(efficiency):
    """Return the fitted map with an efficiency."""
    kernel = KernelBuilder([InversionRecovery(efficiency), "T2"], n_bins=60)
    final = StrengthSearch(SmoothLasso(alpha=0.0, order=0), rule="lcurve")
    model = make_pipeline(kernel, final)
    return model.fit(X, y, strengthsearch__sample_weight=weight)


model = invert(search.efficiency_)
names = ("T1", "T2")
bins, f = model[-1].grids_, model[-1].distribution_
peaks = distribution_peaks_2d(f, bins, names=names)
peaks[["position_T1", "position_T2", "share"]].head(3).round(4)

# %%
# What the fit leaves, in units of the noise: structure there is signal that the map
# does not hold.

display = ResidualsMapDisplay.from_estimator(
    model, X, y, sample_weight=weight, noise_std=berea.noise_std
)
plt.show()

# %%
# Reading the map
# ---------------
#
# Of a sandstone one asks how much water is bound: what has a T2 below 33 ms, by the
# usual cutoff.

regions = [
    Rectangle("bound, T2 below 33 ms", T2=(0, 0.033)),
    Rectangle("free", T2=(0.033, np.inf)),
    RatioBand("T1/T2 from 3 to 50", 3, 50),
]
held = model[-1].regions(regions)
held[["region", "share", "log_mean_T1", "log_mean_T2", "ratio"]].round(3)

# %%

# sphinx_gallery_thumbnail_number = 2
display = DistributionMapDisplay(bins, f, names=names, regions=regions).plot()
display.figure_.suptitle("Berea sandstone")
plt.show()

# %%
# Without the right efficiency
# ----------------------------
#
# With that of a perfect pulse (2) residuals grow, and what the kernel cannot describe
# ends up at the edges of the map.

for efficiency in (search.efficiency_, 2.0):
    model = invert(efficiency)
    f = model[-1].distribution_
    residual = np.sqrt(np.mean(weight * (y - model.predict(X)) ** 2))
    edges = f.sum() - f[1:-1, 1:-1].sum()
    print(
        f"efficiency {efficiency:.2f}: residuals {residual:.3g} per echo, "
        f"{100 * edges / f.sum():.0f} % in the bins at the edges"
    )

# %%
# :doc:`/guide/two_axes` has the same steps for other kernels,
# :doc:`/guide/plane_choices` what bins, windows and rules do to a map.
