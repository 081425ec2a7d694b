"""
The NIST phantom from three series
==================================

T1 of the ISMRM/NIST system phantom on scanners of two vendors, and T2 from an echo
train. The example reads the measurements where they are there (a folder that
``SKRELAX_DATA`` names, or ``shared/data`` beside the checkout) and simulates the
spheres elsewhere.
"""

# %%
# Spheres
# -------
#
# Plate 5 holds fourteen spheres of NiCl2 solution. The mean signal of each comes from
# the table beside the images, or from the model.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skrelax import NonlinearRelaxationFit
from skrelax.plotting import ParameterMapDisplay
from skrelax.signals import EPGEchoTrain, InversionRecovery

T1 = {
    "1.5 T": [2.033, 1.489, 1.012, 0.7308, 0.5141, 0.3679, 0.2601, 0.1846, 0.1327,
              0.0927, 0.0654, 0.04632, 0.03245, 0.022859],
    "3 T": [1.989, 1.454, 0.9841, 0.706, 0.4967, 0.3515, 0.24713, 0.1753, 0.1259,
            0.089, 0.0627, 0.04453, 0.03084, 0.021719],
}  # fmt: skip
T2 = [1.465, 1.076, 0.7179, 0.5101, 0.3596, 0.2555, 0.1808, 0.1273, 0.0903, 0.0643,
      0.0457, 0.03186, 0.02238, 0.01583]  # fmt: skip
folder = Path(os.environ.get("SKRELAX_DATA", "../../shared/data"))
measured = (folder / "phantom_roi").is_dir()
series = {
    "T1, Siemens 1.5 T": "T1/site1_20200218/plate5",
    "T1, Philips 3 T": "T1/site5_philips_3T/plate5",
    "T2, Philips 3 T": "T2/site5_philips_3T/plate5",
}


def read_spheres(name):
    """Return acquisition and signals (n_points, 14)."""
    if measured:
        path = folder / "phantom_roi" / f"{series[name].replace('/', '_')}.csv"
        rows = pd.read_csv(path, comment="#")
        time = {"ti_ms": "TI", "te_ms": "TE", "tr_ms": "TR"}
        X = rows[[key for key in time if key in rows]].rename(columns=time) / 1e3
        return X, rows[[f"s{k}" for k in range(1, 15)]].to_numpy()
    rng = np.random.default_rng(0)
    if name.startswith("T1"):
        TI = np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8])
        TR = np.array([1.0, 1.0, 1.0, 1.26, 1.86, 2.46])
        X = pd.DataFrame({"TI": TI, "TR": TR if "Siemens" in name else np.ones(6)})
        truth = np.array(T1["1.5 T" if "1.5" in name else "3 T"])[:, None]
        y = InversionRecovery(repetition_time="TR").evaluate(X.to_numpy(), truth)
    else:
        X = pd.DataFrame({"TE": 8e-3 * np.arange(1, 33), "TR": 2.3})
        train = EPGEchoTrain(T1=None, B1=None, echo_spacing=8e-3)
        sets = np.column_stack([T2, T1["3 T"], np.full(14, 0.72)])
        y = train.evaluate(X[["TE"]].to_numpy(), sets)
    return X, np.abs(1000 * y + 5 * rng.standard_normal(y.shape))


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
for ax, name in zip(axes, list(series)[:2], strict=False):
    X, y = read_spheres(name)
    truth = np.array(T1["1.5 T" if "1.5" in name else "3 T"])
    for label, model in (
        ("full recovery", InversionRecovery(efficiency="fit")),
        ("TR of each image", InversionRecovery("fit", repetition_time="TR")),
    ):
        fit = NonlinearRelaxationFit(model).fit(X, y)
        error = 100 * (fit.params_[:, 1] / truth - 1)
        ax.plot(numbers, error, "o-", ms=4, label=label)
        flagged = fit.status_ != 0
        ax.plot(numbers[flagged], error[flagged], "kx", ms=9)
        median = np.median(np.abs(error[:10]))
        print(f"{name}, {label}: median error of spheres 1-10 {median:.1f} %")
    times[name] = fit.params_[:, 1]
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

name = "T2, Philips 3 T"
X, y = read_spheres(name)
plain = NonlinearRelaxationFit("T2").fit(X, y)
values, angle, status = np.empty(14), np.empty(14), np.empty(14, dtype=int)
for sphere in range(14):
    train = EPGEchoTrain(
        B1=None, T1=float(times["T1, Philips 3 T"][sphere]), echo_spacing=8e-3
    )
    fit = NonlinearRelaxationFit(train, bounds={"B1": (0.5, 1.0)}).fit(X, y[:, sphere])
    values[sphere], angle[sphere] = fit.params_[1], 180 * fit.params_[2]
    status[sphere] = fit.status_
for label, result, flags in (
    ("exponential", plain.params_[:, 1], plain.status_),
    ("extended phase graph", values, status),
):
    error = 100 * (result / np.array(T2) - 1)
    axes[2].plot(numbers, error, "o-", ms=4, label=label)
    axes[2].plot(numbers[flags != 0], error[flags != 0], "kx", ms=9)
    print(f"{name}, {label}: median {np.median(np.abs(error[:10])):.1f} %")
axes[2].axhline(0, color="0.6", lw=0.8)
axes[2].set(title=name, xlabel="sphere", ylabel="error of T2 (%)")
axes[2].legend(frameon=False)
print("refocusing angles:", angle.round().astype(int))
figure

# %%
# The map
# -------
#
# The same from the images, as ``python -m skrelax map`` does it.

if measured:
    from skrelax.io import foreground_mask, read_dicom_series

    table = read_dicom_series(folder / "dicom" / series["T1, Siemens 1.5 T"])
    X, y = table.by_point()
    model = InversionRecovery(repetition_time="TR")
    fit = NonlinearRelaxationFit(model).fit(X, y, mask=foreground_mask(table))
    ParameterMapDisplay.from_estimator(fit, table, limits={"T1 stderr": (0, 0.1)})
