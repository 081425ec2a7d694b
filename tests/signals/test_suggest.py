"""Models that an acquisition asks for."""

import numpy as np
import pandas as pd
import pytest

from skrelax.signals import EPGEchoTrain, model_for, suggest_models
from skrelax.signals._suggest import unread_columns

TI, TE = [0.05, 0.2, 0.5, 1.0, 2.0], [0.01, 0.02, 0.03, 0.04, 0.05]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"TI": TI, "TE": 0.01}, ["T1-IR", "T1-SR", "T1-IR-efficiency"]),
        ({"TS": TI}, ["T1-SR", "T1-general"]),
        ({"TR": TI, "FA": 90.0}, ["T1-SR", "T1-general"]),
        ({"FA": [2.0, 5.0, 10.0, 20.0, 30.0], "TR": 0.01}, ["T1-VFA"]),
        # Variable flip angles need a repetition time.
        ({"FA": [2.0, 5.0, 10.0, 20.0, 30.0]}, []),
        ({"TE": TE, "TR": 2.0}, ["T2", "T2-offset", "T2-EPG"]),
        ({"TE": TE, "FA": 180.0}, ["T2", "T2-offset", "T2-EPG"]),
        ({"TE": TE, "FA": 20.0}, ["T2*", "T2*-offset"]),
        # Echoes that are not all there, that are no train, and too few of them.
        ({"TE": [0.01, 0.02, 0.03, 0.04, 0.06]}, ["T2", "T2-offset", "T2-EPG"]),
        ({"TE": [0.01, 0.02, 0.03, 0.04, 0.065]}, ["T2", "T2-offset"]),
        ({"TE": [0.01, 0.02]}, ["T2"]),
        ({"TSL": TE, "TE": 0.01}, ["T1rho"]),
        ({"TE": [0.01, 0.01], "TR": 1.0}, []),
        # Names may have a unit, and any case.
        ({"te (s)": TE}, ["T2", "T2-offset", "T2-EPG"]),
        # Files round: this is one repetition time.
        ({"TE": TE, "TR": [2.0, 2.0, 2.001, 2.0, 2.0]}, ["T2", "T2-offset", "T2-EPG"]),
    ],
)
def test_what_varies_names_the_models(columns, names):
    found = suggest_models(pd.DataFrame(columns))
    assert list(found) == names
    for name, model in found.items():
        again = model_for(name, pd.DataFrame(columns))
        assert repr(again) == repr(model)


def test_settings_come_from_the_acquisition():
    both = pd.DataFrame({"TI": TI, "TR": [1.0, 1.0, 1.5, 2.0, 3.0]})
    for name in ("T1-IR", "T1-IR-efficiency", "T1-general"):
        assert model_for(name, both).acquisition_columns == ("TI", "TR")
    # A repetition time that all images share is in the amplitudes.
    shared = pd.DataFrame({"TI": TI, "TR": 3.0})
    assert model_for("T1-general", shared).acquisition_columns == ("TI",)
    for columns, name in (({"TS": TI}, "TS"), ({"TI": TI}, "TI"), ({"TR": TI}, "TR")):
        acquisition = pd.DataFrame(columns)
        assert model_for("T1-SR", acquisition).acquisition_columns == (name,)
        assert model_for("T1-SR", acquisition).formula == f"M0 (1 - exp(-{name} / T1))"
        assert model_for("T1-general", acquisition).acquisition_columns == (name,)
    # Every second echo tells nothing of those between.
    even = pd.DataFrame({"TE": 0.02 * np.arange(1, 6)})
    assert suggest_models(even)["T2-EPG"].echo_spacing == pytest.approx(0.02)
    found = suggest_models(even, echo_spacing=0.01)["T2-EPG"]
    assert (found.echo_spacing, found.first_echo) == (0.01, None)
    train = model_for("T2-EPG", pd.DataFrame({"TE": TE}))
    assert isinstance(train, EPGEchoTrain)
    assert train.echo_spacing == 0.01


def test_what_is_not_read():
    acquisition = pd.DataFrame({"TE": TE, "TR": TI, "FA": 90.0})
    assert unread_columns(model_for("T2", acquisition), acquisition) == ["TR"]
    acquisition = pd.DataFrame({"TI": TI, "TR": TI, "TE": TE})
    assert unread_columns(model_for("T1-IR", acquisition), acquisition) == ["TE"]
    assert unread_columns(model_for("T1-LL", acquisition), acquisition) == ["TE", "TR"]


def test_trains_that_start_late():
    def settings(times):
        model = model_for("T2-EPG", pd.DataFrame({"TE": times}))
        return model.echo_spacing, model.first_echo

    train = 0.01 * np.arange(1, 9)
    for times in (train, train[2:], train[[1, 2, 5]]):
        spacing, first = settings(times)
        assert spacing == pytest.approx(0.01, rel=1e-12)
        assert first is None
    # The first echo is no multiple of the spacing.
    assert settings(train + 0.003) == pytest.approx((0.01, 0.013), rel=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="T1-VFA needs TR of each point, the acq"):
        model_for("T1-VFA", pd.DataFrame({"FA": TI}))
    with pytest.raises(ValueError, match="T2-EPG needs a train of echoes: the echoes"):
        model_for("T2-EPG", pd.DataFrame({"TE": [0.01, 0.02, 0.034]}))
    with pytest.raises(ValueError, match="an echo at 0 s is none of a train"):
        model_for("T2-EPG", pd.DataFrame({"TE": [0.0, 0.01, 0.02]}))
    with pytest.raises(ValueError, match="T2-EPG needs a train of echoes: the echoes"):
        model_for("T2-EPG", pd.DataFrame({"TE": TE}), echo_spacing=0.007)
    with pytest.raises(ValueError, match="are more than"):
        model_for("T2-EPG", pd.DataFrame({"TE": [0.01, 0.010001, 2.0]}))
    with pytest.raises(ValueError, match="echo_spacing must be a positive number"):
        suggest_models(pd.DataFrame({"TE": TE}), echo_spacing=-1.0)
    with pytest.raises(TypeError, match="must be a DataFrame with names"):
        suggest_models(np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"TE.*must be finite, got nan"):
        suggest_models(pd.DataFrame({"TE": [0.01, np.nan]}))
