"""A trigger that does nothing: the minimum cost of a deferred task. A triggerer can import it."""

from __future__ import annotations

import asyncio
from random import random
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class NothingTrigger(BaseTrigger):
    """
    Wake up at an interval, and never fire.

    :param interval: seconds
    :param ballast: makes the row longer
    """

    def __init__(self, *, interval: float, ballast: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.interval = interval
        self.ballast = ballast

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that create this trigger again."""
        keywords = {"interval": self.interval, "ballast": self.ballast}
        return "benchmarks.nothing.NothingTrigger", keywords

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep again and again. The start is random: waking up together would cost less than waits do."""
        await asyncio.sleep(self.interval * random())  # noqa: S311 - no secret
        while self.interval:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(self.interval)
        yield TriggerEvent(None)
