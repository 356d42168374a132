"""
One poll per upgrade, for all waits of an event loop that are for the same.

Each wait says what it wishes to know next; the poll that comes first serves all whose wish it meets. Polls
run in a context of their own and never log: the triggerer tells by the context whose a log line is, and a
poll is nobody's. What brings nothing new leaves nothing behind for the garbage collector.
"""

from __future__ import annotations

import asyncio
import hashlib
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from math import inf
from random import random
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import Shared, all_shared, loop_time, shared
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook, read_progress
from airflow_provider_sf.rest import ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import OK, request_for
from airflow_provider_sf.triggers.beat import beat, latest_by, number_at
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import get_kind

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.cluster.per_loop import Line
    from airflow_provider_sf.hooks.cluster_cache import CachedCluster
    from airflow_provider_sf.rest.protocol import Request, Response
    from airflow_provider_sf.wait.state_machine import Observation

MOST_SPREAD_SECONDS = 15.0
"""Over how much of an interval the first polls of waits that start together are spread, at most."""

_GOLDEN = 0.618_033_988_75
"""Its multiples, without their whole part, lie evenly between 0 and 1, however many there are."""


@dataclass(slots=True, eq=False)
class Answer:
    """
    What polls have brought, and when the last of them was.

    ``due`` is its beat; ``chance`` is that of :func:`watching.step`, one for all, so that those who share a
    silence look into it together; ``remarks`` are for the log. If a poll brings the same, byte for byte, no
    other answer is made: this one changes ``due``, ``at`` and ``remarks``.
    """

    observation: Observation
    due: int
    at: datetime
    chance: float = field(default_factory=random)
    remarks: tuple[str, ...] = ()

    @property
    def dated(self) -> Observation:
        """The observation; if it is a record, as of the last poll."""
        seen = self.observation
        if not isinstance(seen, UpgradeProgress) or seen.observed_at == self.at:
            return seen
        return replace(seen, observed_at=self.at)


@dataclass(slots=True, eq=False)
class Wish:
    """
    What a wait wishes to know next. Moments are the event loop's, in seconds.

    It is asked for at its interval, ``every``, after the poll before, and ``by`` a moment at the latest; what
    was asked for then is told in any case. No answer counts that was asked for before ``not_before``. Until
    ``quiet_until``, a time of day, those that bring nothing new to what is ``known`` are only counted: so
    many are ``quiet``, the last was ``quiet_at``.
    """

    not_before: float
    by: float
    every: float = inf
    quiet_until: datetime | None = None
    known: Answer | None = None
    quiet: int = 0
    quiet_at: datetime | None = None
    met: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def quietly(self) -> UpgradeProgress | None:
        """What the quiet polls have brought, all of them; None if there were none."""
        known = self.known and self.known.observation
        if self.quiet_at is None or not isinstance(known, UpgradeProgress):
            return None
        return replace(known, observed_at=self.quiet_at)


