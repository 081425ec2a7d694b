"""Progress of long work, on standard error."""

import sys
import time

# Work that is done within this time [s] is not reported.
_PATIENCE = 2.0
# Time between reports [s] after which there is another one, whatever was done.
_SILENCE = 30.0


class Progress:
    """Count steps, and report about ten of them once the work takes a while."""

    def __init__(self, n_steps, what="fits", tells_time=False):
        self.n_steps, self.what, self.done = n_steps, what, 0
        self.tells_time = tells_time
        self.start = self.told = time.monotonic()

    def __call__(self, detail="", count=1):
        """Count steps."""
        before, self.done = self.done, self.done + count
        now = time.monotonic()
        tenth = self.done * 10 // self.n_steps > before * 10 // self.n_steps
        is_due = tenth or now - self.told > _SILENCE
        if not is_due or now - self.start <= _PATIENCE:
            return
        self.told = now
        if self.tells_time:
            left = (now - self.start) * (self.n_steps - self.done) / self.done
            detail = f"{detail} ({_shown(left)} left)".strip()
        text = f"skrelax: {self.done} of {self.n_steps} {self.what} {detail}"
        print(text.rstrip(), file=sys.stderr)


def _shown(seconds):
    """Return a time in words, such as '3 min 20 s'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
