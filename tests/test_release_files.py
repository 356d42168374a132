"""The files of a release and of the repository: pinned tools, the SBOM, forms for issues."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from airflow_provider_sf import __version__

yaml: Any = import_module("yaml")  # its types are not installed
ROOT = Path(__file__).parent.parent
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
SOURCE = "https://github.com/airflow-provider-sf/airflow-provider-sf/blob/main/"


def test_release_tools_are_pinned() -> None:
    pins = {
        canonicalize_name(pin.name): pin
        for pin in map(Requirement, (ROOT / "constraints.txt").read_text().splitlines())
    }
    lines = (ROOT / "release" / "tools.txt").read_text().splitlines()
    tools = [Requirement(line) for line in lines if not line.startswith("#")]
    assert tools
    for tool in tools:
        (pin,) = pins[canonicalize_name(tool.name)].specifier
        assert pin.operator == "=="
        assert tool.specifier.contains(pin.version)


@pytest.mark.parametrize("file", sorted(ROOT.glob("constraints*.txt")), ids=lambda path: path.stem)
def test_constraints_have_no_address(file: Path) -> None:
    assert not re.search(r"://|^-", file.read_text(), re.MULTILINE)


def test_sbom_gets_the_version() -> None:
    """The tool does not read the version from the code."""
    script = runpy.run_path(str(ROOT / "release" / "write_sbom.py"))
    sbom = script["with_version"](
        {"metadata": {"component": {"name": "x", "type": "library"}}}, script["version"]()
    )
    assert sbom["metadata"]["component"] == {
        "name": "x",
        "type": "library",
        "version": __version__,
        "purl": f"pkg:pypi/x@{__version__}",
    }


@pytest.mark.parametrize("file", sorted(ROOT.glob("constraints*.txt")), ids=lambda path: path.stem)
def test_constraints_pin_what_tests_need(file: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    needed = [Requirement(line) for text in lists for line in re.findall(r'"(.*)"', text)]
    pins = {canonicalize_name(Requirement(line).name) for line in file.read_text().splitlines()}
    assert {canonicalize_name(tool.name) for tool in needed} - pins == set()
    assert len(lists) == 2


def test_lowest_constraints_are_the_lower_bounds() -> None:
    matrix = runpy.run_path(str(ROOT / "tests" / "matrix" / "__main__.py"))
    bounds = {pin.name: pin for pin in map(Requirement, matrix["lower_bounds"]())}
    assert {"aiohttp", "apache-airflow", "azure-identity"} < set(bounds)
    pins = map(Requirement, (ROOT / "constraints-lowest.txt").read_text().splitlines())
    lowest = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins if pin.name in bounds}
    assert set(lowest) == set(bounds)
    assert all(bound.specifier.contains(lowest[name]) for name, bound in bounds.items())


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_form_is_complete(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    if form.stem == "config":
        assert all({"name", "url", "about"} == set(link) for link in content["contact_links"])
    else:
        assert {"name", "description", "labels", "body"} == set(content)
        assert {item["type"] for item in content["body"]} <= {"markdown", "textarea", "input"}
        ids = [item["id"] for item in content["body"] if item["type"] != "markdown"]
        assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_links_of_issue_forms_exist(form: Path) -> None:
    for path in re.findall(rf"{re.escape(SOURCE)}([\w./-]+\w)", form.read_text()):
        assert (ROOT / path).is_file()
