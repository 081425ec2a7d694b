"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame
from sklearn.base import BaseEstimator

__all__ = [
    "MP2RAGE",
    "BalancedSteadyState",
    "BiExponential",
    "Diffusion",
    "EPGEchoTrain",
    "FingerprintingTrain",
    "GaussianDecay",
    "GeneralRecovery",
    "Identity",
    "Impedance",
    "InversionRecovery",
    "LookLocker",
    "MonoExponential",
    "Parameter",
    "SaturationRecovery",
    "SequenceModel",
    "SignalModel",
    "SpoiledGradientEcho",
    "StretchedExponential",
    "UserSignal",
    "model_for",
    "resolve_model",
    "suggest_models",
]

class MP2RAGE(SequenceModel):
    inversion_times: ArrayLike
    flip_angle: float | ArrayLike
    cycle_time: float
    readout_spacing: float
    n_readouts: int
    efficiency: float
    B1: float | None
    def __init__(
        self,
        inversion_times: ArrayLike = ...,
        flip_angle: float | ArrayLike = ...,
        cycle_time: float = 5.0,
        readout_spacing: float = 0.006,
        n_readouts: int = 160,
        efficiency: float = 1.96,
        B1: float | None = 1.0,
    ) -> None: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def own_acquisition(self) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class BalancedSteadyState(SequenceModel):
    repetition_time: Literal["TR"] | float
    B1: float | None
    def __init__(
        self, repetition_time: Literal["TR"] | float = "TR", B1: float | None = 1.0
    ) -> None: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...

