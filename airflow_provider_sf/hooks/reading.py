"""Read responses: on the event loop if they are small, else in a thread."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.rest.bodies import is_small
from airflow_provider_sf.rest.errors import with_advice
from airflow_provider_sf.rest.protocol import TIMED_OUT
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import get_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Response

_Read = TypeVar("_Read")


def read_answer(kind: str, cluster: Cluster, response: Response) -> dict[str, Any]:
    """
    Return the JSON object in the response to a kind's progress call.

    :raises ServiceFabricError: see ``Cluster.read``; a cluster that does not support a call may time out
    """
    try:
        return cluster.read(response)
    except Unreachable as error:
        note = get_kind(kind).call_note
        if error.code != TIMED_OUT or not note:
            raise
        raise with_advice(error, note) from error


def read_progress(kind: str, name: str, cluster: Cluster, response: Response) -> UpgradeProgress:
    """Return the record in the response to a kind's progress call."""
    answer, now = read_answer(kind, cluster, response), datetime.now(timezone.utc)
    return UpgradeProgress.from_answer(kind, name, answer, observed_at=now, endpoint=response.endpoint)


async def aread_progress(kind: str, name: str, cluster: Cluster, response: Response) -> UpgradeProgress:
    """Like :func:`read_progress`, without blocking the event loop."""
    return await off_loop_if_large(response, partial(read_progress, kind, name, cluster, response))


async def off_loop_if_large(response: Response, read: Callable[[], _Read]) -> _Read:
    """Call a function that reads a response; in a thread if the response is large."""
    if is_small(response.body):
        return read()
    return await asyncio.to_thread(read)
