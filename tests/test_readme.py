"""What the README and the docs show is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.messages.progress_log import LogState, changed_lines, opening_lines
from airflow_provider_sf.messages.results import failure_message, success_message
from airflow_provider_sf.provider_info import get_provider_info
from airflow_provider_sf.simulator.certificates import Authority
from airflow_provider_sf.simulator.model import progress_body
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import step
from tests.simulated_waits import KIND, START, subject_name

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
        timeout=60,
    )
    assert "Cluster(endpoints=('http://mycluster.example.com:19080',)" in done.stdout, done.stderr


@pytest.mark.parametrize("written", blocks("json"))
def test_every_json_block_of_a_connection_is_one_but_for_the_files_that_it_names(written: str) -> None:
    connection = json.loads(written)
    if "conn_type" in connection:
        mine = Authority().client()
        files = {
            "client_certificate": mine.pem,
            "private_key": mine.encrypted_key_pem("..."),
            "ca_bundle": mine.pem,
        }
        extra = {
            name: files[name].decode() if name in files else said
            for name, said in connection["extra"].items()
        }
        assert Cluster.at(connection["host"], None, extra).endpoint == "https://mycluster.example.com:19080"


def test_the_dag_of_the_readme_has_at_most_15_lines() -> None:
    dag = next(code for code in FENCE.findall(PAGES[0].read_text()) if "DAG(" in code[1])[1]
    assert len([line for line in dag.splitlines() if line.strip()]) <= 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_of_ours_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]*)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_key_of_the_record_is_documented() -> None:
    said = (ROOT / "docs" / "sensor.md").read_text()
    for key in UpgradeProgress("application_resource", "shop").to_dict():
        assert f"`{key}`" in said


def test_every_field_of_the_connection_is_documented() -> None:
    said = (ROOT / "docs" / "connection.md").read_text()
    for field in get_provider_info()["connection-types"][0]["conn-fields"]:
        assert f"`{field}`" in said


def progress(scenario: str, second: float, speed: float = 1.0, kind: str = KIND) -> UpgradeProgress:
    name = subject_name(scenario, kind)
    body = progress_body(
        SCENARIOS[scenario],
        name,
        kind=kind,
        second=second * speed,
        started_at=START.timestamp(),
        speed=speed,
    )
    return UpgradeProgress.from_answer(kind, name, body)


def watched(
    policy: Policy, scenario: str, seconds: tuple[float, ...], speed: float = 1.0, kind: str = KIND
) -> tuple[list[str], WaitState]:
    """Return the log lines and the story of a wait that polls a simulated upgrade at these seconds."""
    memory, told, said = WaitState(), LogState(), []
    for second in seconds:
        now = START + timedelta(seconds=second)
        before, (memory, _) = memory, step(policy, memory, progress(scenario, second, speed, kind), now)
        told, lines = changed_lines(told, before, memory, policy, now)
        said += [line for _, line in lines]
    return said, memory.ended("upgrade", START + timedelta(seconds=seconds[-1]))


def text_blocks() -> list[str]:
    return [code for language, code in FENCE.findall(PAGES[0].read_text()) if language == "text"]


def test_the_log_in_the_readme_is_what_is_logged() -> None:
    policy = Policy(10.0, selector=UpgradeSelector(previous=progress("previous_first", 0, 12.0)))
    lines, story = watched(policy, "previous_first", (3, 18, 28, 38, 48, 58), speed=12.0)
    assert story.record is not None
    where = "http://127.0.0.1:19080"
    head = opening_lines("application_resource", "previous_first-shop", where, policy, ("timeout", 7_200.0))
    assert text_blocks()[0].splitlines() == [*head, *lines, success_message(story, story.record)]


def test_the_failure_in_the_readme_is_what_is_raised() -> None:
    _, story = watched(Policy(15.0), "rolled_back", (330, 345, 375, 600, 602), kind="application")
    record = story.record
    assert record is not None
    story = replace(story, reasons=failure_reasons([FailureDetails.from_record(record)]))
    assert text_blocks()[1].strip() == failure_message(Policy(15.0), story, record, Verdict.FAILED)
