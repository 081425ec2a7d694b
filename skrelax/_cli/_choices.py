"""What options may be, named where nothing heavy is imported: --help is fast."""

# Numbers whose squares and ratios stay in range.
SMALLEST, LARGEST = 1e-100, 1e100
# Kernels of one axis, and those that two axes may have.
KERNELS = ("T2", "T1-IR", "T1-SR", "diffusion", "gaussian", "T1rho")
PAIRED = KERNELS[:4]
# Rules of strength of two axes that are no cross-validation.
GRID_RULES = ("lcurve", "gcv", "chi2", "discrepancy")
# Rules of strength in voxels, and the echo trains of their models.
VOXEL_RULES = ("chi2", "gcv", "lcurve", "discrepancy", "none")
ECHOES = ("epg", "exponential")
# Intervals by profile likelihood, in place of a number of refits, and their level.
PROFILE = "profile"
_LEVEL = 0.9
# Formats that read_decay knows.
FORMATS = (
    "csdm", "bruker", "varian", "spinsolve", "tecmag", "jeol", "geospec", "minispec",
    "matrix", "text",
)  # fmt: skip


def interval_level(arguments):
    """Return the level of intervals."""
    given = arguments.interval_level
    return _LEVEL if given is None else given


def printable(text):
    """Return one line without characters that a terminal would obey."""
    line = " ".join(str(text).split())
    return "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line
    )
