"""Times of images: what they are called, and whether they can be seconds."""

import warnings

# Seconds at which no series of images starts, and that none reaches.
_IMPLAUSIBLE = {
    "TE": (0.5, 3.0), "TI": (10.0, 60.0), "TS": (30.0, 100.0), "TSL": (0.5, 3.0),
    "TR": (100.0, 100.0),
}  # fmt: skip


def name_delays(acquisition, varying, saturated=False):
    """Return acquisitions whose delays after a saturation are TS.

    acquisition is a list of dicts. Files call these delays TI or TR; they are TS if the
    caller asks for TS, or if the file says that the magnetisation was saturated.
    """
    if varying != "TS" and not saturated:
        return acquisition
    if any(one.get("TS") is not None for one in acquisition):
        return acquisition
    for name in ("TI", "TR"):
        values = {one.get(name) for one in acquisition}
        if len(values) > 1 and None not in values:
            return [one | {"TS": one[name], name: None} for one in acquisition]
    return acquisition


def doubt_times(source, acquisition):
    """Warn of times that are no seconds."""
    for name, (first, last) in _IMPLAUSIBLE.items():
        values = [one[name] for one in acquisition if one.get(name)]
        if values and (min(values) > first or max(values) > last):
            warnings.warn(
                f"{source}: {name} is {min(values):g} to {max(values):g} s, which is "
                "implausible: are these milliseconds? Results are then 1000 times too "
                "long",
                stacklevel=4,
            )
    for one in acquisition:
        TE, TR = one.get("TE"), one.get("TR")
        if TE and TR and TE > TR:
            warnings.warn(
                f"{source}: TE of {TE:g} s is longer than TR of {TR:g} s; are both in "
                "seconds?",
                stacklevel=4,
            )
            return
