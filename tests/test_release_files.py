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
