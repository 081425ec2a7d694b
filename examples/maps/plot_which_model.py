"""
Which model describes the data?
===============================

One relaxation time, two, or a stretched decay? Models are parameters of the fit, so
that ``GridSearchCV`` compares them by their error on echoes that were left out.
"""

# %%
# Decays of two water pools
# -------------------------
#
# Two hundred voxels with a fast and a slow component, whose share varies.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from skrelax import NonlinearRelaxationFit, VoxelMapper
from skrelax.model_selection import InterleavedKFold
from skrelax.signals import BiExponential

rng = np.random.default_rng(0)
n_voxels = 200
X = pd.DataFrame({"TE": 0.006 * np.arange(1, 33)})
share = rng.uniform(0.1, 0.4, n_voxels)
times = np.column_stack([np.full(n_voxels, 0.015), np.full(n_voxels, 0.09)])
basis = BiExponential().basis(X.to_numpy(), times)
y = basis[0] * share + basis[1] * (1 - share)
y += 0.003 * rng.standard_normal(y.shape)

# %%
# The search
# ----------
#
# Folds are interleaved: each leaves every fourth echo out.

search = GridSearchCV(
    NonlinearRelaxationFit(),
    {"model": ["T2", "T2-offset", "T2-stretched", "T2-biexponential"]},
    cv=InterleavedKFold(4),
    scoring="neg_root_mean_squared_error",
).fit(X, y)
results = pd.DataFrame(
    {
        "model": search.cv_results_["param_model"],
        "error of left-out echoes": -search.cv_results_["mean_test_score"],
    }
)
print(f"noise 0.003, best model: {search.best_params_['model']}")
results

# %%
# Voxels as rows
# --------------
#
# :class:`~skrelax.compose.VoxelMapper` turns the fit round: rows of voxels in, rows of
# parameters out, in chunks, in a table if asked for.

mapper = VoxelMapper(search.best_estimator_, X).set_output(transform="pandas")
table = mapper.fit_transform(pd.DataFrame(y.T))
table.head().round(4)

# %%
# Shares
# ------
#
# The bars are standard errors.

figure, ax = plt.subplots(figsize=(5.2, 4), layout="constrained")
ax.errorbar(
    share,
    table["fraction_short"],
    table["fraction_short stderr"],
    fmt="o",
    ms=3,
    elinewidth=0.6,
    color="C0",
)
ax.plot([0.1, 0.4], [0.1, 0.4], color="C1")
ax.set(xlabel="true share of the fast pool", ylabel="fitted share")
