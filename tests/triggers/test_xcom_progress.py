"""What a trigger pushes and reads while the task is deferred. The channel to Airflow's supervisor is a stand-in."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_sf import airflow_versions
from airflow_provider_sf.airflow_versions import XCOM_IN_TRIGGERS
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.triggers import push_turns, xcom_progress
from airflow_provider_sf.triggers.loop_watch import LoopWatch
from airflow_provider_sf.triggers.xcom_progress import XComProgress
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.identity import UpgradeIdentity
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import Verdict, WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, step
from tests.triggers.stand_in import TI, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from tests.triggers.stand_in import Supervisor

needs_airflow_3_3 = pytest.mark.skipif(
    not XCOM_IN_TRIGGERS.is_available, reason="before Airflow 3.3 a trigger cannot push XComs"
)

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
TRIGGER = SimpleNamespace(log=logging.getLogger("trigger"))
UNREACHABLE = Unreachable("Connection refused", endpoint="http://c:19080")
BOTH = ["upgrade_progress", "upgrade_wait"]


def record(percent: float, state: str = "RollingForward", **fields: Any) -> UpgradeProgress:
    fields = {"started_at": NOW, "target_version": "v1", **fields}
    return UpgradeProgress("application_resource", "shop", state=state, percent_completed=percent, **fields)


def after(*polls: Any, start: WaitState | None = None) -> WaitState:
    """Return the state of a wait after these polls, one every fifteen seconds."""
    state = start or WaitState()
    for poll, result in enumerate(polls):
        state, _ = step(Policy(15.0), state, result, NOW + timedelta(seconds=15 * poll))
    return state


FIRST = after(record(10.0))
"""The state that the worker pushes before it defers."""


@pytest.fixture(autouse=True)
def worker_state(request: pytest.FixtureRequest) -> None:
    """Store what the worker has pushed."""
    if "supervisor" in request.fixturenames:
        request.getfixturevalue("supervisor").store(FIRST)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def live(ti: Any = TI, clock: Clock | None = None) -> AsyncIterator[XComProgress]:
    watch = LoopWatch(clock or Clock())
    async with (
        push_turns.push_turns() as turns,
        XComProgress(("application_resource", "shop"), ti, TRIGGER, turns, watch) as shown,
    ):
        yield shown
    await watch.close()


async def pushed(shown: XComProgress) -> None:
    """Wait until a push that is planned is over."""
    if shown._push is not None:
        await asyncio.wait([shown._push])


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


# What is pushed, and when.


@needs_airflow_3_3
def test_progress_is_pushed_every_thirty_seconds(supervisor: Supervisor) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            for second, percent in ((0, 20.0), (15, 25.0), (29, 30.0), (30, 40.0), (60, 40.0), (75, 50.0)):
                shown.show(after(record(10.0), record(percent)), NOW + timedelta(seconds=second))
                await pushed(shown)
            assert sorted(supervisor.pushes) == sorted(BOTH * 3)

    in_a_loop(wait)
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 50.0
    assert supervisor.wait["record"] == supervisor.xcoms["upgrade_progress"]
    assert supervisor.wait["ended_by"] is None


@needs_airflow_3_3
def test_outage_start_and_end_are_changes(supervisor: Supervisor) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            for minute, state in enumerate(
                (
                    after(record(10.0), UNREACHABLE),
                    after(record(10.0), UNREACHABLE, UNREACHABLE),
                    after(record(10.0), UNREACHABLE, UNREACHABLE, record(10.0)),
                )
            ):
                shown.show(state, NOW + timedelta(minutes=minute))
                await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == sorted(BOTH * 2)
    assert supervisor.wait["unreachable_since"] is None


@needs_airflow_3_3
def test_state_without_record_is_pushed_alone(supervisor: Supervisor) -> None:
    supervisor.xcoms.clear()
    supervisor.store(after(UNREACHABLE))

    async def wait() -> None:
        async with live() as shown:
            shown.begin(after(UNREACHABLE))
            shown.show(after(UNREACHABLE, UNREACHABLE), NOW)
            await pushed(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]


@needs_airflow_3_3
def test_pushed_state_is_not_pushed_again(supervisor: Supervisor) -> None:
    """A thousand waits without a change cost the supervisor nothing."""

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            for minute in range(0, 600, 10):
                shown.show(FIRST, NOW + timedelta(minutes=minute))
            assert (supervisor.pushes, supervisor.reads) == ([], 0)
            shown.show(after(record(10.0), record(20.0)), NOW + timedelta(days=1))
            await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == BOTH


@needs_airflow_3_3
@pytest.mark.parametrize(
    "later",
    [
        after(record(10.0), record(20.0), record(10.0)),
        after(record(10.0), UNREACHABLE, record(10.0)),
        after(record(10.0), replace(record(10.0), failed_at=NOW)),
        after(record(10.0), replace(record(10.0), unhealthy_evaluations=("node1 is in error",))),
    ],
    ids=["moved and moved back", "outage is over", "a failure", "a reason"],
)
def test_relevant_change_is_pushed(supervisor: Supervisor, later: WaitState) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            shown.show(later, NOW)
            await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == BOTH


@needs_airflow_3_3
def test_outage_found_by_the_worker_is_pushed(supervisor: Supervisor) -> None:
    first, second = after(UNREACHABLE), after(UNREACHABLE, UNREACHABLE)
    supervisor.xcoms.clear()
    supervisor.store(first)

    async def wait() -> None:
        async with live() as shown:
            shown.begin(first)
            shown.show(second, NOW)
            await pushed(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]
    assert resumed(first).unreachable_since == first.unreachable_since


@needs_airflow_3_3
def test_early_change_is_pushed_later(supervisor: Supervisor) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            for second, percent in ((0, 20.0), (10, 30.0), (29, 30.0), (30, 30.0)):
                shown.show(after(record(10.0), record(percent)), NOW + timedelta(seconds=second))
                await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == sorted(BOTH * 2)


# Changes that the verdict depends on come first.


@needs_airflow_3_3
def test_change_of_state_is_pushed_at_once(supervisor: Supervisor) -> None:
    """A triggerer that continues the wait must know the last forward progress."""

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            shown.show(after(record(10.0), record(20.0)), NOW)
            await pushed(shown)
            back = after(record(10.0), record(20.0), record(20.0, "RollingBack"))
            shown.show(back, NOW + timedelta(seconds=1))
            await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == sorted(BOTH * 2)
    assert [stage["state"] for stage in supervisor.wait["timeline"]] == ["RollingForward", "RollingBack"]


@needs_airflow_3_3
@pytest.mark.parametrize(
    "later",
    [
        replace(FIRST, verdict=Verdict.SUPERSEDED),
        replace(FIRST, expected=UpgradeIdentity(NOW, "v1")),
        replace(FIRST, before=UpgradeIdentity(NOW - timedelta(days=1), "v0")),
    ],
    ids=["verdict", "expected upgrade", "upgrade before"],
)
def test_urgent_change_goes_before_progress(
    supervisor: Supervisor, later: WaitState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time between turns is longer here, so that only one turn comes on a busy machine."""
    monkeypatch.setattr(push_turns, "TURN_SECONDS", 60.0)
    first = replace(FIRST, expected=None)
    supervisor.store(first)

    async def wait() -> None:
        async with live() as progress, live() as urgent:
            progress.begin(first)
            urgent.begin(first)
            progress.show(replace(first, moved_at=NOW + timedelta(hours=1)), NOW)
            urgent.show(later, NOW)
            await pushed(urgent)
            assert sorted(supervisor.pushes) == BOTH
            assert supervisor.wait["moved_at"] == "2026-03-01T03:00:00Z"

    in_a_loop(wait)


