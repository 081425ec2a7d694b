"""
Fingerprinting with a compressed dictionary
===========================================

A train of 300 gradient echoes with changing flip angles, after an inversion, encodes T1
and T2 at once, and the transmit field B1 with them. Its dictionary is large: a
truncated singular value decomposition keeps ten numbers of each signal, and the matcher
finds the best atom without looking at most of them.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrelax import TSVDCompressor
from skrelax.dictionary import DictionaryMatcher, SignalSimulator, parameter_grid
from skrelax.signals import FingerprintingTrain

# %%
# Sequence and dictionary
# -----------------------
# ``B1=None`` makes the transmit field a parameter. ``parameter_grid`` leaves out T2
# above T1.
pulse = np.arange(300)
flip_angles = 10 + 45 * np.abs(np.sin(np.pi * pulse / 75)) * (1 - 0.3 * pulse / 300)
model = FingerprintingTrain(
    flip_angles, repetition_time=0.012, echo_time=0.003, inversion_time=0.02, B1=None,
    n_states=25,
)  # fmt: skip
grid = parameter_grid(
    B1=np.linspace(0.8, 1.2, 5),
    T1=np.geomspace(0.2, 4.0, 45),
    T2=np.geomspace(0.02, 0.6, 45),
)
simulator = SignalSimulator(model, n_jobs=2)
start = time.perf_counter()
atoms = simulator.fit_transform(grid)
print(f"{atoms.shape} atoms in {time.perf_counter() - start:.2f} s")
spectrum = np.linalg.eigvalsh(atoms.T @ atoms)[::-1]

# %%
# Noisy signals of known tissue
# -----------------------------
# Each gets an unknown amplitude and phase, as a coil gives them.
rng = np.random.default_rng(0)
T1 = rng.uniform(0.4, 3.0, 20_000)
truth = np.column_stack([rng.uniform(0.85, 1.15, T1.size), T1, T1 * 0.08])
truth[:, 2] *= rng.uniform(0.6, 1.6, T1.size)
columns = ["B1", "T1", "T2"]
clean = simulator.transform(pd.DataFrame(truth, columns=columns))
phase = np.exp(2j * np.pi * rng.random(T1.size))
noise = 0.01 * (
    rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape)
)
signals = phase[:, None] * clean + noise

# %%
# Compress and match
# ------------------
# Atoms and signals go through the same Pipeline. Correlations ignore the phase.
matching = make_pipeline(
    TSVDCompressor(10, output="components"),
    DictionaryMatcher(refine="parabola", n_jobs=2),
).fit(atoms, grid)
matching.predict(signals[:10])  # compiles
start = time.perf_counter()
found = matching.predict(signals)
print(f"{len(signals)} signals matched in {time.perf_counter() - start:.2f} s")
error = np.median(np.abs(found / truth - 1), axis=0)
for name, value in zip(columns, 100 * error, strict=True):
    print(f"median error of {name}: {value:.2f} %")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9), layout="constrained")
left.plot(flip_angles, color="0.6", label="flip angle")
left.set_ylim(top=1.4 * flip_angles.max())
left.set(xlabel="pulse", ylabel="flip angle (degrees)", title="sequence, signals")
twin = left.twinx()
twin.spines.right.set_visible(True)
for row, colour in ((11, "C0"), (12, "C1"), (13, "C2")):
    label = f"T1 {truth[row, 1]:.2f} s, T2 {1e3 * truth[row, 2]:.0f} ms"
    twin.plot(np.abs(clean[row]), color=colour, lw=1, label=label)
twin.set_ylabel("signal")
twin.set_ylim(top=1.5 * twin.get_ylim()[1])  # room for the legend
twin.legend(frameon=False, fontsize="small", loc="upper right")
right.semilogy(np.sqrt(np.abs(spectrum[:40] / spectrum[0])), "o-", ms=4)
right.axvline(9.5, color="0.7")
right.set(xlabel="component", ylabel="relative singular value", title="dictionary")

# %%
# What was matched against the truth.

# sphinx_gallery_thumbnail_number = 2
figure, axes = plt.subplots(1, 2, figsize=(8.4, 4), layout="constrained")
for ax, column, name in ((axes[0], 1, "$T_1$ (s)"), (axes[1], 2, "$T_2$ (s)")):
    counts = ax.hexbin(truth[:, column], found[:, column], bins="log", gridsize=70)
    ends = [truth[:, column].min(), truth[:, column].max()]
    ax.plot(ends, ends, "w", lw=0.8)
    ax.set(xlabel=f"true {name}", ylabel=f"matched {name}")
figure.colorbar(counts, ax=axes, label="signals")

# %%
# How many components, how many atoms?
# ------------------------------------
# ``GridSearchCV`` tries ranks and resolutions: it fits on atoms, and scores noisy
# signals of known parameters by R^2. ``thin`` keeps every n-th value of each parameter.
known = 3000
table = np.vstack([atoms, clean[:known] + noise[:known].real])
labels = np.vstack([grid.to_numpy(), truth[:known]])
search = GridSearchCV(
    make_pipeline(
        TSVDCompressor(10, output="components"), DictionaryMatcher(refine="parabola")
    ),
    {
        "tsvdcompressor__n_components": [4, 6, 10],
        "dictionarymatcher__thin": [1, 2, 4],
    },
    cv=[(np.arange(len(atoms)), np.arange(len(atoms), len(table)))],
    refit=False,
).fit(table, labels)
scores = pd.DataFrame(search.cv_results_).pivot_table(
    index="param_tsvdcompressor__n_components",
    columns="param_dictionarymatcher__thin",
    values="mean_test_score",
)
ax = (1 - scores).plot(logy=True, marker="o", figsize=(6, 3.8))
ax.set(xlabel="components", ylabel="$1 - R^2$")
ax.legend(title="every n-th value", frameon=False, loc="lower left")
plt.show()
