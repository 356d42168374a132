"""What stands in XComs keeps to the JSON Schemas that are published with the package, and stays readable."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from airflow_provider_sf.rest import Rejected, ServiceFabricError, UnexpectedAnswer, Unreachable
from airflow_provider_sf.rest.json_values import iso, utc
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeIdentity, UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import PollAgain, step
from airflow_provider_sf.wait.timeline import Stage

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
KIND = "application_resource"
EXPECTED = True
ROOT = Path(__file__).parents[2]
RECORDS = Path(__file__).parents[1] / "samples" / "records"
FILES = ("upgrade_progress.schema.json", "upgrade_wait.schema.json")

formats = FormatChecker(formats=())


@formats.checks("date-time")
def is_time_as_we_write_it(value: object) -> bool:
    """The library checks this format only where another package is installed."""
    return not isinstance(value, str) or iso(utc(value)) == value


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads(files("airflow_provider_sf").joinpath(f"{name}.schema.json").read_bytes()))


PROGRESS, WAIT = schema("upgrade_progress"), schema("upgrade_wait")


def check(against: dict[str, Any], value: object) -> None:
    Draft202012Validator(against, format_checker=formats).validate(
        json.loads(json.dumps(value, allow_nan=False))
    )


def check_all(pushed: dict[str, Any]) -> None:
    check(WAIT, pushed["upgrade_wait"])
    for record in (pushed["upgrade_wait"]["record"], pushed.get("upgrade_progress")):
        if record is not None:
            check(PROGRESS, record)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def look(state: str | None, **said: Any) -> UpgradeProgress:
    answer = {
        "UpgradeState": state,
        "StartTimestampUtc": "2026-03-01T02:58:40.123Z",
        "TargetApplicationTypeVersion": "v1",
        "PercentCompleted": "40",
        "ServiceUpgradeProgress": [
            {"ServiceName": "web", "CompletedReplicaCount": "6", "PendingReplicaCount": "2"}
        ],
        **said,
    }
    return UpgradeProgress.from_answer(KIND, "shop", answer, observed_at=START, endpoint="http://c:19080")


FORWARD, NEVER = look("RollingForward"), look("CompletedRollforward", StartTimestampUtc=None)
MANUAL = {"RollingUpgradeMode": "UnmonitoredManual", "FailureTimestampUtc": "2026-03-01T03:00:00Z"}
LOOKS = {
    Outcome.NOT_UPGRADED: NEVER,
    Outcome.IN_PROGRESS: FORWARD,
    Outcome.PAUSED: look("RollingForward", **MANUAL),
    Outcome.ROLLING_BACK: look("RollingBack"),
    Outcome.SUCCEEDED: look("CompletedRollforward"),
    Outcome.ROLLED_BACK: look("CompletedRollback"),
    Outcome.FAILED: look("Failed"),
    Outcome.UNKNOWN: look(None, TargetApplicationTypeVersion=None, PercentCompleted=None),
}  # fmt: skip
SILENT = Unreachable("timed out", endpoint="http://c:19080")
WAITS: dict[str, tuple[Policy, list[UpgradeProgress | ServiceFabricError]]] = {
    "upgrade": (Policy(15.0), [FORWARD, SILENT, LOOKS[Outcome.SUCCEEDED]]),
    "error": (Policy(15.0), [FORWARD, Rejected("no", 403, "E_ACCESSDENIED", "http://c:19080")]),
    "unreachable_timeout": (Policy(15.0, unreachable_timeout=30.0), [FORWARD, SILENT, SILENT, SILENT]),
    "start_timeout": (Policy(15.0, start_timeout=30.0), [NEVER, NEVER, NEVER]),
    "stall_timeout": (Policy(15.0, stall_timeout=30.0), [FORWARD, FORWARD, FORWARD]),
    "unknown_state_timeout": (Policy(15.0, unknown_state_timeout=30.0), [LOOKS[Outcome.UNKNOWN]] * 3),
    "timeout": (Policy(15.0, deadline=at(30)), [FORWARD, FORWARD, FORWARD]),
}
"""For each way in which a wait can end one that does so, with a look every 15 s."""


def waited(policy: Policy, observations: list[UpgradeProgress | ServiceFabricError]) -> list[WaitState]:
    """Return the memory after each look; the last one has ended."""
    memories = [WaitState()]
    for place, observed in enumerate(observations):
        now = at(15.0 * place)
        memory, decision = step(policy, memories[-1], observed, now)
        memories.append(memory if isinstance(decision, PollAgain) else memory.ended(decision.by, now))
    return memories


# The files.


@pytest.mark.parametrize("known", [PROGRESS, WAIT], ids=FILES)
def test_a_schema_is_a_schema_and_its_id_is_what_the_documents_say(known: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(known)
    assert known["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert known["properties"]["schema"] == {"const": known["$id"]}


def test_the_ids_are_promises() -> None:
    assert [PROGRESS["$id"], WAIT["$id"]] == [
        "service_fabric.upgrade_progress/1",
        "service_fabric.upgrade_wait/1",
    ]
    assert FORWARD.to_dict()["schema"] == PROGRESS["$id"]
    assert WaitState().to_dict()["schema"] == WAIT["$id"]


def test_the_built_package_holds_the_schemas() -> None:
    held = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"airflow_provider_sf/{name}" for name in FILES} <= held


# What they promise is what the code says.


def definitions(known: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return every part of a schema that tells the keys of an object."""
    parts, found = [("", known)], []
    while parts:
        path, part = parts.pop()
        if "properties" in part:
            found.append((path, part))
        for key, value in part.items():
            inner = value if isinstance(value, list) else [value]
            parts += [(f"{path}/{key}", one) for one in inner if isinstance(one, dict)]
    return found


