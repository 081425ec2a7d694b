"""Signal models: how parameters and an acquisition give a signal."""

from ._base import Parameter, SignalModel, resolve_model
from ._diffusion import Diffusion
from ._exponential import (
    GaussianDecay,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
)
from ._impedance import Impedance
from ._multi import BiExponential, StretchedExponential
from ._recovery import GeneralRecovery, LookLocker, VariableFlipAngle
from ._special import Identity, UserSignal

__all__ = [
    "BiExponential",
    "Diffusion",
    "GaussianDecay",
    "GeneralRecovery",
    "Identity",
    "Impedance",
    "InversionRecovery",
    "LookLocker",
    "MonoExponential",
    "Parameter",
    "SaturationRecovery",
    "SignalModel",
    "StretchedExponential",
    "UserSignal",
    "VariableFlipAngle",
    "resolve_model",
]
