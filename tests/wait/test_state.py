"""What a wait remembers and tells: values, their JSON, and how much of it there may be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from airflow_provider_sf.messages.results import failure, timeout_message
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import Response, error_from_response
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.matching import UpgradeIdentity, UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState, xcom_values
from airflow_provider_sf.wait.state_machine import PollAgain, step
from airflow_provider_sf.wait.timeline import Stage, last_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_sf.upgrades.kinds import Kind
    from airflow_provider_sf.wait.state_machine import Observation

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)
KIND = "application_resource"
EXPECTED = True
BEHIND = ServiceProgress("api", 2, 3)
KIB_32 = 32_768


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def record(state: str, percent: float = 0.0, **fields: Any) -> UpgradeProgress:
    fields = {"started_at": START, "target_version": "v1", **fields}
    return UpgradeProgress(KIND, "shop", state=state, percent_completed=percent, **fields)


STAGE = Stage(
    "RollingForward",
    Outcome.IN_PROGRESS,
    EXPECTED,
    START,
    at(0),
    at(9),
    "v1",
    10.0,
    (BEHIND,),
    3,
    at(5),
    "HealthCheck",
    "domain UD1 (2 of 5)",
    7,
)

KNOWN = WaitState(
    polls=3,
    answers=2,
    record=record(
        "RollingForward", 10, services=(BEHIND,), omitted=(("services", 4), ("services_behind", 1))
    ),
    expected=UpgradeIdentity(START, "v1"),
    before=UpgradeIdentity(at(-9000), "v0"),
    verdict=Verdict.PENDING,
    verdict_since=at(1),
    moved_at=at(2),
    timeline=(STAGE, replace(STAGE, state="RollingBack", outcome=Outcome.ROLLING_BACK, skipped=0)),
    error=Unreachable("timed out", endpoint="http://c:19080"),
    unreachable_since=at(3),
    unreachable_polls=2,
    outages=OutageStats(2, 7, 41.5, "http://c:19080: HTTP 503: busy"),
    began_at=at(-1),
    reasons=("Error: node n0: Node", "n1 waits for A"),
)
MEMORIES = [
    WaitState(),
    KNOWN,
    KNOWN.ended("stall_timeout", at(900.25)),
    WaitState(polls=1, error=Rejected("no", 403, "E_ACCESSDENIED", "http://c"), began_at=START).ended("error", START),
]  # fmt: skip


def comparable(memory: WaitState) -> tuple[WaitState, object]:
    return replace(memory, error=None), memory.error and memory.error.to_dict()


def read_back(memory: WaitState) -> WaitState:
    return WaitState.from_dict(json.loads(json.dumps(memory.to_dict(), allow_nan=False)))


# Their JSON.


@pytest.mark.parametrize("memory", MEMORIES)
def test_memory_and_story_are_json_and_survive_it(memory: WaitState) -> None:
    assert comparable(read_back(memory)) == comparable(memory)


def test_a_story_reads_as_documented() -> None:
    assert KNOWN.ended("stall_timeout", at(900.25)).to_dict() == {
        "schema": "service_fabric.upgrade_wait/1",
        "ended_by": "stall_timeout",
        "began_at": "2026-03-01T02:59:59Z",
        "ended_at": "2026-03-01T03:15:00.250000Z",
        "upgrade": {"started_at": "2026-03-01T03:00:00Z", "target_version": "v1"},
        "record": KNOWN.record.to_dict() if KNOWN.record else None,
        "timeline": [
            {
                "state": "RollingForward",
                "outcome": "in_progress",
                "expected": True,
                "started_at": "2026-03-01T03:00:00Z",
                "first_seen_at": "2026-03-01T03:00:00Z",
                "last_seen_at": "2026-03-01T03:00:09Z",
                "target_version": "v1",
                "percent_completed": 10.0,
                "services_behind": [{"name": "api", "completed_replicas": 2, "pending_replicas": 3}],
                "more_behind": 3,
                "failed_at": "2026-03-01T03:00:05Z",
                "failure_reason": "HealthCheck",
                "place": "domain UD1 (2 of 5)",
                "skipped": 7,
            },
            KNOWN.timeline[1].to_dict(),
        ],
        "polls": 3,
        "outages": {
            "silences": 2,
            "polls": 7,
            "longest_seconds": 41.5,
            "last_error": "http://c:19080: HTTP 503: busy",
        },
        "error": {
            "class": "Unreachable",
            "status": None,
            "code": None,
            "message": "timed out",
            "endpoint": "http://c:19080",
        },
        "reasons": ["Error: node n0: Node", "n1 waits for A"],
        "memory": {
            "answers": 2,
            "before": {"started_at": "2026-03-01T00:30:00Z", "target_version": "v0"},
            "verdict": "pending",
            "verdict_since": "2026-03-01T03:00:01Z",
            "moved_at": "2026-03-01T03:00:02Z",
            "unreachable_since": "2026-03-01T03:00:03Z",
            "unreachable_polls": 2,
        },
    }


def test_a_memory_of_nothing_has_all_keys_too() -> None:
    assert WaitState().to_dict() == {
        "schema": "service_fabric.upgrade_wait/1",
        "ended_by": None,
        "began_at": None,
        "ended_at": None,
        "upgrade": None,
        "record": None,
        "timeline": [],
        "polls": 0,
        "outages": {"silences": 0, "polls": 0, "longest_seconds": 0.0, "last_error": None},
        "error": None,
        "reasons": [],
        "memory": {
            "answers": 0,
            "before": None,
            "verdict": None,
            "verdict_since": None,
            "moved_at": None,
            "unreachable_since": None,
            "unreachable_polls": 0,
        },
    }


def test_the_end_of_a_wait_is_all_that_a_story_adds_to_its_memory() -> None:
    story = KNOWN.ended("timeout", at(60))
    assert (story.ended_by, story.ended_at) == ("timeout", at(60))
    assert replace(story, ended_by=None, ended_at=None) == KNOWN


def test_what_only_this_process_knows_does_not_travel() -> None:
    assert WaitState.from_dict(WaitState(earlier_polls_unknown=True, stale=True).to_dict()) == WaitState()


def test_a_memory_that_says_no_reasons_is_read() -> None:
    """Before it knew them, schema 1 had no such key."""
    written = KNOWN.to_dict()
    del written["reasons"]
    assert comparable(WaitState.from_dict(written)) == comparable(replace(KNOWN, reasons=()))


@pytest.mark.parametrize("other", [None, True, {}, {"schema": "service_fabric.upgrade_wait/9"}])
def test_what_is_no_memory_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match="expected an object of schema"):
        WaitState.from_dict(other)


def test_an_error_keeps_its_class() -> None:
    error: ServiceFabricError | None = WaitState.from_dict(MEMORIES[3].to_dict()).error
    assert isinstance(error, Rejected)
    assert (error.status, error.code, error.endpoint) == (403, "E_ACCESSDENIED", "http://c")


def test_the_words_of_a_verdict_are_promises() -> None:
    """They stand in the keywords of triggers, which the next release reads."""
    assert [verdict.value for verdict in Verdict] == [
        "pending",
        "succeeded",
        "failed",
        "overtaken",
        "not_begun",
        "unknown",
    ]


# What is pushed to XCom.


def test_an_xcom_says_first_what_it_is_about_then_the_story_and_the_record_stands_alone_too() -> None:
    story = KNOWN.ended("stall_timeout", at(900))
    pushed = xcom_values(KIND, "shop", story, "It has stalled.")
    assert list(pushed) == ["upgrade_wait", "upgrade_progress"]
    assert list(pushed["upgrade_wait"])[:5] == ["schema", "kind", "name", "message", "ended_by"]
    assert pushed["upgrade_wait"] == {
        **story.to_dict(),
        "kind": "application_resource",
        "name": "shop",
        "message": "It has stalled.",
    }
    assert pushed["upgrade_progress"] == story.to_dict()["record"]


def test_while_a_wait_lasts_its_xcom_has_no_message_and_no_end() -> None:
    wait = xcom_values(KIND, "shop", KNOWN)["upgrade_wait"]
    assert (wait["message"], wait["ended_by"], wait["ended_at"]) == (None, None, None)


def test_without_a_record_none_is_pushed() -> None:
    assert list(xcom_values(KIND, "shop", WaitState())) == ["upgrade_wait"]


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_memory_can_be_read_back_from_the_xcom(memory: WaitState) -> None:
    pushed = json.loads(
        json.dumps(xcom_values(KIND, "shop", memory, "said")["upgrade_wait"], allow_nan=False)
    )
    assert comparable(WaitState.from_dict(pushed)) == comparable(memory)


# OutageStats silences and doubts.


def test_forgiven_silences_are_counted_with_the_longest_of_them_and_the_last_error() -> None:
    once = OutageStats().and_one_more(4, 60.5, Unreachable("timed out", endpoint="http://c"))
    assert once == OutageStats(1, 4, 60.5, "http://c: timed out")
    assert once.and_one_more(1, 2.0, Unreachable("busy", 503)) == OutageStats(2, 5, 60.5, "HTTP 503: busy")
    assert once.and_one_more(2, 99.0, Unreachable("busy", 503)) == OutageStats(2, 6, 99.0, "HTTP 503: busy")


def test_a_clock_that_was_set_back_makes_no_silence_shorter_than_none() -> None:
    assert OutageStats().and_one_more(1, -30.0, "why").longest_seconds == 0.0


def test_a_last_error_of_more_than_600_bytes_is_cut_and_says_so() -> None:
    fits, too_long = (
        OutageStats().and_one_more(1, 1.0, Unreachable("x" * length)).last_error for length in (598, 599)
    )
    assert fits == "x" * 598
    assert too_long == f"{'x' * 558}... (41 characters more)"


def test_after_a_restart_a_silence_counts_anew() -> None:
    again = KNOWN.after_restart()
    assert (again.unreachable_since, again.unreachable_polls, again.stale) == (None, 0, True)
    assert replace(again, unreachable_since=at(3), unreachable_polls=2, stale=False) == KNOWN


def test_of_a_memory_that_is_taken_up_only_the_polls_of_a_silence_count_anew() -> None:
    again = KNOWN.taken_up()
    assert (again.unreachable_since, again.unreachable_polls, again.stale) == (at(3), 0, True)
    assert replace(again, unreachable_polls=2, stale=False) == KNOWN


@pytest.mark.parametrize(
    ("verdict", "unconfirmed"),
    [
        (None, False),
        (Verdict.PENDING, False),
        (Verdict.SUCCEEDED, False),
        (Verdict.NOT_STARTED, False),
        (Verdict.UNKNOWN, False),
        (Verdict.FAILED, True),
        (Verdict.SUPERSEDED, True),
    ],
)
def test_a_bad_verdict_is_doubted_until_it_is_confirmed(
    verdict: Verdict | None, *, unconfirmed: bool
) -> None:
    assert WaitState(verdict=verdict).unconfirmed is unconfirmed


def test_a_wait_begins_with_a_memory_of_nothing() -> None:
    assert WaitState() == WaitState(
        polls=0,
        answers=0,
        record=None,
        expected=None,
        before=None,
        verdict=None,
        verdict_since=None,
        moved_at=None,
        timeline=(),
        error=None,
        unreachable_since=None,
        unreachable_polls=0,
        outages=OutageStats(silences=0, polls=0, longest_seconds=0.0, last_error=None),
        began_at=None,
        ended_by=None,
        ended_at=None,
        reasons=(),
        earlier_polls_unknown=False,
        stale=False,
    )


# How much there may be of it: less than 32 KiB, whatever a cluster says. Airflow sends events and XComs through
# its API and its database; some take no more.

ENDPOINT = f"http://{'h' * 246}:19080"
"""As long as a host name can be."""

PATIENT = Policy(15.0, unreachable_timeout=1e9, start_timeout=1e9, unknown_state_timeout=1e9)


def json_bytes(value: object) -> int:
    return len(json.dumps(value))


def look(said: dict[str, Any], now: datetime) -> UpgradeProgress:
    return UpgradeProgress.from_answer(KIND, "shop", said, observed_at=now, endpoint=ENDPOINT)


def silence(letter: str) -> ServiceFabricError:
    body = json.dumps({"Error": {"Code": letter * 900, "Message": letter * 9_000}}).encode()
    return error_from_response(Response(503, body, endpoint=ENDPOINT))


def everything(
    letter: str, state: str, *, length: int, services: int = 150, count: int = 10
) -> dict[str, Any]:
    """Return an answer that is as long as can be wherever a cluster has a say; it begins with two letters."""
    one = {"ServiceName": letter * length, "CompletedReplicaCount": count, "PendingReplicaCount": count}
    return {
        "Name": letter * 5_000,
        "UpgradeState": state,
        "TargetApplicationTypeVersion": letter * 3_000,
        "StartTimestampUtc": "2026-03-01T02:58:40.123456Z",
        "FailureTimestampUtc": "2026-03-01T02:58:40.123456Z",
        "UpgradeDuration": "PT1.23456789012345S",
        "RollingUpgradeMode": letter * 3_000,
        "ApplicationUpgradeStatusDetails": f"from version: {letter * 999} to version: {letter * 9_000}",
        "UpgradeReplicaSetCheckTimeoutInSeconds": -(1 << 62),
        "PercentCompleted": "-1.2345678901234567e-300",
        "ServiceUpgradeProgress": [one] * services,
    }


def waited(observations: Iterable[Observation], policy: Policy = PATIENT) -> tuple[WaitState, float]:
    memory, now = WaitState(began_at=START), 0.123456
    memory = replace(memory, before=UpgradeIdentity(at(-0.1), "\x01" * 40))  # as large as that of a record
    for observed in observations:
        now += 15.0
        memory, decision = step(policy, memory, observed, at(now))
        assert isinstance(decision, PollAgain)
        assert json_bytes(memory.to_dict()) < KIB_32
    return memory, now


def told(memory: WaitState, now: float, message: str) -> int:
    """Return how many bytes the largest takes of what is told of a wait."""
    story = memory.ended("unreachable_timeout", at(now))
    pushed = xcom_values(KIND, "n" * 256, story, message)
    return max(
        map(json_bytes, [story.to_dict(), *pushed.values(), *xcom_values(KIND, "n" * 256, memory).values()])
    )


LETTERS = ["x", "\x01", "é", "購", "😀", '"', "\\", "\x7f", "\u2028"]


@pytest.mark.parametrize("length", [1, 17, 300])
@pytest.mark.parametrize("letter", LETTERS, ids=ascii)
def test_a_wait_for_a_cluster_that_never_stops_talking_takes_less_than_32_kib(
    letter: str, length: int
) -> None:
    def states(place: int) -> str:
        return ["RollingForward", "RollingBack", f"{place}{letter * 3_000}"][place % 3]

    looks: list[Observation] = []
    for place in range(20):
        looks += [look(everything(letter, states(place), length=length), at(15 * place))]
        looks += [silence(letter)] if place % 5 == 3 else []
    memory, now = waited([*looks, silence(letter)])
    bad = look(everything(letter, "RollingBack", length=length), at(now))
    messages = [
        failure(PATIENT, memory, bad, Verdict.FAILED),
        failure(PATIENT, memory, bad, Verdict.SUPERSEDED),
        timeout_message(PATIENT, memory, KIND, "n" * 256, ("timeout", 1e9)),
        str(memory.error),
    ]
    assert memory.record is not None
    assert memory.outages.silences == 4
    assert max(told(memory, now, message) for message in messages) < KIB_32 - 1_024


def filled(answer: dict[str, Any], path: str, value: object) -> None:
    *outer, key = path.split(".")
    for part in outer:
        answer = answer.setdefault(part, {})
    answer[key] = value


def talkative(kind: Kind, letter: str, state: str, *, length: int) -> dict[str, Any]:
    """Return an answer of a kind that says as much as it can under each key that is read."""
    long, short = letter * 3_000, letter * length
    check = {"SafetyCheck": {"Kind": short, "PartitionId": short}}
    nodes = [{"NodeName": short, "UpgradePhase": short, "PendingSafetyChecks": [check] * 5}] * 99
    evaluation = {"HealthEvaluation": {"Kind": "Node", "NodeName": short, "Description": short}}
    values: dict[str, object] = {
        **dict.fromkeys(["started_at", "failed_at"], "2026-03-01T02:58:40.123456Z"),
        **dict.fromkeys(["duration_seconds", "health_check_elapsed_seconds"], "PT1.23456789012345S"),
        **{key: [{"Name": short, "State": "Pending"}] * 99 for key in ("upgrade_domains", "upgrade_units")},
        **{
            key: {"DomainName": long, "NodeUpgradeProgressList": nodes}
            for key in ("current_domain", "current_unit", "failure_domain")
        },
        "state": state,
        "replica_check_timeout_seconds": -(1 << 62),
        "services": [{"ServiceName": short, "CompletedReplicaCount": 1, "PendingReplicaCount": 1}] * 150,
        "unhealthy_evaluations": [evaluation] * 99,
    }
    answer: dict[str, Any] = {}
    for field, path in kind.keys.items():
        filled(answer, path, values.get(field, long))
    return answer


@pytest.mark.parametrize("length", [1, 17, 300])
@pytest.mark.parametrize("letter", ["x", "\x01", "購", "😀", '"'], ids=ascii)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_wait_for_any_kind_that_never_stops_talking_takes_less_than_32_kib(
    kind: Kind, letter: str, length: int
) -> None:
    rolling = [state for state, outcome in OUTCOMES.items() if outcome.active]

    def observed(place: int) -> UpgradeProgress:
        said = talkative(kind, letter, rolling[place % len(rolling)], length=length)
        return UpgradeProgress.from_answer(
            kind.name, "shop", said, observed_at=at(15 * place), endpoint=ENDPOINT
        )

    memory, now = waited([*map(observed, range(30)), silence(letter)])
    bad = observed(0)
    reasons = failure_reasons(
        [
            FailureDetails.from_record(bad),
            FailureDetails.from_answer(talkative(KINDS["application"], letter, "Failed", length=length)),
        ]
    )
    memory = replace(memory, reasons=reasons)
    messages = [
        failure(PATIENT, memory, bad, Verdict.FAILED),
        failure(PATIENT, memory, bad, Verdict.SUPERSEDED),
        timeout_message(PATIENT, memory, kind.name, "n" * 256, ("timeout", 1e9)),
        str(memory.error),
    ]
    assert max(told(memory, now, message) for message in messages) < KIB_32 - 1_024


def test_a_record_with_its_untouched_answer_takes_less_than_32_kib() -> None:
    for letter in LETTERS:
        said = everything(letter, "RollingForward", length=1, services=100)
        said.update(ApplicationUpgradeStatusDetails=letter, Name=letter, RollingUpgradeMode=letter)
        said.update(TargetApplicationTypeVersion=letter, Padding="")
        said["Padding"] = "p" * (16_384 - json_bytes(said))
        read = look(said, START).to_dict(include_raw=True)
        assert read["raw"] == said
        assert json_bytes(read) < KIB_32 - 1_024


def test_states_that_alternate_for_hundreds_of_polls_take_less_than_32_kib() -> None:
    states = ["RollingForward", "RollingBack"]
    looks = [
        look(everything("x", states[place % 2], length=40, services=40), at(15 * place))
        for place in range(300)
    ]
    memory, now = waited(looks)
    assert len(memory.timeline) + sum(stage.skipped for stage in memory.timeline) == 300
    assert told(memory, now, "m" * 6_000) < KIB_32


def test_numbers_without_end_take_less_than_32_kib() -> None:
    """A JSON number may have hundreds of digits; Python reads them all."""
    states = ["RollingForward", "RollingBack"]
    looks = [
        look(everything("x", states[place % 2], length=300, count=10**300), at(15 * place))
        for place in range(20)
    ]
    memory, now = waited(looks)
    assert told(memory, now, "m" * 6_000) < KIB_32


texts = st.sampled_from(["", "v1", "x" * 400, "x" * 9_000]) | st.builds(
    "{0}{1}".format, st.text(max_size=5), st.sampled_from([letter * 2_000 for letter in LETTERS])
)
states = st.sampled_from(["RollingForward", "RollingForward", "RollingBack", "CompletedRollback"]) | texts
numbers: st.SearchStrategy[Any] = st.sampled_from(
    [0, 3, "3", None, 1 << 63, -(10**300), "9" * 400, 1e300, 0.1, True, [], "many"]
)
services = st.builds(
    lambda kinds, times: [service for service in kinds for _ in range(times)],
    st.lists(
        st.fixed_dictionaries(
            {"ServiceName": texts, "CompletedReplicaCount": numbers, "PendingReplicaCount": numbers}
        ),
        max_size=6,
    ),
    st.sampled_from([1, 8, 60]),
)
said_answers = st.fixed_dictionaries(
    {
        "Name": texts,
        "UpgradeState": states,
        "TargetApplicationTypeVersion": texts,
        "StartTimestampUtc": st.sampled_from([None, "2026-03-01T02:58:40.123Z", "2026-03-01T04:58:40.123Z"]),
        "FailureTimestampUtc": st.sampled_from([None, "2026-03-01T02:58:40.123Z", "x" * 900]),
        "UpgradeDuration": numbers,
        "RollingUpgradeMode": texts | st.just("UnmonitoredManual"),
        "ApplicationUpgradeStatusDetails": texts,
        "UpgradeReplicaSetCheckTimeoutInSeconds": numbers,
        "PercentCompleted": numbers,
        "ServiceUpgradeProgress": services,
        "SomethingNew": texts,
    }
)
silences = st.builds(silence, st.sampled_from(LETTERS))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(said_answers | silences, min_size=1, max_size=12),
    st.sampled_from([UpgradeSelector(), UpgradeSelector(target_version="v1")]),
)
def test_whatever_a_cluster_says_memory_and_story_take_less_than_32_kib_and_survive_json(
    said: list[dict[str, Any] | ServiceFabricError], selector: UpgradeSelector
) -> None:
    memory = WaitState()
    policy = replace(PATIENT, selector=selector)
    for place, one in enumerate(said * 2):
        now = at(15.0 * place)
        observed = look(one, now) if isinstance(one, dict) else one
        memory, decision = step(policy, memory, observed, now)
        assert comparable(read_back(memory)) == comparable(memory)
        assert max(map(json_bytes, [memory.to_dict(), *xcom_values(KIND, "shop", memory).values()])) < KIB_32
        if not isinstance(decision, PollAgain):
            story = memory.ended(decision.by, now)
            assert max(map(json_bytes, xcom_values(KIND, "shop", story, "m" * 6_000).values())) < KIB_32
            break
    forward = [stage for stage in memory.timeline if stage.expected and stage.state == "RollingForward"]
    assert not forward or last_forward(memory.timeline) is not None


@pytest.mark.parametrize("travels", [lambda memory: memory, read_back], ids=["stays", "travels"])
def test_what_is_cut_is_cut_the_same_every_time_so_a_stall_is_seen_exactly(
    travels: Callable[[WaitState], WaitState],
) -> None:
    said = everything("é", "RollingForward", length=300)
    said["ServiceUpgradeProgress"] = [
        {"ServiceName": f"{'é' * 300}{place}", "PendingReplicaCount": place % 4} for place in range(400)
    ]
    turned = {**said, "ServiceUpgradeProgress": said["ServiceUpgradeProgress"][::-1]}
    policy = replace(PATIENT, stall_timeout=100.0)
    memory, _ = step(policy, WaitState(), look(said, at(0)), at(0))
    for seconds, again in ((30, said), (60, turned), (99, said)):
        memory, decision = step(policy, travels(memory), look(again, at(seconds)), at(seconds))
        assert decision == PollAgain(min(15.0, 100.0 - seconds))
        assert memory.moved_at == at(0)
