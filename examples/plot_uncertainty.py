"""
Bands and intervals
===================

How much of a distribution is noise? :func:`~skrelax.uncertainty.bootstrap_distribution`
refits the signal with fresh noise and reports a band for the distribution and intervals
for the numbers that are taken from it.
"""

# %%
# The refits
# ----------
#
# Two hundred refits take one call: a linear inversion with a fixed penalty solves all
# of them together.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.datasets import make_decay
from skrelax.metrics import log_mean
from skrelax.plotting import DistributionDisplay
from skrelax.uncertainty import bootstrap_distribution

data = make_decay(
    times=np.geomspace(1e-2, 100, 60),
    peaks=[(0.3, 0.15, 0.4), (8.0, 0.2, 0.6)],
    noise_std=5e-3,
    random_state=0,
)
inversion = make_pipeline(
    KernelBuilder("T2", n_bins=80, minimum=1e-2, maximum=1e2), SmoothLasso(1e-6, 1e-3)
)
result = bootstrap_distribution(inversion, data.X, data.y, random_state=0)
print(f"noise level from the residuals: {result.noise_std:.1e} (true: 5.0e-03)")

# %%
# The band
# --------
#
# The band shows what noise does. It does not hold the bias of the penalty: that is why
# the truth may leave it where peaks are narrower than the resolution.

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
model = inversion.fit(data.X, data.y)
DistributionDisplay.from_estimator(
    model,
    truth=(data.relaxation_times, data.distribution),
    band=result.band(),
    ax=ax,
)
ax.set_title("90 % band of 200 refits")

# %%
# The numbers
# -----------
#
# Positions and shares are far better determined than the shape.

print(f"true log mean: {log_mean(data.distribution, data.relaxation_times):.3f}")
print("true shares: 0.4 and 0.6, true positions: 0.3 and 8")
result.to_frame().round(3)
