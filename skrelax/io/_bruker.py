"""Bruker TopSpin experiments: rows of a ser file over a list of delays or loops."""

import re

import numpy as np

from ._files import DecayFileError, shown
from ._jcamp import check_parameters
from ._nmrglue import finite_signals, read_with_nmrglue
from ._recording import Inner, Recording
from ._source import Source

_DATA = ("ser", "fid")
_LISTS = ("vdlist", "vclist", "vplist")
_ENTRY = re.compile(r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*([num]?)s?")
_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
# Delays longer than this are no part of a loop of echoes; d1 waits for recovery, d11
# for hardware.
_LONGEST_LOOP = 0.1
_OTHER_DELAYS = (1, 11, 12)
# What names of pulse programs say. The first that fits decides.
_PROGRAMS = (
    (("cpmg", "t2", "hahn"), ("TE", "T2")),
    (("t1ir", "invrec", "ir_", "inversion", "t1_ir"), ("TI", "T1-IR")),
    (("satrec", "sat_rec", "t1sr", "saturation", "satr"), ("TS", "T1-SR")),
    (("t1rho", "spinlock", "t1r"), ("TSL", "T1rho")),
    (("t1",), ("TI", "T1")),
)


def recognise(source):
    """Return whether a source is a TopSpin experiment, or a file of one."""
    if not source.is_folder:
        folder = source.path.parent
        return source.path.name in _DATA and (folder / "acqus").is_file()
    names = source.names()
    return "acqus" in names and any(name in names for name in _DATA)


def read(source, options):
    """Return the Recording of a TopSpin experiment."""
    path = source.path if source.is_folder else source.path.parent
    data = next((path / name for name in _DATA if (path / name).is_file()), None)
    if data is None:
        raise DecayFileError(f"{path}: expected a file ser or fid, found none.")

    check_parameters(path)
    _check_size(path, data)

    def load(nmrglue):
        header, signals = nmrglue.bruker.read(
            str(path), bin_file=data.name, read_pulseprogram=False, read_procs=False
        )
        delay = header["acqus"].get("GRPDLY", 0.0)
        if isinstance(delay, int | float) and delay > 0:
            signals = nmrglue.bruker.remove_digital_filter(header, signals)
        return header["acqus"], signals

    header, signals = read_with_nmrglue(path, "a TopSpin experiment", load)
    signals = np.atleast_2d(finite_signals(path, signals))
    if signals.ndim != 2:
        raise DecayFileError(
            f"{path}: expected rows over one list, got {signals.shape} points."
        )
    if len(signals) < 2:
        raise DecayFileError(
            f"{path}: a single spectrum, expected a series over delays (a file ser)."
        )
    name, values, file = _list(path, header)
    if len(values) < len(signals):
        raise DecayFileError(
            f"{file}: {len(values)} entries, but {len(signals)} rows in {data.name}."
        )
    notes = [f"pulse program {header.get('PULPROG', 'unknown')}", f"delays of {name}"]
    marks = []
    if len(values) > len(signals):
        marks.append(
            f"{name} has {len(values)} entries, the first {len(signals)} of which are "
            f"taken for the rows in {data.name}; was the experiment stopped?"
        )
    values = values[: len(signals)]
    column, kernel = _experiment(header, name)
    spaced = False
    if name == "vclist":
        spacing, spaced = options.echo_spacing, options.echo_spacing is not None
        if spacing is None:
            spacing, text = _loop(path, header)
            marks.append(text)
        values = values * spacing
        notes[-1] = f"loops of {name}, {1e6 * spacing:.5g} us each"
    width = header.get("SW_h")
    if not isinstance(width, int | float) or not 0 < width < 1e12:
        raise DecayFileError(
            f"{path}: acqus has no spectral width, got {shown(width)}."
        )
    return Recording(
        format="bruker",
        names=(column,),
        points=(values,),
        signals=signals[None],
        kernels=None if kernel is None else (kernel,),
        units=("s",),
        inner=Inner("fid", 1.0 / width),
        notes=notes,
        marks=marks,
        spaced=spaced,
    )


def _check_size(path, data):
    """Raise an error where the data file is shorter than its parameters say."""
    points, wide = (_entry(path / "acqus", key) for key in ("TD", "DTYPA"))
    rows = _entry(path / "acqu2s", "TD") if data.name == "ser" else 1
    # Rows begin at multiples of 1024 bytes.
    row = -(-points * (8 if wide == 2 else 4) // 1024) * 1024
    size = data.stat().st_size
    if size < rows * row:
        raise DecayFileError(
            f"{data}: {size} bytes, but {rows} rows of {points} points take "
            f"{rows * row}; was the file cut short?"
        )


def _entry(path, name):
    """Return a whole number of a parameter file, 0 where there is none."""
    if not path.is_file():
        return 0
    text = Source(path).content().decode("latin-1")
    match = re.search(rf"##\${name}=\s*(\d{{1,9}})\b", text)
    return int(match[1]) if match else 0


def _list(path, header):
    """Return name and values of the one list of the experiment, and its file."""
    there = [name for name in _LISTS if (path / name).is_file()]
    if len(there) > 1:
        # TopSpin keeps the lists that an earlier experiment has left.
        used = (
            "vclist" if "cpmg" in str(header.get("PULPROG", "")).lower() else "vdlist"
        )
        there = [used] if used in there else there
    if len(there) != 1:
        raise DecayFileError(
            f"{path}: expected one of {', '.join(_LISTS)}, found "
            f"{', '.join(there) or 'none'}."
        )
    file = path / there[0]
    values = []
    for number, line in enumerate(Source(file).text().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith((";", "#")):
            continue
        match = _ENTRY.fullmatch(line.strip())
        if match is None:
            raise DecayFileError(
                f"{file}:{number}: expected a number with s, m, u or n, got "
                f"{shown(line.strip())}."
            )
        values.append(float(match[1]) * _PREFIXES[match[2]])
    if there[0] == "vplist":
        # Pulses without a unit are in microseconds.
        plain = not re.search(r"[smun]", Source(file).text())
        values = [1e-6 * value for value in values] if plain else values
    return there[0], np.array(values), file


def _experiment(header, name):
    """Return the column and the kernel that the experiment has."""
    program = str(header.get("PULPROG", "")).lower()
    for parts, found in _PROGRAMS:
        if any(part in program for part in parts):
            return found
    return {"vclist": ("TE", "T2"), "vplist": ("TSL", "T1rho")}.get(
        name, ("time", None)
    )


def _loop(path, header):
    """Return the length of a loop of echoes [s] if one delay alone can be in it."""
    delays = {
        f"d{number}": value
        for number, value in enumerate(header.get("D", ()))
        if isinstance(value, int | float)
        and 0 < value < _LONGEST_LOOP
        and number not in _OTHER_DELAYS
    }
    pulses = [*header.get("P", ()), 0.0, 0.0, 0.0]
    p2 = 1e-6 * pulses[2] if isinstance(pulses[2], int | float) else 0.0
    # The standard program cpmg waits d20 before and after each pulse.
    chosen = "d20" if "d20" in delays else next(iter(delays), None)
    if chosen is None or (len(delays) > 1 and chosen != "d20"):
        known = ", ".join(f"{name} {value:g} s" for name, value in delays.items())
        raise DecayFileError(
            f"{path}: vclist counts loops, whose length is not known; give it in "
            "seconds (echo_spacing, --echo-spacing). A loop often lasts 2 d20 + p2"
            + (f"; acqus has {known}, p2 {p2:g} s." if known else ".")
        )
    spacing = 2.0 * delays[chosen] + p2
    return spacing, (
        f"a loop of vclist is taken to last 2 {chosen} + p2 = {1e6 * spacing:.5g} us; "
        "echo_spacing (--echo-spacing) sets another"
    )
