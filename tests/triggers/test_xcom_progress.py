"""What a trigger pushes and reads while the task is deferred; the channel to Airflow's supervisor is a stand-in."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import inf
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
    """Answers as Airflow's supervisor does, when it may; ``trouble`` is raised instead."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.pushes: list[str] = []
        self.trouble: Exception | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def asend(self, message: Any) -> Any:
        await self.may.wait()
        if self.trouble:
            raise self.trouble
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

    monkeypatch.setattr(xcom_progress, "SECONDS_APART", 0.05)
    monkeypatch.setattr(xcom_progress._queue, "free_at", 0.0)
    stand_in = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", stand_in, raising=False)
    return stand_in


def live(ti: Any = TI) -> XComProgress:
    return XComProgress("application_resource", "shop", ti, TRIGGER)


async def turn_of(shown: XComProgress) -> None:
    """Wait until its turn has come and gone."""
    if shown._turn is not None:
        await shown._turn


def record(percent: float) -> UpgradeProgress:
    return UpgradeProgress(
        "application_resource", "shop", state="RollingForward", started_at=NOW, percent_completed=percent
    )


def after(*looks: Any) -> WaitState:
    """Return the memory of a wait that has looked so often, every fifteen seconds."""
    memory = WaitState()
    for poll, look in enumerate(looks):
        memory, _ = step(Policy(15.0), memory, look, NOW + timedelta(seconds=15 * poll))
    return memory


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


@needs_airflow_3_3
def test_what_has_changed_is_pushed_at_most_every_thirty_seconds(supervisor: Supervisor) -> None:
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
def test_the_begin_and_the_end_of_a_silence_are_changes(supervisor: Supervisor) -> None:
    silent = Unreachable("Connection refused")

    async def wait() -> None:
        shown = live()
        for minute, memory in enumerate(
            (
                after(record(10.0)),
                after(record(10.0), silent),
                after(record(10.0), silent, silent),
                after(record(10.0), silent, silent, record(10.0)),
            )
        ):
            shown.show(memory, NOW + timedelta(minutes=minute))
            await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 3
    assert supervisor.xcoms["upgrade_wait"]["memory"]["unreachable_since"] is None


@needs_airflow_3_3
def test_a_wait_without_an_answer_yet_has_no_record_to_push(supervisor: Supervisor) -> None:
    async def wait() -> None:
        shown = live()
        shown.show(after(Unreachable("Connection refused")), NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]


@needs_airflow_3_3
def test_a_slow_push_keeps_nobody_waiting_but_the_end(supervisor: Supervisor) -> None:
    async def wait() -> None:
        supervisor.may.clear()
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await asyncio.sleep(0.01)
        shown.show(after(record(20.0)), NOW + timedelta(minutes=1))
        end = asyncio.create_task(shown.__aexit__(None, None, None))
        await asyncio.sleep(0.01)
        assert not end.done()
        assert supervisor.pushes == []
        supervisor.may.set()
        await end

    in_a_loop(wait)
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 10.0


@needs_airflow_3_3
def test_all_waits_of_a_triggerer_take_turns_and_push_what_is_newest_then(supervisor: Supervisor) -> None:
    async def wait() -> None:
        first, second = live(), live()
        first.show(after(record(10.0)), NOW)
        second.show(after(record(10.0)), NOW)
        second.show(after(record(20.0)), NOW + timedelta(seconds=1))
        await asyncio.sleep(0.01)
        assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]
        assert second._turn is not None
        await second._turn

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 2
    assert supervisor.xcoms["upgrade_progress"]["percent_completed"] == 20.0


@needs_airflow_3_3
def test_a_wait_that_ends_gives_its_turn_up(supervisor: Supervisor) -> None:
    async def wait() -> None:
        xcom_progress._queue.free_at = asyncio.get_running_loop().time() + 20.0
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
@pytest.mark.parametrize("how_far", ["its turn has not come", "it pushes"])
def test_a_wait_that_is_cancelled_pushes_nothing_any_more(supervisor: Supervisor, how_far: str) -> None:
    """Its task may have begun a new try, whose XComs are another wait's."""

    async def wait() -> None:
        supervisor.may.clear()
        if how_far != "it pushes":
            xcom_progress._queue.free_at = asyncio.get_running_loop().time() + 20.0

        async def watch() -> None:
            async with live() as shown:
                shown.show(after(record(10.0)), NOW)
                await asyncio.sleep(60)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        supervisor.may.set()
        await asyncio.sleep(0.01)

    in_a_loop(wait)
    assert supervisor.pushes == []


