"""
Denoising before an inversion
=============================

A T2 distribution amplifies noise: at a signal-to-noise ratio of 100 the myelin water
fraction of a voxel is uncertain by a third or more. Neighbouring voxels hold few kinds
of decay, so most of the noise of an image series can be told from its signals by the
spectrum of its singular values. This example shows what
:class:`.MarchenkoPasturDenoiser` does to the myelin water fraction of a simulated
brain, to voxels that have nothing in common, and to small lesions, and where it must
not be trusted.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.decomposition import MarchenkoPasturDenoiser
from skrelax.metrics import fraction_between
from skrelax.model_selection import StrengthSearch
from skrelax.plotting import ParameterMapDisplay
from skrelax.signals import EPGEchoTrain

# %%
# A brain with known myelin water
# -------------------------------
# 48 echoes every 10 ms, refocused by 160 degrees. Myelin water has a T2 around 20 ms,
# the other water of tissue 80 ms, fluid 1 s. The images are real, that is phased:
# magnitudes come after denoising, see below.
rng = np.random.default_rng(0)
times = 0.01 * np.arange(1, 49)[:, None]
bins = np.geomspace(0.01, 2.0, 40)
train = EPGEchoTrain(160.0, T1=1.0, echo_spacing=0.01)
builder = KernelBuilder(train, grid=bins)
kernel = np.asarray(builder.fit_transform(times))
noise_std = 0.01


def pools(*log_means):
    """Return a lognormal distribution (n_bins,) around each T2."""
    widths = 0.2
    rows = np.exp(-0.5 * (np.log(bins / np.array(log_means)[:, None]) / widths) ** 2)
    return rows / rows.sum(axis=1, keepdims=True)


size = 48
x, y = np.meshgrid(*(np.linspace(-1, 1, size),) * 2, indexing="ij")
brain = np.hypot(x / 0.92, y / 0.8) < 1
fluid = np.where(np.hypot((x + 0.05) / 0.35, (np.abs(y) - 0.15) / 0.08) < 1, 0.95, 0.0)
myelin = np.where(brain, 0.1 + 0.06 * np.sin(3 * x) * np.cos(2.5 * y), np.nan)
shares = np.stack([myelin * (1 - fluid), (1 - myelin) * (1 - fluid), fluid], axis=-1)
density = 1.0 + 0.1 * np.cos(2 * x) * np.sin(2 * y)
distributions = (shares * density[..., None])[brain] @ pools(0.02, 0.08, 1.0)
clean = distributions @ kernel.T
noisy = clean + noise_std * rng.standard_normal(clean.shape)

# %%
# Denoising
# ---------
# Rows are voxels, the mask says where they are. Patches of 7 x 7 voxels overlap; each
# is cut at the edge of the spectrum that noise alone would have. Besides the images
# there is a map of the noise level, which nobody had to give, and of the number of
# components that patches kept.
denoiser = MarchenkoPasturDenoiser(mask=brain)
denoised = denoiser.fit_transform(noisy)
removed = noisy - denoised
print(f"patches of {denoiser.patch_size_}")
print(f"noise level {np.nanmean(denoiser.noise_std_):.4f}, true {noise_std}")
print(f"noise left: {(denoised - clean).std() / noise_std:.2f} of what there was")


def to_image(values):
    """Return values of the voxels as an image, the front of the head above."""
    image = np.full(brain.shape, np.nan)
    image[brain] = values
    return image.T


echo = 23
span = clean[:, echo].min() - 0.02, np.percentile(clean[:, echo], 90) + 0.02
rest = (-4 * noise_std, 4 * noise_std)
ParameterMapDisplay(
    {
        "echo 24": to_image(noisy[:, echo]),
        "denoised": to_image(denoised[:, echo]),
        "removed": to_image(removed[:, echo]),
        "denoised \N{MINUS SIGN} truth": to_image((denoised - clean)[:, echo]),
        "noise level": to_image(denoiser.noise_std_),
        "components": to_image(denoiser.rank_),
    },
    limits={
        "echo 24": span,
        "denoised": span,
        "removed": rest,
        "denoised \N{MINUS SIGN} truth": rest,
        "noise level": (0.5 * noise_std, 1.5 * noise_std),
    },
    colours={
        "echo 24": "gray",
        "denoised": "gray",
        "removed": "RdBu_r",
        "denoised \N{MINUS SIGN} truth": "RdBu_r",
    },
).plot()
print(f"ratio of removed to noise: {removed.std() / noise_std:.3f}")

# %%
# Myelin water
# ------------
# chi2 takes the largest penalty for which the residual grows by 2 %. Noise in the
# directions that patches keep is still there, but not that which made up the residual:
# the rule takes a far weaker penalty for denoised signals. Its bias is smaller then,
# and the standard deviation is half of what it was. With one penalty for both, that of
# the noisy signals, the standard deviation is a fifth, and what remains is its bias.


def choose_strengths(signals):
    """Return a fitted search, with a strength by chi2 for each signal."""
    inversion = SmoothLasso(alpha=0.0, order=0)
    search = StrengthSearch(inversion, rule="chi2", strengths=20, per_signal=True)
    return make_pipeline(builder, search).fit(times, signals.T)[-1]


def short_fraction(distributions):
    """Return the share of T2 below 40 ms of rows of distributions."""
    return fraction_between(distributions, bins, upper=0.04)


def invert(signals, strength):
    """Return the short fraction of signals with one strength for all."""
    inversion = SmoothLasso(alpha=0.0, smoothness=strength, order=0)
    fitted = make_pipeline(builder, inversion).fit(times, signals.T)
    return short_fraction(fitted[-1].coef_)


def compare(noisy, denoised, truth):
    """Return fractions found and a table of their errors, and median strengths."""
    found, rows, strengths = {}, [], {}
    for name, signals in (("noisy", noisy), ("denoised", denoised)):
        search = choose_strengths(signals)
        strengths[name] = np.median(search.strength_)
        found[name] = short_fraction(search.best_estimator_.coef_)
        rows.append((name, "its chi2", strengths[name]))
    for name, signals in (("noisy", noisy), ("denoised", denoised)):
        values = invert(signals, strengths["noisy"])
        found[f"{name}, penalty of the noisy"] = values
        rows.append((name, "median of the noisy", strengths["noisy"]))
    table = pd.DataFrame(rows, columns=["signals", "penalty", "strength"])
    errors = np.array(list(found.values())) - truth
    table["bias"] = errors.mean(axis=1).round(3)
    table["standard deviation"] = errors.std(axis=1).round(3)
    return found, table, strengths


tissue = fluid[brain] == 0.0
few = rng.permutation(np.flatnonzero(tissue))[:200]
truth = short_fraction(distributions)
found, table, strengths = compare(noisy[few], denoised[few], truth[few])
print(table.to_string(index=False))

# %%
# The maps, each with the median of its strengths:

# sphinx_gallery_thumbnail_number = 2
maps = {
    "truth": truth,
    "noisy": invert(noisy, strengths["noisy"]),
    "denoised": invert(denoised, strengths["denoised"]),
}
ParameterMapDisplay(
    {f"short fraction, {name}": to_image(values) for name, values in maps.items()},
    limits={f"short fraction, {name}": (0.0, 0.25) for name in maps},
).plot()

# %%
# Nothing in common
# -----------------
# If each voxel has its own fractions and its own T2, patches keep the three or four
# directions that such decays have in all. The images are less noisy, the fractions
# hardly: what mattered to them was the noise in these directions. Nothing to speak of
# is gained, and nothing is invented.
n = 24 * 24
short, long = rng.uniform(0.012, 0.03, n), rng.uniform(0.06, 0.12, n)
own = rng.uniform(0.0, 0.25, n)[:, None]
odd = own * pools(*short) + (1 - own) * pools(*long)
odd_clean = odd @ kernel.T
odd_noisy = odd_clean + noise_std * rng.standard_normal(odd_clean.shape)
unrelated = MarchenkoPasturDenoiser((24, 24))
odd_denoised = unrelated.fit_transform(odd_noisy)
odd_truth = short_fraction(odd)
odd_found, odd_table, _ = compare(odd_noisy[:200], odd_denoised[:200], odd_truth[:200])
print(f"components: {unrelated.rank_.mean():.1f}")
print(f"noise left: {(odd_denoised - odd_clean).std() / noise_std:.2f}")
print(odd_table.to_string(index=False))

# %%
# Lesions
# -------
# A lesion that differs from its surroundings in nothing but a myelin water fraction of
# .02 instead of .10 changes no echo by more than some noise. If it is small, the
# components of its patches do not hold it, and it is smoothed away with the noise: this
# is the price. If its T2 differs as well (120 instead of 80 ms), it stands above the
# noise and stays, even as a single voxel.
widths = (1, 2, 3, 5)
kinds = {"less myelin": 0.08, "less myelin, longer T2": 0.12}
lesion = {kind: np.array([0.02, 0.98]) @ pools(0.02, T2) for kind, T2 in kinds.items()}
around = np.array([0.1, 0.9]) @ pools(0.02, 0.08)
lesions = []
for kind, distribution in lesion.items():
    for width in widths:
        inside = np.zeros((21, 21), dtype=bool)
        inside[10 : 10 + width, 10 : 10 + width] = True
        signals = np.where(inside.reshape(-1, 1), distribution, around) @ kernel.T
        for _ in range(12):
            measured = signals + noise_std * rng.standard_normal(signals.shape)
            small = MarchenkoPasturDenoiser((21, 21))
            for name, images in (
                ("noisy", measured),
                ("denoised", small.fit_transform(measured)),
            ):
                values = invert(images[inside.ravel()], strengths["noisy"])
                lesions.append((kind, width, name, values.mean()))
lesions = pd.DataFrame(lesions, columns=["lesion", "width", "signals", "fraction"])
lesions = lesions.groupby(["lesion", "signals", "width"])["fraction"].mean()
lesions.unstack().round(3)

# %%
colours = {"noisy": "0.6", "denoised": "C1", "denoised, penalty of the noisy": "C0"}
figure, axes = plt.subplots(1, 3, figsize=(9.6, 4.2), layout="constrained")
for ax, values, true, title in (
    (axes[0], found, truth[few], "brain"),
    (axes[1], odd_found, odd_truth[:200], "unrelated voxels"),
):
    for name, colour in colours.items():
        ax.plot(true, values[name], ".", color=colour, ms=4, label=name)
    ax.plot([0, 0.25], [0, 0.25], "k", lw=0.8)
    ax.set(xlabel="true short fraction", ylim=(-0.01, 0.38), title=title)
axes[0].set_ylabel("short fraction found")
axes[0].legend(frameon=False, fontsize="small", loc="upper left")
for kind, colour in zip(kinds, ("C3", "C2"), strict=True):
    for name, mark in (("noisy", "o--"), ("denoised", "o-")):
        line = lesions[kind, name]
        label = f"{kind}, {name}"
        axes[2].plot(line.index, line, mark, color=colour, label=label, ms=4)
axes[2].axhline(short_fraction(around), color="k", lw=0.8, ls=":")
axes[2].axhline(short_fraction(lesion["less myelin"]), color="k", lw=0.8)
axes[2].annotate(
    "surroundings", (3.4, short_fraction(around) + 0.002), fontsize="small"
)
axes[2].set(
    xlabel="width of the lesion (voxels)",
    ylabel="short fraction found",
    title="small lesions",
)
axes[2].set(ylim=(0, 0.15), xticks=widths)
axes[2].legend(frameon=False, fontsize="x-small", loc="upper right", handlelength=2.4)

# %%
# Magnitudes
# ----------
# The law is that of Gaussian noise. Late echoes of magnitude images are at the floor:
# it is a signal to the denoiser, which keeps it, and their noise has a smaller standard
# deviation. So denoise complex images, and take magnitudes afterwards.
phase = np.exp(1j * (0.5 + x + y**2))[brain][:, None]
both = rng.standard_normal((2, *clean.shape)) * noise_std
measured = clean * phase + both[0] + 1j * both[1]
rows = []
for name, images, finish in (
    ("magnitudes", np.abs(measured), np.asarray),
    ("complex, magnitudes after", measured, np.abs),
):
    late = (finish(denoiser.fit_transform(images)) - clean)[tissue][:, -8:]
    before = (np.abs(measured) - clean)[tissue][:, -8:]
    level = np.nanmean(denoiser.noise_std_)
    rows.append((name, level, before.mean(), late.mean(), before.std(), late.std()))
columns = ["denoised", "noise level", "bias before", "bias", "deviation before"]
pd.DataFrame(rows, columns=[*columns, "deviation"]).round(4)
