"""What the tasks of one event loop share, and the line in which polls stand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow_provider_sf.sharing import Line, Shared, all_shared, shared

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


def beginning(begun: list[str], name: str, *, begins: bool = True) -> Callable[[], bool]:
    def begin() -> bool:
        begun.append(name)
        return begins

    return begin


def test_so_many_may_begin_and_the_others_when_one_leaves() -> None:
    line, begun = Line(2), list[str]()
    for name in "abcd":
        line.join(beginning(begun, name))
    assert begun == ["a", "b"]
    line.leave()
    assert begun == ["a", "b", "c"]
    for _ in range(3):
        line.leave()
    assert begun == ["a", "b", "c", "d"]
    for name in "efg":
        line.join(beginning(begun, name))
    assert begun == ["a", "b", "c", "d", "e", "f"]


def test_who_has_changed_its_mind_keeps_nobody_from_beginning() -> None:
    """Ten thousand of them in a row, too."""
    line, begun = Line(1), list[str]()
    line.join(beginning(begun, "not", begins=False))
    line.join(beginning(begun, "first"))
    for number in range(10_000):
        line.join(beginning(begun, str(number), begins=False))
    line.join(beginning(begun, "last"))
    line.leave()
    assert len(begun) == 10_003
    assert begun[-1] == "last"
    line.leave()
    line.join(beginning(begun, "free again"))
    assert begun[-1] == "free again"
