"""
One poll per upgrade for all waits of an event loop.

    trigger -> Poller.next_result -> PollQueue.schedule -> (tick) -> Poller.poll -> hook -> cluster

A wait subscribes to its next result. The poll that comes first serves all subscriptions of the upgrade.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from hashlib import blake2b
from math import ceil, inf
from random import random
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import (
    MAX_CONCURRENT_REQUESTS,
    LoopResource,
    loop_resource,
    loop_time,
)
from airflow_provider_sf.hooks.reading import aread_progress
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import ServiceFabricError, Unreachable

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Response
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.state_machine import Observation

MAX_SPREAD_SECONDS = 15.0
"""The first polls of waits that start together are spread over one interval, but not over more than this."""

TICK_SECONDS = 0.1
"""Polls start at multiples of this time. A poll that runs together with others costs a third less."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class PollResult:
    """
    The result of one poll, which came ``at`` this time.

    A response with the same bytes as the previous one gives the same record object again. ``jitter`` is for
    :func:`wait.state_machine.step`: all waits use the same, so they retry together and share the polls in an
    outage. ``warnings`` are for the task log.
    """

    observation: Observation
    at: datetime
    jitter: float = field(default_factory=random)
    warnings: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Subscription:
    """
    When a wait needs its next result, in seconds of the event loop's clock.

    The poll is one ``interval`` after the previous poll, but not later than ``latest``. A poll that was sent
    before ``earliest`` does not count.
    """

    earliest: float
    latest: float
    interval: float = inf
    result: asyncio.Future[PollResult] = field(init=False)


class PollQueue(LoopResource):
    """
    The polls of one connection. At most eight run at the same time, in the order in which they became due.

    Polls start at ticks, so that one timer is enough. The workers are tasks that end when nothing is due. A
    poll that waits is only an entry of a list: with a timer for each, Python's garbage collector ran 370
    times a minute instead of 24 (ten thousand waits, 1000 polls a second).

    Polls run in an empty :class:`contextvars.Context`. The triggerer writes a log line to the task log of the
    current context, and a poll belongs to no single task.
    """

    def __init__(self, connection: str) -> None:
        super().__init__()
        self.warnings: list[str] = []
        self.hook = ServiceFabricHook(connection, warn=self.warnings.append)
        self._context = Context()
        self._planned: dict[int, list[Poller]] = {}
        """The pollers of each tick."""
        self._timer: asyncio.TimerHandle | None = None
        self._due: deque[Poller] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._outage: Unreachable | None = None
        self._outage_sent_at = self._answered_at = -inf

    def schedule(self, poller: Poller, tick: int) -> None:
        """Let a poller poll at a tick, or as soon as possible if the tick has passed."""
        self._planned.setdefault(tick, []).append(poller)
        self._set_timer(tick)

    def note(self, sent_at: float, error: ServiceFabricError | None) -> None:
        """Remember an outage: the poll sent at this time got no response, and no other poll got one since."""
        if not isinstance(error, Unreachable) or error.status is not None:
            self._answered_at = loop_time()
        elif self._answered_at < sent_at:
            self._outage, self._outage_sent_at = error, sent_at

    def outage_since(self, due_at: float) -> Unreachable | None:
        """Return the outage that another poll found, if that was sent after this one was due."""
        return self._outage if due_at <= self._outage_sent_at else None

    async def close(self) -> None:
        """Cancel the timer and the running polls."""
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()
        while self._workers:
            for worker in self._workers:
                worker.cancel()
            await asyncio.wait(self._workers, timeout=1.0)  # before Python 3.11 a cancellation can be lost

    def _set_timer(self, tick: int) -> None:
        moment = tick * TICK_SECONDS
        if self._timer is not None:
            if self._timer.when() <= moment:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(moment, self._on_timer, context=self._context)

    def _on_timer(self) -> None:
        self._timer, now = None, loop_time() / TICK_SECONDS + _ROUNDING
        for tick in sorted(tick for tick in self._planned if tick <= now):
            self._due.extend(poller for poller in self._planned.pop(tick) if poller.on_tick(tick))
        self._start_workers()
        if self._planned:
            self._set_timer(min(self._planned))

    def _start_workers(self) -> None:
        for _ in range(min(len(self._due), MAX_CONCURRENT_REQUESTS - len(self._workers))):
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._remove_worker)

    def _remove_worker(self, worker: asyncio.Task[None]) -> None:
        self._workers.remove(worker)
        self._start_workers()

    async def _work(self) -> None:
        while self._due:
            await self._due.popleft().poll()


