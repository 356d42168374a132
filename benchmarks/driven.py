"""How soon a trigger notices the end of an upgrade: upgrades end at random times."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack

from benchmarks.answers import names
from benchmarks.load import Load, running
from benchmarks.measuring import percentile, report_progress
from benchmarks.report import Row
from benchmarks.stub import Stub

TITLE = "Driven: from the end of an upgrade to the event of its trigger"

_KINDS = ("provider", "http_event")
_SEED = 20260301
_GRACE_INTERVALS = 2


def rows(*, full: bool) -> list[Row]:
    """Measure this provider and the peer, with the same upgrades that end at the same times."""
    many, interval, rounds = (500, 5.0, 3) if full else (100, 1.0, 1)
    return [row for kind in _KINDS for row in _figures(Load(kind, many, many, interval), rounds)]


def _figures(load: Load, rounds: int) -> list[Row]:
    found = [_latencies(load, seed) for seed in range(_SEED, _SEED + rounds)]
    what, half = f"{load.title}, {load}", f"half an interval is {load.interval / 2:g} s"
    return [
        Row(f"{what}: median", "s", tuple(percentile(latencies, 50) for latencies in found), note=half),
        Row(f"{what}: p99", "s", tuple(percentile(latencies, 99) for latencies in found)),
        Row(f"{what}: events missing", "", tuple(float(load.waits - len(latencies)) for latencies in found)),
    ]


def _latencies(load: Load, seed: int) -> list[float]:
    report_progress(f"driven: {load.kind}, {load}")
    with ExitStack() as stack:
        stub = stack.enter_context(Stub(mutual=True))
        work = stack.enter_context(running(stub))
        work.start(load)
        time.sleep(2 * load.interval)
        completed = _complete_all(stub, load, seed)
        time.sleep(_GRACE_INTERVALS * load.interval)
        ended = work.ended()
    return [ended[name] - at for name, at in completed.items() if name in ended]


def _complete_all(stub: Stub, load: Load, seed: int) -> dict[str, float]:
    """Complete each name at a random time within a few intervals."""
    generator = random.Random(seed)  # noqa: S311 - no secret
    began = time.monotonic()
    times = sorted((generator.uniform(0, 3 * load.interval), name) for name in names(load.names))
    completed = {}
    for end, name in times:
        time.sleep(max(0.0, began + end - time.monotonic()))
        completed[name] = stub.complete(name)
    return completed
