"""An XCom that Airflow fails to store once."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_sf.sensors.service_fabric import UpgradeFailed
from airflow_provider_sf.xcoms import push_xcom
from tests.sensors.running import sensor

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s"),
    pytest.mark.usefixtures("push_again_at_once"),
]


class Conflict(Exception):
    """The answer of Airflow's API server."""


@pytest.fixture
def push_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is replaced, because tests need not wait."""
    monkeypatch.setattr("airflow_provider_sf.xcoms.PUSH_AGAIN_SECONDS", 0.0)


def refuse(ti: Any, key: str, times: int) -> None:
    """Let Airflow refuse the first pushes of an XCom."""
    push, refused_key = ti.xcom_push, key
    refused: list[Any] = []

    def xcom_push(key: str, value: Any) -> None:
        if key == refused_key and len(refused) < times:
            refused.append(value)
            msg = "Unique constraint violation"
            raise Conflict(msg)
        push(key=key, value=value)

    ti.xcom_push = xcom_push


def test_refused_xcom_is_pushed_again(ti: Any, caplog: pytest.LogCaptureFixture) -> None:
    refuse(ti, "state", times=1)
    context: Any = {"ti": ti}
    with caplog.at_level(logging.WARNING):
        push_xcom(context, "state", {"a": 1})
    assert ti.xcoms == {"state": {"a": 1}}
    (line,) = caplog.messages
    assert line == (
        "Airflow did not store the XCom state; it is pushed again: Conflict('Unique constraint violation')"
    )


def test_second_refusal_is_raised(ti: Any) -> None:
    refuse(ti, "state", times=2)
    context: Any = {"ti": ti}
    with pytest.raises(Conflict):
        push_xcom(context, "state", 1)


@pytest.mark.usefixtures("simulator", "short_pauses")
@pytest.mark.parametrize(("name", "error"), [("good-shop", Conflict), ("rolled_back-shop", UpgradeFailed)])
def test_wait_without_xcoms_is_never_green(
    name: str, error: type[Exception], ti: Any, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the reason of the failed upgrade, and the Summary of both."""
    clock.step = 100.0
    refuse(ti, "upgrade_progress", times=1_000)
    context: Any = {"ti": ti}
    with caplog.at_level(logging.INFO), pytest.raises(error) as raised:
        sensor(name).execute(context)
    assert "Waited" in caplog.text
    if error is UpgradeFailed:
        assert "Rolled back" in str(raised.value)
        assert isinstance(raised.value.__cause__, Conflict)
