"""TSVDCompressor: the equivalence with row compression, rank rules, weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skrelax import KernelBuilder, LassoFista, TSVDCompressor
from skrelax.datasets import make_decay


@pytest.fixture(scope="module")
def problem():
    data = make_decay(noise_std=5e-3, random_state=0)
    builder = KernelBuilder(minimum=1e-2, maximum=1e3, supersampling=5)
    return builder.fit_transform(data.X), data.y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rank", [6, 12])
def test_same_minimiser_as_the_row_compressed_problem(problem, rank, weighted):
    kernel, y = problem
    weight = np.linspace(0.5, 2.0, 25) if weighted else None
    total = 25.0 if weight is None else weight.sum()
    alpha = 1e-3
    compressor = TSVDCompressor(rank)
    small_kernel, small_y = compressor.compress(kernel, y, sample_weight=weight)
    assert small_kernel.shape == (rank, 64)
    small = LassoFista(alpha * total / rank).fit(small_kernel, small_y)
    projected = compressor.transform(kernel)
    kept = LassoFista(alpha).fit(projected, y, sample_weight=weight)
    # Both are certified to 1e-8; the solutions agree to 1e-9 when measured.
    assert_allclose(kept.coef_, small.coef_, atol=1e-7)
    assert (kept.coef_ > 0).sum() < 12


def test_pipeline_keeps_rows_and_predicts_at_new_points(problem):
    data = make_decay(random_state=0)
    model = make_pipeline(KernelBuilder(), TSVDCompressor(1e-8), LassoFista(1e-5)).fit(
        data.X, data.y
    )
    later = model.predict(np.array([[0.05], [7.0]]))
    near = np.interp([0.05, 7.0], data.X[:, 0], data.clean)
    assert_allclose(later, near, atol=0.02)


def test_components_are_the_truncated_decomposition(problem):
    kernel, _ = problem
    compressor = TSVDCompressor(5, output="components").fit(kernel)
    scores = compressor.transform(kernel)
    assert scores.shape == (25, 5)
    U, s, Vt = np.linalg.svd(kernel, full_matrices=False)
    best = U[:, :5] * s[:5] @ Vt[:5]
    assert_allclose(compressor.inverse_transform(scores), best, atol=1e-12)
    assert_allclose(compressor.singular_values_, s[:5])
    assert compressor.compression_factor_ == 5.0
    projected = TSVDCompressor(5).fit(kernel)
    assert_allclose(projected.transform(kernel), best, atol=1e-12)
    assert_allclose(projected.inverse_transform(best), best)


def test_full_rank_changes_nothing(problem):
    kernel, _ = problem
    assert_allclose(TSVDCompressor(25).fit_transform(kernel), kernel, atol=1e-13)


def test_rank_rules(problem):
    kernel, _ = problem
    s = np.linalg.svd(kernel, compute_uv=False)
    assert TSVDCompressor(7).fit(kernel).n_components_ == 7
    expected = (s > 1e-4 * s[0]).sum()
    assert TSVDCompressor(1e-4).fit(kernel).n_components_ == expected
    expected = (s > 0.01).sum()
    noise = TSVDCompressor("noise", noise_std=0.01).fit(kernel)
    assert noise.n_components_ == expected
    assert TSVDCompressor("noise", noise_std=1e9).fit(kernel).n_components_ == 1


def leave_one_out_entropy_rank(s):
    """Return the argmin of the entropy change, removing one value after another."""

    def entropy(p):
        p = p[p > 0]
        return -(p * np.log(p)).sum()

    p = s**2 / (s**2).sum()
    changes = [
        entropy(p) / np.log(p.size) - entropy(np.delete(p, i)) / np.log(p.size - 1)
        for i in range(p.size)
    ]
    return int(np.argmin(changes))


def test_entropy_rule_on_a_spectrum_above_rounding():
    s = 10.0 ** -np.arange(6)
    matrix = np.diag(s)
    # Far from rounding the rule takes the last value, index 5.
    assert leave_one_out_entropy_rank(s) == 5
    assert TSVDCompressor("entropy").fit(matrix).n_components_ == 5


def test_entropy_rule_stops_where_rounding_takes_over():
    times = np.arange(1, 201)[:, None] * 0.25
    kernel = KernelBuilder(n_bins=100, minimum=1e-2, maximum=1e3).fit_transform(times)
    rank = TSVDCompressor("entropy").fit(kernel).n_components_
    s = np.linalg.svd(kernel, compute_uv=False)
    # p log p of the chosen value is below the rounding of the entropy, so this is
    # not the last index, as it would be in exact arithmetic.
    p = s**2 / (s**2).sum()
    assert abs(p[rank] * np.log(p[rank])) < 1e-15
    assert 5 <= rank < 99


def test_entropy_rule_equals_mrinversion(problem, capsys):
    linear_model = pytest.importorskip("mrinversion.linear_model")
    kernel, y = problem
    theirs = linear_model.TSVDCompression(K=np.asarray(kernel), s=y).truncation_index
    # Where the change drowns in rounding the argmin is a matter of a few indices.
    assert abs(TSVDCompressor("entropy").fit(kernel).n_components_ - theirs) <= 2


def test_degenerate_spectra():
    assert TSVDCompressor("entropy").fit(np.zeros((4, 4))).n_components_ == 1
    assert TSVDCompressor("entropy").fit(np.ones((4, 2))).n_components_ == 1
    assert TSVDCompressor().fit(np.zeros((4, 4))).n_components_ == 1


def test_names(problem):
    kernel, _ = problem
    names = TSVDCompressor(3, output="components").fit(kernel).get_feature_names_out()
    assert names.tolist() == ["tsvd0", "tsvd1", "tsvd2"]
    assert len(TSVDCompressor(3).fit(kernel).get_feature_names_out()) == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 26}, r"above min\(n_rows, n_features\)=25"),
        ({"n_components": "noise"}, "needs noise_std"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": 1.5}, "n_components"),
        ({"output": "rows"}, "output"),
    ],
)
def test_bad_settings(problem, settings, message):
    with pytest.raises(ValueError, match=message):
        TSVDCompressor(**settings).fit(problem[0])


def test_bad_shapes(problem):
    kernel, y = problem
    with pytest.raises(ValueError, match="s must have 25 points"):
        TSVDCompressor().compress(kernel, y[:-1])
    compressor = TSVDCompressor(3, output="components").fit(kernel)
    with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 3\)"):
        compressor.inverse_transform(kernel)
