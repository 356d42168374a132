"""A kind of upgrade is a row and a sample: one that is not there is added, and whatever holds for all kinds holds for it."""

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
    never_upgraded={"started_at": None},
    explorer_fragment=APPLICATIONS_PAGE,
)

SAMPLE = Path(__file__).parents[1] / "samples" / "volume" / "busy.json"

# What compares each kind with texts of its own: of Microsoft, of the runtime, or that a person has reviewed. Whoever
# adds a kind for good adds these; all else that is tested for every kind is tested for the next by itself.
BY_ITS_OWN_TEXTS = {
    "tests/simulator/test_kind_formats.py::test_each_kind_has_its_own_words_for_a_good_end",
    "tests/simulator/test_kind_formats.py::test_what_nobody_ever_upgraded_says_so_in_the_way_of_its_kind",
    "tests/simulator/test_model.py::test_what_does_not_exist_is_not_found_in_the_runtimes_words",
    "tests/simulator/test_published.py::test_every_answer_fits_the_published_specification",
    "tests/simulator/test_published.py::test_microsofts_client_reads_every_answer_to_the_last_member",
    "tests/sensors/test_any_answer.py::test_generated_answers_cover_every_key",
    "tests/upgrades/test_kinds.py::test_explorer_path",
    "tests/upgrades/test_kinds.py::test_progress_url",
    "tests/upgrades/test_samples.py::test_recorded_answer_reads_as_documented",
    "tests/upgrades/test_samples.py::test_recorded_answer_has_its_place",
    "tests/upgrades/test_samples.py::test_samples_have_specified_members_only",
    "tests/upgrades/test_samples.py::test_row_keys_are_specified",
    "tests/upgrades/test_samples.py::test_every_kind_has_published_and_busy_samples",
    "tests/messages/test_golden_logs.py::test_the_log_and_the_last_words_are_as_reviewed",
    "tests/upgrades/test_progress.py::test_each_kind_recognises_never_upgraded",
}


def pytest_configure() -> None:
    """Add the row before tests are collected: pytest calls this if it is given this file as a plugin."""
    KINDS[ROW.name] = ROW


def run_with_six_kinds(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Start all tests but these and the slow ones, with a sixth kind."""
    others = [f"--ignore=tests/{name}" for name in ("upgrades/test_sixth_kind.py", "test_live.py", "demo")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.upgrades.test_sixth_kind",
        *others,
        *arguments,
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def kinds_of_tests(printed: str) -> dict[str, set[str]]:
    """Return the tests that pytest names and, of each, the kinds among its parameters."""
    found: dict[str, set[str]] = {}
    for test, parameters in re.findall(r"(tests/\S+?::\w+)\[(.+)\]", printed):
        found.setdefault(test, set()).update(set(parameters.split("-")) & set(KINDS))
    return found


@pytest.fixture
def six_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, ROW.name, ROW)


@pytest.mark.usefixtures("six_kinds")
def test_sixth_kind_passes_all_kind_tests() -> None:
    run = run_with_six_kinds("-k", "volume", "-rp", *[f"--deselect={test}" for test in BY_ITS_OWN_TEXTS])
    assert run.returncode == 0, run.stdout
    passed = {test for test, kinds in kinds_of_tests(run.stdout).items() if "volume" in kinds}
    collected = kinds_of_tests(run_with_six_kinds("--collect-only").stdout)
    of_every_kind = {test for test, kinds in collected.items() if kinds >= {*KINDS} - {"volume"}}
    assert of_every_kind - passed == of_every_kind & BY_ITS_OWN_TEXTS
    assert set(collected) >= BY_ITS_OWN_TEXTS
    assert len(passed) > len(BY_ITS_OWN_TEXTS)


@pytest.mark.usefixtures("six_kinds")
def test_sixth_kind_sample_becomes_the_record() -> None:
    record = UpgradeProgress.from_answer("volume", "", json.loads(SAMPLE.read_bytes()))
    said = {key: value for key, value in record.to_dict().items() if value not in (None, [], {})}
    assert (record.place, said) == (
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
