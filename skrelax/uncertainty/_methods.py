"""Which method makes intervals of what."""

from ..utils._answers import answering
from ..utils._inspect import final_step
from ._bias_aware import MOST_BINS
from ._result import BIAS_AWARE, BOUNDS

METHODS = (*BOUNDS, BIAS_AWARE, "unpenalised", "parametric", "residual")


def choose_method(fitted, method, signal, noise_std):
    """Return the method for a fitted estimator, and whether it may have bounds.

    Raises if it has not this method.
    """
    last, final = answering(fitted), final_step(fitted)
    if last._has_refits:
        if method not in (None, "parametric", BIAS_AWARE):
            raise ValueError(
                f"method must be {BIAS_AWARE!r} or 'parametric' for a "
                f"{type(last).__name__}, got {method!r}."
            )
        return method or BIAS_AWARE, False
    if last._is_rician:
        if method not in (None, "parametric", "unpenalised"):
            raise ValueError(
                f"method must be 'parametric' or 'unpenalised' for magnitudes, whose "
                f"noise is Rician, got {method!r}."
            )
        return method or "parametric", False
    never = None
    if last._takes_known:
        never = "the kernel has a setting that is searched"
    elif not signal.any():
        never = "y is 0"
    why = never
    if never is None and not getattr(final, "positive", False):
        why = "distributions may be negative"
    if method is None:
        method = "bounds"
        if why:
            method = "residual" if noise_std is None else "parametric"
            if never is None and final.coef_.shape[-1] <= MOST_BINS:
                method = BIAS_AWARE
    if method in BOUNDS and why:
        raise ValueError(
            f"method={method!r} needs a fixed kernel, a signal and distributions "
            f"without sign, but {why}; take {'residual' if never else BIAS_AWARE!r}."
        )
    if method == BIAS_AWARE and never:
        raise ValueError(
            f"method={method!r} needs a fixed kernel and a signal, but {never}; take "
            "'residual'."
        )
    return method, not why