@pytest.mark.parametrize("known", [PROGRESS, WAIT], ids=FILES)
def test_every_object_has_all_of_its_keys_and_no_others(known: dict[str, Any]) -> None:
    found = definitions(known)
    assert len(found) > 3
    for path, part in found:
        assert part["additionalProperties"] is False, path
        optional = {"raw"} if part is PROGRESS else set()
        assert set(part["required"]) == set(part["properties"]) - optional, path


def test_the_keys_are_those_that_are_written() -> None:
    story = WaitState(began_at=START).to_dict()
    identity, stage = WAIT["$defs"]["identity"], WAIT["$defs"]["stage"]
    said, properties = WAIT["properties"]["error"]["oneOf"][1], WAIT["properties"]
    written = Stage.of(FORWARD, START, expected=True).to_dict()
    assert PROGRESS["required"] == list(FORWARD.to_dict())
    assert list(PROGRESS["properties"]) == [*FORWARD.to_dict(), "raw"]
    assert set(WAIT["required"]) == set(xcom_values(KIND, "shop", WaitState())["upgrade_wait"])
    assert set(properties["memory"]["required"]) == set(story["memory"])
    assert set(properties["outages"]["required"]) == set(OutageStats().to_dict())
    assert set(said["required"]) == set(SILENT.to_dict())
    assert set(identity["required"]) == set(UpgradeIdentity(None, None).to_dict())
    assert set(stage["required"]) == set(written)
    assert set(PROGRESS["$defs"]["service"]["required"]) == set(ServiceProgress("a", 1, 2).to_dict())
    assert set(PROGRESS["$defs"]["unit"]["required"]) == set(UpgradeUnit("a", None).to_dict())
    assert set(PROGRESS["$defs"]["node"]["required"]) == set(NodeProgress("a", None).to_dict())
    current = Domains(current=DomainProgress("a")).to_dict()["current_domain"]
    assert set(PROGRESS["properties"]["current_domain"]["required"]) == set(current)
    assert stage["properties"]["services_behind"]["items"] == PROGRESS["$defs"]["service"]


def test_the_words_are_those_of_the_code() -> None:
    outcomes = [outcome.value for outcome in Outcome]
    assert PROGRESS["properties"]["outcome"]["enum"] == outcomes
    assert WAIT["$defs"]["stage"]["properties"]["outcome"]["enum"] == outcomes
    verdicts = WAIT["properties"]["memory"]["properties"]["verdict"]["enum"]
    assert verdicts == [*(verdict.value for verdict in Verdict), None]
    classes = WAIT["properties"]["error"]["oneOf"][1]["properties"]["class"]["enum"]
    assert classes == [cls.__name__ for cls in (Unreachable, Rejected, UnexpectedAnswer)]
    assert set(classes) == {cls.__name__ for cls in ServiceFabricError.__subclasses__()}