@needs_airflow_3_3
def test_waiting_push_becomes_urgent_and_latest(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time between turns is longer here, so that only one turn comes on a busy machine."""
    monkeypatch.setattr(push_turns, "TURN_SECONDS", 60.0)

    async def wait() -> None:
        async with live() as other, live() as shown:
            for wait in (other, shown):
                wait.begin(FIRST)
                wait.show(after(record(10.0), record(20.0)), NOW)
            shown.show(after(record(10.0), record(20.0), record(20.0, "RollingBack")), NOW)
            await pushed(shown)
            assert sorted(supervisor.pushes) == BOTH

    in_a_loop(wait)
    assert supervisor.wait["record"]["state"] == "RollingBack"


# A push in its turn, at the end, after a cancellation.


@needs_airflow_3_3
def test_slow_push_delays_only_the_end(supervisor: Supervisor) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.may_store.clear()
            shown.show(after(record(10.0), record(20.0)), NOW)
            await until(lambda: supervisor.pushes)
            shown.show(after(record(10.0), record(30.0)), NOW + timedelta(minutes=1))
            end = asyncio.create_task(shown.__aexit__(None, None, None))
            await asyncio.sleep(0.01)
            assert not end.done()
            supervisor.may_store.set()
            await end

    in_a_loop(wait)
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 20.0


@needs_airflow_3_3
def test_ended_wait_leaves_the_queue(supervisor: Supervisor) -> None:
    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            shown.show(after(record(10.0), record(20.0)), NOW)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
def test_cancelled_push_stores_both_or_none(supervisor: Supervisor) -> None:
    """Its task may have started a new try, which pushes its own XComs."""

    async def wait(steps: int) -> list[str]:
        supervisor.pushes.clear()
        supervisor.may_store.set()

        async def watch() -> None:
            async with live() as shown:
                shown.begin(FIRST)
                shown.show(after(record(10.0), record(20.0)), NOW)
                await asyncio.sleep(60)

        watching = asyncio.create_task(watch())
        for _ in range(steps):
            await asyncio.sleep(0)
            if supervisor.pushes:
                supervisor.may_store.clear()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        supervisor.may_store.set()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        return sorted(supervisor.pushes)

    results = [asyncio.run(wait(steps)) for steps in range(40)]
    assert [] in results
    assert BOTH in results
    assert all(result in ([], BOTH) for result in results)


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_hanging_push_does_not_block_the_end(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is shortened: the test would take half a minute."""

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.may_store.clear()
            shown.show(after(record(10.0), record(20.0)), NOW)
            await until(lambda: supervisor.pushes)

    monkeypatch.setattr(xcom_progress, "TIMEOUT_SECONDS", 0.02)
    in_a_loop(wait)
    assert sum("could not be pushed" in line for line in caplog.messages) <= 1


@needs_airflow_3_3
def test_failed_push_is_logged_once_and_repeated(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    later = after(record(10.0), record(20.0))

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.error = RuntimeError("API_SERVER_ERROR")
            for minute in range(3):
                shown.show(later, NOW + timedelta(minutes=minute))
                await pushed(shown)
            supervisor.error = None
            shown.show(later, NOW + timedelta(minutes=3))
            await pushed(shown)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert [record.getMessage() for record in caplog.records if record.name == "trigger"] == [
        ("Progress could not be pushed as XCom; the wait goes on: RuntimeError('API_SERVER_ERROR')")
    ]
    assert sorted(supervisor.pushes) == BOTH


# The last writer does not win.


@needs_airflow_3_3
def test_late_push_keeps_the_end(supervisor: Supervisor) -> None:
    """A triggerer that was stopped continues after another one and the worker have ended the wait."""
    end = after(record(10.0), record(20.0, "RollingBack")).ended("upgrade", NOW)

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.store(end, "Upgrade of shop was rolled back.")
            shown.show(after(record(10.0), record(20.0)), NOW)
            await pushed(shown)
            assert shown.has_ended
            shown.show(after(record(10.0), record(30.0)), NOW + timedelta(minutes=1))
            await pushed(shown)
        assert supervisor.reads == 1

    in_a_loop(wait)
    assert supervisor.pushes == []
    assert supervisor.wait["ended_by"] == "upgrade"
    assert supervisor.wait["message"] == "Upgrade of shop was rolled back."


@needs_airflow_3_3
def test_state_of_another_try_is_kept(supervisor: Supervisor) -> None:
    """The task was cleared and waits again; the trigger of its first try is not cancelled yet."""
    other = replace(FIRST, began_at=NOW + timedelta(minutes=5))

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.store(other)
            shown.show(after(record(10.0), record(20.0)), NOW)
            await pushed(shown)
            assert not shown.has_ended

    in_a_loop(wait)
    assert supervisor.pushes == []
    assert supervisor.wait["began_at"] == "2026-03-01T03:05:00Z"


@needs_airflow_3_3
@pytest.mark.parametrize("stored", [None, {"schema": "service_fabric.upgrade_wait/2", "ended_by": "upgrade"}])
def test_unknown_state_is_kept(stored: Any, supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    """A new try has deleted it, or a newer release has written it."""

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.xcoms["upgrade_wait"] = stored
            shown.show(after(record(10.0), record(20.0)), NOW)
            await pushed(shown)

    in_a_loop(wait)
    assert supervisor.pushes == []
    assert supervisor.wait == stored
    assert sum("could not be pushed as XCom" in line for line in caplog.messages) == 1


@needs_airflow_3_3
def test_newer_state_of_another_triggerer_is_taken(supervisor: Supervisor) -> None:
    """Two triggerers may run one wait for some seconds."""
    newer = after(record(10.0), record(20.0), record(30.0), record(30.0, "RollingBack"))
    ours = after(record(10.0), record(20.0))

    async def wait() -> None:
        async with live() as shown:
            shown.begin(FIRST)
            supervisor.store(newer)
            shown.show(ours, NOW)
            await pushed(shown)
            assert supervisor.pushes == []
            assert shown.newest(ours) == newer.resumed()
            assert shown.newest(newer) is newer
            shown.show(after(record(40.0, "RollingBack"), start=newer), NOW + timedelta(minutes=1))
            await pushed(shown)

    in_a_loop(wait)
    assert sorted(supervisor.pushes) == BOTH
    assert supervisor.wait["polls"] == 5


@needs_airflow_3_3
def test_held_loop_reads_the_state_again(supervisor: Supervisor) -> None:
    clock = Clock()

    async def wait() -> None:
        async with live(clock=clock) as shown:
            shown.begin(FIRST)
            await shown.check_after_hold()
            assert supervisor.reads == 0
            supervisor.store(FIRST.ended("timeout", NOW))
            clock.now += 60.0
            await shown.check_after_hold()
            assert shown.has_ended
            await shown.check_after_hold()
            assert supervisor.reads == 1

    in_a_loop(wait)


@needs_airflow_3_3
def test_failed_check_does_not_end_the_wait(supervisor: Supervisor) -> None:
    clock = Clock()

    async def wait() -> None:
        async with live(clock=clock) as shown:
            shown.begin(FIRST)
            supervisor.error = RuntimeError("API_SERVER_ERROR")
            clock.now += 60.0
            await shown.check_after_hold()
            assert not shown.has_ended

    in_a_loop(wait)


# The state after a restart.


def resumed(state: WaitState) -> WaitState:
    async def resume() -> WaitState:
        async with live() as shown:
            return await shown.resume(state)

    return asyncio.run(resume())


@needs_airflow_3_3
def test_restart_reads_the_state_back(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    last = after(record(10.0), record(20.0), UNREACHABLE, UNREACHABLE)
    supervisor.store(last)
    with caplog.at_level(logging.INFO):
        read = resumed(FIRST)
    assert read.to_dict() == last.resumed().to_dict()
    assert (read.moved_at, read.unreachable_since, read.stale) == (
        last.moved_at,
        last.unreachable_since,
        True,
    )
    assert "Resumed with the state of the previous triggerer, after poll 4" in caplog.messages


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_restored_state_is_not_pushed_again(supervisor: Supervisor) -> None:
    last = after(record(10.0), record(20.0))
    supervisor.store(last)

    async def wait() -> None:
        async with live() as shown:
            shown.show(await shown.resume(FIRST), NOW)
            await pushed(shown)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
def test_worker_state_does_not_count_after_restart(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    """The triggerer may have polled for a long time without a turn to push."""
    first = after(UNREACHABLE)
    supervisor.store(first)
    with caplog.at_level(logging.INFO):
        assert resumed(first) == first.after_restart()
    assert caplog.messages == []


@needs_airflow_3_3
def test_restart_polls_again_before_outage_ends_wait(supervisor: Supervisor) -> None:
    """The first polls of a new triggerer may fail, and there were no polls while none was running."""
    supervisor.store(after(record(10.0), record(10.0), UNREACHABLE))
    state = resumed(FIRST)
    decisions = []
    for second in range(360, 365):
        state, decision = step(Policy(15.0), state, UNREACHABLE, NOW + timedelta(seconds=second))
        decisions.append(decision)
    assert decisions == [*map(PollAgain, (1.0, 2.0, 4.0, 8.0)), Ended("unreachable_timeout")]


@needs_airflow_3_3
def test_state_of_another_wait_is_ignored(supervisor: Supervisor) -> None:
    supervisor.store(replace(after(record(10.0), record(20.0)), began_at=NOW - timedelta(days=1)))
    assert resumed(FIRST) == FIRST.after_restart()


@needs_airflow_3_3
@pytest.mark.parametrize("field", ["polls", "outages", "timeline"])
def test_edited_state_is_ignored(supervisor: Supervisor, field: str) -> None:
    supervisor.store(after(record(10.0), record(20.0)))
    supervisor.wait[field] = "7"
    assert resumed(FIRST) == FIRST.after_restart()


@needs_airflow_3_3
def test_slow_start_reads_the_state_later(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    """A new triggerer may need a minute before it reads its first XCom. Polls go on meanwhile."""
    last = after(*map(record, (10.0, 20.0, 30.0, 40.0)))
    supervisor.store(last)
    supervisor.error = RuntimeError("API_SERVER_ERROR")

    async def wait() -> WaitState:
        async with live() as shown:
            state = await shown.resume(FIRST)
            assert state == FIRST.after_restart()
            polled = after(record(45.0), record(50.0), start=state)
            assert shown.newest(polled) is polled
            supervisor.error = None
            assert await shown.finish_reading()
            return shown.newest(polled)

    with caplog.at_level(logging.INFO):
        state = asyncio.run(wait())
    assert state.polls == 6
    assert state.timeline == last.timeline
    assert state.stale
    assert caplog.messages == ["Resumed with the state of the previous triggerer, after poll 4"]


@needs_airflow_3_3
def test_many_waits_read_in_turns(supervisor: Supervisor) -> None:
    """Airflow's supervisor answers one request after the other: a thousand at once would all be too late."""
    last = after(record(10.0), record(20.0))
    supervisor.store(last)
    supervisor.may_read.clear()

    async def wait() -> None:
        async with AsyncExitStack() as stack:
            waits = [await stack.enter_async_context(live()) for _ in range(5)]
            resuming = [asyncio.create_task(shown.resume(FIRST)) for shown in waits]
            await until(lambda: supervisor.reads == push_turns.MAX_READS)
            for _ in range(20):
                await asyncio.sleep(0)
            assert supervisor.reads == push_turns.MAX_READS
            supervisor.may_read.set()
            states = await asyncio.gather(*resuming)
            assert [state.timeline for state in states] == [last.timeline] * 5
            assert supervisor.reads == 5

    in_a_loop(wait)


@needs_airflow_3_3
def test_wait_goes_on_before_its_turn(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The wait polls after the timeout. It keeps its place and does not ask a second time.

    The limit is shortened for the first read: the test would take half a minute.
    """
    last = after(record(10.0), record(20.0))
    supervisor.store(last)

    async def wait() -> None:
        async with live() as shown:
            for _ in range(push_turns.MAX_READS):
                await shown._turns.reads.acquire()
            monkeypatch.setattr(xcom_progress, "TIMEOUT_SECONDS", 0.01)
            state = await shown.resume(FIRST)
            assert (state, supervisor.reads) == (FIRST.after_restart(), 0)
            monkeypatch.setattr(xcom_progress, "TIMEOUT_SECONDS", 30.0)
            shown._turns.reads.release()
            assert await shown.finish_reading()
            assert shown.newest(state).timeline == last.timeline
            assert supervisor.reads == 1

    in_a_loop(wait)


@needs_airflow_3_3
def test_first_push_reads_the_state_too(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is longer here, so that no retry comes before the push."""
    monkeypatch.setattr(xcom_progress, "RETRY_PAUSES", (60.0,))
    last = after(record(10.0), record(20.0), record(20.0, "RollingBack"))
    supervisor.store(last)
    supervisor.error = RuntimeError("API_SERVER_ERROR")

    async def wait() -> None:
        async with live() as shown:
            state = await shown.resume(FIRST)
            supervisor.error = None
            state = after(record(20.0, "RollingBack"), start=state)
            shown.show(state, NOW)
            await pushed(shown)
            assert supervisor.pushes == []
            assert shown.newest(state).timeline == last.timeline

    in_a_loop(wait)


@needs_airflow_3_3
def test_push_that_reads_ends_the_retries(supervisor: Supervisor) -> None:
    supervisor.error = RuntimeError("API_SERVER_ERROR")

    async def wait() -> None:
        async with live() as shown:
            await shown.resume(FIRST)
            supervisor.error = None
            await shown._read()
            assert not await shown.finish_reading()
        assert supervisor.reads == 2

    in_a_loop(wait)


@needs_airflow_3_3
def test_unreadable_state_is_explained_once(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    supervisor.error = RuntimeError("API_SERVER_ERROR")

    async def wait() -> None:
        async with live() as shown:
            assert await shown.resume(FIRST) == FIRST.after_restart()
            assert not await shown.finish_reading()

    in_a_loop(wait)
    assert supervisor.reads == 3
    assert caplog.messages == [
        (
            "State of the wait not readable after a restart: timeouts may start again. An upgrade that replaced the "
            "expected one after the worker's first poll cannot be noticed. The wait goes on: "
            "RuntimeError('API_SERVER_ERROR')"
        )
    ]


@needs_airflow_3_3
def test_reading_ends_with_the_wait(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is longer here, so that no retry comes before the end."""
    monkeypatch.setattr(xcom_progress, "RETRY_PAUSES", (60.0,))
    supervisor.error = RuntimeError("API_SERVER_ERROR")

    async def wait() -> None:
        async with live() as shown:
            await shown.resume(FIRST)
        await asyncio.sleep(0)
        assert shown._recall is not None
        assert shown._recall.cancelled()

    in_a_loop(wait)


def test_fresh_wait_has_nothing_to_read() -> None:
    async def wait() -> None:
        async with live(ti=None) as shown:
            assert not await shown.finish_reading()

    in_a_loop(wait)


# Where nothing can be pushed.


@needs_airflow_3_3
def test_nothing_is_pushed_without_task_instance(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()

    async def wait() -> None:
        async with live(ti=None, clock=clock) as shown:
            shown.show(after(record(20.0)), NOW)
            assert await shown.resume(FIRST) == FIRST.after_restart()
            clock.now += 60.0
            await shown.check_after_hold()
            assert not shown.has_ended

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert (supervisor.pushes, supervisor.reads, caplog.messages) == ([], 0, [])


class Elsewhere(XCom):  # type: ignore[misc]
    """A backend that stores values elsewhere and blocks the event loop."""

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> str:
        raise AssertionError(value)


@needs_airflow_3_3
def test_foreign_backend_is_logged_once(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The class is replaced: Airflow chooses the backend when it is imported."""

    async def wait() -> None:
        async with live() as shown:
            shown.show(after(record(20.0)), NOW)
            await pushed(shown)

    monkeypatch.setattr(xcom_progress, "XCom", Elsewhere)
    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert supervisor.pushes == []
    assert caplog.messages == [
        "No progress in XCom while deferred: a custom XCom backend would block all triggers"
    ]


def test_old_airflow_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The installed version is replaced: a run has only one."""
    monkeypatch.setattr(airflow_versions, "INSTALLED", (3, 2))

    async def wait() -> None:
        async with live() as shown:
            shown.show(after(record(20.0)), NOW)
            await pushed(shown)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert caplog.messages == [
        "No progress in XCom while deferred: before Airflow 3.3 a trigger cannot push it"
    ]
