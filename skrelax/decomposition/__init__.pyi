"""Written by .ci/stubs.py from signatures and docstrings; do not edit."""

from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.model_selection import CallbackSupportMixin

__all__ = [
    "MarchenkoPasturDenoiser",
    "TSVDCompressor",
]

class MarchenkoPasturDenoiser(
    OneToOneFeatureMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator
):
    image_shape: tuple[int, ...] | None
    mask: ArrayLike | None
    patch_size: int | tuple[int, ...] | None
    stride: int | tuple[int, ...] | None
    noise_std: float | ArrayLike | None
    n_jobs: int | None
    noise_std_: NDArray[Any]
    rank_: NDArray[Any]
    patch_size_: tuple[int, ...]
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        mask: ArrayLike | None = None,
        patch_size: int | tuple[int, ...] | None = None,
        stride: int | tuple[int, ...] | None = None,
        noise_std: float | ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> None: ...
    def fit(self, X: ArrayLike, y: None = None) -> Self: ...
    def fit_transform(self, X: ArrayLike, y: None = None) -> NDArray[Any]: ...
    def transform(self, X: ArrayLike) -> NDArray[Any]: ...

class TSVDCompressor(TransformerMixin, CallbackSupportMixin, BaseEstimator):
    n_components: int | float | Literal["noise"] | Literal["entropy"]
    output: Literal["kernel", "components"]
    noise_std: float | None
    components_: NDArray[Any]
    singular_values_: NDArray[Any]
    n_components_: int
    compression_factor_: float
    n_features_in_: int
    def __init__(
        self,
        n_components: int | float | Literal["noise"] | Literal["entropy"] = 1e-10,
        output: Literal["kernel", "components"] = "kernel",
        noise_std: float | None = None,
    ) -> None: ...
    def fit(
        self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def transform(self, X: ArrayLike) -> NDArray[Any]: ...
    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]: ...
    def compress(
        self, K: ArrayLike, s: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[Any]: ...
