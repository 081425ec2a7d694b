"""Truncated singular value decomposition with rank rules."""

import numbers

import numpy as np
from scipy import linalg
from sklearn.base import TransformerMixin
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from ..utils._grid_shape import carry_grid
from ..utils._parallel import calm_fit
from ..utils._progress import tell_fit
from ..utils._sklearn import (
    BaseEstimator,
    Interval,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
)
from ..utils._validation import (
    check_numbers,
    check_size,
    errors_name,
    validate_points,
    validate_signals,
    validate_weight,
)


class TSVDCompressor(TransformerMixin, BaseEstimator):
    r"""Compress a kernel, or signals, by a truncated singular value decomposition.

    With :math:`X = U S V^T` cut to the `r` largest singular values

    - ``output="kernel"`` maps every row x to :math:`x V_r V_r^T`. Rows and
      columns stay, so a Pipeline may hold it before a LASSO, and new
      acquisition points can be transformed. The LASSO then has exactly the
      minimiser of the row-compressed problem :math:`(U_r^T K, U_r^T s)`.
    - ``output="components"`` maps x to :math:`x V_r`, `r` columns. This
      compresses signals and dictionaries, whose rows are signals. It must not
      stand before a LASSO: positivity and L1 norm would lose their meaning.

    Parameters
    ----------
    n_components : int, float, "noise" or "entropy", default=1e-10
        Rank rule. An int is the rank itself, a float in (0, 1) keeps the
        singular values above this fraction of the largest, ``"noise"`` those
        above `noise_std`, ``"entropy"`` is the rule of mrinversion (see Notes).
    output : {"kernel", "components"}, default="kernel"
        What `transform` returns.
    noise_std : float or None, default=None
        Noise standard deviation of a signal of unit amplitude, for the rule
        ``"noise"``.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        Right singular vectors.
    singular_values_ : ndarray of shape (n_components_,)
        Kept singular values, decreasing.
    n_components_ : int
        The truncation index: number of singular values kept, at least one.
    compression_factor_ : float
        Number of rows seen in `fit` divided by `n_components_`.
    n_features_in_ : int
        Number of features seen in `fit`.

    See Also
    --------
    skrelax.kernels.KernelBuilder : Build the kernel.

    Notes
    -----
    The minimisers agree because, with :math:`P = U_r U_r^T`,
    :math:`P K = K V_r V_r^T` and
    :math:`\|P(K f - s)\|^2 = \|P K f - s\|^2 - \text{const}`. Weights of points
    enter before the decomposition: with weights, U, S and V are those of
    :math:`W^{1/2} X`.

    The entropy rule takes the singular value whose removal changes the entropy
    of the spectrum :math:`p_i = s_i^2 / \sum s^2` least [1]_. In exact
    arithmetic this is always the last one; what it returns is where the change
    drowns in round-off, so it differs between machines and precisions. For a
    flat spectrum it keeps one component (mrinversion: none).

    References
    ----------
    .. [1] R. Varshavsky et al., "Novel unsupervised feature filtering of
       biological data", Bioinformatics 22 (2006) e507.
       https://doi.org/10.1093/bioinformatics/btl214

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.decomposition import TSVDCompressor
    >>> from skrelax.kernels import KernelBuilder
    >>> kernel = KernelBuilder().fit_transform(np.geomspace(0.01, 10, 30)[:, None])
    >>> compressor = TSVDCompressor(n_components=1e-3).fit(kernel)
    >>> compressor.n_components_
    9
    >>> compressor.transform(kernel).shape
    (30, 64)
    """

    # What it learns does not depend on y.
    _ignores_signals = True
    _parameter_constraints: dict = {
        "n_components": [
            Interval(numbers.Integral, 1, None, closed="left"),
            Interval(numbers.Real, 0, 1, closed="neither"),
            StrOptions({"noise", "entropy"}),
        ],
        "output": [StrOptions({"kernel", "components"})],
        "noise_std": [Interval(numbers.Real, 0, None, closed="left"), None],
    }

    def __init__(self, n_components=1e-10, output="kernel", noise_std=None):
        self.n_components = n_components
        self.output = output
        self.noise_std = noise_std

    @calm_fit
    def fit(self, X, y=None, sample_weight=None):
        """Decompose X and choose the rank.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            A kernel, or signals.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,) or None, default=None
            Weight of each row.

        Returns
        -------
        TSVDCompressor
            The fitted compressor.

        Raises
        ------
        ValueError
            If the rank rule needs a `noise_std` that is not given, or asks for
            more components than X has.
        """
        self._fit(X, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, sample_weight):
        """Fit, and return X, the left singular vectors and the root weights."""
        X = validate_points(self, X, reset=True)
        check_size(X.ravel(), "X")
        root = None
        weighted = X
        weight = validate_weight(sample_weight, X)
        if weight is not None:
            check_size(weight, "sample_weight")
            root = np.sqrt(weight)[:, None]
            weighted = root * X
        U, s, Vt = linalg.svd(weighted, full_matrices=False)
        # The same signs on every machine, whatever LAPACK chose.
        U, Vt = svd_flip(U, Vt, u_based_decision=False)
        rank = self._choose_rank(s)
        # In one piece, as a pickle gives it back: products then round alike.
        self.components_ = np.array(Vt[:rank], order="C")
        self.singular_values_ = s[:rank].copy()
        self._output = self.output
        self.n_components_ = rank
        self.compression_factor_ = X.shape[0] / rank
        tell_fit(self, X)
        return weighted, U[:, :rank], root

    def transform(self, X):
        """Compress rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows of a kernel, or signals. For ``output="components"`` these may be
            complex, and rows may hold NaN, which their components then are.

        Returns
        -------
        ndarray of shape (n_rows, n_features) or (n_rows, n_components_)
            ``X V V^T`` for ``output="kernel"``, ``X V`` for
            ``output="components"``.
        """
        check_is_fitted(self)
        if self._output == "components":
            X = validate_signals(self, X, reset=False, allow_nan=True)
            # One bad voxel must not stop the rest: its components are not finite.
            with np.errstate(invalid="ignore"):
                return X @ self.components_.T
        source = X
        X = validate_points(self, X, reset=False)
        check_size(X.ravel(), "X")
        components = X @ self.components_.T
        return carry_grid(components @ self.components_, source)

    def inverse_transform(self, X):
        """Return rows of the original space from compressed ones.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_components_) or (n_rows, n_features)
            Compressed rows, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            ``X V^T`` for ``output="components"``. For ``output="kernel"`` the
            rows are in that space already and come back as they are.

        Raises
        ------
        ValueError
            If the number of columns is another one.
        """
        check_is_fitted(self)
        X = check_numbers(X, "X")
        check_size(X.ravel(), "X")
        if self._output == "kernel":
            expected = self.n_features_in_
        else:
            expected = self.n_components_
        if X.ndim != 2 or X.shape[1] != expected:
            raise ValueError(
                f"X must have shape (n_rows, {expected}), got shape {X.shape}."
            )
        return X.copy() if self._output == "kernel" else X @ self.components_

    def compress(self, K, s, sample_weight=None):
        r"""Fit to a kernel and return the small, row-compressed system.

        For use outside a Pipeline, where the number of rows may change.

        Parameters
        ----------
        K : array-like of shape (n_points, n_bins)
            Kernel.
        s : array-like of shape (n_points,) or (n_points, n_signals)
            Signals.
        sample_weight : array-like of shape (n_points,) or None, default=None
            Weight of each point.

        Returns
        -------
        compressed_K : ndarray of shape (n_components_, n_bins)
            :math:`U_r^T W^{1/2} K`.
        compressed_s : ndarray of shape (n_components_[, n_signals])
            :math:`U_r^T W^{1/2} s`.

        Raises
        ------
        ValueError
            If K and s have different numbers of points.

        Notes
        -----
        An objective that divides the sum of squares by the number of rows, as
        that of `LassoFista` does, weighs the compressed misfit by
        n_points / n_components_ more: scale `alpha` by that factor.
        """
        s = check_numbers(s, "s")
        with errors_name("K"):
            weighted, U, root = self._fit(K, sample_weight)
        if s.ndim not in (1, 2) or s.shape[0] != weighted.shape[0]:
            raise ValueError(
                f"s must have {weighted.shape[0]} points to match K, got shape "
                f"{s.shape}."
            )
        check_size(s.ravel(), "s")
        if root is not None:
            s = s * (root[:, 0] if s.ndim == 1 else root)
        return U.T @ weighted, U.T @ s

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the input columns.

        Returns
        -------
        ndarray of str objects
            The input names for ``output="kernel"``, else ``"tsvd0"``, ...
        """
        check_is_fitted(self)
        if self._output == "kernel":
            return _check_feature_names_in(self, input_features)
        names = [f"tsvd{i}" for i in range(self.n_components_)]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.output == "components"
        return tags

    def _choose_rank(self, s):
        rule = self.n_components
        if isinstance(rule, numbers.Integral):
            if rule > s.size:
                raise ValueError(
                    f"n_components={rule} is above min(n_rows, n_features)={s.size}."
                )
            return int(rule)
        if rule == "entropy":
            return _entropy_rank(s)
        if rule == "noise":
            if self.noise_std is None:
                raise ValueError("n_components='noise' needs noise_std, got None.")
            threshold = self.noise_std
        else:
            threshold = rule * s[0]
        return max(1, int(np.count_nonzero(s > threshold)))


def _entropy_rank(s):
    """Return the index of the singular value that the entropy misses least."""
    if s.size < 3 or s[0] == 0.0:
        return 1
    p = s**2 / np.sum(s**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p), 0.0)
    total = terms.sum()
    change = -total / np.log(s.size) + (total - terms) / np.log(s.size - 1)
    return max(1, int(np.argmin(change)))
