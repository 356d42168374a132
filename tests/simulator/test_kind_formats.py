"""The format of each kind of upgrade: states, versions, names, failures and health checks."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.rest.protocol import Call
from airflow_provider_sf.simulator.kind_formats import KIND_FORMATS, KindFormat
from airflow_provider_sf.simulator.model import progress_body, progress_response
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades.kinds import KINDS, Kind

START = 1_772_334_000.0
SECONDS = range(0, 960, 5)
YEAR_1 = "0001-01-01T00:00:00.000Z"
FORWARD, BACK = "RollingForwardInProgress", "RollingBackInProgress"


def body_at(scenario: str, second: float, *, kind: str, speed: float = 1.0) -> dict[str, Any]:
    """Return the body at a second of real time after the start."""
    name, second = f"{scenario}-shop", second * speed
    return progress_body(SCENARIOS[scenario], name, kind=kind, second=second, started_at=START, speed=speed)


def changes(scenario: str, *keys: str, kind: str) -> list[tuple[Any, ...]]:
    """Return each change of the values under these keys, with the second at which it is first seen."""
    seen: list[tuple[Any, ...]] = []
    for second in SECONDS:
        body = body_at(scenario, second, kind=kind)
        now = tuple(body[key] for key in keys)
        if not seen or seen[-1][1:] != now:
            seen.append((second, *now))
    return seen


def test_every_kind_format_has_a_kind() -> None:
    assert set(KIND_FORMATS) <= set(KINDS)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cluster_configuration", [(0, FORWARD), (360, BACK), (600, "RollingBackCompleted")]),
        (
            "compose_deployment",
            [
                (0, "ProvisioningTarget"),
                (30, FORWARD),
                (130, "RollingForwardPending"),
                (165, FORWARD),
                (265, "RollingForwardPending"),
                (295, FORWARD),
                (360, BACK),
                (570, "UnprovisioningTarget"),
                (600, "RollingBackCompleted"),
            ],
        ),
        *(
            (
                kind,
                [
                    (0, FORWARD),
                    (130, "RollingForwardPending"),
                    (165, FORWARD),
                    (265, "RollingForwardPending"),
                    (295, FORWARD),
                    (360, BACK),
                    (600, "RollingBackCompleted"),
                ],
            )
            for kind in ("application", "cluster")
        ),
    ],
)
def test_each_kind_has_its_rollback_states(kind: str, expected: list[tuple[int, str]]) -> None:
    assert changes("rolled_back", "UpgradeState", kind=kind) == expected


@pytest.mark.kind_samples
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("application_resource", ["UnprovisioningCurrent", "CompletedRollforward"]),
        ("application", [FORWARD, "RollingForwardCompleted"]),
        ("compose_deployment", ["UnprovisioningCurrent", "RollingForwardCompleted"]),
        ("cluster", [FORWARD, "RollingForwardCompleted"]),
        ("cluster_configuration", [FORWARD, "RollingForwardCompleted"]),
    ],
)
def test_each_kind_has_its_success_state(kind: str, last: list[str]) -> None:
    assert [state for _, state in changes("good", "UpgradeState", kind=kind)][-2:] == last


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scenario", "second", "word"),
    [
        ("failed", 400, "Failed"),
        ("next_domain", 200, "RollingForwardPending"),
        ("unknown_state", 200, "RollingSideways"),
    ],
)
def test_other_states_are_the_same_for_all_kinds(scenario: str, second: int, word: str, kind: str) -> None:
    assert body_at(scenario, second, kind=kind)["UpgradeState"] == word


@pytest.mark.parametrize("kind", ["application", "compose_deployment", "cluster"])
def test_start_time_is_unset_at_first(kind: str) -> None:
    assert changes("superseded", "StartTimestampUtc", kind=kind) == [
        (0, YEAR_1),
        (30, "2026-03-01T03:00:00.000Z"),
        (230, YEAR_1),
        (260, "2026-03-01T03:03:50.000Z"),
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("application", ["TargetApplicationTypeVersion"], [(0, "v1"), (150, "v0"), (270, "v2")]),
        ("compose_deployment", ["TargetApplicationTypeVersion"], [(0, "v1"), (150, "v0"), (270, "v2")]),
        (
            "cluster",
            ["CodeVersion", "ConfigVersion"],
            [(0, "10.1.2175.9590", "2"), (150, "10.0.1949.9590", "1"), (270, "10.1.2338.9590", "3")],
        ),
        (
            "cluster_configuration",
            ["ProgressStatus", "ConfigVersion"],
            [(0, 2, "1.0.0"), (150, 1, "1.0.0"), (270, 3, "1.0.0"), (630, 3, "1.2.0")],
        ),
    ],
)
def test_each_kind_has_its_own_versions(
    kind: str, fields: list[str], expected: list[tuple[Any, ...]]
) -> None:
    assert changes("interrupted", *fields, kind=kind) == expected


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        ("application_resource", "Name", "good-shop"),
        ("application", "Name", "fabric:/good-shop"),
        ("compose_deployment", "DeploymentName", "good-shop"),
    ],
)
def test_each_kind_has_its_name_format(kind: str, key: str, expected: str) -> None:
    assert body_at("good", 100, kind=kind)[key] == expected


@pytest.mark.parametrize(
    ("name", "full", "type_name"),
    [
        ("good-shop~web", "fabric:/good-shop/web", "GoodShopType"),
        ("Fabric:/good-shop/web", "fabric:/good-shop/web", "GoodShopType"),
        ("rolled_back-my shop?", "fabric:/rolled_back-my shop?", "RolledBackMyShopType"),
    ],
)
def test_application_has_full_name_and_type(name: str, full: str, type_name: str) -> None:
    body = progress_body(SCENARIOS["good"], name, kind="application", second=100, started_at=START, speed=1.0)
    assert (body["Name"], body["TypeName"]) == (full, type_name)
    assert body["UpgradeDescription"] == {
        "Name": full,
        "TargetApplicationTypeVersion": "v1",
        "UpgradeKind": "Rolling",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "MonitoringPolicy": {"FailureAction": "Rollback"},
    }


NOWHERE = {"DomainName": "", "NodeUpgradeProgressList": []}
NEVER = {
    "UpgradeState": "RollingForwardCompleted",
    "StartTimestampUtc": YEAR_1,
    "FailureTimestampUtc": YEAR_1,
    "FailureReason": "None",
    "RollingUpgradeMode": "Invalid",
    "UpgradeDomainProgressAtFailure": NOWHERE,
    "CurrentUpgradeDomainProgress": NOWHERE,
    "UpgradeStatusDetails": "",
}
NEVER_ROLLING = {
    **NEVER,
    "UpgradeDurationInMilliseconds": "PT0H0M0S",
    "UpgradeDomainDurationInMilliseconds": "PT0H0M0S",
    "NextUpgradeDomain": "",
    "HealthCheckPhase": "Invalid",
    "HealthCheckElapsedTime": "PT0H0M0S",
    "UpgradeDomains": [],
    "UpgradeUnits": [],
    "CurrentUpgradeUnitsProgress": NOWHERE,
    "UnhealthyEvaluations": [],
}


@pytest.mark.kind_samples
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "application_resource",
            {
                "Name": "never_upgraded-shop",
                "TargetApplicationTypeVersion": "v0",
                "StartTimestampUtc": YEAR_1,
                "UpgradeState": "CompletedRollforward",
                "PercentCompleted": "100",
                "ServiceUpgradeProgress": [],
                "RollingUpgradeMode": "Invalid",
                "UpgradeDuration": "PT0H0M0S",
                "ApplicationUpgradeStatusDetails": "",
                "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
                "FailureTimestampUtc": YEAR_1,
            },
        ),
        (
            "application",
            {
                **NEVER_ROLLING,
                "Name": "fabric:/never_upgraded-shop",
                "TypeName": "NeverUpgradedShopType",
                "TargetApplicationTypeVersion": "v0",
            },
        ),
        (
            "compose_deployment",
            {
                **NEVER,
                "DeploymentName": "never_upgraded-shop",
                "TargetApplicationTypeVersion": "v0",
                "UpgradeKind": "Invalid",
                "UpgradeDuration": "PT0H0M0S",
                "CurrentUpgradeDomainDuration": "PT0H0M0S",
                "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
                "ApplicationUnhealthyEvaluations": [],
            },
        ),
        ("cluster", {**NEVER_ROLLING, "CodeVersion": "0.0.0.0", "ConfigVersion": "1"}),  # noqa: S104 - no address
        (
            "cluster_configuration",
            {
                "UpgradeState": "RollingForwardCompleted",
                "ProgressStatus": 0,
                "ConfigVersion": "1.0.0",
                "Details": "",
            },
        ),
    ],
)
def test_never_upgraded_has_the_kinds_format(kind: str, expected: dict[str, Any]) -> None:
    assert body_at("never_upgraded", 300, kind=kind) == expected


@pytest.mark.parametrize("kind", ["application_resource", "compose_deployment"])
def test_only_deployments_report_the_old_version(kind: str) -> None:
    details = {"application_resource": "ApplicationUpgradeStatusDetails"}.get(kind, "UpgradeStatusDetails")
    assert changes("rolled_back", details, kind=kind) == [
        (0, "Deployment upgrading from version: v0 to version: v1."),
        (360, "Deployment rolling back from version: v1 to version: v0."),
    ]
    for other, key in (
        ("application", "UpgradeStatusDetails"),
        ("cluster", "UpgradeStatusDetails"),
        ("cluster_configuration", "Details"),
    ):
        assert changes("rolled_back", key, kind=other) == [(0, "")]


@pytest.mark.parametrize("kind", ["application", "compose_deployment", "cluster"])
def test_failure_has_reason_and_domain(kind: str) -> None:
    assert [
        (second, reason, place["DomainName"])
        for second, reason, place in changes(
            "paused", "FailureReason", "UpgradeDomainProgressAtFailure", kind=kind
        )
    ] == [(0, "None", ""), (360, "HealthCheck", "UD3")]
    assert [
        (second, reason, place["DomainName"])
        for second, reason, place in changes(
            "interrupted", "FailureReason", "UpgradeDomainProgressAtFailure", kind=kind
        )
    ] == [(0, "None", ""), (150, "Interrupted", "UD2"), (270, "None", "")]


EVALUATIONS = {"compose_deployment": "ApplicationUnhealthyEvaluations"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *(
            (
                kind,
                [
                    ("Application", "The application fabric:/rolled_back-shop is in error."),
                    ("Services", "1 of 1 services is unhealthy, none may be."),
                    ("Service", "The service fabric:/rolled_back-shop/web is in error."),
                    ("Partitions", "1 of 1 partitions is unhealthy, none may be."),
                    ("Partition", "A partition is in error."),
                    ("Event", "System.FM reports an error: State."),
                ],
            )
            for kind in ("application", "compose_deployment")
        ),
        (
            "cluster",
            [
                ("Nodes", "1 of 10 nodes is unhealthy, none may be."),
                ("Node", "The node node5 is in error."),
                ("Event", "System.FM reports an error: State."),
            ],
        ),
    ],
)
def test_failed_health_check_has_unhealthy_evaluations(kind: str, expected: list[tuple[str, str]]) -> None:
    evaluations, found = (
        [],
        body_at("rolled_back", 700, kind=kind)[EVALUATIONS.get(kind, "UnhealthyEvaluations")],
    )
    while found:
        [item] = found
        evaluation = item["HealthEvaluation"]
        assert evaluation["AggregatedHealthState"] == "Error"
        evaluations.append((evaluation["Kind"], evaluation["Description"]))
        found = evaluation.get("UnhealthyEvaluations")
    assert evaluations == expected


@pytest.mark.parametrize("kind", ["application", "compose_deployment", "cluster"])
@pytest.mark.parametrize(
    ("scenario", "second"), [("good", 100), ("rolled_back", 359), ("paused", 359), ("interrupted", 200)]
)
def test_only_failed_health_checks_are_unhealthy(scenario: str, second: int, kind: str) -> None:
    key = EVALUATIONS.get(kind, "UnhealthyEvaluations")
    assert body_at(scenario, second, kind=kind)[key] == []


@pytest.mark.parametrize("kind", ["application", "cluster"])
def test_domain_health_is_checked_between_domains(kind: str) -> None:
    """A domain takes 108 seconds here, so its health check begins after 81 seconds and takes 27."""
    seen = [
        (second, body["UpgradeState"], body["HealthCheckPhase"], body["HealthCheckElapsedTime"])
        for second in (110, 111, 120, 124, 125, 137, 138)
        for body in [body_at("good", second, kind=kind)]
    ]
    assert seen == [
        (110, FORWARD, "Invalid", "PT0H0M0S"),
        (111, "RollingForwardPending", "WaitDuration", "PT0H0M0S"),
        (120, "RollingForwardPending", "WaitDuration", "PT0H0M9S"),
        (124, "RollingForwardPending", "WaitDuration", "PT0H0M13S"),
        (125, "RollingForwardPending", "StableDuration", "PT0H0M14S"),
        (137, "RollingForwardPending", "StableDuration", "PT0H0M26S"),
        (138, FORWARD, "Invalid", "PT0H0M0S"),
    ]
    fast = body_at("good", 13.7, kind=kind, speed=10.0)
    assert (fast["HealthCheckPhase"], fast["HealthCheckElapsedTime"]) == ("StableDuration", "PT0H0M2.6S")


@pytest.mark.parametrize("kind", ["application_resource", "cluster_configuration"])
def test_kinds_without_domains_have_no_health_checks(kind: str) -> None:
    states = {state for _, state in changes("good", "UpgradeState", kind=kind)}
    assert "RollingForwardPending" not in states


def test_new_kind_is_simulated_by_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The row has a call and keys. The rest has the format of classic applications.

    The row is in the table during this test only.
    """
    row = Kind(
        name="volume",
        title="volume",
        progress=Call("/Volumes/{volumeName}/$/GetUpgradeProgress", "10.0", "https://example.com"),
        keys={
            "name": "Volume.Name",
            "state": "Upgrade.State",
            "target_version": "Upgrade.To.Version",
            "percent_completed": "Upgrade.Percent",
        },
        never_upgraded={"target_version": "none"},
        explorer_fragment="/",
    )
    monkeypatch.setitem(KINDS, "volume", row)
    assert body_at("good", 300, kind="volume") == {
        "Volume": {"Name": "good-shop"},
        "Upgrade": {"State": FORWARD, "To": {"Version": "v1"}, "Percent": "62"},
    }
    assert body_at("never_upgraded", 0, kind="volume")["Upgrade"]["To"] == {"Version": "none"}
    missing = progress_response(
        SCENARIOS["not_found"], "shop", kind="volume", elapsed=0, started_at=START, speed=1.0
    )
    assert missing == KindFormat().not_found_response("shop")
