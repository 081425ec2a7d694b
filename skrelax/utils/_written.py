"""Results that are written whole, or not at all."""

import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path

_PREFIX, _LOCK = ".skrelax-", ".skrelax-lock"
# Seconds to wait for another run, whose files take an instant to move.
_PATIENCE = 10.0
# Who may look into a folder of results that are not finished: the owner. On Windows
# files would keep that after they are moved.
_MODE = 0o777 if os.name == "nt" else 0o700


@contextlib.contextmanager
def written_together(folder, *, stale=(), overwrite=True):
    """Give an empty folder whose files go to `folder` at once when all are written.

    They are written beside, on the same disk, and renamed at the end, while other runs
    wait. Whatever stops that (a full disk, Ctrl-C, an error) leaves `folder` as it was.
    Files there of the same names or of those in `stale` go away in the same step, or
    are an error without `overwrite`; others stay.
    """
    folder = Path(folder)
    if folder.is_symlink():
        # Where the link leads, there may be nothing yet.
        folder = folder.resolve()
    made = [path for path in (folder, *folder.parents) if not path.exists()][1:]
    # Named before it is made, so that whatever stops the run then finds it.
    parent = folder if folder.exists() else folder.parent
    base = parent / f"{_PREFIX}{secrets.token_hex(8)}"
    new, old = base / "new", base / "old"
    try:
        _make(base, folder)
        new.mkdir()
        old.mkdir()
        yield new
        for path in new.iterdir():
            # Some disks say only here that they are full.
            with path.open("r+b") as file:
                os.fsync(file.fileno())
        _move(new, old, folder, stale, overwrite)
    except OSError as error:
        hidden = error.filename is None or f"{base}" in f"{error.filename}"
        if error.errno is None or not hidden:
            raise
        raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        shutil.rmtree(base, ignore_errors=True)
        for path in made:
            # Only those that are still empty.
            with contextlib.suppress(OSError):
                path.rmdir()


def _make(base, folder):
    """Make the hidden folder that results for `folder` are written to."""
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        base.mkdir(mode=_MODE)
    except OSError as error:
        # The name of a hidden folder would say nothing.
        raise type(error)(
            error.errno, error.strerror or "cannot be made", str(folder)
        ) from None


def _move(new, old, folder, stale, overwrite):
    """Move the files of `new` to `folder`, and what they replace to `old`."""
    if not folder.exists():
        # Fails where another run has made the folder meanwhile.
        with contextlib.suppress(OSError):
            new.rename(folder)
            return
    names = sorted(path.name for path in new.iterdir())
    with _locked(folder, old.parent):
        replaced = [
            name
            for name in dict.fromkeys([*names, *stale])
            if os.path.lexists(folder / name)
        ]
        for name in replaced:
            if not overwrite:
                raise FileExistsError(
                    f"{folder / name} exists: another run has written there meanwhile."
                )
            if (folder / name).is_dir():
                raise IsADirectoryError(
                    f"{folder / name} is a folder, expected a file of results."
                )
        moves = [(folder / name, old / name) for name in replaced]
        moves += [(new / name, folder / name) for name in names]
        begun = []
        try:
            for source, target in moves:
                begun.append((source, target))
                os.replace(source, target)
        except BaseException:
            for source, target in reversed(begun):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(target, source)
            raise


@contextlib.contextmanager
def _locked(folder, base):
    """Keep other runs from moving their results into a folder."""
    # A folder with something in it, as its name tells whose lock it is: one that is
    # stopped at any moment takes away its own and no other.
    lock, own, name = folder / _LOCK, base / "lock", base.name
    own.mkdir()
    (own / name).touch()
    start = time.monotonic()
    try:
        while True:
            try:
                own.rename(lock)
                break
            except OSError:
                if time.monotonic() - start > _PATIENCE:
                    if not os.path.lexists(lock):
                        raise
                    raise FileExistsError(
                        f"{lock} exists: another run is writing there; delete it if "
                        "none is."
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        if (lock / name).exists():
            lock.rename(own)


def encodable(text):
    """Return text with codes for bytes of the names of files that are none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
