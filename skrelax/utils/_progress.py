"""Progress of long work, on standard error."""

import sys
import time

# Work that is done within this time [s] is not reported.
_PATIENCE = 2.0


class Progress:
    """Count steps, and report about ten of them once the work takes a while."""

    def __init__(self, n_steps, what="fits"):
        self.n_steps, self.what, self.done = n_steps, what, 0
        self.start = time.monotonic()

    def __call__(self, detail=""):
        """Count a step."""
        self.done += 1
        tenth = self.done * 10 // self.n_steps > (self.done - 1) * 10 // self.n_steps
        if tenth and time.monotonic() - self.start > _PATIENCE:
            text = f"skrelax: {self.done} of {self.n_steps} {self.what} {detail}"
            print(text.rstrip(), file=sys.stderr)
