"""
T1, T2 and diffusion together
=============================

Three axes at once, for samples that no map over two of them sorts out. The shape of the
acquisition is that of two axes with one column more; pictures are slices of the third.
"""

# %%
# Three fluids
# ------------
#
# Bound water, free water and oil. Oil and free water have one T2, bound water and oil
# nearly one ratio of T1 and T2, and both waters nearly one coefficient of diffusion.
# 8 recovery times, 14 echo times and 8 values of b.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import Rectangle, region_statistics
from skrelax.plotting import DistributionSlicesDisplay

X = acquisition_grid(
    np.geomspace(0.01, 6, 8), np.geomspace(1e-3, 0.8, 14), np.linspace(0, 5e9, 8)
)
fluids = {  # share, T1, T2, D
    "bound water": (0.25, 0.06, 0.008, 1.5e-9),
    "free water": (0.45, 0.25, 0.15, 2.2e-9),
    "oil": (0.30, 1.2, 0.15, 1e-10),
}
signal = sum(
    share * (1 - np.exp(-X[:, 0] / t1)) * np.exp(-X[:, 1] / t2 - X[:, 2] * d)
    for share, t1, t2, d in fluids.values()
)
signal += 0.001 * np.random.default_rng(0).standard_normal(len(X))

# %%
# Inversion
# ---------
#
# 24 x 24 x 24 bins. Smoothness is along all three axes. The residual is that of the
# noise, .001.

kernel = KernelBuilder(
    ["T1-SR", "T2", "diffusion"],
    n_bins=24,
    minimum=[0.02, 2e-3, 2e-11],
    maximum=[4.0, 1.0, 1e-8],
)
model = make_pipeline(kernel, SmoothLasso(smoothness=1e-6)).fit(X, signal)
print(f"residual {(signal - model.predict(X)).std():.5f}")
DistributionSlicesDisplay.from_estimator(model)
plt.show()

# %%
# Slices along another axis: those of T2, over T1 and D. No lines of equal ratio are
# drawn where the axes have no common unit, and slices in which there is nothing are
# left out.

# sphinx_gallery_thumbnail_number = 2
DistributionSlicesDisplay.from_estimator(model, axis=1)
plt.show()

# %%
# Amplitudes
# ----------
#
# Regions are parts of maps over two axes: those over T2 and D here, the sum over T1.

parts = [
    Rectangle("bound water", T2=(0, 0.035), D=(5e-10, np.inf)),
    Rectangle("free water", T2=(0.035, np.inf), D=(5e-10, np.inf)),
    Rectangle("oil", D=(0, 5e-10)),
]
table = region_statistics(
    model[-1].distribution_.sum(axis=0),
    model[-1].grids_[1:],
    parts,
    names=("T2", "D"),
)
table["truth"] = [fluids[name][0] for name in table["region"]]
table[["region", "amplitude", "truth", "log_mean_T2", "log_mean_D"]]