def test_the_words_for_an_end_are_those_with_which_a_wait_can_end() -> None:
    assert WAIT["properties"]["ended_by"]["enum"] == [*WAITS, None]


# What is written keeps to them.


@pytest.mark.parametrize("by", WAITS)
def test_what_is_pushed_keeps_to_the_schemas_while_a_wait_lasts_and_when_it_has_ended(by: str) -> None:
    *live, story = waited(*WAITS[by])
    assert story.ended_by == by
    for memory in live:
        assert memory.ended_by is None
        check_all(xcom_values(KIND, "shop", memory))
    check_all(xcom_values(KIND, "shop", story, "It has ended."))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(
    "selector", [UpgradeSelector(), UpgradeSelector(target_version="v9")], ids=["expected", "not ours"]
)
def test_every_outcome_keeps_to_the_schemas(outcome: Outcome, selector: UpgradeSelector) -> None:
    seen = LOOKS[outcome]
    assert seen.outcome is outcome
    memory = waited(Policy(15.0, selector=selector), [SILENT, seen])[-1]
    check_all(xcom_values(KIND, "shop", memory))
    check_all(xcom_values(KIND, "shop", memory.ended("timeout", at(60)), "It is not over."))
    check(PROGRESS, seen.to_dict(include_raw=True))


def test_what_is_cut_keeps_to_the_schemas() -> None:
    services = [
        {"ServiceName": "é" * 500, "PendingReplicaCount": 10**300},
        *[{"PendingReplicaCount": 1}] * 500,
    ]
    seen = look("RollingForward", ServiceUpgradeProgress=services, Name="x" * 20_000)
    record = seen.to_dict(include_raw=True)
    assert set(record["omitted"]) == {"services", "services_behind", "pending_replicas", "raw"}
    check(PROGRESS, record)
    check_all(xcom_values(KIND, "shop", waited(Policy(15.0), [seen])[-1]))


NODE = {
    "NodeName": "n0",
    "UpgradePhase": "Upgrading",
    "PendingSafetyChecks": [{"SafetyCheck": {"Kind": "A"}}],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("times", [1, 500])
def test_a_wait_for_every_kind_keeps_to_the_schemas(kind: str, times: int) -> None:
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
    seen = UpgradeProgress.from_answer(kind, "", answer, observed_at=START)
    memory = replace(waited(Policy(15.0), [seen, seen])[-1], reasons=("Error: node n0: Node",))
    pushed = xcom_values(kind, "", memory)
    check_all(pushed)
    check(PROGRESS, seen.to_dict(include_raw=True))
    assert WaitState.from_dict(pushed["upgrade_wait"]) == memory


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("current_domain", {"name": "UD0"}),
        ("current_domain", {"name": 5, "nodes": []}),
        ("current_domain", {"name": None, "nodes": [{"name": None, "phase": None}]}),
        ("upgrade_units", [{"name": "n0", "state": 3}]),
        ("failure_domain", {"name": "UD0"}),
        ("nodes_at_failure", ["n0"]),
        ("safety_checks_at_failure", None),
        ("health_check_elapsed_seconds", "10"),
        ("config_version", 3),
        ("omitted", {"services": 0}),
    ],
)
def test_the_schema_of_a_record_refuses_what_is_wrong(key: str, value: object) -> None:
    record = FORWARD.to_dict()
    check(PROGRESS, record)
    with pytest.raises(ValidationError):
        check(PROGRESS, {**record, key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("began_at", "2026-03-01 03:00"),
        ("began_at", "today"),
        ("ended_by", "boredom"),
        ("polls", -1),
        ("polls", "3"),
        ("upgrade", {"started_at": None}),
        ("reasons", None),
        ("reasons", [5]),
        ("surprise", 1),
    ],
)
def test_the_schemas_refuse_what_is_wrong(key: str, value: object) -> None:
    wait = xcom_values(KIND, "shop", WaitState(began_at=START))["upgrade_wait"]
    check(WAIT, wait)
    with pytest.raises(ValidationError):
        check(WAIT, {**wait, key: value})


