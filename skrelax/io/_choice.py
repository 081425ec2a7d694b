"""Which series of images a measurement is made of."""

import re
import shlex
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ._files import shown
from ._images import COLUMNS
from ._series import Series, varies

# Quantities in which a measurement may vary, those that name it best first.
_QUANTITIES = ("TI", "TS", "TSL", "FA", "TE", "TR")
# What files call the delay of a saturation recovery.
_DELAYS = ("TS", "TI", "TR")
# What else may differ from image to image of a measurement that varies in these.
_FREE = {"TI": ("TR", "TS"), "TS": ("TR",), "FA": ("TR", "TS"), "TR": ("TS",)}
# Series that are told in one line of an error.
_TOLD = 12
# Series that are told one by one when they are merged.
_MERGED = 3
# Largest range of series numbers.
_LONGEST_RANGE = 100_000
_NUMBERS = re.compile(r"\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*")


class SeriesError(ValueError):
    """Several series could be meant, or none."""


def check_component(component):
    """Raise ValueError unless it is one that readers take."""
    if not isinstance(component, str) or component not in (
        "auto", "magnitude", "real", "complex",
    ):  # fmt: skip
        raise ValueError(
            "component must be 'auto', 'magnitude', 'real' or 'complex', got "
            f"{shown(component)}."
        )


def check_wanted(series):
    """Return series numbers, a name, or None for a choice by the images.

    Of each number, whether it was named by itself; ranges may have holes.
    """
    if series is None:
        return None
    wrong = TypeError(
        "series must be an integer, several of them, text such as '8-17' or a name, or "
        f"None, got {shown(series)}."
    )
    if isinstance(series, str):
        if not series.strip():
            raise ValueError("series must be numbers such as '8-17' or a name, got ''.")
        if not _NUMBERS.fullmatch(series):
            return series
        parts = series.split(",")
        return {number: "-" not in part for part in parts for number in _range_of(part)}
    numbers = [series] if np.ndim(series) == 0 else series
    if not isinstance(numbers, Iterable) or isinstance(numbers, dict):
        raise wrong
    numbers = list(numbers)
    for number in numbers:
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise wrong
    return {int(number): True for number in numbers}


def _range_of(part):
    """Return the numbers of "8" or "8-17"."""
    ends = [int(end) for end in part.split("-")]
    if ends[-1] - ends[0] > _LONGEST_RANGE or ends[-1] < ends[0]:
        raise ValueError(
            f"series must be a range such as '8-17', got {shown(part.strip())}."
        )
    return range(ends[0], ends[-1] + 1)


def check_varying(varying):
    """Return the columns that name a measurement, best first."""
    if varying is None:
        return _QUANTITIES
    if not isinstance(varying, str) or varying not in _QUANTITIES:
        raise ValueError(
            f"varying must be one of {', '.join(_QUANTITIES)} or None, got "
            f"{shown(varying)}."
        )
    return _DELAYS if varying == "TS" else (varying,)


class Choice(NamedTuple):
    """What was taken, and what was left out."""

    items: list
    """What the reader needs to read the images of one measurement."""
    letters: str
    """Components to read: M, R or RI."""
    notes: list
    """What was taken and what was left out, a sentence each."""


def choose_series(found, source, *, wanted, varying, component, told=False):
    """Return the Choice among series; raise SeriesError if it is not clear.

    What is wrong with a file of a series that is taken is raised as it is.
    `wanted` and `varying` as checked, `component` as readers take it; `told` where a
    caller gives the acquisition, so that files need not vary in anything.
    """
    if wanted is not None:
        return _choose_wanted(found, source, wanted, component)
    usable = [series for series in found if series.reason is None]
    if not usable:
        for series in found:
            if series.error is not None:
                raise series.error
        raise SeriesError(f"{source}: no series to fit; {_list(found)}.")
    if told:
        usable = next(iter(_by_trust(usable)))
        if len(usable) > 1 and not _is_one(usable, varying, component):
            single = all(len(one.points) == 1 for one in usable)
            way_out = _way_out([usable] if single else [[one] for one in usable])
            raise SeriesError(
                f"{source}: {len(usable)} series to which the acquisition may belong; "
                f"choose with {way_out}: {_list(found)}."
            )
        letters = _there(usable, component, source)
        return _taken(found, usable, letters, None, varying)
    for several in _by_trust(usable):
        for letters in _letters(component):
            there = _with_letters(several, letters)
            groups, column = find_candidates(there, varying)
            if len(groups) > 1:
                several = "; ".join(_words(group) for group in groups[:_TOLD])
                column = column or "a time or an angle"
                raise SeriesError(
                    f"{source}: {len(groups)} series vary in {column}; choose with "
                    f"{_way_out(groups)}: {several}."
                )
            if groups:
                return _taken(found, groups[0], letters, column, varying)
    if component != "auto":
        _there(usable, component, source)
    if len(usable) > 1:
        names = " or ".join(varying)
        if varying == _QUANTITIES:
            names = "a time or an angle"
        what = (
            "no series, or images of one place and sequence with other settings "
            f"equal, vary in {names}"
        )
        if not any(series.has(name) for series in usable for name in varying):
            what = f"no images tell {names}"
        raise SeriesError(
            f"{source}: {what}; choose with "
            f"{_way_out([[one] for one in usable])}: {_list(found)}."
        )
    letters = _there(usable, component, source)
    return _taken(found, usable, letters, None, varying)


