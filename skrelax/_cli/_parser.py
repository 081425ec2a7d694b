"""The options of the commands."""

import argparse
import sys

from .._version import __version__
from . import _types as types
from ._choices import ECHOES, FORMATS, GRID_RULES, VOXEL_RULES, printable

# More bins, or points of a bin, than any result needs.
_MOST_BINS, _MOST_POINTS = 5_000, 100


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others are."""

    def error(self, message):
        if "unrecognized arguments: -" in message:
            message += " (a file whose name starts with a dash is written ./-name)"
        self.exit(2, f"skrelax: error: {printable(message)} (see --help)\n")


def make_parser():
    """Return the parser of the command line."""
    module = sys.argv[0].endswith("__main__.py")
    parser = _Parser(
        prog="python -m skrelax" if module else "skrelax",
        description="Relaxation of NMR and MRI signals.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_read(commands)
    _add_invert(commands)
    _add_map(commands)
    return parser


def _add_read(commands):
    """Add the arguments of ``read``."""
    reading = commands.add_parser(
        "read",
        help="what is in a file: axes, units, points, noise, phase, and a picture",
        description=(
            "Say what a file, or the folder of an experiment, was recognised as, "
            "and draw its signal."
        ),
    )
    add = reading.add_argument
    add("file", type=types.path, metavar="FILE", help="a file, or a folder")
    _add_steps(reading)
    add(
        "--out",
        type=types.path,
        metavar="PNG",
        help="file of the picture (default NAME-read.png)",
    )
    add("--overwrite", action="store_true", help="replace a picture that exists")
    add("--no-plot", action="store_true", help="draw no picture")


def _add_steps(command):
    """Add the options of what is done to a signal on the way from the file."""
    group = command.add_argument_group("reading")
    add = group.add_argument
    add(
        "--format",
        choices=FORMATS,
        help="format of the file (default: by its content)",
    )
    add(
        "--complex",
        action="store_true",
        default=None,
        help="columns of text are real and imaginary channels in turn (default: where "
        "the header says so)",
    )
    add(
        "--phase",
        type=types.phase,
        default=True,
        metavar="auto|none|DEGREES",
        help="phase that is removed from complex signals (default auto)",
    )
    add(
        "--echo-spacing",
        type=types.positive,
        metavar="SECONDS",
        help="time between echoes, or of a loop of a vclist (default: from the file)",
    )
    add(
        "--no-average",
        action="store_true",
        help="take the middle point of each echo, not the mean of its points",
    )
    add(
        "--region",
        type=types.region,
        metavar="all|LOW,HIGH",
        help="part of the spectrum of free decays that is integrated, in Hz (default "
        "all; --region=-50,50 where the first is negative)",
    )
    add(
        "--allow-external",
        action="store_true",
        help="let a CSDM file take its values from a URL, or from a file outside of "
        "its own folder",
    )


def _add_invert(commands):
    """Add the arguments of ``invert``."""
    invert = commands.add_parser(
        "invert",
        help="from a decay to a distribution of relaxation times",
        description=(
            "Invert a decay, or a signal over two axes, into a distribution of "
            "relaxation times. The strength of the penalty is chosen by the data. "
            "Writes distribution.csv, fit.csv, peaks.csv, cross_validation.csv and "
            "inversion.png (of two axes map.csv, marginal_1.csv, marginal_2.csv, "
            "residuals.csv, peaks.csv, strengths.csv and inversion.png), with "
            "--intervals numbers.csv, all at once when the last is done; a run that "
            "fails or is stopped writes nothing. Of several files each has its "
            "folder, and samples.csv is one table of all."
        ),
    )
    add = invert.add_argument
    add(
        "files",
        nargs="*",
        type=types.path,
        metavar="FILE",
        help="text or CSV with times and one or more signals, CSDM, minispec, GeoSpec, "
        "Tecmag, JEOL, or a folder of TopSpin, Agilent or Spinsolve; for two axes also "
        "a matrix of text with times along its edges; without it a simulated decay "
        "with known truth",
    )
    add(
        "--kernel",
        type=types.kernels,
        metavar="NAME|NAME,NAME",
        help="signal model: T2, T1-IR, T1-SR, diffusion, gaussian, T1rho; two of the "
        "first four, T1-IR,T2 for example, for a signal over two axes (default: that "
        "of the experiment, where the file says it, else T2)",
    )
    _add_inversion(invert)
    add("--jobs", type=types.threads, help="number of threads, -1 for all (default 1)")
    add(
        "--unit",
        type=types.label,
        help="unit of times in files that name none, for labels (default s, s/m² for "
        "diffusion)",
    )
    add(
        "--out",
        type=types.path,
        metavar="DIR",
        help="folder of the results (default NAME-inversion, samples-inversion for "
        "several files)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace results that exist: all files of an earlier run go, so that none "
        "is left among the new ones; other files in the folder stay",
    )
    add("--no-plot", action="store_true", help="write no picture")
    add(
        "--report",
        action="store_true",
        help="write report.html, a page to keep and to pass on: fit, residuals, "
        "distribution with its band, numbers with intervals, a slider over strengths, "
        "and what other rules would choose; takes up to a minute more for each of the "
        "first 10 signals",
    )
    add(
        "--intervals",
        action="store_true",
        help="print intervals of the amplitude, of means, of the ratio of two axes, "
        "and of the shares, log means and ratios of peaks, and write them to "
        "numbers.csv",
    )
    add(
        "--cutoff",
        type=types.cutoffs,
        metavar="[AXIS=]TIME[,...]",
        help="as --intervals, and of the share below each relaxation time, 0.033 for "
        "example; of two axes with the name of one, or of their ratio: "
        "T2=0.033,T1/T2=10",
    )
    add(
        "--interval-level",
        type=types.level,
        metavar="LEVEL",
        help="level of --intervals, between 0 and 1 (default 0.9)",
    )
    add(
        "--netcdf",
        action="store_true",
        help="write result.nc, with distribution, acquisition, fit, settings and "
        "versions, for skrelax.io.read_result and other programs",
    )
    add(
        "--seed",
        type=types.count(0, 2**32 - 1),
        default=0,
        help="seed of the simulated decay (default 0)",
    )
    _add_steps(invert)
    invert.add_argument_group("compression").add_argument(
        "--windows",
        type=types.windows,
        metavar="auto|none|N",
        help="windows of growing width in which a long train is averaged, with their "
        "number of points as weights (default auto: 256 above 1000 points, 128 echoes "
        "for two axes)",
    )


def _add_inversion(invert):
    """Add the options of the inversion itself."""
    add = invert.add_argument
    add(
        "--penalty",
        default="smooth",
        choices=["smooth", "lasso"],
        help="smooth for distributions, lasso for discrete components (default smooth)",
    )
    add(
        "--order",
        type=types.integer,
        choices=[0, 1, 2],
        help="order of the differences that the smooth penalty takes; 0 for the "
        "amplitudes themselves, as most maps are inverted (default 2; 0 for two axes)",
    )
    add(
        "--bins",
        type=types.one_or_two(types.count(2, _MOST_BINS)),
        help="number of bins, or of each of two axes: 64,48 (default 100; for two "
        "axes of more than 5000 points 64)",
    )
    add(
        "--minimum",
        type=types.one_or_two(types.positive),
        help="first relaxation time, or that of each of two axes (default: from data)",
    )
    add(
        "--maximum",
        type=types.one_or_two(types.positive),
        help="last relaxation time, or that of each of two axes (default: from data)",
    )
    add(
        "--supersampling",
        type=types.count(1, _MOST_POINTS),
        default=5,
        help="points per bin of the kernel (default 5)",
    )
    add(
        "--folds",
        type=types.count(2, 1_000),
        help="folds (default 5, 4 for 8 or 9 points)",
    )
    add(
        "--rule",
        choices=["noise", "near", "min", "1se", *GRID_RULES],
        help="penalty that belongs to the noise that cross-validation finds (noise, "
        "default for one axis), strongest penalty whose cross-validated error is near "
        "the smallest (near, default with --order 0 or 1), smallest error (min, "
        "default with --penalty lasso), strongest penalty within one standard error of "
        "it (1se), or, for two axes, corner of the L-curve (default there), "
        "generalised cross-validation, 2 %% above the best misfit, or the noise level "
        "of the imaginary channel",
    )
    add(
        "--baseline",
        default="auto",
        choices=["auto", "yes", "no"],
        help="constant below the signal; auto asks the cross-validation (default)",
    )
    add(
        "--efficiency",
        type=types.efficiency,
        default="auto",
        help="inversion efficiency for T1-IR, up to 2; auto tunes it by "
        "cross-validation (default)",
    )


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
        type=types.path,
        metavar="FOLDER",
        help="folder of DICOM or NIfTI files, a file, or the root of a BIDS dataset",
    )
    add(
        "derivatives",
        nargs="?",
        type=types.path,
        metavar="OUT",
        help="with a BIDS dataset: folder of the derivatives, to which each subject's "
        "T1map, T2map, ... go with sidecars",
    )
    add(
        "level",
        nargs="?",
        choices=["participant"],
        metavar="participant",
        help="with a BIDS dataset: the level of the analysis",
    )
    add(
        "--participant-label",
        "--participant_label",
        nargs="+",
        type=types.label,
        metavar="LABEL",
        help="with a BIDS dataset: subjects, without sub- (default: all)",
    )
    add(
        "--model",
        default="auto",
        metavar="NAME",
        help="signal model: auto (default) compares those of what varies (TI, TE, FA, "
        "TR, spin lock) and takes the simplest that the voxels do not reject; T1-IR, "
        "T1-IR-efficiency, T1-general, T1-SR, T1-LL, T1-VFA, T2, T2*, T1rho, "
        "T2-offset, T2*-offset, T2-biexponential, T2-stretched, T2-EPG, or "
        "T2-distribution: a distribution of T2 in every voxel",
    )
    add(
        "--series",
        type=types.series,
        metavar="NUMBERS|NAME|list",
        help="series to take where a folder holds several: 8, 8-17 or 8,10-12, which "
        "are merged, or a name; list prints them and ends (default: the one that "
        "varies in what the model reads)",
    )
    add(
        "--times",
        type=types.path,
        metavar="FILE",
        help="text, CSV or JSON with the times or angles of the images, in their "
        "order, under a header with the unit: TE (ms), TSL (ms), TI (s), FA",
    )
    add(
        "--skip",
        type=types.count(0, 10_000),
        default=0,
        metavar="N",
        help="leave out the images at the first N echo or other times (default 0)",
    )
    add(
        "--component",
        default="auto",
        choices=["auto", "magnitude", "real", "complex"],
        help="images to take where there are several kinds (default: magnitudes if "
        "there are any)",
    )
    add(
        "--out",
        type=types.path,
        metavar="DIR",
        help="folder of the maps (default NAME-maps)",
    )
    add(
        "--mask",
        type=types.path,
        default="auto",
        metavar="auto|none|FILE",
        help="auto leaves the background out (default); a file (NIfTI, the shape of "
        "the images) fits the voxels that are above 0",
    )
    add(
        "--labels",
        type=types.path,
        metavar="FILE",
        help="regions (NIfTI of whole numbers, the shape of the images; 0 is none): "
        "writes regions.csv with medians, means and robust errors of all maps, and "
        "regions.png with histograms; names are those of a table beside it, NAME.tsv "
        "with index and name; further columns that are called as maps (T1, T2) hold "
        "known values in seconds, with which medians are compared",
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
        "it: a number, or, for T2-EPG, a map (NIfTI, seconds) as this command writes "
        "it, of which each voxel takes the value at its place (default "
        "1 s in all voxels)",
    )
    add(
        "--B1",
        metavar="FACTOR|FILE",
        help="factor on flip angles for T1-VFA, T2-EPG and T2-distribution: a number, "
        "or a map as for --T1 (default 1 for T1-VFA; the others find it in the echoes)",
    )
    add(
        "--bounds",
        type=types.bounds,
        action="append",
        metavar="NAME=LOW,HIGH",
        help="limits between which a parameter of the model is searched, T1=0.1,3 in "
        "seconds for example; once for each parameter (default: what the images see)",
    )
    add(
        "--keep",
        action="store_true",
        help="keep values of voxels that are at a bound or not identifiable in the "
        "maps, beside their status; without it they are nan",
    )
    add(
        "--noise",
        default="gaussian",
        choices=["gaussian", "rician"],
        help="noise of the signals; rician for magnitudes near the noise",
    )
    add(
        "--noise-std", type=types.positive, help="noise level (default: from residuals)"
    )
    add(
        "--intervals",
        nargs="?",
        const=True,
        type=types.refits_or_profile,
        metavar="profile|REFITS",
        help="maps of the ends of intervals, NAME_lower and NAME_upper: "
        "profile takes those of the profile likelihood of each parameter; for "
        "T2-distribution a number of refits with new noise tells those of "
        "short_fraction and gmT2 (default: none; profile or 40 where no value follows)",
    )
    add(
        "--interval-level",
        type=types.level,
        metavar="LEVEL",
        help="level of --intervals, between 0 and 1 (default 0.9)",
    )
    only = mapping.add_argument_group("T2-distribution").add_argument
    only(
        "--rule",
        choices=VOXEL_RULES,
        help="how the strength of the penalty is chosen in each voxel (default chi2)",
    )
    only(
        "--short",
        type=types.positive,
        help="border of the short fraction (default 0.04)",
    )
    only("--bins", type=types.count(2, 1_000), help="number of bins of T2 (default 40)")
    only("--minimum", type=types.positive, help="first T2 (default 0.01 s)")
    only("--maximum", type=types.positive, help="last T2 (default 2 s)")
    only(
        "--echoes",
        choices=ECHOES,
        help="echo trains with stimulated echoes (epg, default), or decays without",
    )
    add(
        "--jobs",
        type=types.threads,
        help="number of threads, -1 for all (default 1)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="write into a folder with files: all maps of an earlier run go, also "
        "those of another model, so that none is left among the new ones; other files "
        "stay",
    )
    add(
        "--report",
        action="store_true",
        help="write report.html, a page to keep and to pass on: maps with a slider of "
        "slices, numbers of maps and regions, statuses, acquisition and versions",
    )
    add("--no-plot", action="store_true", help="draw no picture")
