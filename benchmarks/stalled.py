"""A gateway that stops answering for a while: when polls are on time again, and which connections are new."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load import Load, lateness, running, settle
from benchmarks.measuring import percentile, report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from benchmarks.load import Running

TITLE = "Stalled: the gateway reads, and answers only after the stall"

_LATE_MILLISECONDS = 150.0
_FEW = 1_000
_BACK = Bound(15.0)
_NEW_CONNECTIONS = Bound(0.0)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The length of the stall, the intervals measured before it, and the seconds measured after it."""

    stall: float
    before: int
    after: float


@dataclass(frozen=True, slots=True)
class _Stall:
    """The effect of a stall."""

    p99_before: float
    seconds_back: float
    connections: float


def rows(*, full: bool) -> list[Row]:
    """Measure this provider; in a full run also waits without a limit of connections."""
    plan = _Plan(10.0, 3, 30.0) if full else _Plan(3.0, 2, 5.0)
    rounds, many, interval = (3, 10_000, 5.0) if full else (1, 500, 1.0)
    provider = Load("provider", many, many, interval)
    found = _figures(provider, plan, [_stall(provider, plan) for _ in range(rounds)], is_judged=True)
    if not full:
        return found
    unbounded = Load("unbounded", _FEW, _FEW, interval)
    return [*found, *_figures(unbounded, plan, [_stall(unbounded, plan)], is_judged=False)]


def _figures(load: Load, plan: _Plan, stalls: list[_Stall], *, is_judged: bool) -> list[Row]:
    what = f"{load.title}, {load}, {plan.stall:g} s stall"
    back, new = (_BACK, _NEW_CONNECTIONS) if is_judged else (None, None)
    note = f"p99 of each second from then on: under {_LATE_MILLISECONDS:g} ms, or as before if that was more"
    return [
        Row(f"{what}: p99 before", "ms", tuple(stall.p99_before for stall in stalls)),
        Row(f"{what}: back after", "s", tuple(stall.seconds_back for stall in stalls), back, note),
        Row(f"{what}: connections opened since", "", tuple(stall.connections for stall in stalls), new),
    ]


def _stall(load: Load, plan: _Plan) -> _Stall:
    report_progress(f"stalled: {load.kind}, {load}, {plan.stall:g} s")
    with Stub(mutual=True) as stub, running(stub) as work:
        work.start(load)
        settle(load)
        time.sleep(plan.before * load.interval)
        known = stub.counts().connections
        began = stub.stall(plan.stall)
        time.sleep(plan.stall + plan.after)
        work.check_all_running()
        return _judge(work, load, plan, began, known)


def _judge(work: Running, load: Load, plan: _Plan, began: float, known: int) -> _Stall:
    counts, arrivals, names = work.stub.counts(), work.stub.arrivals(), load.polled_names
    over, end = began + plan.stall, began + plan.stall + plan.after
    quiet = lateness(arrivals, names, load.interval, began - plan.before * load.interval, began)
    before = percentile([late * 1e3 for _, late in quiet], 99)
    late = [(at - over, seconds * 1e3) for at, seconds in lateness(arrivals, names, load.interval, over, end)]
    limit = max(before, _LATE_MILLISECONDS)
    return _Stall(before, _seconds_until(late, limit, plan.after), float(counts.connections - known))


def _seconds_until(late: list[tuple[float, float]], limit: float, seconds: float) -> float:
    """Return the second from which the p99 of each second is within the limit; infinite without one."""
    many = math.ceil(seconds)
    bins: list[list[float]] = [[] for _ in range(many + 1)]
    for at, milliseconds in late:
        bins[min(many, int(at))].append(milliseconds)
    bad = [second for second, figures in enumerate(bins) if percentile(figures, 99) > limit]
    if not bad:
        return 0.0
    return float(bad[-1] + 1) if bad[-1] + 1 < many else math.inf
