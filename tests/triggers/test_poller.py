"""Waits that share their polls, at a server in the same event loop that answers when it may."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster.per_loop import MOST_AT_ONCE, all_shared
from airflow_provider_sf.hooks.cluster_cache import cached_cluster
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.rest import Unreachable
from airflow_provider_sf.triggers import beat
from airflow_provider_sf.triggers.poller import Answer, Poller, Wish, shared_polls
from airflow_provider_sf.triggers.service_fabric import ServiceFabricUpgradeTrigger
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import WaitState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

CONNECTION = "service_fabric_default"
CONNECTION_VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
KIND = "application_resource"
NOW = datetime.now(timezone.utc)
FAR = NOW + timedelta(days=1)
MOVING = {
    "UpgradeState": "RollingForward",
    "StartTimestampUtc": "2026-03-01T03:00:00Z",
    "PercentCompleted": "10",
}
FURTHER = {**MOVING, "PercentCompleted": "20"}
DONE = {**MOVING, "UpgradeState": "CompletedRollforward"}


@pytest.fixture(autouse=True)
def fine_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "TICK_SECONDS", 0.001)


class Server:
    """Answers one request after the other, each when it ``may``; ``said`` is what, ``asked`` who was asked about."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.said: dict[str, Any] | None = MOVING
        self.asked: list[str] = []
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(request.decode().split("/")[3])
                await self.may.wait()
                body = json.dumps(self.said).encode()
                status = b"200 OK" if self.said is not None else b"503 Busy"
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    connection = {"conn_type": "service_fabric", "host": f"http://127.0.0.1:{port}"}
    monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
    yield server
    server.may.set()
    listening.close()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Server], Awaitable[None]]], None]:
    """Run a test with a server; everything that is shared must be gone after it."""

    def run(test: Callable[[Server], Awaitable[None]]) -> None:
        async def with_server() -> None:
            async with served(monkeypatch) as server:
                await test(server)
                assert not all_shared()

        asyncio.run(with_server())

    return run


@asynccontextmanager
async def polled(name: str = "shop") -> AsyncIterator[Poller]:
    async with cached_cluster(CONNECTION) as cluster, shared_polls(cluster, CONNECTION, KIND, name) as polls:
        yield polls


def soon(after: float = 0.0, **fields: Any) -> Wish:
    """Wish for an answer that is asked for from now on."""
    moment = asyncio.get_running_loop().time()
    return Wish(moment, moment + after, **fields)


async def one_answer(name: str = "shop", after: float = 0.0) -> Answer:
    """Join those who wait for an upgrade, wish for one answer, and leave with it."""
    async with polled(name) as polls:
        return await polls.next(soon(after))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - of things that tell nobody
        await asyncio.sleep(0.001)


async def asked(server: Server, times: int) -> None:
    """Wait until the server has been asked so often."""
    await until(lambda: len(server.asked) >= times)


def wishes(one: object) -> int:
    """Count who waits for what is shared."""
    return len(one._wishes) if isinstance(one, Poller) else 0


def percent(answer: Answer) -> float | None:
    assert isinstance(answer.observation, UpgradeProgress)
    return answer.observation.percent_completed


# One poll for all.