# What an earlier release wrote stays readable. A new version of a schema adds a fixture and never removes one: XComs
# and the rows of triggers outlive an update of this package. The first fixtures are from before rolling upgrades
# were known, so that they lack some keys.

NEW_IN_A_RECORD: dict[str, Any] = {
    "config_version": None,
    "health_check_elapsed_seconds": None,
    "upgrade_units": [],
    "nodes_at_failure": [],
    "safety_checks_at_failure": [],
}
NEW_IN_A_STAGE = {"failure_reason": None, "place": None}


def completed(said: dict[str, Any]) -> dict[str, Any]:
    """Add to a record or a story of schema 1 what such a thing has had since rolling upgrades are known."""
    if "timeline" not in said:
        return {**NEW_IN_A_RECORD, **said}
    timeline = [{**NEW_IN_A_STAGE, **stage} for stage in said["timeline"]]
    return {"reasons": [], **said, "record": completed(said["record"]), "timeline": timeline}


def stored(name: str) -> dict[str, Any]:
    return dict(json.loads((RECORDS / f"{name}.json").read_bytes()))


def test_a_record_of_schema_1_is_read() -> None:
    said = stored("service_fabric.upgrade_progress.1")
    check(PROGRESS, completed(said))
    read = UpgradeProgress.from_dict(said)
    assert read == UpgradeProgress(
        kind="application_resource",
        name="shop",
        state="CompletedRollback",
        target_version="v6",
        previous_version="v6",
        percent_completed=100.0,
        started_at=datetime(2026, 3, 1, 2, 58, 40, 123_000, timezone.utc),
        failed_at=datetime(2026, 3, 1, 3, 10, 44, 0, timezone.utc),
        duration_seconds=1104.5,
        rolling_upgrade_mode="Monitored",
        replica_check_timeout_seconds=1200,
        status_details="Deployment upgrading from version: v6 to version: v7.",
        services=(
            ServiceProgress("web", 8, 0),
            ServiceProgress("api", 4, 1),
            ServiceProgress("cart", None, None),
        ),
        observed_at=datetime(2026, 3, 1, 3, 17, 7, 250_000, timezone.utc),
        endpoint="http://mycluster.example.com:19080",
        omitted=(("services", 12), ("services_behind", 2)),
    )
    assert read.outcome is Outcome.ROLLED_BACK
    assert read.more_behind == 2


def test_a_story_of_schema_1_is_read() -> None:
    said = stored("service_fabric.upgrade_wait.1")
    check_all({"upgrade_wait": completed(said)})
    read, start = WaitState.from_dict(said), datetime(2026, 3, 1, 2, 58, 40, 123_000, timezone.utc)
    assert (read.ended_by, read.began_at, read.ended_at) == ("upgrade", at(-600), at(1027.25))
    assert (read.polls, read.answers, read.verdict) == (112, 103, Verdict.FAILED)
    assert (read.expected, read.before) == (
        UpgradeIdentity(start, "v7"),
        UpgradeIdentity(datetime(2026, 2, 22, 2, 58, 40, 0, timezone.utc), "v6"),
    )
    assert (read.verdict_since, read.moved_at) == (at(1025.25), at(1025.25))
    assert (read.error, read.unreachable_since, read.unreachable_polls) == (None, None, 0)
    assert read.outages == OutageStats(
        2, 9, 41.5, "http://mycluster.example.com:19080: HTTP 503 FABRIC_E_NOT_READY: busy"
    )
    assert read.record == UpgradeProgress.from_dict(stored("service_fabric.upgrade_progress.1"))
    assert [(stage.state, stage.outcome, stage.expected, stage.skipped) for stage in read.timeline] == [
        ("CompletedRollforward", Outcome.SUCCEEDED, False, 0),
        ("RollingForward", Outcome.IN_PROGRESS, True, 2),
        ("RollingBack", Outcome.ROLLING_BACK, True, 0),
        ("CompletedRollback", Outcome.ROLLED_BACK, True, 0),
    ]
    assert read.timeline[1] == Stage(
        "RollingForward", Outcome.IN_PROGRESS, EXPECTED, start, at(-75), at(630), "v7", 62.0,
        (ServiceProgress("api", 2, 3),), 4, at(644), None, None, 2,
    )  # fmt: skip
    assert read.reasons == ()


