"""What other strengths and other rules make of the same data."""

import re

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..model_selection import StrengthSearch
from ..utils._answers import answering
from ..utils._inspect import final_step, step_inside
from ..utils._warnings import collect_warnings

# Pictures of a slider, and decades on either side of a strength that was given.
_FRAMES, _DECADES = 25, 3.0
# Many bins take long, and pictures of planes are large.
_MANY, _FEW_FRAMES = 200, 11
_RULES = ("cv", "cv-1se", "gcv", "lcurve", "discrepancy", "chi2")
_FEW_RULES = ("gcv", "lcurve", "discrepancy", "chi2")
# Rules compare solutions, not grids: as many strengths as find a minimum.
_STRENGTHS = 17


def with_one_strength(model):
    """Return an unfitted inversion like the one of a fitted model, and its strength.

    The inversion has the strengths that were chosen as settings; None where no single
    number says how strong its penalty is. The strength is the name of the setting.
    """
    last = final_step(model)
    if hasattr(last, "cv_results_"):
        plain = answering(last)._keep_choice(np.zeros(1, dtype=int))
        varied = [n for n in ("smoothness", "alpha") if n in last.cv_results_]
        return plain, next(iter(varied), None)
    known = last.get_params()
    names = [name for name in answering(last)._strengths if name in known]
    return (clone(last), names[0]) if names else (None, None)


def tried_strengths(model, plain, name):
    """Return strengths to show, increasing, with the chosen one among them."""
    chosen = float(plain.get_params()[name])
    search, last = best_search(model), final_step(model)
    if search is not None:
        known = np.ravel(search.curve_["strength"])
        chosen = float(search.strength_)
    elif name in getattr(last, "cv_results_", {}):
        known = np.ravel(last.cv_results_[name])
    elif chosen > 0:
        known = chosen * np.logspace(-_DECADES, _DECADES, _FRAMES)
    else:
        return np.array([]), chosen
    known = np.unique(known[known > 0])
    n_frames = _FEW_FRAMES if _has_many_bins(last) else _FRAMES
    if known.size > n_frames:
        known = known[np.linspace(0, known.size - 1, n_frames).astype(int)]
    # Where it lies between two of the grid.
    near = np.abs(np.log(known / chosen)) < 1e-6 if chosen > 0 else known == chosen
    if not near.any():
        known = np.sort(np.append(known, chosen))
    return known, chosen


def _has_many_bins(last):
    return np.prod([grid.size for grid in last.grids_]) > _MANY


def best_search(model):
    """Return the StrengthSearch that chose, or None."""
    while model is not None:
        if hasattr(model, "curve_") and hasattr(model, "strength_"):
            return model if np.ndim(model.strength_) == 0 else None
        model = step_inside(model)
    return None


def fit_strengths(plain, name, strengths, K, y, sample_weight):
    """Return an inversion fitted with each strength."""
    options = {} if sample_weight is None else {"sample_weight": sample_weight}
    fits = []
    # The ends of the range are often out of reach.
    with collect_warnings():
        for strength in strengths:
            one = clone(plain).set_params(**{name: float(strength)})
            fits.append(one.fit(K, y, **options))
    return fits


def compare_rules(plain, name, K, y, sample_weight):
    """Return what each rule of strength chooses, a row each."""
    options = {} if sample_weight is None else {"sample_weight": sample_weight}
    rows = {}
    many = K.shape[1] > _MANY
    for rule in _FEW_RULES if many else _RULES:
        search = StrengthSearch(
            plain, rule, parameter=name, strengths=_STRENGTHS, refine=not many
        )
        with collect_warnings() as caught:
            try:
                search.fit(K, y, **options)
            except ValueError as error:
                rows[rule] = {"note": " ".join(str(error).split())}
                continue
        described = search.describe().iloc[0]
        # Of the whole distribution, not of its peaks, which have numbers.
        log_means = [
            column
            for column in described.index
            if column.startswith("log_mean") and not re.search(r"_\d+$", column)
        ]
        rows[rule] = {
            "strength": float(search.strength_),
            "peaks": described.get("n_peaks", np.nan),
            **{column: described[column] for column in log_means},
            "note": "; ".join(
                dict.fromkeys(" ".join(str(one).split()) for one in caught)
            ),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")
    return table.drop(columns="note" if not table["note"].any() else [])
