"""What the README and the docs show is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sf import get_provider_info
from airflow_provider_sf.upgrades import OUTCOMES, Outcome, UpgradeProgress

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[pytest.param]:  # type: ignore[valid-type]
    return [
        pytest.param(match[2], id=f"{page.name}-{place}")
        for page in PAGES
        for place, match in enumerate(
            found for found in FENCE.finditer(page.read_text()) if found[1] == language
        )
    ]


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_block_runs_against_a_cluster(code: str, simulator: object, tmp_path: Path) -> None:
    """The connection is the only thing that is not the reader's own."""
    assert simulator
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("bash"))
def test_every_bash_block_is_a_connection_that_airflow_reads(code: str) -> None:
    read = """
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
print(ServiceFabricHook().get_conn())
"""
    done = subprocess.run(
        ["bash", "-ec", f'{code}\n"$0" -c "$1"', sys.executable, read],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert "Cluster(endpoint='http://mycluster.example.com:19080'" in done.stdout, done.stderr


def test_the_dag_of_the_readme_has_at_most_15_lines() -> None:
    dag = next(code for code in FENCE.findall(PAGES[0].read_text()) if "DAG(" in code[1])[1]
    assert len([line for line in dag.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_of_ours_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]*)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_outcome_table_in_the_docs_is_the_one_in_the_code() -> None:
    said = (ROOT / "docs" / "sensor.md").read_text().partition("## States and outcomes")[2]
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", said, re.MULTILINE)
    assert {state: Outcome(outcome) for state, outcome in rows} == OUTCOMES


def test_every_key_of_the_record_is_documented() -> None:
    said = (ROOT / "docs" / "sensor.md").read_text()
    for key in UpgradeProgress("application_resource", "shop").to_dict():
        assert f"`{key}`" in said


def test_every_field_of_the_connection_is_documented() -> None:
    said = (ROOT / "docs" / "connection.md").read_text()
    for field in get_provider_info()["connection-types"][0]["conn-fields"]:
        assert f"`{field}`" in said
