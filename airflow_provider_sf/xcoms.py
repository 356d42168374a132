"""Push an XCom of a task."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

PUSH_AGAIN_SECONDS = 2.0
"""How long after an error an XCom is pushed again."""


def push_xcom(context: Context, key: str, value: Any) -> None:
    """
    Push an XCom, and once more if Airflow fails to store it.

    Airflow repeats a request if its API server answers late. The server can refuse the second one, because it
    has just stored the first (apache/airflow#69956). A task must not fail for that.

    :raises Exception: whatever Airflow raises if it fails to store the XCom again
    """
    ti: Any = context["ti"]
    try:
        ti.xcom_push(key=key, value=value)
    except Exception as error:  # noqa: BLE001 - versions of Airflow differ in what they raise
        log.warning("Airflow did not store the XCom %s; it is pushed again: %r", key, error)
        time.sleep(PUSH_AGAIN_SECONDS)
        ti.xcom_push(key=key, value=value)
