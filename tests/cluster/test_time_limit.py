"""Match time has run out is cancelled, and can be told from who was cancelled by somebody else."""

from __future__ import annotations

import asyncio
import sys

import pytest

from airflow_provider_sf.cluster.time_limit import TimeLimit


async def limited(limit: TimeLimit, seconds: float) -> str:
    task = asyncio.current_task()
    assert task is not None
    limit.begin(task)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not limit.was_overdue(task):
            raise
        return "too long"
    else:
        return "in time"
    finally:
        limit.end(task)


def test_who_takes_too_long_is_ended_and_who_does_not_is_not() -> None:
    async def wait() -> list[str]:
        limit = TimeLimit(0.05)
        return await asyncio.gather(*(limited(limit, seconds) for seconds in (0.0, 60.0, 0.001, 60.0)))

    assert asyncio.run(wait()) == ["in time", "too long", "in time", "too long"]


def test_one_timer_does_for_all_and_looks_again_for_who_began_later() -> None:
    async def wait() -> None:
        limit = TimeLimit(0.05)
        first = asyncio.create_task(limited(limit, 60.0))
        await asyncio.sleep(0.02)
        timer = limit._timer
        second = asyncio.create_task(limited(limit, 60.0))
        await asyncio.sleep(0)
        assert limit._timer is timer
        assert await first == "too long"
        assert not second.done()
        assert limit._timer is not timer
        assert await second == "too long"
        assert limit._timer is None
        assert await limited(limit, 0.0) == "in time"
        limit.close()

    asyncio.run(wait())


def test_who_is_cancelled_by_somebody_else_stays_cancelled() -> None:
    async def wait() -> None:
        limit = TimeLimit(60.0)
        task = asyncio.create_task(limited(limit, 60.0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        limit.close()

    asyncio.run(wait())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not count who cancels a task")
def test_who_is_cancelled_by_both_is_cancelled() -> None:
    async def wait() -> None:
        limit = TimeLimit(0.0)
        task = asyncio.create_task(limited(limit, 60.0))
        await asyncio.sleep(0)
        limit._look()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        limit.close()

    asyncio.run(wait())


def test_a_task_can_run_out_of_time_again_and_after_it_was_cancelled_for_another_reason() -> None:
    async def swallowing(limit: TimeLimit) -> list[str]:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            return [await limited(limit, 60.0), await limited(limit, 60.0)]
        return []

    async def wait() -> list[str]:
        limit = TimeLimit(0.0)
        task = asyncio.create_task(swallowing(limit))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(wait()) == ["too long", "too long"]


def test_a_limit_that_nobody_used_closes() -> None:
    TimeLimit(1.0).close()
