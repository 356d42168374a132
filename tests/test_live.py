"""Whole waits through a real scheduler and triggerer, with the connection in the metadata database."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_sf.messages.formatting import STATE_WIDTH, format_state
from airflow_provider_sf.messages.summary import summary_lines
from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.state import WaitState
from demo.live_airflow import LiveAirflow, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
DAGS = (HERE.parent / "dags_examples" / "wait_for_upgrade.py", *sorted((HERE / "dags").glob("*.py")))


RESTART, STUCK_AT = "restart", 50.0


@dataclass
class Seen:
    """What the test saw during the runs."""

    states: set[tuple[str, str, str]] = field(default_factory=set)
    """DAG, task and state."""
    during: dict[str, Any] = field(default_factory=dict)
    """XComs and links of the wait for a stuck upgrade while it was deferred."""
    killed_at: datetime | None = None
    """When the triggerer was killed."""


SEEN = Seen()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveAirflow]:
    """A running Airflow with two simulated clusters. Upgrades take a minute, and 10 seconds in the fast one."""
    home = tmp_path_factory.mktemp("live")
    (home / "dags").mkdir()
    for dag in DAGS:
        shutil.copy(dag, home / "dags")
    with (
        Simulator(speed=10.0) as simulator,
        Simulator(speed=60.0, start_delay=0.0) as fast,
        LiveAirflow(home, home / "dags") as airflow,
    ):
        airflow.migrate()
        airflow.start()
        (closed_port,) = free_ports(1)
        ports = {"service_fabric_default": simulator.port, "fast": fast.port, "nowhere": closed_port}
        for connection, port in ports.items():
            airflow.add_connection(connection, conn_type="service_fabric", host="127.0.0.1", port=port)
        yield airflow
    assert not airflow.processes()


@pytest.fixture(scope="module")
def runs(live: LiveAirflow) -> dict[str, str]:
    """Run all DAGs to their end, and return the run ids. During the last run the triggerer is killed."""
    found = {dag.stem: live.trigger(dag.stem) for dag in DAGS if dag.stem != RESTART}
    for _ in until_the_end(live, found):
        SEEN.states.update(
            (dag, entry["task_id"], entry["state"])
            for dag in found
            for entry in live.task_instances(dag, found[dag])
        )
    found[RESTART] = live.trigger(RESTART)
    for _ in until_the_end(live, found):
        if SEEN.killed_at is None and is_stuck(live, found[RESTART]):
            where = RESTART, found[RESTART], "stall"
            SEEN.during = {
                "upgrade_progress": live.xcom(*where, "upgrade_progress", map_index=0),
                "upgrade_wait": live.xcom(*where, "upgrade_wait", map_index=0),
                "links": live.links(*where, map_index=0),
            }
            SEEN.killed_at = datetime.now(timezone.utc)
            live.restart("triggerer")
    return found


def until_the_end(live: LiveAirflow, found: dict[str, str]) -> Iterator[None]:
    """Yield once a second until all runs have ended."""
    deadline = time.monotonic() + 600
    while not all(live.run_state(dag, run) in {"success", "failed"} for dag, run in found.items()):
        assert time.monotonic() < deadline, "the runs did not end"
        yield
        time.sleep(1)


def is_stuck(live: LiveAirflow, run: str) -> bool:
    """Return whether all tasks are deferred, and the triggerer has pushed the stuck upgrade and the outage."""
    if any(entry["state"] != "deferred" for entry in live.task_instances(RESTART, run)):
        return False
    if live.xcom(RESTART, run, "outage", "upgrade_wait")["polls"] == 1:  # pushed by the worker
        return False
    return bool(live.xcom(RESTART, run, "stall", "upgrade_progress", 0)["percent_completed"] == STUCK_AT)


def task(live: LiveAirflow, runs: dict[str, str], dag: str, task_id: str) -> dict[str, Any]:
    return next(entry for entry in live.task_instances(dag, runs[dag]) if entry["task_id"] == task_id)


def schema(key: str) -> Draft202012Validator:
    package = {"upgrade_progress": "upgrades", "upgrade_wait": "wait"}[key]
    text = (files("airflow_provider_sf") / package / f"{key}.schema.json").read_text()
    return Draft202012Validator(json.loads(text), format_checker=Draft202012Validator.FORMAT_CHECKER)


def log_lines(live: LiveAirflow, runs: dict[str, str], dag: str, task_id: str) -> list[str]:
    return [str(entry["event"]) for entry in live.task_log(dag, runs[dag], task_id)]


def test_deferred_success_returns_the_record(live: LiveAirflow, runs: dict[str, str]) -> None:
    assert ("wait_for_upgrade", "wait", "deferred") in SEEN.states
    assert task(live, runs, "wait_for_upgrade", "wait")["state"] == "success"
    record = live.xcom("wait_for_upgrade", runs["wait_for_upgrade"], "wait")
    assert UpgradeProgress.from_dict(record).outcome is Outcome.SUCCEEDED
    assert record["services"] == [
        {"name": "web", "completed_replicas": 8, "pending_replicas": 0},
        {"name": "api", "completed_replicas": 5, "pending_replicas": 0},
        {"name": "worker", "completed_replicas": 3, "pending_replicas": 0},
    ]
    wait = live.xcom("wait_for_upgrade", runs["wait_for_upgrade"], "wait", "upgrade_wait")
    assert wait["ended_by"] == "upgrade"
    assert wait["polls"] >= 2


def test_log_of_worker_and_triggerer_is_in_order(live: LiveAirflow, runs: dict[str, str]) -> None:
    lines = log_lines(live, runs, "wait_for_upgrade", "wait")
    wait = WaitState.from_dict(
        live.xcom("wait_for_upgrade", runs["wait_for_upgrade"], "wait", "upgrade_wait")
    )
    opening = next(
        place
        for place, line in enumerate(lines)
        if line.startswith("Waiting for the upgrade of application resource 'previous_first-shop' at http://")
    )
    begin = lines.index("::group::Summary")
    end = lines.index("::endgroup::", begin)
    progress = [line for line in lines[opening + 1 : begin] if "  [" in line and "]" in line]
    states = [format_state(stage.state) for stage in wait.timeline if stage.expected]
    shown = [state for state, _ in groupby(line[9 : 9 + STATE_WIDTH].rstrip() for line in progress)]
    # If Airflow has lost the end of the trigger's log, its own last line is missing, too. The Summary has the end.
    is_complete = "trigger completed" in lines
    assert shown == states or (not is_complete and shown == states[:-1])
    summary = list(summary_lines("application_resource", "previous_first-shop", wait))
    assert lines[begin + 1 : end] == summary
    done = re.compile("Completed in .*: upgrade of application resource 'previous_first-shop' from v1 to v2")
    assert any(map(done.fullmatch, lines[end:]))
    assert not [line for line in lines if "Traceback" in line]


def test_xcoms_fit_their_schemas(live: LiveAirflow, runs: dict[str, str]) -> None:
    tasks = [("wait_for_upgrade", "wait", -1), ("rolled_back_release", "wait", -1)]
    tasks += [("verdicts", "superseded", -1), ("restart", "stall", 0), ("restart", "start", -1)]
    for dag, task_id, map_index in tasks:
        for key in ("upgrade_progress", "upgrade_wait"):
            schema(key).validate(live.xcom(dag, runs[dag], task_id, key, map_index))
    schema("upgrade_wait").validate(live.xcom("restart", runs["restart"], "outage", "upgrade_wait"))
    for key in ("upgrade_progress", "upgrade_wait"):
        schema(key).validate(SEEN.during[key])


@pytest.mark.usefixtures("runs")
def test_deferred_mapped_task_has_record_and_link() -> None:
    first, now = SEEN.during["upgrade_wait"]["timeline"][0], SEEN.during["upgrade_progress"]
    assert (first["state"], now["state"]) == ("ProvisioningTarget", "RollingForward")
    assert now["percent_completed"] == STUCK_AT
    assert SEEN.during["upgrade_wait"]["ended_by"] is None
    assert SEEN.during["links"]["Service Fabric Explorer"].endswith("/Explorer/index.html#/apps")


@pytest.mark.parametrize(
    ("task_id", "ended_by", "started"),
    [
        ("start", "start_timeout", "verdict_since"),
        ("stall", "stall_timeout", "moved_at"),
        ("outage", "unreachable_timeout", "unreachable_since"),
    ],
)
def test_timeouts_continue_after_the_triggerer_is_killed(
    live: LiveAirflow, runs: dict[str, str], task_id: str, ended_by: str, started: str
) -> None:
    map_index = 0 if task_id == "stall" else -1
    wait = live.xcom("restart", runs["restart"], task_id, "upgrade_wait", map_index)
    assert wait["ended_by"] == ended_by
    began, ended = utc(wait[started]), utc(wait["ended_at"])
    assert began is not None
    assert ended is not None
    assert SEEN.killed_at is not None
    assert began < SEEN.killed_at < ended
    assert ended - began >= timedelta(seconds=45)
    # Without a change the first triggerer has pushed nothing. The upgrade of "stall" was found before the kill: then
    # the task itself has stored the state, and was deferred again.
    has_pushed = task_id == "outage"
    log = str(live.task_log("restart", runs["restart"], task_id, map_index))
    assert ("Resumed with the state of the previous triggerer" in log) is has_pushed
    assert ("Stored for later processes of this task: the expected upgrade to " in log) is (
        task_id == "stall"
    )


def test_audit_reads_the_record(live: LiveAirflow, runs: dict[str, str]) -> None:
    assert "application_resource previous_first-shop: succeeded" in log_lines(
        live, runs, "wait_for_upgrade", "audit"
    )


def test_all_modes_return_the_same_record(live: LiveAirflow, runs: dict[str, str]) -> None:
    records = [
        live.xcom("three_modes", runs["three_modes"], mode) for mode in ("poke", "reschedule", "deferrable")
    ]
    for record in records:
        assert record.pop("observed_at")
    assert records == [records[0]] * 3
    assert records[0]["outcome"] == "succeeded"


def test_rollback_is_never_retried(live: LiveAirflow, runs: dict[str, str]) -> None:
    wait = task(live, runs, "rolled_back_release", "wait")
    assert (wait["state"], wait["try_number"], wait["max_tries"]) == ("failed", 1, 3)
    lines = str(live.task_log("rolled_back_release", runs["rolled_back_release"], "wait"))
    rolled_back = "upgrade of application resource 'rolled_back-shop' from v0 to v1 (CompletedRollback)"
    assert rolled_back in lines.replace("\\", "")
    record = live.xcom("rolled_back_release", runs["rolled_back_release"], "wait", "upgrade_progress")
    assert record["outcome"] == "rolled_back"
    timeline = live.xcom("rolled_back_release", runs["rolled_back_release"], "wait", "upgrade_wait")[
        "timeline"
    ]
    forward = next(stage for stage in reversed(timeline) if stage["outcome"] == "in_progress")
    assert forward["services_behind"]
    for service in forward["services_behind"]:
        assert f"{service['name']} {service['completed_replicas']}/" in lines


def test_pause_fails_the_task(live: LiveAirflow, runs: dict[str, str]) -> None:
    wait = task(live, runs, "verdicts", "paused")
    assert (wait["state"], wait["try_number"]) == ("failed", 1)
    log = str(live.task_log("verdicts", runs["verdicts"], "paused"))
    assert "Paused after a failure at" in log
    assert "on_paused='fail' ends the wait" in log.replace("\\", "")
    record = live.xcom("verdicts", runs["verdicts"], "paused", "upgrade_progress")
    assert (record["outcome"], record["rolling_upgrade_mode"]) == ("paused", "UnmonitoredManual")


def test_superseded_upgrade_fails_the_task(live: LiveAirflow, runs: dict[str, str]) -> None:
    failed = task(live, runs, "verdicts", "superseded")
    assert (failed["state"], failed["try_number"]) == ("failed", 1)
    wait = live.xcom("verdicts", runs["verdicts"], "superseded", "upgrade_wait")
    assert (wait["ended_by"], wait["expected"]["target_version"]) == ("upgrade", "v1")
    assert "Superseded by another upgrade: " in str(live.task_log("verdicts", runs["verdicts"], "superseded"))


def test_every_kind_ends_as_expected(live: LiveAirflow, runs: dict[str, str]) -> None:
    ends = {entry["task_id"]: entry["state"] for entry in live.task_instances("kinds", runs["kinds"])}
    red = {"application": "failed", "application_resource": "failed"}
    assert ends == {**dict.fromkeys(KINDS, "success"), **red}
    assert {kind: task(live, runs, "kinds", kind)["try_number"] for kind in red} == dict.fromkeys(red, 1)
    for kind in KINDS:
        for key in ("upgrade_progress", "upgrade_wait"):
            schema(key).validate(live.xcom("kinds", runs["kinds"], kind, key))
    versions = {
        kind: live.xcom("kinds", runs["kinds"], kind)["target_version"] for kind in KINDS if kind not in red
    }
    assert versions == {
        "compose_deployment": "v1",
        "cluster": "10.1.2175.9590",
        "cluster_configuration": "2",
    }


@pytest.mark.parametrize("kind", ["application", "application_resource"])
def test_rollback_error_has_reasons_of_other_calls(
    kind: str, live: LiveAirflow, runs: dict[str, str]
) -> None:
    reasons = live.xcom("kinds", runs["kinds"], kind, "upgrade_wait")["reasons"]
    assert reasons[0].startswith("failure reason HealthCheck, in domain UD")
    assert any("System.FM reports State" in reason for reason in reasons[1:])
    assert f"Why: {reasons[0]}." in str(live.task_log("kinds", runs["kinds"], kind))


def test_classic_application_has_domains_and_link(live: LiveAirflow, runs: dict[str, str]) -> None:
    summary = "\n".join(log_lines(live, runs, "kinds", "application"))
    # On a busy machine no poll may have seen a domain in progress.
    assert "  domains      UD1 Completed, UD2 Completed" in summary
    links = live.links("kinds", runs["kinds"], "application")
    assert set(links) == {"Service Fabric Explorer", "Upgrade"}
    assert links["Service Fabric Explorer"].endswith(
        "/Explorer/index.html#/apptype/RolledBackKindsType/app/rolled_back-kinds~web"
    )


def test_upgrade_on_record_is_not_the_expected_one(live: LiveAirflow, runs: dict[str, str]) -> None:
    snapshot = live.xcom("verdicts", runs["verdicts"], "snapshot")
    record = live.xcom("verdicts", runs["verdicts"], "after")
    assert (snapshot["outcome"], snapshot["target_version"]) == ("succeeded", "v1")
    assert (record["outcome"], record["target_version"]) == ("succeeded", "v2")
    assert record["started_at"] > snapshot["started_at"]
