"""The JSON Schemas in the package: generated from the code, and true for everything that is pushed as XCom."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from jsonschema import Draft202012Validator, FormatChecker

from airflow_provider_sf.releases.release_record import ReleaseRecord
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.json_values import iso, utc
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState, upgrade_wait_schema, xcom_values
from airflow_provider_sf.wait.state_machine import step

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
KIND = "application_resource"
ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "tests" / "samples" / "records"
PROGRESS = "upgrades/upgrade_progress.schema.json"
WAIT = "wait/upgrade_wait.schema.json"
RELEASE = "releases/release_record.schema.json"
GENERATED: dict[str, Callable[[], dict[str, Any]]] = {
    PROGRESS: UpgradeProgress.json_schema,
    WAIT: upgrade_wait_schema,
    RELEASE: ReleaseRecord.json_schema,
}
IDS = {
    PROGRESS: "service_fabric.upgrade_progress/1",
    WAIT: "service_fabric.upgrade_wait/1",
    RELEASE: "service_fabric.release_record/1",
}

formats = FormatChecker(formats=())


@formats.checks("date-time")
def is_canonical_time(value: object) -> bool:
    """Jsonschema checks this format only if another package is installed."""
    return not isinstance(value, str) or iso(utc(value)) == value


def packaged(name: str) -> dict[str, Any]:
    return dict(json.loads(files("airflow_provider_sf").joinpath(name).read_bytes()))


def validate(name: str, value: object) -> None:
    stored = json.loads(json.dumps(value, allow_nan=False))
    Draft202012Validator(packaged(name), format_checker=formats).validate(stored)


def validate_xcoms(xcoms: dict[str, Any]) -> None:
    validate(WAIT, xcoms["upgrade_wait"])
    if "upgrade_progress" in xcoms:
        validate(PROGRESS, xcoms["upgrade_progress"])


def progress(state: str | None, **members: Any) -> UpgradeProgress:
    answer = {
        "UpgradeState": state,
        "StartTimestampUtc": "2026-03-01T02:58:40.123Z",
        "TargetApplicationTypeVersion": "v1",
        "PercentCompleted": "40",
        "ServiceUpgradeProgress": [
            {"ServiceName": "web", "CompletedReplicaCount": "6", "PendingReplicaCount": "2"}
        ],
        **members,
    }
    return UpgradeProgress.from_answer(KIND, "shop", answer, observed_at=START, endpoint="http://c:19080")


FORWARD = progress("RollingForward")
OUTAGE = Unreachable("timed out", endpoint="http://c:19080")
WAITS: dict[str, tuple[Policy, list[Any]]] = {
    "upgrade": (Policy(15.0), [FORWARD, OUTAGE, progress("CompletedRollforward")]),
    "error": (Policy(15.0), [FORWARD, Rejected("no", 400, "E_INVALIDARG", "http://c:19080")]),
    "unreachable_timeout": (Policy(15.0, unreachable_timeout=30.0), [FORWARD, OUTAGE, OUTAGE, OUTAGE]),
    "start_timeout": (
        Policy(15.0, start_timeout=30.0),
        [progress("CompletedRollforward", StartTimestampUtc=None)] * 3,
    ),
    "stall_timeout": (Policy(15.0, stall_timeout=30.0), [FORWARD] * 3),
    "unknown_state_timeout": (Policy(15.0, unknown_state_timeout=30.0), [progress("Sideways")] * 3),
    "timeout": (Policy(15.0, deadline=START + timedelta(seconds=30)), [FORWARD] * 3),
}
"""A wait for each value of ended_by, with a poll every 15 seconds."""


def states_of(policy: Policy, observations: list[Any]) -> list[WaitState]:
    """Return the state after each poll; the last one has ended."""
    states = [WaitState()]
    for index, observation in enumerate(observations):
        now = START + timedelta(seconds=15 * index)
        state, decision = step(policy, states[-1], observation, now)
        states.append(state.ended(decision.by, now) if hasattr(decision, "by") else state)
    return states


@pytest.mark.parametrize("name", GENERATED)
def test_schema_files_are_up_to_date(name: str, request: pytest.FixtureRequest) -> None:
    """``make docs`` writes them."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": IDS[name],
        **GENERATED[name](),
    }
    path = ROOT / "airflow_provider_sf" / name
    if request.config.getoption("--write-docs"):
        path.write_text(json.dumps(schema, indent=2) + "\n")
    assert packaged(name) == schema
    Draft202012Validator.check_schema(schema)


def test_wheel_contains_the_schemas() -> None:
    builder = WheelBuilder(str(ROOT))
    included = {file.distribution_path for file in builder.recurse_included_files()}
    assert {f"airflow_provider_sf/{name}" for name in GENERATED} <= included


@pytest.mark.parametrize("name", GENERATED)
def test_schema_ids_are_those_of_the_code(name: str) -> None:
    assert packaged(name)["properties"]["schema"] == {"const": packaged(name)["$id"]}


