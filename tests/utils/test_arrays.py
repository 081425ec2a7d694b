"""Arrays of other libraries are converted where NumPy can, and else refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    VoxelMapper,
)
from skrelax.decomposition import TSVDCompressor
from skrelax.dictionary import DictionaryMatcher, SignalSimulator
from skrelax.inversion import KernelParameterSearch
from skrelax.metrics import log_mean
from skrelax.model_selection import StrengthSearch
from skrelax.signals import EPGEchoTrain

TIMES = 0.01 * np.arange(1, 17)[:, None]
SIGNALS = np.exp(-TIMES / [0.03, 0.1])
KERNEL = np.exp(-TIMES / np.geomspace(0.01, 0.3, 6))
WEIGHT = np.ones(16)


class Remote:
    """An array on a device that NumPy cannot read, as CuPy and PyTorch have them."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __array__(self, *args, **kwargs):
        raise RuntimeError("can't convert a tensor of this device")

    def __dlpack__(self, **kwargs):
        raise BufferError

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return Remote(self.array[key])


def calls(convert):
    """Return (argument, call) with that argument converted."""
    echoes = KernelBuilder(EPGEchoTrain(echo_spacing=0.01), grid=[0.02, 0.05, 0.2])
    search = KernelParameterSearch(make_pipeline(echoes, LassoFista(1e-6)))
    ilt = MultiDimRegularizedILT("T2", np.geomspace(0.01, 0.3, 8), noise_std=1e-3)
    fit = NonlinearRelaxationFit("T2")
    times, signals, kernel, weight = map(convert, (TIMES, SIGNALS, KERNEL, WEIGHT))
    return [
        ("X", lambda: KernelBuilder("T2", n_bins=5).fit_transform(times)),
        ("X", lambda: TSVDCompressor().fit_transform(kernel)),
        ("X", lambda: SmoothLasso().fit(kernel, SIGNALS).coef_),
        ("y", lambda: SmoothLasso().fit(KERNEL, signals).coef_),
        ("sample_weight", lambda: SmoothLasso().fit(KERNEL, SIGNALS, weight).coef_),
        ("y", lambda: StrengthSearch(SmoothLasso()).fit(KERNEL, signals).strength_),
        ("X", lambda: ilt.fit(times, SIGNALS).distribution_),
        ("y", lambda: ilt.fit(TIMES, signals).distribution_),
        ("X", lambda: fit.fit(times, SIGNALS).params_),
        ("y", lambda: fit.fit(TIMES, signals).params_),
        ("sample_weight", lambda: fit.fit(TIMES, SIGNALS, weight).params_),
        ("X", lambda: search.fit(times, SIGNALS).value_),
        ("X", lambda: VoxelMapper(fit, TIMES).fit_transform(signals.T)),
        ("acquisition", lambda: VoxelMapper(fit, times).fit_transform(SIGNALS.T)),
        ("X", lambda: DictionaryMatcher().fit(signals.T, [0.03, 0.1]).parameters_),
        ("distribution", lambda: log_mean(weight, TIMES[:, 0])),
    ]


def name_of(place):
    return calls(lambda array: array)[place][0]


class TransposableRemote(Remote):
    @property
    def T(self):
        return TransposableRemote(self.array.T)


@pytest.mark.parametrize("place", range(len(calls(lambda array: array))))
def test_what_numpy_cannot_read_is_refused(place):
    name, call = calls(TransposableRemote)[place]
    with pytest.raises(TypeError, match=rf"pass numpy\.asarray\({name}\)") as found:
        call()
    assert str(found.value).startswith(f"{name} must be an array of NumPy, got one of ")


@pytest.mark.parametrize("place", range(len(calls(lambda array: array))))
def test_what_numpy_reads_is_converted(place):
    strict = pytest.importorskip("array_api_strict")
    _, call = calls(strict.asarray)[place]
    _, plain = calls(lambda array: array)[place]
    assert_array_equal(call(), plain())


def test_strict_arrays_of_another_device():
    strict = pytest.importorskip("array_api_strict")
    y = strict.asarray(SIGNALS, device=strict.Device("device1"))
    with pytest.raises(TypeError, match="got one of array_api_strict that NumPy"):
        SmoothLasso().fit(KERNEL, y)


def masked(array):
    """Return an array whose fourth entry is masked, with a wrong number below."""
    wrong = np.array(array, dtype=float)
    wrong.flat[3] = 7.0
    mask = np.zeros(wrong.shape, dtype=bool)
    mask.flat[3] = True
    return np.ma.masked_array(wrong, mask)


def test_masked_numbers_are_missing():
    # What is below a mask was meant not to count.
    fit = NonlinearRelaxationFit("T2").fit(TIMES, SIGNALS)
    simulator = SignalSimulator("T2", TIMES).fit(TIMES)
    missing = [
        lambda: NonlinearRelaxationFit("T2").fit(masked(TIMES), SIGNALS),
        lambda: NonlinearRelaxationFit("T2").fit(TIMES, SIGNALS, masked(WEIGHT)),
        lambda: fit.predict(masked(TIMES)),
        lambda: VoxelMapper(fit, masked(TIMES)).fit(SIGNALS.T),
        lambda: SignalSimulator("T2", TIMES).fit(masked(TIMES)),
        lambda: simulator.transform(masked(TIMES)),
        lambda: DictionaryMatcher().fit(KERNEL.T, masked(TIMES[:6, 0])),
        lambda: SmoothLasso().fit(masked(KERNEL), SIGNALS),
        lambda: log_mean(masked(WEIGHT), masked(TIMES[:, 0])),
    ]
    for call in missing:
        with pytest.raises(ValueError, match=r"(?i)nan|finite"):
            call()
