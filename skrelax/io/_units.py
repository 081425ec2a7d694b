"""Units in the headers of files, and what they are in seconds and metres."""

import re

# Factors to seconds.
_TIMES = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6, "microseconds": 1e-6,
    "microsec": 1e-6, "millisec": 1e-3, "microsecond": 1e-6, "ns": 1e-9, "nsec": 1e-9,
    "nanoseconds": 1e-9, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
# Factors to seconds per square metre.
_B_VALUES = {
    "s/m2": 1.0, "s/mm2": 1e6, "s/cm2": 1e4, "ms/um2": 1e9, "ms/cm2": 10.0,
    "ks/mm2": 1e9, "gs/m2": 1e9,
}  # fmt: skip
# Names in headers of what times are called.
_TIME_NAMES = {
    "t", "time", "times", "tau", "delay", "delays", "te", "ti", "tr", "ts", "x",
    "echo time", "inversion time", "recovery time", "echotime", "zeit", "temps",
    "tsl", "esp", "b", "bvalue", "b value", "b-value",
}  # fmt: skip
# Those that no signal is called.
_SURE_NAMES = {"time", "times", "te", "ti", "echo time", "inversion time", "echotime"}
# What columns are called that number rows.
_COUNTERS = {
    "index", "idx", "i", "n", "no", "nr", "#", "row", "number", "num", "point",
    "points", "scan", "echo", "echo number", "echo no", "echo index", "sample",
}  # fmt: skip
# Quantities that say which experiment it was.
_EXPERIMENTS = {
    "te": ("TE", "T2"), "echo time": ("TE", "T2"), "echotime": ("TE", "T2"),
    "ti": ("TI", "T1-IR"), "inversion time": ("TI", "T1-IR"),
    "ts": ("TS", "T1-SR"), "recovery time": ("TS", "T1-SR"),
    "tsl": ("TSL", "T1rho"), "b": ("b", "diffusion"), "bvalue": ("b", "diffusion"),
    "b value": ("b", "diffusion"), "b-value": ("b", "diffusion"),
}  # fmt: skip
_CHANNELS = {
    "re": "real", "real": "real", "in-phase": "real", "y real": "real",
    "im": "imaginary", "imag": "imaginary", "imaginary": "imaginary",
    "quadrature": "imaginary", "phase": "phase", "angle": "phase", "arg": "phase",
    "magnitude": "magnitude", "modulus": "magnitude", "abs": "magnitude",
    "amplitude": "magnitude",
}  # fmt: skip
# Letters of a name and its unit.
_LONGEST_NAME = 300
_NAME_AND_UNIT = re.compile(
    r"(?P<name>.*?)\s*(?:[(\[/,:-]\s*|[ _])(?P<unit>[^()\[\],]{1,20}?)\s*[)\]]?"
)
# What stands in brackets at the end is the unit as a whole, or none.
_IN_BRACKETS = re.compile(
    r"(?P<name>[^()\[\]{}<>]+)[(\[{<](?P<unit>[^()\[\]{}<>]+)[)\]}>]"
)
# A factor before a unit: 10^-3 s, 1e-3 s, x10^9 s/m2, 10 us.
_FACTOR = re.compile(
    r"x?(?P<number>\d{1,9})?(?:\^(?P<power>-?\d{1,2})|e(?P<exponent>-?\d{1,2}))?(?P<unit>[a-z].*)"
)
# What is one over a unit.
_ONE_OVER = re.compile(r"(^|.*[\s/,(])1")
_RAISED = re.compile("([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻×·", "0123456789-xx")


