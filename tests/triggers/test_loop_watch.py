"""The watch of an event loop, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster.per_loop import loop_resources
from airflow_provider_sf.triggers import loop_watch as module
from airflow_provider_sf.triggers.loop_watch import LoopWatch, loop_watch
from tests.triggers.stand_in import until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def in_a_loop(test: Callable[[Clock, LoopWatch], Coroutine[Any, Any, None]]) -> None:
    async def watch() -> None:
        clock = Clock()
        watching = LoopWatch(clock)
        await test(clock, watching)
        await watching.close()

    asyncio.run(watch())


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 0), (25.0, 0), (25.1, 1), (3600.0, 1), (-3600.0, 0)])
def test_held_loop_is_noticed(seconds: float, times: int) -> None:
    async def hold(clock: Clock, watch: LoopWatch) -> None:
        clock.now += seconds
        assert watch.times_held() == times
        assert watch.times_held() == times

    in_a_loop(hold)


def test_every_hold_counts() -> None:
    async def hold(clock: Clock, watch: LoopWatch) -> None:
        for times in range(1, 4):
            clock.now += 60.0
            assert watch.times_held() == times

    in_a_loop(hold)


def test_running_loop_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The timer looks at the clock, so slow polls are no hold.

    Its interval is shortened: the test would take half a minute.
    """
    monkeypatch.setattr(module, "TICK_SECONDS", 0.001)

    async def run(clock: Clock, watch: LoopWatch) -> None:
        for _ in range(5):
            clock.now += 15.0
            seen_at = watch._seen_at
            await until(lambda seen_at=seen_at: watch._seen_at != seen_at)  # type: ignore[misc]
        assert watch.times_held() == 0

    in_a_loop(run)


def test_last_user_stops_the_watch() -> None:
    async def watch() -> None:
        async with loop_watch() as first, loop_watch() as second:
            assert first is second
        assert first._timer.cancelled()
        assert not loop_resources()

    asyncio.run(watch())
