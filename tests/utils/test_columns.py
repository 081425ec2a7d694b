"""Columns are found by name in the same way by all estimators."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skrelax import (
    KernelBuilder,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    ReferenceScheme,
)
from skrelax.kernels import acquisition_grid
from skrelax.signals import (
    Diffusion,
    Identity,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
    UserSignal,
    resolve_model,
)
from skrelax.utils._columns import assign_columns

# Times of four columns that are different everywhere.
POINTS = acquisition_grid([0.01, 0.02, 0.05, 0.1], [0.3, 0.5, 0.9, 1.6, 2.2])
POINTS = np.column_stack([POINTS, POINTS[:, ::-1] + 0.003])
Y = np.linspace(1.0, 0.1, len(POINTS))


def of_one_model(wanted):
    """Return a model that reads several columns, for the fit of one model."""
    return UserSignal(_decay_of[len(wanted)], "T2", wanted)


_decay_of = {
    1: lambda a, T: np.exp(-a / T),
    2: lambda a, b, T: np.exp(-(a + b) / T),
    3: lambda a, b, c, T: np.exp(-(a + b + c) / T),
}


def columns_of(kind, models, X):
    """Return the columns that an estimator reads, or the text of its error."""
    wanted = [name for model in models for name in model.acquisition_columns]
    try:
        if kind == "builder":
            fitted = KernelBuilder(list(models), n_bins=2).fit(X)
            return [place for part in fitted._columns for place in part]
        if kind == "ilt":
            ilt = MultiDimRegularizedILT(
                list(models), 2, noise_std=1.0, scheme=ReferenceScheme(1)
            )
            columns = ilt.fit(X, Y)._axes.columns
            return [place for part in columns for place in part]
        model = models[0] if len(models) == 1 else of_one_model(wanted)
        return list(NonlinearRelaxationFit(model).fit(X, Y)._columns)
    except ValueError as error:
        return str(error)


TE, TI = MonoExponential(), InversionRecovery()
TS, B = SaturationRecovery(), Diffusion()
CASES = {
    # models, names, columns or a part of the error
    "in order": ([TI, TE], ["TI", "TE"], [0, 1]),
    "swapped": ([TI, TE], ["TE", "TI"], [1, 0]),
    "units": ([TI, TE], ["TE (s)", "TI (s)"], [1, 0]),
    "other brackets": ([TI, TE], ["TE [s]", "TI / s"], [1, 0]),
    "underscores": ([TI, TE], ["te_s", "ti_s"], [1, 0]),
    "lower case": ([TI, TE], ["te", "ti"], [1, 0]),
    "spelled units": ([TI, TE], ["TE (seconds)", "TI (sec)"], [1, 0]),
    "further columns": ([TI, TE], ["temperature", "TE", "TI"], [2, 1]),
    "another quantity besides": ([TI, TE], ["TR", "TE", "TI (s)"], [2, 1]),
    "exact before similar": ([TE], ["TE (s)", "TE"], [1]),
    "one of two": ([TE], ["TI", "TE"], [1]),
    "no meaning": ([TI, TE], ["time", "echo_time"], [0, 1]),
    "letters": ([TI, TE], ["x0", "x1"], [0, 1]),
    "diffusion": ([B, TE], ["TE", "b (s/m2)"], [1, 0]),
    "milliseconds": ([TI, TE], ["TI (s)", "TE (ms)"], "'TE (ms)' is not in s"),
    "te_ms": ([TE], ["te_ms"], "'te_ms' is not in s; convert"),
    "b in s/mm2": ([B, TE], ["b (s/mm2)", "TE"], "is not in s/m2; convert"),
    "wrong quantity": ([TE], ["TI"], "rename the column that 'TE' (in s) is in"),
    "wrong quantity of two": ([TI, TE], ["TE", "TR"], "column that 'TI' (in s) is in"),
    "wrong with unit": ([TS, TE], ["TI (s)", "TE (s)"], "'TS' (in s) is in"),
    "half a meaning": ([TI, TE], ["time", "TE"], "'TI' (in s) is in"),
    "ambiguous": ([TE], ["te", "Te"], "may be any of ['te', 'Te']"),
    "too few": ([TI, TE], ["x0"], "reads? 2 acquisition columns ['TI', 'TE']"),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", ["builder", "ilt", "nonlinear"])
def test_one_rule_for_all_estimators(kind, case):
    models, names, expected = case
    X = pd.DataFrame(POINTS[:, : len(names)], columns=names)
    if "b (" in names[0]:
        X[names[0]] *= 1e9
    found = columns_of(kind, models, X)
    if isinstance(expected, list):
        assert found == expected
    else:
        assert expected.replace("reads? ", "") in found
        assert "acquisition columns" in found or str(names) in found


AXES = {
    "numbered": (["TE_1", "TE_2"], [0, 1]),
    "numbered, swapped": (["TE_2", "TE_1"], [1, 0]),
    "numbered with units": (["TE2 (s)", "TE1 (s)"], [1, 0]),
    "the first without a number": (["TE_2", "TE"], [1, 0]),
    "names of both kinds": (["TE", "te"], [0, 1]),
    "no meaning": (["a", "b"], [0, 1]),
    "another quantity": (["TE", "TI"], "'TE' is wanted 2 times"),
    "another unit": (["TE_1 (s)", "TE_2 (ms)"], "'TE' is wanted 2 times"),
    "three": (["TE_1", "TE_2", "TE_3"], "'TE' is wanted 2 times"),
}


@pytest.mark.parametrize(("names", "expected"), AXES.values(), ids=AXES)
@pytest.mark.parametrize("kind", ["builder", "ilt"])
def test_two_axes_of_one_model(kind, names, expected):
    X = pd.DataFrame(POINTS[:, : len(names)], columns=names)
    found = columns_of(kind, [TE, TE], X)
    if isinstance(expected, list):
        assert found == expected
    else:
        assert expected in found


@pytest.mark.parametrize(
    ("names", "n_axes"),
    [
        (["TE"], 1), (["TE", "TI"], 1), (["TE_1", "TE_2"], 2), (["TE", "TE_2"], 2),
        (["a", "b"], 2), (["TE", "TE (s)"], 1), (["TE", "temperature", "TR"], 1),
    ],
)  # fmt: skip
def test_a_single_model_serves_its_columns(names, n_axes):
    X = pd.DataFrame(POINTS[:, : len(names)], columns=names)
    assert len(KernelBuilder("T2", n_bins=2).fit(X).models_) == n_axes
    ilt = MultiDimRegularizedILT("T2", 2, noise_std=1.0, scheme=ReferenceScheme(1)).fit(
        X, Y
    )
    assert len(ilt.grids_) == n_axes


def test_kernels_and_fits_of_names_are_those_of_arrays():
    frame = pd.DataFrame(POINTS[:, :2], columns=["TE (s)", "TI (s)"])
    kernels = ["T1-IR", "T2"]
    plain = POINTS[:, [1, 0]]
    builder = KernelBuilder(kernels, n_bins=[3, 4])
    assert_array_equal(builder.fit_transform(frame), builder.fit_transform(plain))
    ilt = MultiDimRegularizedILT(
        kernels, [6, 7], noise_std=0.1, scheme=ReferenceScheme(5)
    )
    named = ilt.fit(frame, Y)
    assert_array_equal(named.predict(frame), ilt.fit(plain, Y).predict(plain))


@pytest.mark.parametrize("name", ["T1-VFA", "T1-IR", "diffusion", "impedance-real"])
def test_unrelated_axes_of_identities(name):
    model = resolve_model(name)
    width = len(model.acquisition_columns)
    names = ["temperature (K)", *model.acquisition_columns]
    columns = assign_columns([model, Identity()], names, len(names), "it reads")
    assert columns == [list(range(1, width + 1)), [0]]
    with pytest.raises(ValueError, match="it reads the columns"):
        assign_columns([model, Identity()], ["TSL", *names[1:]], len(names), "it reads")
    with pytest.raises(ValueError, match="it reads the columns"):
        assign_columns([model, Identity()], ["a", *names], 1 + len(names), "it reads")
