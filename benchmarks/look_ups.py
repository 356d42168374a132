"""How often waits that start together look their connection up."""

from __future__ import annotations

import time

from benchmarks.load import Load, running
from benchmarks.measuring import say
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

TITLE = "Look-ups of the connection"

_WAITS, _INTERVAL = 1_000, 1.0
_ONE = Bound(1.0)


def rows(*, full: bool) -> list[Row]:
    """Count them for waits that start together."""
    rounds = tuple(_look_ups() for _ in range(3 if full else 1))
    return [Row(f"ours, {_WAITS:,} waits that start together", "look-ups", rounds, must=_ONE)]


def _look_ups() -> float:
    """
    Return how often the hook has looked a connection up.

    :raises RuntimeError: not all have polled
    """
    say(f"look-ups: {_WAITS:,} waits")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(Load("provider", _WAITS, _WAITS, _INTERVAL))
        time.sleep(3 * _INTERVAL)
        polled = len(stub.arrivals())
        if polled < _WAITS:
            msg = f"only {polled} of {_WAITS} names have been polled"
            raise RuntimeError(msg)
        return float(work.usage().look_ups)
