"""Many waits on a stub: their process, how to start them, and how late their polls arrive."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.answers import names
from benchmarks.child import Child
from benchmarks.provider import CONN_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.stub import Counts, Stub


_SETTLING_INTERVALS, _SETTLING_SECONDS = 3, 0.004

_TITLES = {
    "provider": "this provider",
    "nothing": "a trigger that does nothing",
    "http_event": "HttpEventTrigger",
    "http_sensor": "HttpSensorTrigger's body",
    "unbounded": "aiohttp without a limit",
}


@dataclass(frozen=True, slots=True)
class Load:
    """A number of waits of one kind, on a number of names, with a poll interval."""

    kind: str
    waits: int
    names: int
    interval: float

    @property
    def title(self) -> str:
        """The name of the kind in the tables."""
        return _TITLES[self.kind]

    @property
    def polled_names(self) -> list[str]:
        """The name that each wait polls."""
        known = names(self.names)
        return [known[place % self.names] for place in range(self.waits)]

    def __str__(self) -> str:
        """Describe it."""
        return f"{self.waits:,} waits on {self.names:,} names every {self.interval:g} s"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process of waits has used since it started, and how many waits are running."""

    at: float
    cpu: float
    connection_loads: int
    failures: int
    waiting: int


class Running:
    """Running waits, and the stub that they poll."""

    def __init__(self, stub: Stub, child: Child) -> None:
        self.stub = stub
        self._child = child
        self._started = 0

    def start(self, load: Load, connections: Sequence[str] = (CONN_ID,)) -> None:
        """Start waits, all together."""
        way = self.stub.way.to_dict()
        self._started += load.waits
        self._child.ask(
            "start",
            kind=load.kind,
            names=load.polled_names,
            interval=load.interval,
            way=way,
            connections=list(connections),
        )

    def usage(self) -> Usage:
        """Return what has been used."""
        return Usage(**self._child.ask("usage"))

    def resident_bytes(self) -> int:
        """Return the memory of the process."""
        held: int = self._child.ask("memory")["bytes"]
        return held

    def check_all_running(self) -> None:
        """
        Check that every wait is still running: ended waits would improve the figures.

        :raises RuntimeError: a wait has ended; the message holds the end of the log
        """
        waiting = self.usage().waiting
        if waiting != self._started:
            msg = f"{waiting} of {self._started} waits are running: {self._child.log_end()}"
            raise RuntimeError(msg)

    def ended(self) -> dict[str, float]:
        """Return which waits have fired their event, and when."""
        ended: dict[str, float] = self._child.ask("ended")["ended"]
        return ended


@contextmanager
def running(stub: Stub, connections: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a process for waits on a stub. By default its connections use the first gateway."""
    with Child("waits", connections=connections or stub.connections) as child:
        work = Running(stub, child)
        work.usage()  # returns when everything is imported
        yield work


@dataclass(frozen=True, slots=True)
class Window:
    """What the stub has received in a period."""

    begin: float
    end: float
    spent: float
    before: Counts
    after: Counts
    arrivals: Mapping[str, Sequence[float]]

    @property
    def seconds(self) -> float:
        """The length of the period."""
        return self.end - self.begin

    @property
    def requests(self) -> int:
        """How many requests have arrived."""
        return sum(self.begin <= at < self.end for times in self.arrivals.values() for at in times)


def settle(load: Load) -> None:
    """Wait until the first polls are over: each logs a line, which costs more than a poll."""
    time.sleep(max(_SETTLING_INTERVALS * load.interval, _SETTLING_SECONDS * load.waits))


def watch(work: Running, seconds: float) -> Window:
    """
    Measure for this time.

    :raises RuntimeError: a wait has ended
    """
    before, used = work.stub.counts(), work.usage()
    time.sleep(seconds)
    spent, after = work.usage().cpu - used.cpu, work.stub.counts()
    work.check_all_running()
    return Window(before.at, after.at, spent, before, after, work.stub.arrivals())


def lateness(
    arrivals: Mapping[str, Sequence[float]],
    polled_names: Sequence[str],
    interval: float,
    begin: float,
    end: float,
) -> list[tuple[float, float]]:
    """
    Return when polls arrived, and how many seconds late: they are due one interval after the previous poll.

    A poll that is due but has not arrived at the end counts as if it arrived then.
    """
    return [
        late
        for name in dict.fromkeys(polled_names)
        for late in _late(arrivals.get(name, ()), interval, begin, end)
    ]


def _late(times: Sequence[float], interval: float, begin: float, end: float) -> list[tuple[float, float]]:
    known = [at for at in times if at < end]
    if not known:
        return [(end, end - begin)]
    found = [(at, max(0.0, at - before - interval)) for before, at in pairwise(known) if at >= begin]
    missing = end - known[-1] - interval
    return [*found, (end, missing)] if missing > 0 else found
