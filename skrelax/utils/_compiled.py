"""The one decorator of compiled loops, and what it does where nothing can be cached."""

import functools
import hashlib
import pickle
import threading
import warnings
from pathlib import Path

from numba import config, njit, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.registry import cpu_target

_lock = threading.Lock()
_warned = False
_tell = None


def compiled(function=None, *, fastmath=False):
    """Compile a loop when it is first called: without the GIL, IEEE division, cached.

    Parameters
    ----------
    function : callable
        A plain function on arrays, scalars and NamedTuples of them. It may call loops
        of other files.
    fastmath : bool or set of str, default=False
        What the compiler may do with floating-point operations. Never True, which
        removes ``isnan``.

    Returns
    -------
    callable
        The compiled function. Where the cache cannot be kept, it is compiled anew in
        every process, and one warning says so.
    """
    if function is None:
        return functools.partial(compiled, fastmath=fastmath)
    # Said even where it is False: else a loop would take the flags of that loop which
    # happens to call it first, and round accordingly.
    jit = functools.partial(
        njit, fastmath=fastmath, nogil=True, error_model="numpy", no_cfunc_wrapper=True
    )
    loop = jit()(function)
    if config.DISABLE_JIT:
        return loop
    # What loops call needs no entry for Python, which a tenth of the time went into.
    inner = jit(no_cpython_wrapper=True)(function)
    template = inner.get_call_template
    # Numba would compile a loop again for each literal that another loop passes.
    loop.get_call_template = lambda args, kws: template(
        tuple(types.unliteral(one) for one in args),
        {name: types.unliteral(one) for name, one in kws.items()},
    )
    loop.get_overload = inner.get_overload
    try:
        loop._cache = _LoopCache(function, "")
        inner._cache = _LoopCache(function, "-inner")
    except (RuntimeError, OSError) as error:
        _warn_uncached(error)
    return loop


def on_compilation(tell):
    """Have a function called, once, when a loop must be compiled that is to be kept."""
    global _tell
    with _lock:
        _tell = tell


@functools.cache
def vector_features():
    """Return the sets of vector instructions that loops are compiled for."""
    features = cpu_target.target_context.codegen().magic_tuple()[-1]
    return frozenset(
        name[1:] for name in str(features).split(",") if name.startswith("+")
    )


class _LoopCache(FunctionCache):
    """Numba's cache, fresh only while all compiled sources are, and never in the way.

    Numba looks at the file of a loop alone: it would go on with the old machine code
    of a loop that was called from another file and edited since.
    """

    def __init__(self, function, kind):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), _stamp_of_sources()
        base = self._impl.filename_base + kind
        self._cache_file = _LoopFiles(self._cache_path, base, stamp)

    def load_overload(self, sig, target_context):
        """Return the compiled loop, or None if the cache has none that can be read."""
        global _tell
        try:
            found = super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _warn_uncached(error)
            return None
        if found is None:
            with _lock:
                tell, _tell = _tell, None
            if tell is not None:
                tell()
        return found

    def save_overload(self, sig, data):
        """Keep a compiled loop, if the disk takes it."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn_uncached(error)


class _LoopFiles(IndexDataCacheFile):
    """Files of one loop, named by what they hold.

    Numba numbers them: two processes that compile for other types, or for another
    CPU on a shared disk, could take one number and so each other's machine code.
    """

    def _load_index(self):
        try:
            return super()._load_index()
        except (AttributeError, ImportError):
            # It names tuples that sources edited since no longer have.
            return {}

    def save(self, key, data):
        """Store data under key."""
        digest = hashlib.sha256(repr((self._source_stamp, key)).encode()).hexdigest()
        name = self._data_name_pattern.format(number=int(digest[:12], 16))
        self._save_data(name, data)
        overloads = self._load_index()
        if not overloads:
            self._remove_stale(name)
        overloads[key] = name
        self._save_index(overloads)

    def _remove_stale(self, kept):
        """Delete machine code that no index names, of sources edited since."""
        index = Path(self._index_path)
        for path in index.parent.glob(f"{index.stem}.*.nbc") if index.exists() else ():
            if path.name != kept:
                path.unlink(missing_ok=True)


@functools.cache
def _stamp_of_sources():
    """Return a digest of all files with compiled loops, and of this one."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*numba*.py"), Path(__file__)]):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _warn_uncached(error):
    """Say once in a process that compiled loops are not kept."""
    global _warned
    with _lock:
        if _warned:
            return
        _warned = True
    warnings.warn(
        "skrelax cannot keep its compiled loops and compiles them anew in every "
        "process, which takes seconds: set NUMBA_CACHE_DIR to a folder that can be "
        f"written. ({error})",
        stacklevel=2,
    )
