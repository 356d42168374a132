"""What a wait holds in memory: a process full of our triggers, less one full of triggers that do nothing."""

from __future__ import annotations

import time

from benchmarks.load import Load, running
from benchmarks.measuring import say
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

TITLE = "WaitState: resident, of a process with many waits"

_MEMORY = Bound(6.0, aim=4.0)
_INTERVALS = 4
_KIB, _MIB = 1 << 10, 1 << 20


def rows(*, full: bool) -> list[Row]:
    """Measure both in turns, each in a fresh process."""
    many, interval, rounds = (10_000, 5.0, 3) if full else (5_000, 2.0, 1)
    found = [(_held(kind, many, interval) for kind in ("provider", "nothing")) for _ in range(rounds)]
    mine, nothing = (tuple(figures) for figures in zip(*found, strict=True))
    above = tuple((one - other) / many / _KIB for one, other in zip(mine, nothing, strict=True))
    return [
        Row(f"ours, {many:,} waits on as many names", "MiB", tuple(held / _MIB for held in mine)),
        Row(f"{many:,} that do nothing, and one of ours", "MiB", tuple(held / _MIB for held in nothing)),
        Row("a wait above one that does nothing", "KiB", above, _MEMORY),
    ]


def _held(kind: str, many: int, interval: float) -> int:
    """Return what a process holds after a few polls of each; one wait of ours is always in it."""
    say(f"memory: {many:,} of kind {kind}")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(Load("provider", 1, 1, interval))
        work.start(Load(kind, many, many, interval))
        time.sleep(_INTERVALS * interval)
        held = work.resident_bytes()
        if kind == "provider":
            _make_sure_all_have_polled(stub, many)
        work.make_sure_that_all_wait()
    return held


def _make_sure_all_have_polled(stub: Stub, many: int) -> None:
    polled = sum(len(times) > 1 for times in stub.arrivals().values())
    if polled < many:
        msg = f"only {polled} of {many} names have been polled twice"
        raise RuntimeError(msg)
