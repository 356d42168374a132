"""Waits that share their polls, with a server in the same event loop that answers on command."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster.per_loop import MAX_CONCURRENT_REQUESTS, loop_resources, loop_time
from airflow_provider_sf.hooks.cluster_cache import cached_cluster
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.triggers.poller import (
    MAX_SPREAD_SECONDS,
    PollResult,
    Subscription,
    next_in_schedule,
    poll_queue,
    poller_for,
)
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_sf.triggers.poller import Poller

CONNECTION = "service_fabric_default"
CONNECTION_VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
KIND = "application_resource"
MOVING = {
    "UpgradeState": "RollingForward",
    "StartTimestampUtc": "2026-03-01T03:00:00Z",
    "PercentCompleted": "10",
}
FURTHER = {**MOVING, "PercentCompleted": "20"}
DONE = {**MOVING, "UpgradeState": "CompletedRollforward"}

LOWEST_GC_THRESHOLD = 700
"""The default of Python 3.11 and 3.12."""

pytestmark = pytest.mark.usefixtures("short_pauses")


class Server:
    """Answers requests in their order while ``may_answer`` is set. A body of None is a status of 503."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.body: dict[str, Any] | None = MOVING
        self.requests: list[str] = []
        """The name in the path of each request."""
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(request.decode().split("/")[3])
                await self.may_answer.wait()
                body = json.dumps(self.body).encode()
                status = b"200 OK" if self.body is not None else b"503 Busy"
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def received(self, requests: int) -> None:
        """Wait until so many requests have come."""
        await until(lambda: len(self.requests) >= requests)