def _is_one(several, varying, component):
    """Return whether series are one measurement by what their files say."""
    for letters in _letters(component):
        groups, _ = find_candidates(_with_letters(several, letters), varying)
        if groups:
            return len(groups) == 1 and len(groups[0]) == len(several)
    return False


def _by_trust(usable):
    """Yield the series without doubt, then all of them."""
    sure = [series for series in usable if series.doubtful is None]
    if sure:
        yield sure
    if len(sure) < len(usable):
        yield usable


def _letters(component):
    """Return the components to look for, best first."""
    return {
        "auto": ("M", "RI", "R"), "magnitude": ("M",), "real": ("R",),
        "complex": ("RI",),
    }[component]  # fmt: skip


def _there(series, component, source):
    """Return the letters of a component that series have, or raise ValueError."""
    there = {letter for one in series for letter in one.components}
    return find_letters(there, component, source)


def find_letters(there, component, source, more=()):
    """Return the letters of a component, or of more, of those that are there.

    Raise ValueError if none are.
    """
    kinds = (*_letters(component), *more)
    for letters in kinds:
        if set(letters) <= there:
            return letters
    raise ValueError(
        f"{source}: expected images of the components {sorted(kinds[0])}, found "
        f"{sorted(there)} (M magnitude, P phase, R real, I imaginary)."
    )


def _with_letters(several, letters):
    """Return the series that have a component; real and imaginary ones in pairs."""
    if letters != "RI":
        return [one for one in several if letters in one.components]
    halves = {}
    for one in several:
        if {"R", "I"} & set(one.components):
            halves.setdefault(_shared(one), []).append(one)
    pairs = []
    for group in halves.values():
        if {"R", "I"} <= {letter for one in group for letter in one.components}:
            pairs += group
    return pairs


def _shared(*group):
    """Return what both halves of complex images, of some series each, share."""
    points = frozenset(
        tuple(sorted((name, value) for name, value in one.items() if value is not None))
        for series in group
        for _, one in series.points
    )
    return group[0].place, group[0].kind, points


def find_candidates(usable, columns):
    """Return groups of series that make a measurement each, and in what they vary.

    That is None where they vary in different quantities.
    """
    found, quantities = {}, set()
    for column in columns:
        there = [series for series in usable if series.has(column)]
        groups = [[series] for series in there if series.varies(column)]
        alone = {id(series) for group in groups for series in group}
        rest = [series for series in there if id(series) not in alone]
        for group in _merge(groups + _groups(rest, column)):
            key = frozenset(id(series) for series in group)
            # The same images may vary in two quantities.
            if not any(key <= other for other in found):
                found[key] = group
                quantities.add(column)
        # The other names of a delay are asked only where the first is not there.
        if found and columns == _DELAYS:
            break
    return list(found.values()), quantities.pop() if len(quantities) == 1 else None


def _merge(groups):
    """Return groups of series that vary, halves of complex images together."""
    merged = {}
    for group in groups:
        letters = {letter for series in group for letter in series.components}
        key = _shared(*group) if letters in ({"R"}, {"I"}) else id(group[0])
        merged.setdefault(key, []).append((letters, group))
    found = []
    for halves in merged.values():
        # Two of one component are two candidates, not one measurement.
        if len(halves) == 2 and halves[0][0] != halves[1][0]:
            found.append(halves[0][1] + halves[1][1])
        else:
            found += [group for _, group in halves]
    return found


