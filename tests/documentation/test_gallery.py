"""Every example is in one section, and what refers to examples finds them."""

import ast
import re
from itertools import pairwise

import pytest
from checkout import ROOT, load

EXAMPLES = ROOT / "examples"
FILES = sorted(EXAMPLES.rglob("*.py"))
NAMES = [path.stem.removeprefix("plot_") for path in FILES]
GALLERY = load("doc/_pages.py").GALLERY
TEXTS = [
    *(ROOT / "doc").glob("*.rst"),
    *(ROOT / "doc" / "guide").glob("*.rst"),
    *(ROOT / "doc" / "theory").glob("*.rst"),
    *(ROOT / "skrelax").rglob("*.py"),
    *FILES,
]


def test_each_example_is_in_one_section_and_in_its_folder():
    listed = [(folder, name) for folder, names in GALLERY.items() for name in names]
    there = [(path.parent.name, name) for path, name in zip(FILES, NAMES, strict=True)]
    assert sorted(listed) == sorted(there)
    assert len(set(NAMES)) == len(NAMES)
    assert all(path.name.startswith("plot_") for path in FILES)


@pytest.mark.parametrize("section", GALLERY)
def test_sections_have_a_heading_and_a_sentence(section):
    header = (EXAMPLES / section / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    title, line, blank, *rest = header.splitlines()
    assert title
    assert line == "-" * len(title)
    assert not blank
    assert rest


def test_order_is_that_of_the_list_and_newcomers_come_last():
    key = load("doc/_pages.py").GalleryOrder("../examples/maps")
    names = ["plot_zebra.py", *(f"plot_{name}.py" for name in GALLERY["maps"][::-1])]
    assert [name[5:-3] for name in sorted(names, key=key)] == [
        *GALLERY["maps"],
        "zebra",
    ]


def test_examples_leave_the_style_to_the_gallery():
    # One style for all, see doc/_figures.py.
    for path in FILES:
        names = {
            getattr(node, "attr", None)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        }
        assert not names & {"rcParams", "rc", "style"}, path


def test_settings_of_the_gallery_are_not_read_as_text():
    # Lines of a comment after "# %%" are text until the first that is none.
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for above, line in pairwise(lines):
            if line.startswith("# sphinx_gallery_"):
                assert not above.startswith("#"), path


def test_references_name_examples_where_they_are():
    there = {f"{example.parent.name}_{example.stem}" for example in FILES}
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"sphx_glr_auto_examples_(\w+)\.py", text)
        assert set(found) <= there, path
        pictures = re.findall(
            r"auto_examples/(\w+)/images/(?:thumb/)?sphx_glr_(\w+?)_(?:thumb|\d+_)",
            text,
        )
        assert {"_".join(parts) for parts in pictures} <= there, path
