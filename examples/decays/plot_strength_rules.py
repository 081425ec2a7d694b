"""
Which rule picks which strength?
================================

The strength of a penalty can be chosen by cross-validation over acquisition points, by
generalised cross-validation (GCV), by the corner of the L-curve, or, where the noise
level is known, by the discrepancy principle, a chi-squared factor, or the condition of
Butler, Reeds and Dawson (BRD). :class:`~skrelax.model_selection.StrengthSearch` has
them all behind one interface.
"""

# %%
# One decay, seven rules
# ----------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.datasets import make_decay
from skrelax.metrics import wasserstein_distance
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import DistributionDisplay, StrengthCurveDisplay

times = np.geomspace(1e-2, 300.0, 60)
settings = {"times": times, "noise_std": 3e-3}
data = make_decay(**settings, random_state=0)
inversion = make_pipeline(
    KernelBuilder("T2", n_bins=80, minimum=1e-2, maximum=1e3), SmoothLasso()
)
rules = ["cv", "cv-1se", "gcv", "lcurve", "discrepancy", "chi2", "brd"]


def search(rule, sample):
    # Ten percent above the noise: no fit comes below the noise of every sample.
    return StrengthSearch(
        inversion, rule=rule, noise_std=1.1 * sample.noise_std, strengths=30
    ).fit(sample.X, sample.y)


figure, axes = plt.subplots(3, 3, figsize=(10.5, 10), layout="constrained")
chosen = {rule: search(rule, data) for rule in rules}
for ax, rule in zip(axes.flat, rules, strict=False):
    StrengthCurveDisplay.from_estimator(chosen[rule], ax=ax)
for ax in axes.flat[len(rules) :]:
    ax.axis("off")

# %%
# The distributions that they give
# --------------------------------

figure, axes = plt.subplots(3, 3, figsize=(9.6, 7.4), sharey=True, layout="constrained")
for ax, rule in zip(axes.flat, rules, strict=False):
    truth = data.relaxation_times, data.distribution
    DistributionDisplay.from_estimator(chosen[rule], unit="ms", truth=truth, ax=ax)
    ax.set_title(f"{rule}: {chosen[rule].strength_:.2g}")
for ax in axes.flat[len(rules) :]:
    ax.axis("off")

# %%
# Over several draws of the noise
# -------------------------------
#
# One decay is an anecdote. Over ten, the table shows the spread of the strengths in
# decades and the median distance to the truth (Wasserstein, in decades).

rows = []
for seed in range(10):
    sample = make_decay(**settings, random_state=seed)
    for rule in rules:
        model = search(rule, sample)
        pipeline = model.best_estimator_
        distance = wasserstein_distance(
            pipeline[-1].coef_,
            pipeline[0].relaxation_times_,
            sample.distribution,
            sample.relaxation_times,
        )
        rows.append({"rule": rule, "strength": model.strength_, "distance": distance})
draws = pd.DataFrame(rows)
table = draws.groupby("rule", sort=False)
summary = pd.DataFrame(
    {
        "median strength": table["strength"].median().map("{:.1e}".format),
        "spread in decades": table["strength"]
        .apply(lambda s: np.log10(s).std())
        .round(2),
        "median distance": table["distance"].median().round(3),
    }
)
summary

# %%
# Each point is a draw: how strong the penalty is, and, by its colour, how far from the
# truth the distribution is.

# sphinx_gallery_thumbnail_number = 3
figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
for height, (_, found) in enumerate(table):
    shown = ax.scatter(
        found["strength"], np.full(len(found), height), c=found["distance"], s=60,
        cmap="viridis_r", vmin=0, vmax=draws["distance"].max(), alpha=0.8,
    )  # fmt: skip
ax.set(xscale="log", xlabel="smoothness", yticks=range(len(rules)), yticklabels=rules)
ax.invert_yaxis()
figure.colorbar(shown, label="distance to the truth (decades)")
plt.show()
