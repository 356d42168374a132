"""What is due at about the same time is called together; nothing depends on how fast this machine is."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sf.triggers import beat as module
from airflow_provider_sf.triggers.beat import beat, moment, number_at

if TYPE_CHECKING:
    from collections.abc import Callable

WHOSE: contextvars.ContextVar[str] = contextvars.ContextVar("match", default="nobody's")


def test_a_beat_is_the_first_at_or_after_a_moment_but_for_errors_of_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.1)
    seconds = (0.0, 0.01, 0.1, 0.100_000_01, 0.11, 7.3, 12_345.678)
    assert [number_at(second) for second in seconds] == [0, 1, 1, 1, 2, 73, 123_457]
    assert all(number_at(moment(number)) == number for number in range(0, 5_000_000, 777))


@pytest.fixture(autouse=True)
def fine_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.005)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - of things that tell nobody
        await asyncio.sleep(0.001)


def soon(beats: int) -> int:
    return number_at(asyncio.get_running_loop().time()) + beats


def noting(called: list[tuple[str, int]], name: str) -> Callable[[int], object]:
    return lambda number: called.append((name, number))


def test_calls_come_in_the_order_of_their_beats_whatever_the_order_in_which_they_were_wanted() -> None:
    async def wait() -> None:
        called: list[tuple[str, int]] = []
        first = soon(2)
        for name, number in (
            ("late", first + 4),
            ("early", first),
            ("early too", first),
            ("past", first - 50),
        ):
            beat().call(number, noting(called, name))
        await until(lambda: len(called) == 4)
        assert called == [("past", first - 50), ("early", first), ("early too", first), ("late", first + 4)]
        assert moment(first + 4) <= asyncio.get_running_loop().time()

    asyncio.run(wait())


def test_what_is_taken_back_is_not_called_and_leaves_no_timer() -> None:
    async def wait() -> None:
        called: list[tuple[str, int]] = []
        first, call, other = soon(1), noting(called, "taken back"), noting(called, "other")
        beat().call(first, call)
        beat().call(first, other)
        beat().take_back(first, call)
        await until(lambda: bool(called))
        assert called == [("other", first)]
        later = soon(1_000)
        beat().call(later, call)
        assert beat()._timer is not None
        beat().take_back(later, call)
        assert beat()._timer is None

    asyncio.run(wait())


def test_a_call_may_want_the_next_one() -> None:
    async def wait() -> None:
        numbers: list[int] = []

        def again(number: int) -> None:
            numbers.append(number)
            if len(numbers) < 3:
                beat().call(number + 1, again)

        first = soon(1)
        beat().call(first, again)
        await until(lambda: len(numbers) == 3)
        assert numbers == [first, first + 1, first + 2]

    asyncio.run(wait())


def test_a_call_that_raises_is_asyncios_to_report_and_keeps_no_other_from_being_made() -> None:
    async def wait() -> list[str]:
        reported: list[str] = []
        loop, called = asyncio.get_running_loop(), list[tuple[str, int]]()
        loop.set_exception_handler(lambda _, context: reported.append(repr(context["exception"])))
        number = soon(1)
        for call in (noting([], "first"), broken, noting(called, "same beat")):
            beat().call(number, call)
        beat().call(number + 1, noting(called, "next beat"))
        await until(lambda: len(called) == 2)
        return reported

    def broken(number: int) -> None:
        raise ValueError(number)

    (reported,) = asyncio.run(wait())
    assert reported.startswith("ValueError(")


def test_event_loops_in_several_threads_have_beats_of_their_own() -> None:
    async def ring(times: int) -> int:
        numbers: list[int] = []

        def again(number: int) -> None:
            numbers.append(number)
            beat().call(number + 1, again)

        beat().call(soon(1), again)
        await until(lambda: len(numbers) >= times)
        return len(numbers)

    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(asyncio.run, ring(20)) for _ in range(4)]
        assert all(one.result(timeout=30) >= 20 for one in found)


def test_calls_are_made_in_nobodys_context() -> None:
    async def wait() -> str:
        WHOSE.set("mine")
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        beat().call(soon(1), lambda _: heard.set_result(WHOSE.get()))
        return await heard

    assert asyncio.run(wait()) == "nobody's"
