"""
Grid search over a Pipeline
===========================

Every step of an inversion is a scikit-learn estimator, so ``GridSearchCV`` can tune
any of its settings: here the rank of a compression and the penalty together, the
penalty by the one-standard-error rule, and the efficiency of an inversion pulse.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, SmoothLasso, TSVDCompressor
from skrelax.datasets import make_decay
from skrelax.model_selection import InterleavedKFold, one_standard_error
from skrelax.plotting import CrossValidationCurveDisplay, DistributionDisplay
from skrelax.signals import InversionRecovery

# %%
# Rank and penalty together
# -------------------------
# The folds are interleaved, so that each spans the whole decay. The compression keeps
# rows, so held-out points pass through it like any others.
data = make_decay(
    times=np.geomspace(0.01, 300.0, 40),
    peaks=[(0.3, 0.0, 0.3), (10.0, 0.0, 0.7)],
    noise_std=3e-3,
    random_state=0,
)
pipeline = make_pipeline(
    KernelBuilder("T2", n_bins=64, minimum=1e-2, maximum=1e3, supersampling=20),
    TSVDCompressor(),
    LassoFista(),
)
alphas = np.geomspace(1e-5, 1e-1, 17)
ranks = [2, 4, 6, 8, 10, 12, 16]
search = GridSearchCV(
    pipeline,
    {"tsvdcompressor__n_components": ranks, "lassofista__alpha": alphas},
    cv=InterleavedKFold(5),
    scoring="neg_mean_squared_error",
).fit(data.X, data.y)
for name, value in search.best_params_.items():
    print(f"{name} {value:.3g}")

# Candidates are in the order of the sorted names: alpha first, rank fastest.
mse = -search.cv_results_["mean_test_score"].reshape(alphas.size, len(ranks))
_, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
for rank, curve, color in zip(
    ranks, mse.T, plt.cm.viridis(np.linspace(0, 0.9, len(ranks))), strict=True
):
    ax.loglog(alphas, curve, ".-", color=color, label=str(rank))
ax.axhline(data.noise_std**2, color="0.5", lw=1, ls="--")
ax.annotate(
    "noise variance", (alphas[-1], data.noise_std**2), ha="right", fontsize="small",
    xytext=(0, 2), textcoords="offset points",
)  # fmt: skip
ax.set(xlabel="alpha", ylabel="mean squared error of held-out points")
ax.legend(title="rank", frameon=False, fontsize="small", ncol=4, loc="upper left")

# %%
# Too low a rank spoils the prediction at any penalty. Once the curve reaches the noise,
# the rank no longer matters: the penalty does the work.
#
# The one-standard-error rule
# ---------------------------
# The minimum of the curve is flat, and where it lies is chance. ``one_standard_error``
# as `refit` takes the strongest penalty whose error is within one standard error of the
# smallest.

searches = {
    "smallest error": GridSearchCV(
        pipeline,
        {"lassofista__alpha": alphas},
        cv=InterleavedKFold(5),
        scoring="neg_mean_squared_error",
    ).fit(data.X, data.y)
}
searches["one standard error"] = GridSearchCV(
    pipeline,
    {"lassofista__alpha": alphas},
    cv=InterleavedKFold(5),
    scoring="neg_mean_squared_error",
    refit=one_standard_error,
).fit(data.X, data.y)

_, axes = plt.subplots(2, 2, figsize=(8.4, 6), layout="constrained")
for (top, bottom), (name, result) in zip(axes.T, searches.items(), strict=True):
    CrossValidationCurveDisplay.from_estimator(result, ax=top)
    top.set_title(name)
    DistributionDisplay.from_estimator(result, unit="ms", ax=bottom)
    for centre in (0.3, 10.0):
        bottom.axvline(centre, color="C1", lw=1, zorder=0)

# %%
# The orange lines are the true components.
#
# A setting of the signal model
# -----------------------------
# Inversion pulses are not perfect. The efficiency is a setting of the signal model, and
# the search reaches it by name. With the efficiency fixed at 2, the inversion of these
# data puts signal on the edge of the grid to make up for it.

recovery = make_decay(
    InversionRecovery(efficiency=1.7),
    times=np.geomspace(1e-3, 3.0, 32),
    peaks=[(0.1, 0.15, 1.0)],
    noise_std=2e-3,
    random_state=0,
)
inversion = make_pipeline(
    KernelBuilder(InversionRecovery(), n_bins=64, minimum=1e-3, maximum=1e1),
    SmoothLasso(smoothness=1e-4),
)
efficiencies = np.linspace(1.4, 2.0, 13)
tuned = GridSearchCV(
    inversion,
    {"kernelbuilder__kernel__efficiency": efficiencies},
    cv=InterleavedKFold(5),
    scoring="neg_mean_squared_error",
).fit(recovery.X, recovery.y)
fixed = inversion.fit(recovery.X, recovery.y)

_, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.semilogy(efficiencies, -tuned.cv_results_["mean_test_score"], "o-", ms=4)
left.axvline(1.7, color="C1", lw=1, label="truth")
left.set(xlabel="efficiency", ylabel="mean squared error of held-out points")
left.legend(frameon=False)
DistributionDisplay.from_estimator(fixed, ax=right).lines_[-1].set(
    color="C3", label="efficiency 2", clip_on=False
)
DistributionDisplay.from_estimator(
    tuned, truth=(recovery.relaxation_times, recovery.distribution), ax=right
).lines_[-1].set_label("efficiency tuned")
right.legend(frameon=False)
