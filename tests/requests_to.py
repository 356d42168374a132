"""Read the version of a cluster with each of the two transports: one contract for both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, request_for

if TYPE_CHECKING:
    from airflow_provider_sf.cluster import Cluster

PING = request_for(CLUSTER_VERSION)


def send(cluster: Cluster) -> dict[str, Any]:
    return cluster.read(cluster.send(PING))


def asend(cluster: Cluster) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        return cluster.read(await cluster.asend(PING))

    return asyncio.run(read())
