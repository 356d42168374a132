"""Watches of a simulated cluster, from polls to events, also over a restart of the triggerer."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airflow_provider_sf.airflow_versions import ASSET_WATCHERS, WATCH_STATE

if not ASSET_WATCHERS.is_available:
    pytest.skip("Airflow 2 watches no assets", allow_module_level=True)

from airflow.sdk import Asset
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_sf.cluster.per_loop import loop_resources
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.rest import Rejected, Unreachable
from airflow_provider_sf.triggers import poller, watch_store
from airflow_provider_sf.triggers.poller import PollResult, Subscription
from airflow_provider_sf.triggers.upgrade_end import ServiceFabricUpgradeEndTrigger
from airflow_provider_sf.triggers.upgrade_polls import Poll, _next_subscription, polls_of
from tests.triggers.stand_in import until
from tests.triggers.watching import SHOP, AssetStore, Triggerer, watch_of
from tests.wait.test_watch import (
    BACK,
    BACK_DONE,
    DONE,
    FORWARD,
    OLD,
    histories,
    moments,
    record,
    records_at,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_sf.simulator import Simulator
    from airflow_provider_sf.triggers.upgrade_watch import UpgradeWatch
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.state_machine import Observation
    from tests.wait.cluster_manager import ClusterManager

pytestmark = pytest.mark.usefixtures("short_pauses")

needs_shared_streams = pytest.mark.skipif(
    not WATCH_STATE.is_available, reason="before Airflow 3.3 watches share no stream"
)

CLASS_PATH = "airflow_provider_sf.triggers.upgrade_end.ServiceFabricUpgradeEndTrigger"
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


# Polls by hand: what a watch does with them.


async def payloads_of(watch: UpgradeWatch, *observations: Observation) -> list[dict[str, Any]]:
    """Return the events that a watch makes of these polls. Airflow stores each of them."""

    async def polls() -> AsyncIterator[Poll]:
        for number, observation in enumerate(observations):
            poll = Poll(PollResult(observation, NOW + timedelta(seconds=15 * number)))
            yield poll
            for confirm in poll.when_stored:
                await confirm()

    return [payload async for payload in watch.events(polls())]


async def send(store: AssetStore, *observations: Observation) -> list[dict[str, Any]]:
    """Return the payloads of a triggerer; Airflow stores its events."""
    return await payloads_of(watch_of(store=store).make_watch(), *observations)


def outcomes_of(*observations: Observation, **keywords: Any) -> list[str]:
    """Return the outcomes of the events of one triggerer."""
    payloads = asyncio.run(payloads_of(watch_of(**keywords).make_watch(), *observations))
    return [payload["outcome"] for payload in payloads]


def test_watch_sends_only_wanted_ends(caplog: pytest.LogCaptureFixture) -> None:
    polls = [OLD, record(FORWARD), record(DONE), record(FORWARD, 2, "v2"), record(BACK_DONE, 2, "v1")]
    with caplog.at_level(logging.INFO):
        assert outcomes_of(*polls, outcomes=["failed", "rolled_back"]) == ["rolled_back"]
    assert caplog.messages == [
        (
            "Watching: upgrades of application 'fabric:/idle-shop/web' (service_fabric_default); "
            "on record: v0, started 2026-03-01 03:00:00 UTC (rolling forward completed)"
        ),
        (
            "In progress: upgrade of application 'fabric:/idle-shop/web' (service_fabric_default): v1, "
            "started 2026-03-01 03:01:00 UTC; waiting for its end"
        ),
        (
            "Succeeded: upgrade of application 'fabric:/idle-shop/web' (service_fabric_default) to v1, started 2026-03-01 03:01:00 UTC; "
            "no event, outcomes has only rolled_back, failed"
        ),
        (
            "In progress: upgrade of application 'fabric:/idle-shop/web' (service_fabric_default): v2, "
            "started 2026-03-01 03:02:00 UTC; waiting for its end"
        ),
        (
            "Rolled back: upgrade of application 'fabric:/idle-shop/web' (service_fabric_default) to v2, started 2026-03-01 03:02:00 UTC; "
            "sending its event"
        ),
    ]


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([record(FORWARD), record(FORWARD), record(DONE)], ["Watching", "Succeeded"]),
        (
            [OLD, record(FORWARD), record(FORWARD, 2, "v2"), record(DONE, 2, "v2")],
            ["Watching", "In progress", "Superseded", "In progress", "Succeeded"],
        ),
        (
            [OLD, record(BACK, 1, "v0"), record(BACK_DONE, 1, "v0")],
            ["Watching", "In progress", "Rolled back"],
        ),
        ([OLD, record(DONE)], ["Watching", "Succeeded"]),
    ],
)
def test_each_upgrade_is_logged(
    records: list[UpgradeProgress], lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        outcomes_of(*records)
    assert [line.partition(":")[0] for line in caplog.messages] == lines


def test_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = [Unreachable("Connection refused", endpoint="http://c:19080")] * 3
    missing = Rejected("not found", endpoint="http://c:19080")
    with caplog.at_level(logging.INFO):
        outcomes_of(OLD, *outage, missing, OLD, record("NewState"), record("NewState"), OLD)
    assert [line.partition(" of ")[0] for line in caplog.messages] == [
        "Watching: upgrades",
        "The upgrade",
        "The upgrade",
        "The upgrade",
        "Unknown state 'new state'",
        "The upgrade",
    ]
    assert "cannot be read; the watch goes on: " in caplog.messages[1]
    assert "Connection refused" in caplog.messages[1]
    assert "not found" in caplog.messages[2]
    assert caplog.messages[3].endswith("can be read again")


def test_warning_of_a_poll_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def polls() -> AsyncIterator[Poll]:
        yield Poll(replace(PollResult(OLD, NOW), warnings=("the certificate expires soon",)))

    async def run() -> None:
        assert [event async for event in watch_of().make_watch().events(polls())] == []

    asyncio.run(run())
    assert "the certificate expires soon" in caplog.messages


def test_next_triggerer_continues() -> None:
    """The upgrade ends while no triggerer runs."""
    store = AssetStore()
    assert outcomes_of(OLD, record(FORWARD), store=store) == []
    assert outcomes_of(record(DONE), record(DONE), store=store) == ["succeeded"]
    assert outcomes_of(record(DONE), store=store) == []


def test_upgrade_between_two_triggerers_is_found() -> None:
    store = AssetStore()
    assert outcomes_of(OLD, store=store) == []
    assert outcomes_of(record(DONE), store=store) == ["succeeded"]


def test_unpaused_dag_begins_a_new_watch() -> None:
    """Airflow then makes a new row for the trigger."""
    store = AssetStore()
    assert outcomes_of(OLD, store=store, row=1) == []
    assert outcomes_of(record(DONE), record(DONE), store=store, row=2) == []
    assert outcomes_of(record(DONE), record(FORWARD, 3), record(DONE, 3), store=store, row=2) == ["succeeded"]


def test_watches_of_one_asset_have_separate_states() -> None:
    store = AssetStore()
    for outcomes in (["succeeded"], ["failed"]):
        outcomes_of(OLD, store=store, outcomes=outcomes)
    assert len(store.values) == 2


def test_without_a_store_each_triggerer_begins_a_watch() -> None:
    assert outcomes_of(OLD) == []
    assert outcomes_of(record(DONE)) == []


async def die_after_sending(store: AssetStore, *observations: Observation) -> list[dict[str, Any]]:
    """Return the payloads of a triggerer that dies before Airflow has stored its events."""

    async def polls() -> AsyncIterator[Poll]:
        for observation in observations:
            yield Poll(PollResult(observation, NOW))

    return [payload async for payload in watch_of(store=store).make_watch().events(polls())]


def test_unconfirmed_end_is_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    """Another upgrade is on record meanwhile: only the store knows how the first one has ended."""
    store = AssetStore()
    (lost,) = asyncio.run(die_after_sending(store, OLD, record(FORWARD), record("Failed")))
    sent = asyncio.run(die_after_sending(store, record(FORWARD, 2, "v2")))
    assert sent == [lost]
    assert any(
        line.startswith(
            "Sending an event of application 'fabric:/idle-shop/web' (service_fabric_default) again"
        )
        for line in caplog.messages
    )
    assert outcomes_of(record(FORWARD, 2, "v2"), store=store) == ["failed"]
    assert outcomes_of(record(DONE, 2, "v2"), store=store) == ["succeeded"]
    assert outcomes_of(record(DONE, 2, "v2"), store=store) == []


LIVES, LOSES, DIES = "lives", "dies before Airflow has stored its events", "dies right after that"


@given(histories(), st.data())
def test_restarts_lose_no_end(manager: ClusterManager, data: st.DataObject) -> None:
    """Each triggerer polls a part of the history, and the last one lives."""
    records = records_at(manager, moments(manager))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(records)), max_size=4)))
    fates = [data.draw(st.sampled_from([LIVES, LOSES, DIES])) for _ in cuts]
    store, received = AssetStore(), []
    for begin, end, fate in zip([0, *cuts], [*cuts, None], [*fates, LIVES], strict=True):
        run = send if fate == LIVES else die_after_sending
        sent = asyncio.run(run(store, *(records[begin:end] or records[-1:])))
        received += [] if fate == LOSES else sent
    ends = [end.to_dict() for end in watch(*records)]
    assert received == ends or DIES in fates
    assert all(end in received for end in ends)
    assert all(end in ends for end in received)


def test_late_triggerer_sends_no_end_again() -> None:
    """A machine was suspended. Meanwhile another triggerer has got the watch, and has reported the end."""

    async def run() -> None:
        store, feed = AssetStore(), asyncio.Queue[Poll]()
        late = watch_of(store=store).make_watch().events(queued(feed))
        ending = asyncio.ensure_future(anext(late))
        feed.put_nowait(Poll(PollResult(record(FORWARD), NOW)))
        await until(lambda: store.values)
        assert [end["outcome"] for end in await send(store, record(FORWARD), record(DONE))] == ["succeeded"]
        for observation in (record(DONE), record(FORWARD, 2), record(DONE, 2)):
            feed.put_nowait(Poll(PollResult(observation, NOW)))
        assert (await ending)["started_at"] == "2026-03-01T03:02:00Z"

    asyncio.run(run())


async def queued(feed: asyncio.Queue[Poll]) -> AsyncIterator[Poll]:
    while True:
        yield await feed.get()


def test_unreadable_store_delays_the_watch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pause is shortened: the test would take 15 s."""
    monkeypatch.setattr(watch_store, "FIRST_RETRY_SECONDS", 0.001)
    store = AssetStore()
    outcomes_of(OLD, store=store)
    store.errors = [RuntimeError("no answer"), RuntimeError("no answer")]
    assert outcomes_of(record(DONE), store=store) == ["succeeded"]
    assert sum(line.startswith("State of the watch could not be read") for line in caplog.messages) == 2


