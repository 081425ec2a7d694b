"""The one rule by which models find their columns in an acquisition."""

import re

# Names of acquisition columns and their unit. One of these in the place of another is
# a mistake, whatever its case.
_QUANTITIES = {
    "TE": "s", "TI": "s", "TR": "s", "TS": "s", "TSL": "s", "ESP": "s", "FA": "deg",
}  # fmt: skip
# Names that have other meanings too, with the unit that models want.
_SHORT = {"b": "s/m2", "f": "Hz"}
_SPELLINGS = {
    "s": {"s", "sec", "secs", "second", "seconds"},
    "deg": {"deg", "degree", "degrees", "°"},
    "s/m2": {"s/m2", "s/m^2", "s/m**2", "s/m²", "sm-2", "sm^-2"},
    "Hz": {"hz", "hertz"},
}
# Units that others write these quantities in.
_FOREIGN = {
    "ms", "msec", "millisecond", "milliseconds", "us", "µs", "μs", "usec", "ns", "min",
    "minutes", "h", "rad", "radians", "s/mm2", "s/mm^2", "s/mm**2", "s/mm²", "ms/um2",
    "ms/µm²", "ms/μm²", "khz", "mhz", "ghz", "rad/s",
}  # fmt: skip
_NAME = re.compile(
    r"(?P<symbol>[^\W\d_]+?[^\W\d]*?)[\s_]*(?P<number>\d*)"
    r"(?:[\s_/]*[\s_/(\[]\s*(?P<unit>[^\])]*)[\])]?)?\s*"
)


def assign_columns(models, names, n_columns, reader, may_have_more=False):
    """Return the columns of X that each model reads, a list of lists.

    Names that are there decide: ``"TE"``, ``"te"``, ``"TE (s)"``, ``"TE [s]"`` and
    ``"TE_s"`` are echo times; further columns are not read. Models that want the same
    column take ``"TE_1"``, ``"TE_2"`` in the order of the numbers. An axis that is not
    inverted may have any name that is no other quantity. Names that say nothing, as
    ``"x0"`` or ``"time"``, and no names at all leave the order of the columns.

    Parameters
    ----------
    models : sequence of SignalModel
        One per axis.
    names : sequence of str
        Names of the columns, or nothing.
    n_columns : int
        Number of columns of X.
    reader : str
        Who reads, with its verb, as errors put it: ``"the kernel reads"``.
    may_have_more : bool, default=False
        Whether X without telling names may have more columns than are read.

    Returns
    -------
    list of list of int
        Columns of each model.

    Raises
    ------
    ValueError
        If a quantity stands in the place of another, has another unit, or is there
        more often than it is read, or if X has too few columns.
    """
    wanted = [name for model in models for name in model.acquisition_columns]
    names = [str(name) for name in names]
    found = _by_name(models, wanted, names)
    if found is None:
        if any_tells(names, wanted):
            raise ValueError(_complaint(wanted, names, reader))
        if n_columns < len(wanted) or (n_columns > len(wanted) and not may_have_more):
            raise ValueError(
                f"{reader} {len(wanted)} acquisition columns {wanted}, but X has "
                f"{n_columns} feature(s)."
            )
        found = list(range(len(wanted)))
    columns = []
    for model in models:
        width = len(model.acquisition_columns)
        columns.append(found[:width])
        found = found[width:]
    return columns


