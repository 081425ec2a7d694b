"""What setup.cfg cannot say: a source archive whose bytes depend on its files alone.

Setuptools writes the time of the build and of each file, and who built, into the
archive. With SOURCE_DATE_EPOCH set, as wheels have it, this one holds that time only.
"""

import gzip
import os
import stat
import tarfile
from contextlib import nullcontext
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist


class ReproducibleArchive(sdist):
    """Write the source archive in order, with one time and no names of users."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owner):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if format != "gztar" or not epoch:
            return super().make_archive(base_name, format, root_dir, base_dir, **owner)
        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as raw,
            gzip.GzipFile("", "wb", mtime=int(epoch), fileobj=raw) as packed,
            tarfile.open(
                fileobj=packed, mode="w", format=tarfile.PAX_FORMAT
            ) as archive,
        ):
            for item in sorted(Path(base_dir).rglob("*")):
                info = archive.gettarinfo(item)
                info.mtime, info.uid, info.gid = int(epoch), 0, 0
                info.uname = info.gname = ""
                executable = info.isdir() or info.mode & stat.S_IXUSR
                info.mode = 0o755 if executable else 0o644
                with item.open("rb") if info.isfile() else nullcontext() as content:
                    archive.addfile(info, content)
        return path


setup(cmdclass={"sdist": ReproducibleArchive})
