"""Check the built site: every link within it leads somewhere, and nothing is fetched.

``python .ci/site.py doc/_build/html``. A page must look the same without a network, so
scripts, styles, pictures and fonts come from the site itself; links to read elsewhere
are not followed.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Attributes from which a browser fetches, by element. Of links only some.
FETCHED = {
    "script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"),
    "link": ("href",), "iframe": ("src",), "video": ("src", "poster"),
    "audio": ("src",), "object": ("data",), "embed": ("src",), "use": ("href",),
}  # fmt: skip
# Links of a head that a browser does not fetch.
RELATIONS = {"canonical", "author", "license", "next", "prev", "index", "search", "up"}
IMPORTED = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
OUTSIDE = re.compile(r"""["'`](https?:)?//[^"'`\s]+\.(?:m?js|css|woff2?|ttf)["'`?]""")


class Page(HTMLParser):
    """What a page fetches, what it links to, and the places that it has."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.links, self.ids = [], [], {""}
        self.code = {"script": [], "style": []}
        self._inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect of an element what has an address."""
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        self._inside = tag if tag in self.code else None
        if "style" in values:
            self.code["style"].append(values["style"])
        if tag in ("a", "area") and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and RELATIONS & set(values.get("rel", "").split()):
            return
        for name in FETCHED.get(tag, ()):
            value = values.get(name, "")
            # Several pictures with their sizes, or one.
            parts = value.split(",") if name == "srcset" else [value]
            found = [part.split()[0] for part in parts if part.strip()]
            self.fetched += [a for a in found if not a.startswith(("#", "data:"))]

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        """Leave a script or a style."""
        self._inside = None

    def handle_data(self, data):
        """Keep scripts and styles."""
        if self._inside:
            self.code[self._inside].append(data)


def is_outside(address):
    """Return whether an address is one of another host."""
    return bool(urlsplit(address).netloc)


def imported(style):
    """Return the addresses that a style sheet fetches."""
    found = (first or second for first, second in IMPORTED.findall(style))
    return [address for address in found if not address.startswith(("data:", "#"))]


def check(folder):
    """Return a sentence for each fault of the site in a folder."""
    folder = Path(folder).resolve()
    pages = {
        path: Page(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.html")
        # Templates of the theme.
        if "_static" not in path.relative_to(folder).parts
    }
    if not pages:
        return [f"{folder} must hold pages, got none."]
    faults = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        styles, scripts = map("\n".join, (page.code["style"], page.code["script"]))
        faults += [f"{name} fetches {found[0]}" for found in OUTSIDE.finditer(scripts)]
        for address in page.fetched + imported(styles):
            faults += _check_fetched(name, path, address)
        for address in page.links:
            faults += _check_link(name, path, address, pages)
    for path in folder.rglob("*.css"):
        for address in imported(path.read_text(encoding="utf-8")):
            faults += _check_fetched(path.relative_to(folder), path, address)
    return faults


def _target(path, address):
    """Return the file that an address leads to from a file."""
    place = unquote(urlsplit(address).path)
    target = (path.parent / place).resolve() if place else path
    return target / "index.html" if target.is_dir() else target


def _check_fetched(name, path, address):
    if is_outside(address):
        return [f"{name} fetches {address}"]
    return [] if _target(path, address).is_file() else [f"{name} lacks {address}"]


def _check_link(name, path, address, pages):
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return []
    target = _target(path, address)
    if not target.is_file():
        return [f"{name} links to {address}, which is not there"]
    if target in pages and unquote(parts.fragment) not in pages[target].ids:
        return [f"{name} links to {address}, which has no such place"]
    return []


if __name__ == "__main__":
    found = check(sys.argv[1])
    print("\n".join([*found, f"{len(found)} faults of the site"]))
    sys.exit(bool(found))
