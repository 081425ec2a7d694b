"""Denoising of image series by principal components of overlapping patches."""

import numbers

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils._progress import tell_fit
from ..utils._scaling import real_parts
from ..utils._sklearn import BaseEstimator, Interval, _fit_context
from ..utils._validation import N_JOBS, RealInterval, check_size, validate_signals
from ._image import (
    check_extents,
    check_mask,
    check_noise,
    check_shape,
    check_stride,
    place_rows,
)
from ._layers import denoise_patches
from ._patches import lay_patches

_WHOLE = Interval(numbers.Integral, 1, None, closed="left")
# Rows that are looked at together for their finite values.
_ROWS = 1 << 16


class MarchenkoPasturDenoiser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Take the noise out of image series by the Marchenko-Pastur law.

    Neighbouring voxels share few kinds of signal: the matrix of a patch, voxels by
    acquisition points, has few singular values of signal, and many of noise, whose
    spread is known for any matrix of independent Gaussian numbers [1]_ [2]_. What lies
    within it is removed. Nothing is assumed of relaxation.

    Parameters
    ----------
    image_shape : tuple of one to three int or None, default=None
        Voxels along each axis of the image; rows of X are its voxels in C order. None
        takes the shape of `mask`. Without both, rows have no places and all of them
        form one patch.
    mask : array-like of bool or None, default=None
        Voxels to denoise, in the shape of the image, or one per voxel of it. Rows of X
        are either its true voxels, as those of a
        :class:`~skrelax.io.RelaxationTable` whose ``spatial["mask"]`` it is, or all
        voxels of the image, of which those outside come back as they were.
    patch_size : int, tuple of int or None, default=None
        Voxels of a patch along each axis of the image, or along all that have more
        than one voxel. None takes the least odd number for which a patch has at least
        as many voxels as there are points: 5 x 5 x 5 or 7 x 7 for 48 echoes.
    stride : int, tuple of int or None, default=None
        Voxels from patch to patch along each axis; None is half of the patch. 1 costs
        up to 8 times as much for 1-3 % less noise.
    noise_std : float, array-like of shape (n_voxels,) or None, default=None
        Standard deviation of the noise of a point, for complex series that of the real
        part and of the imaginary part. Patches are cut at the edge that belongs to it.
        Voxels where it is nan are left out. None estimates it in each patch.
    n_jobs : int or None, default=None
        Threads. Results do not depend on it.

    Attributes
    ----------
    noise_std_ : ndarray of shape (n_voxels,)
        Standard deviation of the noise in the data of `fit` (of each part of complex
        ones): root of the mean variance of the patches that hold a voxel, or the one
        given. nan where no patch tells.
    rank_ : ndarray of shape (n_voxels,)
        Mean number of components that were kept in these patches.
    patch_size_ : tuple of int
        Voxels of a patch along each axis of the image.
    n_features_in_ : int
        Number of acquisition points.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the points, if the voxels were a frame with string names.

    See Also
    --------
    skrelax.uncertainty.estimate_noise_std : The noise of single signals.
    TSVDCompressor : Fewer numbers per signal, with one basis for all.

    Notes
    -----
    Let :math:`\lambda_1 \ge \lambda_2 \ge \dots` be the squared singular values of a
    patch of m voxels and n points. Its rank is the least p with

    .. math:: \lambda_{p+1} \le (\sqrt{m-p} + \sqrt{n-p})^2 \sigma^2, \qquad
              \sigma^2 = \frac{\sum_{i>p} \lambda_i}{(m-p)(n-p)},

    the edge of the law for the m - p by n - p numbers that p components leave [2]_
    [3]_. Where so few are left that a component with half of their squares would pass
    (three voxels or points beside 48), nothing is removed. A voxel is the mean over all
    patches that hold it, with weights 1 / (1 + p) [4]_. Patches at the border are moved
    inside, so that all have their full size; those less than half in the mask are left
    out, and voxels in no other come back as they were, with a nan in `rank_`. So do
    voxels with values that are not finite.

    `transform` denoises the series that it is given by itself: `fit` learns its size,
    and how noisy its own data are. `fit_transform` does both at once.

    **When it holds.** Noise must be independent from voxel to voxel and point to point,
    and Gaussian: denoise first, before interpolation, filters or registration.
    Magnitudes are Rician. Points at an SNR of 5 give a noise level that is 1 % too
    low, at an SNR of 3 it is 3 %, and 34.5 % without signal (factor .655): 48 echoes up
    to 480 ms of a T2 of 80 ms, SNR 100 in the first, give 8 % too little. Their floor
    is a signal to the denoiser, and stays. Denoise the complex series and take
    magnitudes afterwards, or phase it (:func:`skrelax.io.correct_phase`).

    **What it costs.** With the noise goes the signal that few voxels of a patch use:
    of a voxel unlike its neighbours all that adds less than about
    :math:`\sigma (\sqrt m + \sqrt n)` to their components, in the norm of a whole
    series. A lesion of one voxel with another T2 stays, one that differs in a small
    fraction alone is smoothed away. Where no two voxels are alike, the noise in the
    directions of their signals stays, and that is what matters to a distribution. What
    is left is not white: rules that read strengths off residuals (``"chi2"``,
    ``"gcv"``, ``"discrepancy"``) do not mean the same for denoised signals.

    References
    ----------
    .. [1] V. A. Marchenko, L. A. Pastur, "Distribution of eigenvalues for some sets of
       random matrices", Math. USSR Sb. 1 (1967) 457.
       https://doi.org/10.1070/SM1967v001n04ABEH001994
    .. [2] J. Veraart et al., "Denoising of diffusion MRI using random matrix theory",
       NeuroImage 142 (2016) 394. https://doi.org/10.1016/j.neuroimage.2016.08.016
    .. [3] M. D. Does et al., "Evaluation of principal component analysis image
       denoising on multi-exponential MRI relaxometry", Magn. Reson. Med. 81 (2019)
       3503. https://doi.org/10.1002/mrm.27658
    .. [4] J. V. Manjon et al., "Diffusion weighted image denoising using overcomplete
       local PCA", PLoS ONE 8 (2013) e73021.
       https://doi.org/10.1371/journal.pone.0073021

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.decomposition import MarchenkoPasturDenoiser
    >>> T2 = np.linspace(0.05, 0.1, 400)[:, None]
    >>> clean = np.exp(-0.01 * np.arange(1, 25) / T2)
    >>> noise = 0.02 * np.random.default_rng(0).standard_normal(clean.shape)
    >>> denoiser = MarchenkoPasturDenoiser(image_shape=(20, 20))
    >>> denoised = denoiser.fit_transform(clean + noise)
    >>> round(float(denoiser.noise_std_.mean()), 3)
    0.02
    >>> bool((denoised - clean).std() < 0.4 * noise.std())
    True
    """

    _ignores_signals = True
    _parameter_constraints: dict = {
        "image_shape": [tuple, list, None],
        "mask": ["array-like", None],
        "patch_size": [_WHOLE, tuple, list, None],
        "stride": [_WHOLE, tuple, list, None],
        "noise_std": [RealInterval(1e-100, 1e100, closed="both"), "array-like", None],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        image_shape=None,
        mask=None,
        patch_size=None,
        stride=None,
        noise_std=None,
        n_jobs=None,
    ):
        self.image_shape = image_shape
        self.mask = mask
        self.patch_size = patch_size
        self.stride = stride
        self.noise_std = noise_std
        self.n_jobs = n_jobs

    def fit(self, X, y=None):
        """Estimate the noise of a series.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Real or complex signals, one row per voxel.
        y : None
            Ignored.

        Returns
        -------
        MarchenkoPasturDenoiser
            The denoiser.

        Raises
        ------
        ValueError
            If the image, the mask, the noise and X have different sizes, or patches do
            not fit into the image.
        TypeError
            If sizes are no integers or the mask is none.
        """
        self._fit(X, wanted=False)
        return self

    def fit_transform(self, X, y=None):
        """Estimate the noise of a series and take it out.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Real or complex signals, one row per voxel.
        y : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_voxels, n_points)
            Denoised signals.
        """
        return self._fit(X, wanted=True)

    def transform(self, X):
        """Take the noise out of a series of images, by its own patches.

        Parameters
        ----------
        X : array-like of shape (n_voxels, n_points)
            Real or complex signals of an image of the same shape.

        Returns
        -------
        ndarray of shape (n_voxels, n_points)
            Denoised signals.
        """
        check_is_fitted(self)
        X = validate_signals(self, X, reset=False, allow_nan=True)
        return self._denoise(X, wanted=True).signals

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, wanted):
        """Learn size and noise of a series; return it denoised, if that is wanted."""
        X = validate_signals(self, X, reset=True, allow_nan=True, min_points=2)
        if len(X) < 2:
            raise ValueError(f"X has n_samples={len(X)} voxel, two are needed.")
        shape = None if self.image_shape is None else check_shape(self.image_shape)
        mask = self.mask
        if mask is not None:
            mask = check_mask(mask, shape)
            shape = mask.shape
        self._shape, self._mask, self._noise = shape, mask, check_noise(self.noise_std)
        if shape is not None:
            self.patch_size_ = check_extents(self.patch_size, shape, X.shape[1])
        elif self.patch_size is None and self.stride is None:
            self.patch_size_ = (len(X),)
        else:
            raise ValueError(
                "patch_size and stride need image_shape or mask; where rows have no "
                "places all of them are one patch."
            )
        self._stride = check_stride(self.stride, self.patch_size_)
        found = self._denoise(X, wanted)
        self.noise_std_, self.rank_ = found.noise_std, found.rank
        tell_fit(self, X)
        return found.signals

    def _denoise(self, X, wanted):
        """Return the Denoised rows of X, its signals if they are wanted."""
        places = place_rows(len(X), self._shape, self._mask)
        # Complex noise has the variance of two channels.
        channels = np.sqrt(2.0) if np.iscomplexobj(X) else 1.0
        sound, scale = _look_at(X, self._noise)
        places = np.where((places >= 0) & sound[places], places, -1)
        size = self.patch_size_
        if self._shape is None:
            places = places[sound]
            size = places.shape
        if scale is not None:
            scale = scale * channels
        found = denoise_patches(
            X, lay_patches(places, size, self._stride), scale, self.n_jobs, wanted
        )
        return found._replace(noise_std=found.noise_std / channels)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _look_at(X, noise_std):
    """Return which rows of X can be denoised, and the noise of each row if known."""
    sound = np.empty(len(X), dtype=bool)
    largest = 0.0
    for start in range(0, len(X), _ROWS):
        rows = slice(start, start + _ROWS)
        parts = real_parts(X[rows])
        sound[rows] = np.isfinite(parts).all(axis=1)
        size = np.abs(parts[sound[rows]]).max(initial=0.0)
        largest = max(largest, float(size))
    check_size(np.array([largest]), "X")
    if noise_std is None:
        return sound, None
    scale = np.asarray(noise_std, dtype=np.float64)
    if scale.ndim == 1 and scale.size != len(X):
        raise ValueError(
            f"noise_std must have one number for each of the {len(X)} rows of X, got "
            f"{scale.size}."
        )
    scale = np.broadcast_to(scale, len(X))
    sound &= ~np.isnan(scale)
    if largest > 1e100 * scale[sound].min(initial=np.inf):
        raise ValueError(
            f"noise_std must not be so far below the signals, up to {largest:.3g}, got "
            f"{scale[sound].min():.3g}."
        )
    return sound, scale
