"""Ask a cluster for its version by each of the two transports: one contract, run over both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, request_for

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster

PING = request_for(CLUSTER_VERSION)


def send(to: Cluster) -> dict[str, Any]:
    return to.read(to.send(PING))


def asend(to: Cluster) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        return to.read(await to.asend(PING))

    return asyncio.run(ask())
