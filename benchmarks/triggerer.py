"""
What deferred waits cost a real triggerer: ``python -m benchmarks.triggerer``, ``--full`` for more of it.

The metadata database is SQLite, or on the server of a URL: ``--server postgresql+psycopg2://localhost/postgres``
(with the packages psycopg2-binary and asyncpg, and the right to make databases).

Beside our trigger, at the same time, each in a triggerer of its own, run one that only wakes up as often, and
the same with keywords as long as ours: with SQLite it is the supervisor who reads the rows of the triggers,
each second. Measured are the process with the event loop (the child) and the one that talks to the database
for it (the supervisor).
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

from benchmarks.databases import Databases, how_many
from benchmarks.measuring import say
from benchmarks.report import Bound, Row, shown, table
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.live_airflow import LiveAirflow

TITLE = "In a real triggerer"

INTERVAL = 5.0
START_SECONDS, LOAD_SECONDS_EACH = 9.0, 0.003
"""From the rows to the first poll, so that all triggers run by then, as they do after a worker's look."""
LOADED_WITHIN_SECONDS = 120.0
MOST_POLLS_ASTRAY = 0.1
"""Of one poll for each wait and interval; else we have not measured waits that poll."""
LAST_WORDS_BYTES = 4_000

DO_NOTHING, LONG_ROWS, PROVIDER = "nothing", "nothing, long rows", "this provider"
JUDGED = 1_000
CHILD, SUPERVISOR = Bound(2.5, aim=1.5), Bound(1.15, aim=1.05)
"""What so many waits may cost; more of them are shown."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a triggerer has used by a moment, in seconds of CPU time, and what has come of it."""

    at: float
    child: float
    supervisor: float
    polls: int
    xcoms: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one triggerer was found to use."""

    trigger: str
    waits: int
    child: float
    """Milliseconds of CPU time for each second, as of the supervisor."""
    supervisor: float
    child_mib: float
    supervisor_mib: float
    kib_per_wait: float
    """What the child has grown by since it began."""
    loaded_after: float
    """Seconds from the command until all triggers ran."""
    polls: float
    """For each second, as of what follows."""
    xcoms: float
    blocked: int
    """How often the triggerer has said that its event loop was blocked."""


class Triggerer:
    """An ``airflow triggerer`` on a database of its own, which is full of deferred tasks."""

    def __init__(self, trigger: str, waits: int, airflow: LiveAirflow, stub: Stub) -> None:
        self.trigger, self.waits = trigger, waits
        self._airflow, self._stub = airflow, stub
        airflow.environment["AIRFLOW__TRIGGERER__CAPACITY"] = str(2 * waits)
        airflow.environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)

    def write(self, first_poll_at: datetime) -> Callable[[], int]:
        """Begin to write the rows; what is returned waits for the end of it."""
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
        """Raise an error with the last words of a part, because its log will be gone."""
        log = self._airflow.log_file(part).read_bytes()[-LAST_WORDS_BYTES:].decode(errors="replace")
        msg = f"{what}\n{log}"
        raise RuntimeError(msg)

    def start(self) -> None:
        """Start it, and wait until all triggers run: then each has begun its log."""
        began = time.perf_counter()
        children: list[psutil.Process] = []
        command = ("-m", "airflow", "triggerer", "--skip-serve-logs")
        self._supervisor = psutil.Process(self._airflow.spawn("triggerer", *command).pid)
        logs = self._airflow.home / "logs/dag_id=waits/run_id=many/task_id=wait"
        while not logs.is_dir() or sum(1 for _ in logs.iterdir()) < self.waits:
            before, children = children, self._supervisor.children()
            if children and children != before:  # some helpers come and go before the child
                with suppress(psutil.NoSuchProcess):
                    self._child, self._mib_at_first = children[0], _mib(children[0])
            if self._supervisor.status() == psutil.STATUS_ZOMBIE:
                self.fail("the triggerer has ended")
            if time.perf_counter() - began > LOADED_WITHIN_SECONDS:
                self.fail(f"not all triggers run after {LOADED_WITHIN_SECONDS:.0f} s")
            time.sleep(0.05)
        self._loaded_after = time.perf_counter() - began

    def now(self) -> Moment:
        """Return what has been used until now."""
        used = _cpu_seconds(self._child), _cpu_seconds(self._supervisor)
        polls = self._stub.counts().requests if self.trigger == PROVIDER else 0
        return Moment(time.perf_counter(), *used, polls, how_many(self._airflow, "xcom"))

    def figures(self, before: Moment) -> Figures:
        """Return what has been used since."""
        now = self.now()
        if how_many(self._airflow, "task_instance WHERE state = 'deferred'") != self.waits:
            self.fail("not all tasks are deferred still")
        seconds, mib = now.at - before.at, _mib(self._child)
        polls = (now.polls - before.polls) / seconds
        if self.trigger == PROVIDER and abs(polls * INTERVAL / self.waits - 1) > MOST_POLLS_ASTRAY:
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
    """With which databases triggerers are measured, and for how long."""

    databases: Databases
    seconds: float

    def measure(self, waits: int, *triggers: str, mutual: bool = False) -> list[Figures]:
        """Measure triggerers that run beside each other; each of them has all waits."""
        say(f"{waits} waits{', mutual TLS' * mutual}: {' | '.join(triggers)}")
        with ExitStack() as stack:
            stub = stack.enter_context(Stub(mutual=mutual))
            airflows = [stack.enter_context(self.databases.airflow()) for _ in triggers]
            running = [
                Triggerer(trigger, waits, airflow, stub)
                for trigger, airflow in zip(triggers, airflows, strict=True)
            ]
            load_seconds = START_SECONDS + waits * LOAD_SECONDS_EACH * len(triggers)
            first_poll_at = datetime.now(timezone.utc) + timedelta(seconds=load_seconds)
            for one, end in [(one, one.write(first_poll_at)) for one in running]:
                if end() != 0:
                    one.fail("the rows were not written", "rows")
            for one in reversed(running):  # ours first, because its first polls become due
                one.start()
            all_polled_at = first_poll_at + timedelta(seconds=2 * INTERVAL)
            time.sleep(max(INTERVAL, (all_polled_at - datetime.now(timezone.utc)).total_seconds()))
            before = [one.now() for one in running]
            time.sleep(self.seconds)
            found = [one.figures(since) for one, since in zip(running, before, strict=True)]
        for figures in found:
            say(f"  {figures}")
        return found


def rows(*, full: bool, mutual: bool = False, server: str | None = None) -> list[Row]:
    """Measure, and return the figures with what they must be."""
    found: list[Row] = []
    cases = [JUDGED, 3_000] if full else [JUDGED]
    with tempfile.TemporaryDirectory(prefix="benchmark-triggerer-") as folder:
        databases = Databases(Path(folder), server)
        place = Bench(databases, seconds=60.0 if full else 20.0)
        say("airflow db migrate")
        with databases.migrated():
            for waits in cases:
                about = f"{waits:,} waits{', mutual TLS' * mutual}, {databases.kind}"
                beside = (DO_NOTHING, LONG_ROWS, PROVIDER)
                many = 3 if full and waits == JUDGED else 1
                rounds = [place.measure(waits, *beside, mutual=mutual) for _ in range(many)]
                found += _raw(about, rounds) + _quotients(about, rounds)
    return found


def _raw(about: str, rounds: Sequence[Sequence[Figures]]) -> list[Row]:
    """Return what each trigger used, without what is nothing."""
    return [
        Row(f"{what}: {one[0].trigger}, {about}", unit, raw, note=_per_wake(one[0].waits, raw, unit))
        for what, unit, figure in _FIGURES
        for one in zip(*rounds, strict=True)
        if any(raw := tuple(map(figure, one)))
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
    """Say what of a processor's time that is for each wait and interval."""
    return f"{shown(statistics.median(raw) * 1_000 * INTERVAL / waits)} µs per wake" if unit == "ms/s" else ""


