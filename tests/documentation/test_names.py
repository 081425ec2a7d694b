"""Names of fitted attributes are quoted in the reference, and formulas are not."""

import ast
import importlib

import pytest
from checkout import ROOT, load

quote = load("doc/_names.py").quote_fitted


@pytest.mark.parametrize(
    ("line", "quoted"),
    [
        ("rank: n_components_, at least one", r"rank: `n_components_`\ , at least one"),
        ("coef_ : ndarray of shape (n_features_in_,)",
         r"coef_ : ndarray of shape (`n_features_in_`\ ,)"),
        ("``coef_`` and `grids_`", "``coef_`` and `grids_`"),
        (">>> model.coef_", ">>> model.coef_"),
        (r"K = \sum_{k=1}^p s_{jk} + \min_{g \ge 0} e_{i+1}", None),
        (r".. math:: \lambda_{p+1} \le \sum_i e_i", None),
    ],
)  # fmt: skip
def test_names_are_quoted_and_formulas_are_not(line, quoted):
    assert quote(line) == (line if quoted is None else quoted)


def test_no_formula_of_a_docstring_changes():
    found = 0
    for path in (ROOT / "skrelax").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            for line in (ast.get_docstring(node) or "").splitlines():
                if "\\" in line and "_{" in line:
                    found += 1
                    assert quote(line) == line, path
    assert found > 10


@pytest.mark.parametrize("name", load("doc/_pages.py").public_packages())
def test_first_lines_have_no_references(name):
    # Tables of names show them, where the label of a reference means nothing.
    package = importlib.import_module(f"skrelax.{name}")
    for one in package.__all__:
        first = (getattr(package, one).__doc__ or "").strip().partition("\n")[0]
        assert "]_" not in first, one