def _groups(several, column):
    """Return groups of series that vary in a quantity together and agree otherwise."""
    apart = {}
    for series in several:
        free = {column, *_FREE.get(column, ())}
        others = tuple(
            (name, tuple(round(value, 6) for value in series.values(name)))
            for name in COLUMNS
            if name not in free and series.has(name)
        )
        apart.setdefault((series.place, series.kind, others), []).append(series)
    found = []
    for group in apart.values():
        named = {}
        for series in group:
            stem = re.sub(r"[\d.,]+", "", series.name).strip().lower()
            named.setdefault(stem, []).append(series)
        alike = [part for part in named.values() if varies(part, column)]
        # One that is named otherwise and stands alone is another measurement; a few
        # that are named each in its own way are one.
        main = [part for part in alike if len(part) > 2]
        if main and all(len(p) == 1 or p in alike for p in named.values()):
            found += alike
        elif varies(group, column):
            found.append(group)
    return found


def _choose_wanted(found, source, wanted, component):
    """Return the Choice that a caller names."""
    if isinstance(wanted, str):
        chosen = [one for one in found if one.name == wanted]
        chosen = chosen or [one for one in found if wanted in one.name]
    else:
        numbers = {one.number for one in found}
        chosen = [one for one in found if one.number in wanted]
        if any(alone and number not in numbers for number, alone in wanted.items()):
            chosen = []
        wanted = set(wanted)
    if not chosen:
        there = sorted({one.number for one in found if one.number is not None})
        there = there if there else [one.name for one in found][:_TOLD]
        raise SeriesError(
            f"{source}: expected series {shown(wanted)}, found series {there}."
        )
    # What is asked for is taken, unless something else of the same number is better.
    usable = [one for one in chosen if one.reason is None and one.doubtful is None]
    usable = usable or [one for one in chosen if one.reason is None] or chosen
    letters = _there(usable, component, source)
    usable = [one for one in usable if set(letters) & set(one.components)]
    return _taken(found, usable, letters, None, _QUANTITIES)


def _taken(found, group, letters, column, varying):
    """Return the Choice of a group, or raise what is wrong with its files."""
    for series in group:
        if series.error is not None:
            raise series.error
    taken = {id(series) for series in group}
    notes = [f"series {_words(group)}"]
    if column is None:
        column = next((name for name in varying if varies(group, name)), None)
    for series in found:
        if id(series) in taken:
            continue
        why = series.reason or series.doubtful
        if why is None:
            why = _why_not(series, group[0], letters, column)
        notes.append(f"left out: series {series.words()}: {why}")
    items = [item for series in group for item in series.items]
    return Choice(items, letters, notes)


def _words(group):
    """Return in words what the series of a measurement are."""
    if len(group) <= _MERGED:
        return " with ".join(series.words() for series in group)
    whole = Series(
        number=None,
        name=group[0].name,
        points=[one for series in group for one in series.points],
        components=tuple(sorted({c for series in group for c in series.components})),
        place=group[0].place,
    )
    numbers = sorted({one.number for one in group if one.number is not None})
    first, last = shown(group[0].name), shown(group[-1].name)
    names = first if first == last else f"{first} to {last}"
    called = f"{as_ranges(numbers)} " if len(numbers) == len(group) else ""
    return f"{called}{names} ({', '.join(whole.facts())})"


def _why_not(series, first, letters, column):
    """Return why a series was left out."""
    if not set(letters) & set(series.components):
        names = {"P": "phase", "R": "real part", "I": "imaginary part"}
        return ", ".join(names.get(one, one) for one in series.components)
    if series.place != first.place:
        return "another place, size or orientation"
    if column is None or not series.has(column):
        return f"no {column}" if column else "not asked for"
    if not series.varies(column):
        return f"another measurement with one {column}"
    return "not asked for"


def _list(found):
    """Return in words which series there are and why they are not taken."""
    words = []
    for series in found[:_TOLD]:
        why = series.reason or series.doubtful
        words.append(series.words() + (f": {why}" if why else ""))
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return "; ".join(words) + more


def _way_out(groups):
    """Return what to write to choose the first of several."""
    numbers = [
        sorted({series.number for series in group if series.number is not None})
        for group in groups
    ]
    if all(len(found) > 0 for found in numbers) and len(
        {tuple(found) for found in numbers}
    ) == len(numbers):
        text = as_ranges(numbers[0])
        given = f"series={text}" if text.isdigit() else f"series={text!r}"
        return f"{given} (--series {text})"
    name = groups[0][0].name
    return f"series={name!r} (--series {shlex.quote(name)})"


def as_ranges(numbers):
    """Return sorted numbers as text: "8-17,20"."""
    parts, start = [], 0
    for k in range(1, len(numbers) + 1):
        if k == len(numbers) or numbers[k] != numbers[k - 1] + 1:
            ends = numbers[start], numbers[k - 1]
            parts.append("-".join(str(end) for end in dict.fromkeys(ends)))
            start = k
    return ",".join(parts)
