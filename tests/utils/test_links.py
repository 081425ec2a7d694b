"""The HTML of estimators leads to their pages."""

import importlib
import inspect
import pkgutil

import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import skrelax
from skrelax import KernelBuilder, SmoothLassoCV
from skrelax.signals import EPGEchoTrain
from skrelax.utils import _sklearn


def public_estimators():
    for info in pkgutil.iter_modules(skrelax.__path__):
        if info.ispkg and not info.name.startswith("_"):
            package = importlib.import_module(f"skrelax.{info.name}")
            for name in getattr(package, "__all__", []):
                value = getattr(package, name)
                is_class = isinstance(value, type) and not inspect.isabstract(value)
                if is_class and issubclass(value, BaseEstimator):
                    yield package.__name__, value


def answer(monkeypatch, lines):
    """Let the installed package have these addresses."""

    class Known:
        def get_all(self, name):
            assert name == "Project-URL"
            return lines

    monkeypatch.setattr(_sklearn, "metadata", lambda name: Known())
    _sklearn._find_site.cache_clear()


@pytest.fixture(autouse=True)
def _forget():
    yield
    _sklearn._find_site.cache_clear()


SITE = "https://skrelax.invalid/doc"


def test_each_class_has_its_page(monkeypatch):
    answer(monkeypatch, ["Source, https://source.invalid", f"Documentation, {SITE}/"])
    found = list(public_estimators())
    assert len(found) > 20
    for package, kind in found:
        page = f"{SITE}/generated/api/{package}.{kind.__name__}.html"
        assert object.__new__(kind)._get_doc_link() == page
    text = make_pipeline(KernelBuilder(EPGEchoTrain()), SmoothLassoCV())._repr_html_()
    for name in ("kernels.KernelBuilder", "inversion.SmoothLassoCV"):
        assert f'href="{SITE}/generated/api/skrelax.{name}.html' in text


@pytest.mark.parametrize(
    "lines", [None, [], ["Homepage, https://x.invalid"],
              ["Documentation, https://example.org/skrelax/doc"]],
)  # fmt: skip
def test_without_an_address_there_is_no_link(lines, monkeypatch):
    answer(monkeypatch, lines)
    model = SmoothLassoCV()
    assert model._get_doc_link() == ""
    assert 'rel="noreferrer"' not in model._repr_html_()


def test_what_is_not_installed_has_no_link(monkeypatch):
    def missing(name):
        raise _sklearn.PackageNotFoundError(name)

    monkeypatch.setattr(_sklearn, "metadata", missing)
    _sklearn._find_site.cache_clear()
    assert KernelBuilder()._get_doc_link() == ""


def test_other_packages_are_not_ours():
    class Mine(SmoothLassoCV):
        pass

    Mine.__module__ = "mine"
    assert Mine()._get_doc_link() == ""