@pytest.mark.parametrize("ended_by", WAITS)
def test_xcoms_of_a_wait_are_valid(ended_by: str) -> None:
    *_, last = states = states_of(*WAITS[ended_by])
    assert last.ended_by == ended_by
    for state in states:
        validate_xcoms(xcom_values(KIND, "shop", state))
    validate_xcoms(xcom_values(KIND, "shop", last, "The final message."))


def test_schema_describes_every_ended_by() -> None:
    description = packaged(WAIT)["properties"]["ended_by"]["description"]
    assert [name for name in WAITS if name not in description] == []


@pytest.mark.parametrize("target_version", [None, "v9"])
@pytest.mark.parametrize("state", ["RollingForward", "RollingBack", "Failed", "CompletedRollback", None])
def test_xcoms_of_every_outcome_are_valid(state: str | None, target_version: str | None) -> None:
    policy = Policy(15.0, selector=UpgradeSelector(target_version=target_version))
    record = progress(state, RollingUpgradeMode="UnmonitoredManual")
    validate_xcoms(xcom_values(KIND, "shop", states_of(policy, [OUTAGE, record])[-1]))
    validate(PROGRESS, record.to_dict(include_raw=True))


def test_cut_records_are_valid() -> None:
    services = [
        {"ServiceName": "é" * 500, "PendingReplicaCount": 10**300},
        *[{"PendingReplicaCount": 1}] * 500,
    ]
    record = progress("RollingForward", ServiceUpgradeProgress=services, Name="x" * 20_000)
    assert {name for name, _ in record.omitted} == {"services", "services_behind", "pending_replicas"}
    validate(PROGRESS, record.to_dict(include_raw=True))


NODE = {
    "NodeName": "n0",
    "UpgradePhase": "Upgrading",
    "PendingSafetyChecks": [{"SafetyCheck": {"Kind": "A"}}],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 500])
def test_xcoms_of_every_kind_are_valid(kind: str, times: int) -> None:
    units = [{"Name": "UD0", "State": "Completed"}, {"Name": "UD1", "State": None}, {}] * times
    domain = {"DomainName": None, "NodeUpgradeProgressList": [NODE, {}] * times}
    evaluation = {"HealthEvaluation": {"Kind": "Node", "NodeName": "n0"}}
    answer = {
        "UpgradeState": "RollingForwardInProgress",
        "StartTimestampUtc": "2026-03-01T02:58:40.123Z",
        "UpgradeDomains": units,
        "UpgradeUnits": units,
        "CurrentUpgradeDomainProgress": domain,
        "UpgradeDomainProgressAtFailure": {**domain, "DomainName": "UD1"},
        "FailureReason": "HealthCheck",
        "UnhealthyEvaluations": [evaluation] * times,
        "ApplicationUnhealthyEvaluations": [evaluation] * times,
        "HealthCheckElapsedTime": "PT0H0M10.0001S",
        "ConfigVersion": "1.0.3",
        "ProgressStatus": 5,
    }
    record = UpgradeProgress.from_answer(kind, "", answer, observed_at=START)
    state = replace(states_of(Policy(15.0), [record, record])[-1], reasons=("Error: node n0: Node",))
    xcoms = xcom_values(kind, "", state)
    validate_xcoms(xcoms)
    assert WaitState.from_dict(xcoms["upgrade_wait"]) == state


# XComs and rows of triggers outlive an update of this package. A new version of a schema adds a file to
# tests/samples/records and removes none.


def only_members_of(written: Any, again: Any) -> Any:
    """Return a value without the members that a later release has added."""
    if isinstance(written, dict):
        return {key: only_members_of(value, again[key]) for key, value in written.items()}
    if isinstance(written, list):
        return [only_members_of(*pair) for pair in zip(written, again, strict=True)]
    return again


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*upgrade_progress*")), ids=lambda path: path.stem)
def test_stored_records_are_read(path: Path) -> None:
    written = json.loads(path.read_bytes())
    record = UpgradeProgress.from_dict(written)
    assert (record.outcome, record.started_at is None) == (Outcome.ROLLED_BACK, False)
    assert only_members_of(written, record.to_dict()) == written
    validate(PROGRESS, record.to_dict())


@pytest.mark.parametrize("path", sorted(RECORDS.glob("*upgrade_wait*")), ids=lambda path: path.stem)
def test_stored_waits_are_read(path: Path) -> None:
    written = json.loads(path.read_bytes())
    state = WaitState.from_dict(written)
    assert state.reasons[0] == "failure reason HealthCheck, in domain 1"
    xcoms = xcom_values(written["kind"], written["name"], state, written["message"])
    assert only_members_of(written, xcoms["upgrade_wait"]) == written
    assert only_members_of(written["record"], xcoms["upgrade_progress"]) == written["record"]
    validate_xcoms(xcoms)