def test_lost_answer_of_airflow_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pause and the limit are shortened: the test would take half a minute."""
    monkeypatch.setattr(watch_store, "FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(watch_store, "TIMEOUT_SECONDS", 0.01)
    store = AssetStore()
    outcomes_of(OLD, store=store)
    store.lost_answers = 1
    assert outcomes_of(record(DONE), store=store) == ["succeeded"]
    assert any("no answer from Airflow within 0.01 s" in line for line in caplog.messages)


def test_failed_write_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    store, written = AssetStore(), []

    async def polls() -> AsyncIterator[Poll]:
        store.errors = [RuntimeError("no answer"), RuntimeError("no answer")]
        for _ in range(3):
            yield Poll(PollResult(OLD, NOW))
            written.append(len(store.values))

    async def run() -> None:
        assert [event async for event in watch_of(store=store).make_watch().events(polls())] == []

    asyncio.run(run())
    assert written == [0, 0, 1]
    assert sum(line.startswith("State of the watch could not be stored") for line in caplog.messages) == 1


def test_end_is_sent_without_the_store(caplog: pytest.LogCaptureFixture) -> None:
    """The read before an event fails: an event twice is better than none."""
    store = AssetStore()

    async def run() -> list[str]:
        async def polls() -> AsyncIterator[Poll]:
            yield Poll(PollResult(OLD, NOW))
            store.errors = [RuntimeError("no answer")]
            yield Poll(PollResult(record(DONE), NOW))

        return [payload["outcome"] async for payload in watch_of(store=store).make_watch().events(polls())]

    assert asyncio.run(run()) == ["succeeded"]
    assert any("could not be read; the watch goes on" in line for line in caplog.messages)


def test_state_of_another_release_begins_a_watch(caplog: pytest.LogCaptureFixture) -> None:
    store = AssetStore()
    outcomes_of(OLD, store=store)
    (key,) = store.values
    store.values[key] = {"schema": "service_fabric.upgrade_watch/2"}
    assert outcomes_of(record(DONE), store=store) == []
    assert any(line.startswith("State of the watch is not readable") for line in caplog.messages)


@needs_shared_streams
def test_trigger_of_several_assets_keeps_no_state(caplog: pytest.LogCaptureFixture) -> None:
    from airflow.sdk.execution_time.context import AssetStateStoreAccessors  # noqa: PLC0415 - not before Airflow 3.3

    several: Any = AssetStateStoreAccessors(inlets=[Asset("first"), Asset("second")])
    assert outcomes_of(OLD, record(DONE), store=several) == ["succeeded"]
    (line,) = [line for line in caplog.messages if line.startswith("The watch keeps no state")]
    assert "give each asset a separate trigger" in line


# A simulated cluster.


def start(version: str, name: str = SHOP) -> None:
    upgrade = ApplicationUpgrade(name=name, target_version=version, mode="UnmonitoredAuto")
    ServiceFabricHook().start_application_upgrade(upgrade)


async def run_upgrade(clock: Any, version: str) -> None:
    """Start an upgrade, and let it end an hour later."""
    await asyncio.to_thread(start, version)
    clock.now += 3600


def polls(simulator: Simulator) -> int:
    return sum("GetUpgradeProgress" in request for request in simulator.requests)


async def polled(simulator: Simulator, times: int = 4) -> None:
    """Wait until the upgrade was read some times more."""
    seen = polls(simulator)
    await until(lambda: polls(simulator) >= seen + times)


def test_upgrade_without_shared_streams(simulator: Simulator, clock: Any) -> None:
    """As before Airflow 3.3."""

    async def run() -> None:
        events = watch_of().run()
        first = asyncio.ensure_future(anext(events))
        await polled(simulator)
        await run_upgrade(clock, "v1")
        payload = (await first).payload
        assert (payload["outcome"], payload["target_version"]) == ("succeeded", "v1")
        await events.aclose()  # type: ignore[attr-defined]
        assert not loop_resources()

    asyncio.run(run())


def test_cancelled_watch_leaves_nothing_behind(simulator: Simulator) -> None:
    async def run() -> None:
        waiting = asyncio.ensure_future(anext(watch_of().run()))
        await polled(simulator)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert not loop_resources()

    asyncio.run(run())


@needs_shared_streams
def test_watches_share_each_poll(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Two watches with different filters get the same polls.

    The spread is shortened: the test would take up to 15 s.
    """
    monkeypatch.setattr(poller, "MAX_SPREAD_SECONDS", 0.01)

    async def run() -> None:
        triggerer = Triggerer()
        watches = [
            watch_of(row=row, store=AssetStore(), outcomes=[outcome], poke_interval=3600.0)
            for row, outcome in enumerate(["succeeded", "failed"])
        ]
        async with triggerer.running(*watches):
            await until(lambda: all(watch.asset_state_store.values for watch in watches))  # type: ignore[union-attr]
            assert len(triggerer.streams._groups) == 1
            assert polls(simulator) == 2  # each change is read twice
        assert not loop_resources()

    asyncio.run(run())


