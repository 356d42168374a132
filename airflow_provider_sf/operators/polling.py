"""The base of operators that change a cluster and poll until that is done. Not for DAG files."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    check_poke_interval,
    check_request_timeout,
    is_rendered_later,
    naming_task,
    read_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sf.rest import Rejected

_Read = TypeVar("_Read")

POKE_INTERVAL = timedelta(seconds=10)
TIMEOUT = timedelta(minutes=30)


class PollingOperator(BaseOperator):
    """
    An operator that sends a change which may be repeated, and polls until it is done.

    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin; templated
    :param poke_interval: the time between polls; 10 seconds
    :param timeout: the task fails after this time, and a retry waits again; 30 minutes
    :param unreachable_timeout: reads are retried for this time while the cluster is unreachable; 5 minutes
    :param request_timeout: how long the cluster may take for the request; 5 minutes, at most 10

    Durations are seconds or a timedelta.
    """

    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    @naming_task
    def __init__(
        self,
        *,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        poke_interval: timedelta | float = POKE_INTERVAL,
        timeout: timedelta | float = TIMEOUT,
        unreachable_timeout: timedelta | float = timedelta(seconds=defaults.UNREACHABLE_TIMEOUT_SECONDS),
        request_timeout: timedelta | float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service_fabric_conn_id = service_fabric_conn_id
        self.poke_interval = read_seconds("poke_interval", poke_interval)
        self.timeout = read_seconds("timeout", timeout)
        self.unreachable_timeout = read_seconds("unreachable_timeout", unreachable_timeout)
        self.request_timeout = check_request_timeout(read_seconds("request_timeout", request_timeout))
        check_poke_interval(self.poke_interval, None, deferrable=True)

    def polls(self) -> Iterator[None]:
        """Yield at once, then after each pause, until the timeout."""
        end = time.monotonic() + self.timeout
        yield
        while time.monotonic() + self.poke_interval <= end:
            time.sleep(self.poke_interval)
            yield

    def is_about_credentials(self, error: Rejected) -> bool:
        """Whether a refusal is about the connection, so that a retry may help after its correction."""
        from airflow_provider_sf.rest.protocol import AUTH_FAILURES  # noqa: PLC0415 - keeps DAG parsing fast

        return error.status is None or error.status in AUTH_FAILURES

    def read(self, read: Callable[[], _Read]) -> _Read:
        """Read the cluster, again and again while it is unreachable."""
        from airflow_provider_sf.operators.retrying import read_with_retries  # noqa: PLC0415 - keeps DAG parsing fast

        return read_with_retries(read, self.unreachable_timeout, self.log)


def value_or_example(value: Any, example: str) -> Any:
    """Return a value to check at parse time: an example in place of one that Airflow renders later."""
    return example if is_rendered_later(value) else value
