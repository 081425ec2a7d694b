"""What the values of options are made from, with an error for each that is none."""

import argparse

from ._choices import KERNELS, LARGEST, PAIRED, PROFILE, SMALLEST

# More threads than any machine has.
_MOST_THREADS = 1_024


def number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number, got {text[:30]!r}"
        ) from None


def positive(text):
    value = number(text)
    if not SMALLEST <= value <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"must be positive, from {SMALLEST:g} to {LARGEST:g}, got {text}"
        )
    return value


def one_or_two(parse):
    def parse_all(text):
        return tuple(parse(part) for part in text.split(",", 2))

    return parse_all


def kernels(text):
    names = text.split(",")
    known = KERNELS if len(names) == 1 else PAIRED
    if len(names) > 2 or not set(names) <= set(known):
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(KERNELS)}, or two of {', '.join(PAIRED)} with "
            f"a comma between, got {text!r}"
        )
    return text


def count(least, most):
    def parse(text):
        value = integer(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"must be at least {least} and at most {most}, got {text}"
            )
        return value

    return parse


def refits_or_profile(text):
    if text == PROFILE:
        return text
    try:
        return count(2, 10_000)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"must be {PROFILE}, or a number of refits: {error}"
        ) from None


def level(text):
    value = number(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def cutoffs(text):
    """Return pairs of the name of an axis, or None, and a positive border."""
    found = []
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        found.append((name.strip() or None, positive(value)))
    return tuple(found)


def threads(text):
    value = integer(text)
    if value == 0 or abs(value) > _MOST_THREADS:
        raise argparse.ArgumentTypeError(
            f"must be a number of threads up to {_MOST_THREADS}, or -1 for all, got "
            f"{text}"
        )
    return value


def efficiency(text):
    if text == "auto":
        return text
    value = number(text)
    if not 0 < value <= 2:
        raise argparse.ArgumentTypeError(f"must be 'auto' or in (0, 2], got {text}")
    return value


def bounds(text):
    """Return the name of a parameter and its two limits."""
    name, equals, rest = text.rpartition("=")
    parts = tuple(number(part) for part in rest.split(",", 2)) if equals else ()
    if not name or len(parts) != 2 or not parts[0] < parts[1]:
        raise argparse.ArgumentTypeError(
            f"must be NAME=LOW,HIGH with low < high, T1=0.1,3 for example, got {text!r}"
        )
    return name, parts


def path(text):
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"must be a file or folder, got {text!r}")
    return text


def series(text):
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(
            f"must be numbers such as 8-17, a name or list, got {text!r}"
        )
    return text.strip()


def label(text):
    if not text.isprintable() or len(text) > 20:
        raise argparse.ArgumentTypeError(
            f"must be up to 20 letters or signs, got {text!r}"
        )
    return text


def phase(text):
    """Return True for auto, False for none, or degrees."""
    if text in ("auto", "none"):
        return text == "auto"
    value = number(text)
    if not -360 <= value <= 360:
        raise argparse.ArgumentTypeError(
            f"must be auto, none or degrees from -360 to 360, got {text}"
        )
    return value


def region(text):
    """Return two frequencies, None for all of the spectrum."""
    if text == "all":
        return None
    parts = tuple(number(part) for part in text.split(",", 2))
    if len(parts) != 2 or not parts[0] < parts[1]:
        raise argparse.ArgumentTypeError(
            f"must be all or two frequencies in Hz, low,high, got {text!r}"
        )
    return parts


def windows(text):
    """Return a number of windows, 0 for none, None for auto."""
    if text in ("auto", "none"):
        return None if text == "auto" else 0
    return count(8, 100_000)(text)
