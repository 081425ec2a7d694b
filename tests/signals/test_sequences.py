"""Fingerprinting trains and steady states: closed forms, limits, plain twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skrelax.signals import (
    MP2RAGE,
    BalancedSteadyState,
    FingerprintingTrain,
    SpoiledGradientEcho,
)


def plain_train(T1, T2, flips, TR, TE, start):
    """Return F0 at each echo by the full graph, in matrices; pulses about x."""
    n = len(flips)
    states = np.zeros((3, n + 2), complex)
    states[2, 0] = start
    echoes = []
    for flip, repetition, echo in zip(np.deg2rad(flips), TR, TE, strict=True):
        c, s = np.cos(flip / 2) ** 2, np.sin(flip / 2) ** 2
        rotation = np.array(
            [
                [c, s, -1j * np.sin(flip)],
                [s, c, 1j * np.sin(flip)],
                [-0.5j * np.sin(flip), 0.5j * np.sin(flip), np.cos(flip)],
            ]
        )
        states = rotation @ states
        echoes.append(states[0, 0] * np.exp(-echo / T2))
        e1, e2 = np.exp(-repetition / T1), np.exp(-repetition / T2)
        states *= np.array([e2, e2, e1])[:, None]
        states[2, 0] += 1 - e1
        states[0, 1:] = states[0, :-1].copy()
        states[1, :-1] = states[1, 1:].copy()
        states[1, -1] = 0
        states[0, 0] = states[1, 0].conjugate()
    return np.array(echoes)


def test_fingerprinting_agrees_with_the_full_graph():
    rng = np.random.default_rng(0)
    n = 60
    flips, TR = rng.uniform(5, 75, n), rng.uniform(0.01, 0.016, n)
    TE = rng.uniform(0.001, 0.004, n)
    sets = np.array([[1.2, 0.08, 0.9], [0.3, 0.3, 1.1], [4.0, 2.0, 1.0]])
    model = FingerprintingTrain(flips, TR, TE, inversion_time=0.02, B1=None)
    signals = model.evaluate(model.own_acquisition(), sets)
    for column, (T1, T2, B1) in enumerate(sets):
        expected = plain_train(
            T1, T2, flips * B1, TR, TE, 1 - 2 * np.exp(-0.02 / T1)
        )  # fmt: skip
        # Pulses about x leave F along -y.
        assert_allclose(signals[:, column], 1j * expected, atol=1e-14)
    single = model.evaluate(model.own_acquisition(), sets.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, signals, atol=5e-6)
    picked = model.evaluate(np.array([[7.0], [3.0]]), sets)
    assert_allclose(picked, signals[[7, 3]], rtol=1e-14)


def test_few_states_suffice_for_a_short_t2():
    flips = 40 + 30 * np.sin(np.arange(100) / 8)
    whole = FingerprintingTrain(flips, inversion_time=0.02)
    short = FingerprintingTrain(flips, inversion_time=0.02, n_states=25)
    points, sets = whole.own_acquisition(), np.array([[1.0, 0.05]])
    # Order 25 needs 50 repetitions to return: exp(-50 * .012 / .05) = 6e-6.
    assert_allclose(
        short.evaluate(points, sets), whole.evaluate(points, sets), atol=1e-5
    )
    crude = FingerprintingTrain(flips, inversion_time=0.02, n_states=2)
    difference = crude.evaluate(points, sets) - whole.evaluate(points, sets)
    assert np.abs(difference).max() > 1e-3


def test_a_train_without_t2_tends_to_the_spoiled_steady_state():
    # T2 far below TR leaves nothing transverse: ideal spoiling.
    model = FingerprintingTrain(np.full(900, 10.0), repetition_time=0.015)
    steady = SpoiledGradientEcho(0.015).evaluate(np.array([[10.0]]), np.array([[1.0]]))
    last = model.evaluate(np.array([[899.0]]), np.array([[1.0, 1e-5]]))
    assert_allclose(last, steady, rtol=1e-9)


@given(
    flips=st.lists(st.floats(0, 360), min_size=1, max_size=15),
    T1=st.floats(1e-3, 10),
    ratio=st.floats(1e-2, 1),
)
def test_magnetisation_never_exceeds_equilibrium(flips, T1, ratio):
    model = FingerprintingTrain(flips, inversion_time=0.0)
    signal = model.evaluate(model.own_acquisition(), np.array([[T1, ratio * T1]]))
    assert np.abs(signal).max() <= 1 + 1e-12


def test_steady_states_of_the_literature():
    ernst = np.degrees(np.arccos(np.exp(-0.015)))
    model = SpoiledGradientEcho(0.015)
    T1 = np.array([[1.0]])
    assert_allclose(model.evaluate(np.array([[10.0]]), T1), 0.0865972329807, rtol=1e-11)
    around = model.evaluate(ernst + np.array([[-0.1], [0.0], [0.1]]), T1)[:, 0]
    assert around.argmax() == 1
    balanced = BalancedSteadyState(0.005)
    sets = np.array([[1.0, 0.08]])
    assert_allclose(
        balanced.evaluate(np.array([[60.0]]), sets), 0.111719801725, rtol=1e-11
    )
    # At TR << T2 = T1 and 90 degrees half of the magnetisation is left.
    equal = BalancedSteadyState(1e-7).evaluate(np.array([[90.0]]), np.array([[1.0, 1]]))
    assert_allclose(equal, 0.5, rtol=1e-6)


def test_repetition_time_as_a_column_and_b1_as_a_parameter():
    for model, sets in (
        (SpoiledGradientEcho, [[1.0]]),
        (BalancedSteadyState, [[1.0, 0.1]]),
    ):
        sets = np.array(sets)
        points = np.array([[10.0, 0.01], [20.0, 0.02]])
        both = model().evaluate(points, sets)[:, 0]
        each = [model(tr).evaluate(np.array([[fa]]), sets)[0, 0] for fa, tr in points]
        assert_allclose(both, each, rtol=1e-14)
        free = model(0.02, B1=None)
        scaled = free.evaluate(np.array([[10.0]]), np.append(sets, [[2.0]], axis=1))
        assert_allclose(scaled[0, 0], each[1], rtol=1e-14)


def test_limits_of_a_grid_hold_the_ernst_angles():
    low, high = SpoiledGradientEcho(0.015).grid_limits(np.array([[3.0], [30.0]]))
    assert low < -0.015 / np.log(np.cos(np.deg2rad(30))) < high
    assert_allclose(high, -3 * 0.015 / np.log(np.cos(np.deg2rad(3))))
    with pytest.raises(ValueError, match="flip angle above 0"):
        SpoiledGradientEcho(0.015).grid_limits(np.array([[0.0]]))


def test_mp2rage_is_the_steady_state_of_a_simulation():
    model = MP2RAGE(
        (0.9, 2.2), (4.0, 6.0), cycle_time=4.0, readout_spacing=0.007, n_readouts=101,
        B1=None,
    )  # fmt: skip
    for T1, B1 in ((0.8, 1.0), (1.6, 0.8), (4.0, 1.1)):
        magnetisation, signals = 1.0, []
        for _ in range(60):
            signals, clock = [], 0.0
            magnetisation *= 1.0 - 1.96
            for centre, flip in ((0.9, 4.0), (2.2, 6.0)):
                begin = centre - 50 * 0.007
                decay = np.exp(-(begin - clock) / T1)
                magnetisation = 1 + (magnetisation - 1) * decay
                for pulse in range(101):
                    angle = np.deg2rad(flip * B1)
                    if pulse == 50:
                        signals.append(magnetisation * np.sin(angle))
                    magnetisation *= np.cos(angle)
                    magnetisation = 1 + (magnetisation - 1) * np.exp(-0.007 / T1)
                clock = begin + 101 * 0.007
            magnetisation = 1 + (magnetisation - 1) * np.exp(-(4.0 - clock) / T1)
        closed = model.evaluate(model.own_acquisition(), np.array([[T1, B1]]))[:, 0]
        assert_allclose(closed, signals, rtol=1e-10)
    last = model.evaluate(np.array([[2.2]]), np.array([[1.0, 1.0]]))
    assert last.shape == (1, 1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            FingerprintingTrain([10.0], repetition_time=-1),
            "repetition_time must be pos",
        ),
        (FingerprintingTrain([10.0], echo_time=1.0), "echo_time from 0"),
        (FingerprintingTrain([10.0], inversion_time=-0.1), "inversion_time must be"),
        (FingerprintingTrain([10.0], efficiency=3), "efficiency must be"),
        (FingerprintingTrain([10.0], n_states=0), "n_states must be"),
        (FingerprintingTrain([10.0], B1=0), "B1 must be"),
        (BalancedSteadyState("TE"), "'TR', got 'TE'"),
        (BalancedSteadyState(0.0), "repetition_time must be"),
        (MP2RAGE((0.1, 0.2)), "must fit between"),
        (MP2RAGE(flip_angle=(1, 2, 3)), "one per pulse"),
        (MP2RAGE(efficiency=0), "efficiency must be"),
    ],
)
def test_bad_settings(model, message):
    points = model.own_acquisition()
    points = np.array([[10.0, 0.01]]) if points is None else points
    sets = np.ones((1, len(model.parameters)))
    with pytest.raises(ValueError, match=message):
        model.evaluate(points, sets)
