"""Waits that poll at their interval: whether each poll arrives, how late, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.load import Load, lateness, running, settle, watch
from benchmarks.measuring import percentile, report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from benchmarks.load import Window

TITLE = "Paced: real triggers, each polling at its interval"

_INTERVALS, _FULL_INTERVALS = 5, 6

_GRACE_SECONDS = 0.15
"""How late a poll may arrive that is due at the end of a period."""

_SHARE = Bound(99.9, at_least=True)
_LATE = Bound(150.0, aim=110.0)
_CONNECTIONS = Bound(16.0)


def rows(*, full: bool) -> list[Row]:
    """Measure waits with one name each, waits that share names, and a peer."""
    rounds, interval = (3, 5.0) if full else (1, 1.0)
    many, few = (10_000, 200) if full else (1_000, 100)
    intervals = _FULL_INTERVALS if full else _INTERVALS
    found = []
    for load, is_judged in (
        (Load("provider", many, many, interval), True),
        (Load("http_sensor", few, few, interval), False),
    ):
        windows = [_window(load, intervals) for _ in range(rounds if is_judged else 1)]
        found += _figures(load, windows, is_judged=is_judged)
    shared = Load("provider", 1_000, 10, interval)
    return [*found, _requests(shared, [_window(shared, intervals) for _ in range(rounds)])]


def _window(load: Load, intervals: int) -> Window:
    """Start the waits in a new process, wait until they have settled, and measure."""
    report_progress(f"paced: {load.kind}, {load}")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(load)
        settle(load)
        return watch(work, intervals * load.interval + _GRACE_SECONDS)


def _figures(load: Load, windows: list[Window], *, is_judged: bool) -> list[Row]:
    due = load.waits / load.interval
    late = [_milliseconds_late(load, window) for window in windows]
    received = [window.requests / (due * window.seconds) * 100 for window in windows]
    shares = [_share(load, window) for window in windows]
    figures = {
        "share polled": ("%", shares, _SHARE),
        "polls received, of those due": ("%", received, None),
        "lateness p50": ("ms", [percentile(seconds, 50) for seconds in late], None),
        "lateness p99": ("ms", [percentile(seconds, 99) for seconds in late], _LATE),
        "lateness max": ("ms", [max(seconds) for seconds in late], None),
        "connections, maximum": ("", [float(window.after.peak) for window in windows], _CONNECTIONS),
        "connections opened": ("", [float(window.after.connections) for window in windows], None),
        "TLS handshakes": ("", [float(window.after.handshakes) for window in windows], None),
        "CPU time of a poll": ("us CPU", [_microseconds(window) for window in windows], None),
        "of one processor": ("%", [window.spent / window.seconds * 100 for window in windows], None),
    }
    return [
        Row(f"{load.title}, {load}: {what}", unit, tuple(rounds), must=must if is_judged else None)
        for what, (unit, rounds, must) in figures.items()
    ]


def _share(load: Load, window: Window) -> float:
    """Return the share of the due polls that arrived. Extra polls of a name do not replace others."""
    each = round((window.seconds - _GRACE_SECONDS) / load.interval)
    polled = sum(min(each, sum(window.begin <= at for at in times)) for times in window.arrivals.values())
    return polled / (each * load.names) * 100


def _milliseconds_late(load: Load, window: Window) -> list[float]:
    late = lateness(window.arrivals, load.polled_names, load.interval, window.begin, window.end)
    return [seconds * 1e3 for _, seconds in late]


def _microseconds(window: Window) -> float:
    return window.spent / max(1, window.requests) * 1e6


def _requests(load: Load, windows: list[Window]) -> Row:
    rounds = tuple(window.requests * load.interval / window.seconds for window in windows)
    expected = load.names
    note = f"{load.waits:,} waits that share nothing would send {load.waits:,}"
    return Row(
        f"{load.title}, {load}: requests per interval", "", rounds, must=Bound(expected * 1.05), note=note
    )
