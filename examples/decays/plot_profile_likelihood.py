"""
Parameters whose standard error is wrong
========================================

Two decays are fitted to a noisy signal. What does it tell of the short one? A standard
error says plus and minus; the profile likelihood says how well each value fits, and so
does :func:`~skrelax.uncertainty.profile_parameters`.
"""

# %%
# Two decays at a low signal-to-noise ratio
# -----------------------------------------
#
# Water of 20 ms beside water of 100 ms, 64 echoes, a signal-to-noise ratio of 25.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from skrelax.nonlinear import NonlinearRelaxationFit
from skrelax.plotting import DecayDisplay
from skrelax.uncertainty import profile_parameters

TRUTH = {"M0": 1.0, "fraction_short": 0.3, "T2_short": 0.02, "T2_long": 0.1}
LEVEL = 0.9
times = 0.005 * np.arange(1, 65)[:, None]
clean = 0.3 * np.exp(-times / 0.02) + 0.7 * np.exp(-times / 0.1)
signals = clean + 0.04 * np.random.default_rng(1).standard_normal((64, 1000))
model = NonlinearRelaxationFit("T2-biexponential", magnitude=False)
signal = signals[:, 0]
fit = model.fit(times, signal)
figure, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
DecayDisplay(times[:, 0], signal, fit.predict(times), label="TE (s)").plot(ax)

# %%
# Profiles and their parabolas
# ----------------------------
#
# At each value of a parameter all others are fitted anew. The curve is how much the sum
# of squares rises then, and where it passes a line the interval of that level ends. A
# standard error takes the parabola that has the curvature at the estimate. Long
# T2 of the short water, and much of it, are a good deal better fits than the parabola
# says: a part of the long water counts as short then. The other way is barred, since
# the early echoes would not be met.

result = profile_parameters(fit, times, signal, level=LEVEL)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, ax in zip(("fraction_short", "T2_short"), axes, strict=True):
    result.plot(name, truth=TRUTH[name], ax=ax)
result.to_frame().round(4)

# %%
# A thousand measurements
# -----------------------
#
# Intervals of 90 % should hold the truth nine times in ten, and miss it as often on
# either side. Those of standard errors lie below it too often, and some begin below
# zero. Fits that end at a bound have no standard error and are left out there. The
# first hundred are drawn.

with warnings.catch_warnings():
    # That some end at a bound is what the page is about.
    warnings.simplefilter("ignore")
    many = model.fit(times, signals)
profiles = profile_parameters(many, times, signals, level=LEVEL)
quantile = stats.t.ppf(0.5 + 0.5 * LEVEL, len(times) - 4)
name, column = "T2_short", many.param_names_.index("T2_short")
half = quantile * many.stderr_[:, column]
estimate = many.params_[:, column]
intervals = {
    "standard errors": np.array([estimate - half, estimate + half]),
    "profile": np.array(profiles.interval(name)),
}
figure, axes = plt.subplots(
    2, 1, figsize=(6.4, 5.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (label, (low, high)) in zip(axes, intervals.items(), strict=True):
    there = np.isfinite(low) & np.isfinite(high)
    short, long = high[there] < TRUTH[name], low[there] > TRUTH[name]
    ax.set_title(
        f"{label}: {100 * (1 - np.mean(short | long)):.0f} % hold the truth, "
        f"{100 * short.mean():.0f} % are below it, {100 * long.mean():.0f} % above",
        fontsize="medium",
    )
    order = np.argsort(estimate[:100])
    low, high = low[order], high[order]
    missed = (high < TRUTH[name]) | (low > TRUTH[name])
    ax.vlines(np.arange(100), low, high, colors=np.where(missed, "C3", "C0"))
    ax.axhline(TRUTH[name], color="C1")
    ax.set(ylabel=r"interval of $T_{2,\,\mathrm{short}}$ (s)", ylim=(-0.03, 0.1))
axes[1].set_xlabel("measurement, by its estimate")

# %%
# What to do with this
# --------------------
#
# The status says which intervals mean something: a share that is known to no better
# than a half, or a time to no better than a factor of ten, is not identifiable.

status = profiles.status("T2_short")
print({word: int((status == word).sum()) for word in np.unique(status)})

# sphinx_gallery_thumbnail_number = 3
