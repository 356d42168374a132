"""A stand-in for the channel to Airflow's supervisor, and for the task instance of a trigger."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.wait.state import xcom_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.wait.state import WaitState

WHERE = {"dag_id": "release", "task_id": "wait", "run_id": "manual", "map_index": 3}
TI = SimpleNamespace(**WHERE)


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until a condition is true."""
    while not condition():  # noqa: ASYNC110 - whatever makes it true sets no event
        await asyncio.sleep(0.001)


class Supervisor:
    """Answers like Airflow's supervisor, pushes while ``may_store`` is set, reads while ``may_read`` is."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.pushes: list[str] = []
        self.reads = 0
        self.failing_reads = 0
        """How many reads fail at first."""
        self.error: Exception | None = None
        self.may_store = asyncio.Event()
        self.may_store.set()
        self.may_read = asyncio.Event()
        self.may_read.set()

    def store(self, state: WaitState, message: str | None = None, *, name: str = "shop") -> None:
        """Push a state as another process does."""
        values = xcom_values("application_resource", name, state, message)
        self.xcoms |= json.loads(json.dumps(values))

    async def asend(self, message: Any) -> Any:
        """A message counts as soon as it is sent: a cancellation of the sender does not stop it."""
        where = {key: getattr(message, key) for key in WHERE}
        assert where == WHERE
        if type(message).__name__ == "SetXCom":
            self.pushes.append(message.key)
            self.xcoms[message.key] = json.loads(json.dumps(message.value))
            await self.may_store.wait()
            return None
        from airflow.sdk.execution_time.comms import XComResult  # noqa: PLC0415 - only Airflow 3 has it

        self.reads += 1
        if self.error:
            raise self.error
        if self.reads <= self.failing_reads:
            msg = "no answer"
            raise RuntimeError(msg)
        await self.may_read.wait()
        return XComResult(key=message.key, value=self.xcoms.get(message.key))

    @property
    def wait(self) -> dict[str, Any]:
        stored: dict[str, Any] = self.xcoms["upgrade_wait"]
        return stored
