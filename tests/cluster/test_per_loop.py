"""Resources that an event loop shares and counts."""

from __future__ import annotations

import asyncio

from airflow_provider_sf.cluster.per_loop import LoopResource, loop_resource, loop_resources


class Resource(LoopResource):
    closed = 0

    async def close(self) -> None:
        await super().close()
        self.closed += 1


def test_last_user_closes_the_resource() -> None:
    async def use() -> None:
        async with loop_resource("key", Resource) as first:
            async with loop_resource("key", Resource) as second, loop_resource("other", Resource) as other:
                assert first is second is not other
            assert (first.closed, other.closed) == (0, 1)
            assert loop_resources() == {"key": first}
        assert first.closed == 1
        async with loop_resource("key", Resource) as again:
            assert again is not first
        assert loop_resources() == {}

    asyncio.run(use())


def test_event_loops_share_nothing() -> None:
    async def create() -> Resource:
        async with loop_resource("key", Resource) as resource:
            return resource

    assert asyncio.run(create()) is not asyncio.run(create())
