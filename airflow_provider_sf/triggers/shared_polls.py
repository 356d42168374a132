"""
One poll per upgrade, for all waits of an event loop that are for the same.

Each wait says what it wishes to know next; the poll that comes first serves all whose wish it meets. Polls
begin on a common beat, so that the event loop wakes up for many at once. They run in a context of their own
and never log: the triggerer tells by its context whose a log line is, and a poll is nobody's.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextvars import Context
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from math import ceil, inf
from random import random
from typing import TYPE_CHECKING

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook, progress_in
from airflow_provider_sf.rest import OK, ServiceFabricError
from airflow_provider_sf.sharing import Shared, all_shared, shared
from airflow_provider_sf.upgrades import UpgradeProgress

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest import Response
    from airflow_provider_sf.watching import Observation

TICK_SECONDS = 0.1
"""Polls begin at multiples of this, by the event loop's clock."""

MOST_SPREAD_SECONDS = 15.0
"""Over how much of an interval the first polls of waits that start together are spread, at most."""

_GOLDEN = 0.618_033_988_75
"""Its multiples, without their whole part, lie evenly between 0 and 1, however many there are."""

_ROUNDING = 1e-6

_NOBODYS = Context()
"""In which polls begin: not that of the wait whose wish has set the timer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What one poll brought, and when.

    ``due`` is when the poll was due, by the event loop's clock; ``chance`` is that of :func:`watching.step`,
    one for all, so that those who share a silence look into it together; ``remarks`` are for the log.
    """

    observation: Observation
    due: float
    at: datetime
    chance: float
    remarks: tuple[str, ...]

    @property
    def dated(self) -> Observation:
        """The observation; a record may have been read from an earlier response that was the same."""
        seen = self.observation
        if not isinstance(seen, UpgradeProgress) or seen.observed_at == self.at:
            return seen
        return replace(seen, observed_at=self.at)