def test_all_who_wait_for_one_upgrade_get_the_answer_of_one_poll(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with polled() as polls:
            answers = await asyncio.gather(*(polls.next(soon(0.2)) for _ in range(100)))
        assert len(set(map(id, answers))) == 1
        assert server.asked == ["shop"]

    serving(wait)


def test_upgrades_and_their_kinds_are_polled_apart(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with (
            polled("a") as first,
            polled("b") as second,
            cached_cluster(CONNECTION) as cluster,
            shared_polls(cluster, CONNECTION, "compose_deployment", "a") as third,
        ):
            assert len({first, second, third}) == 3
            await asyncio.gather(*(polls.next(soon()) for polls in (first, second, third)))
        assert sorted(server.asked) == ["$", "a", "b"]
        assert server.connections <= 3

    serving(wait)


def test_what_brings_nothing_new_wakes_nobody_until_it_is_time(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with polled() as polls:
            first = await polls.next(soon())
            wish = soon(60.0, every=0.002, quiet_until=FAR, known=first)
            quiet = asyncio.create_task(polls.next(wish))
            await asked(server, 5)
            assert not quiet.done()
            server.said = FURTHER
            answer = await quiet
        assert (percent(first), percent(answer)) == (10.0, 20.0)
        assert wish.quiet >= 3
        assert wish.quietly is not None
        assert wish.quietly.percent_completed == 10.0
        assert wish.quietly.observed_at == wish.quiet_at
        assert wish.quiet_at is not None
        assert wish.quiet_at < answer.at

    serving(wait)


def test_at_the_end_of_the_rest_an_answer_wakes_though_it_brings_nothing(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with polled() as polls:
            first = await polls.next(soon())
            rest = datetime.now(timezone.utc) + timedelta(seconds=0.02)
            wish = soon(60.0, every=0.002, quiet_until=rest, known=first)
            answer = await polls.next(wish)
        assert len(server.asked) == wish.quiet + 2
        assert answer is first
        assert wish.quiet_at is not None
        assert wish.quiet_at < rest <= answer.at
        assert isinstance(answer.dated, UpgradeProgress)
        assert answer.dated.observed_at == answer.at

    serving(wait)


def test_a_clock_of_the_day_that_is_set_back_lets_nobody_ask_without_a_pause(serving: Any) -> None:
    """The moment by which an answer was wanted has come, though by the time of day the rest is not over."""

    async def wait(server: Server) -> None:
        async with polled() as polls:
            first = await polls.next(soon())
            wish = soon(0.01, every=60.0, quiet_until=FAR, known=first)
            assert await polls.next(wish) is first
            assert wish.quiet == 0
        assert len(server.asked) == 2

    serving(wait)


def test_who_missed_a_change_is_told_with_the_next_answer(serving: Any) -> None:
    """It knows less than the answer before says, though nothing has changed since."""

    async def wait(server: Server) -> None:
        async with polled() as polls:
            old = await polls.next(soon())
            server.said = FURTHER
            await polls.next(soon())
            answer = await polls.next(soon(quiet_until=FAR, known=old))
        assert percent(answer) == 20.0

    serving(wait)


def test_bytes_that_differ_are_read_and_clocks_are_nothing_new(serving: Any) -> None:
    """What is kept is what was there before, with the clocks of now: less to go through for the collector."""

    async def wait(server: Server) -> None:
        async with (
            cached_cluster(CONNECTION) as cluster,
            shared_polls(cluster, CONNECTION, "application", "shop") as polls,
        ):
            server.said = {
                **MOVING,
                "UpgradeState": "RollingForwardInProgress",
                "UpgradeDurationInMilliseconds": "60000",
            }
            first = await polls.next(soon())
            wish = soon(60.0, every=0.002, quiet_until=FAR, known=first)
            quiet = asyncio.create_task(polls.next(wish))
            await asked(server, 2)
            server.said = {**server.said, "UpgradeDurationInMilliseconds": "61000", "NobodyKnows": 7}
            await asked(server, 5)
            assert not quiet.done()
            quiet.cancel()
            await asyncio.gather(quiet, return_exceptions=True)
        assert wish.quietly is not None
        assert wish.quietly.duration_seconds == 61.0
        assert isinstance(first.observation, UpgradeProgress)
        assert first.observation.duration_seconds == 60.0
        assert wish.quietly.domains is first.observation.domains

    serving(wait)


def test_the_smallest_interval_is_polled_at_and_who_leaves_takes_it_along(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with polled() as polls:
            slow = asyncio.create_task(polls.next(soon(60.0, every=60.0)))
            async with polled() as same:
                assert same is polls
                await same.next(soon())
            assert percent(await slow) == 10.0
            slow = asyncio.create_task(polls.next(soon(60.0, every=60.0)))
            fast = asyncio.create_task(polls.next(soon(0.02)))
            await asyncio.sleep(0)
            fast.cancel()
            await asyncio.sleep(0.05)
            assert not slow.done()
            slow.cancel()
            await asyncio.gather(slow, fast, return_exceptions=True)
        assert server.asked == ["shop"]

    serving(wait)


# Who has joined when.


def test_nobody_decides_on_an_answer_that_was_asked_for_before_he_joined(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()
        async with polled() as polls:
            first = asyncio.create_task(polls.next(soon()))
            await asked(server, 1)
            second = asyncio.create_task(polls.next(soon()))
            await asyncio.sleep(0)
            server.may.set()
            old = await first
            server.said = FURTHER
            new = await second
        assert (percent(old), percent(new)) == (10.0, 20.0)
        assert len(server.asked) == 2

    serving(wait)


def test_an_answer_before_its_time_does_not_count_however_new_it_is(serving: Any) -> None:
    """A bad end is confirmed by a look of its own; a first poll is not due before ``first_poll_at``."""

    async def wait(server: Server) -> None:
        async with polled() as polls:
            moment = asyncio.get_running_loop().time()
            later = asyncio.create_task(polls.next(Wish(moment + 0.05, moment + 0.05)))
            for _ in range(3):
                await polls.next(soon())
            assert not later.done()
            answer = await later
            assert beat.moment(answer.due) >= moment + 0.05
        assert len(server.asked) == 4

    serving(wait)


# The beat.


def test_polls_begin_on_a_common_beat(serving: Any) -> None:
    async def wait(server: Server) -> None:
        async with polled("a") as first, polled("b") as second:
            by = asyncio.get_running_loop().time() + 0.0101
            answers = await asyncio.gather(
                first.next(Wish(by - 0.01, by)), second.next(Wish(by - 0.01, by + 0.0001))
            )
        assert len({answer.due for answer in answers}) <= 2
        assert sorted(server.asked) == ["a", "b"]

    serving(wait)


def test_an_interval_is_kept_in_step_however_late_an_answer_was(serving: Any) -> None:
    async def wait(_: Server) -> None:
        async with polled() as polls:
            first = (await polls.next(soon())).due
            steady = Wish(0.0, by=float("inf"), every=50 * beat.TICK_SECONDS)

            def beats_to(wish: Wish, now: int) -> int:
                return polls._beat_of(wish, first + now) - first

            assert [beats_to(steady, now) for now in (0, 4, 49, 50, 51, 120)] == [50, 50, 50, 50, 100, 150]
            by = replace(steady, by=beat.moment(first + 30))
            assert [beats_to(by, now) for now in (1, 30)] == [30, 30]
            assert beats_to(replace(steady, not_before=beat.moment(first + 70)), 1) == 70
            uneven = replace(steady, every=2.5 * beat.TICK_SECONDS)
            assert [beats_to(uneven, now) for now in (0, 1, 3, 4)] == [3, 3, 3, 6]
            assert beats_to(replace(steady, every=0.0), 0) == 1

    serving(wait)


@pytest.mark.parametrize("every", [2.0, 2.5, 10 / 3, 7.7])
def test_an_interval_that_is_no_multiple_of_the_beat_is_kept_too(serving: Any, every: float) -> None:
    async def wait(_: Server) -> None:
        async with polled() as polls:
            due = [(await polls.next(soon())).due]
            due += [(await polls.next(soon(60.0, every=every * beat.TICK_SECONDS))).due for _ in range(4)]
            assert all((later - sooner) % ceil(every) == 0 for sooner, later in pairwise(due))
            assert due[-1] - due[0] < 60.0 / beat.TICK_SECONDS

    serving(wait)


def test_the_first_polls_of_waits_that_start_together_are_spread_evenly(serving: Any) -> None:
    async def wait(_: Server) -> None:
        async def start(number: int) -> float:
            async with polled(f"shop-{number}") as polls:
                wish = polls.first_wish(-5.0, every=20.0)
                spread = wish.by - wish.not_before
                await asyncio.sleep(0.05)
                return spread

        spreads = await asyncio.gather(*(start(number) for number in range(150)))
        assert spreads[0] == 0.0
        buckets = Counter(int(spread) for spread in spreads)
        assert set(buckets) == set(range(15))
        assert set(buckets.values()) <= {9, 10, 11}

    serving(wait)


def test_who_joins_later_takes_the_poll_that_comes_anyway(serving: Any) -> None:
    async def wait(_: Server) -> None:
        async with polled() as polls:
            await polls.next(soon())
            wish = polls.first_wish(10.0, every=600.0)
            assert wish.not_before - asyncio.get_running_loop().time() == pytest.approx(10.0, abs=1.0)
            assert wish.by - wish.not_before == pytest.approx(15.0)

    serving(wait)


# What goes wrong.


def test_a_silence_is_looked_into_once_for_all(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.said = None
        async with polled() as polls:
            answers = await asyncio.gather(*(polls.next(soon(0.1)) for _ in range(20)))
        assert {type(answer.observation) for answer in answers} == {Unreachable}
        assert len({answer.chance for answer in answers}) == 1
        error = answers[0].observation
        assert isinstance(error, Unreachable)
        assert (error.status, error.__traceback__, error.__cause__) == (503, None, None)
        assert len(server.asked) == 1

    serving(wait)


def test_all_who_join_while_a_poll_is_under_way_are_told_by_the_next_one(serving: Any) -> None:
    """Each at a beat of its own: after a stall of ten seconds they would else be a hundred polls."""

    async def wait(server: Server) -> None:
        server.may.clear()

        tasks = [asyncio.create_task(one_answer())]
        await asked(server, 1)
        for _ in range(5):
            tasks.append(asyncio.create_task(one_answer()))
            await asyncio.sleep(5 * beat.TICK_SECONDS)
        server.may.set()
        await asyncio.gather(*tasks)
        assert len(server.asked) == 2

    serving(wait)


def test_one_who_is_cancelled_ends_nobody_elses_wait(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()

        tasks = [asyncio.create_task(one_answer(after=0.2)) for _ in range(3)]
        await asked(server, 1)
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        server.may.set()
        others = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(others[0], asyncio.CancelledError)
        assert [percent(answer) for answer in others[1:] if isinstance(answer, Answer)] == [10.0, 10.0]
        assert len(server.asked) == 1

    serving(wait)


def test_who_leaves_while_in_line_is_not_asked_about(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()

        tasks = [asyncio.create_task(one_answer(f"shop-{number}")) for number in range(MOST_AT_ONCE + 2)]
        await asked(server, MOST_AT_ONCE)
        await asyncio.sleep(0.02)
        leaves = tasks.pop(MOST_AT_ONCE)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        server.may.set()
        answers = await asyncio.gather(*tasks)
        assert {percent(answer) for answer in answers} == {10.0}
        assert sorted(server.asked) == sorted(
            f"shop-{number}" for number in (*range(MOST_AT_ONCE), MOST_AT_ONCE + 1)
        )

    serving(wait)


def test_the_last_one_to_leave_ends_the_poll_that_is_under_way(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()

        task = asyncio.create_task(one_answer())
        await asked(server, 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() - {asyncio.current_task()} == {
            task for task in asyncio.all_tasks() if "talk" in repr(task.get_coro())
        }

    serving(wait)


def test_a_fault_of_ours_ends_each_wait_with_its_traceback(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up is replaced: no backend of Airflow's raises when it is told to."""

    def broken(_: ServiceFabricHook) -> None:
        msg = "a secrets backend is broken"
        raise RuntimeError(msg)

    monkeypatch.setattr(ServiceFabricHook, "get_conn", broken)

    async def wait(_: Server) -> None:
        async with polled() as polls:
            said = await asyncio.gather(*(polls.next(soon()) for _ in range(3)), return_exceptions=True)
        assert [str(one) for one in said] == ["a secrets backend is broken"] * 3

    serving(wait)


def test_a_poll_that_somebody_else_cancels_is_made_again(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()
        async with polled() as polls:
            waiting = asyncio.create_task(polls.next(soon()))
            await asked(server, 1)
            assert polls._poll is not None
            polls._poll.cancel()
            server.may.set()
            assert percent(await waiting) == 10.0
        assert len(server.asked) == 2

    serving(wait)


def test_of_a_cluster_that_answers_nobody_all_hear_soon_however_many_there_are(
    serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few are asked about at a time; who stands in line since before they were is told of their silence."""

    async def wait(server: Server) -> None:
        url = json.loads(os.environ[CONNECTION_VARIABLE])["host"]
        patience = {"connect_timeout": 0.15, "read_timeout": 0.15}
        connection = {"conn_type": "service_fabric", "host": url, "extra": patience}
        monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
        server.may.clear()

        answers = await asyncio.gather(*(one_answer(f"shop-{number}") for number in range(20 * MOST_AT_ONCE)))
        assert {type(answer.observation) for answer in answers} == {Unreachable}
        assert len(server.asked) <= 4 * MOST_AT_ONCE
        assert server.connections <= 4 * MOST_AT_ONCE
        server.may.set()
        assert percent(await one_answer()) == 10.0

    serving(wait)


# Match log it is.

WHOSE: contextvars.ContextVar[str] = contextvars.ContextVar("match", default="nobody's")


def test_a_poll_runs_in_nobodys_context(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The triggerer tells by its context whose log a line belongs to, in the thread of a look-up, too."""
    contexts: list[str] = []
    look_up = ServiceFabricHook.get_conn

    def seen(hook: ServiceFabricHook) -> Any:
        contexts.append(WHOSE.get())
        return look_up(hook)

    monkeypatch.setattr(ServiceFabricHook, "get_conn", seen)

    async def wait(_: Server) -> None:
        async def one(match: str) -> str:
            WHOSE.set(match)
            async with polled() as polls:
                await polls.next(soon())
            return WHOSE.get()

        assert [*await asyncio.gather(one("mine"), one("yours"))] == ["mine", "yours"]

    serving(wait)
    assert contexts == ["nobody's"]


# Whole waits.


def trigger(name: str, log: str, **keywords: Any) -> ServiceFabricUpgradeTrigger:
    policy = Policy(**{"poke_interval": 0.005, "deadline": NOW + timedelta(hours=1), **keywords})
    made = ServiceFabricUpgradeTrigger(
        name=name,
        kind=KIND,
        service_fabric_conn_id=CONNECTION,
        first_poll_at="2020-01-01T00:00:00Z",
        memory=WaitState().to_dict(),
        **policy.to_dict(),
    )
    made._log = logging.getLogger(log)  # type: ignore[assignment]  # where pytest can see it
    return made


async def story(one: ServiceFabricUpgradeTrigger) -> WaitState:
    (event,) = [event async for event in one.run()]
    return WaitState.from_dict(event.payload)


async def stories(*waits: ServiceFabricUpgradeTrigger) -> list[WaitState]:
    return await asyncio.gather(*map(story, waits))


@pytest.mark.usefixtures("asked_again_at_once")
def test_many_waits_on_few_upgrades_ask_as_if_they_were_few(serving: Any) -> None:
    async def wait(server: Server) -> None:
        server.may.clear()
        waits = (trigger(f"shop-{number % 4}", "trigger") for number in range(200))
        ends = asyncio.create_task(stories(*waits))
        await until(lambda: sum(map(wishes, all_shared().values())) == 200)
        server.may.set()
        await asked(server, 40)
        server.said = DONE
        told = await ends
        assert {one.ended_by for one in told} == {"upgrade"}
        polls = Counter(server.asked)
        assert set(polls) == {f"shop-{number}" for number in range(4)}
        for number, one in enumerate(told):
            assert polls[f"shop-{number % 4}"] - one.polls in {0, 1}, (
                "the first was asked for before some joined"
            )
        assert server.connections <= 4

    serving(wait)


def test_the_story_counts_the_polls_that_it_did_not_hear_of(serving: Any) -> None:
    async def wait(server: Server) -> None:
        ends = asyncio.create_task(story(trigger("shop", "trigger")))
        await asked(server, 30)
        server.said = DONE
        one = await ends
        assert one.polls == len(server.asked)
        first, last = one.timeline
        assert first.last_seen_at - first.first_seen_at > timedelta(seconds=0.1)
        assert one.record is not None
        assert one.record.observed_at is not None
        assert one.record.observed_at >= last.first_seen_at - timedelta(seconds=1)

    serving(wait)


def test_each_wait_keeps_its_own_policy_and_its_own_log(
    serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(server: Server) -> None:
        server.said = {**MOVING, "UpgradeState": "RollingBack"}
        patient = asyncio.create_task(story(trigger("shop", "patient")))
        hasty = asyncio.create_task(story(trigger("shop", "hasty", on_rollback="fail_fast")))
        short = asyncio.create_task(
            story(trigger("shop", "short", deadline=datetime.now(timezone.utc) + timedelta(seconds=0.3)))
        )
        assert (await short).ended_by == "timeout"
        assert (await hasty).ended_by == "upgrade"
        assert not patient.done()
        server.said = {**MOVING, "UpgradeState": "CompletedRollback"}
        assert (await patient).ended_by == "upgrade"

    with caplog.at_level(logging.INFO):
        serving(wait)
    lines = Counter(record.name for record in caplog.records if record.name in {"patient", "hasty", "short"})
    assert lines["patient"] == 2
    assert lines["hasty"] == lines["short"] == 1


def test_a_wait_with_exponential_backoff_looks_when_it_says_whoever_else_does(serving: Any) -> None:
    async def wait(server: Server) -> None:
        often = asyncio.create_task(story(trigger("shop", "often")))
        rarely = asyncio.create_task(
            story(trigger("shop", "rarely", poke_interval=0.05, exponential_backoff=True))
        )
        await asked(server, 40)
        server.said = DONE
        seldom = await rarely
        assert (await often).polls > 3 * seldom.polls

    serving(wait)


def test_what_a_poll_has_to_say_is_said_in_the_log_of_each_wait(
    serving: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("airflow_provider_sf.hooks.cluster_cache.LOOK_UP_EVERY_SECONDS", 0.0)

    async def wait(server: Server) -> None:
        ends = asyncio.create_task(stories(trigger("shop", "mine"), trigger("shop", "yours")))
        await asked(server, 5)
        monkeypatch.delenv(CONNECTION_VARIABLE)
        await until(lambda: any("Going on" in line for line in caplog.messages))
        server.said = DONE
        await ends

    with caplog.at_level(logging.INFO):
        serving(wait)
    said = [record.name for record in caplog.records if "Going on" in record.getMessage()]
    assert sorted(said) == ["mine", "yours"]
