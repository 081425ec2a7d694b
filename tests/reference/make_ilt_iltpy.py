"""Write ilt_iltpy.json: what ILTpy finds on the pinned problems of the tests.

Run with ILTpy installed: python tests/reference/make_ilt_iltpy.py
"""

import importlib.metadata
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "inversion"))

from test_ilt_agreement import make_cases  # noqa: E402

found = {}
for name, case in make_cases().items():
    found[name] = {}
    for max_iter in (10, 100):
        g, steps = case.run_iltpy(max_iter)
        found[name][str(max_iter)] = g.ravel().tolist()
    found[name]["steps"] = steps[:10].tolist()
version = importlib.metadata.version("ilt-py-lib")
source = f"ILTpy {version} (package ilt-py-lib), on the cases of test_ilt_agreement.py"
text = json.dumps({"source": source, "cases": found})
(HERE / "ilt_iltpy.json").write_text(text + "\n")
