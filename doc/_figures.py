"""The style of the pictures of the gallery."""

import matplotlib as mpl


def use_style(gallery_conf, fname):
    """Set the style before each example, which matplotlib's defaults precede."""
    mpl.style.use("skrelax.plotting.skrelax")
