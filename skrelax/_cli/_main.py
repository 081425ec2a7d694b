"""Arguments of the command line, and its one way to report errors."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings

from .._version import __version__
from ._distribution_map import ECHOES, RULES
from ._invert_grid import RULES as GRID_RULES
from ._output import LARGEST, SMALLEST, printable

# What a shell reports for a program that a closed pipe ends.
_BROKEN_PIPE = 141
# Kernels of one axis, and those that two axes may have.
KERNELS = ("T2", "T1-IR", "T1-SR", "diffusion", "gaussian")
PAIRED = KERNELS[:4]
# More bins, points of a bin, or threads than any result needs.
_MOST_BINS, _MOST_POINTS, _MOST_THREADS = 5_000, 100, 1_024


def main(argv=None):
    """Run the command line; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its code.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _stoppable():
            _run(argv)
            _flush()
    except BrokenPipeError:
        # Nobody reads on; what is still buffered goes nowhere.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except _Stopped as stop:
        print("skrelax: stopped", file=sys.stderr)
        return 128 + stop.args[0]
    except KeyboardInterrupt:
        print("skrelax: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _fail(_words(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}".removesuffix(": "), 2)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return _fail(
            f"a fault of skrelax, please report it: {type(error).__name__}: {error} "
            "(python -X dev -m skrelax ... shows where)",
            1,
        )
    return 0


class _Stopped(KeyboardInterrupt):
    """A signal that ends programs, by its number."""


@contextlib.contextmanager
def _stoppable():
    """Let a run that a batch system or a closed terminal ends clean up first."""
    numbers = [
        number
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None))
        if number is not None and signal.getsignal(number) is signal.SIG_DFL
    ]
    if threading.current_thread() is not threading.main_thread():
        numbers = []

    def stop(number, _):
        # A second one ends the program at once.
        signal.signal(number, signal.SIG_DFL)
        raise _Stopped(number)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _run(argv):
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    finally:
        # After --help, whose reader may be gone.
        _flush()
    for name, value in vars(arguments).items():
        # What some versions of argparse make of --name=--.
        if value == []:
            parser.error(f"argument --{name.replace('_', '-')}: expected one argument")
    if arguments.command == "map":
        from ._map import run_map as run
    else:
        from ._invert import run_invert as run
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _notes()
        run(arguments)


def _flush():
    if sys.stdout is not None:
        sys.stdout.flush()


def _notes():
    """Return a function that prints warnings, each text once."""
    printed = set()

    def note(message, category, *_):
        text = f"skrelax: note: {category.__name__}: {printable(message)}"
        if text not in printed:
            print(text, file=sys.stderr)
        printed.add(text)

    return note


def _fail(text, code):
    print(f"skrelax: error: {printable(text)}", file=sys.stderr)
    return code


def _words(error):
    """Return what an exception says, without numbers of the system."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error) or type(error).__name__


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are."""

    def error(self, message):
        if "unrecognized arguments: -" in message:
            message += " (a file whose name starts with a dash is written ./-name)"
        self.exit(2, f"skrelax: error: {printable(message)} (see --help)\n")


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number, got {text[:30]!r}"
        ) from None


def _positive(text):
    value = _number(text)
    if not SMALLEST <= value <= LARGEST:
        raise argparse.ArgumentTypeError(
            f"must be positive, from {SMALLEST:g} to {LARGEST:g}, got {text}"
        )
    return value


def _one_or_two(parse):
    def parse_all(text):
        return tuple(parse(part) for part in text.split(",", 2))

    return parse_all


def _kernels(text):
    names = text.split(",")
    known = KERNELS if len(names) == 1 else PAIRED
    if len(names) > 2 or not set(names) <= set(known):
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(KERNELS)}, or two of {', '.join(PAIRED)} with "
            f"a comma between, got {text!r}"
        )
    return text


def _count(least, most):
    def parse(text):
        value = _integer(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"must be at least {least} and at most {most}, got {text}"
            )
        return value

    return parse


def _threads(text):
    value = _integer(text)
    if value == 0 or abs(value) > _MOST_THREADS:
        raise argparse.ArgumentTypeError(
            f"must be a number of threads up to {_MOST_THREADS}, or -1 for all, got "
            f"{text}"
        )
    return value


