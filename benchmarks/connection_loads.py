"""How often waits that start together load their connection."""

from __future__ import annotations

import time

from benchmarks.load import Load, running
from benchmarks.measuring import report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

TITLE = "Loads of the connection"

_WAITS, _INTERVAL = 1_000, 1.0
_ONE = Bound(1.0)


def rows(*, full: bool) -> list[Row]:
    """Count the loads."""
    rounds = tuple(_loads() for _ in range(3 if full else 1))
    return [Row(f"this provider, {_WAITS:,} waits that start together", "loads", rounds, must=_ONE)]


def _loads() -> float:
    """
    Return how often the hook has loaded a connection.

    :raises RuntimeError: some waits have not polled
    """
    report_progress(f"connection loads: {_WAITS:,} waits")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(Load("provider", _WAITS, _WAITS, _INTERVAL))
        time.sleep(3 * _INTERVAL)
        polled = len(stub.arrivals())
        if polled < _WAITS:
            msg = f"only {polled} of {_WAITS} names have been polled"
            raise RuntimeError(msg)
        return float(work.usage().connection_loads)