class Serving:
    """Runs asynchronous tests with a server. A test must leave no resource of the event loop behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, test: Callable[[Server], Awaitable[None]], **extra: float) -> None:
        asyncio.run(self._run(test, extra))

    async def _run(self, test: Callable[[Server], Awaitable[None]], extra: dict[str, float]) -> None:
        server = Server()
        listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        connection = {"conn_type": "service_fabric", "host": f"http://127.0.0.1:{port}", "extra": extra}
        self._monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
        await test(server)
        assert not loop_resources()
        server.may_answer.set()
        listening.close()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Serving:
    return Serving(monkeypatch)


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)


@asynccontextmanager
async def polling(name: str = "shop", kind: str = KIND) -> AsyncIterator[Poller]:
    async with (
        cached_cluster(CONNECTION),
        poll_queue(CONNECTION) as queue,
        poller_for(queue, kind, name) as poller,
    ):
        yield poller


def now(after: float = 0.0, interval: float = 60.0) -> Subscription:
    """Return a subscription to a poll that is sent from now on."""
    return Subscription(loop_time(), loop_time() + after, interval)


async def one_result(name: str = "shop") -> PollResult:
    async with polling(name) as poller:
        return await poller.next_result(now())


def percent(result: PollResult) -> float | None:
    assert isinstance(result.observation, UpgradeProgress)
    return result.observation.percent_completed


# One poll for all.


def test_one_poll_serves_all_waits(serving: Serving) -> None:
    async def test(server: Server) -> None:
        async with polling() as poller:
            results = await asyncio.gather(*(poller.next_result(now()) for _ in range(100)))
        assert len(set(map(id, results))) == 1
        assert server.requests == ["shop"]

    serving(test)


def test_upgrades_are_polled_separately(serving: Serving) -> None:
    async def test(server: Server) -> None:
        async with polling("a") as first, polling("b") as second, polling("a", "compose_deployment") as third:
            assert len({first, second, third}) == 3
            await asyncio.gather(*(poller.next_result(now()) for poller in (first, second, third)))
        assert sorted(server.requests) == ["$", "a", "b"]

    serving(test)


def test_same_bytes_are_same_record(serving: Serving) -> None:
    async def test(server: Server) -> None:
        async with polling() as poller:
            first, second = await poller.next_result(now()), await poller.next_result(now())
            server.body = FURTHER
            third = await poller.next_result(now())
        assert first.observation is second.observation
        assert first.at < second.at
        assert (percent(first), percent(third)) == (10.0, 20.0)

    serving(test)


def test_result_requested_before_subscription_does_not_count(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        async with polling() as poller:
            first = asyncio.create_task(poller.next_result(now()))
            await server.received(1)
            later = [asyncio.create_task(poller.next_result(now())) for _ in range(5)]
            await asyncio.sleep(0)
            server.may_answer.set()
            assert percent(await first) == 10.0
            server.body = FURTHER
            assert {percent(result) for result in await asyncio.gather(*later)} == {20.0}
        assert len(server.requests) == 2

    serving(test)


def test_subscription_is_not_served_early(serving: Serving) -> None:
    """A bad result is confirmed by a separate poll; the first poll is not before ``first_poll_at``."""

    async def test(_: Server) -> None:
        async with polling() as poller:
            due = loop_time() + 0.2
            later = asyncio.create_task(poller.next_result(Subscription(due, due)))
            await poller.next_result(now())
            assert not later.done() or loop_time() >= due
            await later
            assert loop_time() >= due

    serving(test)


def test_earliest_subscription_decides(serving: Serving) -> None:
    async def test(server: Server) -> None:
        async with polling() as poller:
            slow = asyncio.create_task(poller.next_result(now(after=3600.0)))
            await asyncio.sleep(0)
            await poller.next_result(now())
            await slow
        assert len(server.requests) == 1

    serving(test)


def test_cancelled_subscription_is_not_polled(serving: Serving) -> None:
    async def test(server: Server) -> None:
        async with polling() as poller:
            due = loop_time() + 0.1
            cancelled = asyncio.create_task(poller.next_result(now(after=0.05)))
            later = asyncio.create_task(poller.next_result(Subscription(due, due)))
            await asyncio.sleep(0)
            cancelled.cancel()
            await later
        assert len(server.requests) == 1

    serving(test)


# The schedule.


@pytest.mark.parametrize(
    ("interval", "time", "due"),
    [(5.0, 10.1, 15.0), (5.0, 14.9, 15.0), (5.0, 15.0, 20.0), (5.0, 27.0, 30.0), (7.5, 26.0, 32.5)],
)
def test_late_result_does_not_move_the_schedule(interval: float, time: float, due: float) -> None:
    assert next_in_schedule(10.0, interval, time) == pytest.approx(due)


def test_interval_is_at_least_one_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick has its real length here: most tests shorten it."""
    monkeypatch.setattr("airflow_provider_sf.triggers.poller.TICK_SECONDS", 0.1)
    assert next_in_schedule(10.0, 0.0, 10.0) == pytest.approx(10.1)


def test_first_polls_are_spread_over_an_interval(serving: Serving) -> None:
    async def test(_: Server) -> None:
        spreads = []
        for number in range(100):
            async with polling(f"shop-{number}") as poller:
                first = poller.first_subscription(-5.0, interval=600.0)
                spreads.append(first.latest - first.earliest)
        assert min(spreads) < MAX_SPREAD_SECONDS / 3 < 2 * MAX_SPREAD_SECONDS / 3 < max(spreads)
        assert max(spreads) <= MAX_SPREAD_SECONDS

    serving(test)


def test_wait_with_its_own_schedule_is_not_spread(serving: Serving) -> None:
    async def test(_: Server) -> None:
        async with polling() as poller:
            first = poller.first_subscription(10.0, interval=600.0, is_spread=False)
        assert first.latest == first.earliest

    serving(test)


def test_later_wait_uses_the_planned_poll(serving: Serving) -> None:
    async def test(_: Server) -> None:
        async with polling() as poller:
            await poller.next_result(now())
            later = poller.first_subscription(10.0, interval=5.0)
        assert later.latest - later.earliest == pytest.approx(5.0)
        assert later.earliest > loop_time()

    serving(test)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 also collects the frames of coroutines")