@needs_shared_streams
def test_each_end_wakes_its_own_watch(simulator: Simulator, clock: Any) -> None:
    """Between the two ends the triggerer dies, and another one continues."""
    stores = [AssetStore(), AssetStore()]

    def watches() -> list[ServiceFabricUpgradeEndTrigger]:
        filters = ["succeeded"], ["rolled_back"]
        return [watch_of(row=row, store=stores[row], outcomes=filters[row]) for row in (0, 1)]

    async def run() -> None:
        first, second = Triggerer(), Triggerer()
        async with first.running(*watches()):
            await polled(simulator)
            await run_upgrade(clock, "v1")
            await until(lambda: first.sent)
            await until(lambda: stores[0].value["unconfirmed"] == [])
            await asyncio.to_thread(start, "v2")
            await polled(simulator)
        await asyncio.to_thread(ServiceFabricHook().rollback_application_upgrade, SHOP)
        clock.now += 3600
        async with second.running(*watches()):
            await until(lambda: second.sent)
            await polled(simulator)
        assert [(row, end["outcome"], end["target_version"]) for row, end in first.sent] == [
            (0, "succeeded", "v1")
        ]
        assert [(row, end["outcome"], end["target_version"]) for row, end in second.sent] == [
            (1, "rolled_back", "v2")
        ]

    asyncio.run(run())


