"""
Diffusion-T2 and T2-T2 maps
===========================

Two axes need not be T1 and T2. Diffusion beside T2 tells fluids apart that relax alike;
T2 before and after a mixing time shows what moved from one pool to another meanwhile.
Nothing changes but the kernels.
"""

# %%
# Diffusion and T2
# ----------------
#
# 16 values of b and 24 echo times. A large pool that diffuses freely, and one that is
# restricted and relaxes faster. b is in s/m², so D is in m²/s.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks_2d
from skrelax.plotting import DistributionMapDisplay

rng = np.random.default_rng(0)
X = acquisition_grid(np.linspace(0, 6e9, 16), np.geomspace(1e-3, 1, 24))
signal = 0.6 * np.exp(-X[:, 0] * 2e-9 - X[:, 1] / 0.2)
signal += 0.4 * np.exp(-X[:, 0] * 3e-10 - X[:, 1] / 0.03)
signal += 0.002 * rng.standard_normal(len(X))

kernel = KernelBuilder(
    ["diffusion", "T2"], n_bins=30, minimum=[1e-11, 1e-3], maximum=[1e-8, 3.0]
)
model = make_pipeline(kernel, SmoothLasso(alpha=1e-5, smoothness=1e-3)).fit(X, signal)
DistributionMapDisplay.from_estimator(model)
plt.show()

# %%
# The peaks in numbers: 2e-9 m²/s with 200 ms, and 3e-10 m²/s with 30 ms, are the truth.

peaks = distribution_peaks_2d(
    model[-1].coef_, model[0].relaxation_times_, names=("D", "T2")
)
peaks[["log_mean_D", "log_mean_T2", "share", "at_edge"]]

# %%
# T2 and T2
# ---------
#
# Two echo trains with a mixing time between them. A tenth of the amplitude has moved
# each way meanwhile, and lies off the diagonal. Noise is lower: exchange is a matter
# of small shares.

times = np.geomspace(1e-3, 1, 20)
X = acquisition_grid(times, times)
pools = {(0.2, 0.2): 0.5, (0.02, 0.02): 0.3, (0.2, 0.02): 0.1, (0.02, 0.2): 0.1}
signal = sum(
    share * np.exp(-X[:, 0] / first - X[:, 1] / second)
    for (first, second), share in pools.items()
)
signal += 0.0005 * rng.standard_normal(len(X))

kernel = KernelBuilder(["T2", "T2"], n_bins=30, minimum=1e-3, maximum=3.0)
model = make_pipeline(kernel, SmoothLasso(alpha=1e-6, smoothness=1e-4)).fit(X, signal)
DistributionMapDisplay.from_estimator(model)
plt.show()

# %%
# Axes of the same name are numbered: ``T2_0`` is that of the first train.

peaks = distribution_peaks_2d(
    model[-1].coef_, model[0].relaxation_times_, names=("T2", "T2")
)
peaks[["log_mean_T2_0", "log_mean_T2_1", "share"]]
