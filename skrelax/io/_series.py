"""Series of images, and what they are."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ._files import shown
from ._images import COLUMNS

# Names that say that images are not what was measured.
_DERIVED_NAME = re.compile(
    r"(?:^|[^a-z])(?:(?:[rt][12](?:star|rho|\*)?|r2\*|b0|b1|m0|pd|adc|fa|mwf)?[ _-]?"
    r"maps?|mask|labels?|segmentation|d?seg|probseg)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_LOCALIZER_NAME = re.compile(
    r"locali[sz]er|scout|survey|3[ -]?pl(?:ane)?(?:[^a-z]|$)", re.IGNORECASE
)


@dataclass(eq=False)
class Series:
    """Images that belong together, and what they are."""

    number: int | None
    """Number that the scanner gave, where files tell."""
    name: str
    """Description, or name of the file."""
    points: list
    """(slice, acquisition) of each image: any label, and numbers by column."""
    components: tuple
    """Letters of the images: M, P, R, I."""
    place: tuple
    """Size, orientation and spacing of the images."""
    kind: tuple = ()
    """How they were measured: sequence, echo train."""
    reason: str | None = None
    """Why they are no measurement."""
    doubtful: str | None = None
    """Why others are taken first."""
    items: list = field(default_factory=list)
    """What the reader needs to read them."""
    error: Exception | None = None
    """What is wrong with one of the files, an error if it is taken."""

    def values(self, column):
        """Return the values of a quantity, ascending."""
        found = {one.get(column) for _, one in self.points}
        return sorted(value for value in found if value is not None)

    def has(self, column):
        """Return whether some image tells a quantity, and it is not 0 in all."""
        return any(value for value in self.values(column))

    def varies(self, column):
        """Return whether a slice was measured at several values of a quantity."""
        return varies([self], column)

    def words(self):
        """Return in words what the series is."""
        number = "" if self.number is None else f"{self.number} "
        return f"{number}{shown(self.name)} ({', '.join(self.facts())})"

    def facts(self):
        """Return number of images, sizes and acquisition in words."""
        count = len(self.points)
        facts = [f"{count} image{'s' if count > 1 else ''}"]
        if self.components and self.components != ("M",):
            facts[0] += f" {'+'.join(self.components)}"
        for column in COLUMNS:
            values = self.values(column)
            # Repetition times and angles that do not vary tell series apart, too, but
            # lists should be short.
            if not any(values) or (len(values) == 1 and column not in ("TE", "TI")):
                continue
            factor, unit = (1.0, "degrees") if column == "FA" else (1e3, "ms")
            ends = [f"{factor * value:.6g}" for value in (values[0], values[-1])]
            text = "-".join(dict.fromkeys(ends))
            many = f" ({len(values)})" if len(values) > 2 else ""
            facts.append(f"{column} {text} {unit}{many}")
        return facts


def varies(group, column):
    """Return whether a slice of several series has several values of a quantity."""
    seen = {}
    for series in group:
        for where, one in series.points:
            value = one.get(column)
            if value is None:
                continue
            if seen.setdefault(where, value) != value:
                return True
    return False


def find_place(one, places, is_same):
    """Return the number of the first of places that is the same, added if none is."""
    for number, other in enumerate(places):
        if is_same(one, other):
            return number
    places.append(one)
    return len(places) - 1


def judge_name(name, original=False):
    """Return why images of a name are no measurement, and why others come first.

    Protocols that make maps call what they measure maps, too: the name says nothing of
    images that are known to be original.
    """
    if _LOCALIZER_NAME.search(name):
        return "localizer", None
    if not original and _DERIVED_NAME.search(name):
        return None, "derived, by its name"
    return None, None


def as_frame(found):
    """Return a table of series."""
    rows = []
    for series in found:
        row = {"series": series.number, "description": series.name}
        row["images"] = len(series.points)
        row["components"] = "".join(series.components)
        for column in COLUMNS:
            row[column] = np.array(series.values(column))
        row["left_out"] = series.reason or series.doubtful or ""
        rows.append(row)
    columns = ["series", "description", "images", "components", *COLUMNS, "left_out"]
    return pd.DataFrame(rows, columns=columns).astype({"series": object})