@needs_airflow_3_3
def test_a_push_that_hangs_does_not_keep_the_wait_from_its_end(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait() -> None:
        supervisor.may.clear()
        async with live() as shown:
            shown.show(after(record(10.0)), NOW)
            await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await turn_of(shown)

    monkeypatch.setattr(xcom_progress, "MOST_SECONDS", 0.02)
    in_a_loop(wait)


@needs_airflow_3_3
def test_what_the_worker_has_pushed_is_not_pushed_again_until_it_changes(supervisor: Supervisor) -> None:
    """However long it takes: of a thousand waits that stand still none costs the supervisor anything."""

    async def wait() -> None:
        shown = live()
        shown.begin(after(record(10.0)))
        for minute in range(0, 600, 10):
            now = NOW + timedelta(minutes=minute)
            shown.show(after(record(10.0)), now)
            assert shown.quiet_for(now) == inf
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
    ids=["moved and moved back", "a silence that is over", "a failure", "a reason"],
)
def test_what_a_reader_or_a_clock_wants_to_know_is_a_change(supervisor: Supervisor, later: WaitState) -> None:
    async def wait() -> None:
        shown = live()
        shown.begin(after(record(10.0)))
        shown.show(later, NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


@needs_airflow_3_3
def test_a_silence_that_the_worker_saw_first_is_pushed_so_that_its_clock_outlives_the_triggerer(
    supervisor: Supervisor,
) -> None:
    silent = Unreachable("timed out")
    first, second = after(silent), after(silent, silent)

    async def wait() -> None:
        shown = live()
        shown.begin(first)
        shown.show(second, NOW)
        await turn_of(shown)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait"]
    assert recalled(first).unreachable_since == first.unreachable_since


@needs_airflow_3_3
def test_a_change_that_has_no_turn_yet_is_shown_later(supervisor: Supervisor) -> None:
    async def wait() -> None:
        shown = live()
        for second, percent, quiet in ((0, 10.0, 30.0), (10, 20.0, 20.0), (30, 20.0, inf)):
            now = NOW + timedelta(seconds=second)
            shown.show(after(record(percent)), now)
            await turn_of(shown)
            assert shown.quiet_for(now) in {quiet, inf}

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"] * 2


@needs_airflow_3_3
def test_nobody_queues_up_for_long(supervisor: Supervisor) -> None:
    """With more waits than a supervisor can serve, each is shown less often."""

    async def wait() -> None:
        xcom_progress._queue.free_at = asyncio.get_running_loop().time() + 31.0
        shown = live()
        shown.show(after(record(10.0)), NOW)
        assert shown._turn is None
        xcom_progress._queue.free_at = 0.0
        shown.show(after(record(10.0)), NOW + timedelta(seconds=15))
        await asyncio.sleep(0.01)
        await shown.__aexit__(None, None, None)

    in_a_loop(wait)
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


@needs_airflow_3_3
def test_a_push_that_fails_is_said_once_and_tried_again(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait() -> None:
        shown = live()
        supervisor.trouble = RuntimeError("API_SERVER_ERROR")
        for minute in range(3):
            shown.show(after(record(10.0)), NOW + timedelta(minutes=minute))
            await turn_of(shown)
        supervisor.trouble = None
        shown.show(after(record(10.0)), NOW + timedelta(minutes=3))
        await turn_of(shown)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert [record.getMessage() for record in caplog.records if record.name == "trigger"] == [
        (
            "Progress could not be pushed as XCom, which does not matter to the wait itself: "
            "RuntimeError('API_SERVER_ERROR')"
        )
    ]
    assert supervisor.pushes == ["upgrade_wait", "upgrade_progress"]


def recalled(memory: WaitState) -> WaitState:
    return asyncio.run(_recalled(memory))


async def _recalled(memory: WaitState) -> WaitState:
    return await live().recalled(memory)


async def _pushed(memory: WaitState) -> None:
    shown = live()
    shown.show(memory, NOW)
    await turn_of(shown)


@needs_airflow_3_3
def test_after_a_restart_the_memory_is_read_back_and_all_clocks_go_on(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    first, silent = after(record(10.0)), Unreachable("Connection refused")
    last = after(record(10.0), record(20.0), silent, silent)
    asyncio.run(_pushed(last))
    with caplog.at_level(logging.INFO):
        read = recalled(first)
    assert read.to_dict() == last.resumed().to_dict()
    assert (read.moved_at, read.unreachable_since, read.stale) == (
        last.moved_at,
        last.unreachable_since,
        True,
    )
    assert "Taken up again with the memory of the triggerer before, of poll 4" in caplog.messages
    assert supervisor.pushes


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_the_workers_own_memory_says_nothing_of_what_a_triggerer_saw(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may have polled for long without a turn to push."""
    first = after(Unreachable("Connection refused"))
    asyncio.run(_pushed(first))
    with caplog.at_level(logging.INFO):
        assert recalled(first) == first.after_restart()
    assert caplog.messages == []


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_a_silence_before_a_restart_is_looked_into_anew_before_it_ends_the_wait() -> None:
    """A triggerer that has just started may lose its first polls, and nobody has asked while there was none."""
    silent = Unreachable("Connection refused")
    asyncio.run(_pushed(after(record(10.0), record(10.0), silent)))
    memory = recalled(after(record(10.0)))
    decisions = []
    for second in range(360, 365):
        memory, decision = step(Policy(15.0), memory, silent, NOW + timedelta(seconds=second))
        decisions.append(decision)
    assert decisions == [*map(PollAgain, (1.0, 2.0, 4.0, 8.0)), Ended("unreachable_timeout")]


@needs_airflow_3_3
@pytest.mark.usefixtures("supervisor")
def test_the_memory_of_another_wait_is_not_taken() -> None:
    other = replace(after(record(10.0), record(20.0)), began_at=NOW - timedelta(days=1))
    asyncio.run(_pushed(other))
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()


@needs_airflow_3_3
@pytest.mark.parametrize("field", ["polls", "outages", "timeline"])
def test_a_memory_that_somebody_has_edited_is_done_without(supervisor: Supervisor, field: str) -> None:
    asyncio.run(_pushed(after(record(10.0), record(20.0))))
    supervisor.xcoms["upgrade_wait"][field] = "7"
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()


@needs_airflow_3_3
@pytest.mark.parametrize("trouble", [None, RuntimeError("API_SERVER_ERROR")])
def test_a_memory_that_cannot_be_read_back_is_said_and_done_without(
    supervisor: Supervisor, trouble: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.trouble = trouble
    first = after(record(10.0))
    assert recalled(first) == first.after_restart()
    (line,) = [line for line in caplog.messages if "memory" in line]
    assert line.startswith(
        "The memory of this wait could not be read back, which does not matter to the wait"
    )


@needs_airflow_3_3
def test_without_a_task_instance_nothing_is_pushed_or_read(
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
    """A backend that stores values elsewhere, in the event loop that all triggers share."""

    @staticmethod
    def serialize_value(value: Any, **_: Any) -> str:
        raise AssertionError(value)


class BeforeAirflow33:
    """Has nothing for triggers."""


@needs_airflow_3_3
@pytest.mark.parametrize(
    ("backend", "obstacle"),
    [
        (Elsewhere, "a custom XCom backend would hold up all triggers"),
        (BeforeAirflow33, "before Airflow 3.3 a trigger cannot push it"),
    ],
)
def test_where_a_trigger_cannot_push_as_it_should_that_is_said_once(
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
def test_an_airflow_that_does_not_offer_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def wait() -> None:
        shown = live()
        shown.show(after(record(10.0)), NOW)
        await shown.__aexit__(None, None, None)

    with caplog.at_level(logging.INFO):
        in_a_loop(wait)
    assert caplog.messages == [
        "No progress in XCom while deferred: before Airflow 3.3 a trigger cannot push it"
    ]
