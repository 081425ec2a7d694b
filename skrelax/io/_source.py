"""A file or folder to be recognised: its content, unpacked and decoded."""

import contextlib
import gzip
import re
import tempfile
import zlib
from pathlib import Path

from ._files import DecayFileError, reason

GZIP = b"\x1f\x8b"
# Bytes of an unpacked file beyond any decay: a small gzip file may hold endless ones.
_LARGEST = 1 << 29
_COMMENTS = ("#", "%", "//")
# Byte-order marks and the encodings that they announce.
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16",
}  # fmt: skip
# Share of letters beyond ASCII that a text in Latin-1 has at most.
_MOST_FOREIGN = 0.2


class Source:
    """A path with what recognisers ask of it; content is read once.

    Parameters
    ----------
    path : Path
        A file or folder.
    """

    def __init__(self, path):
        self.path = path
        self.is_folder = path.is_dir()
        self._content = None
        self._text = None
        self._lines = None

    @property
    def name(self):
        """Name in lower case, without the ending of compressed files."""
        return self.path.name.lower().removesuffix(".gz")

    def content(self):
        """Return the bytes of the file, unpacked."""
        if self._content is None:
            self._content = _read(self.path)
        return self._content

    def text(self):
        """Return the decoded text of the file."""
        if self._text is None:
            self._text = _decode(self.path, self.content())
        return self._text

    def text_or_nothing(self):
        """Return the text, empty where the content is none."""
        try:
            return "" if self.is_folder else self.text()
        except DecayFileError:
            return ""

    def lines(self):
        """Return numbers and texts of the lines that hold something."""
        if self._lines is None:
            self._lines = _content_lines(self.path, self.text())
        return self._lines

    def comments(self):
        """Return the comments before all else, without their marks."""
        found = []
        for line in split_lines(self.text()):
            if line.strip() and not is_comment(line):
                break
            found.append(line.strip().lstrip("#%/; ").strip())
        return [text for text in found if text]

    def names(self):
        """Return the names of the files of a folder."""
        try:
            return {one.name for one in self.path.iterdir()} if self.is_folder else ()
        except OSError as error:
            raise DecayFileError(
                f"{self.path}: cannot be read ({reason(error)})."
            ) from None

    @contextlib.contextmanager
    def as_file(self):
        """Give the path of an unpacked file, for readers that open it themselves."""
        with self.path.open("rb") as file:
            packed = file.read(2) == GZIP
        if not packed:
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.name
            path.write_bytes(self.content())
            yield path


def _read(path):
    try:
        content = path.read_bytes()
        if not content.startswith(GZIP):
            return content
        with gzip.open(path, "rb") as file:
            content = file.read(_LARGEST)
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise DecayFileError(f"{path}: cannot be read ({reason(error)}).") from None
    if len(content) == _LARGEST:
        raise DecayFileError(f"{path}: unpacks to {_LARGEST} bytes or more.")
    return content


def _decode(path, content):
    """Return text from bytes in UTF-8, UTF-16 or Latin-1."""
    marked = [one for mark, one in _MARKS.items() if content.startswith(mark)]
    encoding = marked[0] if marked else _encoding_without_mark(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        text = _as_latin(content)
        if text is None:
            raise DecayFileError(
                f"{path}: not a text file ({error.reason}); expected columns of times "
                "and signals as text, or a file of a known instrument."
            ) from None
    if "\0" in text:
        raise DecayFileError(f"{path}: not a text file (it has null bytes).")
    return text


def _encoding_without_mark(content):
    """Return UTF-16 where every second byte is null, as in ASCII written so."""
    even, odd = content[:2000:2], content[1:2000:2]
    if len(odd) > 1:
        if odd.count(0) > 0.9 * len(odd) and not even.count(0):
            return "utf-16-le"
        if even.count(0) > 0.9 * len(even) and not odd.count(0):
            return "utf-16-be"
    return "utf-8"


def _as_latin(content):
    """Return text in Latin-1, None if it has too few plain letters, or other bytes."""
    foreign = len(content.translate(None, bytes(range(128))))
    allowed = bytes({*range(32, 256), *b"\t\n\r\f"})
    if content.translate(None, allowed) or foreign > _MOST_FOREIGN * len(content):
        return None
    return content.decode("latin-1")


def split_lines(text):
    """Return lines; other signs that Python ends lines at are in the midst of names."""
    return re.split(r"\r\n|\r|\n", text)


def _content_lines(path, text):
    content = [
        (number, line.strip("\r\n "))
        for number, line in enumerate(split_lines(text), start=1)
        if line.strip() and not is_comment(line)
    ]
    if not content:
        raise DecayFileError(f"{path}: the file is empty.")
    return content


def is_comment(line):
    """Return whether a line is a comment: #, %, //, or ; before what is no number."""
    line = line.strip()
    if not line.startswith(";"):
        return line.startswith(_COMMENTS)
    # The blank corner of a matrix is no comment.
    for entry in line.split(";"):
        try:
            if entry.strip():
                float(entry.replace(",", "."))
        except ValueError:
            return True
    return not line.strip("; ")
