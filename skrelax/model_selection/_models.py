"""Which signal model many signals ask for."""

import numbers
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse, stats
from scipy.special import i0e
from sklearn.exceptions import ConvergenceWarning

from ..nonlinear import FitStatus, NonlinearRelaxationFit
from ..nonlinear._inputs import check_mask, check_signals
from ..signals import SignalModel, resolve_model, suggest_models
from ..utils._validation import check_number
from ..utils._warnings import collect_warnings, give_warning

# A model of more parameters must gain this many variances of the noise with each of
# them, and more than noise would give it at this level. Noise alone gives one: with two
# the predictions of the signals are better, as Akaike's criterion has it.
_LEAST_GAIN, _LEVEL = 2.0, 0.01
# Largest gains that do not count, as a fraction of the signals, and how many of these
# there must be: voxels that no model describes must not decide.
_TRIMMED, _MANY = 0.05, 20
# Signals that are looked at for each one that is compared.
_LOOKED_AT = 20
# Levels of noise, and those beside signals of the size of one.
_NOISE, _LEVELS = (5e-324, 1.7e308), (1e-50, 1e50)
# Residuals above the noise by this factor are those of a model that does not fit.
_FAR = 3.0
# Mean square of residuals, as a fraction of that of the signals, that is rounding.
_EXACT, _TINY = 1e-16, 1e-100


@dataclass(frozen=True)
class ModelChoice:
    """Hold which model signals ask for, and what it was compared with.

    Parameters
    ----------
    name : str
        Name of the model.
    model : SignalModel
        The model, for a :class:`~skrelax.nonlinear.NonlinearRelaxationFit`.
    table : DataFrame of shape (n_models, 5)
        One row per model, by name: ``parameters``, their number; ``residual``, the
        root mean square of the residuals over that of the signal; ``over noise``, that
        of the residuals over the noise level, nan if that is not known; ``gain``, how
        many variances of the noise a model of more parameters gains with each of
        them, the largest of all such models, nan if there is none; and ``verdict``.
        Residuals are medians over signals.
    n_signals : int
        Number of signals that were compared.
    fits : bool or None
        Whether the residuals of the chosen model are of the size of the noise; None if
        its level was not given.
    """

    name: str
    model: SignalModel
    table: pd.DataFrame
    n_signals: int
    fits: bool | None


