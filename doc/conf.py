"""Settings of the documentation; see contributing.rst for the command."""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "benchmarks")]
os.environ.setdefault("MPLBACKEND", "Agg")

import _history_page  # noqa: E402
import _names  # noqa: E402
import _pages  # noqa: E402
from sphinx.util import logging  # noqa: E402
from sphinx.util.nodes import make_refnode  # noqa: E402

import skrelax  # noqa: E402

logger = logging.getLogger(__name__)

project = "skrelax"
author = "The skrelax developers"
copyright = author
version = release = skrelax.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "_formulas",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]
default_role = "literal"

autosummary_generate = True
autodoc_typehints = "none"
# The class template lists methods itself, without those of scikit-learn.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "subsection_order": [f"../examples/{section}" for section in _pages.GALLERY],
    "within_subsection_order": "_pages.GalleryOrder",
    "reset_modules": (
        "matplotlib",
        "_figures.use_style",
        "_figures.shorten_warnings",
    ),
    "thumbnail_size": (480, 336),
    # Sharp on screens of twice the resolution.
    "image_srcset": ["2x"],
    "abort_on_example_error": True,
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skrelax",),
    "prefer_full_module": [r"skrelax\.\w+"],
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    # Its pages fetch scripts from other hosts.
    "write_computation_times": False,
    # Tables, but not what matplotlib calls at the end of a block return.
    "capture_repr": ("_repr_html_",),
    "matplotlib_animations": False,
}

# Blocks without a language are commands and what they print.
highlight_language = "none"

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["skrelax.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"skrelax {version}"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        # Pictures need the room.
        "index": [],
        "auto_examples/index": [],
    },
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "installation",
        "migration",
        "contributing",
        "releasing",
        "generated/benchmarks",
        "generated/history",
        "generated/changelog",
    )
}


def quote_fitted_names(app, what, name, obj, options, lines):
    """Keep names that end in an underscore, as n_components_, from being links."""
    lines[:] = [_names.quote_fitted(line) for line in lines]


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out what scikit-learn and Python bring to a class."""
    home = getattr(obj, "__module__", "") or ""
    return True if home.startswith(("sklearn", "abc", "builtins")) else None


def find_home(app, env, node, contnode):
    """Return the link of a name by which users import what lies in a package.

    The reference lists names where they are defined, in ``skrelax.inversion`` for
    example, and has a page for each package. Others of the suite are mistakes.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("skrelax."):
        return None
    _, first, *rest = target.split(".")
    docname, builder, found = node["refdoc"], app.builder, None
    page = f"generated/packages/{first}"
    if not rest and page in env.found_docs:
        return make_refnode(builder, docname, page, None, contnode)
    if first in skrelax.__all__ and first != "__version__":
        package = re.sub(r"\._.*", "", getattr(skrelax, first).__module__)
        home = ".".join([package, first, *rest])
        domain, kind = env.get_domain("py"), node["reftype"]
        found = domain.resolve_xref(env, docname, builder, kind, home, node, contnode)
    if found is None:
        logger.warning("the reference has no %s", target, location=node)
    return found


def setup(app):
    """Write the pages that are made from the package and from measurements."""
    app.connect("autodoc-skip-member", skip_foreign_members)
    app.connect("missing-reference", find_home)
    # Before numpydoc, which comes at 500, reads the docstring.
    app.connect("autodoc-process-docstring", quote_fitted_names, priority=400)
    root, generated = HERE.parent, HERE / "generated"
    _pages.write_api(generated)
    _pages.write_benchmarks(root / "benchmarks" / "results", generated)
    _pages.write_comparison(root / "benchmarks" / "results", generated)
    _pages.write_tables(root / "benchmarks" / "results", generated / "tables")
    _history_page.write_history(root / "benchmarks" / "results" / "history", generated)
    _pages.write_changelog(root / "CHANGELOG.md", generated)
