"""The check of the built site sees what is broken or fetched, and nothing else."""

import pytest
from checkout import load

check = load(".ci/site.py").check
GOOD = """<html><head><link rel="stylesheet" href="_static/a.css?v=1">
<link rel="canonical" href="https://example.org/"><script src="_static/a.js"></script>
</head><body><h1 id="top">A</h1><a href="#top">up</a> <a href="sub/">folder</a>
<a href="https://example.org">elsewhere</a> <a href="mailto:a@b.c">write</a>
<img src="_static/a%20b.png"> <img src="data:image/png;base64,AA"></body></html>"""


@pytest.fixture
def site(tmp_path):
    """Return a folder with a site without faults."""
    (tmp_path / "_static").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "sub" / "index.html").write_text('<a href="../index.html#top">A</a>')
    for name in ("a.js", "a b.png", "a.woff"):
        (tmp_path / "_static" / name).write_text("")
    style = '@font-face { src: url("a.woff") } .b { background: url(#c) }'
    (tmp_path / "_static" / "a.css").write_text(style)
    return tmp_path


def test_a_sound_site_has_no_faults(site):
    assert check(site) == []


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
        ('<a href="sub/index.html#no">x</a>', "which has no such place"),
        ('<a href="#nowhere">x</a>', "which has no such place"),
        ('<img src="gone.png">', "lacks gone.png"),
        ('<img srcset="_static/a%20b.png, gone.png 2x">', "lacks gone.png"),
        ('<img src="https://example.org/a.png">', "fetches https://example.org/a.png"),
        ('<script src="//cdn.example.org/a.js"></script>', "fetches //cdn.example"),
        ('<link rel="stylesheet" href="http://example.org/a.css">', "fetches http:"),
        ('<style>@import "https://example.org/f.css";</style>', "fetches https:"),
        ('<p style="background: url(https://example.org/a.png)">', "fetches https:"),
        ('<script>load("https://cdn.example.org/m.js")</script>', "m.js"),
    ],
)
def test_faults_of_pages_are_found(site, part, fault):
    page = site / "index.html"
    page.write_text(GOOD.replace("</body>", f"{part}</body>"))
    (found,) = set(check(site))
    assert fault in found
    assert found.startswith("index.html")


def test_faults_of_styles_are_found(site):
    style = '@import "https://example.org/a.css"; .a { src: url(gone.woff) }'
    (site / "_static" / "b.css").write_text(style)
    first, second = sorted(check(site))
    assert "fetches https://example.org/a.css" in first
    assert "lacks gone.woff" in second


def test_an_empty_folder_is_no_site(tmp_path):
    (found,) = check(tmp_path)
    assert "must hold pages" in found
