"""Which models an acquisition asks for, by what varies in it."""

import numpy as np
import pandas as pd

from ..utils._columns import find_column
from ..utils._frames import as_pandas
from ..utils._validation import check_numbers
from ._checks import check_positive
from ._epg import _MOST_ECHOES, EPGEchoTrain
from ._exponential import InversionRecovery, SaturationRecovery
from ._names import resolve_model
from ._recovery import GeneralRecovery, LookLocker

# Models of what varies, the first of these columns that does. Within a column the
# first of models with as many parameters stands first.
_SUGGESTED = {
    "TSL": ("T1rho",),
    "TI": ("T1-IR", "T1-SR", "T1-IR-efficiency"),
    "TS": ("T1-SR", "T1-general"),
    "FA": ("T1-VFA",),
    "TE": ("T2", "T2-offset", "T2-EPG"),
    "TR": ("T1-SR", "T1-general"),
}
# The same of gradient echoes, which are told by their angles [degrees]: spin echoes
# are excited by 90 of them, or state those of their refocusing pulses.
_GRADIENT_ECHOES, _LARGEST_ANGLE = ("T2*", "T2*-offset"), 60.0
# What counts as varying, as a fraction of the largest: files round.
_VARIES = 1e-3
# Echo times may differ from the train's by this fraction of its spacing.
_ROUNDING = 1e-3
# Fewer echoes do not show how stimulated ones differ from a decay.
_FEWEST_ECHOES = 4


def model_for(name, acquisition, *, echo_spacing=None):
    """Return a model with the settings that an acquisition asks for.

    Parameters
    ----------
    name : str
        Name of the model, see :func:`resolve_model`.
    acquisition : DataFrame of shape (n_points, n_columns)
        Acquisition, with the names of quantities as columns: TI, TS, TE, TR, TSL [s],
        FA [degrees].
    echo_spacing : float or None, default=None
        Time between the echoes of a train [s]. None takes the largest whose multiples,
        or steps from the first echo, all echo times are.

    Returns
    -------
    SignalModel
        The model. Inversion recovery takes the repetition time of each point where
        there is a column TR, a general recovery where it varies, too; saturation
        recovery takes its delays from TS, or from TI or TR where these vary; an echo
        train has the spacing of its echoes, and the time of the first where that
        differs.

    Raises
    ------
    ValueError
        If the acquisition lacks what the model reads, or echo times are no train.
    TypeError
        If `acquisition` is no DataFrame.

    See Also
    --------
    suggest_models : All models that an acquisition may ask for.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrelax.signals import model_for
    >>> acquisition = pd.DataFrame({"TI": [0.1, 0.5, 1.0], "TR": [1.5, 2.0, 2.5]})
    >>> model_for("T1-IR-efficiency", acquisition)
    InversionRecovery(efficiency='fit', repetition_time='TR')
    """
    columns = _columns(acquisition)
    if echo_spacing is not None:
        echo_spacing = check_positive("echo_spacing", echo_spacing)
    model = resolve_model(name, "name")
    if isinstance(model, InversionRecovery) and "TR" in columns:
        model.set_params(repetition_time="TR")
    elif isinstance(model, SaturationRecovery | GeneralRecovery):
        _set_delays(model, columns)
    elif isinstance(model, EPGEchoTrain) and "TE" in columns:
        try:
            spacing, first = echo_timing(columns["TE"], echo_spacing)
        except ValueError as error:
            raise ValueError(f"{name} needs a train of echoes: {error}.") from error
        model.set_params(
            echo_spacing=spacing, first_echo=None if first == spacing else first
        )
    missing = [one for one in model.acquisition_columns if one not in columns]
    if missing:
        raise ValueError(
            f"{name} needs {missing[0]} of each point, the acquisition has "
            f"{list(acquisition.columns)}."
        )
    return model


