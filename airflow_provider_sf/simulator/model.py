"""What a cluster says in a scenario so many seconds after its start. Pure; no clock, no state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.scenarios import NO_UPGRADE, SERVICES, UPGRADE_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Phase, Scenario

AT_REST = frozenset({"CompletedRollforward", "CompletedRollback", "Failed"})
YEAR_1 = "0001-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire. ``reset`` cuts the connection, ``slow`` comes after the server's pause."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    reset: bool = False
    slow: bool = False


FAULTS: dict[str, Answer] = {
    "unavailable": Answer(
        503, b'{"Error":{"Code":"FABRIC_E_SERVICE_TOO_BUSY","Message":"The service is too busy."}}'
    ),
    "reset": Answer(reset=True),
    "slow": Answer(504, b'{"Error":{"Code":"FABRIC_E_TIMEOUT","Message":"Operation timed out."}}', slow=True),
    "html": Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", content_type="text/html"),
    "empty": Answer(503),
    "forbidden": Answer(403),
}


def fabric_error(status: int, code: str, message: str) -> Answer:
    """Return an error as the gateway words it."""
    return Answer(status, json.dumps({"Error": {"Code": code, "Message": message}}).encode())


def progress_answer(
    scenario: Scenario, name: str, *, elapsed: float, started_at: float, speed: float
) -> Answer:
    """
    Return what the progress call answers ``elapsed`` seconds after the scenario's start.

    ``speed`` makes the scenario's phases shorter; times and durations in the answer are real ones.
    """
    second = elapsed * speed
    if not scenario.exists:
        return fabric_error(
            500,
            "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND",
            f"Application resource {name} does not exist.",
        )
    for fault in scenario.faults:
        if fault.from_second <= second < fault.to_second:
            return FAULTS[fault.kind]
    body = progress_body(scenario, name, second=second, started_at=started_at, speed=speed)
    return Answer(body=json.dumps(body).encode())


def progress_body(
    scenario: Scenario, name: str, *, second: float, started_at: float, speed: float
) -> dict[str, Any]:
    """Return ApplicationResourceUpgradeProgressInfo, each field in the type that the wire has."""
    story = _story(scenario, second)
    begun, phase = story[-1]
    part = _part(phase, second - begun)
    upgraded = phase.upgrade != NO_UPGRADE
    started, lasted, failed = _times(story, second, started_at=started_at, speed=speed)
    return {
        "Name": name,
        "TargetApplicationTypeVersion": phase.upgrade.old if phase.backward else phase.upgrade.new,
        "StartTimestampUtc": started,
        "UpgradeState": phase.state,
        "PercentCompleted": str(_percent(part)),
        "ServiceUpgradeProgress": _services(part) if upgraded else [],
        "RollingUpgradeMode": phase.mode or ("UnmonitoredAuto" if phase.backward else "Monitored"),
        "UpgradeDuration": lasted,
        "ApplicationUpgradeStatusDetails": _details(phase) if upgraded else "",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "FailureTimestampUtc": failed,
    }


def _story(scenario: Scenario, second: float) -> list[tuple[float, Phase]]:
    """Return the phases that have begun by a second, each with the second at which it did."""
    story, start = [], -scenario.past
    for phase in scenario.phases:
        if start <= second:
            story.append((start, phase))
        start += phase.seconds
    return story


def _part(phase: Phase, seconds: float) -> float:
    """Return the part of the replicas that is done so many seconds into a phase."""
    share = seconds / phase.seconds if phase.seconds else 1.0
    return phase.done + (phase.until - phase.done) * share


def _times(
    story: list[tuple[float, Phase]], second: float, *, started_at: float, speed: float
) -> tuple[str, str, str]:
    """Return when the latest upgrade started, how long it has taken and when it failed, in real time."""
    begun, phase = story[-1]
    start = next(start for start, earlier in story if earlier.upgrade == phase.upgrade)
    failure = _failure(story)
    unset = phase.upgrade == NO_UPGRADE or phase.state == "ProvisioningTarget"
    return (
        YEAR_1 if unset else _timestamp(started_at + start / speed),
        _duration(((begun if phase.state in AT_REST else second) - start) / speed),
        YEAR_1 if failure is None else _timestamp(started_at + failure / speed),
    )


def _failure(story: list[tuple[float, Phase]]) -> float | None:
    """Return when the unbroken row of setbacks began that the last phase stands in, if it does."""
    failure = None
    for start, phase in story:
        if not _is_setback(phase):
            failure = None
        elif failure is None:
            failure = start
    return failure


def _is_setback(phase: Phase) -> bool:
    return phase.failure or phase.backward or phase.state == "Failed"


def _services(part: float) -> list[dict[str, str]]:
    """Return the replicas done of each service: domain by domain, within a domain service by service."""
    services = []
    for place, (name, replicas) in enumerate(SERVICES.items(), start=1):
        ends = [
            (replica % UPGRADE_DOMAINS + place / len(SERVICES)) / UPGRADE_DOMAINS
            for replica in range(replicas)
        ]
        done = sum(end <= part + 1e-9 for end in ends)
        services.append(
            {
                "ServiceName": name,
                "CompletedReplicaCount": str(done),
                "PendingReplicaCount": str(replicas - done),
            }
        )
    return services


def _percent(part: float) -> int:
    done = sum(int(service["CompletedReplicaCount"]) for service in _services(part))
    return 100 * done // sum(SERVICES.values())


def _details(phase: Phase) -> str:
    upgrade = phase.upgrade
    if phase.backward:
        return f"Deployment rolling back from version: {upgrade.new} to version: {upgrade.old}."
    return f"Deployment upgrading from version: {upgrade.old} to version: {upgrade.new}."


def _timestamp(seconds: float) -> str:
    """Write a Unix time as the gateway does: milliseconds, always Z."""
    return (
        datetime.fromtimestamp(seconds, timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _duration(seconds: float) -> str:
    """Write a duration as the gateway does: hours, minutes and seconds always, days only if any."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return f"P{f'{days}D' if days else ''}T{hours}H{minutes}M{rest:.6g}S"
