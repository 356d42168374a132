"""Exchanges made by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.recordings.exchanges import Exchange
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from airflow_provider_sf.rest.protocol import Call

AT = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def exchange(call: str | Call, answer: object = None, *, second: float = 0.0, **fields: Any) -> Exchange:
    """Return an exchange with an answer that is kept as it is; ``call`` is a call or a kind."""
    path = KINDS[call].progress.path if isinstance(call, str) else call.path
    values = {"status": 200, "answer": answer, **fields}
    return Exchange(at=AT + timedelta(seconds=second), call=path, **values)