@needs_shared_streams
def test_event_that_was_not_stored_is_sent_again(simulator: Simulator, clock: Any) -> None:
    """The triggerer dies after it has sent the event, and before Airflow has stored it."""
    store = AssetStore()

    async def run() -> None:
        dying, next_one = Triggerer(stores_events=False), Triggerer()
        async with dying.running(watch_of(store=store)):
            await polled(simulator)
            await run_upgrade(clock, "v1")
            await until(lambda: dying.sent)
            await polled(simulator)
            assert len(store.value["unconfirmed"]) == 1
        async with next_one.running(watch_of(store=store)):
            await until(lambda: store.value["unconfirmed"] == [])
            await polled(simulator)
        assert dying.sent == next_one.sent

    asyncio.run(run())


@needs_shared_streams
@pytest.mark.usefixtures("simulator")
def test_closed_stream_leaves_nothing_behind() -> None:
    async def run() -> None:
        producer = ServiceFabricUpgradeEndTrigger.create_shared_stream_producer(watch_of().serialize()[1])
        stream: Any = producer.open_stream()
        await anext(stream)
        await stream.aclose()
        assert not loop_resources()

    asyncio.run(run())


@needs_shared_streams
def test_failed_watch_confirms_nothing() -> None:
    """If one of the watches of a poll has failed, it is not known which events were stored."""
    from airflow.triggers.shared_stream import AdvanceItem, AdvanceOutcome  # noqa: PLC0415 - not before Airflow 3.3

    async def run() -> None:
        producer = ServiceFabricUpgradeEndTrigger.create_shared_stream_producer(watch_of().serialize()[1])
        confirmed: list[str] = []
        poll = Poll(PollResult(OLD, NOW))

        async def confirm() -> None:
            confirmed.append("stored")

        poll.when_stored.append(confirm)
        await producer.advance([AdvanceItem(poll, AdvanceOutcome(acked=1, failed=1))])
        assert confirmed == []
        await producer.advance([AdvanceItem(poll, AdvanceOutcome(acked=2, failed=0))])
        assert confirmed == ["stored"]

    asyncio.run(run())


