"""An ``airflow triggerer`` with its own database full of deferred tasks."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from demo.live_airflow import LiveAirflow

DO_NOTHING, LONG_ROWS, PROVIDER = "nothing", "nothing, long rows", "this provider"

_START_SECONDS, _LOAD_SECONDS_EACH = 9.0, 0.003
"""The time from the rows to the first poll. Most triggers run by then."""
LOADED_WITHIN_SECONDS, _LOG_END_BYTES = 120.0, 4_000


class LiveTriggerer:
    """
    A triggerer full of waits.

    :param trigger: the class of the waits: ``PROVIDER``, or a trigger that does nothing
    """

    child: psutil.Process
    """The process with the event loop."""
    supervisor: psutil.Process
    """The process that uses the database for it."""
    mib_at_first: float
    """The memory of the child at its start."""
    loaded_after: float
    """Seconds from the command until all triggers ran."""

    def __init__(self, trigger: str, waits: int, airflow: LiveAirflow) -> None:
        self.trigger, self.waits, self.airflow = trigger, waits, airflow
        airflow.environment["AIRFLOW__TRIGGERER__CAPACITY"] = str(2 * waits)
        airflow.environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)

    @property
    def task_logs(self) -> Path:
        """The folder with the logs of the tasks."""
        return self.airflow.home / "logs/dag_id=waits/run_id=many/task_id=wait"

    @property
    def loop_clock(self) -> Path:
        """The file for the figures of :class:`benchmarks.loop_clock.LoopClockTrigger`."""
        return self.airflow.home / "loop_clock"

    def write(
        self,
        first_poll_at: datetime,
        interval: float,
        hosts: Sequence[str],
        extra: Mapping[str, str],
        *,
        has_loop_clock: bool = False,
    ) -> Callable[[], int]:
        """Start to write the rows, and return a function that waits for the end."""
        rows: dict[str, Any] = {
            "waits": self.waits,
            "interval": interval,
            "first_poll_at": first_poll_at.isoformat(),
            "do_nothing": self.trigger != PROVIDER,
            "long_rows": self.trigger == LONG_ROWS,
            "hosts": list(hosts),
            "extra": dict(extra),
            "loop_clock": str(self.loop_clock) if has_loop_clock else "",
        }
        return self.airflow.spawn("rows", "-m", "benchmarks.deferred_tasks", json.dumps(rows)).wait

    def fail(self, what: str, part: str = "triggerer") -> NoReturn:
        """Raise an error with the end of a log, because the log is deleted."""
        log = self.airflow.log_file(part).read_bytes()[-_LOG_END_BYTES:].decode(errors="replace")
        msg = f"{what}\n{log}"
        raise RuntimeError(msg)

    def start(self) -> None:
        """Start it, and wait until all triggers run: then each has a log file."""
        began, children = time.perf_counter(), list[psutil.Process]()
        command = ("-m", "airflow", "triggerer", "--skip-serve-logs")
        self.supervisor = psutil.Process(self.airflow.spawn("triggerer", *command).pid)
        logs = self.task_logs
        while not logs.is_dir() or sum(1 for _ in logs.iterdir()) < self.waits:
            before, children = children, self.supervisor.children()
            if children and children != before:  # short-lived processes come before the child
                with suppress(psutil.NoSuchProcess):
                    self.child, self.mib_at_first = children[0], mib(children[0])
            if self.supervisor.status() == psutil.STATUS_ZOMBIE:
                self.fail("the triggerer has ended")
            if time.perf_counter() - began > LOADED_WITHIN_SECONDS:
                self.fail(f"not all triggers run after {LOADED_WITHIN_SECONDS:.0f} s")
            time.sleep(0.05)
        self.loaded_after = time.perf_counter() - began

    def blocked_seconds(self) -> list[float]:
        """Return for how long the event loop was blocked each time that Airflow has logged it."""
        log = self.airflow.log_file("triggerer").read_text(encoding="utf-8", errors="replace")
        return [
            float(seconds) for seconds in re.findall(r"async thread was blocked for ([\d.]+) seconds", log)
        ]


def start_all(
    triggerers: Sequence[LiveTriggerer],
    interval: float,
    hosts: Sequence[str],
    extra: Mapping[str, str],
    *,
    has_loop_clock: bool = False,
) -> datetime:
    """Write the rows of triggerers, start them, and return when the first polls are due."""
    waits = sum(triggerer.waits for triggerer in triggerers)
    load_seconds = _START_SECONDS + waits * _LOAD_SECONDS_EACH
    first_poll_at = datetime.now(timezone.utc) + timedelta(seconds=load_seconds)
    writing = [
        (triggerer, triggerer.write(first_poll_at, interval, hosts, extra, has_loop_clock=has_loop_clock))
        for triggerer in triggerers
    ]
    for triggerer, end in writing:
        if end() != 0:
            triggerer.fail("the rows were not written", "rows")
    for triggerer in reversed(triggerers):  # this provider first, because its first polls become due
        triggerer.start()
    return first_poll_at


def cpu_seconds_of(process: psutil.Process) -> float:
    """Return user and system time in nanoseconds, see clock_getcpuclockid(3)."""
    return time.clock_gettime(~process.pid << 3 | 2)


def mib(process: psutil.Process) -> float:
    """Return the resident memory of a process."""
    return float(process.memory_info().rss) / 1_024**2