def test_running_polls_start_no_garbage_collection(serving: Serving) -> None:
    """The objects of the server are counted with those of the polls."""

    async def test(server: Server) -> None:
        names = [f"shop-{number}" for number in range(MAX_CONCURRENT_REQUESTS)]
        async with polling("keeps the connections open"):
            await asyncio.gather(*map(one_result, names))
            server.may_answer.clear()
            gc.collect()
            before, received = len(gc.get_objects()), len(server.requests)
            polls = [asyncio.create_task(one_result(name)) for name in names]
            await server.received(received + len(names))
            objects = len(gc.get_objects()) - before
            server.may_answer.set()
            await asyncio.gather(*polls)
        assert 0 < objects < LOWEST_GC_THRESHOLD

    serving(test)


# Errors and outages.


def test_error_is_one_result_for_all(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.body = None
        async with polling() as poller:
            results = await asyncio.gather(*(poller.next_result(now()) for _ in range(20)))
        error = results[0].observation
        assert isinstance(error, Unreachable)
        assert (error.status, error.__traceback__, error.__cause__) == (503, None, None)
        assert len({result.jitter for result in results}) == len(server.requests) == 1

    serving(test)


def test_outage_is_the_result_of_queued_polls(serving: Serving) -> None:
    """Eight polls at a time would need minutes to find the same for all."""

    async def test(server: Server) -> None:
        server.may_answer.clear()
        results = await asyncio.gather(
            *(one_result(f"shop-{number}") for number in range(20 * MAX_CONCURRENT_REQUESTS))
        )
        assert {type(result.observation) for result in results} == {Unreachable}
        assert len(server.requests) <= 4 * MAX_CONCURRENT_REQUESTS
        server.may_answer.set()
        while isinstance((result := await one_result()).observation, Unreachable):
            pass  # on a busy machine the answer may take longer than the timeout
        assert percent(result) == 10.0

    serving(test, connect_timeout=0.15, read_timeout=0.15)


def test_outage_is_forgotten_after_an_answer() -> None:
    async def test() -> None:
        async with poll_queue(CONNECTION) as queue:
            sent_at = loop_time()
            queue.note(sent_at, Unreachable("timed out"))
            assert str(queue.outage_since(sent_at)) == "timed out"
            assert queue.outage_since(sent_at + 1.0) is None, "queued after the poll was sent"

    asyncio.run(test())


@pytest.mark.parametrize("error", [None, Unreachable("busy", status=503), Rejected("no", status=404)])
def test_answer_since_then_is_no_outage(error: Any) -> None:
    async def test() -> None:
        async with poll_queue(CONNECTION) as queue:
            sent_at = loop_time()
            queue.note(sent_at, error)
            queue.note(sent_at, Unreachable("timed out"))
            assert queue.outage_since(sent_at) is None

    asyncio.run(test())


def test_bug_fails_every_wait(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load of the connection is replaced: no backend of Airflow raises on command."""

    def broken(_: ServiceFabricHook) -> None:
        msg = "the secrets backend is broken"
        raise RuntimeError(msg)

    monkeypatch.setattr(ServiceFabricHook, "get_conn", broken)

    async def test(_: Server) -> None:
        async with polling() as poller:
            errors = await asyncio.gather(
                *(poller.next_result(now()) for _ in range(3)), return_exceptions=True
            )
        assert [str(error) for error in errors] == ["the secrets backend is broken"] * 3

    serving(test)


# Concurrency and cancellation.


def test_only_some_polls_run_together(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        waits = [asyncio.create_task(one_result(f"shop-{number}")) for number in range(30)]
        await server.received(MAX_CONCURRENT_REQUESTS)
        await asyncio.sleep(0.02)
        assert len(server.requests) == server.connections == MAX_CONCURRENT_REQUESTS
        server.may_answer.set()
        assert {percent(result) for result in await asyncio.gather(*waits)} == {10.0}
        assert server.connections == MAX_CONCURRENT_REQUESTS

    serving(test)


def test_cancelled_wait_ends_no_other(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        waits = [asyncio.create_task(one_result()) for _ in range(3)]
        await server.received(1)
        waits[0].cancel()
        await asyncio.sleep(0.01)
        server.may_answer.set()
        cancelled, *results = await asyncio.gather(*waits, return_exceptions=True)
        assert isinstance(cancelled, asyncio.CancelledError)
        assert [percent(result) for result in results if isinstance(result, PollResult)] == [10.0, 10.0]
        assert len(server.requests) == 1

    serving(test)


def test_cancelled_wait_leaves_the_queue(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        names = [f"shop-{number}" for number in range(MAX_CONCURRENT_REQUESTS + 2)]
        waits = [asyncio.create_task(one_result(name)) for name in names]
        await server.received(MAX_CONCURRENT_REQUESTS)
        await asyncio.sleep(0.02)
        queued = sorted(set(names) - set(server.requests))
        waits[names.index(queued[0])].cancel()
        await asyncio.sleep(0.02)
        server.may_answer.set()
        await asyncio.gather(*waits, return_exceptions=True)
        assert sorted(server.requests) == sorted({*names} - {queued[0]})

    serving(test)


def test_last_wait_cancels_running_polls(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        wait = asyncio.create_task(one_result())
        await server.received(1)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        names = {task.get_coro().__name__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
        assert names == {"_run", "talk"}

    serving(test)


def test_cancelled_poll_is_made_again(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        async with polling() as poller:
            wait = asyncio.create_task(poller.next_result(now()))
            await server.received(1)
            for task in asyncio.all_tasks():
                if task.get_coro().__name__ == "_work":  # type: ignore[union-attr]
                    task.cancel()
            server.may_answer.set()
            assert percent(await wait) == 10.0
        assert len(server.requests) == 2

    serving(test)


def test_poll_queue_closes_before_workers_begin() -> None:
    """A worker that is cancelled before its first step must not keep the queue from closing."""

    async def test() -> None:
        async with poll_queue(CONNECTION) as queue, poller_for(queue, KIND, "shop") as poller:
            queue._due.append(poller)
            queue._start_workers()
        assert not loop_resources()

    asyncio.run(asyncio.wait_for(test(), 60.0))


# The task logs.

TASK: contextvars.ContextVar[str] = contextvars.ContextVar("task", default="none")


def test_polls_run_in_an_empty_context(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The triggerer chooses a task log by the context, in the thread of a connection load, too.

    The load is replaced to record its context.
    """
    contexts: list[str] = []
    load = ServiceFabricHook.get_conn

    def recorded(hook: ServiceFabricHook) -> Any:
        contexts.append(TASK.get())
        return load(hook)

    monkeypatch.setattr(ServiceFabricHook, "get_conn", recorded)

    async def test(_: Server) -> None:
        async def wait(task: str) -> str:
            TASK.set(task)
            await one_result()
            return TASK.get()

        assert [*await asyncio.gather(wait("first"), wait("second"))] == ["first", "second"]

    serving(test)
    assert contexts == ["none"]


# Whole waits.


def trigger(name: str, log: str = "trigger", **policy: Any) -> ServiceFabricUpgradeTrigger:
    deadline = datetime.now(timezone.utc) + timedelta(hours=1)
    created = ServiceFabricUpgradeTrigger(
        name=name,
        kind=KIND,
        service_fabric_conn_id=CONNECTION,
        first_poll_at="2020-01-01T00:00:00Z",
        wait_state=WaitState().to_dict(),
        **Policy(**{"poke_interval": 0.005, "deadline": deadline, **policy}).to_dict(),
    )
    created._log = logging.getLogger(log)  # type: ignore[assignment]  # where pytest can see it
    return created


async def final_state(wait: ServiceFabricUpgradeTrigger) -> WaitState:
    (event,) = [event async for event in wait.run()]
    return WaitState.from_dict(event.payload)


def test_many_waits_poll_like_few(serving: Serving) -> None:
    async def test(server: Server) -> None:
        server.may_answer.clear()
        waits = [final_state(trigger(f"shop-{number % 4}")) for number in range(200)]
        ended = asyncio.gather(*waits)
        await server.received(4)
        server.may_answer.set()
        await server.received(40)
        server.body = DONE
        states = await ended
        polls = Counter(server.requests)
        assert {state.ended_by for state in states} == {"upgrade"}
        assert set(polls) == {f"shop-{number}" for number in range(4)}
        assert all(polls[f"shop-{number % 4}"] >= state.polls for number, state in enumerate(states))
        assert server.connections <= 4

    serving(test)


def test_unchanged_polls_are_counted(serving: Serving) -> None:
    async def test(server: Server) -> None:
        ended = asyncio.create_task(final_state(trigger("shop")))
        await server.received(30)
        server.body = DONE
        state = await ended
        moving, done = state.timeline
        assert state.polls == len(server.requests)
        assert moving.first_seen_at < moving.last_seen_at < done.first_seen_at
        assert state.record is not None
        assert state.record.observed_at == done.last_seen_at

    serving(test)


def test_steps_continue_without_a_change(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    And some polls need none: a busy machine may send only one poll in a period, so this waits for two.

    The period is shortened: the test would take minutes.
    """
    monkeypatch.setattr("airflow_provider_sf.triggers.service_fabric.MAX_UNCHANGED_SECONDS", 0.1)

    async def test(server: Server) -> None:
        wait = trigger("shop")
        task = asyncio.create_task(final_state(wait))
        await until(lambda: wait.wait_state.polls > wait.wait_state.answers >= 3)
        server.body = DONE
        await task

    serving(test)


def test_waits_keep_their_policy_and_log(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: Server) -> None:
        server.body = {**MOVING, "UpgradeState": "RollingBack"}
        patient = asyncio.create_task(final_state(trigger("shop", "patient")))
        hasty = asyncio.create_task(final_state(trigger("shop", "hasty", on_rollback="fail_fast")))
        deadline = datetime.now(timezone.utc) + timedelta(seconds=0.3)
        short = asyncio.create_task(final_state(trigger("shop", "short", deadline=deadline)))
        assert (await short).ended_by == "timeout"
        assert (await hasty).ended_by == "upgrade"
        assert not patient.done()
        server.body = {**MOVING, "UpgradeState": "CompletedRollback"}
        assert (await patient).ended_by == "upgrade"

    with caplog.at_level(logging.INFO):
        serving(test)
    lines = Counter(record.name for record in caplog.records)
    assert (lines["patient"], lines["hasty"], lines["short"]) == (2, 1, 1)


def test_backoff_is_kept_beside_other_waits(serving: Serving) -> None:
    async def test(server: Server) -> None:
        often = asyncio.create_task(final_state(trigger("shop")))
        seldom = trigger("shop", poke_interval=0.05, exponential_backoff=True)
        seldom_ended = asyncio.create_task(final_state(seldom))
        await server.received(40)
        server.body = DONE
        assert (await often).polls > (await seldom_ended).polls

    serving(test)


@pytest.mark.usefixtures("reload_every_poll")
def test_warnings_are_logged_by_every_wait(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = "Could not reload the connection"

    async def test(server: Server) -> None:
        waits = [asyncio.create_task(final_state(trigger("shop", log))) for log in ("first", "second")]
        await server.received(5)
        monkeypatch.delenv(CONNECTION_VARIABLE)
        await until(lambda: any(line.startswith(start) for line in caplog.messages))
        server.body = DONE
        await asyncio.gather(*waits)

    with caplog.at_level(logging.INFO):
        serving(test)
    logs = [record.name for record in caplog.records if record.getMessage().startswith(start)]
    assert {"first", "second"} == set(logs)
