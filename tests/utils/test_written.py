"""Files that are written all at once, or not at all."""

import errno
import functools
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from skrelax.utils import _written
from skrelax.utils._written import written_together


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(folder, **texts):
    for name, text in texts.items():
        (folder / name).write_text(text)


def test_a_new_folder_appears_whole(tmp_path):
    folder = tmp_path / "deep" / "out"
    with written_together(folder) as new:
        write(new, a="1", b="2")
        assert not folder.exists()
    assert names(folder) == ["a", "b"]
    assert names(tmp_path / "deep") == ["out"]
    # Others may read it, as the settings of the account say.
    assert folder.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space"), SystemExit]
)
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_of_what_fails(tmp_path, error, there):
    folder = tmp_path / "deep" / "out"
    if there:
        folder.mkdir(parents=True)
        write(folder, a="old", mine="mine")

    def run():
        with written_together(folder, stale=["a", "c"]) as new:
            write(new, a="half")
            raise error

    with pytest.raises(BaseException, match=r"No space|^$"):
        run()
    if there:
        assert names(folder) == ["a", "mine"]
        assert (folder / "a").read_text() == "old"
    else:
        assert names(tmp_path) == []


def test_stale_files_go_and_others_stay(tmp_path):
    write(tmp_path, a="old", b="old", mine="mine")
    with written_together(tmp_path, stale=["a", "b", "c"]) as new:
        write(new, b="new", d="new")
    assert names(tmp_path) == ["b", "d", "mine"]
    assert (tmp_path / "b").read_text() == "new"


@pytest.mark.parametrize("at", range(4))
def test_an_error_while_files_move_restores_all(tmp_path, at, monkeypatch):
    write(tmp_path, a="old", b="old", mine="mine")
    calls, replace = [], os.replace

    def failing(source, target):
        calls.append(target)
        if len(calls) == at + 1:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with (
        pytest.raises(KeyboardInterrupt),
        written_together(tmp_path, stale=["a", "b"]) as new,
    ):
        write(new, b="new", d="new")
    assert names(tmp_path) == ["a", "b", "mine"]
    assert (tmp_path / "b").read_text() == "old"


@pytest.mark.parametrize("there", [True, False])
def test_an_interrupt_between_two_steps_leaves_nothing(tmp_path, there, monkeypatch):
    """An interrupt comes when a step is done, before the next line knows of it."""
    before, after = ["a", "b", "mine"], ["b", "d", "mine"]

    def run(folder):
        with written_together(folder, stale=["a", "b"]) as new:
            write(new, b="new", d="new")

    at, done = 0, False
    while not done:
        folder = tmp_path / f"{at}"
        if there:
            folder.mkdir()
            write(folder, a="old", b="old", mine="mine")
        with monkeypatch.context() as patch:
            steps = []
            for name in ("mkdir", "rename", "replace"):
                step = functools.partial(_act, getattr(os, name), steps, at)
                patch.setattr(os, name, step)
            try:
                run(folder)
                done = True
            except KeyboardInterrupt:
                at += 1
        if there:
            assert names(folder) in (before, after)
        elif folder.exists():
            assert names(folder) == ["b", "d"]
        assert not [name for name in names(tmp_path) if name.startswith(".")]
    assert at == len(steps) > (9 if there else 3)


def _act(step, steps, at, *args, **kwargs):
    """Take a step, and stop behind that of number `at`."""
    step(*args, **kwargs)
    steps.append(step)
    if len(steps) == at + 1:
        raise KeyboardInterrupt


def test_another_run_came_first(tmp_path):
    folder = tmp_path / "out"

    def second():
        with written_together(folder, overwrite=False) as new:
            write(new, a="second")
            with written_together(folder, overwrite=False) as other:
                write(other, a="first", b="first")

    with pytest.raises(FileExistsError, match="another run has written there"):
        second()
    assert names(tmp_path) == ["out"]
    assert names(folder) == ["a", "b"]
    assert (folder / "a").read_text() == "first"


def test_runs_at_the_same_time_do_not_mix(tmp_path):
    def run(word):
        for _ in range(20):
            stale = [f"{other}{k}" for other in "xyz" for k in range(5)]
            with written_together(tmp_path, stale=stale) as new:
                write(new, common=word, **{f"{word}{k}": word for k in range(5)})

    threads = [threading.Thread(target=run, args=(word,)) for word in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    word = (tmp_path / "common").read_text()
    assert names(tmp_path) == ["common", *(f"{word}{k}" for k in range(5))]


def test_a_lock_that_stays_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(_written, "_PATIENCE", 0.0)
    write(tmp_path, a="old", **{".skrelax-lock": ""})
    with (
        pytest.raises(FileExistsError, match="delete it if none is"),
        written_together(tmp_path) as new,
    ):
        write(new, a="new")
    assert (tmp_path / "a").read_text() == "old"


def test_folders_and_links_are_not_written_through(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
    with written_together(tmp_path / "out") as new:
        write(new, a="new")
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert (tmp_path / "out" / "a").read_text() == "new"
    (tmp_path / "out" / "b").mkdir()
    (tmp_path / "out" / "b" / "mine").write_text("mine")
    with (
        pytest.raises(IsADirectoryError, match="is a folder"),
        written_together(tmp_path / "out", stale=["b"]) as new,
    ):
        write(new, a="newer")
    assert (tmp_path / "out" / "a").read_text() == "new"
    assert (tmp_path / "out" / "b" / "mine").exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = [tmp_path / "file" / "out"]
    if os.name == "posix":
        nowhere.append("/proc/skrelax")
    for folder in nowhere:
        told = re.escape(str(folder))
        with pytest.raises(OSError, match=told), written_together(folder):
            pass


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_run_leaves_no_result(tmp_path):
    code = (
        "import sys, time; from skrelax.utils._written import written_together\n"
        "with written_together(sys.argv[1]) as new:\n"
        "    (new / 'a').write_text('half'); print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "out")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        process.wait()
    time.sleep(0.05)
    assert not (tmp_path / "out").exists()