@dataclass(slots=True, eq=False)
class Wish:
    """
    What a wait wishes to know next. Moments are the event loop's, in seconds.

    It is asked for at its interval, ``every``, after the poll before, and ``by`` a moment at the latest. No
    answer counts that was asked for before ``not_before``. Until ``quiet_until`` those that bring nothing new
    to what is ``known`` are only counted, as ``quiet``, and become what is known.
    """

    not_before: float
    by: float
    every: float = inf
    quiet_until: float = -inf
    known: Answer | None = None
    quiet: int = 0
    met: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class SharedPolls(Shared):
    """The polls for one upgrade, as often as those who wait for it wish."""

    __slots__ = ("_hook", "_known", "_last", "_phase", "_poll", "_read_last", "_timer", "_what", "_wishes")

    def __init__(self, connection: str, kind: str, name: str) -> None:
        super().__init__()
        self._hook = ServiceFabricHook(connection)
        self._hook.remarks = []
        self._what = kind, name
        self._phase = _GOLDEN * (len(all_shared()) - 1) % 1.0
        self._wishes: list[Wish] = []
        self._last: Answer | None = None
        self._read_last: tuple[bytes, str | None] | None = None
        """Digest and sender of the response that the last record was read from."""
        self._timer: asyncio.TimerHandle | None = None
        self._poll: asyncio.Task[None] | None = None

    def first_wish(self, pause: float, every: float) -> Wish:
        """
        Wish for an answer that is asked for after a pause at the earliest.

        The first polls of upgrades are spread over an interval; who joins later takes the next poll.
        """
        earliest = asyncio.get_running_loop().time() + max(0.0, pause)
        phase = self._phase if self._last is None else 1.0
        return Wish(earliest, by=earliest + phase * min(every, MOST_SPREAD_SECONDS), every=every)

    async def next(self, wish: Wish) -> Answer:
        """
        Return the answer that meets a wish.

        :raises Exception: whatever is no error of Service Fabric's, such as a fault of ours
        """
        self._wishes.append(wish)
        self._plan(wish)
        return await wish.met

    async def close(self) -> None:
        """End what is under way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait([self._poll])

    def _plan(self, *wishes: Wish) -> None:
        """Set the timer, if it is not set for an earlier moment and no poll is under way."""
        if self._poll is not None or not wishes:
            return
        due = min(map(self._due, wishes))
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(due, self._begin, due, context=_NOBODYS)

    def _due(self, wish: Wish, now: float | None = None) -> float:
        """Return at which beat a wish wants a poll: in step with the one before, however late that was."""
        moment = wish.by
        if self._last is not None and wish.every < inf:
            passed = (asyncio.get_running_loop().time() if now is None else now) - self._last.due
            intervals = max(1, ceil(passed / wish.every - _ROUNDING)) if wish.every else 1
            moment = min(moment, self._last.due + intervals * wish.every)
        return _beat(max(moment, wish.not_before))

    def _begin(self, due: float) -> None:
        """Poll, if somebody still wants it by now."""
        self._timer = None
        self._wishes = self._waiting()
        if any(self._due(wish, due) <= due for wish in self._wishes):
            self._poll = asyncio.get_running_loop().create_task(self._look(due))
        else:
            self._plan(*self._wishes)

    async def _look(self, due: float) -> None:
        kind, name = self._what
        try:
            observation: Observation = await self._hook.aread_upgrade_progress(name, kind, self._read)
        except ServiceFabricError as error:
            observation = copy(error)  # without its traceback, which would keep all that it has passed
        except Exception as error:  # noqa: BLE001 - a fault of ours: each wait ends with its traceback
            self._poll = None
            for wish in self._waiting():
                wish.met.set_exception(error)
            self._wishes = []
            return
        self._poll = None
        remarks, self._hook.remarks = tuple(self._hook.remarks or ()), []
        self._tell(Answer(observation, due, self._heard_at(observation), random(), remarks))  # noqa: S311 - no secret

    def _heard_at(self, observation: Observation) -> datetime:
        """Return when the cluster said that, which a record knows that has just been read."""
        is_new = self._last is None or observation is not self._last.observation
        read_at = observation.observed_at if is_new and isinstance(observation, UpgradeProgress) else None
        return read_at or datetime.now(timezone.utc)

    def _read(self, cluster: Cluster, response: Response) -> UpgradeProgress:
        """Read a response. One that is the same as the one before, byte for byte, is the same record."""
        said = hashlib.blake2b(response.body, digest_size=16).digest(), response.endpoint
        last = self._last and self._last.observation
        if response.status == OK and said == self._read_last and isinstance(last, UpgradeProgress):
            return last
        record = replace(progress_in(*self._what, cluster, response), raw=None)
        self._read_last = said
        return record

    def _tell(self, answer: Answer) -> None:
        """Meet the wishes that an answer meets, and plan the next poll for the others."""
        before, self._last = self._last, answer
        is_quiet = before is not None and _brings_nothing(before, answer)
        now = asyncio.get_running_loop().time()

        kept = []
        for wish in self._waiting():
            if answer.due < _beat(wish.not_before):
                kept.append(wish)
            elif is_quiet and wish.known is before and now < wish.quiet_until:
                wish.known, wish.quiet = answer, wish.quiet + 1
                kept.append(wish)
            else:
                wish.met.set_result(answer)
        self._wishes = kept
        self._plan(*kept)

    def _waiting(self) -> list[Wish]:
        """Return the wishes of those who still wait; who is cancelled says nothing."""
        return [wish for wish in self._wishes if not wish.met.done()]


def shared_polls(connection: str, kind: str, name: str) -> SharedPolls:
    """Return the polls of an upgrade that all waits of this event loop share, to be entered at once."""
    return shared((SharedPolls, connection, kind, name), partial(SharedPolls, connection, kind, name))


def _brings_nothing(before: Answer, answer: Answer) -> bool:
    """Tell whether both are records that say the same."""
    old, new = before.observation, answer.observation
    if answer.remarks or not (isinstance(old, UpgradeProgress) and isinstance(new, UpgradeProgress)):
        return False
    return new is old or new.says_the_same_as(old)


def _beat(moment: float) -> float:
    """Return the first beat at or after a moment, but for errors of rounding."""
    return ceil(moment / TICK_SECONDS - _ROUNDING) * TICK_SECONDS
