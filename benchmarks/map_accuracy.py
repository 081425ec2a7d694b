"""Print the numbers that the guide on parameter maps states about accuracy.

What a wrong T1 does to T2 of echo trains, how well three decays are known, how often
1.96 standard errors hold the truth, what becomes of voxels of noise, and, where the
reference data are (SKRELAX_DATA), T1 of a phantom with and without its repetition time.
"""

import argparse
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from skrelax import NonlinearRelaxationFit
from skrelax.nonlinear import FitStatus
from skrelax.signals import EPGEchoTrain, InversionRecovery, Parameter, UserSignal

# T1 of the spheres of plate 5 of the NIST phantom at 1.5 T, 20 degrees C [s].
PHANTOM_T1 = (
    2.033, 1.489, 1.012, 0.7308, 0.5141, 0.3679, 0.2601,
    0.1846, 0.1327, 0.0927, 0.0654, 0.04632, 0.03245, 0.022859,
)  # fmt: skip


def print_wrong_T1():
    """Print how far T2 of echo trains moves where T1 is off by a factor of two."""
    times = 0.01 * np.arange(1, 33)[:, None]
    print("T2 of 32 echoes, 10 ms apart, with T1 taken as half and twice what it is:")
    for B1 in (0.9, 0.5):
        for T1, T2 in ((1.0, 0.08), (0.3, 0.25)):
            moved = []
            truth = EPGEchoTrain(T1=T1, B1=B1, echo_spacing=0.01)
            signal = truth.evaluate(times, np.array([[T2]]))[:, 0]
            for factor in (0.5, 2.0):
                model = EPGEchoTrain(T1=factor * T1, B1=None, echo_spacing=0.01)
                fit = NonlinearRelaxationFit(model).fit(times, signal)
                found = fit.params_[fit.param_names_.index("T2")]
                moved.append(100 * (found / T2 - 1))
            print(
                f"  B1 {B1}, T1 {T1} s, T2 {T2} s: T2 off by {moved[0]:+.1f} and "
                f"{moved[1]:+.1f} %"
            )


def print_three_decays():
    """Print the standard errors of three decays that are a factor of six apart."""
    decay_times = 0.008, 0.048, 0.288
    amplitudes = [Parameter("a"), Parameter("b"), Parameter("c")]

    def decays(t, Ta, Tb, Tc):
        return np.exp(-t / Ta), np.exp(-t / Tb), np.exp(-t / Tc)

    model = UserSignal(decays, ["Ta", "Tb", "Tc"], "TE", amplitude=amplitudes)
    TE = pd.DataFrame({"TE": np.geomspace(0.002, 1.5, 48)})
    clean = sum(decays(TE["TE"].to_numpy(), *decay_times)) / 3
    rng = np.random.default_rng(0)
    for noise_std in (0.01, 0.001):
        signals = clean[:, None] + noise_std * rng.standard_normal((48, 20))
        fit = NonlinearRelaxationFit(model, noise_std=noise_std).fit(TE, signals)
        error = np.median(fit.stderr_[:, 3:] / fit.params_[:, 3:], axis=0)
        words = ", ".join(f"{100 * one:.2g}" for one in error)
        print(f"Three decays in 48 points, noise {noise_std}: times to {words} %")


def print_coverage(n_signals):
    """Print how often 1.96 standard errors from residuals hold the truth."""
    rng = np.random.default_rng(0)
    for n_points in (6, 12, 24):
        TE = np.linspace(0.01, 0.3, n_points)[:, None]
        signals = np.exp(-TE / 0.1) + 0.01 * rng.standard_normal((n_points, n_signals))
        fit = NonlinearRelaxationFit("T2").fit(TE, signals)
        inside = np.abs(fit.params_[:, 1] - 0.1) < 1.96 * fit.stderr_[:, 1]
        print(f"{n_points} points: 1.96 standard errors hold T2 in {inside.mean():.1%}")


def print_noise(n_signals):
    """Print what becomes of voxels that hold noise alone."""
    noise = np.random.default_rng(0).standard_normal((2, 16, n_signals))
    TE = np.linspace(0.01, 0.3, 16)[:, None]
    for name, signals in (("noise", noise[0]), ("its magnitudes", np.hypot(*noise))):
        status = NonlinearRelaxationFit("T2").fit(TE, signals).status_
        kinds, counts = np.unique(status, return_counts=True)
        words = ", ".join(
            f"{FitStatus(kind).name.lower().replace('_', ' ')} {count / n_signals:.0%}"
            for kind, count in zip(kinds, counts, strict=True)
        )
        print(f"T2 of 16 points of {name}: {words}")


def print_phantom():
    """Print T1 of a phantom with and without the repetition times of its images."""
    folder = Path(os.environ.get("SKRELAX_DATA", "../shared/data")) / "phantom_roi"
    path = folder / "T1_site1_20200218_plate5.csv"
    if not path.exists():
        print(f"{path} is not there: nothing on the phantom.")
        return
    table = pd.read_csv(path, comment="#")
    X = 1e-3 * table[["ti_ms", "tr_ms"]].set_axis(["TI", "TR"], axis=1)
    y = table[[f"s{number}" for number in range(1, 15)]]
    for name, TR in (("without", None), ("with", "TR")):
        model = InversionRecovery(repetition_time=TR)
        found = NonlinearRelaxationFit(model).fit(X, y).params_[:, 1]
        words = ", ".join(
            f"{100 * (one / truth - 1):+.0f}"
            for one, truth in zip(found, PHANTOM_T1, strict=True)
        )
        print(f"T1 of 14 spheres {name} repetition times, off by {words} %")


def main():
    """Print all numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-signals", type=int, default=5000)
    options = parser.parse_args()
    with warnings.catch_warnings():
        # Fits that are not converged are counted here.
        warnings.simplefilter("ignore")
        print_wrong_T1()
        print_three_decays()
        print_coverage(options.n_signals)
        print_noise(options.n_signals)
        print_phantom()


if __name__ == "__main__":
    main()
