"""Extended phase graphs: closed forms, published amplitudes, plain twins."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, SmoothLasso
from skrelax.signals import EPGEchoTrain

FOREVER = 1e12


def plain_train(T2, T1, flips, phases, excitation, first, spacing):
    """Return complex echoes by the full graph, in matrices, one atom; radians."""
    n_echoes = len(flips)
    states = np.zeros((3, 2 * n_echoes + 3), complex)
    states[2, 0] = np.cos(excitation)
    states[:2, 0] = np.sin(excitation)
    echoes = []
    for p, (flip, phase) in enumerate(zip(flips, phases, strict=True)):
        turn = np.exp(1j * phase)
        c, s = np.cos(flip / 2) ** 2, np.sin(flip / 2) ** 2
        rotation = np.array(
            [
                [c, turn**2 * s, -1j * turn * np.sin(flip)],
                [s / turn**2, c, 1j * np.sin(flip) / turn],
                [-0.5j * np.sin(flip) / turn, 0.5j * turn * np.sin(flip), np.cos(flip)],
            ]
        )
        before = 0.5 * (first if p == 0 else spacing)
        after = 0.5 * (first if p == 0 else spacing)
        for half, time in enumerate((before, after)):
            if half:
                states = rotation @ states
            e1, e2 = np.exp(-time / T1), np.exp(-time / T2)
            states *= np.array([e2, e2, e1])[:, None]
            states[2, 0] += 1 - e1
            states[0, 1:] = states[0, :-1].copy()
            states[1, :-1] = states[1, 1:].copy()
            states[0, 0] = states[1, 0].conjugate()
        echoes.append(states[0, 0])
    return np.array(echoes)


def train(model, T2, *others):
    """Return the echoes (n_echoes,) of one set of parameters."""
    return model.evaluate(model.own_acquisition(), np.array([[T2, *others]]))[:, 0]


def test_perfect_pulses_give_the_exponential():
    model = EPGEchoTrain(echo_spacing=0.01, n_echoes=32)
    times = model.own_acquisition()[:, 0]
    assert_allclose(train(model, 0.08), np.exp(-times / 0.08), rtol=1e-13)


@pytest.mark.parametrize("angle", [180.0, 120.0, 90.0, 60.0, 17.0])
def test_closed_forms_without_relaxation(angle):
    model = EPGEchoTrain(angle, T1=FOREVER, echo_spacing=0.01, n_echoes=2000)
    echoes, a = train(model, FOREVER), np.deg2rad(angle)
    assert_allclose(echoes[0], np.sin(a / 2) ** 2, rtol=1e-11)
    second = np.sin(a / 2) ** 4 + np.sin(a) ** 2 / 2
    assert_allclose(echoes[1], second, rtol=1e-11)
    # The train tends to the pseudo steady state; oscillations die out slowly.
    assert_allclose(echoes[-400:].mean(), np.sin(a / 2), rtol=2e-3)


@pytest.mark.parametrize("scale", [1.0, 0.9, 0.8])
def test_published_amplitudes(scale):
    path = Path(__file__).parents[1] / "reference" / "epg_weigel.csv"
    table = pd.read_csv(path, comment="#").set_index("b1")
    expected = table.loc[scale, "amplitude"].to_numpy()
    assert len(expected) == 32
    model = EPGEchoTrain(180.0 * scale, echo_spacing=0.01, n_echoes=32)
    assert_allclose(train(model, 0.08), expected, atol=1e-10)


@pytest.mark.parametrize("phase", [0.0, 90.0, "random"])
def test_agrees_with_the_full_graph(phase):
    rng = np.random.default_rng(0)
    flips = rng.uniform(40, 200, 13)
    phases = rng.uniform(-180, 180, 13) if phase == "random" else np.full(13, phase)
    model = EPGEchoTrain(
        flips, T1=None, B1=None, echo_spacing=0.012, first_echo=0.02,
        excitation=80.0, phase=phases,
    )  # fmt: skip
    sets = np.column_stack(
        [rng.uniform(0.02, 0.3, 37), rng.uniform(0.3, 2, 37), rng.uniform(0.7, 1.2, 37)]
    )
    signals = model.evaluate(model.own_acquisition(), sets)
    assert np.iscomplexobj(signals) == (phase != 0.0)
    for column, (T2, T1, B1) in enumerate(sets):
        expected = plain_train(
            T2, T1, np.deg2rad(flips) * B1, np.deg2rad(phases),
            np.deg2rad(80.0) * B1, 0.02, 0.012,
        )  # fmt: skip
        assert_allclose(signals[:, column], expected, atol=1e-14)


def test_zero_phase_as_the_limit_of_the_complex_recursion():
    real = EPGEchoTrain(130.0, echo_spacing=0.01, n_echoes=20)
    turned = EPGEchoTrain(130.0, echo_spacing=0.01, n_echoes=20, phase=360.0)
    assert_allclose(train(turned, 0.1), train(real, 0.1), atol=1e-14)


def test_single_precision():
    model = EPGEchoTrain(130.0, B1=None, echo_spacing=0.005, n_echoes=32)
    sets = np.column_stack([np.linspace(0.01, 0.3, 50), np.linspace(0.7, 1.2, 50)])
    times = model.own_acquisition()
    single = model.evaluate(times, sets.astype(np.float32))
    assert single.dtype == np.float32
    # Some tens of operations, each rounded to 6e-8.
    assert_allclose(single, model.evaluate(times, sets), atol=2e-6)


@given(
    flips=st.lists(st.floats(0, 360), min_size=1, max_size=12),
    T2=st.floats(1e-3, 10),
    T1=st.floats(1e-3, 10),
    turn=st.sampled_from([0.0, 37.0, 90.0]),
)
def test_echoes_stay_below_the_relaxation_of_a_perfect_train(flips, T2, T1, turn):
    # Rotations keep the energy and every path decays at least with the larger time.
    phases = turn * np.arange(len(flips)) ** 2
    model = EPGEchoTrain(flips, T1=T1, echo_spacing=0.01, phase=phases)
    times = model.own_acquisition()[:, 0]
    bound = np.exp(-times / max(T1, T2))
    assert (np.abs(train(model, T2)) <= bound + 1e-14).all()


def test_derivatives_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    model = EPGEchoTrain(
        rng.uniform(90, 180, 9), T1=None, B1=None, echo_spacing=0.01, first_echo=0.014
    )
    times, sets = model.own_acquisition(), np.array([[0.05, 0.6, 0.9], [0.2, 1.5, 1.1]])
    signal, derivatives = model.jacobian(times, sets)
    assert_allclose(signal, model.evaluate(times, sets), atol=1e-14)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6
        change = model.evaluate(times, sets + step) - model.evaluate(times, sets - step)
        assert_allclose(derivatives[place], change / 2e-6, atol=1e-8)
    held = EPGEchoTrain(150.0, echo_spacing=0.01, n_echoes=9)
    assert held.jacobian(held.own_acquisition(), sets[:, :1])[1].shape == (1, 9, 2)


def test_magnitude():
    model = EPGEchoTrain(120.0, echo_spacing=0.02, n_echoes=8)
    signed, sets = train(model, 0.01), np.array([[0.01]])
    assert signed.min() < -1e-3
    model.set_params(magnitude=True)
    assert_allclose(train(model, 0.01), np.abs(signed), rtol=1e-15)
    signal, slopes = model.jacobian(model.own_acquisition(), sets)
    ahead = model.evaluate(model.own_acquisition(), sets + 1e-8)
    assert_allclose(slopes[0], (ahead - signal) / 1e-8, atol=1e-4)


def test_echoes_in_any_order():
    model = EPGEchoTrain(140.0, echo_spacing=0.01)
    times = np.array([[0.03], [0.01], [0.07]])
    whole = train(EPGEchoTrain(140.0, echo_spacing=0.01, n_echoes=7), 0.1)
    assert_allclose(
        model.evaluate(times, np.array([[0.1]]))[:, 0], whole[[2, 0, 6]], rtol=1e-13
    )


@pytest.mark.parametrize(
    ("settings", "times", "message"),
    [
        ({"echo_spacing": None}, [0.01], "echo_spacing must be given"),
        ({"echo_spacing": -1.0}, [0.01], "echo_spacing must be a positive"),
        ({}, [0.01, 0.025], "TE must be among the"),
        ({}, [0.0], "TE must be among"),
        ({"n_echoes": 2}, [0.03], "TE must be among the 2 points"),
        ({"n_echoes": 0}, [0.03], "n_echoes must be an integer"),
        ({"flip_angle": [180, 160]}, [0.03], "TE must be among the 2 points"),
        ({"flip_angle": [180, 160], "n_echoes": 3}, [0.03], "one per pulse"),
        ({"flip_angle": np.nan}, [0.03], "flip_angle must be finite"),
        ({"excitation": "full"}, [0.03], "an angle or 'half'"),
        ({"T1": -1.0}, [0.03], "T1 must be a positive"),
        ({"T1": None}, [0.03], r"shape \(n_sets, 2\), columns \['T2', 'T1'\]"),
    ],
)
def test_bad_settings(settings, times, message):
    model = EPGEchoTrain(**({"echo_spacing": 0.01} | settings))
    with pytest.raises(ValueError, match=message):
        model.evaluate(np.array(times)[:, None], np.array([[0.1]]))


def test_length_of_the_train_must_be_known_without_times():
    with pytest.raises(ValueError, match="length of the train is unknown"):
        EPGEchoTrain(echo_spacing=0.01).own_acquisition()
    with pytest.raises(ValueError, match="derivatives need phase=0"):
        EPGEchoTrain(echo_spacing=0.01, phase=90.0).jacobian(
            np.array([[0.01]]), np.array([[0.1]])
        )


@pytest.mark.parametrize("tag", ["ref", "ref2"])
def test_reproduces_decaes(shared_data, tag):
    def read(name):
        return np.loadtxt(shared_data / "decaes" / f"decaes_{name}.csv")

    times = 0.01 * np.arange(1, 17)[:, None]
    angle = 180.0 if tag == "ref" else float(read(f"{tag}_alpha"))
    mu = 0.0 if tag == "ref" else float(read(f"{tag}_mu"))
    kernel = EPGEchoTrain(
        angle, T1=1.0, echo_spacing=0.01, excitation="half", magnitude=True
    )
    model = make_pipeline(
        KernelBuilder(kernel, grid=read("ref_t2times")),
        SmoothLasso(alpha=0.0, smoothness=mu**2 / 16, order=0),
    ).fit(times, read("ref_signal"))
    assert_allclose(model[-1].coef_, read(f"{tag}_dist"), atol=1e-8)
