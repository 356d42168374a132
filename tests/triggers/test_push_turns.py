"""The order of turns. The time between two is 10 ms here."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster.per_loop import loop_resources, loop_time
from airflow_provider_sf.triggers import push_turns as module
from airflow_provider_sf.triggers.push_turns import push_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from airflow_provider_sf.triggers.push_turns import PushTurns, Turn


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time: with the real one, each turn takes a second."""
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)


def _note(order: list[str], name: str, _: asyncio.Future[None]) -> None:
    order.append(name)


def served(test: Callable[[PushTurns], Coroutine[Any, Any, list[Turn]]]) -> list[str]:
    """Return the names of the turns in the order in which they came."""
    order: list[str] = []

    async def wait() -> None:
        async with push_turns() as turns:
            taken = await test(turns)
            for number, turn in enumerate(taken):
                name = f"{number}{' urgent' if turn.is_urgent else ''}"
                turn.has_come.add_done_callback(partial(_note, order, name))
            await asyncio.wait([turn.has_come for turn in taken])

    asyncio.run(wait())
    return order


def test_first_turn_comes_at_once() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        return [turns.take(is_urgent=False)]

    assert served(take) == ["0"]


def test_turns_come_by_age() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        taken = []
        for _ in range(5):
            taken.append(turns.take(is_urgent=False))
            await asyncio.sleep(0)
        return taken

    assert served(take) == ["0", "1", "2", "3", "4"]


def test_urgent_turns_come_first() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        return [turns.take(is_urgent=number in {2, 4}) for number in range(5)]

    assert served(take) == ["2 urgent", "4 urgent", "0", "1", "3"]


def test_waiting_turn_becomes_urgent() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        taken = [turns.take(is_urgent=False) for _ in range(3)]
        taken[2].is_urgent = True
        return taken

    assert served(take) == ["2 urgent", "0", "1"]


def test_cancelled_turn_leaves_the_queue() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        first, second, third = (turns.take(is_urgent=False) for _ in range(3))
        second.has_come.cancel()
        await first.has_come
        return [third]

    assert served(take) == ["0"]


def test_queue_of_cancelled_turns_is_empty() -> None:
    async def take(turns: PushTurns) -> list[Turn]:
        turns.take(is_urgent=False).has_come.cancel()
        await asyncio.sleep(0.02)
        return [turns.take(is_urgent=False)]

    assert served(take) == ["0"]


def test_every_wait_is_served_equally_often() -> None:
    """Each takes a new turn as soon as it was served."""
    counts = [0] * 10

    async def push(turns: PushTurns, number: int, end: asyncio.Event) -> None:
        while not end.is_set():
            await turns.take(is_urgent=False).has_come
            counts[number] += 1
            if sum(counts) == 40:
                end.set()

    async def wait() -> None:
        async with push_turns() as turns:
            end = asyncio.Event()
            pushes = [asyncio.create_task(push(turns, number, end)) for number in range(10)]
            await end.wait()
            for task in pushes:
                task.cancel()
            await asyncio.gather(*pushes, return_exceptions=True)

    asyncio.run(wait())
    assert counts == [4] * 10


def test_time_between_turns_is_kept() -> None:
    async def wait() -> list[float]:
        async with push_turns() as turns:
            times = []
            for _ in range(3):
                await turns.take(is_urgent=False).has_come
                times.append(loop_time())
            return times

    first, second, third = asyncio.run(wait())
    assert second - first >= 0.009
    assert third - second >= 0.009


def test_last_user_closes_the_queue() -> None:
    async def wait() -> None:
        async with push_turns() as turns:
            await turns.take(is_urgent=False).has_come
            turns.take(is_urgent=False)
        assert not loop_resources()

    asyncio.run(wait())
