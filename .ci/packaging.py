"""Build the archives twice, from copies of other dates, and check what they hold.

They go to the folder that is named, or nowhere. Builds use the setuptools of this
interpreter.
"""

import email
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What an archive of the sources has beside the package and what setuptools writes.
BESIDE = {
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
}
WRITTEN = r"(PKG-INFO|setup\.cfg|skrelax\.egg-info(/.*)?)"
LICENCES = {
    "LICENSE",
    "skrelax/datasets/measured/README.md",
    "skrelax/datasets/measured/Apache-2.0.txt",
    "skrelax/plotting/colours/README.md",
}


def list_sources():
    """Return the paths of all files that git knows or would add."""
    told = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in told.stdout.splitlines() if (ROOT / name).is_file()]


def copy_sources(names, folder):
    """Copy files, which get new dates but for what they are."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
        shutil.copymode(ROOT / name, path)


def find_date():
    """Return the time that archives state: the one given, or that of the commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    command = ["git", "log", "-1", "--format=%ct"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return told.stdout.strip()


def build(folder, *options):
    """Build in a folder and return the archives by their names."""
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *options],
        cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": find_date()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return {path.name: path for path in sorted((folder / "dist").iterdir())}


def list_archive(path):
    """Return the names of the files in a wheel, or below the folder of sources."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive:
        return {
            item.name.partition("/")[2]
            for item in archive.getmembers()
            if item.isfile()
        }


def check_same(first, second):
    """Raise unless two builds are equal, byte for byte."""
    for name, path in second.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert first[name].read_bytes() == path.read_bytes(), f"builds of {name} differ"
        print(f"{digest}  {name} ({path.stat().st_size / 1024:.0f} KiB)")


def check_lists(wheel, source, package):
    """Raise unless archives hold the package, and nothing that is not meant."""
    files = list_archive(wheel)
    (info,) = {name.partition("/")[0] for name in files if ".dist-info/" in name}
    found = {name for name in files if not name.startswith(info)}
    assert found == package, f"in one only: {sorted(found ^ package)}"
    held = {name for name in files if name.startswith(f"{info}/licenses/")}
    assert held == {f"{info}/licenses/{name}" for name in LICENCES}, sorted(held)
    files = {name for name in list_archive(source) if not re.fullmatch(WRITTEN, name)}
    meant = (package | BESIDE) - {"setup.cfg"}
    assert files == meant, f"in one only: {sorted(files ^ meant)}"


def check_metadata(wheel):
    """Raise unless a wheel is for any system and says what indexes show."""
    assert wheel.name.endswith("-py3-none-any.whl"), wheel.name
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        told = email.message_from_bytes(archive.read(name))
        scripts = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    for field in ("Name", "Version", "Summary", "Author", "Keywords", "Project-URL"):
        assert told[field], f"{field} is not stated"
    assert told["License-Expression"] == "BSD-3-Clause AND MIT AND Apache-2.0"
    assert "skrelax = skrelax._cli:main" in scripts
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(told.get_all("Classifier")))
    assert told["Requires-Python"] == f">={versions[0]}", versions


def main():
    """Build, check, and keep the archives in the folder that is named."""
    names = list_sources()
    package = {name for name in names if name.startswith("skrelax/")}
    with tempfile.TemporaryDirectory() as scratch:
        one, other = Path(scratch, "one"), Path(scratch, "other")
        copy_sources(names, one)
        copy_sources(names, other)
        # The wheel is made from the archive of sources here, and from the tree there.
        first = build(one)
        check_same(first, build(other, "--sdist", "--wheel"))
        subprocess.run(
            [sys.executable, "-m", "twine", "check", "--strict", *first.values()],
            check=True,
        )
        (wheel,) = [path for name, path in first.items() if name.endswith(".whl")]
        (source,) = [path for name, path in first.items() if name.endswith(".gz")]
        check_lists(wheel, source, package)
        check_metadata(wheel)
        for folder in sys.argv[1:]:
            Path(folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(wheel, folder)
            shutil.copy(source, folder)


if __name__ == "__main__":
    main()
