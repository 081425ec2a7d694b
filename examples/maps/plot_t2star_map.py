"""
T2* maps and the noise floor
============================

Magnitudes of noise do not average to zero. Where a signal has decayed into the noise,
a plain exponential takes the floor for a slow decay. The Rician likelihood knows it.
"""

# %%
# The images
# ----------
#
# Twelve echoes of a gradient echo train, with a noise that the short T2* of the outer
# rim reaches within the train.

import matplotlib.pyplot as plt
import numpy as np

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import make_image_series
from skrelax.io import foreground_mask
from skrelax.plotting import ParameterMapDisplay

noise_std = 0.06
data = make_image_series("T2*", size=96, noise_std=noise_std, random_state=0)
table = data.table
mask = foreground_mask(table)
images = {
    f"TE = {1e3 * data.X['TE'][k]:.0f} ms": table.to_image(table.signals[k])
    for k in (0, 3, 7, 11)
}
same, grey = dict.fromkeys(images, (0.0, 1.0)), dict.fromkeys(images, "gray")
ParameterMapDisplay(images, limits=same, colours=grey).plot()

# %%
# Three fits
# ----------
#
# Least squares; least squares with a constant; and the maximum of the Rician likelihood
# with the noise level of the background, where magnitudes have a mean square of twice
# the variance. Voxels without a value are grey: those of fluid, whose T2* is much
# longer than the train, and all that a decay with a constant cannot tell.

background = ~np.isfinite(data.truth["M0"]).ravel()
level = float(np.sqrt(np.mean(data.y[:, background & ~mask] ** 2) / 2))
print(f"noise level {level:.4f} (true: {noise_std})")
fits = {
    "least squares": NonlinearRelaxationFit("T2*"),
    "with offset": NonlinearRelaxationFit("T2-offset"),
    "Rician": NonlinearRelaxationFit("T2*", noise="rician", noise_std=level),
}
for fit in fits.values():
    fit.fit(data.X, data.y, mask=mask)

maps = {"truth": data.truth["T2*"]}
for name, fit in fits.items():
    values = np.where(fit.status_ == 0, fit.params_[:, -1], np.nan)
    maps[name] = table.to_image(values)
# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.2), layout="constrained")
ParameterMapDisplay(
    {f"T2*, {name}": image for name, image in maps.items()},
    limits={f"T2*, {name}": (0.02, 0.12) for name in maps},
    units={f"T2*, {name}": "s" for name in maps},
).plot(axes)

# %%
# Bias
# ----
#
# Medians and quartiles per tissue, in percent of the truth. Least squares is several
# percent too long. An offset is no remedy: a constant and a slow decay look alike
# within a short train, so that T2* comes out far too short or is not identifiable. The
# likelihood removes the bias without a further parameter.

truth = data.truth["T2*"].ravel()
kinds = ["scalp", "white", "grey", "lesion"]
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for shift, (name, fit) in zip((-0.25, 0.0, 0.25), fits.items(), strict=True):
    bias, scatter = [], []
    for kind in kinds:
        there = (data.tissue.ravel() == kind) & (fit.status_ == 0)
        error = 100 * (fit.params_[there, -1] / truth[there] - 1)
        bias.append(np.median(error))
        scatter.append(np.percentile(error, [25, 75]) - np.median(error))
    scatter = np.abs(np.transpose(scatter))
    ax.errorbar(
        np.arange(len(kinds)) + shift, bias, scatter, fmt="o", capsize=3, label=name
    )
ax.axhline(0.0, color="0.6", lw=0.8)
ax.set_xticks(range(len(kinds)), kinds)
ax.set_ylabel("error of T2* (%)")
ax.legend(frameon=False)
