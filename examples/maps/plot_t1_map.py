"""
A T1 map from inversion recovery
================================

Magnitude images at ten inversion times, as in the ISMRM challenge on quantitative MRI
of 2024, give T1 and M0 of every voxel. This example follows the usual steps (starting
values from a dictionary, a nonlinear fit, a map of the relative error) and then asks
how good the result is, which simulated data can tell.
"""

# %%
# The images
# ----------
#
# The slice is simulated with smoothly varying tissues. Magnitudes hide the sign of the
# signal: it is negative before the zero crossing, which differs from voxel to voxel.

import matplotlib.pyplot as plt
import numpy as np

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import make_image_series
from skrelax.dictionary import DictionaryMatcher, make_dictionary
from skrelax.io import foreground_mask
from skrelax.plotting import ParameterMapDisplay

data = make_image_series("T1-IR", size=128, noise_std=0.01, random_state=0)
table = data.table
images = {
    f"TI = {time:g} s": table.to_image(table.signals[k])
    for k, time in enumerate(data.X["TI"])
    if k in (0, 3, 6, 9)
}
same, grey = dict.fromkeys(images, (0.0, 1.0)), dict.fromkeys(images, "gray")
ParameterMapDisplay(images, limits=same, colours=grey).plot()

# %%
# Starting values
# ---------------
#
# A dictionary of sixty signals gives the best T1 of a coarse grid. The dictionary
# holds magnitudes, as the images do.

mask = foreground_mask(table)
grid = np.geomspace(0.1, 6.0, 60)[:, None]
atoms, parameters = make_dictionary("T1-IR", grid, data.X)
matcher = DictionaryMatcher().fit(np.abs(atoms), parameters)
start = np.full((mask.size, 2), np.nan)
voxels = table.by_sample().to_numpy()[mask]
start[mask, 0] = matcher.predict(voxels).ravel()
start[mask, 1] = np.abs(matcher.predict_scale(voxels))

# %%
# The fit
# -------
#
# :class:`~skrelax.nonlinear.NonlinearRelaxationFit` makes these steps in one call: it
# compares each signal with a fine grid, finds the polarity, eliminates M0, and refines
# T1 by Newton's method. The background is masked.

fit = NonlinearRelaxationFit("T1-IR", n_jobs=2).fit(data.X, data.y, mask=mask)
T1 = table.to_image(fit.params_[:, 1])
# sphinx_gallery_thumbnail_number = 2
figure, ax = plt.subplots(figsize=(4.9, 4), layout="constrained")
ParameterMapDisplay({"T1": T1}, units={"T1": "s"}, limits={"T1": (0.3, 4.0)}).plot(ax)

# %%
# M0, what the fit leaves beside the signal, the standard error that it states, and the
# map of the dictionary alone.

maps = {
    "M0": table.to_image(fit.params_[:, 0]),
    "relative error": table.to_image(fit.relative_error_),
    "T1 stderr": table.to_image(fit.stderr_[:, 1]),
    "T1, dictionary": table.to_image(start[:, 0]),
}
figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.2), layout="constrained")
display = ParameterMapDisplay(
    maps,
    units={"T1, dictionary": "s", "T1 stderr": "s"},
    limits={"T1, dictionary": (0.3, 4.0)},
).plot(axes)

# %%
# Single voxels
# -------------
#
# The polarity is found for each point, and the curves are magnitudes of the fit, which
# touch zero between the points.

tissue = data.tissue.ravel()
chosen = [np.flatnonzero(tissue == kind)[40] for kind in ("white", "grey", "fluid")]
voxels = NonlinearRelaxationFit("T1-IR").fit(data.X, data.y[:, chosen])
fine = data.X.loc[data.X.index.repeat(40)].copy()
fine["TI"] = np.linspace(0.0, 4.0, len(fine))
kinds = ("white matter", "grey matter", "fluid")
figure, ax = plt.subplots(figsize=(5.8, 3.9), layout="constrained")
for number, (kind, curve) in enumerate(zip(kinds, voxels.predict(fine).T, strict=True)):
    ax.plot(data.X["TI"], data.y[:, chosen[number]], f"C{number}o", mfc="none")
    ax.plot(fine["TI"], curve, f"C{number}", label=kind)
ax.set(xlabel="TI (s)", ylabel="magnitude", ylim=(0, None))
ax.legend(frameon=False, loc="upper center")
table_of_voxels = voxels.to_frame().drop(columns="r2").round(4)
table_of_voxels.insert(0, "tissue", kinds)
table_of_voxels

# %%
# How good is it?
# ---------------
#
# Errors divided by their standard errors must have a standard deviation of one. The
# dictionary has the step of its grid instead.

truth = data.truth["T1"].ravel()
inside = np.isfinite(truth) & (fit.status_ == 0)
z = (fit.params_[inside, 1] - truth[inside]) / fit.stderr_[inside, 1]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
axes[0].hist(z, bins=80, range=(-5, 5), density=True, color="0.7")
x = np.linspace(-5, 5, 200)
axes[0].plot(x, np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi), color="C0")
axes[0].set(xlabel="(T1 - truth) / standard error", ylabel="density of voxels")
for values, label in ((start[:, 0], "dictionary"), (fit.params_[:, 1], "fit")):
    error = 100 * (values[inside] / truth[inside] - 1)
    axes[1].hist(error, bins=80, range=(-6, 6), histtype="step", label=label)
axes[1].set(xlabel="error of T1 (%)", ylabel="voxels")
axes[1].legend(frameon=False)
spread = 1.4826 * np.median(np.abs(z - np.median(z)))
print(f"robust standard deviation of the z-scores: {spread:.2f}")
