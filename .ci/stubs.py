"""Write the types of the public names, skrelax/<package>/__init__.pyi, from docstrings.

Signatures come from the code, types from what the docstrings say of parameters,
attributes and returned values, so that both are said once. With --check nothing is
written, and it is an error if files differ from what would be.
"""

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from _type_words import Words
from numpydoc.docscrape import NumpyDocString

import skrelax

ROOT = Path(skrelax.__file__).parent
# Properties say in one line what they are; these are the types of such names.
PROPERTIES = {
    "acquisition_columns": "tuple of str",
    "amplitudes": "tuple of Parameter",
    "baseline_": "float or ndarray",
    "component": "SignalModel or None",
    "fades": "str or None",
    "distribution_": "ndarray",
    "formula": "str",
    "grids_": "tuple of ndarray",
    "intercept_": "float or ndarray",
    "label": "str",
    "message": "str",
    "outputs": "tuple of Parameter",
    "parameters": "tuple of Parameter",
    "penalty_": "sparse array",
    "simpler": "SignalModel or None",
    "status": "ndarray",
}
# What a picture has once it is drawn.
DRAWN = {
    "ax_": "Axes",
    "axes_": "ndarray",
    "colorbar_": "Colorbar",
    "figure_": "Figure",
    "line_": "Line2D",
    "lines_": "list of Line2D",
    "parabola_": "Line2D or None",
    "whiteness_": "DataFrame",
}
# Functions that return a frame of the library that this parameter is of.
FRAMES = {"fit_batch": "frame"}
# What Python calls by itself, and users by operators.
OPERATORS = ("__call__", "__getitem__", "__iter__", "__len__")
HEADER = (
    '''"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""\n'''
)


def find_packages():
    """Return the public packages that have public names, by their names."""
    found = {}
    for info in pkgutil.iter_modules(skrelax.__path__):
        if info.ispkg and not info.name.startswith("_"):
            module = importlib.import_module(f"skrelax.{info.name}")
            if getattr(module, "__all__", ()):
                found[info.name] = module
    return found


def read_doc(item):
    """Return the parts of a docstring, which may be that of a base."""
    return NumpyDocString(inspect.getdoc(item) or "")


def read_fields(parts):
    """Return the words for the type of each name of a part of a docstring."""
    return {
        name.strip(): field.type for field in parts for name in field.name.split(",")
    }


