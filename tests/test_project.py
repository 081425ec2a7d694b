"""Files about the project say the same in all places."""

import configparser
import re
from pathlib import Path

import pytest

import skrelax

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_citation_has_the_version_and_the_licences(config):
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {skrelax.__version__}\n" in citation
    licences = config["metadata"]["license_expression"].split(" AND ")
    listed = citation.partition("license:\n")[2].partition("keywords:")[0]
    assert re.findall(r"- (.*)", listed) == licences


def test_the_changelog_has_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## (.*)$", changelog, re.MULTILINE)[1]
    number, _, when = heading.partition(" ")
    assert number == skrelax.__version__.removesuffix(".dev0")
    assert (when == "(unreleased)") == skrelax.__version__.endswith(".dev0")


def test_addresses_of_the_project_stand_in_one_place(config):
    homepage = re.search(r"https?://\S+", config["metadata"]["project_urls"])[0]
    host = homepage.split("/")[2]
    patterns = ("*.md", "*.cff", ".github/**/*.yml", "doc/*.rst", "skrelax/**/*.py")
    for pattern in patterns:
        # The page about releases names the host, without an address.
        for path in ROOT.glob(pattern):
            assert f"//{host}" not in path.read_text(encoding="utf-8"), path


def test_hooks_run_what_the_gate_runs():
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    commands = re.findall(r"entry: (.*)", hooks)
    assert len(commands) >= 5
    for command in commands:
        assert re.search(rf"^ *{re.escape(command)}", gate, re.MULTILINE), command


def test_classifiers_begin_with_the_lowest_python(config):
    versions = re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"])
    assert config["options"]["python_requires"] == f">={versions[0]}"
    minors = [int(version.partition(".")[2]) for version in versions]
    assert minors == list(range(minors[0], minors[-1] + 1))
