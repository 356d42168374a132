"""Reads are repeated while the cluster is unreachable, for as long as the task says."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_sf.operators.retrying import read_with_retries
from airflow_provider_sf.rest import Unreachable

LOG = logging.getLogger("operator")


@pytest.mark.parametrize(("unreachable_timeout", "reads"), [(0.0, 1), (0.05, 2)])
def test_long_retry_after_does_not_end_the_retries(unreachable_timeout: float, reads: int) -> None:
    """The last read comes when the time is over."""
    calls = 0

    def read() -> None:
        nonlocal calls
        calls += 1
        msg = "busy"
        raise Unreachable(msg, retry_after=86_400.0)

    with pytest.raises(Unreachable, match="busy"):
        read_with_retries(read, unreachable_timeout, LOG)
    assert calls == reads
