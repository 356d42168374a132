"""Many waits on a stub: a process of each, how to start them, and what their arrivals mean."""

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


@dataclass(frozen=True, slots=True)
class Load:
    """So many waits of a kind, on so many names in turn, each every so many seconds."""

    kind: str
    waits: int
    names: int
    interval: float

    @property
    def asked_about(self) -> list[str]:
        """The name of each wait."""
        known = names(self.names)
        return [known[place % self.names] for place in range(self.waits)]

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.waits:,} waits on {self.names:,} names every {self.interval:g} s"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process of waits has spent since it began, and how many go on."""

    at: float
    cpu: float
    look_ups: int
    failures: int
    waiting: int


class Running:
    """Waits at work, and the stub that they ask."""

    def __init__(self, stub: Stub, child: Child) -> None:
        self.stub = stub
        self._child = child
        self._started = 0

    def start(self, load: Load, connections: Sequence[str] = (CONN_ID,)) -> None:
        """Start waits, all at once."""
        way = self.stub.way.to_dict()
        self._started += load.waits
        self._child.ask(
            "start",
            kind=load.kind,
            names=load.asked_about,
            interval=load.interval,
            way=way,
            connections=list(connections),
        )

    def usage(self) -> Usage:
        """Ask what has been spent."""
        return Usage(**self._child.ask("usage"))

    def resident_bytes(self) -> int:
        """Ask how much memory the process holds."""
        held: int = self._child.ask("memory")["bytes"]
        return held

    def make_sure_that_all_wait(self) -> None:
        """
        Make sure that none has ended or failed, which would make what is left look good.

        :raises RuntimeError: one has; the text holds what was logged last
        """
        waiting = self.usage().waiting
        if waiting != self._started:
            msg = f"{waiting} of {self._started} waits go on: {self._child.last_words()}"
            raise RuntimeError(msg)

    def ended(self) -> dict[str, float]:
        """Ask which waits have fired their event, and when."""
        ended: dict[str, float] = self._child.ask("ended")["ended"]
        return ended


@contextmanager
def running(stub: Stub, connections: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a process for waits on a stub; by default its connections lead to the first gateway."""
    with Child("waits", connections=connections or stub.connections) as child:
        work = Running(stub, child)
        work.usage()  # everything is imported
        yield work


@dataclass(frozen=True, slots=True)
class Window:
    """What has been seen between two moments."""

    begin: float
    end: float
    spent: float
    before: Counts
    after: Counts
    arrivals: Mapping[str, Sequence[float]]

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin

    @property
    def requests(self) -> int:
        """How many requests have arrived in it."""
        return sum(self.begin <= at < self.end for times in self.arrivals.values() for at in times)


def settle(load: Load) -> None:
    """Let waits settle that have just begun: at its first poll each logs a line, dearer than a poll."""
    time.sleep(max(_SETTLING_INTERVALS * load.interval, _SETTLING_SECONDS * load.waits))


def watch(work: Running, seconds: float) -> Window:
    """
    Look on for so long.

    :raises RuntimeError: a wait has ended
    """
    before, used = work.stub.counts(), work.usage()
    time.sleep(seconds)
    spent, after = work.usage().cpu - used.cpu, work.stub.counts()
    work.make_sure_that_all_wait()
    return Window(before.at, after.at, spent, before, after, work.stub.arrivals())


def lateness(
    arrivals: Mapping[str, Sequence[float]],
    asked_about: Sequence[str],
    interval: float,
    begin: float,
    end: float,
) -> list[tuple[float, float]]:
    """
    Return when polls came, and how many seconds after they were due: an interval after the poll before.

    What is due and has not come by the end counts as if it came then.
    """
    return [
        late
        for name in dict.fromkeys(asked_about)
        for late in _late(arrivals.get(name, ()), interval, begin, end)
    ]


def _late(times: Sequence[float], interval: float, begin: float, end: float) -> list[tuple[float, float]]:
    known = [at for at in times if at < end]
    if not known:
        return [(end, end - begin)]
    found = [(at, max(0.0, at - before - interval)) for before, at in pairwise(known) if at >= begin]
    missing = end - known[-1] - interval
    return [*found, (end, missing)] if missing > 0 else found
