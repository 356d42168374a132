"""One cluster over the network: client, gateway failover, two transports. The only network I/O."""

from __future__ import annotations

from airflow_provider_sf.cluster.client import Cluster

__all__ = ["Cluster"]
