"""Problems of the signed inversion that ILTpy runs, too, and signals for it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.testing import assert_allclose

from skrelax import AdaptivePenalty, MultiDimRegularizedILT, ReferenceScheme

TIMES = np.geomspace(1e-3, 10, 64)
TAU = np.geomspace(1e-4, 100, 100)


def signed_line(seed=0, noise=1.0):
    """Return a decay of two components of opposite sign."""
    rng = np.random.default_rng(seed)
    clean = 200 * np.exp(-TIMES / 1.0) - 120 * np.exp(-TIMES / 0.02)
    return clean + noise * rng.standard_normal(TIMES.size)


def plane(seed=0, n=(12, 11), noise=1.0):
    """Return axes and data with a positive and a negative component."""
    rng = np.random.default_rng(seed)
    t1, t2 = np.geomspace(1e-3, 1, n[0]), np.geomspace(1e-3, 3, n[1])
    data = 300 * np.outer(np.exp(-t1 / 0.1), np.exp(-t2 / 0.05))
    data -= 200 * np.outer(np.exp(-t1 / 0.02), np.exp(-t2 / 0.5))
    return (t1, t2), data + noise * rng.standard_normal(n)


GRIDS = [np.geomspace(1e-4, 10, 15), np.geomspace(1e-4, 10, 14)]


def same(a, b, tol=1e-6):
    scale = np.abs(b).max()
    assert_allclose(a, b, rtol=0, atol=tol * scale)


# The penalties of its options `nn` and `compress`.
NEGATIVE = AdaptivePenalty(negative=1000.0)
COUNTED = AdaptivePenalty(count="singular-values")
KERNELS = {"T2": "Exponential", "identity": "Identity"}


@dataclass
class Case:
    """One problem, and the settings of both packages."""

    data: np.ndarray
    axes: list
    grids: list
    kernels: list
    sigma: np.ndarray = None
    ours: dict = field(default_factory=dict)
    theirs: dict = field(default_factory=dict)

    def fit(self, max_iter, **settings):
        """Return the fitted estimator after a number of iterations."""
        ilt = MultiDimRegularizedILT(
            self.kernels, self.grids, noise_std=1.0,
            scheme=ReferenceScheme(max_iter, 0.0), **{**self.ours, **settings},
        )  # fmt: skip
        return ilt.fit_grid(self.axes, self.data, self.sigma)

    def run_iltpy(self, max_iter):
        """Return distribution (without baselines) and steps of ILTpy."""
        import iltpy

        peer = iltpy.iltload(data=self.data.copy(), t=[a.copy() for a in self.axes])
        peer.init(
            tau=[grid.copy() for grid in self.grids],
            kernel=[getattr(iltpy, KERNELS[name])() for name in self.kernels],
            parameters={"maxloop": max_iter, "conv_limit": 0, **self.theirs},
            sigma=None if self.sigma is None else self.sigma.copy(),
        )
        peer.invert(verbose=0)
        bins = tuple(slice(grid.size) for grid in self.grids)
        return np.asarray(peer.g)[bins], np.array(peer.convergence)


def _decay(times, *parts):
    return sum(a * np.exp(-times / tau) for a, tau in parts)


def make_cases():
    """Return the cases by name."""
    rng = np.random.default_rng(0)
    t1, tau1 = np.geomspace(1e-3, 10, 40), np.geomspace(1e-4, 100, 50)
    line = _decay(t1, (200, 0.05), (-150, 1.0)) + rng.standard_normal(40)
    one = ([t1], [tau1], ["T2"])

    t, tau, points = np.geomspace(1e-3, 1, 8), np.geomspace(1e-4, 10, 12), 10
    x = np.arange(1.0, points + 1)
    peak = np.exp(-((x - 6) ** 2) / 4)
    spectrum = _decay(t, (100, 0.05))[:, None] * peak
    spectrum = spectrum + rng.standard_normal(spectrum.shape)
    mixed = ([t, x], [tau, x], ["T2", "identity"])

    u, nu = np.geomspace(1e-3, 1, 9), np.geomspace(1e-4, 10, 10)
    plane = 300 * np.outer(_decay(t, (1, 0.05)), _decay(u, (1, 0.02), (-0.4, 0.5)))
    plane = plane + rng.standard_normal(plane.shape)
    both = ([t, u], [tau, nu], ["T2", "T2"])

    z = np.linspace(-5, 5, 4)
    cube = plane[:, :, None] * np.array([0.5, 1.0, 0.7, -0.3])
    cube = cube + rng.standard_normal(cube.shape)

    def sigma(data):
        return np.linspace(1.0, 2.0, data.size).reshape(data.shape)

    return {
        "1-D": Case(line, *one),
        "1-D baseline": Case(line + 20, *one, None, {"baseline": True}, {"sb": True}),
        "1-D positive": Case(
            np.abs(line), *one, None, {"penalty": NEGATIVE}, {"nn": True}
        ),
        "1-D weights": Case(line, *one, sigma(line)),
        "1-D compressed": Case(
            line, *one, None,
            {"compression": 12, "penalty": COUNTED},
            {"compress": [True], "s": [12]},
        ),
        "spectrum": Case(spectrum, *mixed),
        "spectrum baseline": Case(
            spectrum + 5, *mixed, None,
            {"baseline": [True, False]}, {"sb": [True, False]},
        ),
        "spectrum weights": Case(spectrum, *mixed, sigma(spectrum)),
        "spectrum compressed": Case(
            spectrum, *mixed, None,
            {"compression": [6, None], "penalty": COUNTED},
            {"compress": [True, False], "s": [6, points]},
        ),
        "2-D": Case(plane, *both),
        "2-D baselines": Case(
            plane + 20, *both, None, {"baseline": True}, {"sb": [True, True]}
        ),
        "2-D positive": Case(
            np.abs(plane), *both, None, {"penalty": NEGATIVE}, {"nn": True}
        ),
        "2-D weights": Case(plane, *both, sigma(plane)),
        "2-D compressed": Case(
            plane, *both, None,
            {"compression": 6, "penalty": COUNTED},
            {"compress": [True, True], "s": [6, 6]},
        ),
        "pseudo 3-D": Case(
            cube, [t, u, z], [tau[::2], nu[::2], z], ["T2", "T2", "identity"]
        ),
    }  # fmt: skip


CASES = make_cases()
