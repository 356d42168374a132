"""`make demo`, `make demo-rollback`, `make airflow`: a real Airflow waits for simulated upgrades."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.beginning import bring_up, say
from demo.clicking import click_through
from demo.live_airflow import ENDING_SIGNALS, LiveAirflow, LiveAirflowError, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

HERE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Show:
    """A DAG to show, how its tasks must end, and what to print of them."""

    dag_id: str
    ends: dict[str, str]
    speaker: str
    """The task with the output to print."""
    record: str
    """The XCom of the task ``wait`` that holds the record."""
    result: str


SHOWS = {
    "upgrade": Show(
        dag_id="wait_for_upgrade",
        ends=dict.fromkeys(("snapshot", "wait", "audit"), "success"),
        speaker="audit",
        record="return_value",
        result="while the task was deferred, no worker ran a task",
    ),
    "rollback": Show(
        dag_id="rollback_is_red",
        ends={"wait": "failed", "announce": "upstream_failed", "explain": "success"},
        speaker="explain",
        record="upgrade_progress",
        result="the task waited deferred and failed without a retry, and nothing was announced",
    ),
}
SPEED = "12"
"""A simulated upgrade of ten minutes ends after fifty seconds."""

RUN_WITHIN_SECONDS = 600.0
LINES_OF_A_FAILURE = 30
INTERRUPTED = 130
INDENT = 23
DAG_LOGGER = "airflow.task"
"""The logger that the example DAGs use."""

GROUP, END_OF_GROUP = "::group::", "::endgroup::"


def main(arguments: list[str]) -> int:
    """Show one of the DAGs, or start Airflow for a user; return 0 on success."""
    choice = arguments[0] if arguments else "upgrade"
    perform = click_through if choice == "airflow" else partial(_present, show=SHOWS[choice])
    for number in ENDING_SIGNALS:
        signal.signal(number, _interrupt)
    home = HERE / ".airflow" / ("clicking" if choice == "airflow" else "demo")
    shutil.rmtree(home, ignore_errors=True)
    try:
        with LiveAirflow(home, HERE / "dags_examples") as airflow:
            result = perform(airflow)
            say("Stopping all processes (a few seconds)")
    except LiveAirflowError as error:
        return _print_failure(str(error), error.log)
    except KeyboardInterrupt:
        print("\nInterrupted; all processes have stopped.")
        return INTERRUPTED
    say(result)
    return 0


def _present(airflow: LiveAirflow, show: Show) -> str:
    """Run the DAG, print its log and its record, and return the result."""
    (port,) = free_ports(1)
    airflow.spawn("simulator", "-m", "airflow_provider_sf.simulator", "--port", str(port), "--speed", SPEED)
    simulator_log = airflow.log_file("simulator")
    airflow.wait_until(lambda: "listens" in simulator_log.read_text(), "no simulator", "simulator")
    say(f"A simulated Service Fabric cluster listens on 127.0.0.1:{port}")
    bring_up(airflow)
    airflow.add_connection("service_fabric_default", conn_type="service_fabric", host="127.0.0.1", port=port)
    run_id = airflow.trigger(show.dag_id)
    say(f"DAG {show.dag_id} runs; the log of its task 'wait' (about 80 s)")
    was_deferred = _follow(airflow, show.dag_id, run_id)
    for task in airflow.task_instances(show.dag_id, run_id):
        if task["state"] != show.ends[task["task_id"]]:
            msg = f"task {task['task_id']} ended as {task['state']}"
            raise LiveAirflowError(msg, airflow.task_log_file(show.dag_id, run_id, task["task_id"]))
    if not was_deferred:
        msg = "the task 'wait' was never seen deferred while no worker ran a task"
        raise LiveAirflowError(msg, airflow.log_file("scheduler"))
    say(f"The output of task '{show.speaker}'")
    for entry in _own_lines(airflow.task_log(show.dag_id, run_id, show.speaker)):
        print(f"    {entry['event']}")
    record = airflow.xcom(show.dag_id, run_id, "wait", show.record)
    say(f"The record in XCom, {show.record} of task 'wait'")
    print(json.dumps(record, indent=2))
    return f"Done: {record['name']}: {record['outcome'].replace('_', ' ')}; {show.result}."


def _follow(airflow: LiveAirflow, dag_id: str, run_id: str) -> bool:
    """Print log and states as they come. Return whether the wait was deferred while no worker ran a task."""
    shown: set[tuple[str, str]] = set()
    last_states, was_deferred = "", False
    deadline = time.monotonic() + RUN_WITHIN_SECONDS
    while True:
        over = airflow.run_state(dag_id, run_id) in {"success", "failed"}
        tasks = {task["task_id"]: task for task in airflow.task_instances(dag_id, run_id)}
        lines = (
            list(_own_lines(airflow.task_log(dag_id, run_id, "wait"))) if tasks["wait"]["try_number"] else []
        )
        for entry in _new_lines(lines, shown):
            print(f"    {entry['timestamp'][11:19]}  {entry['level']:7}  {_event(entry)}", flush=True)
        running = sum(task["state"] == "running" for task in tasks.values())
        was_deferred = was_deferred or (tasks["wait"]["state"] == "deferred" and running == 0)
        states = ", ".join(f"{name} {task['state'] or 'pending'}" for name, task in tasks.items())
        if states != last_states:
            print(f"  -- tasks: {states}; running in a worker: {running}", flush=True)
            last_states = states
        if over:
            return was_deferred
        if time.monotonic() > deadline:
            msg = f"the run did not end within {RUN_WITHIN_SECONDS:.0f} s"
            raise LiveAirflowError(msg, airflow.log_file("scheduler"))
        time.sleep(1)


def _new_lines(entries: list[dict[str, Any]], shown: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """
    Return the lines that were not shown yet, and remember them.

    They are not counted, because Airflow overwrites the lines of a trigger with those of the next one.
    """
    new = [entry for entry in entries if (entry["timestamp"], entry["event"]) not in shown]
    shown.update((entry["timestamp"], entry["event"]) for entry in new)
    return new


def _event(entry: dict[str, Any]) -> str:
    """Return the text of an entry and of its error."""
    errors = [error["exc_value"] for error in entry.get("error_detail") or []]
    return "\n".join([str(entry["event"]), *errors]).replace("\n", "\n" + " " * INDENT)


def _own_lines(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the lines of the provider and of the DAG. Fold the groups that Airflow's page folds."""
    is_folded = False
    for entry in entries:
        logger, event = str(entry.get("logger") or ""), str(entry["event"])
        if "airflow_provider_sf" in logger and event.startswith(GROUP):
            is_folded = True
            yield {**entry, "event": f"> {event.removeprefix(GROUP)} (folded)"}
        elif is_folded:
            is_folded = event != END_OF_GROUP
        elif "airflow_provider_sf" in logger or logger == DAG_LOGGER or entry.get("level") == "error":
            yield entry


def _print_failure(message: str, log: Path) -> int:
    print(f"\nThe demo failed: {message}", file=sys.stderr)
    if log.exists():
        with log.open(errors="replace") as lines:
            print("".join(deque(lines, LINES_OF_A_FAILURE)), file=sys.stderr)
    print(f"More in {log}", file=sys.stderr)
    return 1


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    """Interrupt the demo once. A second Ctrl-C must not prevent that the processes stop."""
    for ending_signal in ENDING_SIGNALS:
        signal.signal(ending_signal, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
