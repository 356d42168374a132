"""What a trigger pushes and reads while the task is deferred. The channel to Airflow's supervisor is a stand-in."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.triggers import xcom_progress
from airflow_provider_sf.triggers.xcom_progress import XComProgress
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState
from airflow_provider_sf.wait.state_machine import Ended, PollAgain, step

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

needs_airflow_3_3 = pytest.mark.skipif(
    not hasattr(XCom, "aset"), reason="before Airflow 3.3 a trigger cannot push XComs"
)

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
TI = SimpleNamespace(dag_id="release", task_id="wait", run_id="manual", map_index=3)
WHERE = {"dag_id": "release", "task_id": "wait", "run_id": "manual", "map_index": 3}
TRIGGER = SimpleNamespace(log=logging.getLogger("trigger"))


class Supervisor:
    """Answers like Airflow's supervisor while ``may_answer`` is set. An ``error`` is raised instead."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.pushes: list[str] = []
        self.error: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def asend(self, message: Any) -> Any:
        await self.may_answer.wait()
        if self.error:
            raise self.error
        where = {key: getattr(message, key) for key in WHERE}
        assert where == WHERE
        if type(message).__name__ == "SetXCom":
            self.pushes.append(message.key)
            self.xcoms[message.key] = json.loads(json.dumps(message.value))
            return None
        from airflow.sdk.execution_time.comms import XComResult  # noqa: PLC0415 - only Airflow 3 has it

        return XComResult(key=message.key, value=self.xcoms.get(message.key))


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - only Airflow 3 has it

    monkeypatch.setattr(xcom_progress, "TURN_SECONDS", 0.05)
    monkeypatch.setattr(xcom_progress._turns, "free_at", 0.0)
    stand_in = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", stand_in, raising=False)
    return stand_in


def live(ti: Any = TI) -> XComProgress:
    return XComProgress("application_resource", "shop", ti, TRIGGER)


async def turn_of(shown: XComProgress) -> None:
    """Wait until the turn is over."""
    if shown._turn is not None:
        await shown._turn


def record(percent: float) -> UpgradeProgress:
    return UpgradeProgress(
        "application_resource", "shop", state="RollingForward", started_at=NOW, percent_completed=percent
    )


def after(*polls: Any) -> WaitState:
    """Return the state of a wait after these polls, one every fifteen seconds."""
    state = WaitState()
    for poll, result in enumerate(polls):
        state, _ = step(Policy(15.0), state, result, NOW + timedelta(seconds=15 * poll))
    return state


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@needs_airflow_3_3
def test_changes_are_pushed_every_thirty_seconds(supervisor: Supervisor) -> None:
    async def wait() -> None:
        shown = live()
        for second, percent in ((0, 10.0), (15, 20.0), (29, 30.0), (30, 40.0), (60, 40.0), (75, 50.0)):
            shown.show(after(record(percent)), NOW + timedelta(seconds=second))
            await turn_of(shown)
        assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 3

    in_a_loop(wait)
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 50.0
    assert supervisor.xcoms["upgrade_wait"]["record"] == supervisor.xcoms["upgrade_progress"]
    assert supervisor.xcoms["upgrade_wait"]["ended_by"] is None


@needs_airflow_3_3
def test_outage_start_and_end_are_changes(supervisor: Supervisor) -> None:
    unreachable = Unreachable("Connection refused")

    async def wait() -> None:
        shown = live()
        for minute, state in enumerate(
            (
                after(record(10.0)),
                after(record(10.0), unreachable),
                after(record(10.0), unreachable, unreachable),
                after(record(10.0), unreachable, unreachable, record(10.0)),
            )
        ):
            shown.show(state, NOW + timedelta(minutes=minute))
            await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 3
    assert supervisor.xcoms["upgrade_wait"]["unreachable_since"] is None


@needs_airflow_3_3
def test_state_without_record_is_pushed_alone(supervisor: Supervisor) -> None:
    async def wait() -> None:
        shown = live()
        shown.show(after(Unreachable("Connection refused")), NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]


@needs_airflow_3_3
def test_slow_push_delays_only_the_end(supervisor: Supervisor) -> None:
    async def wait() -> None:
        supervisor.may_answer.clear()
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await asyncio.sleep(0.01)
        shown.show(after(record(20.0)), NOW + timedelta(minutes=1))
        end = asyncio.create_task(shown.__aexit__(None, None, None))
        await asyncio.sleep(0.01)
        assert not end.done()
        assert supervisor.pushes == []
        supervisor.may_answer.set()
        await end

    in_a_loop(wait)
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 10.0


