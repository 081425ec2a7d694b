"""Extended phase graphs beside other programs, where these are installed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skrelax.signals import EPGEchoTrain, FingerprintingTrain

SETS = np.array([[0.08, 1.0], [0.02, 0.4], [0.6, 3.0], [0.3, 0.3]])


@pytest.mark.parametrize("angle", [180.0, 164.4, 120.0, 70.0])
def test_qmrpy(angle):
    decaes = pytest.importorskip("qmrpy.models.t2.decaes_t2", exc_type=ImportError)
    model = EPGEchoTrain(
        angle,
        T1=None,
        echo_spacing=0.01,
        excitation="half",
        magnitude=True,
        n_echoes=40,
    )
    ours = model.evaluate(model.own_acquisition(), SETS)
    for column, (T2, T1) in enumerate(SETS):
        theirs = decaes.epg_decay_curve(
            etl=40, alpha_deg=angle, te_ms=10.0, t2_ms=1e3 * T2, t1_ms=1e3 * T1,
            beta_deg=180.0,
        )  # fmt: skip
        assert_allclose(ours[:, column], theirs, atol=1e-12)


# torchsim computes in float32, with as many states as it is told to keep.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchsim_echo_train():
    torchsim = pytest.importorskip("torchsim", exc_type=ImportError)
    flips = np.random.default_rng(0).uniform(60, 180, 32)
    model = EPGEchoTrain(flips, T1=None, echo_spacing=0.005)
    ours = model.evaluate(model.own_acquisition(), SETS)
    theirs = torchsim.fse_sim(
        flip=flips, ESP=5.0, T1=1e3 * SETS[:, 1], T2=1e3 * SETS[:, 0], states=40
    )
    assert_allclose(ours, np.abs(np.asarray(theirs)).T * np.sign(ours), atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchsim_fingerprinting():
    torchsim = pytest.importorskip("torchsim", exc_type=ImportError)
    flips = 10 + 50 * np.abs(np.sin(np.arange(100) / 20))
    model = FingerprintingTrain(flips, repetition_time=0.012, inversion_time=0.02)
    ours = model.evaluate(model.own_acquisition(), SETS[:, ::-1])
    theirs = torchsim.mrf_sim(
        flip=flips,
        TR=12.0,
        TI=20.0,
        T1=1e3 * SETS[:, 1],
        T2=1e3 * SETS[:, 0],
        states=100,
    )
    assert_allclose(np.abs(ours), np.abs(np.asarray(theirs)).T, atol=1e-5)
