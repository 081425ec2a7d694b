"""How loops are compiled and kept, and what happens where nothing can be kept."""

import contextlib
import functools
import gc
import hashlib
import pickle
import threading
import warnings
from pathlib import Path

from numba import config, njit, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import cpu_target

from ._compiled import tell_of_compilation

_lock = threading.Lock()
_warned = False


def make_entry(function, options):
    """Return the dispatcher of a loop that Python calls."""
    loop = njit(**_COMMON, **options, pipeline_class=_EntryCompiler)(function)
    if not config.DISABLE_JIT:
        try:
            loop._cache = _LoopCache(function)
        except (RuntimeError, OSError) as error:
            _warn_uncached(error)
    return loop


def make_inner(function, options):
    """Return the dispatcher of a loop that other loops call."""
    # It needs no entry for Python, which a tenth of the time went into.
    inner = njit(
        **_COMMON, **options, no_cpython_wrapper=True, pipeline_class=_InnerCompiler
    )(function)
    template = inner.get_call_template
    # Numba would compile a loop again for each literal that another loop passes.
    inner.get_call_template = lambda args, kws: template(
        tuple(types.unliteral(one) for one in args),
        {name: types.unliteral(one) for name, one in kws.items()},
    )
    return inner


@functools.cache
def vector_features():
    """Return the sets of vector instructions that loops are compiled for."""
    features = cpu_target.target_context.codegen().magic_tuple()[-1]
    return frozenset(
        name[1:] for name in str(features).split(",") if name.startswith("+")
    )


_COMMON = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


@contextlib.contextmanager
def _uncollected():
    """Hold the search for garbage.

    It goes through all objects of the compiler again and again, an eighth of the time,
    and they are in use.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _EntryCompiler(Compiler):
    """Compiles a loop, with all loops that it calls, to machine code."""

    def compile_extra(self, func):
        """Return the result for a function."""
        with _uncollected():
            result = super().compile_extra(func)
        _check_result(result, self.state)
        # The code of inner loops is nowhere but here, and so are their environments.
        for environment in result._find_referenced_environments():
            result.library.codegen.set_env(environment.env_name, environment)
        return result


class _InnerCompiler(Compiler):
    """Compiles a loop as far as those need it that call it."""

    def compile_extra(self, func):
        """Return the result for a function."""
        codegen = self.state.targetctx.codegen()
        self.state.library = _InnerLibrary(codegen, func.__qualname__)
        result = super().compile_extra(func)
        _check_result(result, self.state)
        return result


def _check_result(result, state):
    """Refuse a loop that returns or gets an array whose users it does not count."""
    if state.flags.nrt:
        return
    counted = state.targetctx.data_model_manager
    calls = [
        (call, signature.return_type)
        for call, signature in state.calltypes.items()
        if getattr(call, "op", None) == "call"
        # These make views, and tuples of what is there.
        and not isinstance(
            state.typemap[call.func.name], types.BoundFunction | types.NamedTupleClass
        )
    ]
    for call, kind in [(None, result.signature.return_type), *calls]:
        arrays = isinstance(kind, types.Array | types.BaseTuple)
        if arrays and counted[kind].contains_nrt_meminfo():
            raise TypeError(
                f"{result.fndesc.qualname} has {kind} of {call or 'its own'}: "
                "it needs allocates=True."
            )


class _InnerLibrary(JITCodeLibrary):
    """Code of a loop that is optimised with its callers, and never runs by itself.

    Numba optimises each library, with what it calls: code that is called from four
    loops within one another would be optimised five times, most of the time of all.
    """

    @property
    def codegen(self):
        """What sets the environment of a loop, which this one gets with its callers."""
        return self

    def set_env(self, name, environment):
        """Do nothing."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        """Leave it to the callers."""

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name):
        """Return 0, for there is no machine code."""
        self._ensure_finalized()
        return 0


class _LoopCache(FunctionCache):
    """Numba's cache, fresh only while all compiled sources are, and never in the way.

    Numba looks at the file of a loop alone: it would go on with the old machine code
    of a loop that was called from another file and edited since.
    """

    def __init__(self, function):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), _stamp_of_sources()
        base = self._impl.filename_base
        self._cache_file = _LoopFiles(self._cache_path, base, stamp)

    def load_overload(self, sig, target_context):
        """Return the compiled loop, or None if the cache has none that can be read."""
        try:
            found = super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _warn_uncached(error)
            return None
        if found is None:
            tell_of_compilation()
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
    """Return a digest of all files with compiled loops, and of those that compile."""
    # Resolved, since the order of names decides the digest.
    here = Path(__file__).resolve()
    package, digest = here.parents[1], hashlib.sha256()
    own = [here, here.with_name("_compiled.py")]
    for path in sorted([*package.rglob("*numba*.py"), *own]):
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