@needs_airflow_3_3
def test_waits_take_turns_and_push_the_latest(supervisor: Supervisor) -> None:
    async def wait() -> None:
        first, second = live(), live()
        first.show(after(record(10.0)), NOW)
        second.show(after(record(10.0)), NOW)
        second.show(after(record(20.0)), NOW + timedelta(seconds=1))
        await turn_of(first)
        assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]
        assert second._turn is not None
        await second._turn

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 2
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 20.0


@needs_airflow_3_3
def test_ended_wait_cancels_its_turn(supervisor: Supervisor) -> None:
    async def wait() -> None:
        xcom_progress._turns.free_at = asyncio.get_running_loop().time() + 20.0
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
@pytest.mark.parametrize("progress", ["before its turn", "pushing"])
def test_cancelled_wait_pushes_nothing_more(supervisor: Supervisor, progress: str) -> None:
    """Its task may have started a new try, which pushes its own XComs."""

    async def wait() -> None:
        supervisor.may_answer.clear()
        if progress != "pushing":
            xcom_progress._turns.free_at = asyncio.get_running_loop().time() + 20.0

        async def watch() -> None:
            async with live() as shown:
                shown.show(after(record(10.0)), NOW)
                await asyncio.sleep(60)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        supervisor.may_answer.set()
        await asyncio.sleep(0.01)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
