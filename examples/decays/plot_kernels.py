"""
Signal models and supersampling
===============================

A kernel is a signal model on a grid of relaxation times. This example draws the models
that come with the package, and shows what the average over a cell of the grid does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone

from skrelax import KernelBuilder, LassoFista
from skrelax.datasets import make_decay
from skrelax.signals import InversionRecovery

# %%
# Models
# ------
# A name stands for a model with its default settings; a model object has settings of
# its own, and a function can be a model too.
models = {
    "T2 decay": ("T2", "$T_2$"),
    "inversion recovery": ("T1-IR", "$T_1$"),
    "inversion, efficiency 1.7": (InversionRecovery(efficiency=1.7), "$T_1$"),
    "saturation recovery": ("T1-SR", "$T_1$"),
    "Gaussian decay": ("gaussian", "$T_2$"),
    "diffusion": ("diffusion", "$D$"),
    "impedance, real part": ("impedance-real", r"$\tau$"),
    "impedance, imaginary part": ("impedance-imaginary", r"$\tau$"),
    "own function": (lambda t, tau: np.exp(-np.sqrt(t / tau)), r"$\tau$"),
}
points = np.geomspace(1e-3, 1e2, 300)
bins = [0.03, 0.3, 3.0]

figure, axes = plt.subplots(3, 3, figsize=(9, 7), sharex=True, layout="constrained")
for ax, (title, (model, symbol)) in zip(axes.flat, models.items(), strict=True):
    kernel = KernelBuilder(model, grid=bins).fit(points[:, None])
    signals = kernel.transform(points[:, None])
    for signal, value, color in zip(signals.T, bins, ["C0", "C1", "C2"], strict=True):
        ax.semilogx(points, signal, color=color, label=f"{symbol} = {value:g}")
    ax.axhline(0.0, color="0.8", lw=0.8, zorder=0)
    ax.set_title(title, fontsize="medium")
    ax.legend(frameon=False, fontsize="x-small", handlelength=1)
figure.supxlabel("acquisition point: time (s), b (s/m²), or frequency (Hz)")
figure.supylabel("signal of unit amplitude")

# %%
# Supersampling
# -------------
# Without supersampling a bin stands for one relaxation time, with it for a distribution
# that is flat over its cell: the kernel is the mean over points of the cell. Which of
# the two represents a component better depends on its width. The second picture has the
# largest misfit of the best non-negative distribution, over positions of a peak between
# two bins. Peaks broader than a cell gain from the mean; narrow ones lose, since two
# sharp neighbours imitate a component between them better than two boxes do.
# More bins help in both cases, and soon make the choice irrelevant.
coarse = KernelBuilder("T2", n_bins=10, minimum=1e-2, maximum=1e2).fit(points[:, None])
averaged = clone(coarse).set_params(supersampling=20).fit(points[:, None])
width = np.log10(coarse.relaxation_times_[1] / coarse.relaxation_times_[0])
index = 5
centre, half_cell = coarse.relaxation_times_[index], 10.0 ** (width / 2)

figure, left = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
left.fill_between(
    points, np.exp(-points * half_cell / centre), np.exp(-points / half_cell / centre),
    color="0.9", label="all decays of the cell",
)  # fmt: skip
for builder in (coarse, averaged):
    left.semilogx(
        points,
        builder.transform(points[:, None])[:, index],
        label=f"supersampling {builder.supersampling}",
    )
left.set(
    xlabel="time (s)",
    ylabel="kernel of one bin",
    title=f"a cell of {width:.2g} decades",
)
left.legend(frameon=False, fontsize="small")

# sphinx_gallery_thumbnail_number = 3
figure, right = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
peak_widths = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
for builder in (coarse, averaged):
    K = builder.transform(points[:, None])
    misfits = []
    for peak_width in peak_widths:
        peaks = [
            make_decay(
                times=points, peaks=[(10.0**x, peak_width, 1.0)], noise_std=0.0
            ).clean
            for x in np.linspace(0.0, width, 9)
        ]
        signals = np.array(peaks).T
        fit = LassoFista(alpha=0.0, tol=1e-4).fit(K, signals).predict(K)
        misfits.append(np.sqrt(((fit - signals) ** 2).mean(axis=0)).max())
    right.semilogy(
        peak_widths / width,
        misfits,
        "o-",
        label=f"supersampling {builder.supersampling}",
    )
right.set(
    xlabel="width of the peak / width of a cell", ylabel="root mean square misfit",
    title="ten bins, four decades",
)  # fmt: skip
right.legend(frameon=False, fontsize="small")
