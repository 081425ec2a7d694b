"""How far echo trains with few states, and balanced steady states, are off.

Prints what the page on other packages says of torchsim, from programs of its own: plain
extended phase graphs with a limited number of states, and a steady state of the Bloch
equations by matrices. torchsim itself is run beside them where it is installed.
"""

import argparse
import importlib.util
import warnings

import numpy as np

from skrelax.signals import BalancedSteadyState, EPGEchoTrain

# Pairs of T1 and T2 [s].
SETS = np.array([[1.0, 0.08], [0.4, 0.02], [3.0, 0.6], [0.3, 0.3]])
ECHO_SPACING, N_ECHOES, N_STATES = 0.005, 32, 10
REPETITION_TIME = 0.005
HAS_TORCHSIM = importlib.util.find_spec("torchsim") is not None


def rotation(angle):
    """Return the rotation (3, 3) of F+, F- and Z by a pulse about x."""
    c, s, full = np.cos(angle / 2) ** 2, np.sin(angle / 2) ** 2, np.sin(angle)
    return np.array(
        [
            [c, s, -1j * full],
            [s, c, 1j * full],
            [-0.5j * full, 0.5j * full, np.cos(angle)],
        ]
    )


def echo_train(angles, T1, T2, n_states):
    """Return echoes of pulses (degrees) after a pulse of 90 degrees about y.

    States whose order reaches n_states are dropped.
    """
    e1, e2 = np.exp(-0.5 * ECHO_SPACING / np.array([T1, T2]))
    # Rows are F+, F- and Z, columns the order of the state.
    states = np.zeros((3, n_states), complex)
    states[:2, 0] = 1.0

    def evolve():
        states[:2] *= e2
        states[2] = e1 * states[2]
        states[2, 0] += 1.0 - e1
        states[0, 1:] = states[0, :-1].copy()
        states[1, :-1] = states[1, 1:].copy()
        states[1, -1] = 0.0
        states[0, 0] = states[1, 0].conj()

    echoes = np.empty(len(angles))
    for k, angle in enumerate(np.deg2rad(angles)):
        evolve()
        states[:] = rotation(angle) @ states
        evolve()
        echoes[k] = states[0, 0].real
    return echoes


def balanced_steady_state(angle, T1, T2):
    """Return the signal half way between alternating pulses, by matrices."""
    half = np.array([np.exp(-0.5 * REPETITION_TIME / T) for T in (T2, T2, T1)])
    recovery = np.array([0.0, 0.0, 1.0 - half[2]])
    c, s = np.cos(angle), np.sin(angle)
    pulse = np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    # Alternation is a half turn about z from one pulse to the next.
    turn = np.diag([-1.0, -1.0, 1.0])
    cycle = np.diag(half) @ turn @ pulse @ np.diag(half)
    source = np.diag(half) @ turn @ pulse @ recovery + recovery
    before = np.linalg.solve(np.eye(3) - cycle, source)
    return np.hypot(before[0], before[1])


def deviations(found, expected):
    """Return the largest difference of signals relative to their largest value."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def compare_echo_trains():
    """Print how far ten states are off, for constant and random angles."""
    print(f"Echo trains: {N_ECHOES} echoes {1e3 * ECHO_SPACING:g} ms apart.")
    print(f"Largest error relative to the largest echo; {N_STATES} states are kept.")
    trains = {f"{angle} degrees": np.full(N_ECHOES, angle) for angle in (180, 120, 60)}
    draws = np.random.default_rng(0).uniform(60, 180, (20, N_ECHOES))
    trains |= {f"random angles, draw {k}": angles for k, angles in enumerate(draws)}
    few, ours, theirs = [], [], []
    for angles in trains.values():
        model = EPGEchoTrain(angles, T1=None, echo_spacing=ECHO_SPACING)
        signals = model.evaluate(model.own_acquisition(), SETS[:, ::-1]).T
        whole = np.array([echo_train(angles, *one, 2 * N_ECHOES + 2) for one in SETS])
        cut = np.array([echo_train(angles, *one, N_STATES) for one in SETS])
        ours.append(deviations(signals, whole))
        few.append([deviations(a, b) for a, b in zip(cut, whole, strict=True)])
        if HAS_TORCHSIM:
            peer = torchsim_train(angles)
            theirs.append(
                [deviations(a, np.abs(b)) for a, b in zip(peer, whole, strict=True)]
            )
    few = np.array(few)
    print(f"  skrelax, all trains                {max(ours):.1e}")
    for name, rows in (
        ("180 degrees", few[:1]),
        ("120 degrees", few[1:2]),
        ("60 degrees", few[2:3]),
        ("60 to 180 at random", few[3:]),
    ):
        print(f"  ten states, {name:20}   {rows.min():.1%} to {rows.max():.1%}")
    for name, rows in zip(trains, theirs, strict=False):
        print(f"  torchsim, {name:24} {min(rows):.1%} to {max(rows):.1%}")


def torchsim_train(angles):
    """Return the sizes of torchsim's echoes, (n_sets, n_echoes)."""
    import torchsim

    T1, T2 = 1e3 * SETS.T
    echoes = torchsim.fse_sim(
        flip=angles, ESP=1e3 * ECHO_SPACING, T1=T1, T2=T2, states=N_STATES
    )
    return np.abs(np.asarray(echoes))


def compare_steady_states():
    """Print errors of our formula, and of one with exp(-TE/T2) below as well."""
    angles = np.linspace(5.0, 90.0, 18)
    exact = np.array([[balanced_steady_state(a, *s) for s in SETS]
                      for a in np.deg2rad(angles)])  # fmt: skip
    model = BalancedSteadyState(repetition_time=REPETITION_TIME)
    ours = model.evaluate(angles[:, None], SETS)
    T1, T2 = SETS.T
    e1, half = np.exp(-REPETITION_TIME / T1), np.exp(-0.5 * REPETITION_TIME / T2)
    c, s = np.cos(np.deg2rad(angles))[:, None], np.sin(np.deg2rad(angles))[:, None]
    other = s * (1 - e1) * half / (1 - (e1 - half) * c - e1 * half)
    print(f"Balanced steady states, TR {1e3 * REPETITION_TIME:g} ms, 5 to 90 degrees.")
    print("Largest error relative to the signal.")
    print(f"  skrelax                            {(abs(ours / exact - 1)).max():.1e}")
    print(f"  exp(-TE/T2) in the denominator     {(abs(other / exact - 1)).max():.0%}")
    if HAS_TORCHSIM:
        import torchsim

        times = {"TR": 1e3 * REPETITION_TIME, "TE": 0.5e3 * REPETITION_TIME}
        peer = [
            torchsim.bssfp_sim(flip=a, T1=1e3 * T1, T2=1e3 * T2, **times)
            for a in angles
        ]
        sizes = np.abs(np.asarray(peer)).reshape(exact.shape)
        print(
            f"  torchsim                           {abs(sizes / exact - 1).max():.0%}"
        )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    compare_echo_trains()
    compare_steady_states()
    if not HAS_TORCHSIM:
        print("torchsim is not installed: nothing here was computed by it.")
