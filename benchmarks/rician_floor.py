"""What the floor of magnitudes does to short fractions, and what their likelihood does.

Prints the table of the guide, and writes it to results/rician_floor.json. Echo trains
with refocusing pulses of 150 degrees that are known, two pools of 20 and 80 ms with
short fractions of .05 to .2, and a strength for each signal. Each fit is compared with
that of the same rule to the same noise along the signal, which has no floor.
"""

import argparse
import warnings

import numpy as np
from _timing import write_tables

from skrelax import KernelBuilder, LassoFista, SmoothLasso
from skrelax.inversion import RicianInversion
from skrelax.metrics import fraction_between, log_mean
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain

BINS = np.geomspace(0.01, 2.0, 40)
POOLS = np.array([[0.02], [0.08]])
SHORT, SLOW = 0.04, 0.2
CASES = ((32, 50), (48, 50), (48, 75), (48, 100), (48, 200), (56, 50), (56, 75))


def make_signals(n_echoes, snr, n_signals):
    """Return times, true short shares, two kinds of signals, and their noise level.

    The first have noise along them, the second are magnitudes.
    """
    times = 0.01 * np.arange(1.0, n_echoes + 1.0)[:, None]
    train = EPGEchoTrain(150.0, echo_spacing=0.01)
    rng = np.random.default_rng(n_echoes + snr)
    share = rng.uniform(0.05, 0.2, n_signals)
    clean = train.evaluate(times, POOLS) @ [share, 1.0 - share]
    noise_std = clean[0].mean() / snr
    noise = noise_std * rng.standard_normal((2, *clean.shape))
    along = clean + noise[0]
    return times, share, along, np.hypot(along, noise[1]), noise_std


def describe(inversion):
    """Return short and slow shares and geometric-mean T2 of each signal."""
    f = inversion.distribution_.T
    shares = fraction_between(f, BINS, upper=SHORT), fraction_between(f, BINS, SLOW)
    return (*shares, log_mean(f, BINS))


def show(difference):
    """Return a mean with the standard error of its last digit."""
    error = difference.std() / np.sqrt(difference.size)
    return f"{difference.mean():+.4f} ({1e4 * error:.0f})"


def compare(n_echoes, snr, rule, n_signals):
    """Return a row of the table, and the lines beside it."""
    times, share, along, magnitudes, noise_std = make_signals(n_echoes, snr, n_signals)
    train = EPGEchoTrain(150.0, echo_spacing=0.01)
    K = KernelBuilder(train, grid=BINS).fit_transform(times)
    search = StrengthSearch(
        SmoothLasso(order=0),
        rule,
        strengths=20,
        degrees_of_freedom="linear",
        per_signal=True,
    )
    expected = describe(search.fit(K, along))
    plain = describe(search.fit(K, magnitudes))
    known = describe(RicianInversion(search, noise_std).fit(K, magnitudes))
    estimated = RicianInversion(search).fit(K, magnitudes)
    fits = plain, known, describe(estimated)
    row = [str(n_echoes), str(snr), f"`{rule}`"]
    row += [show(fit[0] - expected[0]) for fit in fits]
    row += [show(fit[1] - expected[1]) for fit in fits[:2]]
    row += [f"{100 * np.mean(fit[2] / expected[2] - 1):+.1f} %" for fit in fits[:2]]
    levels = estimated.noise_std_ / noise_std
    print(
        f"{n_echoes} echoes, SNR {snr}, {rule}: estimated noise {levels.mean():.3f} of "
        f"the true level, scatter {levels.std():.3f}; "
        f"{np.mean(estimated.n_iter_):.0f} inversions of a signal; short fraction "
        f"without a floor off by {np.mean(expected[0] - share):+.3f}",
        flush=True,
    )
    return row


def print_without_penalty(snr, n_signals):
    """Print what the floor does where only the true bins and 2 s are there."""
    times, _, along, magnitudes, noise_std = make_signals(48, snr, n_signals)
    train = EPGEchoTrain(150.0, echo_spacing=0.01)
    K = KernelBuilder(train, grid=[0.02, 0.08, 2.0]).fit_transform(times)
    inversion = LassoFista(alpha=0.0)
    f = inversion.fit(K, along).distribution_
    expected = f[0] / f.sum(axis=0)
    for name, fit in (
        ("least squares", inversion.fit(K, magnitudes)),
        ("likelihood", RicianInversion(inversion, noise_std).fit(K, magnitudes)),
    ):
        f = fit.distribution_
        print(f"true bins, SNR {snr}, {name}: {show(f[0] / f.sum(axis=0) - expected)}")


def main():
    """Print the table and write results/rician_floor.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=400)
    n_signals = parser.parse_args().n_signals
    with warnings.catch_warnings():
        # Of signals whose rule ends at an end of its strengths, or takes turns.
        warnings.simplefilter("ignore")
        for snr in (50, 100):
            print_without_penalty(snr, n_signals)
        rows = [
            compare(n_echoes, snr, rule, n_signals)
            for n_echoes, snr in CASES
            for rule in ("chi2", "gcv")
        ]
    table = {
        "name": "shares",
        "description": (
            f"Differences of {n_signals} signals each from fits to the same noise "
            "without a floor: of the short fraction (below 40 ms), of the share above "
            "200 ms, and of the geometric mean of T2, in brackets the standard error "
            "of the last digit. SNR is that of the first echo."
        ),
        "columns": [
            "Echoes",
            "SNR",
            "Rule",
            "Short, least squares",
            "Short, likelihood",
            "Short, noise estimated",
            "Slow, least squares",
            "Slow, likelihood",
            "Mean T2, least squares",
            "Mean T2, likelihood",
        ],
        "rows": rows,
    }
    write_tables(
        "rician_floor",
        "The floor of magnitudes",
        [table],
        ("skrelax", "numpy", "numba", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
