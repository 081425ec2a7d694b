"""Arguments of the command line, and its one way to report errors."""

import argparse
import sys
import warnings

from .._version import __version__


def main(argv=None):
    """Run the command line; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "map":
        from ._map import run_map as run
    else:
        from ._invert import run_invert as run

    def report(message, category, *_):
        print(f"skrelax: note: {category.__name__}: {message}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = report
            run(arguments)
    except (ValueError, OSError, ImportError) as error:
        text = " ".join(str(error).split())
        print(f"skrelax: error: {text}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skrelax: interrupted", file=sys.stderr)
        return 130
    return 0


def _positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be positive, got {text}")
    return value


def _count(least):
    def parse(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
        return value

    return parse


def _threads(text):
    value = int(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be a number of threads, or -1 for all")
    return value


def _efficiency(text):
    if text == "auto":
        return text
    value = float(text)
    if not 0 < value <= 2:
        raise argparse.ArgumentTypeError(f"must be 'auto' or in (0, 2], got {text}")
    return value


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m skrelax", description="Relaxation of NMR and MRI signals."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    invert = commands.add_parser(
        "invert",
        help="from a decay to a distribution of relaxation times",
        description=(
            "Invert a decay into a distribution of relaxation times. The strength of "
            "the penalty is chosen by cross-validation over the time points. Writes "
            "distribution.csv, fit.csv, peaks.csv, cross_validation.csv and "
            "inversion.png."
        ),
    )
    add = invert.add_argument
    add(
        "file",
        nargs="?",
        metavar="FILE",
        help="times and one or more signal columns (CSV or text), or CSDM; without "
        "it a simulated decay with known truth",
    )
    add(
        "--kernel",
        default="T2",
        choices=["T2", "T1-IR", "T1-SR", "diffusion", "gaussian"],
        help="signal model (default T2)",
    )
    add(
        "--penalty",
        default="smooth",
        choices=["smooth", "lasso"],
        help="smooth for distributions, lasso for discrete components (default smooth)",
    )
    add("--bins", type=_count(2), default=100, help="number of bins (default 100)")
    add("--minimum", type=_positive, help="first relaxation time (default: from data)")
    add("--maximum", type=_positive, help="last relaxation time (default: from data)")
    add(
        "--supersampling",
        type=_count(1),
        default=5,
        help="points per bin of the kernel (default 5)",
    )
    add("--folds", type=_count(2), default=5, help="folds (default 5)")
    add(
        "--rule",
        default="min",
        choices=["min", "1se"],
        help="smallest error, or strongest penalty within one standard error",
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
        default="s",
        help="unit of the times, for labels (default s; s/m² for diffusion)",
    )
    add("--out", metavar="DIR", help="folder of the results (default NAME-inversion)")
    add("--overwrite", action="store_true", help="replace results that exist")
    add("--no-plot", action="store_true", help="write no picture")
    add("--seed", type=int, default=0, help="seed of the simulated decay (default 0)")
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
            "of the images, acquisition.csv and maps.png."
        ),
    )
    add = mapping.add_argument
    add("source", metavar="FOLDER", help="folder of DICOM or NIfTI files, or a file")
    add(
        "--model",
        default="T1-IR",
        metavar="NAME",
        help="signal model: T1-IR (default), T1-IR-efficiency, T1-general, T1-SR, "
        "T1-LL, T1-VFA, T2, T2*, T1rho, T2-offset, T2-biexponential, T2-stretched, "
        "T2-EPG",
    )
    add("--out", metavar="DIR", help="folder of the maps (default NAME-maps)")
    add(
        "--mask",
        default="auto",
        choices=["auto", "none"],
        help="auto leaves the background out (default)",
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
        help="T1 for T2-EPG, whose stimulated echoes decay with it: a number, or a map "
        "(NIfTI, seconds, the shape of the images) as this command writes it, of which "
        "each voxel takes its own value (default 1 s in all voxels)",
    )
    add(
        "--B1",
        metavar="FACTOR|FILE",
        help="factor on flip angles for T1-VFA and T2-EPG: a number, or a map as for "
        "--T1 (default 1 for T1-VFA; T2-EPG fits it)",
    )
    add(
        "--noise",
        default="gaussian",
        choices=["gaussian", "rician"],
        help="noise of the signals; rician for magnitudes near the noise",
    )
    add("--noise-std", type=_positive, help="noise level (default: from residuals)")
    add("--jobs", type=_threads, help="number of threads, -1 for all (default 1)")
    add("--overwrite", action="store_true", help="write into a folder with files")
    add("--no-plot", action="store_true", help="draw no picture")