def _quotients(about: str, rounds: Sequence[Sequence[Figures]]) -> list[Row]:
    """Return what counts: ours by what does nothing."""
    nothing, long_rows, ours = zip(*rounds, strict=True)
    wanted: list[tuple[str, Callable[[Figures, Figures], float], Sequence[Figures], Bound]] = [
        ("child", lambda one, peer: one.child / peer.child, nothing, CHILD),
        ("supervisor", lambda one, peer: one.supervisor / peer.supervisor, nothing, SUPERVISOR),
        ("supervisor", lambda one, peer: one.supervisor / peer.supervisor, long_rows, SUPERVISOR),
    ]
    is_judged = ours[0].waits == JUDGED
    return [
        Row(
            f"{what}: {ours[0].trigger} / {peers[0].trigger}, {about}",
            "x",
            tuple(map(by, ours, peers)),
            must if is_judged else None,
        )
        for what, by, peers, must in wanted
    ]


def _cpu_seconds(process: psutil.Process) -> float:
    """Return utime + stime to the nanosecond: the clock of a process, see clock_getcpuclockid(3)."""
    return time.clock_gettime(~process.pid << 3 | 2)


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1_024**2


def main() -> int:
    """Measure and print; nothing is left behind, however it ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.triggerer", description=__doc__)
    parser.add_argument("--full", action="store_true", help="more waits, three rounds")
    parser.add_argument("--mutual", action="store_true", help="over mutual TLS")
    parser.add_argument("--server", metavar="URL", help="of a PostgreSQL, for SQLAlchemy; else SQLite")
    asked = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    found = rows(full=asked.full, mutual=asked.mutual, server=asked.server)
    print(table(TITLE, found))
    return int(any(row.verdict not in {"", "met"} for row in found))


if __name__ == "__main__":
    sys.exit(main())
