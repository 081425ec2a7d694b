"""What is set before each example of the gallery."""

import warnings

import matplotlib as mpl


def use_style(gallery_conf, fname):
    """Set the style of the package, after matplotlib's defaults."""
    mpl.style.use("skrelax.plotting.skrelax")


def shorten_warnings(gallery_conf, fname):
    """Print warnings without the place in a file of this machine."""
    warnings.formatwarning = _format_warning


def _format_warning(message, category, *args, **kwargs):
    return f"{category.__name__}: {message}\n"
