"""A stand-in for Airflow's triggerer: real shared streams, an asset state store, and events that a test stores."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.triggers.upgrade_end import ServiceFabricUpgradeEndTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHOP = "fabric:/idle-shop/web"


class AssetStore:
    """Airflow's asset state store of one asset: JSON values that survive a triggerer."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.errors: list[Exception] = []
        """The errors of the next calls."""
        self.lost_answers = 0
        """How many of the next calls get no answer."""

    async def aget(self, key: str) -> Any:
        await self._fail()
        return json.loads(json.dumps(self.values.get(key)))

    async def aset(self, key: str, value: Any) -> None:
        await self._fail()
        self.values[key] = json.loads(json.dumps(value, allow_nan=False))

    async def _fail(self) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            await asyncio.get_running_loop().create_future()
        if self.errors:
            raise self.errors.pop(0)

    @property
    def value(self) -> Any:
        (found,) = self.values.values()
        return found


def watch_of(
    name: str = SHOP, *, store: AssetStore | None = None, row: int = 1, **keywords: Any
) -> ServiceFabricUpgradeEndTrigger:
    """Return a trigger as the triggerer creates it: from keywords that have been JSON."""
    keywords = {"poke_interval": 0.01, **keywords}
    _, stored = ServiceFabricUpgradeEndTrigger(name=name, **keywords).serialize()
    trigger = ServiceFabricUpgradeEndTrigger(**json.loads(json.dumps(stored, allow_nan=False)))
    assert trigger.serialize()[1] == stored
    trigger.trigger_id = row
    trigger.asset_state_store = store  # type: ignore[assignment]
    trigger._log = logging.getLogger("trigger")  # type: ignore[assignment]  # where pytest can see it
    return trigger


class Triggerer:
    """Runs watches as Airflow 3.3 does. ``sent`` has the payloads of their events, by row."""

    def __init__(self, *, stores_events: bool = True) -> None:
        from airflow.triggers.shared_stream import SharedStreamManager  # noqa: PLC0415 - not before Airflow 3.3

        self.streams = SharedStreamManager()
        self.stores_events = stores_events
        self.sent: list[tuple[int, dict[str, Any]]] = []

    @asynccontextmanager
    async def running(self, *triggers: ServiceFabricUpgradeEndTrigger) -> AsyncIterator[None]:
        """Run the watches; at the end the triggerer dies."""
        tasks = [asyncio.create_task(self._run(trigger)) for trigger in triggers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def outcomes(self, row: int = 1) -> list[str]:
        return [payload["outcome"] for sender, payload in self.sent if sender == row]

    async def _run(self, trigger: ServiceFabricUpgradeEndTrigger) -> None:
        row, key = int(trigger.trigger_id), trigger.shared_stream_key()  # type: ignore[arg-type]
        stream = self.streams.subscribe(trigger_id=row, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                number = self.streams.bind_pending_event(trigger_id=row, key=key)
                self.sent.append((row, json.loads(json.dumps(event.payload, allow_nan=False))))
                if self.stores_events and number is not None:
                    self.streams.confirm_persisted([number])
        finally:
            await self.streams.unsubscribe(row, key)
