"""Signal models: how parameters and an acquisition give a signal."""

from ._base import Parameter, SignalModel
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
from ._multi import BiExponential, StretchedExponential
from ._names import resolve_model
from ._recovery import GeneralRecovery, LookLocker
from ._sequence import SequenceModel
from ._special import Identity, UserSignal
from ._steady_state import MP2RAGE, BalancedSteadyState, SpoiledGradientEcho
from ._suggest import model_for, suggest_models

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
