"""The words of numpydoc for types, and what they are for a type checker."""

import re

import sklearn.base

# Words with their types, and the import that each needs.
SIMPLE = {
    "None": ("None", ""),
    "bool": ("bool", ""),
    "float": ("float", ""),
    "int": ("int", ""),
    "str": ("str", ""),
    "object": ("object", ""),
    "path-like": ("os.PathLike[str]", "import os"),
    "Path": ("Path", "from pathlib import Path"),
    "callable": ("Callable[..., Any]", "from collections.abc import Callable"),
    "sequence": ("Sequence[Any]", "from collections.abc import Sequence"),
    "iterable": ("Iterable[Any]", "from collections.abc import Iterable"),
    "tuple": ("tuple[Any, ...]", ""),
    "list": ("list[Any]", ""),
    "RandomState instance": ("np.random.RandomState", "import numpy as np"),
    "DataFrame": ("DataFrame", "from pandas import DataFrame"),
    "Series": ("Series", "from pandas import Series"),
    "Index": ("Index[Any]", "from pandas import Index"),
    "Axes": ("Axes", "from matplotlib.axes import Axes"),
    "Figure": ("Figure", "from matplotlib.figure import Figure"),
    "Colorbar": ("Colorbar", "from matplotlib.colorbar import Colorbar"),
    "Line2D": ("Line2D", "from matplotlib.lines import Line2D"),
    "Bunch": ("Bunch", "from sklearn.utils import Bunch"),
    "self": ("Self", "from typing import Self"),
    "xarray.DataArray": ("DataArray", "from xarray import DataArray"),
    "xarray.Dataset": ("Dataset", "from xarray import Dataset"),
}
ARRAY = ("ArrayLike", "from numpy.typing import ArrayLike")
NDARRAY = ("NDArray[Any]", "from numpy.typing import NDArray")
# What has no type that a checker could hold to: estimators by what they can.
ANYTHING = re.compile(
    r"(a |an )?(estimator|search|splitter|Pipeline|GridSearchCV|callback|"
    r"(linear |signed )?inversion|colour map|MetadataRouter|dask\.array|"
    r"sparse array)\b.*"
)
NAMED_SHAPE = re.compile(r" of the (same shape( as \w+)?|shape of \w+)")


