"""The trigger that does nothing: what any deferred wait costs at the least. A triggerer can import it."""

from __future__ import annotations

import asyncio
from random import random
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class NothingTrigger(BaseTrigger):
    """
    Wake up now and then, and never fire: what any deferred wait costs at the least.

    :param interval: seconds between two times
    :param ballast: makes its row longer
    """

    def __init__(self, *, interval: float, ballast: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.interval = interval
        self.ballast = ballast

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that make this trigger again."""
        keywords = {"interval": self.interval, "ballast": self.ballast}
        return "benchmarks.nothing.NothingTrigger", keywords

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep on, in a rhythm that is nobody else's: all at once would cost less than waits do."""
        await asyncio.sleep(self.interval * random())  # noqa: S311 - no secret
        while self.interval:  # noqa: ASYNC110 - it waits for nothing
            await asyncio.sleep(self.interval)
        yield TriggerEvent(None)
