"""Colours of maps of relaxation times."""

import functools
import re
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent / "colours"
# Symbols of parameters whose maps have colours of their own.
_BY_SYMBOL = {
    "lipari": re.compile(r"(gm)?[TR]1(?!rho)(\*|_\w+)?"),
    "navia": re.compile(r"(gm)?[TR](2|1rho)(\*|_\w+)?"),
}


def relaxation_colours(name):
    """Return the colour map for a parameter, None where there is no special one.

    Lipari for T1 and R1, navia for T2, T2*, T1rho and their rates, as Fuderer et al.
    recommend [1]_. A comma ends the symbol, as in "T1, left".

    References
    ----------
    .. [1] Fuderer et al., Magn. Reson. Med. 93, 490 (2025),
       https://doi.org/10.1002/mrm.30290.
    """
    for colours, symbol in _BY_SYMBOL.items():
        if symbol.fullmatch(name.partition(",")[0]):
            return _read_colours(colours)
    return None


@functools.cache
def _read_colours(name):
    from matplotlib.colors import ListedColormap

    rows = np.loadtxt(_FOLDER / f"{name}.csv", delimiter=",", skiprows=1)
    return ListedColormap(rows / 255.0, name=name)
