"""
The cost of deferred waits in a real triggerer: ``python -m benchmarks.triggerer``, more with ``--full``.

The metadata database is SQLite; with ``--server postgresql+psycopg2://localhost/postgres`` PostgreSQL. This
needs the packages psycopg2-binary and asyncpg, and the right to create databases.

Three triggerers run at the same time: one with this provider's trigger, one with a trigger that only wakes up
as often, and one with the same trigger and equally long rows. The long rows matter with SQLite, where the
supervisor reads the rows of all triggers each second. Measured are the process with the event loop (child)
and the process that uses the database for it (supervisor).
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.databases import Databases, count_rows
from benchmarks.live_triggerer import (
    DO_NOTHING,
    LOADED_WITHIN_SECONDS,
    LONG_ROWS,
    PROVIDER,
    LiveTriggerer,
    cpu_seconds_of,
    mib,
    start_all,
)
from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row, shown, table
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.live_airflow import LiveAirflow

TITLE = "In a real triggerer"

INTERVAL = 5.0
MAX_POLL_DEVIATION = 0.1
"""The accepted deviation from one poll per wait and interval."""

JUDGED = 1_000
CHILD, SUPERVISOR = Bound(2.0, aim=1.5), Bound(1.15, aim=1.05)
"""The bounds at this number of waits. Other numbers are shown without a bound."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The CPU seconds of a triggerer up to a time, and its polls and XComs."""

    at: float
    child: float
    supervisor: float
    polls: int
    xcoms: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one triggerer used."""

    trigger: str
    waits: int
    child: float
    """Milliseconds of CPU time per second, like those of the supervisor."""
    supervisor: float
    child_mib: float
    supervisor_mib: float
    kib_per_wait: float
    """The growth of the child since its start."""
    loaded_after: float
    """Seconds from the command until all triggers ran."""
    polls: float
    """Per second, like the XComs."""
    xcoms: float
    blocked: int
    """How often the triggerer has logged that its event loop was blocked."""


class Triggerer(LiveTriggerer):
    """A measured triggerer, and the stub that it polls."""

    def __init__(self, trigger: str, waits: int, airflow: LiveAirflow, stub: Stub) -> None:
        super().__init__(trigger, waits, airflow)
        self._stub = stub

    def wait_for_polls(self) -> None:
        """Wait until all waits poll. A wait that starts late reads its state from the database first."""
        polls, until = 0, time.perf_counter() + LOADED_WITHIN_SECONDS
        while self.trigger == PROVIDER and polls < self.waits * (1 - MAX_POLL_DEVIATION):
            if time.perf_counter() > until:
                self.fail(f"{self.waits} waits have polled {polls} times in {INTERVAL:.0f} s")
            before = self._stub.counts().requests
            time.sleep(INTERVAL)
            polls = self._stub.counts().requests - before

    def now(self) -> Moment:
        """Return what has been used so far."""
        used = cpu_seconds_of(self.child), cpu_seconds_of(self.supervisor)
        polls = self._stub.counts().requests if self.trigger == PROVIDER else 0
        return Moment(time.perf_counter(), *used, polls, count_rows(self.airflow, "xcom"))

    def figures(self, before: Moment) -> Figures:
        """Return what has been used since then."""
        now = self.now()
        if count_rows(self.airflow, "task_instance WHERE state = 'deferred'") != self.waits:
            self.fail("some tasks are no longer deferred")
        seconds, child_mib = now.at - before.at, mib(self.child)
        polls = (now.polls - before.polls) / seconds
        if self.trigger == PROVIDER and abs(polls * INTERVAL / self.waits - 1) > MAX_POLL_DEVIATION:
            self.fail(f"{self.waits} waits have polled {polls:.1f} times a second")
        return Figures(
            self.trigger,
            self.waits,
            child=(now.child - before.child) / seconds * 1_000,
            supervisor=(now.supervisor - before.supervisor) / seconds * 1_000,
            child_mib=child_mib,
            supervisor_mib=mib(self.supervisor),
            kib_per_wait=(child_mib - self.mib_at_first) * 1_024 / self.waits,
            loaded_after=self.loaded_after,
            polls=polls,
            xcoms=(now.xcoms - before.xcoms) / seconds,
            blocked=len(self.blocked_seconds()),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """The databases of the measured triggerers, and the time of a measurement."""

    databases: Databases
    seconds: float

    def measure(self, waits: int, *triggers: str, mutual: bool = False) -> list[Figures]:
        """Measure triggerers that run at the same time. Each of them has all waits."""
        report_progress(f"{waits} waits{', mutual TLS' * mutual}: {' | '.join(triggers)}")
        with ExitStack() as stack:
            stub = stack.enter_context(Stub(mutual=mutual))
            airflows = [stack.enter_context(self.databases.airflow()) for _ in triggers]
            running = [
                Triggerer(trigger, waits, airflow, stub)
                for trigger, airflow in zip(triggers, airflows, strict=True)
            ]
            first_poll_at = start_all(running, INTERVAL, [stub.way.origin], stub.way.extra)
            time.sleep(2 * INTERVAL + max((first_poll_at - datetime.now(timezone.utc)).total_seconds(), 0))
            for triggerer in running:
                triggerer.wait_for_polls()
            before = [triggerer.now() for triggerer in running]
            time.sleep(self.seconds)
            found = [triggerer.figures(since) for triggerer, since in zip(running, before, strict=True)]
        for figures in found:
            report_progress(f"  {figures}")
        return found


def rows(*, full: bool, mutual: bool = False, server: str | None = None) -> list[Row]:
    """Measure, and return the figures with their bounds."""
    found: list[Row] = []
    cases = [JUDGED, 3_000] if full else [JUDGED]
    with tempfile.TemporaryDirectory(prefix="benchmark-triggerer-") as folder:
        databases = Databases(Path(folder), server)
        place = Bench(databases, seconds=60.0 if full else 20.0)
        report_progress("airflow db migrate")
        with databases.migrated():
            for waits in cases:
                about = f"{waits:,} waits{', mutual TLS' * mutual}, {databases.kind}"
                beside = (DO_NOTHING, LONG_ROWS, PROVIDER)
                many = 3 if full and waits == JUDGED else 1
                rounds = [place.measure(waits, *beside, mutual=mutual) for _ in range(many)]
                found += _raw(about, rounds) + _quotients(about, rounds)
    return found


def _raw(about: str, rounds: Sequence[Sequence[Figures]]) -> list[Row]:
    """Return what each trigger used, without figures of zero."""
    return [
        Row(f"{what}: {figures[0].trigger}, {about}", unit, raw, note=_per_wake(figures[0].waits, raw, unit))
        for what, unit, figure in _FIGURES
        for figures in zip(*rounds, strict=True)
        if any(raw := tuple(map(figure, figures)))
    ]


_FIGURES: tuple[tuple[str, str, Callable[[Figures], float]], ...] = (
    ("CPU, child", "ms/s", attrgetter("child")),
    ("CPU, supervisor", "ms/s", attrgetter("supervisor")),
    ("RSS, child", "MiB", attrgetter("child_mib")),
    ("RSS, supervisor", "MiB", attrgetter("supervisor_mib")),
    ("RSS, child, grown", "KiB per wait", attrgetter("kib_per_wait")),
    ("until all run", "s", attrgetter("loaded_after")),
    ("polls", "/s", attrgetter("polls")),
    ("XComs", "/s", attrgetter("xcoms")),
    ("event loop blocked", "times", attrgetter("blocked")),
)


def _per_wake(waits: int, raw: Sequence[float], unit: str) -> str:
    """Return the CPU time per wait and interval."""
    return f"{shown(statistics.median(raw) * 1_000 * INTERVAL / waits)} µs per wake" if unit == "ms/s" else ""


def _quotients(about: str, rounds: Sequence[Sequence[Figures]]) -> list[Row]:
    """Return the ratios that have bounds: this provider to the trigger that does nothing."""
    nothing, long_rows, provider = zip(*rounds, strict=True)
    ratios: list[tuple[str, Callable[[Figures, Figures], float], Sequence[Figures], Bound]] = [
        ("child", lambda provider, peer: provider.child / peer.child, nothing, CHILD),
        ("supervisor", lambda provider, peer: provider.supervisor / peer.supervisor, nothing, SUPERVISOR),
        ("supervisor", lambda provider, peer: provider.supervisor / peer.supervisor, long_rows, SUPERVISOR),
    ]
    is_judged = provider[0].waits == JUDGED
    return [
        Row(
            f"{what}: {provider[0].trigger} / {peers[0].trigger}, {about}",
            "x",
            tuple(map(by, provider, peers)),
            must if is_judged else None,
        )
        for what, by, peers, must in ratios
    ]


def main() -> int:
    """Measure and print. Remove all processes and files, also after a signal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.triggerer", description=__doc__)
    parser.add_argument("--full", action="store_true", help="more waits, three rounds")
    parser.add_argument("--mutual", action="store_true", help="over mutual TLS")
    parser.add_argument("--server", metavar="URL", help="SQLAlchemy URL of a PostgreSQL; by default SQLite")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    found = rows(full=arguments.full, mutual=arguments.mutual, server=arguments.server)
    print(table(TITLE, found))
    return int(any(row.verdict not in {"", "met"} for row in found))


if __name__ == "__main__":
    sys.exit(main())