def count_axes(model, names, n_columns):
    """Return how many axes one model has in X: one for each of its columns."""
    named = []
    for wanted in model.acquisition_columns:
        found = _matches(wanted, names)
        sure = [n for n, place in found if n or names[place] == wanted]
        named.append(len(sure or found))
    if min(named, default=0) > 0:
        return min(named)
    return max(1, n_columns // len(model.acquisition_columns))


def any_tells(names, wanted):
    """Return whether any name says which quantity its column is."""
    return any(_tells(str(name), wanted) for name in names)


def read_name(name):
    """Return the quantity and the unit that the name of a column tells, None if not."""
    symbol, _, unit = _parse(name)
    quantity = symbol.upper() if symbol.upper() in _QUANTITIES else None
    known = _FOREIGN.union(*_SPELLINGS.values())
    return quantity, unit if unit in known else None


def _by_name(models, wanted, names):
    """Return the column of each wanted name, or None if names do not settle them."""
    found, taken = {}, set()
    for name in dict.fromkeys(wanted):
        places = _candidates(name, names, wanted.count(name))
        if len(places) != wanted.count(name):
            continue
        found[name] = places
        taken.update(places)
    free = [
        place
        for place, name in enumerate(names)
        if place not in taken and not _tells(name, wanted)
    ]
    loose = [
        model.acquisition_columns[0]
        for model in models
        if model.is_discrete and model.acquisition_columns[0] not in found
    ]
    if found and len(free) == len(loose):
        for name, place in zip(loose, free, strict=True):
            found.setdefault(name, []).append(place)
    if any(len(found.get(name, ())) != wanted.count(name) for name in wanted):
        return None
    queues = {name: iter(places) for name, places in found.items()}
    return [next(queues[name]) for name in wanted]


def find_column(quantity, names):
    """Return the places of a quantity among names, one if names settle it."""
    return _candidates(quantity, names, 1)


def _candidates(wanted, names, count):
    """Return where a quantity is among names, in the order of their numbers."""
    exact = [place for place, name in enumerate(names) if name == wanted]
    if len(exact) == count:
        return exact
    return [place for _, place in sorted(_matches(wanted, names))]


def _matches(wanted, names):
    """Return (number, place) of all names of a quantity in the unit of models."""
    found = []
    for place, name in enumerate(names):
        symbol, number, unit = _parse(name)
        if name == wanted or (_same(symbol, wanted) and _fits(unit, wanted)):
            found.append((number, place))
    return found


def _parse(name):
    """Return the symbol, the number and the unit in a name such as "TE_2 (s)"."""
    match = _NAME.fullmatch(name)
    if match is None:
        return name, 0, ""
    unit = (match["unit"] or "").strip().lower().replace(" ", "")
    number = match["number"]
    # Beyond nine digits a number is no count of axes.
    return match["symbol"], int(number[:9]) if number else 0, unit


def _same(symbol, wanted):
    if wanted in _QUANTITIES:
        return symbol.upper() == wanted
    return symbol == wanted


def _fits(unit, wanted):
    """Return whether a unit, or none, is that in which models want a quantity."""
    expected = _QUANTITIES.get(wanted, _SHORT.get(wanted))
    return not unit or expected is None or unit in _SPELLINGS[expected]


def _tells(name, wanted):
    """Return whether a name says which quantity a column is."""
    symbol, _, unit = _parse(name)
    if symbol.upper() in _QUANTITIES:
        return True
    return any(
        _same(symbol, one) and (_fits(unit, one) or unit in _FOREIGN) for one in wanted
    )


def _complaint(wanted, names, reader):
    """Return what is wrong with names that do not settle the wanted columns."""
    start = f"{reader} the columns {wanted}, but X has {names}: "
    for name in dict.fromkeys(wanted):
        places = _candidates(name, names, wanted.count(name))
        if len(places) == wanted.count(name):
            continue
        if places:
            return (
                f"{start}{name!r} is wanted {wanted.count(name)} times, but may be any "
                f"of {[names[place] for place in places]}; rename the column that is "
                "meant."
            )
        expected = _QUANTITIES.get(name, _SHORT.get(name))
        for given in names:
            symbol, _, unit = _parse(given)
            if _same(symbol, name) and unit:
                return (
                    f"{start}{given!r} is not in {expected}; convert it and rename the "
                    f"column to {name!r}."
                )
        hint = f" (in {expected})" if expected else ""
        return (
            f"{start}rename the column that {name!r}{hint} is in, or choose another "
            "model."
        )
    return f"{start}give each column one of these names."