class Words:
    """Translate words to types, and keep which imports these need."""

    def __init__(self, package, homes):
        self.package, self.homes = package, homes
        self.imports = set()
        self.variables = ""

    def translate(self, text, given):
        """Return the type that words mean.

        Parameters
        ----------
        text : str
            What a docstring says after the colon.
        given : bool
            Whether a caller gives the value: then other containers are taken, too.

        Returns
        -------
        str
            The type.

        Raises
        ------
        ValueError
            If a word is not known.
        """
        if not text.strip():
            raise ValueError("a docstring says nothing of the type")
        text = re.sub(r",\s*(optional|default=.*|dtype=\w+)$", "", text.strip())
        text = NAMED_SHAPE.sub("", _drop_shapes(text))
        # "list of A, B and C" is one kind of list.
        text = re.sub(
            r"\bof ((?:\w+, )*\w+ and \w+)(?= or |,|$)",
            lambda found: "of " + re.sub(", | and ", "|", found[1]),
            text,
        )
        kinds = []
        for item in _split(text):
            # Those named before, in a container.
            item = item.replace("of these", "of " + "|".join(kinds))
            kinds.append(self._one(item, given))
        return self._unite(kinds)

    def take_base(self, base):
        """Return the name of a base class, and import it."""
        name = base.__name__
        if base.__module__.startswith("sklearn."):
            public = hasattr(sklearn.base, name)
            home = "sklearn.base" if public else "sklearn.model_selection"
            self.imports.add(f"from {home} import {name}")
        elif base.__module__ == "enum":
            self.imports.add(f"from enum import {name}")
        elif name in self.homes:
            self._take(name)
        return name

    def take_iterator(self, kind):
        """Return the type of a generator."""
        self.imports.add("from collections.abc import Iterator")
        return f"Iterator[{kind}]"

    def take_frame(self):
        """Return the type of a frame of one library, whichever it is."""
        self.imports.add("from typing import TypeVar")
        self.variables = '_Frame = TypeVar("_Frame")\n\n'
        return "_Frame"

    def list_imports(self):
        """Return the lines of imports."""
        return "\n".join(sorted(self.imports)) + "\n"

    def _take(self, name):
        """Import a public class of the suite."""
        if self.homes[name] != self.package:
            self.imports.add(f"from ..{self.homes[name]} import {name}")
        return name

    def _unite(self, kinds):
        """Return the type of one or another."""
        kinds = list(dict.fromkeys(kinds))
        if "Any" in kinds:
            return "Any"
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))

    def _simple(self, entry):
        kind, line = entry
        if line:
            self.imports.add(line)
        if "Any" in kind:
            self.imports.add("from typing import Any")
        return kind

    def _any_of(self, text, given):
        """Return the type of words between bars, or of types put there before."""
        return self._unite([self._one(part, given) for part in text.split("|")])

    def _one(self, text, given):
        """Return the type of one word or phrase."""
        text = text.strip()
        if re.match(r"array-like|arrays?\b(?! of Axes)", text):
            return self._simple(ARRAY if given else NDARRAY)
        if re.match(r"ndarrays?\b|array of Axes", text):
            return self._simple(NDARRAY)
        if ANYTHING.fullmatch(text):
            return self._simple(("Any", ""))
        if text in SIMPLE:
            return self._simple(SIMPLE[text])
        if text in self.homes:
            return self._take(text)
        if re.fullmatch(r"\{.*\}|\".*\"|'.*'", text):
            return self._literal(text.strip("{}"))
        if found := re.fullmatch(r"\((.*)\)", text):
            parts = [self.translate(part, given) for part in _split(found[1], ",")]
            return f"tuple[{', '.join(parts)}]"
        if found := re.fullmatch(r"dict(?: of (?:(.*) to )?(.*))?", text):
            return self._mapping(found[1], found[2], given)
        if found := re.fullmatch(r"(list|tuple|sequence) of (.*)", text):
            return self._container(found[1], found[2], given)
        # Types that were put in place of "these".
        if text in self._known_types() or text.startswith("Literal["):
            return text
        raise ValueError(f"{text!r} is no word for a type, see .ci/_type_words.py")

    def _known_types(self):
        simple = {kind for kind, _ in (*SIMPLE.values(), ARRAY, NDARRAY)}
        return simple | {"Any"}

    def _literal(self, text):
        """Return the type of values that are listed."""
        self.imports.add("from typing import Literal")
        parts = [part.strip() for part in text.split(",")]
        quoted = [
            part if re.match(r"[\"'\d-]", part) else f'"{part}"' for part in parts
        ]
        return f"Literal[{', '.join(quoted)}]"

    def _mapping(self, key, value, given):
        keys = self._any_of(key, given) if key else "str"
        values = self.translate(value, given) if value else self._simple(("Any", ""))
        if not given:
            return f"dict[{keys}, {values}]"
        self.imports.add("from collections.abc import Mapping")
        return f"Mapping[{keys}, {values}]"

    def _container(self, container, text, given):
        """Return the type of a list, tuple or sequence."""
        if text.startswith("("):
            held = self._one(text, given)
        else:
            # "tuple of one to three int" has a number that types do not tell.
            held = self._any_of(re.sub(r"^\w+ to \w+ ", "", text), given)
        if container == "tuple":
            return f"tuple[{held}, ...]"
        if container == "list" and not given:
            return f"list[{held}]"
        # A list of int is no list of float for a checker, but a sequence.
        self.imports.add("from collections.abc import Sequence")
        return f"Sequence[{held}]"


def _drop_shapes(text):
    """Return words without the shapes of arrays."""
    out = ""
    while " of shape (" in text:
        before, _, text = text.partition(" of shape ")
        out += before
        text = _after_brackets(text)
        while more := re.match(r"(,| or|, or) (?=\()", text):
            text = _after_brackets(text[more.end() :])
        # "or with n_signals first", "or grids": shapes in words.
        text = re.sub(r"^ or (with [\w ]+|grids)", "", text)
    return out + text


def _after_brackets(text):
    """Return what follows the brackets with which a text begins."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            return text[at + 1 :]
    raise ValueError(f"brackets of {text!r} do not close")


def _split(text, mark=r",(?: or)?|\bor\b"):
    """Return the parts of a text between marks that are in no brackets or quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        depth += (letter in "([{") - (letter in ")]}")
        found = re.compile(mark).match(text, at)
        if found and depth == 0 and not quote and at >= start:
            parts.append(text[start:at])
            start = found.end()
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