class Stub:
    """The stub of one package."""

    def __init__(self, package, homes, problems):
        self.package, self.homes, self.problems = package, homes, problems
        self.words = Words(package, homes)

    def write(self, module):
        """Return the source of the stub."""
        body = []
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isclass(item):
                body += self._write_class(name, item)
            else:
                body += self._write_function(name, item, item, name)
        names = "".join(f"    {name!r},\n" for name in module.__all__)
        parts = [
            HEADER,
            self.words.list_imports(),
            f"{self.words.variables}__all__ = [\n{names}]\n",
        ]
        return "\n".join([*parts, *body]) + "\n"

    def _type(self, words, where, given=False):
        """Return a type for words of a docstring, and note where there is none."""
        try:
            return self.words.translate(words, given)
        except ValueError as error:
            self.problems.append(f"{where}: {error}")
            return "object"

    def _write_class(self, name, item):
        """Return the lines of a class."""
        bases, own = self._find_bases(item)
        names = ", ".join(self.words.take_base(base) for base in bases)
        lines = [f"class {name}({names}):" if bases else f"class {name}:"]
        if issubclass(item, enum.Enum):
            lines += [f"    {member.name} = {member.value!r}" for member in item]
        doc = read_doc(item)
        attributes = read_fields(doc["Attributes"])
        if dataclasses.is_dataclass(item):
            attributes |= self._read_dataclass(name, item, attributes)
        # Those of exceptions and of numbers are Python's.
        first = next((base for base in own if "__init__" in vars(base)), None)
        kept = {} if first is None else self._read_kept(first, doc, attributes)
        inherited = {member for base in bases for member in dir(base)}
        attributes = self._find_drawn(item) | attributes
        members = self._find_members(own, inherited | set(kept) | set(attributes))
        for attribute, words in (kept | attributes).items():
            if attribute not in members:
                told = self._type(words, f"{name}.{attribute}", attribute in kept)
                lines.append(f"    {attribute}: {told}")
        if first is not None:
            lines += self._write_function("__init__", item.__init__, item, name, 4)
        for member, held in members.items():
            where = f"{name}.{member}"
            function = getattr(held, "__func__", held)
            if inspect.isfunction(function):
                if held is not function:
                    lines.append(f"    @{type(held).__name__}")
                documented = getattr(item, member)
                lines += self._write_function(member, function, documented, where, 4)
            else:
                words = attributes.get(member) or PROPERTIES.get(member, "")
                plain = "None" if held is None else type(held).__name__
                told = self._type(words or plain, where)
                lines += ["    @property", f"    def {member}(self) -> {told}: ..."]
        return lines if len(lines) > 1 else [*lines, "    pass"]

    def _find_drawn(self, item):
        """Return the words of what a picture has once it is drawn."""
        if not hasattr(item, "plot"):
            return {}
        tree = ast.parse(textwrap.dedent(inspect.getsource(item.plot)))
        found = sorted(
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        )
        return {name: DRAWN[name] for name in found}

    def _read_dataclass(self, name, item, attributes):
        """Return the words of the fields of a dataclass, which say shapes."""
        known = read_fields(read_doc(item)["Parameters"]) | attributes
        fields = [field.name for field in dataclasses.fields(item)]
        told = {field: known.get(field, "") for field in fields if field[0] != "_"}
        for field, words in told.items():
            if re.search("ndarray|DataFrame", words) and "shape" not in words:
                self.problems.append(f"{name}.{field}: say the shape of {words!r}")
        return told

    def _read_kept(self, item, doc, attributes):
        """Return the words of parameters that a constructor keeps as they are."""
        if dataclasses.is_dataclass(item):
            return {}
        source = inspect.getsource(item.__init__)
        return {
            name: words
            for name, words in read_fields(doc["Parameters"]).items()
            if f"self.{name} = " in source and name not in attributes
        }

    def _find_bases(self, item):
        """Return public bases of a class, and classes whose members it shows."""
        kept, own = [], [item]
        for base in item.__mro__[1:-1]:
            if any(issubclass(found, base) for found in kept):
                continue
            if base.__name__ in self.homes or base.__module__ in ("builtins", "enum"):
                kept.append(base)
            elif base.__module__.startswith("skrelax."):
                own.append(base)
            elif base.__module__.startswith("sklearn.") and base.__name__[0] != "_":
                kept.append(base)
        return kept, own

    def _find_members(self, classes, inherited):
        """Return what classes define that is public, of the first class that does."""
        found = {}
        for item in classes:
            for name, held in vars(item).items():
                function = getattr(held, "__func__", held)
                if name[0] == "_" and name not in OPERATORS:
                    continue
                if inspect.isfunction(function) or isinstance(held, property):
                    found.setdefault(name, held)
                elif isinstance(held, str | bool | None) and name not in inherited:
                    # Properties for a checker, as they are in some of the subclasses.
                    found.setdefault(name, held)
        return found

    def _write_function(self, name, function, documented, where, indent=0):
        """Return the lines of a function or method."""
        doc = read_doc(documented)
        fields = {
            field.lstrip("*"): words
            for field, words in read_fields(
                [*doc["Parameters"], *doc["Other Parameters"]]
            ).items()
        }
        told, star = [], False
        parameters = list(inspect.signature(function).parameters.values())
        if indent and parameters[0].name in ("self", "cls"):
            told.append(parameters.pop(0).name)
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and not star:
                told.append("*")
                star = True
            star |= parameter.kind is parameter.VAR_POSITIONAL
            marks = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
            # What only the package gives has no words.
            private = parameter.name[0] == "_"
            words = fields.get(parameter.name, "object" if private else "")
            kind = self._type(words, f"{where}({parameter.name})", given=True)
            text = f"{marks.get(parameter.kind, '')}{parameter.name}: {kind}"
            if parameter.default is not parameter.empty:
                text += f" = {self._default(parameter.default)}"
            told.append(text)
        return [
            f"{' ' * indent}{line}"
            for line in self._write_cases(name, told, self._result(name, doc, where))
        ]

    def _write_cases(self, name, told, result):
        """Return the lines of a function, one for each kind of result."""
        if name in FRAMES:
            # The result is of the library of what is given.
            told = [
                f"{one.partition(':')[0]}: {self.words.take_frame()}"
                if one.startswith(f"{FRAMES[name]}:")
                else one
                for one in told
            ]
            result = result.replace("DataFrame", self.words.take_frame())
        flag = next((one for one in told if one.startswith("return_")), None)
        if flag is None:
            return [f"def {name}({', '.join(told)}) -> {result}: ..."]
        # What may be None is there where it is asked for.
        whole = result.replace(" | None", "")
        first = whole.removeprefix("tuple[").partition(",")[0]
        cases = {
            "Literal[False] = False": first,
            "Literal[True]": whole,
            "bool": f"{first} | {whole}",
        }
        lines, (head, _, _) = [], flag.partition(":")
        for kind, found in cases.items():
            self.words.imports.add("from typing import Literal, overload")
            case = [f"{head}: {kind}" if one == flag else one for one in told]
            lines += ["@overload", f"def {name}({', '.join(case)}) -> {found}: ..."]
        return lines

    def _default(self, value):
        """Return a default as a stub shows it."""
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        if type(value) is float and value == value and abs(value) != float("inf"):
            return repr(value)
        return "..."

    def _result(self, name, doc, where):
        """Return the type of what a function returns."""
        fields = doc["Returns"] or doc["Yields"]
        if name == "__init__" or not fields:
            return "None"
        # "lower, upper : float" are two values.
        kinds = [
            self._type(field.type, f"{where} returns")
            for field in fields
            for _ in field.name.split(",")
        ]
        owner = where.partition(".")[0]
        if kinds == [owner] and "." in where:
            return self._type("self", where)
        one = kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"
        return self.words.take_iterator(one) if doc["Yields"] else one