def split_unit(text):
    """Return name, unit (s, s/m² or ""), its factor, and the unit as it is written."""
    whole = " ".join(text[:_LONGEST_NAME].split())
    inside = _IN_BRACKETS.fullmatch(whole)
    if inside is not None:
        unit, factor = unit_factor(inside["unit"])
        if unit and inside["name"].strip():
            return inside["name"].strip(), unit, factor, inside["unit"].strip()
        return whole, "", 1.0, ""
    # The unit itself may hold the slash before it: "b / s/mm2".
    for start in [match.start() for match in re.finditer(r"[(\[/,:_ -]", whole)]:
        found = _NAME_AND_UNIT.fullmatch(whole[start:])
        name = whole[:start].strip()
        if found is None or found["name"] or not name or _ONE_OVER.fullmatch(name):
            continue
        unit, factor = unit_factor(found["unit"])
        if unit:
            # "Echo time in ms"
            name = name.removesuffix(" in").strip() or name
            return name, unit, factor, found["unit"]
    return whole, "", 1.0, ""


def unknown_unit(text):
    """Return what stands in the brackets of a header entry that is no known unit."""
    inside = _IN_BRACKETS.fullmatch(" ".join(text[:_LONGEST_NAME].split()))
    if inside is None or unit_factor(inside["unit"])[0]:
        return ""
    return inside["unit"].strip()


def unit_factor(text):
    """Return the unit that a spelling is converted to and the factor, or "" and 1."""
    plain = "".join(text.strip("()[] ").split()).lower()
    known = _known_unit(plain)
    if known is not None:
        return known
    raised = _RAISED.sub(r"^\1", plain).translate(_SUPERSCRIPTS).replace("**", "^")
    match = _FACTOR.fullmatch(raised)
    known = None if match is None else _known_unit(match["unit"])
    if known is None or match["number"] is None:
        return "", 1.0
    unit, factor = known
    number = float(match["number"])
    if match["power"] is not None:
        number **= int(match["power"])
    elif match["exponent"] is not None:
        number *= 10.0 ** int(match["exponent"])
    return (unit, number * factor) if number > 0 else ("", 1.0)


def _known_unit(plain):
    """Return unit and factor of a spelling without blanks and capitals, or None."""
    times = plain.rstrip(".").replace("sec.", "sec")
    if times in _TIMES:
        return "s", _TIMES[times]
    for old, new in (
        ("²", "2"), ("^2", "2"), ("**2", "2"), ("m^-2", "/m2"), ("m-2", "/m2"),
        ("µ", "u"), ("μ", "u"), ("*", ""), ("·", ""), ("//", "/"), ("m⁻2", "/m2"),
    ):  # fmt: skip
        plain = plain.replace(old, new)
    return ("s/m²", _B_VALUES[plain]) if plain in _B_VALUES else None


def is_unit(text):
    """Return whether a header entry is a unit alone."""
    plain = text.strip("()[] ").lower()
    return bool(unit_factor(text)[0]) or plain in {
        "",
        "v",
        "a.u.",
        "au",
        "mv",
        "%",
        "-",
    }


def is_time_name(text):
    """Return whether a header entry names times or b values."""
    name = split_unit(text)[0].lower().strip()
    return name in _TIME_NAMES or bool(split_unit(text)[1])


def is_surely_time(text):
    """Return whether a header entry can name nothing but times or b values."""
    name, unit, _, _ = split_unit(text)
    return bool(unit) or name.lower().strip() in _SURE_NAMES


def counts(text):
    """Return whether a header entry says that a column numbers its rows."""
    return text.lower().strip(" .") in _COUNTERS


def experiment_of(text):
    """Return the column and the kernel that a header entry tells, None if not."""
    name = split_unit(text)[0].strip()
    if name == "B":
        # A field, not a b value.
        return None
    return _EXPERIMENTS.get(name.lower())


def channel_of(text):
    """Return "real", "imaginary", "magnitude" or "phase" where a header says so."""
    name = text.lower().split("(")[0].split("[")[0].strip()
    # Of several signals: Re1, Im1, Re 2, Im 2.
    name = name.rstrip("0123456789").rstrip(" _.-") or name
    for start, channel in _CHANNELS.items():
        if name == start or name.endswith((f" {start}", f"_{start}", f".{start}")):
            return channel
        if name.startswith(f"{start} ") and start in ("real", "imaginary", "imag"):
            return channel
    return None
