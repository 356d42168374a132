"""A trigger that measures how late the event loop of its triggerer runs. A triggerer can import it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SLEEP_SECONDS = 0.1
FIGURES_PER_LINE = 100


class LoopClockTrigger(BaseTrigger):
    """
    Sleep for 0.1 s again and again, and never fire. Airflow's own check does the same.

    :param path: a file to which it appends a line of JSON for each hundred sleeps: the time of the last one
        by the clock that all processes share, and by how many milliseconds each of them was late
    """

    def __init__(self, *, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that create this trigger again."""
        return "benchmarks.loop_clock.LoopClockTrigger", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Measure until the triggerer ends."""
        loop, late = asyncio.get_running_loop(), list[float]()
        while self.path:
            due = loop.time() + SLEEP_SECONDS
            await asyncio.sleep(SLEEP_SECONDS)
            late.append(round((loop.time() - due) * 1e3, 2))
            if len(late) == FIGURES_PER_LINE:
                self._write([loop.time(), late])
                late.clear()
        yield TriggerEvent(None)

    def _write(self, figures: list[object]) -> None:
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")


def read_lateness(path: Path, since: float) -> list[float]:
    """Return by how many milliseconds the sleeps that ended after this time were late."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [late for at, figures in lines if at >= since for late in figures]
