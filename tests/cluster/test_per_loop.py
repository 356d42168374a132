"""What the tasks of one event loop share, and the line in which polls stand."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.per_loop import Line, Shared, all_shared, shared

if TYPE_CHECKING:
    from collections.abc import Callable


class Thing(Shared):
    closed = 0

    async def close(self) -> None:
        await super().close()
        Thing.closed += 1


def test_the_first_makes_it_and_the_last_closes_it() -> None:
    async def use() -> None:
        async with (
            shared("key", Thing) as first,
            shared("key", Thing) as second,
            shared("other", Thing) as third,
        ):
            assert first is second is not third
            assert len(all_shared()) == 2
        assert Thing.closed == 2
        assert not all_shared()
        async with shared("key", Thing) as again:
            assert again is not first

    asyncio.run(use())


def test_each_event_loop_has_its_own() -> None:
    async def make() -> Thing:
        async with shared("key", Thing) as thing:
            return thing

    assert asyncio.run(make()) is not asyncio.run(make())


class Waiting:
    """Notes who has begun, and who has been told of a silence instead."""

    def __init__(self, most: int) -> None:
        self.line = Line(most)
        self.begun: list[str] = []
        self.told: list[str] = []

    def join(self, *names: str, begins: bool = True) -> None:
        for name in names:
            self.line.join(partial(self._begin, name, begins))

    def _begin(self, name: str, begins: bool, silence: Exception | None) -> bool:  # noqa: FBT001 - of a partial
        if silence is not None:
            self.told.append(name)
            return False
        self.begun.append(name)
        return begins


def in_a_loop(test: Callable[[], None]) -> None:
    async def run() -> None:
        test()

    asyncio.run(run())


def test_so_many_may_begin_and_the_others_when_one_leaves() -> None:
    def stand() -> None:
        waiting = Waiting(2)
        waiting.join(*"abcd")
        assert waiting.begun == ["a", "b"]
        waiting.line.leave()
        assert waiting.begun == ["a", "b", "c"]
        for _ in range(3):
            waiting.line.leave()
        assert waiting.begun == ["a", "b", "c", "d"]
        waiting.join(*"efg")
        assert waiting.begun == ["a", "b", "c", "d", "e", "f"]

    in_a_loop(stand)


def test_who_has_changed_its_mind_keeps_nobody_from_beginning() -> None:
    """Ten thousand of them in a row, too."""

    def stand() -> None:
        waiting = Waiting(1)
        waiting.join("not", begins=False)
        waiting.join("first")
        waiting.join(*map(str, range(10_000)), begins=False)
        waiting.join("last")
        waiting.line.leave()
        assert len(waiting.begun) == 10_003
        assert waiting.begun[-1] == "last"
        waiting.line.leave()
        waiting.join("free again")
        assert waiting.begun[-1] == "free again"

    in_a_loop(stand)


def test_a_silence_is_told_to_those_who_stand_there_since_before_it_began() -> None:
    def stand() -> None:
        waiting, now = Waiting(1), asyncio.get_running_loop().time
        waiting.join("first", "second", "third")
        began_at = now()
        waiting.join("later")
        waiting.line.has_none(TimeoutError(), began_at)
        assert waiting.told == ["second", "third"]
        waiting.line.leave()
        assert waiting.begun == ["first", "later"]

    in_a_loop(stand)


def test_no_silence_is_told_if_somebody_has_had_an_answer_since() -> None:
    def stand() -> None:
        waiting, now = Waiting(1), asyncio.get_running_loop().time
        waiting.join("first", "second")
        began_at = now()
        waiting.line.has_answer()
        waiting.line.has_none(TimeoutError(), began_at)
        assert waiting.told == []

    in_a_loop(stand)
