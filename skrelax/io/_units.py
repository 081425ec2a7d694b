"""Units in the headers of files, and what they are in seconds and metres."""

import re

# Factors to seconds.
_TIMES = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "μs": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "min": 60.0, "minutes": 60.0, "h": 3600.0,
}  # fmt: skip
# Factors to seconds per square metre.
_B_VALUES = {
    "s/m2": 1.0, "s/mm2": 1e6, "s/cm2": 1e4, "ms/um2": 1e9, "ms/cm2": 10.0,
    "ks/mm2": 1e9, "10^9s/m2": 1e9, "1e9s/m2": 1e9, "gs/m2": 1e9,
}  # fmt: skip
# Names in headers of what times are called.
_TIME_NAMES = {
    "t", "time", "times", "tau", "delay", "delays", "te", "ti", "tr", "ts", "x",
    "echo time", "inversion time", "recovery time", "echotime", "zeit", "temps",
    "tsl", "esp", "b", "bvalue", "b value", "b-value",
}  # fmt: skip
# Those that no signal is called.
_SURE_NAMES = {"time", "times", "te", "ti", "echo time", "inversion time", "echotime"}
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
    "quadrature": "imaginary",
    "magnitude": "magnitude", "modulus": "magnitude", "abs": "magnitude",
    "amplitude": "magnitude",
}  # fmt: skip
_NAME_AND_UNIT = re.compile(
    r"(?P<name>.*?)\s*(?:[(\[/,]\s*|[ _])(?P<unit>[^()\[\],]{1,20}?)\s*[)\]]?"
)


def split_unit(text):
    """Return name, unit (s, s/m² or ""), its factor, and the unit as it is written."""
    whole = " ".join(text.split())
    # The unit itself may hold the slash before it: "b / s/mm2".
    for start in [match.start() for match in re.finditer(r"[(\[/,_ ]", whole)]:
        found = _NAME_AND_UNIT.fullmatch(whole[start:])
        name = whole[:start].strip()
        if found is None or found["name"] or not name:
            continue
        unit, factor = unit_factor(found["unit"])
        if unit:
            # "Echo time in ms"
            name = name.removesuffix(" in").strip() or name
            return name, unit, factor, found["unit"]
    return whole, "", 1.0, ""


def unit_factor(text):
    """Return the unit that a spelling is converted to and the factor, or "" and 1."""
    plain = "".join(text.strip("()[] ").split()).lower()
    if plain in _TIMES:
        return "s", _TIMES[plain]
    for old, new in (
        ("²", "2"), ("^2", "2"), ("**2", "2"), ("m^-2", "/m2"), ("m-2", "/m2"),
        ("µ", "u"), ("μ", "u"), ("*", ""), ("·", ""), ("⁹", "^9"), ("//", "/"),
        ("m⁻2", "/m2"),
    ):  # fmt: skip
        plain = plain.replace(old, new)
    if plain in _B_VALUES:
        return "s/m²", _B_VALUES[plain]
    return "", 1.0


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


def experiment_of(text):
    """Return the column and the kernel that a header entry tells, None if not."""
    name = split_unit(text)[0].strip()
    if name == "B":
        # A field, not a b value.
        return None
    return _EXPERIMENTS.get(name.lower())


def channel_of(text):
    """Return "real", "imaginary" or "magnitude" where a header entry says so."""
    name = text.lower().split("(")[0].split("[")[0].strip()
    for start, channel in _CHANNELS.items():
        if name == start or name.endswith((f" {start}", f"_{start}", f".{start}")):
            return channel
        if name.startswith(f"{start} ") and start in ("real", "imaginary", "imag"):
            return channel
    return None
