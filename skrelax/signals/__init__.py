"""Signal models: how parameters and an acquisition give a signal."""

from ._base import Parameter, SignalModel, resolve_model
from ._diffusion import Diffusion
from ._epg import EPGEchoTrain
from ._exponential import (
    GaussianDecay,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
)
from ._impedance import Impedance
from ._sequence import SequenceModel
from ._special import Identity, UserSignal

__all__ = [
    "Diffusion",
    "EPGEchoTrain",
    "GaussianDecay",
    "Identity",
    "Impedance",
    "InversionRecovery",
    "MonoExponential",
    "Parameter",
    "SaturationRecovery",
    "SequenceModel",
    "SignalModel",
    "UserSignal",
    "resolve_model",
]
