"""The simulated upgrade of an application resource, second by second; errors of each kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator.model import progress_response
from airflow_provider_sf.simulator.scenarios import SCENARIOS, SERVICES
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.responses import HttpResponse

START = 1_772_334_000.0
SECONDS = range(0, 960, 5)
YEAR_1 = "0001-01-01T00:00:00.000Z"


def response_at(
    scenario: str, elapsed: float, speed: float = 1.0, *, kind: str = "application_resource"
) -> HttpResponse:
    name = f"{scenario}-shop"
    return progress_response(
        SCENARIOS[scenario], name, kind=kind, elapsed=elapsed, started_at=START, speed=speed
    )


def bodies(scenario: str, kind: str = "application_resource") -> list[dict[str, Any]]:
    responses = [response_at(scenario, second, kind=kind) for second in SECONDS]
    return [
        json.loads(response.body) for response in responses if response.status == 200 and not response.reset
    ]


def body_at(scenario: str, second: float, speed: float = 1.0) -> dict[str, Any]:
    return dict(json.loads(response_at(scenario, second, speed).body))


def changes(scenario: str, *fields: str) -> list[tuple[Any, ...]]:
    """Return each change of these fields, with the second at which it is first seen."""
    seen = [tuple(body[field] for field in fields) for body in bodies(scenario)]
    return [
        (second, *now)
        for second, before, now in zip(SECONDS, [None, *seen], seen, strict=False)
        if now != before
    ]


def test_founding_page_has_the_same_types(sample: Callable[[str], dict[str, Any]]) -> None:
    """Except the replica check timeout: a string on the page, a number in the specification."""
    page, body = sample("application_resource/founding_page"), bodies("good")[0]
    different = [field for field in page if type(page[field]) is not type(body[field])]
    assert different == ["UpgradeReplicaSetCheckTimeoutInSeconds"]
    assert [type(value) for value in page["ServiceUpgradeProgress"][0].values()] == [str, str, str]
    assert [type(value) for value in body["ServiceUpgradeProgress"][0].values()] == [str, str, str]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (
            "good",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (570, "UnprovisioningCurrent", "v1", "2026-03-01T03:00:00.000Z"),
                (600, "CompletedRollforward", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        (
            "rolled_back",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (360, "RollingBack", "v0", "2026-03-01T03:00:00.000Z"),
                (570, "UnprovisioningTarget", "v0", "2026-03-01T03:00:00.000Z"),
                (600, "CompletedRollback", "v0", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        (
            "failed",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (360, "Failed", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        ("never_upgraded", [(0, "CompletedRollforward", "v0", YEAR_1)]),
        (
            "stuck",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        (
            "paused",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (860, "UnprovisioningCurrent", "v1", "2026-03-01T03:00:00.000Z"),
                (890, "CompletedRollforward", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        (
            "next_domain",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (130, "RollingForwardPending", "v1", "2026-03-01T03:00:00.000Z"),
                (330, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (430, "UnprovisioningCurrent", "v1", "2026-03-01T03:00:00.000Z"),
                (460, "CompletedRollforward", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
        (
            "slow_start",
            [
                (0, "CompletedRollforward", "v0", YEAR_1),
                (300, "ProvisioningTarget", "v1", YEAR_1),
                (330, "RollingForward", "v1", "2026-03-01T03:05:00.000Z"),
                (870, "UnprovisioningCurrent", "v1", "2026-03-01T03:05:00.000Z"),
                (900, "CompletedRollforward", "v1", "2026-03-01T03:05:00.000Z"),
            ],
        ),
        (
            "previous_first",
            [
                (0, "CompletedRollforward", "v1", "2026-02-28T03:00:00.000Z"),
                (60, "ProvisioningTarget", "v2", YEAR_1),
                (90, "RollingForward", "v2", "2026-03-01T03:01:00.000Z"),
                (630, "UnprovisioningCurrent", "v2", "2026-03-01T03:01:00.000Z"),
                (660, "CompletedRollforward", "v2", "2026-03-01T03:01:00.000Z"),
            ],
        ),
        (
            "superseded",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (230, "ProvisioningTarget", "v2", YEAR_1),
                (260, "RollingForward", "v2", "2026-03-01T03:03:50.000Z"),
                (560, "UnprovisioningCurrent", "v2", "2026-03-01T03:03:50.000Z"),
                (590, "CompletedRollforward", "v2", "2026-03-01T03:03:50.000Z"),
            ],
        ),
        (
            "interrupted",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (150, "RollingBack", "v0", "2026-03-01T03:00:00.000Z"),
                (270, "ProvisioningTarget", "v2", YEAR_1),
                (300, "RollingForward", "v2", "2026-03-01T03:04:30.000Z"),
                (600, "UnprovisioningCurrent", "v2", "2026-03-01T03:04:30.000Z"),
                (630, "CompletedRollforward", "v2", "2026-03-01T03:04:30.000Z"),
            ],
        ),
        (
            "unknown_state",
            [
                (0, "ProvisioningTarget", "v1", YEAR_1),
                (30, "RollingForward", "v1", "2026-03-01T03:00:00.000Z"),
                (130, "RollingSideways", "v1", "2026-03-01T03:00:00.000Z"),
            ],
        ),
    ],
)
def test_states_versions_and_starts_are_in_order(scenario: str, expected: list[tuple[Any, ...]]) -> None:
    assert changes(scenario, "UpgradeState", "TargetApplicationTypeVersion", "StartTimestampUtc") == expected


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (
            "paused",
            [
                (0, "Monitored", YEAR_1),
                (360, "UnmonitoredManual", "2026-03-01T03:06:00.000Z"),
            ],
        ),
        ("next_domain", [(0, "UnmonitoredManual", YEAR_1)]),
        ("slow_start", [(0, "Invalid", YEAR_1), (300, "Monitored", YEAR_1)]),
        ("previous_first", [(0, "Monitored", YEAR_1)]),
        (
            "interrupted",
            [
                (0, "Monitored", YEAR_1),
                (150, "UnmonitoredAuto", "2026-03-01T03:02:30.000Z"),
                (270, "Monitored", YEAR_1),
            ],
        ),
    ],
)
def test_failure_stays_until_the_next_upgrade(scenario: str, expected: list[tuple[Any, ...]]) -> None:
    assert changes(scenario, "RollingUpgradeMode", "FailureTimestampUtc") == expected


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("stuck", [(180, 43), (210, 50), (86_400, 50)]),
        ("paused", [(360, 62), (659, 62), (860, 100)]),
        ("next_domain", [(130, 50), (329, 50), (430, 100)]),
        ("superseded", [(229, 43), (230, 0), (560, 100)]),
        ("interrupted", [(149, 37), (150, 81), (210, 87), (270, 0), (600, 100)]),
        ("unknown_state", [(130, 25), (86_400, 25)]),
    ],
)
def test_percent_stops_with_the_upgrade(scenario: str, expected: list[tuple[int, int]]) -> None:
    assert [
        (second, int(body_at(scenario, second)["PercentCompleted"])) for second, _ in expected
    ] == expected


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("stuck", [(210, "PT0H3M30S"), (7200, "PT2H0M0S")]),
        ("paused", [(600, "PT0H10M0S"), (890, "PT0H14M50S"), (7200, "PT0H14M50S")]),
        ("slow_start", [(299, "PT0H0M0S"), (310, "PT0H0M10S"), (7200, "PT0H10M0S")]),
        ("previous_first", [(0, "PT0H10M0S"), (59, "PT0H10M0S"), (65, "PT0H0M5S"), (7200, "PT0H10M0S")]),
        ("superseded", [(229, "PT0H3M49S"), (230, "PT0H0M0S"), (290, "PT0H1M0S"), (7200, "PT0H6M0S")]),
        ("interrupted", [(269, "PT0H4M29S"), (270, "PT0H0M0S"), (330, "PT0H1M0S"), (7200, "PT0H6M0S")]),
        ("unknown_state", [(7200, "PT2H0M0S")]),
    ],
)
def test_each_upgrade_has_its_duration(scenario: str, expected: list[tuple[int, str]]) -> None:
    assert [(second, body_at(scenario, second)["UpgradeDuration"]) for second, _ in expected] == expected


def test_details_name_old_and_new_version() -> None:
    assert changes("interrupted", "ApplicationUpgradeStatusDetails") == [
        (0, "Deployment upgrading from version: v0 to version: v1."),
        (150, "Deployment rolling back from version: v1 to version: v0."),
        (270, "Deployment upgrading from version: v0 to version: v2."),
    ]
    assert changes("previous_first", "ApplicationUpgradeStatusDetails") == [
        (0, "Deployment upgrading from version: v0 to version: v1."),
        (60, "Deployment upgrading from version: v1 to version: v2."),
    ]


def test_slow_start_begins_as_never_upgraded() -> None:
    slow, never = body_at("slow_start", 299), body_at("never_upgraded", 299)
    assert {**slow, "Name": "x"} == {**never, "Name": "x"}


def test_states_are_in_the_runtimes_order() -> None:
    states = [body["UpgradeState"] for body in bodies("rolled_back")]
    assert list(dict.fromkeys(states)) == [
        "ProvisioningTarget",
        "RollingForward",
        "RollingBack",
        "UnprovisioningTarget",
        "CompletedRollback",
    ]


def test_percent_and_replicas_grow_going_forward() -> None:
    seen = bodies("good")
    percents = [int(body["PercentCompleted"]) for body in seen]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert len(set(percents)) > 5
    for body in seen:
        for service in body["ServiceUpgradeProgress"]:
            done, pending = int(service["CompletedReplicaCount"]), int(service["PendingReplicaCount"])
            assert done + pending == SERVICES[service["ServiceName"]]
    for place in range(len(SERVICES)):
        counts = [int(body["ServiceUpgradeProgress"][place]["CompletedReplicaCount"]) for body in seen]
        assert counts == sorted(counts)


def test_rollback_changes_version_and_mode() -> None:
    for body in bodies("rolled_back"):
        back = "Back" in body["UpgradeState"] or body["UpgradeState"] in {
            "UnprovisioningTarget",
            "CompletedRollback",
        }
        assert body["TargetApplicationTypeVersion"] == ("v0" if back else "v1")
        assert body["RollingUpgradeMode"] == ("UnmonitoredAuto" if back else "Monitored")
        assert (body["FailureTimestampUtc"] == "0001-01-01T00:00:00.000Z") is not back


def test_start_time_is_set_once() -> None:
    starts = [body["StartTimestampUtc"] for body in bodies("rolled_back")]
    assert starts[0] == "0001-01-01T00:00:00.000Z"
    assert set(starts[6:]) == {"2026-03-01T03:00:00.000Z"}


def test_finished_upgrade_does_not_change() -> None:
    assert response_at("good", 600).body == response_at("good", 86_400).body
    assert json.loads(response_at("good", 600).body)["UpgradeDuration"] == "PT0H10M0S"


def test_long_duration_has_days() -> None:
    assert json.loads(response_at("good", 90_100, speed=0.001).body)["UpgradeDuration"] == "P1DT1H1M40S"


def test_speed_shortens_phases_only() -> None:
    fast, slow = json.loads(response_at("good", 30, speed=10).body), json.loads(response_at("good", 300).body)
    assert fast["ServiceUpgradeProgress"] == slow["ServiceUpgradeProgress"]
    assert (fast["UpgradeDuration"], slow["UpgradeDuration"]) == ("PT0H0M30S", "PT0H5M0S")
    failed = json.loads(response_at("failed", 100, speed=10).body)
    assert failed["FailureTimestampUtc"] == "2026-03-01T03:00:36.000Z"
    second = body_at("superseded", 60, speed=10)
    assert (second["StartTimestampUtc"], second["UpgradeDuration"]) == (
        "2026-03-01T03:00:23.000Z",
        "PT0H0M36S",
    )


def test_flapping_has_every_fault() -> None:
    responses = {second: response_at("flapping", second) for second in (30, 90, 150, 210, 270, 330, 400)}
    assert [response.status for response in responses.values()] == [200, 503, 200, 504, 502, 503, 200]
    assert responses[150].reset
    assert responses[210].slow
    assert responses[270].content_type == "text/html"
    assert responses[330].body == b""


@pytest.mark.kind_samples
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("application_resource", 500, "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"),
        ("application", 404, "FABRIC_E_APPLICATION_NOT_FOUND"),
        ("compose_deployment", 404, "FABRIC_E_COMPOSE_DEPLOYMENT_NOT_FOUND"),
        ("cluster", 400, "E_INVALIDARG"),
        ("cluster_configuration", 400, "E_INVALIDARG"),
    ],
)
def test_missing_application_has_the_runtimes_error(kind: str, status: int, code: str) -> None:
    response = response_at("not_found", 0, kind=kind)
    assert (response.status, json.loads(response.body)["Error"]["Code"]) == (status, code)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("second", [0, 600, 86_400])
def test_unauthorised_client_receives_nothing(second: int, kind: str) -> None:
    response = response_at("unauthorised", second, kind=kind)
    assert (response.status, response.body) == (403, b"")