def suggest_models(acquisition, *, echo_spacing=None):
    """Return the models that an acquisition may ask for, by what varies in it.

    Parameters
    ----------
    acquisition : DataFrame of shape (n_points, n_columns)
        Acquisition, with the names of quantities as columns: TI, TS, TE, TR, TSL [s],
        FA [degrees].
    echo_spacing : float or None, default=None
        As in :func:`model_for`.

    Returns
    -------
    dict of str to SignalModel
        Models by name, as :func:`model_for` sets them up. They are those of the first
        column that varies of TSL, TI, TS, FA, TE and TR, which the acquisition can
        determine: T1rho; inversion and saturation recovery; variable flip angles;
        decays, with a constant, and echo trains with stimulated echoes (T2* for
        flip angles below 60 degrees); saturation recovery. Empty if nothing varies.

    Raises
    ------
    ValueError
        If columns hold values that are not finite.
    TypeError
        If `acquisition` is no DataFrame.

    See Also
    --------
    skrelax.model_selection.select_model : The one that signals ask for.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrelax.signals import suggest_models
    >>> list(suggest_models(pd.DataFrame({"TE": [0.01, 0.02, 0.03, 0.055]})))
    ['T2', 'T2-offset']
    """
    columns = _columns(acquisition)
    if echo_spacing is not None:
        echo_spacing = check_positive("echo_spacing", echo_spacing)
    varying = [name for name in _SUGGESTED if _varies(columns.get(name))]
    if not varying:
        return {}
    names = _SUGGESTED[varying[0]]
    if varying[0] == "TE" and columns.get("FA", np.full(1, 90.0)).max() < (
        _LARGEST_ANGLE
    ):
        names = _GRADIENT_ECHOES
    found = {}
    for name in names:
        try:
            model = model_for(name, acquisition, echo_spacing=echo_spacing)
        except ValueError:
            continue
        n_points = np.unique(columns[varying[0]]).size
        enough = name != "T2-EPG" or n_points >= _FEWEST_ECHOES
        if enough and n_points >= len(model.amplitudes) + len(model.parameters):
            found[name] = model
    return found


def unread_columns(model, acquisition):
    """Return the columns that vary in an acquisition and that a model does not read."""
    columns = _columns(acquisition)
    return [
        name
        for name, values in columns.items()
        if name not in model.acquisition_columns and _varies(values)
    ]


def _columns(acquisition):
    """Return the columns of an acquisition by the name of their quantity."""
    acquisition = as_pandas(acquisition, "acquisition")
    if not isinstance(acquisition, pd.DataFrame):
        raise TypeError(
            "acquisition must be a DataFrame with names of quantities, got "
            f"{type(acquisition).__name__}."
        )
    names, found = [str(name) for name in acquisition.columns], {}
    for quantity in _SUGGESTED:
        places = find_column(quantity, names)
        if len(places) == 1:
            values = acquisition.iloc[:, places[0]]
            found[quantity] = check_numbers(
                values, f"acquisition[{names[places[0]]!r}]", ndim=1
            )
    return found


def _varies(values):
    """Return whether a column, or None, has different values."""
    if values is None or values.size == 0:
        return False
    low, high = 0.5 * values.min(), 0.5 * values.max()
    return high - low > _VARIES * max(abs(low), abs(high))


def _set_delays(model, columns):
    """Tell a recovery which column holds its times, and which repetition times."""
    delays = [name for name in ("TS", "TI", "TR") if _varies(columns.get(name))]
    if isinstance(model, LookLocker):
        return
    if isinstance(model, GeneralRecovery):
        if "TI" not in delays and delays:
            model.set_params(column=delays[0])
        if _varies(columns.get("TR")) and model.column != "TR":
            model.set_params(repetition_time="TR")
    elif delays:
        model.set_params(column=delays[0])


def echo_timing(times, spacing=None):
    """Return the spacing of a train of echoes, and the time of its first echo.

    Echoes may have been left out, at the start too: where all times are multiples of
    the spacing, the train starts with the pulse.
    """
    times = np.unique(times)
    if not times[0] > 0.0:
        raise ValueError(f"an echo at {times[0]:g} s is none of a train")
    if spacing is None:
        spacing = np.diff(times).min(initial=times[-1])
        # Short spacings are rounded in files: the whole train tells them better.
        if times.size > 1:
            spacing = (times[-1] - times[0]) / np.rint((times[-1] - times[0]) / spacing)
    if times[-1] > _MOST_ECHOES * spacing:
        raise ValueError(
            f"echoes up to {times[-1]:.6g} s in steps of {spacing:.6g} s are more than "
            f"{_MOST_ECHOES}"
        )
    before = times[0] / spacing
    at_multiple = abs(before - np.rint(before)) <= _ROUNDING and np.rint(before) >= 1
    first = spacing if at_multiple else times[0]
    off = np.abs(times - first - spacing * np.rint((times - first) / spacing))
    if off.max() > _ROUNDING * spacing:
        at = int(off.argmax())
        raise ValueError(
            f"the echoes are not evenly spaced: {times[at]:.6g} s is {off[at]:.2g} s "
            f"off a train from {first:.6g} s in steps of {spacing:.6g} s"
        )
    return float(spacing), float(first)
