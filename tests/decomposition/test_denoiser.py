"""MarchenkoPasturDenoiser: a plain loop beside it, noise levels, what it must keep."""

import itertools

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline

from skrelax import NonlinearRelaxationFit, VoxelMapper
from skrelax.decomposition import MarchenkoPasturDenoiser, _layers
from skrelax.io import RelaxationTable

TIMES = 0.01 * np.arange(1, 25)
NOISE = 0.01


def smooth_series(shape, times=TIMES):
    """Return decays (*shape, n_points) of two components with smooth maps."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    share = 0.3 + 0.2 * np.sin(2 * axes[0]) * np.cos(sum(axes))
    both = np.exp(-times / np.array([[0.02], [0.09]]))
    return share[..., None] * both[0] + (1 - share[..., None]) * both[1]


def add_noise(series, noise_std=NOISE, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(series.shape)
    if np.iscomplexobj(series):
        noise = noise + 1j * rng.standard_normal(series.shape)
    return series + noise_std * noise


def rows(series):
    return series.reshape(-1, series.shape[-1])


def starts(length, size, step):
    found = list(range(0, length - size + 1, step))
    return found if found[-1] == length - size else [*found, length - size]


def plain_loop(image, mask, size, stride):
    """Return denoised images and noise levels, by a decomposition of each patch."""
    total, weights = np.zeros_like(image), np.zeros(mask.shape)
    variances, noisy = np.zeros(mask.shape), np.zeros(mask.shape)
    for corner in itertools.product(*map(starts, mask.shape, size, stride)):
        box = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
        inside = np.zeros(mask.shape, dtype=bool)
        inside[box] = mask[box]
        m, n = np.count_nonzero(inside), image.shape[-1]
        if m < np.prod(size) / 2:
            continue
        U, s, Vh = np.linalg.svd(image[inside], full_matrices=False)
        rank, variance = min(m, n), None
        for p in range(min(m, n)):
            edge = (np.sqrt(m - p) + np.sqrt(n - p)) ** 2
            count = (m - p) * (n - p)
            level = (s[p:] ** 2).sum() / count
            if 2 * edge < count and s[p] ** 2 <= edge * level:
                rank, variance = p, level
                break
        weight = 1 / (1 + rank)
        total[inside] += weight * ((U[:, :rank] * s[:rank]) @ Vh[:rank])
        weights[inside] += weight
        if variance is not None:
            variances[inside] += variance
            noisy[inside] += 1
    seen = weights > 0
    out = image.copy()
    out[seen] = total[seen] / weights[seen][:, None]
    with np.errstate(invalid="ignore"):
        return out, np.sqrt(variances / noisy)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("shape", "size", "stride"), [
    ((12, 9), (5, 5), (2, 2)),
    ((9, 12), (3, 4), (1, 3)),
    ((7, 5, 6), (3, 3, 3), (1, 2, 3)),
    ((1, 11, 8), (1, 6, 7), (1, 3, 3)),
    ((40,), (30,), (7,)),
])  # fmt: skip
def test_equals_a_plain_loop(shape, size, stride, kind):
    series = smooth_series(shape).astype(kind)
    if kind is complex:
        series *= np.exp(1j * np.linspace(0, 2, series.shape[0]))[
            (slice(None),) + (None,) * len(shape)
        ]
    image = add_noise(series)
    mask = np.ones(shape, dtype=bool)
    mask.ravel()[[1, 2, 3, -9]] = False
    expected, noise = plain_loop(image, mask, size, stride)
    denoiser = MarchenkoPasturDenoiser(
        mask=mask, image_shape=shape, patch_size=size, stride=stride
    )
    got = denoiser.fit_transform(image[mask])
    # Squared singular values have the digits of rounding, 1e-16 of the largest; noise
    # is 1e-4 of it and apart from signals, so vectors have about 12.
    assert_allclose(got, expected[mask], rtol=0, atol=1e-10)
    channels = np.sqrt(2) if kind is complex else 1
    assert_allclose(denoiser.noise_std_ * channels, noise[mask], rtol=1e-9)
    assert_array_equal(np.isnan(denoiser.noise_std_), np.isnan(noise[mask]))


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("shape", "within"), [((14, 14, 8), 0.01), ((24, 24), 0.02)])
def test_finds_the_noise_level_and_takes_most_of_it_out(shape, within, kind):
    series = smooth_series(shape).astype(kind)
    denoiser = MarchenkoPasturDenoiser(shape)
    left = denoiser.fit_transform(rows(add_noise(series))) - rows(series)
    level = np.sqrt(np.mean(denoiser.noise_std_**2))
    # Some 1e4 numbers: .7 % by chance, and a patch now and then keeps noise.
    assert_allclose(level, NOISE, rtol=within)
    assert_allclose(denoiser.noise_std_, NOISE, rtol=0.15)
    # Two components of 24 by 27 or more numbers.
    channels = 2 if kind is complex else 1
    assert np.mean(np.abs(left) ** 2) < channels * (0.4 * NOISE) ** 2
    assert 1 <= denoiser.rank_.mean() < 2.5


def test_signals_without_noise_keep_all_digits():
    series = rows(smooth_series((12, 12)))
    denoiser = MarchenkoPasturDenoiser((12, 12))
    assert_allclose(denoiser.fit_transform(series), series, rtol=0, atol=1e-13)
    # Squares are rounded to 1e-16 of the largest.
    assert np.all(denoiser.noise_std_ < 1e-7)
    zeros = np.zeros_like(series)
    assert_array_equal(denoiser.fit_transform(zeros), zeros)
    assert_array_equal(denoiser.noise_std_, 0.0)


def test_noise_alone_has_no_rank():
    noise = np.random.default_rng(0).standard_normal((20 * 20 * 6, 30))
    denoiser = MarchenkoPasturDenoiser((20, 20, 6))
    left = denoiser.fit_transform(noise)
    # The largest of noise is beyond the edge in some 15 % of patches.
    assert denoiser.rank_.mean() < 0.3
    assert left.std() < 0.1
    assert_allclose(np.sqrt(np.mean(denoiser.noise_std_**2)), 1.0, rtol=0.01)


def test_nothing_is_taken_where_nothing_is_redundant():
    rng = np.random.default_rng(0)
    # Each of few voxels has a direction of its own, and none tells of noise.
    unrelated = np.linalg.qr(rng.standard_normal((30, 9)))[0].T
    unrelated *= np.geomspace(1, 99, 9)[:, None]
    for n_voxels in (2, 3, 9):
        denoiser = MarchenkoPasturDenoiser((n_voxels,), patch_size=n_voxels)
        got = denoiser.fit_transform(unrelated[:n_voxels])
        assert_allclose(got, unrelated[:n_voxels], rtol=0, atol=1e-12)
        assert_array_equal(denoiser.rank_, n_voxels)
        assert np.isnan(denoiser.noise_std_).all()


def test_a_different_voxel_stays_where_it_stands_above_the_noise():
    series = np.tile(np.exp(-TIMES / 0.08), (11, 11, 1))
    # 30 times the noise in the norm of the series, where the edge is 12.
    odd = np.zeros(TIMES.size)
    odd[3:6] = 0.3 / np.sqrt(3)
    series[5, 5] += odd
    denoiser = MarchenkoPasturDenoiser((11, 11), patch_size=5, stride=1)
    left = denoiser.fit_transform(rows(add_noise(series))) - rows(series)
    left = left.reshape(series.shape)
    # Its own noise in the direction that no other voxel uses, no more.
    assert np.abs(left[5, 5] @ odd) / 0.3 < 4 * NOISE
    away = np.ones((11, 11), dtype=bool)
    away[5, 5] = False
    assert np.abs(left[away] @ odd).max() / 0.3 < 4 * NOISE


@pytest.mark.parametrize("kind", [float, complex])
def test_threads_and_batches_do_not_change_a_bit(kind, monkeypatch):
    image = rows(add_noise(smooth_series((13, 11, 7)).astype(kind)))
    image[100] = np.nan
    denoiser = MarchenkoPasturDenoiser((13, 11, 7), patch_size=3)
    expected = denoiser.fit_transform(image)
    noise, rank = denoiser.noise_std_, denoiser.rank_
    assert_array_equal(denoiser.transform(image), expected)
    # Eigenvalues without vectors take another way through LAPACK.
    assert_allclose(denoiser.fit(image).noise_std_, noise, rtol=1e-10)
    assert_array_equal(denoiser.rank_, rank)
    for batch in (1, 30_000):
        monkeypatch.setattr(_layers, "_BATCH", batch)
        assert_array_equal(denoiser.transform(image), expected)
    monkeypatch.setattr(_layers, "_WAITING", 1)
    for n_jobs in (2, 5):
        denoiser.set_params(n_jobs=n_jobs)
        assert_array_equal(denoiser.fit_transform(image), expected)
        assert_array_equal(denoiser.noise_std_, noise)
        assert_array_equal(denoiser.rank_, rank)


def test_axes_are_alike():
    image = add_noise(smooth_series((12, 9, 6)))
    expected = MarchenkoPasturDenoiser((12, 9, 6)).fit_transform(rows(image))
    expected = expected.reshape(image.shape)
    for axes in itertools.permutations(range(3)):
        turned = np.ascontiguousarray(image.transpose(*axes, 3))
        got = MarchenkoPasturDenoiser(turned.shape[:3]).fit_transform(rows(turned))
        got = got.reshape(turned.shape)
        assert_allclose(got, expected.transpose(*axes, 3), rtol=0, atol=1e-10)
    slices = image[:, :, :1]
    flat = MarchenkoPasturDenoiser((12, 9)).fit_transform(rows(slices))
    single = MarchenkoPasturDenoiser((12, 9, 1)).fit(rows(slices))
    assert single.patch_size_ == (5, 5, 1)
    assert_array_equal(single.transform(rows(slices)), flat)


def test_units_do_not_matter():
    image = rows(add_noise(smooth_series((9, 9))))
    denoiser = MarchenkoPasturDenoiser((9, 9))
    expected, noise = denoiser.fit_transform(image), denoiser.fit(image).noise_std_
    # Powers of two round nothing.
    for factor in (2.0**-200, 2.0**200):
        assert_array_equal(denoiser.fit_transform(factor * image), factor * expected)
        assert_allclose(denoiser.noise_std_, factor * noise, rtol=1e-9)


def test_masks_and_missing_voxels():
    series = smooth_series((14, 12))
    image = rows(add_noise(series))
    mask = np.hypot(*np.ogrid[-1:1:14j, -1:1:12j]) < 0.9
    inside = MarchenkoPasturDenoiser(mask=mask)
    expected = inside.fit_transform(image[mask.ravel()])
    for shape, given in (((14, 12), mask.ravel()), (None, mask), (None, mask * 1.0)):
        whole = MarchenkoPasturDenoiser(shape, given)
        got = whole.fit_transform(image)
        assert_array_equal(got[mask.ravel()], expected)
        assert_array_equal(got[~mask.ravel()], image[~mask.ravel()])
        assert_array_equal(whole.noise_std_[mask.ravel()], inside.noise_std_)
        assert np.isnan(whole.noise_std_[~mask.ravel()]).all()
    # One value that is not finite takes its voxel out, as the mask does.
    for bad in (np.nan, np.inf):
        holes = image.copy()
        holes[~mask.ravel(), 3] = bad
        got = MarchenkoPasturDenoiser((14, 12)).fit_transform(holes)
        assert_array_equal(got[mask.ravel()], expected)
        assert_array_equal(got[~mask.ravel()], holes[~mask.ravel()])
    nothing = np.full_like(image, np.nan)
    assert np.isnan(MarchenkoPasturDenoiser((14, 12)).fit_transform(nothing)).all()


def test_voxels_apart_come_back_as_they_were():
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10, :10] = mask[15, 15] = True
    image = add_noise(smooth_series((20, 20)))[mask]
    denoiser = MarchenkoPasturDenoiser(mask=mask)
    got = denoiser.fit_transform(image)
    assert_array_equal(got[-1], image[-1])
    assert np.isnan(denoiser.rank_[-1])
    assert np.isnan(denoiser.noise_std_[-1])
    assert not np.isnan(denoiser.noise_std_[:-1]).any()


def test_rows_without_places_are_one_patch():
    image = rows(add_noise(smooth_series((10, 10))))
    order = np.random.default_rng(0).permutation(len(image))
    denoiser = MarchenkoPasturDenoiser()
    got = denoiser.fit_transform(image)
    one = MarchenkoPasturDenoiser((10, 10), patch_size=10).fit_transform(image)
    assert_allclose(got, one, rtol=0, atol=1e-12)
    assert_allclose(denoiser.transform(image[order]), got[order], rtol=0, atol=1e-12)
    holes = np.vstack([image, np.full((500, 24), np.nan)])
    assert_allclose(denoiser.fit_transform(holes)[:100], got, rtol=0, atol=1e-12)
    assert denoiser.transform(image[:30]).shape == (30, 24)


def test_known_noise():
    series = smooth_series((16, 16))
    level = np.random.default_rng(1).uniform(0.5, 4.0, 256)
    image = rows(add_noise(np.zeros_like(series), 1.0)) * NOISE * level[:, None]
    image += rows(series)
    errors = []
    for noise_std in (NOISE * level, None):
        denoiser = MarchenkoPasturDenoiser((16, 16), noise_std=noise_std)
        errors.append(np.std(denoiser.fit_transform(image) - rows(series)))
    # Without the map one voxel's noise is another one's signal.
    assert errors[0] < 0.7 * errors[1]
    known = MarchenkoPasturDenoiser((16, 16), noise_std=NOISE * level)
    expected = known.fit_transform(image)
    assert_allclose(known.noise_std_, NOISE * level)
    assert_array_equal(known.fit(image).rank_, known.rank_)
    # A number is a map of it; a level far above the signals leaves nothing.
    even = rows(add_noise(series))
    number = MarchenkoPasturDenoiser((16, 16), noise_std=NOISE)
    same = MarchenkoPasturDenoiser((16, 16), noise_std=np.full(256, NOISE))
    assert_array_equal(number.fit_transform(even), same.fit_transform(even))
    number.set_params(noise_std=1e3)
    assert_array_equal(number.fit_transform(even), 0.0)
    number.set_params(noise_std=1e-9)
    assert_allclose(number.fit_transform(even), even, rtol=0, atol=1e-12)
    # nan leaves out, and what is set later does not reach what was fitted.
    some = NOISE * level
    some[:5] = np.nan
    partly = MarchenkoPasturDenoiser((16, 16), noise_std=some).fit(image)
    assert_array_equal(partly.transform(image)[:5], image[:5])
    some[:] = 7.0
    assert_array_equal(partly.transform(image)[:5], image[:5])
    assert_allclose(partly.transform(image)[200:], expected[200:], atol=2 * NOISE)


def test_noise_of_complex_series_is_that_of_a_channel():
    series = smooth_series((16, 16)).astype(complex)
    image = rows(add_noise(series))
    denoiser = MarchenkoPasturDenoiser((16, 16))
    got = denoiser.fit_transform(image)
    known = MarchenkoPasturDenoiser((16, 16), noise_std=NOISE).fit(image)
    assert_allclose(np.sqrt(np.mean(denoiser.noise_std_**2)), NOISE, rtol=0.02)
    errors = [np.std(found - rows(series)) for found in (got, known.transform(image))]
    assert_allclose(errors, errors[0], rtol=0.1)
    assert_allclose(known.noise_std_, NOISE)
    # A common phase is none of its business.
    turned = denoiser.fit_transform(image * np.exp(0.7j))
    assert_allclose(turned, got * np.exp(0.7j), rtol=0, atol=1e-10)


def test_magnitudes_after_denoising_have_no_floor():
    series = smooth_series((16, 16), 0.02 * np.arange(1, 31)).astype(complex)
    image = rows(add_noise(series, 0.02))
    late = rows(series).real[:, -6:]
    denoiser = MarchenkoPasturDenoiser((16, 16))
    before = np.abs(denoiser.fit_transform(image))[:, -6:] - late
    after = denoiser.fit_transform(np.abs(image))[:, -6:] - late
    assert after.mean() > 0.5 * 0.02
    assert abs(before.mean()) < 0.1 * after.mean()


@pytest.mark.parametrize(("snr", "share"), [
    (10.0, 1.0), (5.0, 0.99), (3.0, 0.97), (0.0, np.sqrt(2 - np.pi / 2)),
])  # fmt: skip
def test_noise_of_magnitudes(snr, share):
    # Without signal it is that of Rayleigh's law, beside it that of a Rician law.
    series = np.full((18, 18, 6, 40), snr) + 0j
    image = np.abs(rows(add_noise(series, 1.0)))
    denoiser = MarchenkoPasturDenoiser((18, 18, 6)).fit(image)
    # 8e4 numbers: .25 % by chance.
    assert_allclose(np.sqrt(np.mean(denoiser.noise_std_**2)), share, rtol=0.01)


def test_dtypes_and_names():
    image = rows(add_noise(smooth_series((9, 9))))
    expected = MarchenkoPasturDenoiser((9, 9)).fit_transform(image)
    for dtype in (np.float32, np.complex64):
        got = MarchenkoPasturDenoiser((9, 9)).fit_transform(image.astype(dtype))
        assert got.dtype == dtype
        if dtype is np.float32:
            assert_allclose(got, expected, rtol=0, atol=1e-6)
    table = RelaxationTable(
        pd.DataFrame(image, index=[f"voxel {k}" for k in range(81)]),
        pd.DataFrame({"TE": TIMES}),
        spatial={"mask": np.ones((9, 9), dtype=bool)},
    )
    denoiser = MarchenkoPasturDenoiser(mask=table.spatial["mask"])
    frame = denoiser.set_output(transform="pandas").fit_transform(
        table.by_sample().rename(columns=str)
    )
    assert_array_equal(frame, expected)
    assert list(frame.index) == list(table.signals.index)
    assert list(frame.columns) == [str(k) for k in range(24)]
    assert table.to_image(denoiser.noise_std_).shape == (9, 9)


def test_in_a_pipeline_before_a_map():
    image = rows(add_noise(smooth_series((8, 8))))
    mapper = VoxelMapper(NonlinearRelaxationFit("T2"), TIMES[:, None], ("params",))
    denoiser = MarchenkoPasturDenoiser((8, 8))
    both = make_pipeline(denoiser, mapper)
    expected = mapper.fit_transform(denoiser.fit_transform(image))
    assert_array_equal(both.fit_transform(image), expected)
    assert_array_equal(both.transform(image), expected)


X = np.abs(np.random.default_rng(0).standard_normal((60, 8)))


@pytest.mark.parametrize(("settings", "message"), [
    ({"image_shape": (7, 9)}, r"63 voxels of an image of shape \(7, 9\), got 60"),
    ({"image_shape": (6, 10), "patch_size": 7}, "got 7 for the 6 voxels along axis 0"),
    ({"image_shape": (6, 10), "patch_size": (3, 3, 3)}, "each axis of the image, 2"),
    ({"image_shape": (6, 10), "patch_size": 3, "stride": 4}, "stride must be at most"),
    ({"image_shape": (6, 10), "stride": (1,)}, "stride must have one number"),
    ({"image_shape": ()}, "one to three"),
    ({"image_shape": (1, 2, 3, 10)}, "one to three"),
    ({"image_shape": (6, -10)}, "image_shape must hold positive"),
    ({"image_shape": (6, 10.0)}, "image_shape must hold integers"),
    ({"image_shape": 60}, "image_shape"),
    ({"mask": np.ones(60)}, "give image_shape beside"),
    ({"mask": np.zeros((6, 10))}, "mask must have a True voxel"),
    ({"mask": np.full((6, 10), 2)}, "True and False"),
    ({"mask": np.full((6, 10), np.nan)}, "mask must be finite"),
    ({"mask": [["a", "b"]]}, "mask must hold numbers"),
    ({"mask": np.ones((6, 10)), "image_shape": (10, 6)}, "shape of the image"),
    ({"mask": np.eye(9)}, r"81 voxels .* or the 9 of the mask, got 60"),
    ({"patch_size": 3}, "need image_shape or mask"),
    ({"stride": 3}, "need image_shape or mask"),
    ({"patch_size": 0}, "patch_size"),
    ({"image_shape": (6, 10), "patch_size": (3, 0)}, "patch_size must hold positive"),
    ({"noise_std": 0.0}, "noise_std"),
    ({"noise_std": np.ones(3)}, "each of the 60 rows of X, got 3"),
    ({"noise_std": np.zeros(60)}, "noise_std must be from .* at index 0"),
    ({"noise_std": np.ones((6, 10))}, "noise_std must be 1-D"),
    ({"n_jobs": 0}, "n_jobs"),
])  # fmt: skip
def test_bad_settings(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        MarchenkoPasturDenoiser(**settings).fit(X)


def test_bad_series():
    denoiser = MarchenkoPasturDenoiser()
    for bad, message in (
        (X[:1], "n_samples=1"),
        (X[:, :1], "minimum of 2"),
        (X * 1e-160, "scale it"),
        (X[:, 0], "1D array"),
    ):
        with pytest.raises(ValueError, match=message):
            denoiser.fit(bad)
    fitted = MarchenkoPasturDenoiser((6, 10)).fit(X)
    with pytest.raises(ValueError, match="60 voxels of an image"):
        fitted.transform(X[:50])
    with pytest.raises(ValueError, match="expecting 8 features"):
        fitted.transform(X[:, :7])
    with pytest.raises(ValueError, match="noise_std must not be so far below"):
        MarchenkoPasturDenoiser(noise_std=1e-90).fit(X * 1e20)