def _efficiency(text):
    if text == "auto":
        return text
    value = _number(text)
    if not 0 < value <= 2:
        raise argparse.ArgumentTypeError(f"must be 'auto' or in (0, 2], got {text}")
    return value


def _path(text):
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"must be a file or folder, got {text!r}")
    return text


def _label(text):
    if not text.isprintable() or len(text) > 20:
        raise argparse.ArgumentTypeError(
            f"must be up to 20 letters or signs, got {text!r}"
        )
    return text


def _parser():
    parser = _Parser(
        prog="python -m skrelax", description="Relaxation of NMR and MRI signals."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    invert = commands.add_parser(
        "invert",
        help="from a decay to a distribution of relaxation times",
        description=(
            "Invert a decay, or a signal over two axes, into a distribution of "
            "relaxation times. The strength of the penalty is chosen by the data. "
            "Writes distribution.csv, fit.csv, peaks.csv, cross_validation.csv and "
            "inversion.png (of two axes map.csv, marginal_1.csv, marginal_2.csv, "
            "residuals.csv, peaks.csv, strengths.csv and inversion.png), all at once "
            "when the last is done; a run that fails or is stopped writes nothing."
        ),
    )
    add = invert.add_argument
    add(
        "file",
        nargs="?",
        type=_path,
        metavar="FILE",
        help="times and one or more signal columns (CSV or text), or CSDM; for two "
        "axes a Spinsolve folder, CSDM, or a text matrix with times along its edges; "
        "without it a simulated decay with known truth",
    )
    add(
        "--kernel",
        default="T2",
        type=_kernels,
        metavar="NAME|NAME,NAME",
        help="signal model: T2 (default), T1-IR, T1-SR, diffusion, gaussian; two of "
        "the first four, T1-IR,T2 for example, for a signal over two axes",
    )
    add(
        "--penalty",
        default="smooth",
        choices=["smooth", "lasso"],
        help="smooth for distributions, lasso for discrete components (default smooth)",
    )
    add(
        "--order",
        type=int,
        choices=[0, 1, 2],
        help="order of the differences that the smooth penalty takes; 0 for the "
        "amplitudes themselves, as most maps are inverted (default 2; 0 for two axes)",
    )
    add(
        "--bins",
        type=_one_or_two(_count(2, _MOST_BINS)),
        help="number of bins, or of each of two axes: 64,48 (default 100; for two "
        "axes of more than 5000 points 64)",
    )
    add(
        "--minimum",
        type=_one_or_two(_positive),
        help="first relaxation time, or that of each of two axes (default: from data)",
    )
    add(
        "--maximum",
        type=_one_or_two(_positive),
        help="last relaxation time, or that of each of two axes (default: from data)",
    )
    add(
        "--supersampling",
        type=_count(1, _MOST_POINTS),
        default=5,
        help="points per bin of the kernel (default 5)",
    )
    add("--folds", type=_count(2, 1_000), default=5, help="folds (default 5)")
    add(
        "--rule",
        choices=["near", "min", "1se", *GRID_RULES],
        help="strongest penalty whose cross-validated error is near the smallest "
        "(near, default for one axis), smallest error (min, default with --penalty "
        "lasso), strongest penalty within one standard error of it (1se), or, for two "
        "axes, corner of the L-curve (default there), generalised cross-validation, "
        "2 %% above the best "
        "misfit, or the noise level of the imaginary channel",
    )
    add(
        "--baseline",
        default="auto",
        choices=["auto", "yes", "no"],
        help="constant below the signal; auto asks the cross-validation (default)",
    )
    add(
        "--efficiency",
        type=_efficiency,
        default="auto",
        help="inversion efficiency for T1-IR, up to 2; auto tunes it by "
        "cross-validation (default)",
    )
    add("--jobs", type=_threads, help="number of threads, -1 for all (default 1)")
    add(
        "--unit",
        type=_label,
        help="unit of the times, for labels (default: that in the header of the file, "
        "else s, s/m² for diffusion)",
    )
    add(
        "--out",
        type=_path,
        metavar="DIR",
        help="folder of the results (default NAME-inversion)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace results that exist: all files of an earlier run go, so that none "
        "is left among the new ones; other files in the folder stay",
    )
    add("--no-plot", action="store_true", help="write no picture")
    add(
        "--allow-external",
        action="store_true",
        help="let a CSDM file take its values from a URL, or from a file outside of "
        "its own folder",
    )
    add(
        "--seed",
        type=_count(0, 2**32 - 1),
        default=0,
        help="seed of the simulated decay (default 0)",
    )
    _add_map(commands)
    return parser


def _add_map(commands):
    """Add the arguments of ``map``."""
    mapping = commands.add_parser(
        "map",
        help="from images to maps of relaxation times",
        description=(
            "Fit a signal model to every voxel of a DICOM folder or of NIfTI files "
            "with JSON sidecars. Writes each parameter, its standard error, the "
            "relative error, R2 and the status of the fits as NIfTI with the geometry "
            "of the images, acquisition.csv and maps.png, all at once when the last is "
            "done; a run that fails or is stopped writes nothing."
        ),
    )
    add = mapping.add_argument
    add(
        "source",
        type=_path,
        metavar="FOLDER",
        help="folder of DICOM or NIfTI files, or a file",
    )
    add(
        "--model",
        default="T1-IR",
        metavar="NAME",
        help="signal model: T1-IR (default), T1-IR-efficiency, T1-general, T1-SR, "
        "T1-LL, T1-VFA, T2, T2*, T1rho, T2-offset, T2-biexponential, T2-stretched, "
        "T2-EPG, or T2-distribution: a distribution of T2 in every voxel",
    )
    add(
        "--out",
        type=_path,
        metavar="DIR",
        help="folder of the maps (default NAME-maps)",
    )
    add(
        "--mask",
        type=_path,
        default="auto",
        metavar="auto|none|FILE",
        help="auto leaves the background out (default); a file (NIfTI, the shape of "
        "the images) fits the voxels that are above 0",
    )
    add(
        "--tr",
        default="file",
        choices=["file", "ignore"],
        help="repetition times of inversion recovery: those of each file (default), or "
        "full recovery",
    )
    add(
        "--T1",
        metavar="SECONDS|FILE",
        help="T1 for T2-EPG and T2-distribution, whose stimulated echoes decay with "
        "it: a number, or, for T2-EPG, a map (NIfTI, seconds, the shape of the images) "
        "as this command writes it, of which each voxel takes its own value (default "
        "1 s in all voxels)",
    )
    add(
        "--B1",
        metavar="FACTOR|FILE",
        help="factor on flip angles for T1-VFA, T2-EPG and T2-distribution: a number, "
        "or a map as for --T1 (default 1 for T1-VFA; the others find it in the echoes)",
    )
    add(
        "--noise",
        default="gaussian",
        choices=["gaussian", "rician"],
        help="noise of the signals; rician for magnitudes near the noise",
    )
    add("--noise-std", type=_positive, help="noise level (default: from residuals)")
    only = mapping.add_argument_group("T2-distribution").add_argument
    only(
        "--rule",
        choices=RULES,
        help="how the strength of the penalty is chosen in each voxel (default chi2)",
    )
    only("--short", type=_positive, help="border of the short fraction (default 0.04)")
    only("--bins", type=_count(2, 1_000), help="number of bins of T2 (default 40)")
    only("--minimum", type=_positive, help="first T2 (default 0.01 s)")
    only("--maximum", type=_positive, help="last T2 (default 2 s)")
    only(
        "--intervals",
        type=_count(2, 10_000),
        metavar="REFITS",
        help="standard error and 90 %% interval of short_fraction and gmT2 from this "
        "many refits with new noise, 40 for example (default: none)",
    )
    only(
        "--echoes",
        choices=ECHOES,
        help="echo trains with stimulated echoes (epg, default), or decays without",
    )
    add("--jobs", type=_threads, help="number of threads, -1 for all (default 1)")
    add(
        "--overwrite",
        action="store_true",
        help="write into a folder with files: all maps of an earlier run go, also "
        "those of another model, so that none is left among the new ones; other files "
        "stay",
    )
    add("--no-plot", action="store_true", help="draw no picture")
