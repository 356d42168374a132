"""What a cluster says about an upgrade so many seconds after its start. Pure; no clock, no state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.scenarios import SERVICES, UPGRADE_DOMAINS

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Phase, Scenario

OLD_VERSION, NEW_VERSION = "v0", "v1"
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
}


def fabric_error(status: int, code: str, message: str) -> Answer:
    """Return an error as the gateway words it."""
    return Answer(status, json.dumps({"Error": {"Code": code, "Message": message}}).encode())


def progress_answer(
    scenario: Scenario, name: str, *, elapsed: float, started_at: float, speed: float
) -> Answer:
    """
    Return what the progress call answers ``elapsed`` seconds after the upgrade's start.

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
    phase, begun, part = _phase_at(scenario, second)
    turned = [start for start, earlier in _starts(scenario) if start <= second and _is_setback(earlier)]
    working = second if phase.seconds else begun
    return {
        "Name": name,
        "TargetApplicationTypeVersion": OLD_VERSION
        if phase.backward or not scenario.upgraded
        else NEW_VERSION,
        "StartTimestampUtc": _timestamp(started_at) if scenario.upgraded and begun else YEAR_1,
        "UpgradeState": phase.state,
        "PercentCompleted": str(_percent(part)),
        "ServiceUpgradeProgress": _services(part) if scenario.upgraded else [],
        "RollingUpgradeMode": _mode(scenario, phase),
        "UpgradeDuration": _duration(working / speed if scenario.upgraded else 0.0),
        "ApplicationUpgradeStatusDetails": _details(phase) if scenario.upgraded else "",
        "UpgradeReplicaSetCheckTimeoutInSeconds": 4294967295,
        "FailureTimestampUtc": _timestamp(started_at + turned[0] / speed) if turned else YEAR_1,
    }


def _starts(scenario: Scenario) -> list[tuple[float, Phase]]:
    """Return each phase with the second at which it starts."""
    starts, start = [], 0.0
    for phase in scenario.phases:
        starts.append((start, phase))
        start += phase.seconds
    return starts


def _phase_at(scenario: Scenario, second: float) -> tuple[Phase, float, float]:
    """Return the phase at a second, when it started, and the part of the replicas that is done."""
    begun, phase = [(start, phase) for start, phase in _starts(scenario) if start <= second][-1]
    share = (second - begun) / phase.seconds if phase.seconds else 1.0
    return phase, begun, phase.done + (phase.until - phase.done) * share


def _is_setback(phase: Phase) -> bool:
    return phase.backward or phase.state == "Failed"


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


def _mode(scenario: Scenario, phase: Phase) -> str:
    if not scenario.upgraded:
        return "Invalid"
    return "UnmonitoredAuto" if phase.backward else "Monitored"


def _details(phase: Phase) -> str:
    if phase.backward:
        return f"Deployment rolling back from version: {NEW_VERSION} to version: {OLD_VERSION}."
    return f"Deployment upgrading from version: {OLD_VERSION} to version: {NEW_VERSION}."


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
