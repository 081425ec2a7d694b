"""What the cross-validations of skrelax make of signals of two broad peaks.

Prints the distances to the truth behind the page on other packages, for LassoFistaCV as
mrinversion's call of that name translates, and for SmoothLassoCV. mrinversion itself is
run beside them where it is installed, on the rows that its own compression leaves.
"""

import argparse
import contextlib
import importlib.util
import io

import numpy as np
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFistaCV, SmoothLassoCV
from skrelax.datasets import make_decay
from skrelax.metrics import distribution_peaks, wasserstein_distance

N_SIGNALS, N_FOLDS = 20, 10
LAMBDAS = np.logspace(-1, -7, 64)
HAS_MRINVERSION = importlib.util.find_spec("mrinversion") is not None


def invert(kernel, data):
    """Return the distributions of one signal, by name."""
    y = data.y
    scale = np.sqrt(np.mean(y**2))
    lasso = LassoFistaCV(alphas=LAMBDAS * scale / y.size, cv=N_FOLDS)
    found = {
        "LassoFistaCV, as translated": lasso.fit(kernel, y).coef_,
        "SmoothLassoCV": SmoothLassoCV().fit(kernel, y).coef_,
    }
    if HAS_MRINVERSION:
        from mrinversion.linear_model import LassoFistaCV as PeerLassoFistaCV
        from mrinversion.linear_model import TSVDCompression

        with contextlib.redirect_stdout(io.StringIO()):
            rows = TSVDCompression(kernel, y[:, None])
        peer = PeerLassoFistaCV(LAMBDAS, folds=N_FOLDS)
        peer.fit(rows.compressed_K, rows.compressed_s)
        found["mrinversion LassoFistaCV"] = np.ravel(peer.f)
    return found


def main():
    """Print mean distances and numbers of peaks."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    builder = KernelBuilder(n_bins=64, minimum=1e-2, maximum=1e3, supersampling=20)
    distances, peaks = {}, {}
    for seed in range(N_SIGNALS):
        data = make_decay(random_state=seed)
        kernel = np.asarray(make_pipeline(builder).fit_transform(data.X))
        times = builder.relaxation_times_
        for name, f in invert(kernel, data).items():
            distance = wasserstein_distance(
                f, times, data.distribution, data.relaxation_times
            )
            distances.setdefault(name, []).append(distance)
            peaks.setdefault(name, []).append(len(distribution_peaks(f, times)))
    print(
        f"{N_SIGNALS} signals of two log-Gaussian peaks, noise 1e-3 of the first point."
    )
    print("Mean distance to the truth in decades, and mean number of peaks.")
    for name, values in distances.items():
        print(f"  {name:28} {np.mean(values):.3f}   {np.mean(peaks[name]):.1f}")
    if not HAS_MRINVERSION:
        print("mrinversion is not installed: nothing here was computed by it.")


if __name__ == "__main__":
    main()
