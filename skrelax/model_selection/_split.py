"""Cross-validation over acquisition points."""

import numbers

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples


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
        if not isinstance(n_splits, numbers.Integral) or n_splits < 2:
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
        Index of the chosen candidate.

    Raises
    ------
    ValueError
        If `parameter` is None and the search has several, or is unknown.

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
    searched = [key for key in cv_results if key.startswith("param_")]
    key = f"param_{parameter}" if parameter is not None else None
    if key is None:
        if len(searched) != 1:
            raise ValueError(
                f"parameter must be given where the search has several: {searched}."
            )
        key = searched[0]
    if key not in cv_results:
        raise ValueError(f"parameter must be one of {searched}, got {parameter!r}.")
    mean = np.asarray(cv_results["mean_test_score"])
    scores = np.array(
        [
            cv_results[name]
            for name in cv_results
            if name.startswith("split") and name.endswith("_test_score")
        ]
    )
    best = int(np.nanargmax(mean))
    error = scores[:, best].std(ddof=1) / np.sqrt(scores.shape[0])
    strength = np.asarray(cv_results[key], dtype=np.float64)
    return int(np.argmax(np.where(mean >= mean[best] - error, strength, -np.inf)))
