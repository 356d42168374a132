"""The polls for watches of one upgrade. A change is read twice before a watch sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import loop_time
from airflow_provider_sf.hooks.cluster_cache import cached_cluster
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.triggers.poller import Subscription, poll_queue, poller_for
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait import defaults, state_machine
from airflow_provider_sf.wait.watch import key_facts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from airflow_provider_sf.triggers.poller import PollResult


@dataclass(slots=True, eq=False)
class Poll:
    """The result of a poll, which all watches of the upgrade get."""

    result: PollResult
    when_stored: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Called when Airflow has stored the events that the watches have made of this poll."""


async def polls_of(connection: str, kind: str, name: str, interval: float) -> AsyncGenerator[Poll, None]:
    """
    Poll an upgrade for ever; waits for the same upgrade share the requests.

    One wrong answer of a cluster must not start a DAG. So an answer that changes what an end depends on is
    left out, and read again 2 s later.
    """
    async with (
        cached_cluster(connection),
        poll_queue(connection) as queue,
        poller_for(queue, kind, name) as poller,
    ):
        subscription, seen = poller.first_subscription(0.0, interval), None
        warnings: tuple[str, ...] = ()
        while True:
            result = await poller.next_result(subscription)
            record, warnings = result.observation, (*warnings, *result.warnings)
            if isinstance(record, UpgradeProgress) and key_facts(record) != seen:
                seen, due = key_facts(record), loop_time() + state_machine.CONFIRM_AFTER_SECONDS
                subscription = Subscription(due, due)
                continue
            yield Poll(replace(result, warnings=warnings))
            subscription, warnings = _next_subscription(result, interval), ()


def _next_subscription(result: PollResult, interval: float) -> Subscription:
    now, error = loop_time(), result.observation
    if isinstance(error, UpgradeProgress):
        return Subscription(now, now + interval, interval)
    retry_after = (error.retry_after or 0.0) if isinstance(error, Unreachable) else 0.0
    return Subscription(now, now + max(interval, min(retry_after, defaults.UNREACHABLE_TIMEOUT_SECONDS)))
