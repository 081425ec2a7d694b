"""
T2 between imperfect pulses
===========================

Refocusing pulses of less than 180 degrees store magnetisation and return it later:
echoes decay too slowly, the first one is too small, and an exponential reads a T2 that
is too long. With extended phase graphs in the place of the exponential T2 comes out
right. The signals are those of 14 spheres of a phantom with known T2.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.datasets import load_phantom
from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.inversion import KernelParameterSearch
from skrelax.signals import EPGEchoTrain

# %%
# The measurement
# ---------------
# 32 echoes every 8 ms at 3 T of the NiCl2 spheres of the ISMRM/NIST phantom, with their
# reference values [s]. An echo train of 256 ms cannot tell a T2 above some 700 ms.
phantom = load_phantom("T2-Philips")
times, signals = phantom.X["TE"].to_numpy(), phantom.y.T / phantom.y.max()
T2_true, T1_true = phantom.reference, load_phantom("T1-Philips").reference

# %%
# One T2 for each sphere
# ----------------------
# A dictionary of exponentials, and one of echo trains over T2 and the flip angle (as
# B1). T1 of the spheres is known, and matters little. The angle comes out the same for
# all spheres, which nothing has asked for: it stands for the profile of the slice.
T2_grid = np.geomspace(5e-3, 3.0, 300)
atoms, parameters = make_dictionary("T2", parameter_grid(T2=T2_grid), times)
plain = DictionaryMatcher(refine="parabola").fit(atoms, parameters)
T2_plain = plain.predict(signals)[:, 0]
T2_train, angles, echoes = [], [], []
grid = parameter_grid(T2=T2_grid, B1=np.linspace(0.5, 1.0, 41))
for signal, T1 in zip(signals, T1_true, strict=True):
    model = EPGEchoTrain(180.0, T1=T1, B1=None, echo_spacing=8e-3, n_echoes=32)
    atoms, parameters = make_dictionary(model, grid, n_jobs=2)
    matcher = DictionaryMatcher(refine="parabola").fit(atoms, parameters)
    match = matcher.match(signal[None])
    T2_train.append(match.parameters[0, 0])
    angles.append(180 * match.parameters[0, 1])
    echoes.append(match.scale[0] * atoms[match.indices[0]])
table = pd.DataFrame(
    {
        "T2 (ms)": 1e3 * T2_true,
        "exponential": 1e3 * T2_plain,
        "echo train": 1e3 * np.array(T2_train),
        "angle": angles,
    },
    index=pd.RangeIndex(1, 15, name="sphere"),
).round(1)
errors = table[["exponential", "echo train"]].div(table["T2 (ms)"], axis=0) - 1
seen = table["T2 (ms)"] < 700
print((100 * errors[seen].abs().median()).round(1).rename("median error (%)"))
table

# %%
sphere = 9
figure, left = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
left.plot(1e3 * times, signals[sphere], "k.", label=f"sphere {sphere + 1}")
slow = np.exp(-times / T2_plain[sphere])
slow *= (slow @ signals[sphere]) / (slow @ slow)
left.plot(1e3 * times, slow, color="C1", label="exponential")
left.plot(1e3 * times, echoes[sphere], color="C0", label="echo train")
left.set(xlabel="echo time (ms)", ylabel="signal", xlim=(0, 140))
left.legend(frameon=False)

# %%

# sphinx_gallery_thumbnail_number = 2
figure, right = plt.subplots(figsize=(5.6, 3.9), layout="constrained")
right.axhline(0, color="0.7", lw=0.8)
right.semilogx(
    table["T2 (ms)"], 100 * errors["exponential"], "C1o-", label="exponential"
)
right.semilogx(table["T2 (ms)"], 100 * errors["echo train"], "C0o-", label="echo train")
right.axvspan(700, 1600, color="0.93")
right.set(xlabel="true $T_2$ (ms)", ylabel="error of $T_2$ (%)")
right.set_title("grey: out of reach")
right.legend(frameon=False)

# %%
# Distributions
# -------------
# The same model is a kernel, and the peak of a distribution moves to its place too.
# :class:`.KernelParameterSearch` takes an angle for every signal, here the one found
# above; without ``known`` it looks for the one that leaves the least residual. The
# constant takes up the noise floor of magnitude images.
inversion = SmoothLasso(alpha=1e-4, smoothness=3e-4, fit_intercept=True)
bins = np.geomspace(8e-3, 2.0, 80)
exponential = make_pipeline(KernelBuilder("T2", grid=bins), inversion)
exponential.fit(times[:, None], signals.T)
train = EPGEchoTrain(T1=1.0, echo_spacing=8e-3, magnitude=True)
corrected = KernelParameterSearch(
    make_pipeline(KernelBuilder(train, grid=bins), inversion)
).fit(times[:, None], signals.T, known=angles)

figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.5), layout="constrained", sharey=True)
for ax, sphere in zip(axes, (6, 8, 10), strict=True):
    for coef, colour, label in (
        (exponential[-1].coef_[sphere], "C1", "exponential"),
        (corrected.coef_[sphere], "C0", "echo train"),
    ):
        ax.semilogx(1e3 * bins, coef / coef.max(), color=colour, label=label)
    ax.axvline(1e3 * T2_true[sphere], color="k", lw=0.8, ls="--")
    ax.set(xlabel="$T_2$ (ms)", title=f"sphere {sphere + 1}")
axes[0].set_ylabel("distribution, scaled")
axes[0].legend(frameon=False, fontsize="small")
plt.show()
