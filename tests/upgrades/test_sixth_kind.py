"""A new kind of upgrade is a row and a sample: all tests of kinds include it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_sf.rest.protocol import Call
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import _ROLLING, APPLICATIONS_PAGE, KINDS, Kind

PAGE = "https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getvolumeupgradeprogress"

ROW = Kind(
    name="volume",
    title="volume",
    progress=Call("/Volumes/{volumeName}/$/GetUpgradeProgress", "10.0", PAGE),
    keys={"name": "VolumeName", "target_version": "Volume.Version", **_ROLLING},
    explorer_fragment=APPLICATIONS_PAGE,
)

SAMPLE = Path(__file__).parents[1] / "samples" / "volume" / "busy.json"


def pytest_configure() -> None:
    """Add the row before tests are collected: pytest calls this if it is given this file as a plugin."""
    KINDS[ROW.name] = ROW


def run_with_six_kinds(*arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run the tests with a sixth kind, except these, the live ones and those marked ``kind_samples``.

    Tests with that mark compare each kind with separate texts: Microsoft's, the runtime's, or reviewed ones,
    such as the fields that a recording keeps. Add these texts with each new kind. All other tests of kinds include a new kind automatically.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.upgrades.test_sixth_kind"]
    chosen = ["-m", "not kind_samples and not live", "--ignore=tests/upgrades/test_sixth_kind.py"]
    return subprocess.run([*command, *chosen, *arguments], check=False, capture_output=True, text=True)


def kinds_of_tests(printed: str) -> dict[str, set[str]]:
    """Return the tests that pytest names and, of each, the kinds among its parameters."""
    found: dict[str, set[str]] = {}
    for test, parameters in re.findall(r"(tests/\S+?::\w+)\[(.+)\]", printed):
        found.setdefault(test, set()).update(set(parameters.split("-")) & set(KINDS))
    return found


@pytest.fixture
def six_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the row for one test only: other tests use the table, too."""
    monkeypatch.setitem(KINDS, ROW.name, ROW)


@pytest.mark.thorough
@pytest.mark.usefixtures("six_kinds")
def test_sixth_kind_passes_all_kind_tests() -> None:
    run = run_with_six_kinds("-k", "volume", "-rp")
    assert run.returncode == 0, run.stdout
    passed = {test for test, kinds in kinds_of_tests(run.stdout).items() if "volume" in kinds}
    collected = kinds_of_tests(run_with_six_kinds("--collect-only").stdout)
    of_every_kind = {test for test, kinds in collected.items() if kinds >= {*KINDS} - {"volume"}}
    assert of_every_kind == passed & of_every_kind
    assert len(passed) > 20


@pytest.mark.usefixtures("six_kinds")
def test_sixth_kind_sample_becomes_the_record() -> None:
    record = UpgradeProgress.from_answer("volume", "", json.loads(SAMPLE.read_bytes()))
    members = {key: value for key, value in record.to_dict().items() if value not in (None, [], {})}
    assert (record.place, members) == (
        "domain UD1 (2 of 2)",
        {
            "schema": "service_fabric.upgrade_progress/1",
            "kind": "volume",
            "name": "data",
            "outcome": "in_progress",
            "state": "RollingForwardInProgress",
            "target_version": "v7",
            "started_at": "2026-03-01T02:58:40.123000Z",
            "duration_seconds": 723.5,
            "rolling_upgrade_mode": "Monitored",
            "upgrade_domains": [
                {"name": "UD0", "state": "Completed"},
                {"name": "UD1", "state": "InProgress"},
            ],
        },
    )


def test_sixth_kind_takes_eight_lines() -> None:
    """Of the width that the formatter allows."""
    source = Path(__file__).read_text()
    row = source[source.index("ROW = Kind(") : source.index("SAMPLE = ")].strip()
    assert len(row.splitlines()) <= 8
