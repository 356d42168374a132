"""From the wire to the record, and from the record to an outcome."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer, request_for
from airflow_provider_sf.upgrades import (
    KINDS,
    OUTCOMES,
    Outcome,
    ServiceProgress,
    UpgradeProgress,
    check_name,
    kind_named,
)

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


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("ProvisioningTarget", "in_progress"),
        ("RollingForward", "in_progress"),
        ("UnprovisioningCurrent", "in_progress"),
        ("CompletedRollforward", "succeeded"),
        ("RollingBack", "rolling_back"),
        ("UnprovisioningTarget", "rolling_back"),
        ("CompletedRollback", "rolled_back"),
        ("Failed", "failed"),
        ("Invalid", "unknown"),
        ("RollingSideways", "unknown"),
        ("completedrollforward", "unknown"),
        (4, "unknown"),
        (None, "unknown"),
    ],
)
def test_every_state_has_one_outcome(state: object, outcome: str) -> None:
    assert record(UpgradeState=state).outcome.value == outcome
    assert str(record(UpgradeState=state).outcome) == outcome


def test_the_outcome_table_knows_every_state_of_the_schema_but_invalid(
    sample: Callable[[str], dict[str, Any]],
) -> None:
    states = sample("application_resource.schema")["definitions"]["ApplicationResourceUpgradeState"]["enum"]
    assert {*OUTCOMES, "Invalid"} == set(states)


@pytest.mark.parametrize("start", [None, "0001-01-01T00:00:00Z", "", "garbage"])
def test_completed_without_a_start_means_that_nobody_ever_upgraded(start: object) -> None:
    assert (
        record(UpgradeState="CompletedRollforward", StartTimestampUtc=start).outcome is Outcome.NOT_UPGRADED
    )


def test_an_upgrade_without_a_start_is_fresh_and_in_progress() -> None:
    fresh = record(UpgradeState="RollingForward", StartTimestampUtc="0001-01-01T00:00:00Z")
    assert fresh.outcome is Outcome.IN_PROGRESS


@pytest.mark.parametrize(
    ("mode", "failed_at", "outcome"),
    [
        ("UnmonitoredManual", STARTED, Outcome.PAUSED),
        ("UnmonitoredManual", None, Outcome.IN_PROGRESS),
        ("Monitored", STARTED, Outcome.IN_PROGRESS),
    ],
)
def test_a_failed_upgrade_in_manual_mode_is_paused(
    mode: str, failed_at: str | None, outcome: Outcome
) -> None:
    said = record(UpgradeState="RollingForward", RollingUpgradeMode=mode, FailureTimestampUtc=failed_at)
    assert said.outcome is outcome


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


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'mesh' is not supported; choose one of: application_resource"):
        kind_named("mesh")


@pytest.mark.parametrize(
    "name", ["shop", "{{ params.application }}", "{% raw %}a/b{% endraw %}", "{# a/b #}"]
)
def test_a_name_is_checked_as_far_as_it_is_known(name: str) -> None:
    check_name(KIND, name)


@pytest.mark.parametrize("name", [None, 5, ["a"], b"shop"])
def test_what_is_no_string_is_no_name(name: object) -> None:
    with pytest.raises(ValueError, match="is none; give the name"):
        check_name(KIND, name)


def test_what_will_be_a_name_later_is_not_checked_now() -> None:
    """Airflow's XComArg has a resolve method; nothing else that stands for a value does."""

    class XComArg:
        def resolve(self) -> str:
            return "a/b"

    check_name(KIND, XComArg())


def test_a_name_that_cannot_be_sent_is_refused_before_it_is() -> None:
    with pytest.raises(ValueError, match="'a/b' holds '/'"):
        check_name(KIND, "a/b")
    with pytest.raises(ValueError, match="'mesh'"):
        check_name("mesh", "shop")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_cites_its_page(kind: Any) -> None:
    assert kind.progress.page.startswith("https://learn.microsoft.com/rest/api/servicefabric/")
