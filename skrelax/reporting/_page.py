"""What reports share: their file, and HTML that needs no network."""

import base64
import html
import io
from datetime import UTC, datetime

import pandas as pd

from ..utils._provenance import find_versions
from ..utils._written import encodable, written_together

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ddd; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .9rem; display: block;
  overflow-x: auto; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #eee; }
th:first-child, td:first-child { text-align: left; }
pre { background: #f6f6f6; padding: .6rem; overflow-x: auto; white-space: pre-wrap;
  font-size: .85rem; }
.note { color: #666; font-size: .9rem; }
.warning { border-left: .25rem solid #c60; padding-left: .8rem; }
.slider label { display: block; }
.slider input { width: 100%; }
.slider figure { margin: 0; }
@media print { .slider input { display: none; } }
"""
# One picture of each slider is shown, the one of the value of its input.
_SCRIPT = """
for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input");
  const frames = slider.querySelectorAll("figure");
  const show = () => frames.forEach((frame, number) => {
    frame.hidden = number !== Number(input.value);
  });
  input.addEventListener("input", show);
  show();
}
"""


def check_target(path, overwrite):
    """Return where a report goes, or raise an error that says why it cannot."""
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"path must end in .html, got {path.name!r}.")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists; give overwrite=True to replace it.")
    return path


def write(path, title, parts, overwrite):
    """Write the whole document, or nothing; return its path."""
    with written_together(path.parent, overwrite=overwrite) as new:
        text = encodable(page(title, parts))
        (new / path.name).write_text(text, encoding="utf-8")
    return path


def made_now():
    """Return in words when, and with which version, a report is made."""
    time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{time}, skrelax {find_versions()['skrelax']}"


def origin(command):
    """Return the versions of libraries, and the command where there is one."""
    versions = [f"{name} {value}" for name, value in find_versions().items()]
    return [
        paragraph(f"Versions: {', '.join(versions)}."),
        "" if command is None else f"<pre>{escape(command)}</pre>",
    ]


def escape(text):
    """Return text as it is seen in HTML, whatever it holds."""
    return html.escape(str(text), quote=True)


def paragraph(text, kind=None):
    """Return a paragraph of plain text."""
    mark = "" if kind is None else f' class="{kind}"'
    return f"<p{mark}>{escape(text)}</p>"


def section(title, *parts):
    """Return parts under a heading."""
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def table(frame, digits=4):
    """Return a table with its index as the first column."""
    names = [name or "" for name in frame.index.names]
    head = "".join(f"<th>{escape(name)}</th>" for name in (*names, *frame.columns))
    lines = [f"<tr>{head}</tr>"]
    for key, row in zip(frame.index, frame.itertuples(index=False), strict=True):
        cells = (*(key if isinstance(key, tuple) else (key,)), *row)
        line = "".join(f"<td>{escape(_cell(cell, digits))}</td>" for cell in cells)
        lines.append(f"<tr>{line}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _cell(value, digits):
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.{digits}g}"
    return value


def make_figure(width, height):
    """Return a figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def picture(figure, text):
    """Return a Matplotlib figure inside the page, with text for those who see none."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # The same figure gives the same bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "skrelax"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    source = f"data:image/svg+xml;base64,{data}"
    return f'<img src="{source}" alt="{escape(text)}">'


def slider(label, frames, start):
    """Return one of several pictures with their captions, and an input to choose."""
    figures = "\n".join(
        f"<figure{'' if number == start else ' hidden'}>{image}"
        f'<figcaption class="note">{escape(caption)}</figcaption></figure>'
        for number, (image, caption) in enumerate(frames)
    )
    return (
        f'<div class="slider"><label>{escape(label)} <input type="range" min="0" '
        f'max="{len(frames) - 1}" step="1" value="{start}" autocomplete="off">'
        f"</label>\n{figures}\n</div>"
    )


def page(title, parts):
    """Return the whole document."""
    # A browser that is offline asks nobody for anything.
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + f"\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
