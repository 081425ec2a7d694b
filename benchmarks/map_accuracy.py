"""Print the numbers that the guide on parameter maps states about accuracy.

What a wrong T1 does to T2 of echo trains, how well three decays are known, how often
1.96 standard errors hold the truth, what becomes of voxels of noise, and T1 and T2 of
a phantom with several models.
"""

import argparse
import warnings

import numpy as np
import pandas as pd

from skrelax import NonlinearRelaxationFit
from skrelax.datasets import load_phantom
from skrelax.model_selection import select_model
from skrelax.nonlinear import FitStatus
from skrelax.signals import (
    EPGEchoTrain,
    GeneralRecovery,
    InversionRecovery,
    Parameter,
    UserSignal,
    model_for,
    suggest_models,
)

# Spheres whose T2 is within three times the 256 ms of the echo train.
SEEN = slice(2, None)


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


def sphere_errors(model, X, y, truth, known=None):
    """Return the errors of the relaxation times of spheres [%], (14,)."""
    fit = NonlinearRelaxationFit(model).fit(X, y, known=known)
    name = fit.model_.parameters[0].name
    return 100.0 * (fit.params_[:, fit.param_names_.index(name)] / truth - 1.0)


def print_phantom():
    """Print errors of a phantom with several models, and the one that is chosen."""
    for vendor in ("Siemens", "Philips"):
        phantom = load_phantom(f"T1-{vendor}")
        X, y, truth = phantom.X, phantom.y, phantom.reference
        scanner = f"{vendor} {phantom.field_strength:g} T"
        models = {
            "T1-IR, full recovery": InversionRecovery(),
            "T1-general, one TR": GeneralRecovery(),
            "T1-general": model_for("T1-general", X),
        } | suggest_models(X)
        choice = select_model(X, y)
        for name, model in models.items():
            errors = np.abs(sphere_errors(model, X, y, truth))
            chosen = ", chosen" if name == choice.name else ""
            print(
                f"T1 {scanner}, {name}: median error of 14 spheres "
                f"{np.median(errors):.1f} %, 90 % of them up to "
                f"{np.percentile(errors, 90):.0f} %{chosen}"
            )
    # T1 of the spheres, as the command finds it in the other series.
    T1 = truth * (1.0 + sphere_errors(choice.model, X, y, truth) / 100.0)
    phantom = load_phantom("T2-Philips")
    X, y, truth = phantom.X, phantom.y, phantom.reference
    both = model_for("T2-EPG", X).set_params(T1=None)
    choice = select_model(X, y)
    models = {name: (model, None) for name, model in suggest_models(X).items()}
    models["T2-EPG with T1 of each sphere"] = both, {"T1": T1}
    for name, (model, known) in models.items():
        errors = np.abs(sphere_errors(model, X, y, truth, known)[SEEN])
        chosen = ", chosen" if name == choice.name else ""
        print(
            f"T2 Philips 3 T, {name}: median error of 12 spheres "
            f"{np.median(errors):.1f} %, 90 % of them up to "
            f"{np.percentile(errors, 90):.0f} %{chosen}"
        )


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
