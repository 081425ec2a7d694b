"""How a signal model is found by its name."""

import difflib
import inspect

from ._base import SignalModel
from ._diffusion import Diffusion
from ._epg import EPGEchoTrain
from ._exponential import (
    GaussianDecay,
    InversionRecovery,
    MonoExponential,
    SaturationRecovery,
)
from ._impedance import Impedance
from ._multi import BiExponential, StretchedExponential
from ._recovery import GeneralRecovery, LookLocker
from ._special import Identity, UserSignal
from ._steady_state import SpoiledGradientEcho

# What makes the model of each name; all that takes names of models asks this table.
NAMED = {
    "T2": MonoExponential,
    "T2*": lambda: MonoExponential("T2*"),
    "T2*-offset": lambda: MonoExponential("T2*", offset=True),
    "T1rho": lambda: MonoExponential("T1rho", "TSL"),
    "T2-offset": lambda: MonoExponential(offset=True),
    "T2-biexponential": BiExponential,
    "T2-stretched": StretchedExponential,
    "T1-IR": InversionRecovery,
    "T1-IR-efficiency": lambda: InversionRecovery(efficiency="fit"),
    "T1-general": GeneralRecovery,
    "T1-SR": SaturationRecovery,
    "T1-LL": LookLocker,
    "T1-VFA": SpoiledGradientEcho,
    "T2-EPG": lambda: EPGEchoTrain(B1=None),
    "diffusion": Diffusion,
    "gaussian": GaussianDecay,
    "impedance-real": lambda: Impedance(part="real"),
    "impedance-imaginary": lambda: Impedance(part="imaginary"),
    "identity": Identity,
}

# Names that an error suggests for a wrong one.
_MOST_MEANT = 3


def _argument_names(function):
    """Return names of positional arguments without a default."""
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled functions need not have a signature
        return []
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    return [
        one.name
        for one in arguments
        if one.kind in positional and one.default is inspect.Parameter.empty
    ]


def _nearest_names(name):
    """Return in words which names a wrong one may have meant."""
    plain = {known: _plain(known) for known in NAMED}
    meant = [known for known, it in plain.items() if it == _plain(name)]
    if not meant and _plain(name):
        meant = [known for known, it in plain.items() if it.startswith(_plain(name))]
    if not meant:
        near = difflib.get_close_matches(_plain(name), plain.values(), n=3, cutoff=0.7)
        meant = [known for known, it in plain.items() if it in near]
    if not meant:
        return ""
    meant = sorted(meant, key=lambda known: (len(known), known))[:_MOST_MEANT]
    return f" Did you mean {' or '.join(repr(known) for known in meant)}?"


def _plain(name):
    """Return a name without what is easily written another way."""
    name = name.casefold().replace("star", "*")
    return "".join(letter for letter in name if letter not in " -_")


def resolve_model(kernel, argument="kernel"):
    """Return the signal model that a name, a function or a model stands for.

    Parameters
    ----------
    kernel : str, callable or SignalModel
        ``"T2"``, ``"T2*"``, ``"T1rho"``, ``"T2-offset"``, ``"T2*-offset"``,
        ``"T2-biexponential"``, ``"T2-stretched"``, ``"T1-IR"``,
        ``"T1-IR-efficiency"``, ``"T1-general"``, ``"T1-SR"``, ``"T1-LL"``,
        ``"T1-VFA"``, ``"T2-EPG"`` (which wants its echo spacing set), ``"diffusion"``,
        ``"gaussian"``, ``"impedance-real"``, ``"impedance-imaginary"``,
        ``"identity"``, a function ``f(acquisition, relaxation_times)`` that
        broadcasts, or a model, which is returned as it is. A function of three or more
        arguments, as in ``f(TE, T2, beta)``, has one column and several nonlinear
        parameters of these names; :class:`UserSignal` says more.
    argument : str, default="kernel"
        What errors call it.

    Returns
    -------
    SignalModel
        The model.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `kernel` is none of these.

    Examples
    --------
    >>> from skrelax.signals import resolve_model
    >>> resolve_model("T1-IR")
    InversionRecovery()
    """
    if isinstance(kernel, SignalModel):
        return kernel
    if isinstance(kernel, str):
        if kernel not in NAMED:
            raise ValueError(
                f"{argument} must be one of {sorted(NAMED)}, a SignalModel or a "
                f"function, got {kernel!r}.{_nearest_names(kernel)}"
            )
        return NAMED[kernel]()
    if isinstance(kernel, type):
        raise TypeError(
            f"{argument} must be a model, got the class {kernel.__name__}; write "
            f"{kernel.__name__}()."
        )
    if callable(kernel):
        names = _argument_names(kernel)
        if len(names) < 3:
            return UserSignal(kernel)
        return UserSignal(kernel, names[1:], names[0])
    raise TypeError(
        f"{argument} must be a name, a SignalModel or a function, got {kernel!r}."
    )
