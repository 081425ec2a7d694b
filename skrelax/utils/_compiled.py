"""The one decorator of compiled loops, which needs no compiler until one runs."""

import functools
import threading

# Loops are made by whoever calls them first, which may be several threads.
_making = threading.RLock()
_telling = threading.Lock()
_tell = None


def compiled(function=None, *, fastmath=False, allocates=False):
    """Compile a loop when it is first called: without the GIL, IEEE division, cached.

    Parameters
    ----------
    function : callable
        A plain function on arrays, scalars and NamedTuples of them. It may call loops
        of other files.
    fastmath : bool or set of str, default=False
        What the compiler may do with floating-point operations. Never True, which
        removes ``isnan``.
    allocates : bool, default=False
        Whether it makes arrays or returns some. Counting who uses an array is a third
        of the code of a loop, and of the time of the compiler; what others do not
        see before it ends needs none. Loops that are called by such a loop may say no.

    Returns
    -------
    Loop
        The compiled function. Where the cache cannot be kept, it is compiled anew in
        every process, and one warning says so.
    """
    if function is None:
        return functools.partial(compiled, fastmath=fastmath, allocates=allocates)
    # Said even where it is False: else a loop would take the flags of that loop which
    # happens to call it first, and round accordingly.
    return Loop(function, {"fastmath": fastmath, "_nrt": allocates})


class Loop:
    """A function that is compiled for each kind of arguments when they first come."""

    def __init__(self, function, options):
        functools.update_wrapper(self, function)
        self._options = options
        self._made = {}

    def __call__(self, *arguments):
        """Run the loop."""
        return self.entry(*arguments)

    def __reduce__(self):
        # Other processes import it, as they do functions.
        return self.__qualname__

    @property
    def entry(self):
        """What Python calls, a dispatcher of Numba."""
        return self._made.get("entry") or self._make("entry")

    @property
    def _numba_type_(self):
        """What Numba takes for this loop where another calls it."""
        return (self._made.get("inner") or self._make("inner"))._numba_type_

    def _make(self, kind):
        from . import _compiler

        with _making:
            if kind not in self._made:
                make = getattr(_compiler, f"make_{kind}")
                self._made[kind] = make(self.__wrapped__, self._options)
            return self._made[kind]


def on_compilation(tell):
    """Have a function called, once, when a loop must be compiled that is to be kept."""
    global _tell
    with _telling:
        _tell = tell


def tell_of_compilation():
    """Call the function that was to be called when a loop must be compiled."""
    global _tell
    with _telling:
        tell, _tell = _tell, None
    if tell is not None:
        tell()
