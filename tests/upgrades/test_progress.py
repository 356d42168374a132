"""From the wire to the record, and from the record to an outcome."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress, UpgradeUnit
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = "application_resource"
STARTED = "2026-03-01T02:58:40.123Z"


def record(**answer: Any) -> UpgradeProgress:
    return UpgradeProgress.from_answer(KIND, "shop", {"StartTimestampUtc": STARTED, **answer})


def read(kind: str, **answer: Any) -> UpgradeProgress:
    return UpgradeProgress.from_answer(kind, "shop", answer)


ROLLING = ("application", "cluster")
NO_VERSION = "0.0.0.0"  # noqa: S104 - no address
STARTING = [kind.name for kind in KINDS.values() if "started_at" in kind.keys]
every_kind = pytest.mark.parametrize("kind", KINDS)


def test_founding_page_reads_as_documented(sample: Callable[[str], dict[str, Any]]) -> None:
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
        "rolling_upgrade_mode": "Monitored",
        "replica_check_timeout_seconds": None,
        "status_details": "Deployment upgrading from version: v0 to version: v1.",
        "services": [{"name": "helloWorldService", "completed_replicas": 0, "pending_replicas": 3}],
        "config_version": None,
        "upgrade_kind": None,
        "failure_reason": None,
        "failure_classification": None,
        "health_check_phase": None,
        "health_check_elapsed_seconds": None,
        "domain_duration_seconds": None,
        "monitoring_policy": None,
        "upgrade_domains": [],
        "upgrade_units": [],
        "current_domain": None,
        "pending_safety_checks": [],
        "failure_domain": None,
        "nodes_at_failure": [],
        "safety_checks_at_failure": [],
        "next_domain": None,
        "unhealthy_evaluations": [],
        "observed_at": "2026-03-01T03:00:00Z",
        "endpoint": "http://localhost:19080",
        "omitted": {},
    }
    assert read.raw == answer


def test_busy_answer_is_read_in_full(sample: Callable[[str], dict[str, Any]]) -> None:
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


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("kind", "field"), [(kind.name, field) for kind in KINDS.values() for field in kind.keys]
)
@pytest.mark.parametrize(
    "value", ["missing", None, 7, -1.5, True, "?", [], [None, 3, {}], {"a": {}}, "9" * 5000]
)
def test_any_member_may_be_missing_or_odd(
    kind: str, field: str, value: Any, sample: Callable[[str], dict[str, Any]]
) -> None:
    answer, key = sample(f"{kind}/busy"), KINDS[kind].keys[field]
    *outer, inner = key.split(".")
    inside = answer
    for part in outer:
        inside = inside.setdefault(part, {})
    if value == "missing":
        inside.pop(inner, None)
    else:
        inside[inner] = value
    progress = UpgradeProgress.from_answer(kind, "shop", answer)
    assert progress.raw == answer
    written = json.loads(json.dumps(progress.to_dict(), allow_nan=False))
    assert UpgradeProgress.from_dict(written) == progress
    assert progress.outcome not in {Outcome.SUCCEEDED, Outcome.NOT_UPGRADED}


@every_kind
def test_empty_object_has_unknown_outcome(kind: str) -> None:
    assert read(kind) == UpgradeProgress(kind=kind, name="shop")
    assert read(kind).outcome is Outcome.UNKNOWN


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 'mesh' is not supported"):
        read("mesh")


@pytest.mark.parametrize("answer", [None, [], "text", 5])
def test_answer_must_be_an_object(answer: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="'shop'"):
        UpgradeProgress.from_answer(KIND, "shop", answer)


@pytest.mark.unmeasured
@every_kind
@pytest.mark.parametrize(
    ("state", "outcome"),
    [(state, outcome.value) for state, outcome in OUTCOMES.items()]
    + [(state, "unknown") for state in ("RollingSideways", "rollingforward", "", 4, None, True, ["Failed"])],
)
def test_every_state_has_one_outcome_per_kind(kind: str, state: object, outcome: str) -> None:
    progress = read(kind, UpgradeState=state, StartTimestampUtc=STARTED)
    assert progress.outcome.value == outcome
    assert str(progress.outcome) == outcome


@pytest.mark.parametrize("kind", STARTING)
@pytest.mark.parametrize("state", ["CompletedRollforward", "RollingForwardCompleted"])
@pytest.mark.parametrize("start", [None, "0001-01-01T00:00:00Z", "", "garbage"])
def test_completed_without_start_time_is_not_upgraded(kind: str, state: str, start: object) -> None:
    assert read(kind, UpgradeState=state, StartTimestampUtc=start).outcome is Outcome.NOT_UPGRADED


@pytest.mark.kind_samples
@pytest.mark.parametrize(
    ("kind", "members", "outcome"),
    [
        ("compose_deployment", {"UpgradeKind": "Invalid"}, "not_upgraded"),
        ("compose_deployment", {"UpgradeKind": "Rolling"}, "succeeded"),
        ("compose_deployment", {}, "succeeded"),
        ("cluster", {"CodeVersion": NO_VERSION, "ConfigVersion": ""}, "not_upgraded"),
        ("cluster", {"CodeVersion": "10.1.2338.9590", "ConfigVersion": NO_VERSION}, "succeeded"),
        ("cluster", {"UpgradeDescription": {"UpgradeKind": "Invalid"}}, "succeeded"),
        ("application", {"UpgradeDescription": {"UpgradeKind": "Invalid"}}, "succeeded"),
        ("application", {"TargetApplicationTypeVersion": NO_VERSION}, "succeeded"),
        ("application_resource", {"UpgradeKind": "Invalid"}, "succeeded"),
        ("cluster_configuration", {"ProgressStatus": 0, "ConfigVersion": "1.0.0"}, "not_upgraded"),
        ("cluster_configuration", {"ProgressStatus": 1, "ConfigVersion": "0"}, "succeeded"),
    ],
)
def test_each_kind_recognises_never_upgraded(kind: str, members: dict[str, Any], outcome: str) -> None:
    completed = {"UpgradeState": "RollingForwardCompleted", "StartTimestampUtc": STARTED, **members}
    assert read(kind, **completed).outcome.value == outcome
    assert read(kind, **{**completed, "UpgradeState": "Failed"}).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("application", "succeeded"),
        ("compose_deployment", "succeeded"),
        ("cluster", "succeeded"),
        ("application_resource", "not_upgraded"),
    ],
)
def test_mode_without_a_start_time_is_an_upgrade(kind: str, outcome: str) -> None:
    """An upgrade to the deployed version completes at once; application resources refuse it."""
    completed = {"UpgradeState": "RollingForwardCompleted", "CodeVersion": "10.1", "UpgradeKind": "Rolling"}
    assert read(kind, **completed, RollingUpgradeMode="Monitored").outcome.value == outcome
    assert read(kind, **completed, RollingUpgradeMode="Invalid").outcome is Outcome.NOT_UPGRADED


@pytest.mark.parametrize(
    ("kind", "state", "new_versions"),
    [
        ("application", "RollingForwardInProgress", ("2.0",)),
        ("application", "RollingBackInProgress", ()),
        ("cluster", "RollingForwardCompleted", ("10.1", "5")),
        ("cluster", "RollingBackCompleted", ()),
        ("cluster_configuration", "RollingForwardInProgress", ()),
        ("cluster_configuration", "RollingForwardCompleted", ("5",)),
        ("cluster_configuration", "RollingSideways", ()),
    ],
)
def test_new_versions(kind: str, state: str, new_versions: tuple[str, ...]) -> None:
    progress = read(
        kind,
        UpgradeState=state,
        StartTimestampUtc=STARTED,
        TargetApplicationTypeVersion="2.0",
        CodeVersion="10.1",
        ConfigVersion="5",
        ProgressStatus=7,
    )
    assert progress.new_versions == new_versions
    assert progress.new_version == next(iter(new_versions), None)


def test_kinds_without_start_time_can_succeed() -> None:
    assert read("cluster_configuration", UpgradeState="RollingForwardCompleted").outcome is Outcome.SUCCEEDED


def test_running_upgrade_without_start_time_is_in_progress() -> None:
    fresh = record(UpgradeState="RollingForward", StartTimestampUtc="0001-01-01T00:00:00Z")
    assert fresh.outcome is Outcome.IN_PROGRESS


@pytest.mark.parametrize(
    ("state", "mode", "failed_at", "outcome"),
    [
        # After a failure with FailureAction Manual.
        ("RollingForward", "UnmonitoredManual", STARTED, Outcome.PAUSED),
        # Resumed by a person: mode and failure time stay.
        ("RollingForwardInProgress", "UnmonitoredManual", STARTED, Outcome.IN_PROGRESS),
        ("RollingForwardPending", "UnmonitoredManual", STARTED, Outcome.PAUSED),
        # Before the next upgrade domain.
        ("RollingForwardPending", "UnmonitoredManual", None, Outcome.PAUSED),
        ("RollingBackPending", "UnmonitoredManual", None, Outcome.PAUSED),
        # A domain or a health check is in progress: no person must act.
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
def test_upgrade_that_waits_for_a_person_is_paused(
    state: str, mode: str | None, failed_at: str | None, outcome: Outcome
) -> None:
    for kind in STARTING:
        progress = read(
            kind,
            UpgradeState=state,
            RollingUpgradeMode=mode,
            FailureTimestampUtc=failed_at,
            StartTimestampUtc=STARTED,
        )
        assert progress.outcome is outcome


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
def test_target_is_new_version_only_going_forward(state: str | None, new: str | None, *, back: bool) -> None:
    progress = record(
        UpgradeState=state, TargetApplicationTypeVersion="v2", RollingUpgradeMode="UnmonitoredManual"
    )
    assert (progress.going_back, progress.new_version) == (back, new)


def test_never_upgraded_has_no_new_version() -> None:
    progress = record(
        UpgradeState="CompletedRollforward", TargetApplicationTypeVersion="v2", StartTimestampUtc=None
    )
    assert progress.new_version is None


def change_in(answer: dict[str, Any], change: dict[str, Any]) -> UpgradeProgress:
    kind = "application" if "TypeName" in answer else "cluster" if "CodeVersion" in answer else KIND
    return UpgradeProgress.from_answer(kind, "shop", {**answer, **change})


@pytest.mark.parametrize(
    ("busy", "change"),
    [
        ("application_resource", {"UpgradeDuration": "PT0H2M0S"}),
        *[
            (kind, change)
            for kind in ROLLING
            for change in (
                {"UpgradeDurationInMilliseconds": "PT0H59M0S"},
                {"UpgradeDomainDurationInMilliseconds": "PT0H59M0S"},
                {"HealthCheckElapsedTime": "PT0H59M0S"},
                {"HealthCheckRetryFlips": 99},
                {"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Node", "NodeName": "n9"}}]},
                {"UnhealthyEvaluations": [{"HealthEvaluation": {"Kind": "Node", "NodeName": "n9"}}] * 900},
                {"UpgradeDomainProgressAtFailure": None},
                {"UpgradeStatusDetails": "Elapsed time: 00.001."},
            )
        ],
    ],
)
def test_position_ignores_times_and_health(
    busy: str, change: dict[str, Any], sample: Callable[[str], dict[str, Any]]
) -> None:
    answer = sample(f"{busy}/busy")
    before, after = change_in(answer, {}), change_in(answer, change)
    assert before.position == after.position
    assert hash(before.position) == hash(after.position)


DOMAIN = {
    "DomainName": "UD1",
    "NodeUpgradeProgressList": [{"NodeName": "_web_1", "UpgradePhase": "Upgrading"}],
}
MOVES: list[tuple[str, dict[str, Any]]] = [
    ("application_resource", {"UpgradeState": "RollingBack"}),
    ("application_resource", {"PercentCompleted": "63"}),
    ("application_resource", {"StartTimestampUtc": "2026-03-01T02:58:41Z"}),
    ("application_resource", {"RollingUpgradeMode": "Monitored"}),
    ("application_resource", {"ServiceUpgradeProgress": []}),
    *[
        (kind, change)
        for kind in ROLLING
        for change in (
            {"UpgradeState": "RollingBackPending"},
            {"StartTimestampUtc": "2026-03-01T02:58:41Z"},
            {"UpgradeDomains": [{"Name": "UD1", "State": "Completed"}]},
            {"UpgradeUnits": [{"Name": "UD1", "State": "Completed"}]},
            {"CurrentUpgradeDomainProgress": DOMAIN},
            {"HealthCheckPhase": "StableDuration"},
        )
    ],
]


@pytest.mark.parametrize(("busy", "change"), MOVES)
def test_position_changes_with(
    busy: str, change: dict[str, Any], sample: Callable[[str], dict[str, Any]]
) -> None:
    answer = sample(f"{busy}/busy")
    assert change_in(answer, {}).position != change_in(answer, change).position


@pytest.mark.parametrize("kind", ROLLING)
def test_record_knows_completed_domains_and_place(kind: str) -> None:
    states = ["Completed", "InProgress", "Pending"]
    domains = [{"Name": f"UD{place}", "State": state} for place, state in enumerate(states)]
    progress = read(kind, UpgradeDomains=domains)
    assert (progress.domains_done, progress.place) == ((1, 3), "domain UD1 (2 of 3)")
    many = read(kind, UpgradeDomains=[{"Name": f"UD{place}", "State": "Completed"} for place in range(99)])
    assert (many.domains_done, many.place) == ((99, 99), "99 of 99 domains")
    assert (read(kind).domains_done, read(kind).place) == (None, None)


@pytest.mark.parametrize("limit", [4294967295, "4294967295", 42949672925])
def test_unlimited_replica_check_is_none(limit: object) -> None:
    assert record(UpgradeReplicaSetCheckTimeoutInSeconds=limit).replica_check_timeout_seconds is None


def test_failure_reason_none_is_null() -> None:
    assert read("application", FailureReason="None").failure_reason is None
    assert read("application", FailureReason="HealthCheck").failure_reason == "HealthCheck"
    assert read("cluster", FailureReason="ProcessingFailure").failure_reason == "ProcessingFailure"


@pytest.mark.parametrize("kind", ROLLING)
def test_members_of_the_description_are_read(kind: str) -> None:
    progress = read(
        kind, UpgradeDescription={"UpgradeKind": "Rolling", "UpgradeReplicaSetCheckTimeoutInSeconds": 5}
    )
    assert (progress.upgrade_kind, progress.replica_check_timeout_seconds) == ("Rolling", 5)


@pytest.mark.parametrize("kind", ROLLING)
def test_node_by_node_upgrade_has_a_unit(kind: str) -> None:
    progress = read(
        kind,
        UpgradeUnits=[{"Name": "n0", "State": "InProgress"}],
        CurrentUpgradeDomainProgress={"DomainName": "", "NodeUpgradeProgressList": []},
        CurrentUpgradeUnitsProgress={
            "NodeUpgradeProgressList": [{"NodeName": "n0", "UpgradePhase": "Upgrading"}]
        },
    )
    assert progress.domains == Domains(
        (), (UpgradeUnit("n0", "InProgress"),), DomainProgress(None, (NodeProgress("n0", "Upgrading"),))
    )


@pytest.mark.parametrize(
    ("details", "previous"),
    [
        ("Deployment upgrading from version: v0 to version: v1.", "v0"),
        ("upgrading From Version:1.2.3  to version: x", "1.2.3"),
        ("all is well", None),
        (None, None),
    ],
)
def test_previous_version_is_in_the_details(details: str | None, previous: str | None) -> None:
    assert record(ApplicationUpgradeStatusDetails=details).previous_version == previous


def test_raw_is_written_on_request_only() -> None:
    read = record(Odd=1)
    assert "raw" not in read.to_dict()
    assert read.to_dict(include_raw=True)["raw"] == {"StartTimestampUtc": STARTED, "Odd": 1}
    assert UpgradeProgress.from_dict(read.to_dict(include_raw=True)).raw is None


@pytest.mark.parametrize("other", [None, [], {}, {"schema": "service_fabric.upgrade_progress/9"}])
def test_other_data_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match=r"^expected (a JSON object for UpgradeProgress|schema .*), got"):
        UpgradeProgress.from_dict(other)


@every_kind
def test_record_survives_its_dict(kind: str, sample: Callable[[str], dict[str, Any]]) -> None:
    observed_at = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
    progress = UpgradeProgress.from_answer(
        kind, "shop", sample(f"{kind}/busy"), observed_at=observed_at, endpoint="http://c:19080"
    )
    assert UpgradeProgress.from_dict(json.loads(json.dumps(progress.to_dict()))) == progress


@pytest.mark.parametrize("field", ["name", "started_at", "failed_at", "observed_at"])
def test_unreadable_member_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=f"^UpgradeProgress: the member '{field}' cannot be read: expected"):
        UpgradeProgress.from_dict({**record().to_dict(), field: []})


def test_name_in_the_answer_wins() -> None:
    assert record(Name="Shop").name == "Shop"
    assert record(Name=None).name == "shop"


def test_cluster_has_no_name() -> None:
    assert UpgradeProgress.from_answer("cluster", "", {"Name": "x"}).name == ""


def test_error_names_type_and_endpoint() -> None:
    with pytest.raises(UnexpectedAnswer, match="expected a JSON object about 'shop', got list") as unexpected:
        UpgradeProgress.from_answer(KIND, "shop", [], endpoint="http://c:19080")
    assert unexpected.value.endpoint == "http://c:19080"


def test_raw_is_neither_compared_nor_shown() -> None:
    assert record(Odd=1) == record(Odd=2)
    assert "Odd" not in repr(record(Odd=1))


# What is cut to keep the record short.


def listed(*pending: int, name: str = "s") -> list[dict[str, Any]]:
    return [
        {"ServiceName": f"{name}{place}", "CompletedReplicaCount": 1, "PendingReplicaCount": count}
        for place, count in enumerate(pending)
    ]


def test_omitted_services_are_counted() -> None:
    progress = record(ServiceUpgradeProgress=listed(*[place % 2 for place in range(1_000)]))
    kept = len(progress.services)
    assert progress.to_dict()["omitted"] == {
        "services": 1_000 - kept,
        "services_behind": 500 - kept,
        "pending_replicas": 500 - kept,
    }
    assert progress.more_behind == 500 - kept


@pytest.mark.parametrize("count", [90, 1_000])
def test_services_behind_fit_first(count: int) -> None:
    assert record(ServiceUpgradeProgress=listed(1, *[0] * (count - 1))).more_behind == 0


def test_position_ignores_the_order_of_services() -> None:
    services = listed(*[place % 7 for place in range(1_000)])
    there, back = (record(ServiceUpgradeProgress=items) for items in (services, services[::-1]))
    assert there.position == back.position


def test_omitted_service_moves_the_position() -> None:
    before, after = [1] * 1_000, [1] * 1_000
    after[999] = after[500] = 0
    positions = [record(ServiceUpgradeProgress=listed(*pending)).position for pending in (before, after)]
    assert positions[0] != positions[1]


ROLLING_TEXTS = [
    ("name", "Name", 512),
    ("failure_reason", "FailureReason", 256),
    ("health_check_phase", "HealthCheckPhase", 256),
    ("status_details", "UpgradeStatusDetails", 1_024),
]


@pytest.mark.parametrize(("field", "key", "most"), ROLLING_TEXTS)
def test_rolling_text_is_cut_at_its_limit(field: str, key: str, most: int) -> None:
    fits, too_long = "x" * (most - 2), "x" * (most - 1)
    assert read("application", **{key: fits}).to_dict()[field] == fits
    assert (
        read("application", **{key: too_long}).to_dict()[field]
        == f"{'x' * (most - 42)}... (41 characters more)"
    )


def test_versions_and_kind_are_cut() -> None:
    long, cut = "x" * 5_000, f"{'x' * 214}... (4786 characters more)"
    progress = read("cluster", CodeVersion=long, ConfigVersion=long, UpgradeDescription={"UpgradeKind": long})
    assert (progress.target_version, progress.config_version, progress.upgrade_kind) == (cut, cut, cut)


def test_omitted_parts_of_rolling_upgrades_are_counted() -> None:
    units = [{"Name": f"UD{place}", "State": "Completed"} for place in range(99)]
    nodes = [
        {"NodeName": f"n{place}", "PendingSafetyChecks": [{"SafetyCheck": {"Kind": "A"}}]}
        for place in range(99)
    ]
    progress = read(
        "cluster",
        UpgradeDomains=units,
        UpgradeUnits=units,
        CurrentUpgradeDomainProgress={"NodeUpgradeProgressList": nodes},
        UpgradeDomainProgressAtFailure={"NodeUpgradeProgressList": nodes},
        UnhealthyEvaluations=[{"Kind": "Service", "ServiceName": f"s{place}"} for place in range(99)],
    )
    place = progress.domains
    assert progress.to_dict()["omitted"] == {
        "upgrade_domains": 99 - len(place.upgrade_domains),
        "upgrade_domains_completed": 99 - len(place.upgrade_domains),
        "upgrade_units": 99 - len(place.upgrade_units),
        "upgrade_units_completed": 99 - len(place.upgrade_units),
        "current_nodes": 99 - len(place.current_domain.nodes if place.current_domain else ()),
        "pending_safety_checks": 99 - len(place.pending_safety_checks),
        "nodes_at_failure": 99 - len(place.nodes_at_failure),
        "safety_checks_at_failure": 99 - len(place.safety_checks_at_failure),
        "unhealthy_evaluations": 99 - len(progress.unhealthy_evaluations),
    }


TEXTS = [
    ("name", "Name", 512),
    ("state", "UpgradeState", 256),
    ("target_version", "TargetApplicationTypeVersion", 256),
    ("rolling_upgrade_mode", "RollingUpgradeMode", 256),
    ("status_details", "ApplicationUpgradeStatusDetails", 1_024),
]


@pytest.mark.parametrize(("field", "key", "most"), TEXTS)
def test_text_is_cut_at_its_limit(field: str, key: str, most: int) -> None:
    fits, too_long = "x" * (most - 2), "x" * (most - 1)
    assert record(**{key: fits}).to_dict()[field] == fits
    assert record(**{key: too_long}).to_dict()[field] == f"{'x' * (most - 42)}... (41 characters more)"


@pytest.mark.parametrize(("field", "key", "most"), TEXTS)
@pytest.mark.parametrize("letter", ["x", "é", "\x01"])
def test_cut_text_shows_the_rest_length(field: str, key: str, letter: str, most: int) -> None:
    cut = record(**{key: letter * 5_000}).to_dict()[field]
    kept, _, more = cut.partition("... (")
    assert (kept, more) == (letter * len(kept), f"{5_000 - len(kept)} characters more)")
    assert most * 3 / 4 < len(json.dumps(cut)) <= most


def test_previous_version_is_cut() -> None:
    progress = record(ApplicationUpgradeStatusDetails=f"from version: {'y' * 5_000} to version: v1")
    assert progress.previous_version == f"{'y' * 214}... (4786 characters more)"


def test_previous_version_is_found_in_cut_details() -> None:
    details = f"{'x' * 5_000} from version: v6 to version: v7."
    assert record(ApplicationUpgradeStatusDetails=details).previous_version == "v6"


def test_equal_answers_are_cut_to_equal_records() -> None:
    answer = {
        "UpgradeState": "é" * 5_000,
        "StartTimestampUtc": STARTED,
        "ServiceUpgradeProgress": listed(*[place % 3 for place in range(999)], name="é" * 300),
    }
    first, second = (
        UpgradeProgress.from_answer(KIND, "shop", source)
        for source in (answer, json.loads(json.dumps(answer)))
    )
    assert first == second
    assert first.position == second.position
    for written in (first.to_dict(), first.to_dict(include_raw=True)):
        read = UpgradeProgress.from_dict(json.loads(json.dumps(written)))
        assert read == first
        assert read.position == first.position


def test_raw_over_16_kib_is_omitted() -> None:
    bare = {"StartTimestampUtc": STARTED, "Odd": ""}
    longest = 16_384 - len(json.dumps(bare))
    fits, too_long = (record(Odd="x" * length).to_dict(include_raw=True) for length in (longest, longest + 1))
    assert fits["raw"] == {**bare, "Odd": "x" * longest}
    assert fits["omitted"] == {}
    assert too_long["raw"] is None
    assert too_long["omitted"] == {"raw": 16_385}
    assert "raw" not in record(Odd="x" * 20_000).to_dict()
    assert record(Odd="x" * 20_000).to_dict()["omitted"] == {}


def test_raw_size_stands_beside_omitted_counts() -> None:
    written = record(ServiceUpgradeProgress=listed(*[0] * 1_000)).to_dict(include_raw=True)
    assert set(written["omitted"]) == {"services", "raw"}
    assert UpgradeProgress.from_dict(written).omitted == (("services", written["omitted"]["services"]),)


@pytest.mark.parametrize("count", [10**300, -(10**300), "9" * 300])
def test_replica_check_over_64_bits_is_none(count: object) -> None:
    assert record(UpgradeReplicaSetCheckTimeoutInSeconds=count).replica_check_timeout_seconds is None


def test_record_without_omitted_is_read() -> None:
    """Before anything was cut, schema 1 had no such key."""
    written = record(ServiceUpgradeProgress=listed(1, 0)).to_dict()
    del written["omitted"]
    assert UpgradeProgress.from_dict(written) == record(ServiceUpgradeProgress=listed(1, 0))


NEW_KEYS = (
    "config_version",
    "health_check_elapsed_seconds",
    "upgrade_units",
    "nodes_at_failure",
    "safety_checks_at_failure",
    "failure_classification",
    "domain_duration_seconds",
    "monitoring_policy",
    "next_domain",
)


def test_record_without_new_members_is_read() -> None:
    """Before their kinds were known, schema 1 had no such keys."""
    written = record().to_dict()
    assert (
        UpgradeProgress.from_dict({key: value for key, value in written.items() if key not in NEW_KEYS})
        == record()
    )


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("upgrade_domains", [{"name": "UD0"}]),
        ("upgrade_units", [5]),
        ("current_domain", {"nodes": None}),
        ("current_domain", "UD0"),
        ("nodes_at_failure", [{}]),
        ("pending_safety_checks", None),
        ("unhealthy_evaluations", 5),
    ],
)
def test_invalid_place_is_refused(key: str, odd: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        UpgradeProgress.from_dict({**record().to_dict(), key: odd})


@pytest.mark.parametrize("odd", [None, 5, "services", [1]])
def test_invalid_omitted_count_is_refused(odd: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        UpgradeProgress.from_dict({**record().to_dict(), "omitted": odd})


@pytest.mark.parametrize("percent", ["1e308", -5, 101])
def test_percentage_out_of_range_is_none(percent: object) -> None:
    assert record(PercentCompleted=percent).percent_completed is None


@pytest.mark.parametrize("odd", [10**30, "\udc80", {"__classname__": "x"}])
def test_raw_that_airflow_cannot_store_is_omitted(odd: object) -> None:
    progress = record(Odd=odd).to_dict(include_raw=True)
    assert progress["raw"] is None
    assert progress["omitted"]["raw"] > 0
