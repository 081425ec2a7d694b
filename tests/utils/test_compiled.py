"""Compiled loops where they cannot be kept, are edited, or are compiled twice."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import posix

import skrelax
from skrelax.utils import _compiled, _compiler

FIT = """
import warnings
import numpy as np
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    from skrelax import KernelBuilder, LassoFista
    t = np.geomspace(0.01, 1.0, 20)[:, None]
    K = KernelBuilder(n_bins=10).fit_transform(t)
    model = LassoFista(1e-3).fit(K, np.exp(-t[:, 0] / 0.1))
print(model.coef_.tobytes().hex())
print([str(w.message) for w in found])
"""
CALLEE = """
from .utils._compiled import compiled

@compiled
def callee(x):
    return x + 1
"""
CALLER = """
from ._callee_numba import callee
from .utils._compiled import compiled

@compiled
def caller(x):
    return 10 * callee(x)
"""


def start(code, folder, **environment):
    """Start a process that knows the packages in a folder, for the native processor."""
    inherited = {k: v for k, v in os.environ.items() if k != "NUMBA_CPU_NAME"}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code, folder, **environment):
    """Return the lines that a new process prints, and its standard error."""
    process = start(code, folder, **environment)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out.splitlines(), error


def copy_of_package(folder):
    """Copy the sources into a folder and return their directory."""
    source = Path(skrelax.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(source, folder / "skrelax", ignore=ignored))


@pytest.fixture
def toy(tmp_path):
    """Return a folder with a package of two loops in two files."""
    package = tmp_path / "toy"
    (package / "utils").mkdir(parents=True)
    for path in (package, package / "utils"):
        (path / "__init__.py").touch()
    for module in (_compiled, _compiler):
        shutil.copy(module.__file__, package / "utils")
    (package / "_callee_numba.py").write_text(CALLEE)
    (package / "_caller_numba.py").write_text(CALLER)
    return tmp_path


# Windows asks the system for the home, not the surroundings.
@posix
def test_work_uncached_without_a_place_to_write(tmp_path):
    package = copy_of_package(tmp_path)
    # A file in place of the folder stops even root, whom permissions do not.
    for path in [package, *package.rglob("*")]:
        if path.is_dir():
            (path / "__pycache__").touch()
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/none"}
    (coef, warned), _ = run(FIT, tmp_path, NUMBA_CACHE_DIR="", **nowhere)
    assert warned.count("NUMBA_CACHE_DIR") == 1
    (cached, silent), _ = run(FIT, tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "loops"))
    assert silent == "[]"
    assert coef == cached


def test_processes_that_compile_at_once_agree(tmp_path):
    copy_of_package(tmp_path)
    started = [start(FIT, tmp_path, NUMBA_CACHE_DIR="") for _ in range(3)]
    outputs = {process.communicate(timeout=300)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    again, _ = run(FIT, tmp_path, NUMBA_CACHE_DIR="")
    assert outputs == {"\n".join([*again, ""])}


def test_an_edit_in_another_file_is_seen(toy):
    code = (
        "from toy._caller_numba import caller; print(caller(1));"
        "print(sum(caller.entry.stats.cache_hits.values()))"
    )
    assert run(code, toy)[0] == ["20", "0"]
    assert run(code, toy)[0] == ["20", "1"]
    package = toy / "toy"
    (package / "_callee_numba.py").write_text(CALLEE.replace("x + 1", "x + 2"))
    assert run(code, toy)[0] == ["30", "0"]
    assert run(code, toy)[0] == ["30", "1"]
    # The old machine code is gone.
    assert len(list((package / "__pycache__").glob("_caller*.nbc"))) == 1


def test_what_a_loop_calls_has_no_entry_for_python(toy):
    code = (
        "from toy._callee_numba import callee; from toy._caller_numba import caller;"
        "print(caller(1), len(callee.entry.overloads), callee(1),"
        "len(callee.entry.overloads))"
    )
    assert run(code, toy)[0] == ["20 0 2 1"]
    assert run(code, toy)[0] == ["20 0 2 1"]
    # Nor is it kept by itself.
    files = [path.name for path in (toy / "toy" / "__pycache__").glob("*.nbc")]
    assert sorted("_callee_" in name for name in files) == [False, True]


def test_compilation_is_told_once_and_only_where_it_happens(toy):
    code = (
        "from toy._caller_numba import caller; from toy.utils import _compiled;"
        "_compiled.on_compilation(lambda: print('compiles'));"
        "print(caller(1), caller(0.5))"
    )
    assert run(code, toy)[0] == ["compiles", "20 15.0"]
    assert run(code, toy)[0] == ["20 15.0"]


def test_a_tuple_that_is_gone_is_no_matter(toy):
    source = """
from typing import NamedTuple
import numpy as np
from .utils._compiled import compiled

class Before(NamedTuple):
    values: np.ndarray

@compiled
def total(given):
    return given.values.sum()
