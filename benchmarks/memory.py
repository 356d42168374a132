"""The memory of a wait: a process full of waits, minus a process full of triggers that do nothing."""

from __future__ import annotations

import time

from benchmarks.load import Load, running
from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

TITLE = "Memory: resident set of a process with many waits"

_MEMORY = Bound(6.0, aim=4.0)
_INTERVALS = 4
_KIB, _MIB = 1 << 10, 1 << 20


def rows(*, full: bool) -> list[Row]:
    """Measure both in turns, each in a new process."""
    many, interval, rounds = (10_000, 5.0, 3) if full else (5_000, 2.0, 1)
    found = [(_held(kind, many, interval) for kind in ("provider", "nothing")) for _ in range(rounds)]
    waits, nothing = (tuple(figures) for figures in zip(*found, strict=True))
    above = tuple((held - base) / many / _KIB for held, base in zip(waits, nothing, strict=True))
    return [
        Row(f"this provider, {many:,} waits on as many names", "MiB", tuple(held / _MIB for held in waits)),
        Row(
            f"{many:,} triggers that do nothing, and one wait", "MiB", tuple(held / _MIB for held in nothing)
        ),
        Row("a wait, compared with a trigger that does nothing", "KiB", above, _MEMORY),
    ]


def _held(kind: str, many: int, interval: float) -> int:
    """Return the memory of a process after a few polls. It always contains one wait of this provider."""
    report_progress(f"memory: {many:,} of kind {kind}")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(Load("provider", 1, 1, interval))
        work.start(Load(kind, many, many, interval))
        time.sleep(_INTERVALS * interval)
        held = work.resident_bytes()
        if kind == "provider":
            _check_all_polled(stub, many)
        work.check_all_running()
    return held


def _check_all_polled(stub: Stub, many: int) -> None:
    polled = sum(len(times) > 1 for times in stub.arrivals().values())
    if polled < many:
        msg = f"only {polled} of {many} names have been polled twice"
        raise RuntimeError(msg)
