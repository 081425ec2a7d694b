"""Reports hold what they say, need no network, and their slider slides."""

import html.parser
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skrelax import (
    KernelBuilder,
    LassoFista,
    LassoFistaCV,
    MultiDimRegularizedILT,
    NonlinearRelaxationFit,
    SmoothLasso,
    SmoothLassoCV,
)
from skrelax.model_selection import StrengthSearch
from skrelax.reporting import write_report
from skrelax.utils._inspect import final_step

pytest.importorskip("matplotlib", reason="reports have pictures")
TIMES = np.geomspace(1e-3, 1.0, 24)
X = pd.DataFrame({"TE": TIMES})
y = np.exp(-TIMES / 0.05) + 0.01 * np.random.default_rng(0).standard_normal(24)
BUILDER = KernelBuilder("T2", n_bins=12)
PLANE = np.column_stack([np.repeat(TIMES[::4], 6), np.tile(TIMES[::4], 6)])


def models():
    smooth = SmoothLassoCV(alphas=[0.0], smoothnesses=[1e-4, 1e-3, 1e-2], cv=3)
    return {
        "cv": (make_pipeline(BUILDER, smooth), 3),
        "lasso": (make_pipeline(BUILDER, LassoFistaCV(alphas=3, cv=3)), 3),
        "search": (StrengthSearch(make_pipeline(BUILDER, SmoothLasso()), "gcv",
                                  strengths=[1e-4, 1e-3, 1e-2], refine=False), 3),
        "inner search": (make_pipeline(BUILDER, StrengthSearch(
            SmoothLasso(), "gcv", strengths=[1e-3, 1e-2], refine=False)), 2),
        "given": (make_pipeline(BUILDER, LassoFista(1e-3)), 25),
        "no penalty": (make_pipeline(BUILDER, SmoothLasso(smoothness=0.0)), 0),
        "signed": (MultiDimRegularizedILT(), 0),
    }  # fmt: skip


