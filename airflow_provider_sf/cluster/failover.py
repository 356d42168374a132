"""
Which gateway of a cluster to ask, and when to ask another one or once more. Pure; no I/O, no clock.

A conversation is a generator: it yields what to try, is sent what came of it, and returns the answer. Both
transports hold the same conversations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.rest.protocol import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

REST_SECONDS = 30.0
"""How long a gateway that did not answer is asked after all others only."""

REFUSALS = frozenset({401, 403})
_NOT_HERE = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Gateways:
    """The gateways of a cluster, which one is asked, and until when those that did not answer rest."""

    endpoints: tuple[str, ...]
    current: int = 0
    resting: tuple[tuple[str, float], ...] = ()

    def order(self, now: float) -> tuple[str, ...]:
        """Return whom to ask: the current one first, those that rest last, the next to wake first of them."""
        until = {one: end for one, end in self.resting if end > now}
        turned = self.endpoints[self.current :] + self.endpoints[: self.current]
        return tuple(sorted(turned, key=lambda one: until.get(one, 0.0)))

    def after_answer(self, endpoint: str) -> Gateways:
        """Stick to a gateway that has answered."""
        if not self.resting and self.endpoints[self.current] == endpoint:
            return self
        resting = tuple(one for one in self.resting if one[0] != endpoint)
        return replace(self, current=self.endpoints.index(endpoint), resting=resting)

    def after_silence(self, endpoint: str, now: float) -> Gateways:
        """Let a gateway rest."""
        others = tuple(one for one in self.resting if one[0] != endpoint)
        return replace(self, resting=(*others, (endpoint, now + REST_SECONDS)))


@dataclass(frozen=True, slots=True)
class Try:
    """Ask this gateway; ``anew`` with new credentials, since those so far have been refused."""

    endpoint: str
    anew: bool = False


Heard = Response | Rejected | Unreachable
"""What came of a try."""


def conversation(
    known: dict[tuple[str, ...], Gateways],
    endpoints: tuple[str, ...],
    clock: Callable[[], float],
    *,
    renewable: bool,
) -> Generator[Try, Heard | None, Response]:
    """
    Ask one gateway after the other until one answers.

    :param known: what is known of the gateways of clusters, by their endpoints; it is brought up to date
    :param clock: tells a time in seconds
    :param renewable: whether there may be new credentials when those so far are refused
    :raises ServiceFabricError: none has answered; that of a silent one, if one was, as it may answer later
    """
    if endpoints not in known:
        known[endpoints] = Gateways(endpoints)
    said: list[Heard] = []
    for endpoint in known[endpoints].order(clock()):
        heard = yield Try(endpoint)
        if renewable and isinstance(heard, Response) and heard.status in REFUSALS:
            heard, renewable = (yield Try(endpoint, anew=True)), False
        assert heard is not None  # noqa: S101 - for mypy: None only starts the conversation
        if isinstance(heard, Response) and heard.status not in _NOT_HERE:
            known[endpoints] = known[endpoints].after_answer(endpoint)
            return heard
        known[endpoints] = known[endpoints].after_silence(endpoint, clock())
        said.append(heard)
    return _last_word(said)


def _last_word(said: list[Heard]) -> Response:
    """Return, or raise, what is to be said if no gateway has answered as it should."""
    errors: list[Rejected | Unreachable] = []
    for heard in said:
        if isinstance(heard, Response):
            return heard
        errors.append(heard)
    chosen = next((error for error in errors if isinstance(error, Unreachable)), errors[0])
    others = "; ".join(str(error) for error in errors if error is not chosen)
    if not others:
        raise chosen
    msg = f"{chosen.message} (and {others})"
    raise type(chosen)(msg, endpoint=chosen.endpoint)
