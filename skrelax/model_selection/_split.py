"""Cross-validation over acquisition points."""

import numbers

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples

from ..utils._validation import check_numbers, errors_name, stable_std
from ..utils._warnings import give_warning
from ._criteria import within_one_standard_error


class InterleavedKFold(BaseCrossValidator):
    """Split acquisition points into folds that each span the whole decay.

    Fold i holds out rows i, i + n_splits, i + 2 n_splits, ... Contiguous folds,
    scikit-learn's default, would ask for an extrapolation of the decay.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.model_selection import InterleavedKFold
    >>> for train, test in InterleavedKFold(2).split(np.zeros((5, 1))):
    ...     print(train, test)
    [1 3] [0 2 4]
    [0 2 4] [1 3]
    """

    def __init__(self, n_splits=5):
        is_count = isinstance(n_splits, numbers.Integral)
        if not is_count or isinstance(n_splits, bool) or n_splits < 2:
            raise ValueError(f"n_splits must be an int of at least 2, got {n_splits}.")
        self.n_splits = n_splits

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X : object
            Ignored.
        y : object
            Ignored.
        groups : object
            Ignored.

        Returns
        -------
        int
            The number of folds.
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield the points of each fold.

        Parameters
        ----------
        X : array-like of shape (n_points, n_columns)
            Acquisition points.
        y : object
            Ignored.
        groups : object
            Ignored, with a warning, as by :class:`~sklearn.model_selection.KFold`.

        Yields
        ------
        train : ndarray
            Points to fit.
        test : ndarray
            Points held out.
        """
        if groups is not None:
            give_warning(
                "groups are ignored by InterleavedKFold; pass a splitter that takes "
                "them as cv, GroupKFold for example.",
            )
        with errors_name("X"):
            _num_samples(X)
        yield from super().split(X, y)

    def _iter_test_indices(self, X=None, y=None, groups=None):
        n_points = _num_samples(X)
        if n_points < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is above the number of points, "
                f"n_samples={n_points}."
            )
        for fold in range(self.n_splits):
            yield np.arange(fold, n_points, self.n_splits)


def one_standard_error(cv_results, parameter=None):
    """Choose the strongest penalty within one standard error of the best score.

    To be passed as ``refit`` to :class:`~sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of the search, with one score.
    parameter : str or None, default=None
        Name of the parameter whose largest value is the simplest model, as in
        ``"lassofista__alpha"``. None: the only parameter of the search. Set
        it with :func:`functools.partial`.

    Returns
    -------
    int
        Index of the chosen candidate. With one fold, which has no standard error, the
        strongest of those with the best score.

    Raises
    ------
    ValueError
        If `parameter` is None and the search has several, or is unknown, or if
        `cv_results` has no finite score.

    Examples
    --------
    >>> import numpy as np
    >>> from skrelax.model_selection import one_standard_error
    >>> one_standard_error({
    ...     "param_alpha": np.array([1.0, 2.0, 4.0]),
    ...     "split0_test_score": np.array([0.90, 0.89, 0.1]),
    ...     "split1_test_score": np.array([0.94, 0.93, 0.2]),
    ...     "mean_test_score": np.array([0.92, 0.91, 0.15]),
    ... })
    1
    """
    if not hasattr(cv_results, "keys"):
        raise TypeError(
            f"cv_results must be a dict of arrays, got {type(cv_results).__name__}."
        )
    searched = [key for key in cv_results if str(key).startswith("param_")]
    key = f"param_{parameter}" if parameter is not None else None
    if key is None:
        if len(searched) != 1:
            raise ValueError(
                f"parameter must be given where the search has several: {searched}."
            )
        key = searched[0]
    if key not in cv_results:
        raise ValueError(f"parameter must be one of {searched}, got {parameter!r}.")
    names = [
        name
        for name in cv_results
        if str(name).startswith("split") and str(name).endswith("_test_score")
    ]
    if "mean_test_score" not in cv_results or not names:
        raise ValueError(
            "cv_results must have mean_test_score and split0_test_score, ... of one "
            f"score, got {list(cv_results)}."
        )
    strength = check_numbers(cv_results[key], f"cv_results[{key!r}]", finite=False)
    columns = {
        name: check_numbers(cv_results[name], f"cv_results[{name!r}]", finite=False)
        for name in ["mean_test_score", *names]
    }
    for name, column in columns.items():
        if column.shape != strength.shape or column.ndim != 1:
            raise ValueError(
                f"cv_results[{name!r}] must be as long as its {key}, got shapes "
                f"{column.shape} and {strength.shape}."
            )
    mean = columns["mean_test_score"]
    if not np.isfinite(mean).any():
        raise ValueError("cv_results must have a finite mean_test_score, got none.")
    # Failed fits are not chosen, nor are candidates without the parameter, unless best.
    loss = np.where(np.isfinite(mean), -mean, np.inf)
    best = int(loss.argmin())
    scores = np.array([columns[name] for name in names])[:, best]
    scores = scores[np.isfinite(scores)]
    # Scores of fits that go wrong may be too large to square.
    error = stable_std(scores) / np.sqrt(scores.size) if scores.size > 1 else 0.0
    known = np.where(np.isfinite(strength), strength, -np.inf)
    order = np.argsort(-known, kind="stable")
    sizes = np.abs(mean)
    ranked = within_one_standard_error(
        loss[order], error, sizes[order], int(np.flatnonzero(order == best)[0])
    )
    return int(order[ranked])
