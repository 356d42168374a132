"""When the gateways of the soak fail, and how long a wait had no answer meanwhile. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, pairwise
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    Span = tuple[float, float]

UP = "up"
CLOSED = "closed"
"""The port is closed, and all connections to it."""
HUNG = "hung"
"""It accepts connections and requests, and never answers."""
UNAVAILABLE = "unavailable"
"""It answers each request with status 503."""

FAULTS = (CLOSED, HUNG, UNAVAILABLE)
UP_SECONDS, DOWN_SECONDS = (20.0, 60.0), (10.0, 50.0)


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A gateway fails or returns, this many seconds after the begin."""

    at: float
    gateway: int
    mode: str


def schedule(gateways: int, seconds: float, seed: int = 1) -> list[Change]:
    """
    Return the changes of all gateways, in order.

    Each gateway fails in each way in turns, independently of the others, and is up at the end. So all
    gateways of a cluster are down at the same time now and then, but never for longer than one of them.
    """
    return sorted(change for gateway in range(gateways) for change in _flaps(gateway, seconds, seed))


def _flaps(gateway: int, seconds: float, seed: int) -> Iterable[Change]:
    random = Random(seed + gateway)  # noqa: S311 - no secret
    at = random.uniform(*UP_SECONDS)
    for turn in count(gateway):
        end = at + random.uniform(*DOWN_SECONDS)
        if end > seconds:
            return
        yield Change(at, gateway, FAULTS[turn % len(FAULTS)])
        yield Change(end, gateway, UP)
        at = end + random.uniform(*UP_SECONDS)


def outages(changes: Iterable[Change], gateways: Collection[int]) -> list[Span]:
    """Return from when until when none of these gateways was up."""
    down: set[int] = set()
    found: list[Span] = []
    since: float | None = None
    for change in changes:
        if change.gateway not in gateways:
            continue
        (down.discard if change.mode == UP else down.add)(change.gateway)
        if since is not None:
            found.append((since, change.at))
        since = change.at if len(down) == len(gateways) else None
    return found


def gaps(answered_at: Sequence[float], none_up: Sequence[Span]) -> list[float]:
    """Return the times between the answers to a wait, without those in which no gateway was up."""
    return [
        until - since - sum(max(0.0, min(until, end) - max(since, begin)) for begin, end in none_up)
        for since, until in pairwise(answered_at)
    ]
