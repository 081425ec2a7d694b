"""
The NIST phantom from three series
==================================

T1 of the ISMRM/NIST system phantom on scanners of two vendors, and T2 from an echo
train: mean signals of fourteen spheres of NiCl2 solution, which come with the package.
"""

import matplotlib.pyplot as plt
import numpy as np

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import load_phantom
from skrelax.signals import EPGEchoTrain, InversionRecovery

# %%
# T1 of two vendors
# -----------------
#
# The repetition time of the Siemens series differs from image to image, so it enters
# the model image by image; with full recovery assumed, long T1 come out at half their
# value. The efficiency of the inversion is fitted; where all images share one
# repetition time, as in the other series, it absorbs that.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
numbers = np.arange(1, 15)
times = {}
for ax, series in zip(axes, ("T1-Siemens", "T1-Philips"), strict=False):
    phantom = load_phantom(series)
    name = f"{series}, {phantom.field_strength:g} T"
    for label, model in (
        ("full recovery", InversionRecovery(efficiency="fit")),
        ("TR of each image", InversionRecovery("fit", repetition_time="TR")),
    ):
        fit = NonlinearRelaxationFit(model).fit(phantom.X, phantom.y)
        error = 100 * (fit.params_[:, 1] / phantom.reference - 1)
        ax.plot(numbers, error, "o-", ms=4, label=label)
        flagged = fit.status_ != 0
        ax.plot(numbers[flagged], error[flagged], "kx", ms=9)
        median = np.median(np.abs(error[:10]))
        print(f"{name}, {label}: median error of spheres 1-10 {median:.1f} %")
    times[series] = fit.params_[:, 1]
    ax.set(title=name, xlabel="sphere", ylabel="error of T1 (%)", ylim=(-60, 30))
    ax.axhline(0, color="0.6", lw=0.8)
    ax.legend(frameon=False)

# %%
# T2 with stimulated echoes
# -------------------------
#
# Refocusing pulses of less than 180 degrees, across the slice, mix stimulated echoes
# in. A plain exponential comes out too long. An extended phase graph with one free
# angle and the T1 of the other series describes the train; T2 longer than three times
# the train are flagged (crosses).

phantom = load_phantom("T2-Philips")
X, y = phantom.X, phantom.y
name = f"T2-Philips, {phantom.field_strength:g} T"
plain = NonlinearRelaxationFit("T2").fit(X, y)
values, angle, status = np.empty(14), np.empty(14), np.empty(14, dtype=int)
for sphere in range(14):
    train = EPGEchoTrain(
        B1=None, T1=float(times["T1-Philips"][sphere]), echo_spacing=8e-3
    )
    fit = NonlinearRelaxationFit(train, bounds={"B1": (0.5, 1.0)}).fit(X, y[:, sphere])
    values[sphere], angle[sphere] = fit.params_[1], 180 * fit.params_[2]
    status[sphere] = fit.status_
for label, result, flags in (
    ("exponential", plain.params_[:, 1], plain.status_),
    ("extended phase graph", values, status),
):
    error = 100 * (result / phantom.reference - 1)
    axes[2].plot(numbers, error, "o-", ms=4, label=label)
    axes[2].plot(numbers[flags != 0], error[flags != 0], "kx", ms=9)
    print(f"{name}, {label}: median {np.median(np.abs(error[:10])):.1f} %")
axes[2].axhline(0, color="0.6", lw=0.8)
axes[2].set(title=name, xlabel="sphere", ylabel="error of T2 (%)")
axes[2].legend(frameon=False)
print("refocusing angles:", angle.round().astype(int))
figure

# %%
# The images themselves become maps in one command, ``python -m skrelax map FOLDER``,
# see :doc:`/guide/maps`.
