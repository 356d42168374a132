"""The response of the stub: one record of an application resource, always 585 bytes. No I/O."""

from __future__ import annotations

import json

BODY_BYTES = 585

_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Type: application/json; charset=utf-8\r\n"
    "Server: Microsoft-HTTPAPI/2.0\r\nDate: Sun, 01 Mar 2026 03:00:00 GMT\r\n\r\n"
)


SERVICE_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


def answer_about(name: str, *, is_completed: bool = False, percent: int = 62) -> bytes:
    """Return the response to GetUpgradeProgress, head and body."""
    record = {
        "Name": name,
        "TargetApplicationTypeVersion": "v7",
        "StartTimestampUtc": "2026-03-01T02:58:40.123Z",
        "UpgradeState": "CompletedRollforward" if is_completed else "RollingForward",
        "PercentCompleted": "100" if is_completed else str(percent),
        "ServiceUpgradeProgress": [
            {"ServiceName": "web", "CompletedReplicaCount": "6", "PendingReplicaCount": "2"},
            {"ServiceName": "api", "CompletedReplicaCount": "2", "PendingReplicaCount": "3"},
        ],
        "RollingUpgradeMode": "UnmonitoredManual",
        "UpgradeDuration": "PT0H3M4.31669S",
        "UpgradeReplicaSetCheckTimeoutInSeconds": "1200",
        "ApplicationUpgradeStatusDetails": "",
    }
    details = "Deployment upgrading from version: v6 to version: v7."
    missing = BODY_BYTES - len(json.dumps(record)) - len(details)
    record["ApplicationUpgradeStatusDetails"] = details + " " * max(0, missing)
    body = json.dumps(record)
    return (_HEAD.format(length=len(body)) + body).encode()


def target_of(name: str) -> str:
    """Return the target of the request for this name."""
    return f"/Resources/Applications/{name}/$/GetUpgradeProgress?api-version=7.0"


def names(many: int) -> list[str]:
    """Return this many names of application resources."""
    return [f"shop-{place:05}" for place in range(many)]
