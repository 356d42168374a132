"""The cluster is a pure function of its journal and the time, over random commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.journal import Command
from airflow_provider_sf.upgrades import UpgradeProgress
from tests.conftest import Clock
from tests.simulator.driven import MANUAL, MONITORED, Driven
from tests.simulator.published import RESPONSES, UNPUBLISHED_MEMBERS, client, unknown_members, validator

DOMAINS = [f"UD{number}" for number in range(1, 6)]
AUTO = {"RollingUpgradeMode": "UnmonitoredAuto"}
PAUSES = {**MONITORED, "MonitoringPolicy": {"FailureAction": "Manual"}}
API = {"Parameters": [{"Key": "Api_InstanceCount", "Value": "2"}]}
UNKNOWN = {"Parameters": [{"Key": "Unknown", "Value": ""}]}


@dataclass(frozen=True)
class Step:
    """Seconds to wait, and a command with its argument."""

    seconds: float
    call: str
    argument: Any

    def run(self, driven: Driven) -> None:
        driven.second += self.seconds
        if self.call == "start":
            driven.start(self.argument[0], **self.argument[1])
        elif self.call == "update":
            driven.update(**self.argument)
        elif self.call == "resume":
            driven.resume(self.argument or driven.progress()["NextUpgradeDomain"])
        else:
            driven.rollback()


WAITS = st.one_of(st.sampled_from([0.0, 10.0, 30.0, 100.0, 1_000.0]), st.floats(0, 700))
STARTS = st.tuples(
    st.sampled_from(["v0", "v1", "v2", "v9"]), st.sampled_from([{}, MANUAL, AUTO, PAUSES, API, UNKNOWN])
)
UPDATES = st.sampled_from([MANUAL, AUTO, {"RollingUpgradeMode": "Monitored"}, {"ForceRestart": True}])
STEPS = st.lists(
    st.one_of(
        st.builds(Step, WAITS, st.just("start"), STARTS),
        st.builds(
            Step,
            WAITS,
            st.just("update"),
            UPDATES,
        ),
        st.builds(Step, WAITS, st.just("resume"), st.sampled_from(["", *DOMAINS])),
        st.builds(Step, WAITS, st.just("rollback"), st.none()),
    ),
    max_size=8,
)
NAMES = st.sampled_from(
    [*(f"fabric:/{prefix}-shop" for prefix in COURSES), "fabric:/good-shop", "fabric:/paused-shop"]
)


def answers(driven: Driven) -> list[Any]:
    """Return what the cluster reports now."""
    paths = {
        f"/Applications/{driven.id}": "6.0",
        f"/Applications/{driven.id}/$/GetUpgradeProgress": "6.0",
        f"/Applications/{driven.id}/$/GetHealth": "6.0",
        f"/Resources/Applications/{driven.id}/$/GetUpgradeProgress": "7.0",
        f"/ComposeDeployments/{driven.id}/$/GetUpgradeProgress": "6.0-preview",
        "/ApplicationTypes": "6.0",
    }
    return [driven.send("GET", path, version=version) for path, version in paths.items()]


@given(NAMES, STEPS, st.lists(WAITS, min_size=1, max_size=4))
def test_replayed_journal_gives_the_same_answers(name: str, steps: list[Step], waits: list[float]) -> None:
    first = Driven(name)
    first.progress()
    for step in steps:
        step.run(first)
        answers(first)  # looking changes nothing
    second = Driven(name)
    second.progress()
    second.simulator.journal.extend(first.simulator.journal)
    second.second = first.second
    for wait in waits:
        first.second += wait
        second.second += wait
        assert answers(second) == answers(first)


@given(NAMES, STEPS)
def test_journal_only_grows(name: str, steps: list[Step]) -> None:
    driven = Driven(name)
    for step in steps:
        before = list(driven.simulator.journal)
        step.run(driven)
        assert driven.simulator.journal[: len(before)] == before
        assert len(driven.simulator.journal) <= len(before) + 1
    times = [command.at for command in driven.simulator.journal]
    assert times == sorted(times)


@given(NAMES.filter(lambda name: "unknown_state" not in name), STEPS)
def test_every_answer_is_as_published(name: str, steps: list[Step]) -> None:
    """
    Microsoft's specification and client accept the answers, and the parser knows every outcome.

    The scenario unknown_state exists to break this rule.
    """
    driven = Driven(name)
    for step in [*steps, Step(1_000.0, "rollback", None)]:
        step.run(driven)
        application, progress, health, resource, compose, _ = (answer for _, answer in answers(driven))
        for kind, body in (
            ("application", progress),
            ("application_resource", resource),
            ("compose_deployment", compose),
        ):
            validator(RESPONSES[kind], ["RollingForwardPending"]).validate(body)
            read = client()(RESPONSES[kind], body)
            assert set(unknown_members(read)) == UNPUBLISHED_MEMBERS.get(RESPONSES[kind], set())
            assert UpgradeProgress.from_answer(kind, "x", body).outcome != "unknown"
        assert not list(unknown_members(client()("ApplicationInfo", application)))
        assert not list(unknown_members(client()("ApplicationHealth", health)))


@given(NAMES, STEPS)
def test_deployed_version_fits_the_outcome(name: str, steps: list[Step]) -> None:
    """An application has the target version when its upgrade or rollback has ended."""
    driven = Driven(name)
    for step in [*steps, Step(5_000.0, "rollback", None)]:
        step.run(driven)
        state, target, _, _ = driven.look()
        version, status, _ = driven.deployed()
        if state in {"RollingForwardCompleted", "RollingBackCompleted"}:
            assert (version, status) == (target, "Ready")
        if state == "RollingForwardInProgress":
            assert status == "Upgrading"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/Applications/{}/$/GetUpgradeProgress"),
        ("GET", "/Applications/{}"),
        ("GET", "/$/GetUpgradeProgress"),
        ("POST", "/Applications/{}/$/RollbackUpgrade"),
    ],
)
@pytest.mark.parametrize("name", ["fabric:/idle-shop", "fabric:/good-shop"])
def test_request_reads_the_clock_once(method: str, path: str, name: str) -> None:
    """A request is answered for one moment."""
    driven = Driven(name)
    clock = Clock()
    clock.step = 1.0
    start = clock.now
    driven.simulator.clock = clock
    driven.send(method, path.format(driven.id))
    assert clock.now == start + 1.0


def test_clock_that_goes_back_keeps_the_order() -> None:
    driven = Driven()
    driven.second = 100
    driven.start()
    driven.second = 50
    driven.rollback()
    first, second = driven.simulator.journal
    assert second.at == first.at


@pytest.mark.parametrize(("body", "expected"), [({"a": 1}, {"a": 1}), (None, None), (b"123", {"bytes": 3})])
def test_command_as_json(body: object, expected: object) -> None:
    command = Command(1.0, "upload_file", "a", body, {"timeout": "60"}, "http://127.0.0.1:1", "AB")
    assert command.to_dict() == {
        "at": 1.0,
        "call": "upload_file",
        "name": "a",
        "body": expected,
        "endpoint": "http://127.0.0.1:1",
        "thumbprint": "AB",
    }


def test_secrets_are_not_in_a_repr() -> None:
    command = Command(1.0, "provision_application_type", "ShopType", {"uri": "https://x?sig=secret"})
    assert "secret" not in repr(command)