"""
    code = (
        "import numpy as np; from toy import _tuple_numba as loops;"
        "print(loops.total(loops.{}(np.ones(3))));"
        "print(sum(loops.total.entry.stats.cache_hits.values()))"
    )
    path = toy / "toy" / "_tuple_numba.py"
    path.write_text(source)
    assert run(code.format("Before"), toy)[0] == ["3.0", "0"]
    assert run(code.format("Before"), toy)[0] == ["3.0", "1"]
    path.write_text(source.replace("Before", "After"))
    assert run(code.format("After"), toy)[0] == ["3.0", "0"]
    assert run(code.format("After"), toy)[0] == ["3.0", "1"]


def test_types_and_processors_do_not_share_a_file(toy):
    code = "from toy._caller_numba import caller; print(caller(1), caller(0.5))"
    assert run(code, toy)[0] == ["20 15.0"]
    assert run(code, toy, NUMBA_CPU_NAME="generic")[0] == ["20 15.0"]
    assert len(list((toy / "toy" / "__pycache__").glob("_caller*.nbc"))) == 4


@pytest.mark.parametrize("damage", ["broken data", "full disk"])
def test_what_cannot_be_read_or_kept_is_compiled(toy, damage):
    code = "from toy._caller_numba import caller; print(caller(1))"
    if damage == "broken data":
        run(code, toy)
        for path in (toy / "toy" / "__pycache__").glob("*.nbc"):
            path.write_bytes(b"")
    else:
        code = (
            "import resource, signal;"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        ) + code
        pytest.importorskip("resource")
    lines, error = run(code, toy)
    assert lines == ["20"]
    assert error.count("NUMBA_CACHE_DIR") == 1


def test_loops_run_without_the_compiler(toy):
    code = "from toy._caller_numba import caller; print(caller(1), type(caller.entry))"
    expected = ["20 <class 'function'>"]
    assert run(code, toy, NUMBA_DISABLE_JIT="1")[0] == expected


def test_features_are_those_of_the_processor_asked_for():
    code = "from skrelax.utils._compiler import vector_features as f; print(len(f()))"
    package = Path(skrelax.__file__).parents[1]
    assert run(code, package, NUMBA_CPU_NAME="generic")[0] == ["0"]
    assert isinstance(_compiler.vector_features(), frozenset)


def test_the_compiler_is_loaded_when_a_loop_runs(toy):
    code = (
        "import sys; from toy._caller_numba import caller;"
        "print('numba' in sys.modules);"
        "print(caller(1), 'numba' in sys.modules)"
    )
    assert run(code, toy)[0] == ["False", "20 True"]


def test_loops_are_pickled_by_name():
    from skrelax.inversion._numba_fit import gradient

    assert pickle.loads(pickle.dumps(gradient)) is gradient


def test_an_array_that_nobody_counts_is_refused(toy):
    source = """
import numpy as np
from .utils._compiled import compiled

@compiled
def same(x):
    return x

@compiled(allocates=True)
def copy(x):
    return x.copy()

@compiled
def total(x):
    return copy(x)[0]
"""
    (toy / "toy" / "_arrays_numba.py").write_text(source)
    code = """
import numpy as np
from toy import _arrays_numba as loops
for loop in (loops.same, loops.total):
    try:
        loop(np.ones(3))
    except TypeError as error:
        print("allocates=True" in str(error))
print(loops.copy(np.ones(3)).sum())
"""
    assert run(code, toy)[0] == ["True", "True", "3.0"]


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_as_before_after_compilation(toy, collects):
    code = (
        f"import gc; gc.enable() if {collects} else gc.disable();"
        "from toy._caller_numba import caller; print(caller(1), gc.isenabled())"
    )
    assert run(code, toy)[0] == [f"20 {collects}"]


def test_inner_loops_raise(toy):
    # What they raise with is in an environment, which the caller's code must know.
    source = CALLEE.replace(
        "return", "if x < 0:\n        raise ValueError('negative')\n    return"
    )
    (toy / "toy" / "_callee_numba.py").write_text(source)
    code = """
from toy._caller_numba import caller
print(caller(1))
try:
    caller(-1)
except ValueError as error:
    print(error)
"""
    assert run(code, toy)[0] == ["20", "negative"]
    assert run(code, toy)[0] == ["20", "negative"]


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("form", ["plain", "vector"])
def test_tile_product_equals_numpy(form, count):
    from skrelax.inversion._signed import _numba_band as loops

    product = getattr(loops, f"_subtract_products_{form}")
    if form == "vector":
        if not loops._VECTORS:
            pytest.skip("no vectors of four doubles on this processor")

        @_compiled.compiled
        def product(A, target, left, right, height, count):
            loops._subtract_products_vector(A, target, left, right, height, count)

    rng = np.random.default_rng(0)
    height, last = 64, count + 1
    A = rng.standard_normal((last + 1, 8, height))
    expected = A.copy()
    for pair in range(count):
        # The pair that starts eight rows higher with every panel.
        low, high = 40 - 8 * pair, 48 - 8 * pair
        left = A[pair, :, low - 8 : low]
        right = A[pair, :, high - 8 : high]
        expected[last, :, 8:16] -= right.T @ left
    product(A, last * 8 * height + 8, 32, 40, height, count)
    # Sums of 8 count products of size one, in any order.
    np.testing.assert_allclose(A, expected, rtol=0, atol=1e-13)