def select_model(
    X,
    y,
    models=None,
    *,
    mask=None,
    known=None,
    bounds=None,
    noise="gaussian",
    noise_std=None,
    max_signals=1000,
):
    r"""Choose the simplest model that signals do not reject.

    All models are fitted to the same signals. One of fewer parameters is rejected if
    another one, of :math:`d` more, has smaller residuals r by more than

    .. math:: \langle \|r\|^2 - \|r'\|^2 \rangle > 2 d \sigma^2

    in the mean over signals, and than noise alone would give it (F test, 1 %). Noise
    gives :math:`d \sigma^2`; with twice that the richer model predicts signals better
    (:math:`C_p` [1]_, which is Akaike's criterion for a known noise). Of models with as
    many parameters the one with the smaller residuals counts.

    Parameters
    ----------
    X : DataFrame of shape (n_points, n_columns)
        Acquisition. An array will do where `models` are given.
    y : array-like of shape (n_points,) or (n_points, n_signals)
        Signals, real or complex.
    models : sequence of str and SignalModel, dict or None, default=None
        Models to compare, named by the keys of a dict. None takes what varies in X, see
        :func:`~skrelax.signals.suggest_models`.
    mask : array-like of bool of shape (n_signals,) or None, default=None
        Signals to compare.
    known : dict or None, default=None
        Values of nonlinear parameters that are known for each signal, such as
        ``{"T1": map}``, for the models that have them; see
        :meth:`NonlinearRelaxationFit.fit
        <skrelax.nonlinear.NonlinearRelaxationFit.fit>`.
    bounds : dict or None, default=None
        Limits of nonlinear parameters, such as ``{"T1": (0.1, 3.0)}``, for the models
        that have them. Signals that all models have at a bound do not count.
    noise : {"gaussian", "rician"}, default="gaussian"
        Noise of the signals.
    noise_std : float or None, default=None
        Noise standard deviation, from the background of images for example. It says
        whether the chosen model fits at all.
    max_signals : int, default=1000
        Signals to compare at most, evenly taken from all.

    Returns
    -------
    ModelChoice
        The model, and the table of the comparison.

    Raises
    ------
    ValueError
        If there is no model to choose from, or no signal that can be fitted, or if
        `known` or `bounds` name what no model has.
    TypeError
        If `models` holds something else, or `known` or `bounds` is no dict.

    Warns
    -----
    UserWarning
        If the residuals of the chosen model are above three times `noise_std`.

    See Also
    --------
    skrelax.signals.suggest_models : The models that an acquisition may ask for.

    Notes
    -----
    The variance :math:`\sigma^2` of the noise is the smallest that a model leaves (a
    median over signals, by its degrees of freedom), or that of `noise_std` if it is
    larger. What no model explains thus counts as noise, and does not ask for more
    parameters. The twentieth of the signals with the largest gain is left out, if there
    are 20 or more. Of Rician noise deviances take the place of squares. Models that
    leave no point over cannot be compared with others.

    References
    ----------
    .. [1] C. L. Mallows, "Some comments on Cp", Technometrics 15 (1973) 661.
       https://doi.org/10.1080/00401706.1973.10489103

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skrelax.model_selection import select_model
    >>> X = pd.DataFrame({"TI": [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]})
    >>> noise = np.random.default_rng(0).standard_normal((7, 50))
    >>> y = 1 - 1.8 * np.exp(-X.to_numpy() / 0.5) + 0.01 * noise
    >>> choice = select_model(X, y)
    >>> choice.name, choice.model
    ('T1-IR-efficiency', InversionRecovery(efficiency='fit'))
    """
    if sparse.issparse(X):
        raise TypeError("X must be dense, got a sparse matrix; use toarray().")
    named = _check_models(models, X)
    bounds = _check_names(named, bounds, "bounds")
    known = _check_names(named, known, "known")
    y, _ = check_signals(X, y, "select_model")
    y = y.reshape(len(y), -1)
    max_signals = check_number(max_signals, "max_signals", 1, kind=numbers.Integral)
    if noise_std is not None:
        noise_std = check_number(noise_std, "noise_std", *_NOISE)
    chosen = _choose_signals(y, check_mask(mask, y.shape[1]), max_signals)
    magnitude = not np.iscomplexobj(y) and bool(np.fmin.reduce(y, axis=None) >= 0)
    signals = y[:, chosen]
    # A power of two keeps squares within doubles.
    top = np.abs(np.where(np.isfinite(signals), signals, 0.0)).max()
    exponent = int(np.frexp(top)[1])
    # In two steps, since the inverse of a tiny number is none.
    half = exponent // 2
    signals = signals * np.ldexp(1.0, -half) * np.ldexp(1.0, half - exponent)
    level = None
    if noise_std is not None:
        # Beyond these ratios nothing changes but the digits.
        level = float(np.clip(np.ldexp(noise_std, -exponent), *_LEVELS))
    options = {"noise": noise, "noise_std": level if noise == "rician" else None}
    found = {}
    for name, model in named.items():
        own = {key: bounds[key] for key in _parameters(model) if key in bounds}
        fit = NonlinearRelaxationFit(
            model, magnitude=magnitude, bounds=own or None, **options
        )
        found[name] = _fit(fit, X, signals, _known_of(model, known, y, chosen))
    if bounds:
        found, signals = _without_bound(found, signals)
    return _decide(named, found, signals, noise, level)


def _check_models(models, X):
    """Return models by name."""
    if models is None:
        found = suggest_models(X)
        if not found:
            raise ValueError(
                f"nothing varies in X that a model reads, got the columns "
                f"{list(X.columns)}; give models."
            )
        return found
    if isinstance(models, str) or not hasattr(models, "__iter__"):
        raise TypeError(f"models must be several, or None, got {models!r}.")
    if not isinstance(models, dict):
        models = {
            one if isinstance(one, str) else f"{one!r}": one for one in list(models)
        }
    found = {str(name): resolve_model(one, "models") for name, one in models.items()}
    if not found:
        raise ValueError("models must name one model at least, got none.")
    return found


