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
import json
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil

from benchmarks.databases import Databases, count_rows
from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row, shown, table
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.live_airflow import LiveAirflow

TITLE = "In a real triggerer"

INTERVAL = 5.0
START_SECONDS, LOAD_SECONDS_EACH = 9.0, 0.003
"""The time from the rows to the first poll. Most triggers run by then; see ``wait_for_polls``."""
LOADED_WITHIN_SECONDS, LOG_END_BYTES = 120.0, 4_000
MAX_POLL_DEVIATION = 0.1
"""The accepted deviation from one poll per wait and interval."""

DO_NOTHING, LONG_ROWS, PROVIDER = "nothing", "nothing, long rows", "this provider"
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


class Triggerer:
    """An ``airflow triggerer`` with its own database full of deferred tasks."""

    def __init__(self, trigger: str, waits: int, airflow: LiveAirflow, stub: Stub) -> None:
        self.trigger, self.waits = trigger, waits
        self._airflow, self._stub = airflow, stub
        airflow.environment["AIRFLOW__TRIGGERER__CAPACITY"] = str(2 * waits)
        airflow.environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)

    def write(self, first_poll_at: datetime) -> Callable[[], int]:
        """Start to write the rows, and return a function that waits for the end."""
        rows: dict[str, Any] = {
            "waits": self.waits,
            "interval": INTERVAL,
            "first_poll_at": first_poll_at.isoformat(),
            "do_nothing": self.trigger != PROVIDER,
            "long_rows": self.trigger == LONG_ROWS,
            "host": self._stub.way.origin,
            "extra": self._stub.way.extra,
        }
        return self._airflow.spawn("rows", "-m", "benchmarks.deferred_tasks", json.dumps(rows)).wait

    def fail(self, what: str, part: str = "triggerer") -> NoReturn:
        """Raise an error with the end of a log, because the log is deleted."""
        log = self._airflow.log_file(part).read_bytes()[-LOG_END_BYTES:].decode(errors="replace")
        msg = f"{what}\n{log}"
        raise RuntimeError(msg)

    def start(self) -> None:
        """Start it, and wait until all triggers run: then each has a log file."""
        began, children = time.perf_counter(), list[psutil.Process]()
        command = ("-m", "airflow", "triggerer", "--skip-serve-logs")
        self._supervisor = psutil.Process(self._airflow.spawn("triggerer", *command).pid)
        logs = self._airflow.home / "logs/dag_id=waits/run_id=many/task_id=wait"
        while not logs.is_dir() or sum(1 for _ in logs.iterdir()) < self.waits:
            before, children = children, self._supervisor.children()
            if children and children != before:  # short-lived processes come before the child
                with suppress(psutil.NoSuchProcess):
                    self._child, self._mib_at_first = children[0], _mib(children[0])
            if self._supervisor.status() == psutil.STATUS_ZOMBIE:
                self.fail("the triggerer has ended")
            if time.perf_counter() - began > LOADED_WITHIN_SECONDS:
                self.fail(f"not all triggers run after {LOADED_WITHIN_SECONDS:.0f} s")
            time.sleep(0.05)
        self._loaded_after = time.perf_counter() - began

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
        used = _cpu_seconds(self._child), _cpu_seconds(self._supervisor)
        polls = self._stub.counts().requests if self.trigger == PROVIDER else 0
        return Moment(time.perf_counter(), *used, polls, count_rows(self._airflow, "xcom"))

    def figures(self, before: Moment) -> Figures:
        """Return what has been used since then."""
        now = self.now()
        if count_rows(self._airflow, "task_instance WHERE state = 'deferred'") != self.waits:
            self.fail("some tasks are no longer deferred")
        seconds, mib = now.at - before.at, _mib(self._child)
        polls = (now.polls - before.polls) / seconds
        if self.trigger == PROVIDER and abs(polls * INTERVAL / self.waits - 1) > MAX_POLL_DEVIATION:
            self.fail(f"{self.waits} waits have polled {polls:.1f} times a second")
        return Figures(
            self.trigger,
            self.waits,
            child=(now.child - before.child) / seconds * 1_000,
            supervisor=(now.supervisor - before.supervisor) / seconds * 1_000,
            child_mib=mib,
            supervisor_mib=_mib(self._supervisor),
            kib_per_wait=(mib - self._mib_at_first) * 1_024 / self.waits,
            loaded_after=self._loaded_after,
            polls=polls,
            xcoms=(now.xcoms - before.xcoms) / seconds,
            blocked=self._airflow.log_file("triggerer").read_text().count("async thread was blocked"),
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
            load_seconds = START_SECONDS + waits * LOAD_SECONDS_EACH * len(triggers)
            first_poll_at = datetime.now(timezone.utc) + timedelta(seconds=load_seconds)
            for triggerer, end in [(each, each.write(first_poll_at)) for each in running]:
                if end() != 0:
                    triggerer.fail("the rows were not written", "rows")
            for triggerer in reversed(running):  # this provider first, because its first polls become due
                triggerer.start()
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


def _cpu_seconds(process: psutil.Process) -> float:
    """Return user and system time in nanoseconds, see clock_getcpuclockid(3)."""
    return time.clock_gettime(~process.pid << 3 | 2)


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1_024**2


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
