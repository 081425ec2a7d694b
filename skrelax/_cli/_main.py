"""Runs of the command line, and its one way to report errors."""

import contextlib
import os
import shlex
import signal
import sys
import threading
import warnings

from ._choices import printable
from ._parser import make_parser

# What a shell reports for a program that a closed pipe ends.
_BROKEN_PIPE = 141


def main(argv=None):
    """Run the command line; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its code.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _stoppable():
            _run(argv)
            _flush()
    except BrokenPipeError:
        # Nobody reads on; what is still buffered goes nowhere.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except _Stopped as stop:
        print("skrelax: stopped", file=sys.stderr)
        return 128 + stop.args[0]
    except KeyboardInterrupt:
        print("skrelax: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _fail(_words(error), 2)
    except MemoryError as error:
        return _fail(f"not enough memory: {error}".removesuffix(": "), 2)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return _fail(
            f"a fault of skrelax, please report it: {type(error).__name__}: {error} "
            "(python -X dev -m skrelax ... shows where)",
            1,
        )
    return 0


class _Stopped(KeyboardInterrupt):
    """A signal that ends programs, by its number."""


@contextlib.contextmanager
def _stoppable():
    """Let a run that a batch system or a closed terminal ends clean up first."""
    numbers = [
        number
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None))
        if number is not None and signal.getsignal(number) is signal.SIG_DFL
    ]
    if threading.current_thread() is not threading.main_thread():
        numbers = []

    def stop(number, _):
        # A second one ends the program at once.
        signal.signal(number, signal.SIG_DFL)
        raise _Stopped(number)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _complete(parser):
    """Answer a shell that asks how its line may go on, where argcomplete is there."""
    # Any other run does not import it.
    if "_ARGCOMPLETE" in os.environ:
        with contextlib.suppress(ImportError):
            import argcomplete

            argcomplete.autocomplete(parser)


def _run(argv):
    parser = make_parser()
    _complete(parser)
    words = sys.argv[1:] if argv is None else argv
    try:
        # Who names no command does not know them.
        arguments = parser.parse_args(words or ["--help"])
    finally:
        # After --help, whose reader may be gone.
        _flush()
    for name, value in vars(arguments).items():
        # What some versions of argparse make of --name=--.
        if value == [] and name != "files":
            parser.error(f"argument --{name.replace('_', '-')}: expected one argument")
    arguments.command_line = shlex.join(["skrelax", *words])
    # What a command needs is loaded with it, so that --help and errors are fast.
    if arguments.command == "map":
        from ._map import run_map as run
    elif arguments.command == "read":
        from ._read import run_read as run
    else:
        from ._invert import run_invert as run
    if arguments.command != "read":
        _tell_of_compilation()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _notes()
        run(arguments)


def _tell_of_compilation():
    """Say in a terminal why the first run of all is silent for a while."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    from ..utils._compiled import on_compilation

    text = "skrelax: compiles its loops, once on this machine; a few seconds ..."
    on_compilation(lambda: print(text, file=sys.stderr, flush=True))


def _flush():
    if sys.stdout is not None:
        sys.stdout.flush()


def _notes():
    """Return a function that prints warnings, each text once."""
    printed = set()

    def note(message, category, *_):
        text = f"skrelax: note: {category.__name__}: {printable(message)}"
        if text not in printed:
            print(text, file=sys.stderr)
        printed.add(text)

    return note


def _fail(text, code):
    print(f"skrelax: error: {printable(text)}", file=sys.stderr)
    return code


def _words(error):
    """Return what an exception says, without numbers of the system."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return str(error) or type(error).__name__
