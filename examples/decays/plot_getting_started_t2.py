"""
Getting started: a T2 distribution
==================================

One simulated decay is inverted step by step: data, kernel, compression, penalty by
cross-validation, and the result beside the truth. These are the steps of mrinversion's
introduction to relaxation; :doc:`/migration` has the calls side by side.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFistaCV, SmoothLassoCV, TSVDCompressor
from skrelax.datasets import make_decay
from skrelax.metrics import fraction_between, log_mean, wasserstein_distance
from skrelax.plotting import (
    CrossValidationCurveDisplay,
    DecayDisplay,
    DistributionDisplay,
    ResidualsDisplay,
)

# %%
# Data and truth
# --------------
# Acquisition points are rows of X, so the times form a column; y is the signal. The
# truth has two broad components of equal share. The signal is computed on a fine grid
# that the inversion never sees.
data = make_decay("T2", times=np.geomspace(0.01, 300.0, 25), random_state=0)
truth = (data.relaxation_times, data.distribution)

_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.semilogx(data.X[:, 0], data.y, "o", color="0.3", mfc="none")
left.set(xlabel="time (ms)", ylabel="signal", title="data")
per_decade = data.distribution / np.gradient(np.log10(data.relaxation_times))
right.semilogx(data.relaxation_times, per_decade, color="C1")
right.set(xlabel="$T_2$ (ms)", ylabel="amplitude per decade", title="truth")

# %%
# Kernel
# ------
# A column of the kernel is the decay of one bin of the T2 grid. With supersampling it
# is the mean over the cell of the bin.

kernel = KernelBuilder(
    "T2", n_bins=64, minimum=1e-2, maximum=1e3, supersampling=20
).fit(data.X)
K = kernel.transform(data.X)

_, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
times = np.geomspace(0.01, 300.0, 200)
chosen = [8, 20, 32, 44, 56]
for decay, t2 in zip(
    kernel.transform(times[:, None])[:, chosen].T,
    kernel.relaxation_times_[chosen],
    strict=True,
):
    ax.semilogx(times, decay, label=f"{t2:.3g} ms")
ax.set(xlabel="time (ms)", ylabel="kernel", title="five of 64 columns")
ax.legend(
    title="$T_2$",
    frameon=False,
    fontsize="small",
    bbox_to_anchor=(1, 1),
    loc="upper left",
)

# %%
# Compression
# -----------
# The singular values of the kernel fall steeply: a few directions carry all that the
# data can say, the rest is below the noise. The compressor cuts there but keeps the
# rows, so it fits into a Pipeline, and the minimiser is the one of the small,
# row-compressed problem (:doc:`/theory/tsvd`). The entropy rule is mrinversion's: it
# drops the last singular value, and more where the rest drowns in round-off.

noise = TSVDCompressor("noise", noise_std=data.noise_std).fit(K)
entropy = TSVDCompressor("entropy").fit(K)
singular_values = np.linalg.svd(K, compute_uv=False)

_, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
ax.semilogy(np.arange(1, singular_values.size + 1), singular_values, "o-", ms=4)
ax.axhline(data.noise_std, color="0.5", lw=1, label="noise level")
for compressor, color in ((noise, "C2"), (entropy, "C3")):
    ax.axvline(
        compressor.n_components_ + 0.5, ls="--", color=color,
        label=f"{compressor.n_components}: index {compressor.n_components_}, "
        f"compression {compressor.compression_factor_:.3g}",
    )  # fmt: skip
ax.set(xlabel="index", ylabel="singular value", title="spectrum of the kernel")
ax.legend(frameon=False, fontsize="small")

# %%
# The penalty, by cross-validation
# --------------------------------
# 64 penalties, 5 interleaved folds over the acquisition points. Each solution of each
# fold carries a certificate, the duality gap.
lasso = make_pipeline(
    kernel, TSVDCompressor("entropy"), LassoFistaCV(alphas=64, cv=5)
).fit(data.X, data.y)
print(f"alpha {lasso[-1].alpha_:.3g}, gap {lasso[-1].dual_gap_:.1g}")

display = CrossValidationCurveDisplay.from_estimator(lasso)

# %%
# The optimum against the truth
# -----------------------------
# The LASSO prefers few components, so under each broad peak stands a picket fence. This
# is its minimiser; programs that show a smooth LASSO stop the iteration early. The
# positions and shares of the groups are right, the spikes mean nothing. For broad
# distributions take the smooth LASSO, which penalises differences of neighbouring bins.

smooth = make_pipeline(kernel, SmoothLassoCV(cv=5)).fit(data.X, data.y)

# sphinx_gallery_thumbnail_number = 6
for model, name in ((lasso, "LASSO"), (smooth, "smooth LASSO")):
    _, ax = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
    DistributionDisplay.from_estimator(model, unit="ms", truth=truth, ax=ax)
    ax.set_title(name)

# %%
# Both fit the data to the noise: the data alone do not decide between them.

_, axes = plt.subplots(2, 2, figsize=(9, 5.2), layout="constrained", sharex=True)
for column, model, name in zip(
    axes.T, (lasso, smooth), ("LASSO", "smooth LASSO"), strict=True
):
    DecayDisplay.from_estimator(model, data.X, data.y, unit="ms", ax=column[0])
    ResidualsDisplay.from_estimator(
        model, data.X, data.y, noise_std=data.noise_std, unit="ms", ax=column[1]
    )
    column[0].set(title=name, xlabel="")

# %%
# The numbers that both get right, and the distance to the truth, where they differ.

for name, model in (("LASSO", lasso), ("smooth LASSO", smooth)):
    f, grid = model[-1].coef_, kernel.relaxation_times_
    slow = grid > 3.0
    print(
        f"{name:>12}: log-means {log_mean(f[~slow], grid[~slow]):.3f} and "
        f"{log_mean(f[slow], grid[slow]):.2f} ms, share of the slow group "
        f"{fraction_between(f, grid, 3.0):.3f}, distance to the truth "
        f"{wasserstein_distance(f, grid, truth[1], truth[0]):.3f} decades"
    )