@pytest.mark.parametrize("scenario", ["good", "rolled_back", "failed", "superseded", "paused"])
def test_scenario_has_these_ends(simulator: Simulator, clock: Any, scenario: str) -> None:
    """The first look finds the upgrade in flight."""
    expected = {
        "rolled_back": ["rolled_back"],
        "failed": ["failed"],
        "superseded": ["superseded", "succeeded"],
    }

    async def run() -> list[str]:
        found: list[str] = []

        async def collect() -> None:
            async for event in watch_of(f"fabric:/{scenario}-shop/web").run():
                found.append(event.payload["outcome"])  # noqa: PERF401 - a comprehension would be lost

        collecting = asyncio.ensure_future(collect())
        for _ in range(40):
            await polled(simulator, 3)
            clock.now += 60
        await polled(simulator, 3)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        return found

    assert asyncio.run(run()) == expected.get(scenario, ["succeeded"])


def test_change_is_read_twice(simulator: Simulator, clock: Any) -> None:
    """One answer that the next one contradicts reaches no watch."""

    async def run() -> None:
        stream = polls_of("service_fabric_default", "application", SHOP, 0.01)
        first = (await anext(stream)).result.observation
        assert polls(simulator) == 2
        again = (await anext(stream)).result.observation
        assert polls(simulator) == 3
        assert again is first
        await run_upgrade(clock, "v1")
        changed: Any = (await anext(stream)).result.observation
        assert polls(simulator) == 5
        assert changed.target_version == "v1"
        await stream.aclose()

    asyncio.run(run())


