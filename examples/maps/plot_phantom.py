"""
The NIST phantom from three series
==================================

T1 of the ISMRM/NIST system phantom on scanners of two vendors, and T2 from an echo
train: from folders of DICOM images to maps in one command each, and a comparison of
fourteen spheres of NiCl2 solution, whose mean signals come with the package, with the
certified values.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import load_phantom
from skrelax.model_selection import select_model
from skrelax.signals import EPGEchoTrain

# %%
# One command each
# ----------------
#
# Six inversion times on a Siemens scanner, with their repetition times::
#
#     $ python -m skrelax map T1/site1_20200218 --report
#     ... (6 images, TI 50-800 ms (6), TE 12 ms, TR 1000-2460 ms (4))
#                model  parameters  residual  over noise     gain
#                T1-IR           2     1.03%        1.01      9.9  rejected by ...
#                T1-SR           2    43.14%       39.44   5537.5  rejected by ...
#     T1-IR-efficiency           3     0.62%        0.71           chosen
#     fits: 9827 converged, 21 at bound, 1777 not identifiable
#
# The images have chosen the model: the inversion is not perfect. The same on a Philips
# scanner, whose brightest voxels were cut off in one image, and a train of 32 echoes::
#
#     $ python -m skrelax map T1/site5_philips_3T --report
#     ... 210 values in 1 images are cut off at the largest number that is stored ...
#     T1-IR-efficiency           3     0.69%        0.85           chosen
#     fits: 5343 converged, 315 at bound, 6027 not identifiable
#
#     $ python -m skrelax map T2/site5_philips_3T --report
#     series 1901 'T2 Relaxometry15' (32 images, TE 8-256 ms (32))
#         model  parameters  residual  over noise     gain
#            T2           2     2.21%        2.95     67.0  rejected by T2-EPG
#     T2-offset           3     2.19%        2.94           larger residuals
#        T2-EPG           3     1.22%        1.66           chosen
#     fits: 1964 converged, 354 at bound, 10151 not identifiable
#     T1 of 1 s in all voxels; --T1 takes another value or a map
#
# (shortened). Not identifiable is mostly the water around the spheres, whose times are
# too long to be told by 800 ms and by 256 ms. ``--labels`` with an image of
# the spheres would add a table of their means. ``--T1`` does not take the T1 map here:
# the T2 images lie some millimetres beside it, and the command says so.

# %%
# T1 of two vendors, compared
# ---------------------------
#
# The same from the mean signals of the spheres. `select_model` is what the command
# calls. The repetition time of the Siemens series differs from image to image and
# enters the model image by image. Crosses are flagged: T1 of the last sphere is below
# half of the shortest inversion time.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
numbers = np.arange(1, 15)


def show(ax, label, values, flagged, reference):
    """Draw errors, and print their median over what is not flagged."""
    error = 100 * (values / reference - 1)
    ax.plot(numbers, error, "o-", ms=4, label=label)
    ax.plot(numbers[flagged], error[flagged], "kx", ms=9)
    median = np.median(np.abs(error[~flagged]))
    print(f"{label}: median error of {np.sum(~flagged)} spheres {median:.1f} %")


for ax, series in zip(axes, ("T1-Siemens", "T1-Philips"), strict=True):
    phantom = load_phantom(series)
    choice = select_model(phantom.X, phantom.y)
    print(series)
    print(choice.table[["parameters", "residual", "verdict"]].to_string())
    for name, model in (("T1-IR", "T1-IR"), (choice.name, choice.model)):
        fit = NonlinearRelaxationFit(model).fit(phantom.X, phantom.y)
        show(ax, name, fit.params_[:, 1], fit.status_ != 0, phantom.reference)
    times = fit.params_[:, 1]
    ax.set(title=f"{series}, {phantom.field_strength:g} T", ylim=(-60, 30))
    ax.set(xlabel="sphere", ylabel="error of T1 (%)")
    ax.axhline(0, color="0.6", lw=0.8)
    ax.legend(frameon=False)

# %%
# T2 with stimulated echoes
# -------------------------
#
# Refocusing pulses of less than 180 degrees, across the slice, mix stimulated echoes
# in, and a plain exponential comes out too long. An extended phase graph with one free
# angle describes the train; it is better still with the T1 of each sphere, which the
# Philips series above tells.

phantom = load_phantom("T2-Philips")
X, y = phantom.X, phantom.y
choice = select_model(X, y)
print(choice.table[["parameters", "residual", "verdict"]].to_string())
known = EPGEchoTrain(B1=None, T1=None, echo_spacing=8e-3)
# sphinx_gallery_thumbnail_number = 2
figure, ax = plt.subplots(figsize=(5.6, 4), layout="constrained")
for label, model, maps in (
    ("T2", "T2", None),
    (f"{choice.name}, T1 of 1 s", choice.model, None),
    (f"{choice.name}, T1 known", known, {"T1": times}),
):
    with warnings.catch_warnings():
        # The first sphere, which is flagged.
        warnings.simplefilter("ignore")
        fit = NonlinearRelaxationFit(model).fit(X, y, known=maps)
    T2 = fit.params_[:, fit.param_names_.index("T2")]
    # Longer than three times the train is not compared.
    flagged = (fit.status_ != 0) | (phantom.reference > 3 * X["TE"].max())
    show(ax, label, T2, flagged, phantom.reference)
ax.axhline(0, color="0.6", lw=0.8)
ax.set(title=f"T2-Philips, {phantom.field_strength:g} T")
ax.set(xlabel="sphere", ylabel="error of T2 (%)")
ax.legend(frameon=False)
plt.show()
