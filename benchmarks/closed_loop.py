"""The cost of a poll in a closed loop, one at a time and several together, beside peers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS
from benchmarks.child import Child
from benchmarks.contenders import CONTENDERS
from benchmarks.measuring import in_turns, report_progress
from benchmarks.report import Bound, Row
from benchmarks.stub import Stub

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TITLE = "Closed loop: CPU time of the client's process for a poll"

_ROUNDS = 3
_POLLS, _FULL_POLLS = 1_600, 8_000
_UNIT = "us CPU"

_AGAINST_POOL = Bound(4.0, aim=2.0)
_AGAINST_HTTP = Bound(8.0, aim=15.0, at_least=True)

_FASTEST = ("raw_pool", "asyncio_pool", "asend", "tuned_session")
"""These contenders are also measured with several polls together."""


def rows(*, full: bool) -> list[Row]:
    """Measure all contenders, plain and with mutual TLS."""
    polls = _FULL_POLLS if full else _POLLS
    found = []
    for mutual in (False, True):
        over = "mTLS" if mutual else "plain"
        report_progress(f"closed loop, {over}: {_ROUNDS} rounds of {polls} polls, fewer for slow contenders")
        with Stub(mutual=mutual) as stub:
            alone = _figures(stub, polls, 1, tuple(CONTENDERS))
            many = _figures(stub, polls, MAX_CONCURRENT_REQUESTS, _FASTEST)
        found += [
            *_costs(f"{over}, one at a time", alone),
            *_costs(f"{over}, {MAX_CONCURRENT_REQUESTS} together", many),
        ]
        found += [*_judged(over, alone, many, is_secure=mutual)]
    return found


def _figures(stub: Stub, polls: int, workers: int, contenders: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Run each contender in its own process, in turns."""
    with ExitStack() as stack:
        children = {
            key: stack.enter_context(Child("contenders", key, connections=stub.connections))
            for key in contenders
            if CONTENDERS[key].is_installed
        }
        measures = {}
        for key, child in children.items():
            child.ask("open", way=stub.way.to_dict())
            measures[key] = partial(_microseconds, child, stub, polls // CONTENDERS[key].slower, workers)
            measures[key]()  # opens the connections and warms up the code
        return in_turns(measures, _ROUNDS)


def _microseconds(child: Child, stub: Stub, polls: int, workers: int) -> float:
    """
    Return the CPU time of a poll.

    :raises RuntimeError: the stub has not received every request
    """
    stub.forget()
    found = child.ask("poll", polls=polls, workers=workers)
    if (seen := stub.counts().requests) != found["polls"]:
        msg = f"{seen} requests for {found['polls']} polls"
        raise RuntimeError(msg)
    return float(found["cpu"] / found["polls"] * 1e6)


def _costs(how: str, found: Mapping[str, tuple[float, ...]]) -> list[Row]:
    costs = [_row(f"{CONTENDERS[key].title}, {how}", rounds) for key, rounds in found.items()]
    missing = [contender for contender in CONTENDERS.values() if not contender.is_installed]
    return [
        *(_with_ratios(row, found) for row in costs),
        *(_row(f"{contender.title}, {how}", None) for contender in missing),
    ]


def _row(what: str, rounds: tuple[float, ...] | None) -> Row:
    return Row(what, _UNIT, (), note="not installed") if rounds is None else Row(what, _UNIT, rounds)


def _with_ratios(row: Row, found: Mapping[str, tuple[float, ...]]) -> Row:
    """Compare a cost with the hand-made pool and with the HTTP provider's sensor."""
    if row.median is None:
        return row
    ratios = {"times the hand-made pool": row.median / median(found["asyncio_pool"])}
    if "http_sensor" in found:
        ratios["HTTP sensor relative to it"] = median(found["http_sensor"]) / row.median
    return replace(row, ratios=ratios)


def _judged(
    over: str,
    alone: Mapping[str, tuple[float, ...]],
    many: Mapping[str, tuple[float, ...]],
    *,
    is_secure: bool,
) -> list[Row]:
    """Return the ratios that have a bound, of each round."""
    to_pool, of_many = _quotients(alone, "asend", "asyncio_pool"), _quotients(many, "asend", "asyncio_pool")
    judged = [
        Row(f"asend / hand-made pool, {over}, one at a time", "x", to_pool, must=_AGAINST_POOL),
        Row(f"asend / hand-made pool, {over}, {MAX_CONCURRENT_REQUESTS} together", "x", of_many),
        Row(f"asend / bare sockets, {over}, one at a time", "x", _quotients(alone, "asend", "raw_pool")),
    ]
    if is_secure:
        peer = _quotients(alone, "http_sensor", "asend") if "http_sensor" in alone else ()
        judged.append(Row(f"HTTP sensor / asend, {over}", "x", peer, must=_AGAINST_HTTP))
    return judged


def _quotients(found: Mapping[str, tuple[float, ...]], key: str, other: str) -> tuple[float, ...]:
    return tuple(cost / base for cost, base in zip(found[key], found[other], strict=True))
