"""How often intervals of the short fraction and the mean T2 hold the truth.

Prints the tables of the guide: voxels of two pools, some with a third, at two noise
levels, refocusing angle searched and known, strengths by chi2 and GCV. The first
table is for pools as they are usually simulated, in bins of the true fraction; the
second for pools that are narrower, broader, elsewhere, or without the first one.
"""

import argparse

import numpy as np
from bench_volumes import T2, TIMES, signed_train
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.inversion import KernelParameterSearch
from skrelax.metrics import fraction_between, log_mean
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain
from skrelax.uncertainty import statistic_intervals

LEVEL, SHORT = 0.9, 0.04
BINS = (0.05, 0.1, 0.15, 0.2)
# Places and widths of pools on the logarithm of T2, and limits of the first share.
USUAL = (0.02, 0.08, 1.0), (0.2, 0.25, 0.15), (0.05, 0.2)
OTHERS = {
    "pools of one bin": (USUAL[0], (0.05, 0.05, 0.05), USUAL[2]),
    "broad pools": (USUAL[0], (0.4, 0.4, 0.15), USUAL[2]),
    "pools at 14 and 100 ms": ((0.014, 0.1, 1.0), *USUAL[1:]),
    "no short pool": (*USUAL[:2], (0.0, 0.0)),
    "short pool of 30 %": (*USUAL[:2], (0.3, 0.3)),
}


def simulate(pools, snr, n_signals, rng):
    """Return magnitudes (n_points, n_signals), angles and true distributions."""
    places, widths, limits = pools
    fluid = np.where(rng.random(n_signals) < 0.1, rng.uniform(0, 0.6, n_signals), 0.0)
    share = rng.uniform(*limits, n_signals) * (1.0 - fluid)
    peaks = [
        np.exp(-0.5 * (np.log(T2 / place) / width) ** 2)
        for place, width in zip(places, widths, strict=True)
    ]
    peaks = np.array([peak / peak.sum() for peak in peaks])
    F = np.column_stack([share, 1.0 - fluid - share, fluid]) @ peaks
    angles = rng.uniform(120.0, 180.0, n_signals)
    root = np.sqrt(TIMES.size)
    pairs = zip(angles, F, strict=True)
    Y = np.array([root * np.abs(signed_train(angle)) @ f for angle, f in pairs]).T
    noise = rng.standard_normal((2, *Y.shape)) / snr
    return np.hypot(Y + noise[0], noise[1]), angles, F


def make_search(rule):
    """Return the inversion of each voxel with its own angle and strength."""
    train = EPGEchoTrain(echo_spacing=0.01, excitation="half")
    strengths = StrengthSearch(
        SmoothLasso(0.0, order=0),
        rule=rule,
        degrees_of_freedom="linear",
        per_signal=True,
    )
    builder = KernelBuilder(train, grid=T2)
    return KernelParameterSearch(make_pipeline(builder, strengths))


def measure(pools, snr, rule, is_known, options):
    """Return estimates, intervals, truths and fractions for both statistics."""
    rng = np.random.default_rng(options.seed)
    Y, angles, F = simulate(pools, snr, options.n_signals, rng)
    table = statistic_intervals(
        make_search(rule),
        TIMES,
        Y,
        short=SHORT,
        level=LEVEL,
        n_refits=options.n_refits,
        noise=options.noise,
        known=angles if is_known else None,
        random_state=options.seed,
    )
    share = fraction_between(F, T2, upper=SHORT)
    truths = {"short_fraction": share, "log_mean": log_mean(F, T2)}
    found = []
    for name, truth in truths.items():
        low, high = table[f"{name} lower"], table[f"{name} upper"]
        scale = 1.0 if name == "short_fraction" else truth
        found.append(
            {
                "covered": ((low <= truth) & (truth <= high)).to_numpy(),
                "error": ((table[name] - truth) / scale).to_numpy(),
                "stderr": (table[f"{name} stderr"] / scale).to_numpy(),
                "width": ((high - low) / scale).to_numpy(),
            }
        )
    return share, found


def describe(name, part):
    """Return coverage, width, and the error beside its estimate."""
    return (
        f"{name} {100 * part['covered'].mean():5.1f} %, width "
        f"{part['width'].mean():.3f}, bias {part['error'].mean():+.3f}, scatter "
        f"{part['error'].std():.3f}, told {part['stderr'].mean():.3f}"
    )


def main():
    """Print the coverages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=1000)
    parser.add_argument("--n-refits", type=int, default=40)
    parser.add_argument("--noise", choices=["gaussian", "rician"], default="rician")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip-others", action="store_true")
    options = parser.parse_args()
    print(
        f"Intervals of {100 * LEVEL:.0f} % from {options.n_refits} refits with "
        f"{options.noise} noise, {options.n_signals} voxels: share below "
        f"{1e3 * SHORT:.0f} ms, and mean T2 (widths and errors relative)."
    )
    pools = {"usual pools": USUAL} | ({} if options.skip_others else OTHERS)
    for kind, pool in pools.items():
        for snr in (100.0, 300.0):
            for rule in ("chi2", "gcv"):
                for is_known in (False, True):
                    share, found = measure(pool, snr, rule, is_known, options)
                    angle = "known" if is_known else "searched"
                    print(f"{kind}, SNR {snr:.0f}, {rule}, angle {angle}:")
                    print(f"    {describe('share', found[0])}")
                    print(f"    {describe('mean ', found[1])}", flush=True)
                    which = np.digitize(share, BINS[1:-1])
                    parts = [found[0]["covered"][which == k] for k in range(3)]
                    if kind == "usual pools":
                        shares = [f"{100 * part.mean():.0f}" for part in parts]
                        print(f"    share of low, middle, high: {' '.join(shares)} %")


if __name__ == "__main__":
    main()