def write_root(packages):
    """Return the stub of the package itself, whose names are loaded when first used."""
    lines = [HEADER]
    for name in packages:
        taken = skrelax._HOMES.get(name, [])
        lines.append(f"from . import {name} as {name}")
        lines += [f"from .{name} import {public} as {public}" for public in taken]
    names = "".join(f"    {name!r},\n" for name in skrelax.__all__)
    return "\n".join([*lines, "", "__version__: str", "", f"__all__ = [\n{names}]\n"])


def read_content(text):
    """Return a stub without its imports, which ruff sorts and thins, and its format."""
    body = ast.parse(text).body
    kept = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return [ast.dump(node) for node in kept]


def main():
    """Write the stubs, or compare them."""
    packages = find_packages()
    homes = {
        name: package
        for package, module in packages.items()
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    }
    problems = []
    texts = {ROOT / "__init__.pyi": write_root(packages)}
    for package, module in packages.items():
        stub = Stub(package, homes, problems)
        texts[ROOT / package / "__init__.pyi"] = stub.write(module)
    if "--check" in sys.argv and not problems:
        for path, text in texts.items():
            there = path.read_text(encoding="utf-8") if path.exists() else ""
            if read_content(there) != read_content(text):
                problems.append(f"{path}: not as .ci/stubs.py writes it now")
    elif not problems:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        for command in (["format", "-q"], ["check", "--fix", "-q"]):
            subprocess.run(["ruff", *command, *map(str, texts)], check=True)
    print("\n".join([*problems, f"{len(texts)} stubs, {len(problems)} problems"]))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