def test_unreachable_cluster_is_polled_again(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", f"service-fabric://127.0.0.1:{closed_port}")

    async def run() -> None:
        stream = polls_of("service_fabric_default", "application", SHOP, 0.01)
        for _ in range(3):
            assert isinstance((await anext(stream)).result.observation, Unreachable)
        await stream.aclose()

    asyncio.run(run())


def test_long_retry_after_blinds_no_watch() -> None:
    """A proxy may ask to come back tomorrow."""

    async def run() -> Subscription:
        error = Unreachable("busy", retry_after=86_400.0)
        return _next_subscription(PollResult(error, datetime.now(timezone.utc)), 15.0)

    subscription = asyncio.run(run())
    assert subscription.latest - subscription.earliest == 300.0


# The row in Airflow's database.


def test_row_has_names_only() -> None:
    path, keywords = ServiceFabricUpgradeEndTrigger(name="fabric:/shop/web").serialize()
    assert path == CLASS_PATH
    assert keywords == {
        "name": "fabric:/shop/web",
        "kind": "application",
        "service_fabric_conn_id": "service_fabric_default",
        "outcomes": ["succeeded", "rolled_back", "failed", "superseded"],
        "poke_interval": 15.0,
    }


def test_airflow_finds_the_row_again() -> None:
    """Otherwise each parsed DAG file would begin a new watch."""
    keywords = ServiceFabricUpgradeEndTrigger(name="shop").serialize()[1]
    stored = json.loads(json.dumps(keywords))
    assert BaseEventTrigger.hash(CLASS_PATH, keywords) == BaseEventTrigger.hash(CLASS_PATH, stored)


def test_spellings_of_a_name_share_a_stream() -> None:
    keys = {
        watch_of(name, kind="application").shared_stream_key() for name in ("fabric:/shop/web", "shop~web")
    }
    assert len(keys) == 1
    assert watch_of("shop", kind="application").shared_stream_key() not in keys


@pytest.mark.parametrize(
    ("keywords", "problem"),
    [
        ({"name": "fabric:/shop/web", "kind": "app"}, "kind 'app' is not supported"),
        ({"name": ""}, "name is empty"),
        ({"name": "{{ var.value.name }}"}, "name of an asset must be a text without a template"),
        ({"name": 5}, "name of an asset must be a text without a template, not 5"),
        (
            {"name": "shop", "service_fabric_conn_id": None},
            "service_fabric_conn_id of an asset must be a text without a template, not None",
        ),
        (
            {"name": "shop", "service_fabric_conn_id": "{{ x }}"},
            "service_fabric_conn_id of an asset must be a text",
        ),
        (
            {"name": "shop", "outcomes": ["success"]},
            "outcomes must be a list of 'succeeded' or 'rolled_back'",
        ),
        ({"name": "shop", "outcomes": "failed"}, "outcomes must be a list of"),
        ({"name": "shop", "outcomes": []}, "outcomes must be a list of"),
        ({"name": "shop", "poke_interval": 0}, "poke_interval must be more than 0 s"),
        ({"name": "shop", "poke_interval": "15"}, "poke_interval must be a timedelta or a number of seconds"),
    ],
)
@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_invalid_watch_is_refused(keywords: dict[str, Any], problem: str, error: type[Exception]) -> None:
    """The triggerer survives only a TypeError of a constructor."""
    with pytest.raises(error, match=r"^watch of .*: ") as raised:
        ServiceFabricUpgradeEndTrigger(**keywords)
    assert problem in str(raised.value)
