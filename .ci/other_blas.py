"""Print an OPENBLAS_CORETYPE that differs from what this machine uses by itself."""

import platform

import numpy as np
from threadpoolctl import threadpool_info

np.ones((2, 2)) @ np.ones((2, 2))
used = {info.get("architecture") for info in threadpool_info()}
if platform.machine().lower() in ("x86_64", "amd64"):
    print("Haswell" if "SkylakeX" in used or "Cooperlake" in used else "Nehalem")
else:
    print("ARMV8")