class Reader(html.parser.HTMLParser):
    """Collects tags with their attributes, and the words outside of them."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.mark.parametrize("name", models())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_inversion(name, tmp_path):
    model, n_frames = models()[name]
    model = model.fit(X if name != "signed" else X.to_numpy(), y)
    path = write_report(
        tmp_path / "a.html", model, X if name != "signed" else X.to_numpy(), y,
        n_bootstrap=5, command="skrelax <script>alert(1)</script>",
    )  # fmt: skip
    page = Reader(path)
    # All that it needs is inside.
    for attributes in page.all("img"):
        assert attributes["src"].startswith("data:image/svg+xml;base64,")
        assert attributes["alt"]
    assert not page.all("link")
    assert "://" not in re.sub(r"data:[^\"]*", "", path.read_text(encoding="utf-8"))
    # What was given is text, not markup.
    assert len(page.all("script")) == 1
    assert "skrelax <script>alert(1)</script>" in page.words
    shown = [figure for figure in page.all("figure") if "hidden" not in figure]
    assert len(page.all("figure")) == n_frames
    assert len(shown) == (1 if n_frames else 0)
    assert ("Other rules" in page.words) == bool(n_frames)
    assert ("(chosen)" in page.words) == bool(n_frames)


def test_numbers_are_those_of_the_fit(tmp_path):
    model = models()["cv"][0].fit(X, y)
    page = Reader(write_report(tmp_path / "a.html", model, X, y, n_bootstrap=0))
    residual = np.sqrt(np.mean((y - model.predict(X)) ** 2))
    assert f"Root mean square of the residuals: {residual:.4g}." in page.words
    described = model[-1].describe().iloc[0]
    assert f"{described['log_mean']:.4g}" in page.words
    assert f"smoothness {model[-1].smoothness_:.3g} (chosen)" in page.words
    (slider,) = page.all("input")
    assert slider["value"] == str(
        np.flatnonzero(np.array([1e-4, 1e-3, 1e-2]) == model[-1].smoothness_)[0]
    )


def test_two_axes_with_weights(tmp_path, monkeypatch):
    # Bounds need no refits, each of which takes seconds of a plane.
    monkeypatch.setattr("skrelax.reporting._report.bootstrap_distribution", None)
    signal = np.exp(-PLANE.sum(axis=1) / 0.05)
    weight = np.linspace(0.5, 1.5, 36)
    search = StrengthSearch(SmoothLasso(), "gcv", strengths=[1e-4, 1e-3])
    model = make_pipeline(KernelBuilder(["T2", "T2"], n_bins=5), search)
    model.fit(PLANE, signal, strengthsearch__sample_weight=weight)
    path = write_report(
        tmp_path / "a.html", model, PLANE, signal, sample_weight=weight, n_bootstrap=3
    )
    page = Reader(path)
    assert "log_mean_T2_0" in page.words
    assert "90 % intervals (bounds). The intervals hold" in page.words
    assert "(weighted)" in page.words


@pytest.mark.parametrize("name", ["cv", "inner search", "each"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_signals(name, tmp_path, monkeypatch):
    monkeypatch.setattr("skrelax.reporting._report._MOST_SIGNALS", 2)
    # What other strengths make is that of a single signal.
    monkeypatch.setattr("skrelax.reporting._report._show_strengths", lambda *_: [])
    rng = np.random.default_rng(0)
    Y = np.exp(-np.outer(TIMES, [10.0, 20.0, 40.0]))
    Y = pd.DataFrame(Y + 0.01 * rng.standard_normal(Y.shape), columns=["a", "<b>", "c"])
    model = models()[name if name != "each" else "search"][0]
    if name == "each":
        model.set_params(per_signal=True)
    model.fit(X, Y)
    page = Reader(write_report(tmp_path / "a.html", model, X, Y, n_bootstrap=2))
    assert "Of 3 signals the first 2 have sections." in page.words
    assert len(page.all("h1")) == 3
    assert page.words.count("Root mean square of the residuals") == 2
    described = final_step(model).describe()
    assert f"{described['log_mean'].iloc[2]:.4g}" in page.words
    # The sections of a signal have the numbers of its row.
    section = page.words.split("<b>")[-1]
    assert f"{described['log_mean'].iloc[1]:.4g}" in section
    residual = Y["<b>"] - np.reshape(model.predict(X), Y.shape)[:, 1]
    assert f"residuals: {np.sqrt(np.mean(residual**2)):.4g}." in section


@pytest.mark.parametrize("fault", ["wave", "none"])
def test_structure_in_residuals_is_said(tmp_path, fault):
    times = np.linspace(0.01, 1.0, 100)[:, None]
    noise = 0.01 * np.random.default_rng(1).standard_normal(100)
    signal = np.exp(-times[:, 0] / 0.1) + noise
    if fault == "wave":
        signal += 0.05 * np.sin(20 * times[:, 0])
    model = make_pipeline(BUILDER, SmoothLasso(smoothness=0.0)).fit(times, signal)
    page = Reader(write_report(tmp_path / "a.html", model, times, signal))
    assert ("not white" in page.words) == (fault == "wave")


def test_same_fit_same_page(tmp_path):
    model = models()["given"][0].fit(X, y)
    pages = [
        write_report(tmp_path / name, model, X, y, n_bootstrap=4, title="a")
        for name in ("a.html", "b.html")
    ]
    first, second = (
        re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", page.read_text(encoding="utf-8"))
        for page in pages
    )
    assert first == second


def test_slider_in_a_browser(tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no Chromium to click in")
    model = models()["cv"][0].fit(X, y)
    path = write_report(tmp_path / "a.html", model, X, y, n_bootstrap=0)
    text = path.read_text(encoding="utf-8")
    moved = """<script>
      const input = document.querySelector(".slider input");
      input.value = 0;
      input.dispatchEvent(new Event("input"));
    </script></body>"""
    for name, content, expected in (
        ("still.html", text, f"smoothness {model[-1].smoothness_:.3g}"),
        ("moved.html", text.replace("</body>", moved), "smoothness 0.0001"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
             f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / name).as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        figures = re.findall(r"<figure([^>]*)>.*?<figcaption[^>]*>([^<]*)", done.stdout)
        shown = [caption for mark, caption in figures if "hidden" not in mark]
        assert len(figures) == 3
        assert len(shown) == 1
        assert shown[0].startswith(expected)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"path": "a.pdf"}, r"must end in \.html"),
        ({"y": y[:5]}, "X and y must be"),
        ({"y": np.column_stack([y, y])}, "the 1 signals of the model"),
        ({"X": TIMES}, "X and y must be"),
        ({"sample_weight": -np.ones(24)}, "sample_weight must be 24"),
        ({"n_bootstrap": 1}, "at least 2"),
        ({"n_bootstrap": -1}, "n_bootstrap"),
    ],
)
def test_bad_arguments(tmp_path, settings, match):
    model = make_pipeline(BUILDER, SmoothLasso()).fit(X, y)
    given = {"path": "a.html", "X": X, "y": y} | settings
    path = tmp_path / given.pop("path")
    with pytest.raises(ValueError, match=match):
        write_report(path, model, given.pop("X"), given.pop("y"), **given)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_reported(tmp_path):
    path = tmp_path / "a.html"
    pair = np.column_stack([y, y])
    two = make_pipeline(BUILDER, SmoothLasso()).fit(X, pair)
    with pytest.raises(ValueError, match="the 2 signals of the model"):
        write_report(path, two, X, y)
    signed = MultiDimRegularizedILT(channels="coupled").fit(X.to_numpy(), pair)
    with pytest.raises(ValueError, match=r"of one signal, got MultiDim.* of 2"):
        write_report(path, signed, X.to_numpy(), pair)
    with pytest.raises(TypeError, match="must be an inversion"):
        write_report(path, NonlinearRelaxationFit("T2").fit(X, y), X, y)
    path.write_text("mine")
    one = make_pipeline(BUILDER, SmoothLasso()).fit(X, y)
    with pytest.raises(ValueError, match="overwrite=True"):
        write_report(path, one, X, y)
    assert path.read_text() == "mine"
