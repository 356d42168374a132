"""The state of a wait: its values, its JSON, and the limit of its size."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airflow_provider_sf.messages.results import failure_message
from airflow_provider_sf.messages.timeouts import timeout_message
from airflow_provider_sf.rest import Rejected, ServiceFabricError, Unreachable
from airflow_provider_sf.rest.protocol import Response, error_from_response
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails, failure_reasons
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.upgrades.outcomes import OUTCOMES
from airflow_provider_sf.upgrades.services import ServiceProgress
from airflow_provider_sf.wait.identity import History, UpgradeIdentity
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from airflow_provider_sf.wait.state import OutageStats, Verdict, WaitState, upgrade_wait_schema, xcom_values
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
    old_version="v0",
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
STATES = [
    WaitState(),
    KNOWN,
    KNOWN.ended("stall_timeout", at(900.25)),
    WaitState(polls=1, error=Rejected("no", 403, "E_ACCESSDENIED", "http://c"), began_at=START).ended("error", START),
]  # fmt: skip


def comparable(state: WaitState) -> tuple[WaitState, object]:
    return replace(state, error=None), state.error and state.error.to_dict()


def read_back(state: WaitState) -> WaitState:
    return WaitState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))


# Their JSON.


@pytest.mark.parametrize("state", STATES)
def test_state_survives_json(state: WaitState) -> None:
    assert comparable(read_back(state)) == comparable(state)


def test_final_state_is_written_as_documented() -> None:
    assert KNOWN.ended("stall_timeout", at(900.25)).to_dict() == {
        "schema": "service_fabric.upgrade_wait/1",
        "ended_by": "stall_timeout",
        "began_at": "2026-03-01T02:59:59Z",
        "ended_at": "2026-03-01T03:15:00.250000Z",
        "expected": {"started_at": "2026-03-01T03:00:00Z", "target_version": "v1", "rolled_back": False},
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
                "config_version": None,
                "unseen_before": False,
            },
            KNOWN.timeline[1].to_dict(),
        ],
        "polls": 3,
        "outages": {
            "count": 2,
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
        "answers": 2,
        "before": {"started_at": "2026-03-01T00:30:00Z", "target_version": "v0", "rolled_back": False},
        "old_version": "v0",
        "verdict": "pending",
        "verdict_since": "2026-03-01T03:00:01Z",
        "moved_at": "2026-03-01T03:00:02Z",
        "unreachable_since": "2026-03-01T03:00:03Z",
        "unreachable_polls": 2,
    }


def test_new_state_is_empty() -> None:
    empty = WaitState().to_dict()
    assert list(empty) == list(KNOWN.to_dict())
    counts = {"polls": 0, "answers": 0, "unreachable_polls": 0}
    outages = {"count": 0, "polls": 0, "longest_seconds": 0.0, "last_error": None}
    assert {key: value for key, value in empty.items() if value not in (None, [])} == {
        "schema": "service_fabric.upgrade_wait/1",
        "outages": outages,
        **counts,
    }


def test_final_state_adds_only_the_end() -> None:
    final = KNOWN.ended("timeout", at(60))
    assert (final.ended_by, final.ended_at) == ("timeout", at(60))
    assert replace(final, ended_by=None, ended_at=None) == KNOWN


def test_transient_fields_are_not_written() -> None:
    assert WaitState.from_dict(WaitState(earlier_polls_unknown=True, stale=True).to_dict()) == WaitState()


@pytest.mark.parametrize("other", [None, True, {}, {"schema": "service_fabric.upgrade_wait/9"}])
def test_other_data_is_refused(other: object) -> None:
    with pytest.raises(ValueError, match=r"^expected (a JSON object for WaitState|schema .*), got"):
        WaitState.from_dict(other)


def test_error_keeps_its_class() -> None:
    error: ServiceFabricError | None = WaitState.from_dict(STATES[3].to_dict()).error
    assert isinstance(error, Rejected)
    assert (error.status, error.code, error.endpoint) == (403, "E_ACCESSDENIED", "http://c")


def test_verdict_values_are_stable() -> None:
    """They are stored with triggers, which the next release reads."""
    assert [verdict.value for verdict in Verdict] == [
        "pending",
        "succeeded",
        "failed",
        "superseded",
        "not_started",
        "phase_completed",
        "unknown",
    ]


# What is pushed to XCom.


def test_xcoms_are_the_state_and_the_record() -> None:
    final = KNOWN.ended("stall_timeout", at(900))
    pushed = xcom_values(KIND, "shop", final, "It stalled.")
    assert list(pushed) == ["upgrade_wait", "upgrade_progress"]
    assert list(pushed["upgrade_wait"])[:5] == ["schema", "kind", "name", "message", "ended_by"]
    assert pushed["upgrade_wait"] == {
        **final.to_dict(),
        "kind": "application_resource",
        "name": "shop",
        "message": "It stalled.",
    }
    assert pushed["upgrade_progress"] == final.to_dict()["record"]


def test_xcom_of_running_wait_has_no_end() -> None:
    wait = xcom_values(KIND, "shop", KNOWN)["upgrade_wait"]
    assert (wait["message"], wait["ended_by"], wait["ended_at"]) == (None, None, None)


def test_missing_record_is_not_pushed() -> None:
    assert list(xcom_values(KIND, "shop", WaitState())) == ["upgrade_wait"]


@pytest.mark.parametrize("state", STATES)
def test_state_is_read_from_its_xcom(state: WaitState) -> None:
    pushed = json.loads(
        json.dumps(xcom_values(KIND, "shop", state, "message")["upgrade_wait"], allow_nan=False)
    )
    assert comparable(WaitState.from_dict(pushed)) == comparable(state)


# Outages and unconfirmed verdicts.


def test_outages_are_counted() -> None:
    once = OutageStats().plus(4, 60.5, Unreachable("timed out", endpoint="http://c"))
    assert once == OutageStats(1, 4, 60.5, "http://c: timed out")
    assert once.plus(1, 2.0, Unreachable("busy", 503)) == OutageStats(2, 5, 60.5, "HTTP 503: busy")
    assert once.plus(2, 99.0, Unreachable("busy", 503)) == OutageStats(2, 6, 99.0, "HTTP 503: busy")


def test_clock_set_back_makes_no_negative_outage() -> None:
    assert OutageStats().plus(1, -30.0, "why").longest_seconds == 0.0


def test_last_error_is_cut_at_600_bytes() -> None:
    fits, too_long = (
        OutageStats().plus(1, 1.0, Unreachable("x" * length)).last_error for length in (598, 599)
    )
    assert fits == "x" * 598
    assert too_long == f"{'x' * 558}... (41 characters more)"


def test_restart_resets_the_outage() -> None:
    again = KNOWN.after_restart()
    assert (again.unreachable_since, again.unreachable_polls, again.stale) == (None, 0, True)
    assert replace(again, unreachable_since=at(3), unreachable_polls=2, stale=False) == KNOWN


@pytest.mark.parametrize("member", ["ended_by", "expected", "record"])
def test_required_members_must_be_there(member: str) -> None:
    written = WaitState().to_dict()
    del written[member]
    with pytest.raises(ValueError, match=f"the member '{member}' is missing"):
        WaitState.from_dict(written)


def test_flags_are_false_in_a_new_state() -> None:
    assert (WaitState().earlier_polls_unknown, WaitState().stale) == (False, False)


def test_history_is_a_part_of_the_state() -> None:
    state = replace(KNOWN, began_at=at(3))
    assert state.history == History(KNOWN.expected, KNOWN.before, at(3))


FAILED = record("Failed", failed_at=at(60), failure_reason="HealthCheck")
OF_RECORD = failure_reasons([FailureDetails.from_record(FAILED)])


def test_reasons_come_from_the_record() -> None:
    assert OF_RECORD
    failed = replace(KNOWN, record=FAILED, reasons=())
    assert failed.explained() == replace(failed, reasons=OF_RECORD)
    assert WaitState().explained().reasons == ()


def test_earlier_reasons_count_if_there_are_more() -> None:
    as_many, more = ("an earlier reason",) * len(OF_RECORD), ("one", "two", *OF_RECORD)
    assert replace(KNOWN, record=FAILED, reasons=as_many).explained().reasons == OF_RECORD
    assert {"one", "two"} <= set(replace(KNOWN, record=FAILED, reasons=more).explained().reasons)


def test_details_of_other_answers_count() -> None:
    details = [FailureDetails.from_record(FAILED)]
    assert replace(KNOWN, record=None, reasons=()).explained(details).reasons == OF_RECORD


SINCE = replace(KNOWN, polls=1, expected=None, before=None, error=None, unreachable_since=None)


def test_state_goes_on_where_a_process_ended() -> None:
    assert KNOWN.continued(SINCE, since=SINCE) == KNOWN.resumed()
    later = replace(SINCE, polls=5, unreachable_since=at(50), unreachable_polls=4, error=Unreachable("x"))
    earlier = replace(KNOWN, unreachable_since=None)
    assert earlier.continued(later, since=SINCE) == replace(
        KNOWN,
        polls=KNOWN.polls + 4,
        unreachable_since=at(50),
        unreachable_polls=4,
        error=later.error,
        stale=True,
    )


def test_outage_keeps_its_start_in_another_process() -> None:
    earlier = replace(KNOWN, unreachable_since=at(40))
    later = replace(SINCE, polls=2, unreachable_since=at(50))
    assert earlier.continued(later, since=SINCE).unreachable_since == at(40)
    answered = replace(SINCE, polls=2, unreachable_since=None)
    assert earlier.continued(answered, since=SINCE).unreachable_since is None


@pytest.mark.parametrize("known", ["expected", "before"])
def test_later_process_adds_what_was_unknown(known: str) -> None:
    identity = UpgradeIdentity(at(7), "v7")
    added: dict[str, Any] = {known: identity}
    unknown: dict[str, Any] = {known: None}
    later = replace(SINCE, polls=2, **added)
    assert getattr(replace(KNOWN, **unknown).continued(later, since=SINCE), known) == identity
    assert getattr(KNOWN.continued(later, since=SINCE), known) == getattr(KNOWN, known)


def test_last_record_completes_the_identity() -> None:
    ended = record("CompletedRollforward", 100)
    partly = replace(KNOWN, expected=UpgradeIdentity(None, "v1"))
    assert partly.identified(ended) == replace(KNOWN, expected=UpgradeIdentity(START, "v1"))
    unknown = replace(KNOWN, expected=None)
    assert unknown.identified(ended) == replace(KNOWN, expected=UpgradeIdentity.from_record(ended))


def test_wait_goes_on_after_a_pause() -> None:
    ended = replace(KNOWN.ended("upgrade", at(99)), verdict=Verdict.FAILED)
    assert ended.after_pause() == replace(KNOWN, verdict=None, verdict_since=None)


def test_packaged_schema_is_that_of_the_code() -> None:
    packaged = files("airflow_provider_sf").joinpath("wait/upgrade_wait.schema.json")
    added = {"$schema", "$id"}
    shown = {key: value for key, value in json.loads(packaged.read_bytes()).items() if key not in added}
    assert shown == upgrade_wait_schema()


def test_resumed_state_resets_outage_polls_only() -> None:
    again = KNOWN.resumed()
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
def test_bad_verdict_is_unconfirmed(verdict: Verdict | None, *, unconfirmed: bool) -> None:
    assert WaitState(verdict=verdict).unconfirmed is unconfirmed


# The limit of its size: 32 KiB, whatever a cluster reports. Airflow sends events and XComs through its API and its
# database; some databases take no more.

ENDPOINT = f"http://{'h' * 246}:19080"
"""The longest possible host name."""

PATIENT = Policy(15.0, unreachable_timeout=1e9, start_timeout=1e9, unknown_state_timeout=1e9)


def json_bytes(value: object) -> int:
    return len(json.dumps(value))


def read(answer: dict[str, Any], now: datetime) -> UpgradeProgress:
    return UpgradeProgress.from_answer(KIND, "shop", answer, observed_at=now, endpoint=ENDPOINT)


def outage(letter: str) -> ServiceFabricError:
    body = json.dumps({"Error": {"Code": letter * 900, "Message": letter * 9_000}}).encode()
    return error_from_response(Response(503, body, endpoint=ENDPOINT))


def long_answer(
    letter: str, state: str, *, length: int, services: int = 150, count: int = 10
) -> dict[str, Any]:
    """Return an answer that is as long as possible in each member."""
    service = {"ServiceName": letter * length, "CompletedReplicaCount": count, "PendingReplicaCount": count}
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
        "ServiceUpgradeProgress": [service] * services,
    }


def state_after(observations: Iterable[Observation], policy: Policy = PATIENT) -> tuple[WaitState, float]:
    state, now = WaitState(began_at=START), 0.123456
    state = replace(state, before=UpgradeIdentity(at(-0.1), "\x01" * 40))  # as large as that of a record
    for observed in observations:
        now += 15.0
        state, decision = step(policy, state, observed, at(now))
        assert isinstance(decision, PollAgain)
        assert json_bytes(state.to_dict()) < KIB_32
    return state, now


def largest_json(state: WaitState, now: float, message: str) -> int:
    """Return the bytes of the largest JSON value that is stored of a wait."""
    final = state.ended("unreachable_timeout", at(now))
    pushed = xcom_values(KIND, "n" * 256, final, message)
    return max(
        map(json_bytes, [final.to_dict(), *pushed.values(), *xcom_values(KIND, "n" * 256, state).values()])
    )


LETTERS = ["x", "\x01", "é", "購", "😀", '"', "\\", "\x7f", "\u2028"]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "length", [*(pytest.param(length, marks=pytest.mark.thorough) for length in (1, 17)), 300]
)
@pytest.mark.parametrize("letter", LETTERS, ids=ascii)
def test_longest_answers_stay_under_32_kib(letter: str, length: int) -> None:
    def states(place: int) -> str:
        return ["RollingForward", "RollingBack", f"{place}{letter * 3_000}"][place % 3]

    observations: list[Observation] = []
    for place in range(20):
        observations += [read(long_answer(letter, states(place), length=length), at(15 * place))]
        observations += [outage(letter)] if place % 5 == 3 else []
    state, now = state_after([*observations, outage(letter)])
    bad = read(long_answer(letter, "RollingBack", length=length), at(now))
    messages = [
        failure_message(PATIENT, state, bad, Verdict.FAILED),
        failure_message(PATIENT, state, bad, Verdict.SUPERSEDED),
        timeout_message(PATIENT, state, KIND, "n" * 256, ("timeout", 1e9)),
        str(state.error),
    ]
    assert state.record is not None
    assert state.outages.count == 4
    assert max(largest_json(state, now, message) for message in messages) < KIB_32 - 1_024


def set_path(answer: dict[str, Any], path: str, value: object) -> None:
    *outer, key = path.split(".")
    for part in outer:
        answer = answer.setdefault(part, {})
    answer[key] = value


def long_answer_of(kind: Kind, letter: str, state: str, *, length: int) -> dict[str, Any]:
    """Return an answer of a kind that is as long as possible under each key that is read."""
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
        set_path(answer, path, values.get(field, long))
    return answer


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("letter", "length"),
    [
        pytest.param("x", 1, marks=pytest.mark.thorough),
        pytest.param("😀", 17, marks=pytest.mark.thorough),
        ("\x01", 300),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_stays_under_32_kib(kind: Kind, letter: str, length: int) -> None:
    rolling = [state for state, outcome in OUTCOMES.items() if outcome.active]

    def observed(place: int) -> UpgradeProgress:
        answer = long_answer_of(kind, letter, rolling[place % len(rolling)], length=length)
        return UpgradeProgress.from_answer(
            kind.name, "shop", answer, observed_at=at(15 * place), endpoint=ENDPOINT
        )

    state, now = state_after([*map(observed, range(30)), outage(letter)])
    bad = observed(0)
    reasons = failure_reasons(
        [
            FailureDetails.from_record(bad),
            FailureDetails.from_answer(long_answer_of(KINDS["application"], letter, "Failed", length=length)),
        ]
    )
    state = replace(state, reasons=reasons)
    messages = [
        failure_message(PATIENT, state, bad, Verdict.FAILED),
        failure_message(PATIENT, state, bad, Verdict.SUPERSEDED),
        timeout_message(PATIENT, state, kind.name, "n" * 256, ("timeout", 1e9)),
        str(state.error),
    ]
    assert max(largest_json(state, now, message) for message in messages) < KIB_32 - 1_024


def test_record_with_raw_stays_under_32_kib() -> None:
    for letter in LETTERS:
        answer = long_answer(letter, "RollingForward", length=1, services=100)
        answer.update(ApplicationUpgradeStatusDetails=letter, Name=letter, RollingUpgradeMode=letter)
        answer.update(TargetApplicationTypeVersion=letter, Padding="")
        answer["Padding"] = "p" * (16_384 - json_bytes(answer))
        record = read(answer, START).to_dict(include_raw=True)
        assert record["raw"] == answer
        assert json_bytes(record) < KIB_32 - 1_024


@pytest.mark.unmeasured
def test_alternating_states_stay_under_32_kib() -> None:
    states = ["RollingForward", "RollingBack"]
    observations = [
        read(long_answer("x", states[place % 2], length=40, services=40), at(15 * place))
        for place in range(300)
    ]
    state, now = state_after(observations)
    assert len(state.timeline) + sum(stage.skipped for stage in state.timeline) == 300
    assert largest_json(state, now, "m" * 6_000) < KIB_32


def test_huge_numbers_stay_under_32_kib() -> None:
    """A JSON number may have hundreds of digits; Python reads them all."""
    states = ["RollingForward", "RollingBack"]
    observations = [
        read(long_answer("x", states[place % 2], length=300, count=10**300), at(15 * place))
        for place in range(20)
    ]
    state, now = state_after(observations)
    assert largest_json(state, now, "m" * 6_000) < KIB_32


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
answers = st.fixed_dictionaries(
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
outages = st.builds(outage, st.sampled_from(LETTERS))


@given(
    st.lists(answers | outages, min_size=1, max_size=12),
    st.sampled_from([UpgradeSelector(), UpgradeSelector(target_version="v1")]),
)
def test_any_answers_stay_under_32_kib(
    results: list[dict[str, Any] | ServiceFabricError], selector: UpgradeSelector
) -> None:
    state = WaitState()
    policy = replace(PATIENT, selector=selector)
    for index, result in enumerate(results * 2):
        now = at(15.0 * index)
        observed = read(result, now) if isinstance(result, dict) else result
        state, decision = step(policy, state, observed, now)
        assert comparable(read_back(state)) == comparable(state)
        assert max(map(json_bytes, [state.to_dict(), *xcom_values(KIND, "shop", state).values()])) < KIB_32
        if not isinstance(decision, PollAgain):
            final = state.ended(decision.by, now)
            assert max(map(json_bytes, xcom_values(KIND, "shop", final, "m" * 6_000).values())) < KIB_32
            break
    forward = [stage for stage in state.timeline if stage.expected and stage.state == "RollingForward"]
    assert not forward or last_forward(state.timeline) is not None


@pytest.mark.parametrize("travels", [lambda state: state, read_back], ids=["stays", "travels"])
def test_stall_is_seen_in_cut_answers(
    travels: Callable[[WaitState], WaitState],
) -> None:
    answer = long_answer("é", "RollingForward", length=300)
    answer["ServiceUpgradeProgress"] = [
        {"ServiceName": f"{'é' * 300}{place}", "PendingReplicaCount": place % 4} for place in range(400)
    ]
    turned = {**answer, "ServiceUpgradeProgress": answer["ServiceUpgradeProgress"][::-1]}
    policy = replace(PATIENT, stall_timeout=100.0)
    state, _ = step(policy, WaitState(), read(answer, at(0)), at(0))
    for seconds, again in ((30, answer), (60, turned), (99, answer)):
        state, decision = step(policy, travels(state), read(again, at(seconds)), at(seconds))
        assert decision == PollAgain(min(15.0, 100.0 - seconds))
        assert state.moved_at == at(0)
