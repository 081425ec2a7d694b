"""What a narrow peak becomes, and which relaxation times a measurement sees."""

import numbers

import numpy as np
import pandas as pd

from ..utils._answers import answering, fitted_distributions
from ..utils._inspect import find_kernel, weight_options
from ..utils._sklearn import HasMethods, validate_params
from ..utils._validation import check_number
from ..utils._warnings import collect_warnings
from ._bootstrap import check_one_signal, fit_inversion
from ._draw import points_left
from ._resampling import used_parameters

# Standard deviations of a Gaussian between the halves of its height.
_FULL_WIDTH = 2.0 * np.sqrt(2.0 * np.log(2.0))
# Standard deviations from which amplitude is told from none.
_CLEAR = 3.0
_LARGEST_NOISE = 1e90


@validate_params(
    {"estimator": [HasMethods(["fit", "predict"])]},
    prefer_skip_nested_validation=True,
)
def distribution_resolution(estimator, X, y, *, noise_std=None, sample_weight=None):
    r"""Return how wide a narrow peak becomes along the axis, and what is seen at all.

    The estimator is fitted to the signal. With the strength that it has, the signals of
    peaks of a single bin, of the same amplitude as the whole distribution, are then
    inverted without noise.

    Parameters
    ----------
    estimator : Pipeline of a KernelBuilder and a linear inversion, or a search over one
        The inversion, of one axis. It is cloned and fitted.
    X : array-like of shape (n_points, n_columns)
        Acquisition points.
    y : array-like of shape (n_points,)
        One signal, which sets amplitude, strength and noise.
    noise_std : float or None, default=None
        Noise of a point of weight one. None takes it from the residuals.
    sample_weight : array-like of shape (n_points,) or None, default=None
        Weight of each acquisition point.

    Returns
    -------
    DataFrame
        One row per bin, by its relaxation time. ``length``: full width at half height
        of a Gaussian with the standard deviation that the peak has on the logarithmic
        axis [decades]; two peaks that are nearer are one. ``shift``: how far its log
        mean is off [decades]. ``least_share``: share of the amplitude that a peak there
        needs to stand out of the noise by three standard deviations, were all else
        known. ``seen``: whether that is less than all. The first two are nan where
        nothing comes out.

    Raises
    ------
    ValueError
        If there is not one axis of relaxation times, y has several signals or no
        amplitude, too few points are left for the noise, or numbers are out of range.
    TypeError
        If `estimator` does not end in a linear inversion.

    See Also
    --------
    bootstrap_distribution : How sure numbers of a distribution are.
    skrelax.plotting.ResolutionDisplay : Draws it.

    Notes
    -----
    For an inversion without bounds the response of bin j is column j of
    :math:`(K^T K + \lambda L^T L)^{-1} K^T K`, the averaging kernel of [1]_. Bounds
    make a peak that stands alone narrower than beside others, so that the lengths are
    the best ones. The least share is :math:`3 \sigma / (A \|W^{1/2} k_j\|)` for the
    column :math:`k_j` of the kernel and the amplitude A.

    References
    ----------
    .. [1] G. Backus and F. Gilbert, "The resolving power of gross earth data",
       Geophys. J. R. Astron. Soc. 16 (1968) 169.
       https://doi.org/10.1111/j.1365-246X.1968.tb00216.x

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skrelax import KernelBuilder, SmoothLasso
    >>> from skrelax.uncertainty import distribution_resolution
    >>> times = np.geomspace(0.001, 1.0, 40)[:, None]
    >>> builder = KernelBuilder("T2", n_bins=31, minimum=1e-4, maximum=1e2)
    >>> model = make_pipeline(builder, SmoothLasso(0.0, 1e-4))
    >>> signal = np.exp(-times[:, 0] / 0.1)
    >>> table = distribution_resolution(model, times, signal, noise_std=0.01)
    >>> table["seen"].iloc[[0, 15]].tolist()
    [False, True]
    """
    signal, weight = check_one_signal(X, y, sample_weight)
    if noise_std is not None:
        noise_std = check_number(
            noise_std, "noise_std", 0.0, _LARGEST_NOISE, numbers.Real
        )
    fitted = fit_inversion(estimator, X, signal, sample_weight)
    found = fitted_distributions(fitted)
    if not found.has_times or len(found.grids) != 1:
        raise ValueError(
            "estimator must have one axis of relaxation times, got "
            f"{0 if found.grids is None else len(found.grids)}."
        )
    amplitude = float(found.rows.sum())
    if not amplitude > 0.0:
        raise ValueError(f"y must have a positive amplitude, got {amplitude}.")
    K = find_kernel(fitted, X)
    columns = np.asarray(K, dtype=np.float64)
    if noise_std is None:
        residuals = (signal - fitted.predict(X)) * np.sqrt(weight)
        used = used_parameters(fitted, columns, weight, found.rows[0])
        left = points_left(weight, used)
        noise_std = float(np.sqrt((residuals**2).sum() / left))
    with collect_warnings():
        kept = answering(fitted)._keep_choice(np.zeros(1, dtype=int))
        options = {} if sample_weight is None else weight_options(kept, weight)
        responses = kept.fit(K, amplitude * columns, **options).coef_.clip(min=0.0)
    times = found.grids[0]
    x = np.log10(times)
    total = responses.sum(axis=1)
    shares = np.full(responses.shape, np.nan)
    np.divide(responses, total[:, None], out=shares, where=total[:, None] > 0.0)
    centre = shares @ x
    spread = np.einsum("ij,ij->i", shares, (x - centre[:, None]) ** 2)
    norms = amplitude * np.sqrt(weight @ columns**2)
    least = np.full(times.size, np.inf)
    np.divide(_CLEAR * noise_std, norms, out=least, where=norms > 0.0)
    return pd.DataFrame(
        {
            "length": _FULL_WIDTH * np.sqrt(spread),
            "shift": centre - x,
            "least_share": least,
            "seen": least < 1.0,
        },
        index=pd.Index(times, name=found.axis_names[0]),
    )
