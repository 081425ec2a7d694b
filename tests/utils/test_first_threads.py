"""Threads are the first to import, compile and fit, each its own estimator."""

import os
import subprocess
import sys
import sysconfig

# A function per thread: what it imports, nobody has imported before.
CODE = """
import hashlib
import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

n_threads = int(sys.argv[1])
sys.setswitchinterval(1e-5)
ready = threading.Barrier(n_threads)


def get(name):
    home, _, last = name.rpartition(".")
    return getattr(importlib.import_module(f"skrelax.{home}".rstrip(".")), last)


def data():
    import numpy as np

    times = 0.01 * np.arange(1, 33)[:, None]
    noise = 1e-3 * np.random.default_rng(0).standard_normal((32, 6))
    return times, np.exp(-times / np.geomspace(0.02, 0.2, 6)) + noise


def on_line(inversion):
    from sklearn.pipeline import make_pipeline

    return make_pipeline(get("KernelBuilder")("T2", n_bins=24), inversion)


def smooth():
    times, y = data()
    search = get("SmoothLassoCV")(3, smoothnesses=4, cv=3)
    return on_line(search).fit(times, y).predict(times)


def sparse():
    times, y = data()
    return on_line(get("LassoFista")(1e-4)).fit(times, y)[-1].coef_


def strength():
    times, y = data()
    search = get("model_selection.StrengthSearch")(get("SmoothLasso")(), strengths=4)
    return on_line(search).fit(times, y).predict(times)


def signed():
    times, y = data()
    ilt = get("MultiDimRegularizedILT")("T2", noise_std=1e-3)
    return ilt.fit(times, y[:, :2]).distribution_


def nonlinear():
    times, y = data()
    return get("NonlinearRelaxationFit")("T2").fit(times, y).params_


def mapped():
    times, y = data()
    mapper = get("compose.VoxelMapper")(on_line(get("SmoothLasso")()), times)
    return mapper.fit_transform(y.T)


def matched():
    import numpy as np

    times, y = data()
    grid = np.geomspace(0.01, 0.3, 50)
    matcher = get("dictionary.DictionaryMatcher")(refine="parabola")
    return matcher.fit(np.exp(-times / grid).T, grid).predict(y.T)


def batch():
    import pandas as pd

    times, y = data()
    rows = {"TE": times.repeat(6), "sample": 32 * list("abcdef"), "signal": y.ravel()}
    fitted = get("batch.fit_batch")(
        on_line(get("SmoothLasso")()), pd.DataFrame(rows), ["TE"], "signal", "sample"
    )
    return fitted.select_dtypes("number").to_numpy(float)


JOBS = smooth, sparse, strength, signed, nonlinear, mapped, matched, batch


def work(job):
    if n_threads > 1:
        ready.wait()
    values = job()
    return hashlib.sha256(values.tobytes()).hexdigest()


with ThreadPoolExecutor(n_threads) as pool:
    for job, digest in zip(JOBS, pool.map(work, JOBS)):
        print(job.__name__, digest)
print(getattr(sys, "_is_gil_enabled", lambda: True)())
"""


def start(n_threads):
    # The package that is tested, not the one in this folder; and as errors, warnings of
    # one thread would end all.
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "default", "-c", CODE, str(n_threads)],
        env={k: v for k, v in os.environ.items() if k != "PYTHON_GIL"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_threads_from_the_first_import_on():
    started = start(8), start(1)
    told = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    (together, _), (alone, _) = told
    assert together == alone
    *rows, gil = together.splitlines()
    assert len({row.split()[1] for row in rows}) == 8
    # A module that cannot do without the GIL would bring it back for all.
    assert gil == str(not sysconfig.get_config_var("Py_GIL_DISABLED"))
