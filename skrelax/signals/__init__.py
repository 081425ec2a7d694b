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
from ._special import Identity, UserSignal

__all__ = [
    "Diffusion",
    "GaussianDecay",
    "Identity",
    "Impedance",
    "InversionRecovery",
    "MonoExponential",
    "Parameter",
    "SaturationRecovery",
    "SignalModel",
    "UserSignal",
    "resolve_model",
]