class BiExponential(SignalModel):
    parameter: str
    column: str
    def __init__(self, parameter: str = "T2", column: str = "TE") -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def component(self) -> SignalModel | None: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    @property
    def outputs(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def derive(self, values: NDArray[Any]) -> NDArray[Any]: ...

class Diffusion(SignalModel):
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...

class EPGEchoTrain(SequenceModel):
    flip_angle: float | ArrayLike
    T1: float | None
    B1: float | None
    echo_spacing: float | None
    first_echo: float | None
    excitation: float | Literal["half"]
    phase: float | ArrayLike
    magnitude: bool
    n_echoes: int | None
    def __init__(
        self,
        flip_angle: float | ArrayLike = 180.0,
        T1: float | None = 1.0,
        B1: float | None = 1.0,
        echo_spacing: float | None = None,
        first_echo: float | None = None,
        excitation: float | Literal["half"] = 90.0,
        phase: float | ArrayLike = 0.0,
        magnitude: bool = False,
        n_echoes: int | None = None,
    ) -> None: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def search_limits(self, acquisition: NDArray[Any]) -> NDArray[Any]: ...
    def own_acquisition(self) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def jacobian(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...

class FingerprintingTrain(SequenceModel):
    flip_angle: ArrayLike
    repetition_time: float | ArrayLike
    echo_time: float | ArrayLike
    inversion_time: float | None
    efficiency: float
    B1: float | None
    n_states: int | None
    def __init__(
        self,
        flip_angle: ArrayLike = 10.0,
        repetition_time: float | ArrayLike = 0.012,
        echo_time: float | ArrayLike = 0.0,
        inversion_time: float | None = None,
        efficiency: float = 2.0,
        B1: float | None = 1.0,
        n_states: int | None = None,
    ) -> None: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def own_acquisition(self) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class GaussianDecay(SignalModel):
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class GeneralRecovery(SignalModel):
    column: str
    repetition_time: Literal["TR"] | None
    def __init__(
        self, column: str = "TI", repetition_time: Literal["TR"] | None = None
    ) -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    @property
    def simpler(self) -> SignalModel | None: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class Identity(SignalModel):
    name: str
    def __init__(self, name: str = "channel") -> None: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class Impedance(SignalModel):
    part: Literal["real", "imaginary"]
    def __init__(self, part: Literal["real", "imaginary"] = "real") -> None: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...

class InversionRecovery(SignalModel):
    efficiency: float | Literal["fit"]
    repetition_time: float | Literal["TR"] | None
    def __init__(
        self,
        efficiency: float | Literal["fit"] = 2.0,
        repetition_time: float | Literal["TR"] | None = None,
    ) -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def simpler(self) -> SignalModel | None: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    @property
    def outputs(self) -> tuple[Parameter, ...]: ...
    def derive(self, values: NDArray[Any]) -> NDArray[Any]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class LookLocker(GeneralRecovery):
    def __init__(self, column: str = "TI") -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def outputs(self) -> tuple[Parameter, ...]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def derive(self, values: NDArray[Any]) -> NDArray[Any]: ...

class MonoExponential(SignalModel):
    parameter: str
    column: str
    offset: bool
    def __init__(
        self, parameter: str = "T2", column: str = "TE", offset: bool = False
    ) -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def simpler(self) -> SignalModel | None: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class Parameter:
    name: str
    unit: str
    lower: float
    upper: float
    def __init__(
        self, name: str, unit: str = "", lower: float = 0.0, upper: float = ...
    ) -> None: ...

class SaturationRecovery(SignalModel):
    column: str
    def __init__(self, column: str = "TS") -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class SequenceModel(SignalModel):
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    def search_limits(self, acquisition: NDArray[Any]) -> NDArray[Any]: ...
    def own_acquisition(self) -> NDArray[Any] | None: ...

class SignalModel(BaseEstimator):
    @property
    def is_discrete(self) -> bool: ...
    @property
    def fades(self) -> str | None: ...
    @property
    def requires_positive(self) -> bool: ...
    @property
    def changes_sign(self) -> bool: ...
    @property
    def component(self) -> SignalModel | None: ...
    @property
    def simpler(self) -> SignalModel | None: ...
    @property
    def formula(self) -> str: ...
    @property
    def counts_arguments(self) -> bool: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    @property
    def outputs(self) -> tuple[Parameter, ...]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def derive(self, values: NDArray[Any]) -> NDArray[Any]: ...
    def search_limits(self, acquisition: NDArray[Any]) -> NDArray[Any]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...

class SpoiledGradientEcho(SequenceModel):
    repetition_time: Literal["TR"] | float
    B1: float | None
    def __init__(
        self, repetition_time: Literal["TR"] | float = "TR", B1: float | None = 1.0
    ) -> None: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...

class StretchedExponential(SignalModel):
    parameter: str
    column: str
    def __init__(self, parameter: str = "T2", column: str = "TE") -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def simpler(self) -> SignalModel | None: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

class UserSignal(SignalModel):
    function: Callable[..., Any]
    parameter: str | Parameter | Sequence[str | Parameter]
    column: str | Sequence[str]
    changes_sign: bool
    amplitude: str | Parameter | Sequence[str | Parameter]
    def __init__(
        self,
        function: Callable[..., Any],
        parameter: str | Parameter | Sequence[str | Parameter] = "T",
        column: str | Sequence[str] = "t",
        changes_sign: bool = False,
        amplitude: str | Parameter | Sequence[str | Parameter] = "M0",
    ) -> None: ...
    @property
    def formula(self) -> str: ...
    @property
    def parameters(self) -> tuple[Parameter, ...]: ...
    @property
    def amplitudes(self) -> tuple[Parameter, ...]: ...
    @property
    def acquisition_columns(self) -> tuple[str, ...]: ...
    def grid_limits(self, acquisition: NDArray[Any]) -> tuple[float, ...]: ...
    def basis(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...
    def evaluate(
        self, acquisition: NDArray[Any], parameters: NDArray[Any]
    ) -> NDArray[Any]: ...

def model_for(
    name: str, acquisition: DataFrame, *, echo_spacing: float | None = None
) -> SignalModel: ...
def resolve_model(
    kernel: str | Callable[..., Any] | SignalModel, argument: str = "kernel"
) -> SignalModel: ...
def suggest_models(
    acquisition: DataFrame, *, echo_spacing: float | None = None
) -> dict[str, SignalModel]: ...