class Poller(Shared):
    """The polls for one upgrade, as often as those who wait for it wish."""

    __slots__ = (
        "_asked",
        "_at_beat",
        "_at_turn",
        "_beat",
        "_due",
        "_hook",
        "_is_polling",
        "_last",
        "_line",
        "_phase",
        "_poll",
        "_read_last",
        "_sent",
        "_what",
        "_wishes",
    )

    def __init__(self, connection: str, kind: str, name: str, line: Line) -> None:
        super().__init__()
        self._line = line
        self._hook = ServiceFabricHook(connection)
        self._hook.remarks = []
        self._what = kind, name
        self._phase = _GOLDEN * (len(all_shared()) - 1) % 1.0
        self._wishes: list[Wish] = []
        self._last: Answer | None = None
        self._asked: tuple[Cluster, Request] | None = None
        self._read_last: tuple[bytes, str | None] | None = None
        """Digest and sender of the response that the last record was read from."""
        self._due: int | None = None
        """The beat of the next poll, once it is planned."""
        self._at_beat, self._at_turn = self._begin, self._poll_now
        """One and the same for all beats, and for all turns in line."""
        self._beat = 0
        """That of the poll that is under way, or stands in line."""
        self._sent = 0
        """The latest beat when a poll was sent last; one that stood in line is sent later than it is due."""
        self._is_polling = False
        """Whether a poll is under way, or stands in line."""
        self._poll: asyncio.Task[None] | None = None

    def first_wish(self, pause: float, every: float) -> Wish:
        """
        Wish for an answer that is asked for after a pause at the earliest.

        The first polls of upgrades are spread over an interval; who joins later takes the next poll.
        """
        earliest = loop_time() + max(0.0, pause)
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
        if self._due is not None:
            beat().take_back(self._due, self._at_beat)
        del self._at_beat, self._at_turn  # they hold this, and this holds them
        while self._poll is not None:
            self._poll.cancel()
            await asyncio.wait([self._poll], timeout=1.0)  # before 3.11 a cancellation can be lost

    def _plan(self, *wishes: Wish) -> None:
        """Plan the next poll, if none is planned for an earlier beat or under way."""
        if self._is_polling or not wishes:
            return
        now = number_at(loop_time())
        due = min(self._beat_of(wish, now) for wish in wishes)
        if self._due is not None:
            if self._due <= due:
                return
            beat().take_back(self._due, self._at_beat)
        self._due = due
        beat().call(due, self._at_beat)

    def _beat_of(self, wish: Wish, now: int) -> int:
        """Return at which beat a wish wants a poll: in step with the one before, however late that was."""
        wanted = number_at(wish.by)
        if self._last is not None and wish.every < inf:
            every = max(1, number_at(wish.every))
            intervals = max(1, -((self._last.due - now) // every))  # rounded up
            wanted = min(wanted, self._last.due + intervals * every)
        return max(wanted, number_at(wish.not_before))

    def _begin(self, due: int) -> None:
        """Poll as soon as it is our turn, if somebody still wants it by now."""
        self._due = None
        if any(self._beat_of(wish, due) <= due for wish in self._waiting()):
            self._is_polling, self._beat = True, due
            self._line.join(self._at_turn)
        else:
            self._plan(*self._waiting())

    def _poll_now(self, silence: Exception | None) -> bool:
        """Poll, if somebody still waits and the cluster is not known to be silent; tell whether we do."""
        self._is_polling = silence is None and bool(self._waiting())
        if self._is_polling:
            self._sent = latest_by(loop_time())
            self._poll = asyncio.get_running_loop().create_task(self._look())
            self._poll.add_done_callback(self._leave)
        elif isinstance(silence, ServiceFabricError):
            self._tell(copy(silence))
        return self._is_polling

    def _leave(self, poll: asyncio.Task[None]) -> None:
        """Let another one poll."""
        self._poll = None
        if poll.cancelled():  # by close, or there are waits that still want it
            self._is_polling = False
            self._plan(*self._waiting())
        self._line.leave()

    async def _look(self) -> None:
        try:
            observation = await self._observe()
            self._is_polling = False
            self._tell(observation)
        except Exception as error:  # noqa: BLE001 - a fault of ours: each wait ends with its traceback
            self._is_polling = False
            for wish in self._waiting():
                wish.met.set_exception(error)

    async def _observe(self) -> Observation:
        began_at = loop_time()
        try:
            record = await self._hook.aread_upgrade_progress(self._what[0], self._ask, self._read)
        except ServiceFabricError as error:
            if isinstance(error, Unreachable) and error.status is None:
                self._line.has_none(error, began_at)
            else:
                self._line.has_answer()
            return copy(error)  # without its traceback, which would keep all that it has passed
        self._line.has_answer()
        return record

    def _ask(self, cluster: Cluster) -> Request:
        """Return the request; it is made once for a cluster."""
        if self._asked is None or self._asked[0] is not cluster:
            kind, name = self._what
            call, version = get_kind(kind).progress, cluster.api_version
            self._asked = cluster, request_for(call, name, api_version=version)
        return self._asked[1]

    def _read(self, cluster: Cluster, response: Response) -> UpgradeProgress:
        """Read a response. One that is the same as the one before, byte for byte, is the same record."""
        said = hashlib.blake2b(response.body, digest_size=16).digest(), response.endpoint
        last = self._last and self._last.observation
        if response.status == OK and said == self._read_last and isinstance(last, UpgradeProgress):
            return last
        record = replace(read_progress(*self._what, cluster, response), raw=None)
        self._read_last = said
        if isinstance(last, UpgradeProgress) and record.content == last.content:
            return last.with_clocks_of(record)
        return record

    def _tell(self, observation: Observation) -> None:
        """Meet the wishes that an observation meets, and plan the next poll for the others."""
        before, asked = self._last, max(self._beat, self._sent)
        is_quiet = before is not None and _brings_nothing(before.observation, observation)
        answer = self._answer(observation)
        is_quiet = is_quiet and not answer.remarks
        for wish in self._waiting():
            if asked < number_at(wish.not_before):
                continue
            is_early = asked < number_at(wish.by) and wish.quiet_until and answer.at < wish.quiet_until
            if is_quiet and wish.known is before and is_early:
                wish.known, wish.quiet, wish.quiet_at = answer, wish.quiet + 1, answer.at
            else:
                wish.met.set_result(answer)
        self._plan(*self._waiting())

    def _answer(self, observation: Observation) -> Answer:
        """Return the answer that an observation is; nothing is made for one that is the same as before."""
        remarks, self._hook.remarks = tuple(self._hook.remarks or ()), []
        at = observation.observed_at if isinstance(observation, UpgradeProgress) else None
        if self._last is None or observation is not self._last.observation:
            self._last = Answer(observation, self._beat, at or _now(), remarks=remarks)
        else:
            self._last.due, self._last.at, self._last.remarks = self._beat, _now(), remarks
        return self._last

    def _waiting(self) -> list[Wish]:
        """Keep the wishes that are neither met nor those of a cancelled wait, and return them."""
        self._wishes = [wish for wish in self._wishes if not wish.met.done()]
        return self._wishes


def shared_polls(cluster: CachedCluster, connection: str, kind: str, name: str) -> Poller:
    """Return the polls of an upgrade that all waits of this event loop share, to be entered at once."""
    make = partial(Poller, connection, kind, name, cluster.line)
    return shared((Poller, connection, kind, name), make)


def _brings_nothing(old: Observation, new: Observation) -> bool:
    """Tell whether both are records that say the same."""
    if not (isinstance(old, UpgradeProgress) and isinstance(new, UpgradeProgress)):
        return False
    return new is old or new.content == old.content


def _now() -> datetime:
    return datetime.now(timezone.utc)