class Poller(LoopResource):
    """Polls one upgrade for all waits that subscribe to it."""

    __slots__ = ("_digest", "_due", "_is_polling", "_queue", "_record", "_subscriptions", "_tick", "_upgrade")

    def __init__(self, queue: PollQueue, kind: str, name: str) -> None:
        super().__init__()
        self._queue = queue
        self._upgrade = kind, name
        self._subscriptions: list[Subscription] = []
        self._tick: int | None = None
        """The tick of the next poll, if it is planned."""
        self._due = -inf
        """When the latest poll was due. It may have been sent later."""
        self._is_polling = False
        """Whether a poll is in the queue or running."""
        self._record: UpgradeProgress | None = None
        self._digest: tuple[bytes, str | None] | None = None
        """The digest and the sender of the response that holds the record."""

    def first_subscription(self, pause: float, interval: float, *, is_spread: bool = True) -> Subscription:
        """
        Return a subscription that starts after a pause; it uses a poll that is planned already.

        ``is_spread`` is for waits that may start together with many others.
        """
        earliest, spread = loop_time() + max(0.0, pause), min(interval, MAX_SPREAD_SECONDS)
        if self._due == -inf and not self._subscriptions:
            spread *= random() if is_spread else 0.0  # noqa: S311 - no secret
        return Subscription(earliest, earliest + spread, interval)

    async def next_result(self, subscription: Subscription) -> PollResult:
        """
        Wait for the result that a subscription needs.

        :raises Exception: a bug, or an error of Airflow's secrets backend
        """
        subscription.result = asyncio.get_running_loop().create_future()
        self._subscriptions.append(subscription)
        self._schedule(subscription)
        return await subscription.result

    def on_tick(self, tick: int) -> bool:
        """Return whether a poll is planned for this tick and a wait still needs it."""
        if tick != self._tick:
            return False
        self._tick, due = None, tick * TICK_SECONDS
        if any(subscription.earliest <= due for subscription in self._open_subscriptions()):
            self._due, self._is_polling = due, True
        else:
            self._schedule(*self._subscriptions)
        return self._is_polling

    async def poll(self) -> None:
        """Poll once, unless an outage is known, and publish the result."""
        sent_at, (kind, name), queue = loop_time(), self._upgrade, self._queue
        try:
            observation: Observation | None = queue.outage_since(self._due)
            if observation is None and self._open_subscriptions():
                observation = await self._read(*await queue.hook.aget_progress_response(name, kind=kind))
                queue.note(sent_at, None)
            if observation is not None:
                self._publish(observation, sent_at)
        except ServiceFabricError as error:
            observation = copy(error)  # without the traceback, which would keep all frames alive
            queue.note(sent_at, observation)
            self._publish(observation, sent_at)
        except Exception as error:  # noqa: BLE001 - a bug: every wait fails with its traceback
            for subscription in self._open_subscriptions():
                subscription.result.set_exception(error)
        finally:
            self._is_polling = False
            self._schedule(*self._open_subscriptions())

    async def close(self) -> None:
        """Poll no more."""
        self._tick = None

    def _schedule(self, *subscriptions: Subscription) -> None:
        """Plan the poll that these subscriptions need, unless an earlier poll is planned or running."""
        if self._is_polling or not subscriptions:
            return
        tick = ceil(min(map(self._due_for, subscriptions)) / TICK_SECONDS - _ROUNDING)
        if self._tick is None or tick < self._tick:
            self._tick = tick
            self._queue.schedule(self, tick)

    def _due_for(self, subscription: Subscription) -> float:
        """Return when a subscription needs a poll."""
        due = subscription.latest
        if self._due > -inf and subscription.interval < inf:
            due = min(due, next_in_schedule(self._due, subscription.interval, loop_time()))
        return max(due, subscription.earliest)

    async def _read(self, cluster: Cluster, response: Response) -> UpgradeProgress:
        """Read a response. The same bytes are the same record."""
        digest = blake2b(response.body, digest_size=16).digest(), response.endpoint
        if self._record is None or digest != self._digest:
            self._record = replace(await aread_progress(*self._upgrade, cluster, response), raw=None)
            self._digest = digest
        return self._record

    def _publish(self, observation: Observation, sent_at: float) -> None:
        """Complete the subscriptions that this result serves."""
        warnings = tuple(self._queue.warnings)
        del self._queue.warnings[: len(warnings)]  # a thread that loads the connection may add more
        result = PollResult(observation, datetime.now(timezone.utc), warnings=warnings)
        for subscription in self._open_subscriptions():
            if subscription.earliest <= max(sent_at, self._due):
                subscription.result.set_result(result)

    def _open_subscriptions(self) -> list[Subscription]:
        """Drop the subscriptions that are served or cancelled, and return the others."""
        self._subscriptions = [entry for entry in self._subscriptions if not entry.result.done()]
        return self._subscriptions


def poll_queue(connection: str) -> PollQueue:
    """Return the running event loop's polls of a connection. Enter it at once."""
    return loop_resource((PollQueue, connection), lambda: PollQueue(connection))


def poller_for(queue: PollQueue, kind: str, name: str) -> Poller:
    """Return the running event loop's poller of an upgrade. Enter it at once."""
    return loop_resource((Poller, queue.key, kind, name), lambda: Poller(queue, kind, name))


def next_in_schedule(due: float, interval: float, now: float) -> float:
    """Return the first time after now that is a whole number of intervals after a poll was due."""
    interval = max(interval, TICK_SECONDS)
    return due + ((now - due) // interval + 1) * interval