def test_hanging_push_does_not_block_the_end(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> None:
        supervisor.may_answer.clear()
        async with live() as shown:
            shown.show(after(record(10.0)), NOW)
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await turn_of(shown)

    monkeypatch.setattr(xcom_progress, "TIMEOUT_SECONDS", 0.02)
    in_a_loop(wait)


@needs_airflow_3_3
def test_pushed_state_is_not_pushed_again(supervisor: Supervisor) -> None:
    """A thousand waits without a change cost the supervisor nothing."""

    async def wait() -> None:
        shown = live()
        shown.begin(after(record(10.0)))
        for minute in range(0, 600, 10):
            now = NOW + timedelta(minutes=minute)
            shown.show(after(record(10.0)), now)
        assert supervisor.pushes == []
        shown.show(after(record(20.0)), NOW + timedelta(days=1))
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


@needs_airflow_3_3
@pytest.mark.parametrize(
    "later",
    [
        after(record(10.0), record(20.0), record(10.0)),
        after(record(10.0), Unreachable("timed out"), record(10.0)),
        after(record(10.0), replace(record(10.0), failed_at=NOW)),
        after(record(10.0), replace(record(10.0), unhealthy_evaluations=("node1 is in error",))),
    ],
    ids=["moved and moved back", "outage is over", "a failure", "a reason"],
)
def test_relevant_change_is_pushed(supervisor: Supervisor, later: WaitState) -> None:
    async def wait() -> None:
        shown = live()
        shown.begin(after(record(10.0)))
        shown.show(later, NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


@needs_airflow_3_3
def test_outage_found_by_the_worker_is_pushed(
    supervisor: Supervisor,
) -> None:
    unreachable = Unreachable("timed out")
    first, second = after(unreachable), after(unreachable, unreachable)

    async def wait() -> None:
        shown = live()
        shown.begin(first)
        shown.show(second, NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]
    assert recalled(first).unreachable_since == first.unreachable_since


@needs_airflow_3_3
def test_early_change_is_pushed_later(supervisor: Supervisor) -> None:
    async def wait() -> None:
        shown = live()
        for second, percent in ((0, 10.0), (10, 20.0), (29, 20.0), (30, 20.0)):
            now = NOW + timedelta(seconds=second)
            shown.show(after(record(percent)), now)
            await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 2


@needs_airflow_3_3
def test_wait_skips_a_distant_turn(supervisor: Supervisor) -> None:
    """With more waits than a supervisor can serve, each is pushed less often."""

    async def wait() -> None:
        xcom_progress._turns.free_at = asyncio.get_running_loop().time() + 31.0
        shown = live()
        shown.show(after(record(10.0)), NOW)
        assert shown._turn is None
        xcom_progress._turns.free_at = 0.0
        shown.show(after(record(10.0)), NOW + timedelta(seconds=15))
        await turn_of(shown)
        await shown.__aexit__(None, None, None)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


@needs_airflow_3_3
def test_failed_push_is_logged_once_and_repeated(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait() -> None:
        shown = live()
        supervisor.error = RuntimeError("API_SERVER_ERROR")
        for minute in range(3):
            shown.show(after(record(10.0)), NOW + timedelta(minutes=minute))
            await turn_of(shown)
        supervisor.error = None
        shown.show(after(record(10.0)), NOW + timedelta(minutes=3))
        await turn_of(shown)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert [record.getMessage() for record in caplog.records if record.name == "trigger"] == [
        ("Progress could not be pushed as XCom; the wait goes on: RuntimeError('API_SERVER_ERROR')")
    ]
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


def recalled(state: WaitState) -> WaitState:
    return asyncio.run(_recalled(state))


async def _recalled(state: WaitState) -> WaitState:
    return await live().recalled(state)


async def _pushed(state: WaitState) -> None:
    shown = live()
    shown.show(state, NOW)
    await turn_of(shown)


@needs_airflow_3_3
def test_restart_reads_the_state_back(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    first, unreachable = after(record(10.0)), Unreachable("Connection refused")
    last = after(record(10.0), record(20.0), unreachable, unreachable)
    asyncio.run(_pushed(last))
    with caplog.at_level(logging.INFO):
        read = recalled(first)
    assert read.to_dict() == last.resumed().to_dict()
    assert (read.moved_at, read.unreachable_since, read.stale) == (
        last.moved_at,
        last.unreachable_since,
        True,
    )
    assert "Resumed with the state of the previous triggerer, after poll 4" in caplog.messages
    assert supervisor.pushes


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_worker_state_does_not_count_after_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The triggerer may have polled for a long time without a turn to push."""
    first = after(Unreachable("Connection refused"))
    asyncio.run(_pushed(first))
    with caplog.at_level(logging.INFO):
        assert recalled(first) == first.after_restart()
    assert caplog.messages == []


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_restart_polls_again_before_outage_ends_wait() -> None:
    """The first polls of a new triggerer may fail, and there were no polls while none was running."""
    unreachable = Unreachable("Connection refused")
    asyncio.run(_pushed(after(record(10.0), record(10.0), unreachable)))
    state = recalled(after(record(10.0)))
    decisions = []
    for second in range(360, 365):
        state, decision = step(Policy(15.0), state, unreachable, NOW + timedelta(seconds=second))
        decisions.append(decision)
    assert decisions == [*map(PollAgain, (1.0, 2.0, 4.0, 8.0)), Ended("unreachable_timeout")]


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_state_of_another_wait_is_ignored() -> None:
    other = replace(after(record(10.0), record(20.0)), began_at=NOW - timedelta(days=1))
    asyncio.run(_pushed(other))
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()


@needs_airflow_3_3
@pytest.mark.parametrize("field", ["polls", "outages", "timeline"])
def test_edited_state_is_ignored(supervisor: Supervisor, field: str) -> None:
    asyncio.run(_pushed(after(record(10.0), record(20.0))))
    supervisor.xcoms["upgrade_wait"][field] = "7"
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()


@needs_airflow_3_3
@pytest.mark.parametrize("error", [None, RuntimeError("API_SERVER_ERROR")])
def test_unreadable_state_is_logged_and_ignored(
    supervisor: Supervisor, error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.error = error
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()
    (line,) = [line for line in caplog.messages if "state" in line]
    assert line.startswith("The state of this wait could not be read back; the wait goes on: ")


@needs_airflow_3_3
def test_nothing_is_pushed_without_task_instance(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait() -> None:
        shown = live(ti=None)
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)
        first = after(record(10.0))
        assert await shown.recalled(first) == first.after_restart()

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert (supervisor.pushes, caplog.messages) == ([], [])


class Elsewhere(XCom):  # type: ignore[misc]
    """A backend that stores values elsewhere and blocks the event loop."""

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> str:
        raise AssertionError(value)


class BeforeAirflow33:
    """Without methods for triggers."""


@needs_airflow_3_3
@pytest.mark.parametrize(
    ("backend", "obstacle"),
    [
        (Elsewhere, "a custom XCom backend would block all triggers"),
        (BeforeAirflow33, "before Airflow 3.3 a trigger cannot push it"),
    ],
)
def test_obstacle_is_logged_once(
    backend: type,
    obstacle: str,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def wait() -> None:
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)

    monkeypatch.setattr(xcom_progress, "XCom", backend)
    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert supervisor.pushes == []
    assert caplog.messages == [f"No progress in XCom while deferred: {obstacle}"]


@pytest.mark.skipif(hasattr(XCom, "aset"), reason="Airflow 3.3 lets a trigger push XComs")
def test_old_airflow_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def wait() -> None:
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert caplog.messages == [
        "No progress in XCom while deferred: before Airflow 3.3 a trigger cannot push it"
    ]
