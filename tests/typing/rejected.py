"""What a type checker must find: the mark says which error of mypy is meant."""

import skrelax
from skrelax import KernelBuilder, SmoothLasso, SmoothLassoCV
from skrelax.datasets import load_phantom, make_decay
from skrelax.inversion import LassoFista
from skrelax.kernels import acquisition_grid
from skrelax.metrics import distribution_peaks, log_mean
from skrelax.signals import MonoExponential
from skrelax.uncertainty import Share, bootstrap_distribution

SmoothLasso(positive="yes")  # error: arg-type
SmoothLasso(smothness=1e-3)  # error: call-arg
SmoothLassoCV(rule="largest")  # error: arg-type
SmoothLassoCV(order=3)  # error: arg-type
KernelBuilder(n_bins=64.5)  # error: arg-type
LassoFista(solver="newton")  # error: arg-type
LassoFista().fit([[1.0]])  # error: call-arg
LassoFista().fit(None, [1.0])  # error: arg-type
load_phantom("T1-Bruker")  # error: arg-type
make_decay(noise_std=None)  # error: arg-type
distribution_peaks([1.0], [1.0], 0.01, ["a"], 3)  # error: call-arg
share: str = Share((0.0, 1.0))  # error: assignment
result = bootstrap_distribution(SmoothLasso(), [[1.0]], [1.0])
low, high, middle = result.interval("log_mean")  # error: misc
mean: str = log_mean([1.0], [1.0])  # error: assignment
skrelax.metrics.log_means([1.0], [1.0])  # error: attr-defined
skrelax.SmoothLaso()  # error: attr-defined
skrelax.signals.Model("T2")  # error: attr-defined
MonoExponential(offset="yes")  # error: arg-type
acquisition_grid([1.0]).fit()  # error: attr-defined
MonoExponential().formula = "exp(-t)"  # error: misc
rate: int = SmoothLasso().alpha  # error: assignment
