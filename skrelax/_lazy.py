"""Packages whose names are loaded when they are first used.

It is no part of a package within this one: a thread that imports such a part waits for
``skrelax`` to be loaded, which needs this.
"""

import importlib
import sys


def lazily(package, modules=(), **homes):
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    A package that loads all its parts makes whoever uses one of them wait for all.
    What type checkers and editors know of the names is in ``__init__.pyi``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : sequence of str, default=()
        Modules that are names as well.
    **homes : list of str
        The public names of each of its modules.

    Returns
    -------
    tuple
        The two functions and the list.
    """
    module_of = {name: home for home, names in homes.items() for name in names}

    def find(name):
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = importlib.import_module(f"{package}.{module_of[name]}")
        found = getattr(home, name)
        setattr(sys.modules[package], name, found)
        return found

    def names():
        return sorted({*vars(sys.modules[package]), *modules, *module_of})

    return find, names, sorted(module_of)
