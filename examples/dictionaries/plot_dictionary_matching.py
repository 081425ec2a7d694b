"""
T2 map by dictionary matching
=============================

The signals of a sequence are simulated for a grid of tissue parameters; every measured
signal then gets the parameters of the atom that it resembles most, and the amplitude of
that atom is the proton density. The task is that of torchsim's example on parameter
fitting: an image of 256 x 256 voxels, a fast spin echo train of 32 echoes, 1000 atoms.
The phantom here is simulated, so that the true T2 is known.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from skrelax.dictionary import DictionaryMatcher, make_dictionary, parameter_grid
from skrelax.plotting import ParameterMapDisplay
from skrelax.signals import EPGEchoTrain

# %%
# A phantom like a slice of a brain
# ---------------------------------
# Ellipses of tissues, one over the other, with T2 [s] and proton density. A smooth
# modulation keeps values from repeating.
size = 256
y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
T2_true, M0_true = np.zeros((size, size)), np.zeros((size, size))
tissues = [
    # centre x, y, half axes, angle, T2, M0
    (0.0, 0.0, 0.70, 0.90, 0, 0.045, 0.55),  # scalp
    (0.0, 0.0, 0.64, 0.84, 0, 0.095, 0.85),  # grey matter
    (0.0, 0.02, 0.53, 0.72, 0, 0.072, 0.72),  # white matter
    (-0.20, 0.05, 0.10, 0.30, 18, 0.300, 1.00),  # ventricles
    (0.20, 0.05, 0.10, 0.30, -18, 0.300, 1.00),
    (-0.26, -0.32, 0.13, 0.09, 30, 0.085, 0.80),  # deep grey matter
    (0.26, -0.32, 0.13, 0.09, -30, 0.085, 0.80),
    (0.28, 0.45, 0.08, 0.08, 0, 0.150, 0.90),  # a lesion
]
for cx, cy, a, b, angle, T2, M0 in tissues:
    turn = np.deg2rad(angle)
    u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    v = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    inside = (u / a) ** 2 + (v / b) ** 2 < 1
    T2_true[inside], M0_true[inside] = T2, M0
T2_true *= 1 + 0.05 * np.sin(9 * x) * np.cos(7 * y)
head = T2_true > 0

# %%
# The measurement
# ---------------
# :class:`~skrelax.signals.EPGEchoTrain` computes the echoes of all voxels at once.
model = EPGEchoTrain(flip_angle=180.0, T1=1.0, echo_spacing=5e-3, n_echoes=32)
times = model.own_acquisition()
start = time.perf_counter()
clean = np.zeros((size * size, 32))
clean[head.ravel()] = make_dictionary(model, T2_true[head][:, None], n_jobs=2)[0]
print(f"simulated {head.sum()} trains in {1e3 * (time.perf_counter() - start):.0f} ms")
rng = np.random.default_rng(0)
signals = M0_true.ravel()[:, None] * clean
signals[head.ravel()] += 0.01 * rng.standard_normal((head.sum(), 32))

# %%
# The match
# ---------
# The background is zero and has no match: its T2 is NaN. With ``refine="parabola"`` T2
# lies between the atoms, which are .35 ms apart.
grid = parameter_grid(T2=np.linspace(1e-3, 0.35, 1000))
atoms, parameters = make_dictionary(model, grid)
matcher = DictionaryMatcher(refine="parabola", n_jobs=2).fit(atoms, parameters)
matcher.match(signals[:10])  # compiles
start = time.perf_counter()
match = matcher.match(signals)
print(f"matched {len(signals)} voxels in {1e3 * (time.perf_counter() - start):.0f} ms")
T2_map = match.parameters[:, 0].reshape(size, size)
M0_map = match.scale.reshape(size, size)
error = 100 * (T2_map / np.where(head, T2_true, np.nan) - 1)
print(f"median error of T2: {np.nanmedian(np.abs(error)):.2f} %")
print(f"voxels without a match, all air: {np.sum(~match.mask)} of {match.mask.size}")

maps = {
    "T2, truth": np.where(head, 1e3 * T2_true, np.nan),
    "T2, matched": 1e3 * T2_map,
    "M0, matched": M0_map,
    "error of T2": error,
}
figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.2), layout="constrained")
ParameterMapDisplay(
    {name: image.T for name, image in maps.items()},
    units={"T2, truth": "ms", "T2, matched": "ms", "error of T2": "%"},
    limits={"T2, truth": (0, 320), "T2, matched": (0, 320), "error of T2": (-5, 5)},
    colours={"M0, matched": "gray", "error of T2": "RdBu_r"},
).plot(axes)

# %%
# A voxel and the atom that it resembles most.
figure, ax = plt.subplots(figsize=(5.6, 3.8), layout="constrained")
voxel = np.ravel_multi_index((64, 128), (size, size))
ax.plot(1e3 * times, signals[voxel], "k.", label="a voxel")
best = match.scale[voxel] * atoms[match.indices[voxel]]
ax.plot(1e3 * times, best, label=f"atom of {1e3 * T2_map.ravel()[voxel]:.1f} ms")
ax.set(xlabel="echo time (ms)", ylabel="signal")
ax.legend(frameon=False)
plt.show()
