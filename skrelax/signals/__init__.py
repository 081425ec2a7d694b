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
from ._fingerprinting import FingerprintingTrain
from ._impedance import Impedance
from ._sequence import SequenceModel
from ._special import Identity, UserSignal
from ._steady_state import MP2RAGE, BalancedSteadyState, SpoiledGradientEcho

__all__ = [
    "MP2RAGE",
    "BalancedSteadyState",
    "Diffusion",
    "EPGEchoTrain",
    "FingerprintingTrain",
    "GaussianDecay",
    "Identity",
    "Impedance",
    "InversionRecovery",
    "MonoExponential",
    "Parameter",
    "SaturationRecovery",
    "SequenceModel",
    "SignalModel",
    "SpoiledGradientEcho",
    "UserSignal",
    "resolve_model",
]
