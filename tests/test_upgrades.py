"""From the wire to the record, and from the record to an outcome."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from azure.servicefabric import models

from airflow_provider_sf.kinds import KINDS
from airflow_provider_sf.rest import UnexpectedAnswer, request_for
from airflow_provider_sf.upgrades import OUTCOMES, Outcome, ServiceProgress, UpgradeProgress, goes_back

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = "application_resource"
STARTED = "2026-03-01T02:58:40.123Z"


def record(**answer: Any) -> UpgradeProgress:
    return UpgradeProgress.from_answer(KIND, "shop", {"StartTimestampUtc": STARTED, **answer})


def test_the_founding_page_reads_as_documented(sample: Callable[[str], dict[str, Any]]) -> None:
    answer = sample("application_resource/founding_page")
    observed_at = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
    read = UpgradeProgress.from_answer(
        KIND, "sampleApplication", answer, observed_at=observed_at, endpoint="http://localhost:19080"
    )
    assert read.to_dict() == {
        "schema": "service_fabric.upgrade_progress/1",
        "kind": "application_resource",
        "name": "sampleApplication",
        "outcome": "in_progress",
        "state": "RollingForward",
        "target_version": "v1",
        "previous_version": "v0",
        "percent_completed": 0.0,
        "started_at": None,
        "failed_at": None,
        "duration_seconds": 2.31669,
        "upgrade_kind": None,
        "rolling_upgrade_mode": "Monitored",
        "replica_check_timeout_seconds": None,
        "status_details": "Deployment upgrading from version: v0 to version: v1.",
        "failure_reason": None,
        "failure_domain": None,
        "health_check_phase": None,
        "services": [{"name": "helloWorldService", "completed_replicas": 0, "pending_replicas": 3}],
        "upgrade_domains": [],
        "current_domain": None,
        "unhealthy_evaluations": [],
        "pending_safety_checks": [],
        "observed_at": "2026-03-01T03:00:00Z",
        "endpoint": "http://localhost:19080",
    }
    assert read.raw == answer


def test_a_busy_answer_reads_in_full(sample: Callable[[str], dict[str, Any]]) -> None:
    read = UpgradeProgress.from_answer(KIND, "shop", sample("application_resource/busy"))
    assert read == UpgradeProgress(
        kind="application_resource",
        name="shop",
        state="RollingForward",
        target_version="v7",
        previous_version="v6",
        percent_completed=62.0,
        started_at=datetime(2026, 3, 1, 2, 58, 40, 123_000, timezone.utc),
        failed_at=datetime(2026, 3, 1, 3, 10, 44, tzinfo=timezone.utc),
        duration_seconds=93_784.1234567,
        rolling_upgrade_mode="UnmonitoredManual",
        replica_check_timeout_seconds=1200,
        status_details="Deployment upgrading from version: v6 to version: v7.",
        services=(ServiceProgress("web", 6, 2), ServiceProgress("api", 2, 3)),
    )
    assert read.outcome is Outcome.PAUSED
    assert read.raw is not None
    assert read.raw["FailureClassification"] == "PreUpgradeSafetyCheckTimeout"


def test_the_documented_url_is_asked() -> None:
    target = request_for(KINDS[KIND].progress, "sampleApplication").target
    assert target == "/Resources/Applications/sampleApplication/$/GetUpgradeProgress?api-version=7.0"


WIRE_FIELDS = (
    "Name",
    "TargetApplicationTypeVersion",
    "StartTimestampUtc",
    "UpgradeState",
    "PercentCompleted",
    "ServiceUpgradeProgress",
    "RollingUpgradeMode",
    "UpgradeDuration",
    "ApplicationUpgradeStatusDetails",
    "UpgradeReplicaSetCheckTimeoutInSeconds",
    "FailureTimestampUtc",
)


def test_the_row_reads_every_field_of_the_schema(sample: Callable[[str], dict[str, Any]]) -> None:
    schema = sample("application_resource.schema")["definitions"]["ApplicationResourceUpgradeProgressInfo"]
    assert sorted(KINDS[KIND].keys.values()) == sorted(WIRE_FIELDS) == sorted(schema["properties"])


@pytest.mark.parametrize("field", WIRE_FIELDS)
@pytest.mark.parametrize(
    "value", ["missing", None, 7, -1.5, True, "?", [], [None, 3, {}], {"a": {}}, "9" * 5000]
)
def test_any_field_may_be_missing_or_odd(
    field: str, value: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    answer = {**sample("application_resource/busy"), field: value}
    if value == "missing":
        del answer[field]
    read = UpgradeProgress.from_answer(KIND, "shop", answer)
    assert read.raw == answer
    written = json.loads(json.dumps(read.to_dict(), allow_nan=False))
    assert UpgradeProgress.from_dict(written) == read
    assert read.outcome is not Outcome.SUCCEEDED


def test_an_empty_object_is_a_record_of_unknown_outcome() -> None:
    assert UpgradeProgress.from_answer(KIND, "shop", {}) == UpgradeProgress(kind=KIND, name="shop")
    assert UpgradeProgress.from_answer(KIND, "shop", {}).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("answer", [None, [], "text", 5])
def test_an_answer_that_is_no_object_is_unexpected(answer: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="'shop'"):
        UpgradeProgress.from_answer(KIND, "shop", answer)


STATES = {
    "in_progress": [
        "ProvisioningTarget",
        "RollingForward",
        "RollingForwardInProgress",
        "RollingForwardPending",
        "UnprovisioningCurrent",
    ],
    "succeeded": ["CompletedRollforward", "RollingForwardCompleted"],
    "rolling_back": ["RollingBack", "RollingBackInProgress", "RollingBackPending", "UnprovisioningTarget"],
    "rolled_back": ["CompletedRollback", "RollingBackCompleted"],
    "failed": ["Failed"],
    "unknown": ["Invalid"],
}


def test_the_outcome_table_says_what_each_state_means() -> None:
    assert {
        state: outcome.value for state, outcome in OUTCOMES.items()
    } == {state: outcome for outcome, states in STATES.items() for state in states}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(state, outcome) for outcome, states in STATES.items() for state in states]
    + [
        (state, "unknown")
        for state in ("RollingSideways", "completedrollforward", "", 4, None, True, ["Failed"])
    ],
)
def test_every_state_has_one_outcome(state: object, outcome: str) -> None:
    assert record(UpgradeState=state).outcome.value == outcome
    assert str(record(UpgradeState=state).outcome) == outcome


@pytest.mark.parametrize(
    ("outcome", "moving", "at_rest"),
    [
        (Outcome.NOT_UPGRADED, False, True),
        (Outcome.IN_PROGRESS, True, False),
        (Outcome.PAUSED, True, False),
        (Outcome.ROLLING_BACK, True, False),
        (Outcome.SUCCEEDED, False, True),
        (Outcome.ROLLED_BACK, False, True),
        (Outcome.FAILED, False, True),
        (Outcome.UNKNOWN, False, False),
    ],
)
def test_an_upgrade_moves_or_is_at_rest_or_nobody_knows(
    outcome: Outcome, *, moving: bool, at_rest: bool
) -> None:
    assert (outcome.moving, outcome.at_rest) == (moving, at_rest)


def vocabularies(definitions: dict[str, Any]) -> dict[str, list[str]]:
    return {name: schema["enum"] for name, schema in definitions.items() if name.endswith("UpgradeState")}


def test_every_state_of_the_published_schema_is_classified(sample: Callable[[str], dict[str, Any]]) -> None:
    published = vocabularies(sample("upgrade_states.schema")["definitions"])
    assert sorted(published) == [
        "ApplicationResourceUpgradeState",
        "ComposeDeploymentUpgradeState",
        "UpgradeState",
    ]
    states = {state for vocabulary in published.values() for state in vocabulary}
    assert states | {"RollingBackPending"} == set(OUTCOMES)


def test_every_state_of_microsofts_own_client_is_classified() -> None:
    """The package azure-servicefabric is a tool of the tests only."""
    vocabularies = {
        name: [member.value for member in cls]
        for name, cls in vars(models).items()
        if name.endswith("UpgradeState") and issubclass(cls, Enum)
    }
    assert sorted(vocabularies) == [
        "ApplicationResourceUpgradeState",
        "ComposeDeploymentUpgradeState",
        "UpgradeState",
    ]
    for states in vocabularies.values():
        assert set(states) <= set(OUTCOMES)


def test_the_mode_that_waits_for_a_person_is_one_that_service_fabric_has(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    definitions = sample("upgrade_states.schema")["definitions"]
    for modes in ("RollingUpgradeMode", "UpgradeMode"):
        assert "UnmonitoredManual" in definitions[modes]["enum"]
        assert "UnmonitoredManual" in [member.value for member in getattr(models, modes)]


@pytest.mark.parametrize("start", [None, "0001-01-01T00:00:00Z", "", "garbage"])
def test_completed_without_a_start_means_that_nobody_ever_upgraded(start: object) -> None:
    assert (
        record(UpgradeState="CompletedRollforward", StartTimestampUtc=start).outcome is Outcome.NOT_UPGRADED
    )


def test_an_upgrade_without_a_start_is_fresh_and_in_progress() -> None:
    fresh = record(UpgradeState="RollingForward", StartTimestampUtc="0001-01-01T00:00:00Z")
    assert fresh.outcome is Outcome.IN_PROGRESS


@pytest.mark.parametrize(
    ("state", "mode", "failed_at", "outcome"),
    [
        # After a failure whose FailureAction is Manual.
        ("RollingForward", "UnmonitoredManual", STARTED, Outcome.PAUSED),
        ("RollingForwardInProgress", "UnmonitoredManual", STARTED, Outcome.PAUSED),
        ("RollingForwardPending", "UnmonitoredManual", STARTED, Outcome.PAUSED),
        # Before the next upgrade domain.
        ("RollingForwardPending", "UnmonitoredManual", None, Outcome.PAUSED),
        ("RollingBackPending", "UnmonitoredManual", None, Outcome.PAUSED),
        # A domain is under way, or a health check is, or nobody needs to act.
        ("RollingForward", "UnmonitoredManual", None, Outcome.IN_PROGRESS),
        ("RollingForwardInProgress", "UnmonitoredManual", None, Outcome.IN_PROGRESS),
        ("RollingForwardPending", "Monitored", None, Outcome.IN_PROGRESS),
        ("RollingForwardPending", "Monitored", STARTED, Outcome.IN_PROGRESS),
        ("RollingForwardPending", "UnmonitoredDeferred", None, Outcome.IN_PROGRESS),
        ("RollingForward", "Monitored", STARTED, Outcome.IN_PROGRESS),
        ("RollingForward", None, STARTED, Outcome.IN_PROGRESS),
        ("UnprovisioningCurrent", "UnmonitoredManual", STARTED, Outcome.IN_PROGRESS),
        ("RollingBackInProgress", "UnmonitoredManual", STARTED, Outcome.ROLLING_BACK),
        ("RollingBackPending", "UnmonitoredAuto", STARTED, Outcome.ROLLING_BACK),
        ("CompletedRollforward", "UnmonitoredManual", STARTED, Outcome.SUCCEEDED),
        ("RollingForwardCompleted", "UnmonitoredManual", STARTED, Outcome.SUCCEEDED),
        ("Failed", "UnmonitoredManual", STARTED, Outcome.FAILED),
        ("Invalid", "UnmonitoredManual", STARTED, Outcome.UNKNOWN),
    ],
)
def test_what_waits_for_a_person_is_paused(
    state: str, mode: str | None, failed_at: str | None, outcome: Outcome
) -> None:
    said = record(UpgradeState=state, RollingUpgradeMode=mode, FailureTimestampUtc=failed_at)
    assert said.outcome is outcome


@pytest.mark.parametrize(
    ("state", "back", "new"),
    [
        ("ProvisioningTarget", False, "v2"),
        ("RollingForwardPending", False, "v2"),
        ("CompletedRollforward", False, "v2"),
        ("Failed", False, "v2"),
        ("RollingBack", True, None),
        ("RollingBackPending", True, None),
        ("UnprovisioningTarget", True, None),
        ("CompletedRollback", True, None),
        ("RollingBackCompleted", True, None),
        ("Invalid", False, None),
        ("RollingSideways", False, None),
        (None, False, None),
    ],
)
def test_the_target_is_the_new_version_only_while_the_upgrade_goes_forward(
    state: str | None, new: str | None, *, back: bool
) -> None:
    said = record(
        UpgradeState=state, TargetApplicationTypeVersion="v2", RollingUpgradeMode="UnmonitoredManual"
    )
    assert (said.going_back, said.new_version) == (back, new)
    assert goes_back(state) is back


def test_what_nobody_ever_upgraded_has_no_new_version() -> None:
    said = record(
        UpgradeState="CompletedRollforward", TargetApplicationTypeVersion="v2", StartTimestampUtc=None
    )
    assert said.new_version is None


def test_clocks_are_no_part_of_the_position() -> None:
    early, late = record(UpgradeDuration="PT0H1M0S"), record(UpgradeDuration="PT0H2M0S")
    assert early != late
    assert early.position == late.position


@pytest.mark.parametrize(
    "change",
    [
        {"UpgradeState": "RollingBack"},
        {"PercentCompleted": "63"},
        {"StartTimestampUtc": "2026-03-01T02:58:41Z"},
        {"RollingUpgradeMode": "Monitored"},
        {"ServiceUpgradeProgress": []},
    ],
)
def test_the_position_moves_with(change: dict[str, Any], sample: Callable[[str], dict[str, Any]]) -> None:
    busy = sample("application_resource/busy")
    before, after = (UpgradeProgress.from_answer(KIND, "shop", said) for said in (busy, {**busy, **change}))
    assert before.position != after.position


@pytest.mark.parametrize("limit", [4294967295, "4294967295", 42949672925])
def test_an_unlimited_replica_check_is_none(limit: object) -> None:
    assert record(UpgradeReplicaSetCheckTimeoutInSeconds=limit).replica_check_timeout_seconds is None


@pytest.mark.parametrize(
    ("details", "previous"),
    [
        ("Deployment upgrading from version: v0 to version: v1.", "v0"),
        ("upgrading From Version:1.2.3  to version: x", "1.2.3"),
        ("all is well", None),
        (None, None),
    ],
)
def test_the_previous_version_stands_in_the_details(details: str | None, previous: str | None) -> None:
    assert record(ApplicationUpgradeStatusDetails=details).previous_version == previous


def test_raw_is_in_the_dict_only_when_asked_for() -> None:
    read = record(Odd=1)
    assert "raw" not in read.to_dict()
    assert read.to_dict(include_raw=True)["raw"] == {"StartTimestampUtc": STARTED, "Odd": 1}
    assert UpgradeProgress.from_dict(read.to_dict(include_raw=True)).raw is None


@pytest.mark.parametrize("other", [None, [], {}, {"schema": "service_fabric.upgrade_progress/9"}])
def test_what_is_no_record_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="expected an object of schema"):
        UpgradeProgress.from_dict(other)


def test_the_words_of_an_outcome_are_promises() -> None:
    assert [outcome.value for outcome in Outcome] == [
        "not_upgraded",
        "in_progress",
        "paused",
        "rolling_back",
        "succeeded",
        "rolled_back",
        "failed",
        "unknown",
    ]


def test_a_record_survives_its_dict_whole(sample: Callable[[str], dict[str, Any]]) -> None:
    observed_at = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
    read = UpgradeProgress.from_answer(
        KIND, "shop", sample("application_resource/busy"), observed_at=observed_at, endpoint="http://c:19080"
    )
    assert UpgradeProgress.from_dict(read.to_dict()) == read


@pytest.mark.parametrize("field", ["name", "started_at", "failed_at", "observed_at"])
def test_a_field_that_must_not_be_lost_is_named_if_it_cannot_be_read(field: str) -> None:
    with pytest.raises(ValueError, match=f"^the field '{field}' of a record cannot be read$"):
        UpgradeProgress.from_dict({**record().to_dict(), field: []})


def test_the_cluster_names_what_it_answers_about() -> None:
    assert record(Name="Shop").name == "Shop"
    assert record(Name=None).name == "shop"


def test_an_answer_that_is_no_object_is_told_with_its_type_and_endpoint() -> None:
    with pytest.raises(UnexpectedAnswer, match="expected a JSON object about 'shop', got list") as unexpected:
        UpgradeProgress.from_answer(KIND, "shop", [], endpoint="http://c:19080")
    assert unexpected.value.endpoint == "http://c:19080"


def test_a_service_without_a_name_is_told_as_one() -> None:
    assert record(ServiceUpgradeProgress=[{"CompletedReplicaCount": "1"}]).services == (
        ServiceProgress("?", 1, None),
    )


def test_the_untouched_answer_is_no_part_of_what_is_compared_or_shown() -> None:
    assert record(Odd=1) == record(Odd=2)
    assert "Odd" not in repr(record(Odd=1))
