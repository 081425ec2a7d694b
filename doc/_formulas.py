"""Formulas as MathML, which browsers draw without a script and without a network.

The font is STIX Two Math (SIL Open Font License 1.1), cut down to what formulas need:
many systems have no such font, and then indices are misplaced.
"""

import importlib.resources
import re
from pathlib import Path

from docutils.nodes import SkipNode
from fontTools import subset
from fontTools.ttLib import TTFont
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number

FONT = "formulas.woff"
# Latin and Greek letters with their slanted forms, accents, arrows and operators.
CHARACTERS = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x2C6, 0x2DD), (0x300, 0x30C), (0x391, 0x3F5),
    (0x2016, 0x2044), (0x2061, 0x2064), (0x210E, 0x211D), (0x2190, 0x2194),
    (0x2200, 0x22FF), (0x2308, 0x230B), (0x23B4, 0x23B5), (0x27E8, 0x27EB),
    (0x1D434, 0x1D467), (0x1D6A4, 0x1D71B), (0x1D7D8, 0x1D7D8),
]  # fmt: skip
# A function and what it is of, without brackets between them.
FUNCTION = re.compile(
    r"(<mi>(?:arccos|cos|exp|ln|log|sin)</mi>)(?=<m(?:i|sub|sup|subsup|frac)>)"
)


def to_mathml(formula, block):
    """Return MathML of a formula in LaTeX's notation."""
    if "`" in formula:
        raise ExtensionError(f"formulas must have no quotes, got {formula!r}.")
    drawn = convert(formula, display="block" if block else "inline")
    # Commands that are not known come out as they are.
    if unknown := re.search(r"\\\w+", drawn):
        raise ExtensionError(
            f"formulas must have commands that latex2mathml knows, got {unknown[0]} "
            f"in {formula!r}."
        )
    return FUNCTION.sub(r'\1<mspace width="0.17em"/>', drawn)


def visit_inline(writer, node):
    """Write a formula within a line."""
    writer.body.append(to_mathml(node.astext(), block=False))
    raise SkipNode


def visit_block(writer, node):
    """Write a formula on a line of its own, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math notranslate"))
    if node["number"]:
        number = get_node_equation_number(writer, node)
        writer.body.append(f'<span class="eqno">({number})</span>')
    writer.body.append(to_mathml(node.astext(), block=True) + "</div>\n")
    raise SkipNode


def write_font(app, exception):
    """Put the font beside the pages."""
    if exception or app.builder.format != "html":
        return
    source = importlib.resources.files("ziamath.fonts") / "STIXTwoMath-Regular.ttf"
    with importlib.resources.as_file(source) as path:
        font = TTFont(path)
    cutter = subset.Subsetter(subset.Options(layout_features=["ssty"]))
    codes = [code for low, high in CHARACTERS for code in range(low, high + 1)]
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    font.flavor = "woff"
    font.save(Path(app.outdir) / "_static" / FONT)


def setup(app):
    """Offer the formulas to the HTML builder."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
