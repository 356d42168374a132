"""A trigger that measures how late the event loop of its triggerer runs. A triggerer can import it."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from typing_extensions import Self

SLEEP_SECONDS = 0.1
SLEEPS_PER_LINE = 100
FULL_COLLECTION = 2
"""Python's number of the generation that holds all objects."""

Figures = tuple[float, float]
"""Milliseconds, and the CPU time of the event loop's thread in them, in milliseconds, too."""


class LoopClockTrigger(BaseTrigger):
    """
    Sleep for 0.1 s again and again, and never fire. Airflow's own check does the same.

    It also measures the full garbage collections, which stop the event loop.

    :param path: a file to which it appends a line of JSON for each hundred sleeps
    """

    def __init__(self, *, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        self.path = path
        self._collections: list[Figures] = []
        self._collection_began = 0.0, 0.0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keywords that create this trigger again."""
        return "benchmarks.loop_clock.LoopClockTrigger", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Measure until the triggerer ends."""
        gc.callbacks.append(self._on_collection)
        late: list[Figures] = []
        try:
            while self.path:
                before = _clocks()
                await asyncio.sleep(SLEEP_SECONDS)
                seconds, cpu = _milliseconds_since(before)
                late.append((round(seconds - SLEEP_SECONDS * 1e3, 2), cpu))
                if len(late) == SLEEPS_PER_LINE:
                    self._write(late)
                    late.clear()
        finally:
            gc.callbacks.remove(self._on_collection)
        yield TriggerEvent(None)

    def _on_collection(self, phase: str, about: dict[str, int]) -> None:
        if about["generation"] != FULL_COLLECTION:
            return
        if phase == "start":
            self._collection_began = _clocks()
        else:
            self._collections.append(_milliseconds_since(self._collection_began))

    def _write(self, late: list[Figures]) -> None:
        line = json.dumps({"at": time.monotonic(), "late": late, "collections": self._collections})
        self._collections.clear()
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _clocks() -> Figures:
    return time.monotonic(), time.thread_time()


def _milliseconds_since(before: Figures) -> Figures:
    now, cpu = _clocks()
    return round((now - before[0]) * 1e3, 2), round((cpu - before[1]) * 1e3, 2)


@dataclass(frozen=True, slots=True)
class LoopFigures:
    """How late sleeps of 0.1 s ended, and how long full garbage collections took."""

    late: list[Figures]
    collections: list[Figures]

    @classmethod
    def read(cls, path: Path, since: float, until: float) -> Self:
        """Read the lines that were written between these times, by the clock that all processes share."""
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if since <= line["at"] < until]
        return cls(
            [(late, cpu) for line in lines for late, cpu in line["late"]],
            [(duration, cpu) for line in lines for duration, cpu in line["collections"]],
        )
