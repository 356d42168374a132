"""
Many waits in a real triggerer while gateways fail and return: ``python -m benchmarks.soak``.

By default 1000 waits on as many names wait for half an hour. Each cluster has two gateways behind mutual
TLS. Again and again a gateway closes its port, hangs or answers 503 for 10 to 50 seconds, and sometimes both
do. At the end all upgrades complete. A triggerer full of triggers that do nothing runs beside, for
comparison.

The command fails if a wait has ended before, or does not end with success.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.databases import Databases, count_rows, fired_events
from benchmarks.flapping import schedule
from benchmarks.live_triggerer import DO_NOTHING, PROVIDER, LiveTriggerer, cpu_seconds_of, start_all
from benchmarks.measuring import allow_many_files, report_progress
from benchmarks.report import table
from benchmarks.soak_course import GATEWAYS, Course, Plan, Sample, samples_table
from benchmarks.soak_figures import log_lines_table, rows_of
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "Soak: gateways that fail and return"

LOOK_SECONDS = 1.0
PROGRESS_MINUTES, PROGRESS_PERCENT, FIRST_PERCENT, LAST_PERCENT = 3, 5, 62, 97
"""Each tenth upgrade makes progress: a step in as many minutes."""
END_SECONDS = 300.0


class Soak:
    """A stub, and the triggerers that run during the soak."""

    def __init__(self, plan: Plan, stub: Stub, triggerers: list[LiveTriggerer]) -> None:
        self.plan, self.stub, self.triggerers = plan, stub, triggerers
        self.provider = next(each for each in triggerers if each.trigger == PROVIDER)

    def run(self) -> Course:
        """Start the waits, let gateways fail, and complete all upgrades."""
        origins = [way.origin for way in self.stub.ways]
        hosts = [",".join(origins[place : place + GATEWAYS]) for place in range(0, len(origins), GATEWAYS)]
        extra = self.stub.way.extra
        first_poll_at = start_all(self.triggerers, self.plan.interval, hosts, extra, has_loop_clock=True)
        time.sleep(
            2 * self.plan.interval + max((first_poll_at - datetime.now(timezone.utc)).total_seconds(), 0)
        )
        self.stub.forget()
        course = Course(self.plan, time.monotonic())
        for triggerer in self.triggerers:
            course.samples[triggerer.trigger] = []
            course.cpu_before[triggerer.trigger] = _cpu_seconds(triggerer)
            course.blocked_before[triggerer.trigger] = len(triggerer.blocked_seconds())
        self._flap(course)
        self._end(course)
        return course

    def _flap(self, course: Course) -> None:
        planned = deque(schedule(GATEWAYS * self.plan.clusters, self.plan.minutes * 60.0))
        for elapsed in _ticks(self.plan.minutes * 60.0):
            while planned and planned[0].at <= elapsed:
                change = planned.popleft()
                at = self.stub.set_mode(change.gateway, change.mode)
                course.changes.append(replace(change, at=at))
            child = self.provider.child
            course.most_files = max(course.most_files, child.num_fds())
            course.most_sockets = max(course.most_sockets, len(child.net_connections("tcp")))
            if elapsed >= 60 * (1 + len(course.samples[PROVIDER])):
                self._look(course)
        for change in planned:  # the last second
            course.changes.append(replace(change, at=self.stub.set_mode(change.gateway, change.mode)))

    def _look(self, course: Course) -> None:
        for triggerer in self.triggerers:
            course.samples[triggerer.trigger].append(Sample.of(triggerer))
        minute = len(course.samples[PROVIDER])
        percent = FIRST_PERCENT + PROGRESS_PERCENT * (minute // PROGRESS_MINUTES)
        if percent <= LAST_PERCENT:
            self.stub.advance(percent, *self.plan.names[::10])
        report_progress(f"minute {minute}: {course.samples[PROVIDER][-1]}")

    def _end(self, course: Course) -> None:
        """Count the waits that have ended, complete all upgrades, and wait until all triggers have fired."""
        airflow = self.provider.airflow
        course.ended_early = len(fired_events(airflow))
        course.ended_at, course.requests = time.monotonic(), self.stub.counts().requests
        course.arrivals = self.stub.arrivals()
        for triggerer in self.triggerers:
            course.cpu_after[triggerer.trigger] = _cpu_seconds(triggerer)
            course.blocked_after[triggerer.trigger] = len(triggerer.blocked_seconds())
        began = self.stub.complete(*self.plan.names)
        report_progress("all upgrades have completed")
        fired = "task_instance WHERE state = 'scheduled'"
        while count_rows(airflow, fired) < self.plan.waits and time.monotonic() < began + END_SECONDS:
            time.sleep(LOOK_SECONDS)
        course.seconds_to_fire = time.monotonic() - began
        while count_rows(airflow, "trigger") > 1 and time.monotonic() < began + END_SECONDS:
            time.sleep(LOOK_SECONDS)
        course.events, course.triggers_left = fired_events(airflow), count_rows(airflow, "trigger") - 1
        course.connections_left = self.stub.counts().open
        for triggerer in self.triggerers:
            course.samples[triggerer.trigger].append(Sample.of(triggerer))


def _cpu_seconds(triggerer: LiveTriggerer) -> tuple[float, float]:
    return cpu_seconds_of(triggerer.child), cpu_seconds_of(triggerer.supervisor)


def _ticks(seconds: float) -> Iterator[float]:
    """Yield how many seconds have passed, about each second, until all have."""
    began, elapsed = time.monotonic(), 0.0
    while elapsed < seconds:
        time.sleep(LOOK_SECONDS)
        elapsed = time.monotonic() - began
        yield elapsed


def run(plan: Plan, server: str | None = None) -> tuple[str, bool]:
    """Run a soak, and return its tables and whether all waits have ended well."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-soak-"))
        databases = Databases(Path(folder), server)
        report_progress("airflow db migrate")
        stack.enter_context(databases.migrated())
        stub = stack.enter_context(Stub(mutual=True, gateways=GATEWAYS * plan.clusters))
        triggerers = [
            LiveTriggerer(trigger, plan.waits, stack.enter_context(databases.airflow()))
            for trigger in (DO_NOTHING, PROVIDER)
        ]
        soak = Soak(plan, stub, triggerers)
        course = soak.run()
        found = rows_of(course, triggerers)
        lines = log_lines_table(soak.provider, plan.waits)
        tables = [table(TITLE, found), samples_table(course.samples), lines]
    is_good = all(row.verdict in {"", "met"} for row in found)
    return "\n\n".join(tables), is_good


def main() -> int:
    """Measure and print. Remove all processes and files, also after a signal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--waits", type=int, default=1_000)
    parser.add_argument("--clusters", type=int, default=4, help="each with two gateways")
    parser.add_argument("--interval", type=float, default=15.0, help="poke_interval, in seconds")
    parser.add_argument("--server", metavar="URL", help="SQLAlchemy URL of a PostgreSQL; by default SQLite")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    allow_many_files()
    plan = Plan(arguments.waits, arguments.minutes, arguments.clusters, arguments.interval)
    tables, is_good = run(plan, arguments.server)
    print(tables)
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