PARTITION = "6a1fcd54-0000-4000-8000-2d6e3b1f0a"


def test_a_record_of_a_rolling_upgrade_of_schema_1_is_read() -> None:
    said = stored("service_fabric.upgrade_progress.1.rolling")
    check(PROGRESS, said)
    read = UpgradeProgress.from_dict(said)
    assert read == UpgradeProgress(
        kind="cluster",
        name="",
        state="RollingBackCompleted",
        target_version="10.1.2338.9590",
        started_at=at(-5400),
        failed_at=datetime(2026, 3, 1, 2, 31, 15, 750_000, timezone.utc),
        duration_seconds=4210.25,
        rolling_upgrade_mode="UnmonitoredAuto",
        status_details="Upgrade failed due to health policy violation in upgrade domain 1.",
        config_version="12",
        upgrade_kind="Rolling",
        failure_reason="HealthCheck",
        health_check_phase="Invalid",
        health_check_elapsed_seconds=0.0,
        domains=Domains(
            (UpgradeUnit("2", "InProgress"), UpgradeUnit("0", "Pending"), UpgradeUnit("1", "Completed")),
            (UpgradeUnit("2", "InProgress"), UpgradeUnit("0", "Pending"), UpgradeUnit("1", "Completed")),
            DomainProgress(
                "2",
                (
                    NodeProgress("_back_2", "PreUpgradeSafetyCheck"),
                    NodeProgress("_back_4", "PostUpgradeSafetyCheck"),
                ),
                tuple(said["pending_safety_checks"]),
            ),
            DomainProgress(
                "1",
                (NodeProgress("_back_1", "PostUpgradeSafetyCheck"), NodeProgress("_back_3", "Upgrading")),
                (
                    f"_back_1 waits for WaitForPrimaryPlacement: the primary replica of partition {PARTITION}08 is to come back first",
                ),
            ),
        ),
        unhealthy_evaluations=tuple(said["unhealthy_evaluations"]),
        observed_at=at(60),
        endpoint="http://mycluster.example.com:19080",
        omitted=(("upgrade_domains", 7), ("upgrade_domains_completed", 5), ("unhealthy_evaluations", 3)),
    )
    assert read.outcome is Outcome.ROLLED_BACK
    assert (read.domains_done, read.place) == ((6, 10), "domain 2 (7 of 10)")


def test_a_story_of_a_rolling_upgrade_of_schema_1_is_read() -> None:
    said = stored("service_fabric.upgrade_wait.1.rolling")
    check_all({"upgrade_wait": said})
    read = WaitState.from_dict(said)
    assert read.record == UpgradeProgress.from_dict(stored("service_fabric.upgrade_progress.1.rolling"))
    assert read.reasons == tuple(said["reasons"])
    assert read.reasons[0] == "failure reason HealthCheck, in domain 1"
    assert read.timeline[0] == Stage(
        "RollingForwardPending", Outcome.IN_PROGRESS, EXPECTED, at(-5400), at(-5340), at(-1800), "10.1.2448.9590", None,
        failure_reason="HealthCheck", place="domain 1 (6 of 10)",
    )  # fmt: skip


@pytest.mark.parametrize("stem", [path.stem for path in sorted(RECORDS.glob("*.json"))])
def test_what_is_read_is_written_as_it_was_with_the_keys_that_are_new(stem: str) -> None:
    said = stored(stem)
    if "wait" in stem:
        pushed = xcom_values(said["kind"], said["name"], WaitState.from_dict(said), said["message"])
        assert pushed["upgrade_wait"] == completed(said)
    else:
        assert UpgradeProgress.from_dict(said).to_dict() == completed(said)


@pytest.mark.parametrize("stem", ["service_fabric.upgrade_progress.1", "service_fabric.upgrade_wait.1"])
def test_the_first_fixtures_lack_the_keys_that_are_new(stem: str) -> None:
    """They must stay as they are, or nothing shows that old records are read."""
    said = stored(stem)
    assert not {"reasons", *NEW_IN_A_RECORD} & set(said)
    for stage in said.get("timeline", []):
        assert not set(NEW_IN_A_STAGE) & set(stage)
