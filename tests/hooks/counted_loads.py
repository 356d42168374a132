"""A hook that counts how often it loads its connection."""

from __future__ import annotations

import logging
from typing import Any

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook


class Hook(ServiceFabricHook):
    """Logs where pytest can see it, and counts the connection loads of all hooks; a test starts with 0."""

    log = logging.getLogger("hook")  # type: ignore[assignment]
    loads = 0

    def get_conn(self) -> Any:
        Hook.loads += 1
        return super().get_conn()
