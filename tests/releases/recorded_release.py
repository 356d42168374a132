"""Recorded XComs of a release, and the record that is built from them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.releases.record_builder import Run, TaskXComs, build_record

if TYPE_CHECKING:
    from airflow_provider_sf.releases.release_record import ReleaseRecord

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=timezone.utc)
WAITS = Path(__file__).parents[1] / "samples" / "waits" / "application"
RUN = Run("release_shop", "manual__2026-03-01T02:59:00+00:00", "manual", "ada", NOW.replace(hour=3))

START: dict[str, Any] = {
    "schema": "service_fabric.upgrade_start/1",
    "kind": "application",
    "name": "fabric:/shop/web",
    "target_version": "v1",
    "how": "started",
    "posted_at": "2026-03-01T03:00:00Z",
    "started_at": "2026-03-01T03:00:00Z",
    "description_sha256": "0" * 64,
    "description": {
        "Parameters": '["Web_LogLevel", "Web_Password"]',
        "RollingUpgradeMode": "Monitored",
        "MonitoringPolicy": '{"FailureAction": "Rollback"}',
        "ManagedApplicationIdentity": '{"token": "planted-identity"}',
    },
    "before": {
        "version": "v0",
        "parameters": ["Web_Password"],
        "parameters_sha256": "1" * 64,
        "values": {"Web_Password": "planted-value"},
        "health": {"at": "2026-03-01T02:59:58Z", "state": "Ok", "unhealthy_evaluations": []},
    },
}
UNHEALTHY = {
    "at": "2026-03-01T03:20:00Z",
    "state": "Error",
    "unhealthy_evaluations": ["Error: node n0 <b>is down</b>"],
}
BAKE: dict[str, Any] = {
    "schema": "service_fabric.bake_result/1",
    "kind": "application",
    "name": "fabric:/shop/web",
    "result": "healthy",
    "bake_seconds": 600.0,
    "began_at": "2026-03-01T02:00:00Z",
    "ended_at": "2026-03-01T02:10:00Z",
    "health": {"at": "soon", "state": "Ok"},
}
GATE: dict[str, Any] = {
    "schema": "service_fabric.upgrade_gate/1",
    "name": "fabric:/shop/web",
    "kind": "application",
    "target_version": "v1",
    "planted": "planted-member",
    "decisions": [
        {
            "at": "2026-03-01T03:02:00Z",
            "upgrade_domain": "UD1",
            "next_upgrade_domain": "UD2",
            "healthy_seconds": 120.0,
            "checks": [{"name": "http_check", "passed": False, "message": "HTTP 500 <b>from</b> shop"}],
            "action": "ask",
            "reason": "a check failed",
        }
    ],
    "questions": [
        {
            "asked_at": "2026-03-01T03:02:00Z",
            "next_upgrade_domain": "UD2",
            "question": "Resume UD2?",
            "answer": "Roll back",
            "answered_at": "2026-03-01T03:04:00Z",
            "answered_by": "grace",
            "timed_out": False,
            "acted": True,
            "refused_because": None,
        },
        {"question": "Roll back?", "timed_out": True},
    ],
}


def wait_xcoms(scenario: str) -> dict[str, Any]:
    """Return the XComs of a recorded wait; the one of ``paused`` as it was when the upgrade paused."""
    xcoms: dict[str, Any] = json.loads((WAITS / f"{scenario}.json").read_text())
    if scenario == "paused":
        xcoms["upgrade_wait"]["message"] = "Paused"
        xcoms["upgrade_wait"]["timeline"] = xcoms["upgrade_wait"]["timeline"][:2]
        for record in (xcoms["upgrade_progress"], xcoms["upgrade_wait"]["record"]):
            record |= {"outcome": "paused", "state": xcoms["upgrade_wait"]["timeline"][1]["state"]}
    return xcoms


def release(
    scenario: str = "rolled_back", run: Run = RUN, more: dict[str, Any] | None = None
) -> ReleaseRecord:
    values = {
        "upgrade_start": START,
        **wait_xcoms(scenario),
        "health_at_end": UNHEALTHY,
        **(more or {}),
    }
    tasks = (
        TaskXComs("gate", None, "success", {"upgrade_gate": GATE}, connection="sf_west"),
        TaskXComs("bake", None, "success", {"bake_result": BAKE}),
        TaskXComs("upgrade", 0, "success" if scenario == "good" else "failed", values),
    )
    return build_record(run, tasks, NOW)