def _check_names(models, given, what):
    """Return what is given by name of a parameter, which some model must have."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise TypeError(f"{what} must be a dict by names, got {given!r}.")
    names = {name for model in models.values() for name in _parameters(model)}
    for name in given:
        if name not in names:
            raise ValueError(f"{what} may name {sorted(names)}, got {name!r}.")
    return given


def _parameters(model):
    """Return the names of the nonlinear parameters of a model."""
    return [parameter.name for parameter in model.parameters]


def _choose_signals(y, mask, most):
    """Return which signals (n_points, n) are compared, as numbers."""
    places = np.arange(y.shape[1]) if mask is None else np.flatnonzero(mask)
    # A volume is not looked through for a thousand of its signals.
    places = _evenly(places, _LOOKED_AT * most)
    signals = y[:, places]
    there = np.isfinite(signals)
    counts = there.sum(axis=0)
    usable = (there & (signals != 0)).any(axis=0)
    if usable.any():
        # Signals that lack points are compared only if all do.
        usable &= counts == counts[usable].max()
    if not usable.any():
        raise ValueError(
            f"y has no signal to compare models with: of {y.shape[1]}, all are masked, "
            "zero or not finite."
        )
    return _evenly(places[usable], most)


def _evenly(places, most):
    """Return as many of places as there may be, evenly taken."""
    if places.size <= most:
        return places
    return places[np.linspace(0, places.size - 1, most).round().astype(int)]


def _known_of(model, known, y, chosen):
    """Return what is known of the parameters of a model, or None."""
    names = _parameters(model)
    here = {}
    for name, values in known.items():
        if name in names:
            values = np.asarray(values)
            one_each = values.shape == (y.shape[1],)
            here[name] = values[chosen] if one_each else values
    return here or None


@dataclass(frozen=True)
class _Fitted:
    """What a model makes of the signals, and how many parameters it has."""

    predicted: np.ndarray
    count: int
    n_parameters: int
    at_bound: np.ndarray


def _fit(fit, X, signals, known):
    """Return what a fit makes of signals (n_points, n)."""
    with collect_warnings() as caught:
        fit.fit(X, signals, known=known)
    for warning in caught:
        # What becomes of single signals is told when all are fitted.
        if not isinstance(warning, ConvergenceWarning):
            give_warning(warning)
    model = fit.model_
    n_nonlinear = len(model.parameters) - len(known or ())
    channels = 2 if np.iscomplexobj(signals) else 1
    count = channels * len(model.amplitudes) + n_nonlinear
    n_parameters = len(model.amplitudes) + n_nonlinear
    at_bound = np.atleast_1d(fit.status_ == FitStatus.AT_BOUND)
    return _Fitted(fit.predict(X), count, n_parameters, at_bound)


def _without_bound(found, signals):
    """Return fits and signals without those that no model has within its bounds."""
    kept = ~np.all([one.at_bound for one in found.values()], axis=0)
    if not kept.any() or kept.all():
        return found, signals
    found = {
        name: replace(
            one, predicted=one.predicted[:, kept], at_bound=one.at_bound[kept]
        )
        for name, one in found.items()
    }
    return found, signals[:, kept]


def _decide(named, found, signals, noise, level):
    """Return the ModelChoice of fitted models."""
    names = list(named)
    rest = np.stack([signals - found[name].predicted for name in names])
    there = np.isfinite(signals)
    squares = np.where(there, np.abs(rest) ** 2, 0.0).sum(axis=1)
    squares[:, there.any(axis=0) & ~np.isfinite(squares).all(axis=0)] = np.nan
    common = np.isfinite(squares).all(axis=0)
    if not common.any():
        raise ValueError(
            f"none of {signals.shape[1]} signals could be fitted by all of {names}."
        )
    squares, there = squares[:, common], there[:, common]
    power = np.where(there, np.abs(signals[:, common]) ** 2, 0.0).sum(axis=0)
    # Beside the largest signal, others may be too small to be squared.
    power = np.maximum(power, _TINY)
    channels = 2 if np.iscomplexobj(signals) else 1
    n_points = channels * int(there.sum(axis=0).max())
    counts = np.array([found[name].count for name in names])
    free = n_points - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        # The median of squares lies below their mean.
        usual = np.array([stats.chi2.median(max(one, 1)) for one in free])
        sizes = np.where(free > 0, np.median(squares, axis=1) / usual, np.nan)
    judged = free > 0
    floor = max(_EXACT * np.median(power) / n_points, _TINY)
    variance = max(np.nanmin(sizes), floor) if judged.any() else np.nan
    if level is not None:
        variance = np.fmax(variance, level**2)
    deviances = squares / variance
    if noise == "rician":
        predicted = np.stack([found[name].predicted[:, common] for name in names])
        ratio = np.abs(predicted * signals[:, common]) / variance
        deviances = deviances - 2.0 * np.where(there, np.log(i0e(ratio)), 0.0).sum(1)
    best, gains, rivals = _compare(counts, free, judged, deviances)
    verdicts = []
    for k, name in enumerate(names):
        if name == names[best]:
            verdicts.append("chosen")
        elif not judged[k]:
            verdicts.append("leaves no point over")
        elif counts[k] < counts[best]:
            verdicts.append(f"rejected by {names[rivals[k]]}")
        elif counts[k] == counts[best]:
            verdicts.append("larger residuals")
        else:
            verdicts.append("not needed")
    over = np.full(len(names), np.nan)
    if level:
        over = np.sqrt(sizes) / level
    table = pd.DataFrame(
        {
            "parameters": [found[name].n_parameters for name in names],
            "residual": np.median(np.sqrt(squares / power), axis=1),
            "over noise": over,
            "gain": gains,
            "verdict": verdicts,
        },
        index=pd.Index(names, name="model"),
    )
    fits = None
    if level and judged[best]:
        fits = bool(over[best] <= _FAR)
        if not fits:
            give_warning(
                f"no model fits: the residuals of {names[best]} are {over[best]:.1f} "
                f"times the noise.",
            )
    name = names[best]
    return ModelChoice(name, named[name], table, int(common.sum()), fits)


def _compare(counts, free, judged, deviances):
    """Return the best model, and of each its largest gain and who has it.

    `counts` of parameters, `free` degrees of freedom and `judged` are (n_models,),
    `deviances` (n_models, n_signals).
    """
    gains = np.full(len(counts), np.nan)
    rivals = np.full(len(counts), -1)
    # With nothing to be judged by, the first of those with the fewest parameters.
    if not judged.any():
        return int(counts.argmin()), gains, rivals
    leaders = []
    for count in np.unique(counts[judged]):
        same = np.flatnonzero(judged & (counts == count))
        leaders.append(same[_totals(deviances[same]).argmin()])
    best = None
    for k, leader in enumerate(leaders):
        richer = leaders[k + 1 :]
        ratios = [_gain(leader, one, counts, free, deviances) for one in richer]
        if ratios:
            largest = max(range(len(ratios)), key=lambda one: ratios[one][0])
            gains[leader], rivals[leader] = ratios[largest][0], richer[largest]
        if best is None and all(gain <= limit for gain, limit in ratios):
            best = leader
    for k in np.flatnonzero(judged & (counts < counts[best]) & (rivals < 0)):
        gains[k], _ = _gain(k, best, counts, free, deviances)
        rivals[k] = best
    return int(best), gains, rivals


def _totals(deviances):
    """Return the sums of deviances (n_models, n_signals) but for the worst signals."""
    kept = deviances.shape[1]
    if kept >= _MANY:
        kept -= int(_TRIMMED * kept)
    # What the best model leaves says which signals no model describes.
    order = np.argsort(deviances.min(axis=0), kind="stable")[:kept]
    return deviances[:, order].sum(axis=1)


def _gain(simple, rich, counts, free, deviances):
    """Return the gain per parameter of a richer model, and what noise would give."""
    gains = np.sort(deviances[simple] - deviances[rich])
    if gains.size >= _MANY:
        gains = gains[: gains.size - int(_TRIMMED * gains.size)]
    more = int(counts[rich] - counts[simple])
    by_chance = stats.f.isf(_LEVEL, more * gains.size, free[rich] * gains.size)
    return float(gains.mean() / more), float(max(_LEAST_GAIN, by_chance))
