"""Repeat what changes nothing while the cluster is unreachable. Not for DAG files."""

from __future__ import annotations

import time
from random import random
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sf.messages.formatting import format_duration
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.wait.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

_Read = TypeVar("_Read")


def read_with_retries(read: Callable[[], _Read], unreachable_timeout: float, log: Any) -> _Read:
    """
    Call a function that reads the cluster, again and again while the cluster is unreachable.

    :param unreachable_timeout: the last error is raised after this many seconds, also if ``retry_after`` is
        longer
    :raises ServiceFabricError: see the function
    """
    policy, tries = Policy(poke_interval=0.0, unreachable_timeout=unreachable_timeout), 0
    end = time.monotonic() + unreachable_timeout
    while True:
        try:
            return read()
        except Unreachable as error:  # noqa: PERF203 - it is the purpose of the loop
            tries += 1
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise
            if tries == 1:
                limit = format_duration(unreachable_timeout)
                log.warning(
                    "cluster unreachable; retrying for up to %s (unreachable_timeout): %s", limit, error
                )
            pause = max(policy.backoff(tries) * random(), error.retry_after or 0.0)  # noqa: S311 - not a secret
            time.sleep(min(pause, remaining))
