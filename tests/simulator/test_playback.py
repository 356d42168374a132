"""A replay answers as the recorded cluster did: each wait logs the same lines, apart from pseudonyms."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.recordings.exchanges import Exchange, Header, exchange_of
from airflow_provider_sf.recordings.lines import exchange_line, header_line, read_recording
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, Response, request_for
from airflow_provider_sf.simulator.model import progress_response
from airflow_provider_sf.simulator.playback import Playback
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from airflow_provider_sf.wait.matching import UpgradeSelector
from airflow_provider_sf.wait.policy import Policy
from tests.recordings.made import exchange, original_text, without_layout
from tests.simulated_waits import (
    KIND_SCENARIOS,
    START,
    SimulatedWait,
    observation,
    run_wait,
    subject_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.responses import HttpResponse
    from airflow_provider_sf.wait.state_machine import Observation

    Poll = Callable[[datetime], Observation]


class RecordedCluster:
    """A simulated cluster that records each answer."""

    def __init__(self, scenario: str, kind: str) -> None:
        self.kind, self.name = kind, subject_name(scenario, kind)
        self.scenario = SCENARIOS[scenario]
        self.pseudonyms = Pseudonyms()
        self.exchanges: list[Exchange] = []

    def poll(self, now: datetime) -> Observation:
        answer = progress_response(
            self.scenario,
            self.name,
            kind=self.kind,
            elapsed=(now - START).total_seconds(),
            started_at=START.timestamp(),
            speed=1.0,
        )
        self.exchanges.append(self.exchange(answer, now))
        return observation(answer, self.kind, self.name, now)

    def exchange(self, answer: HttpResponse, now: datetime) -> Exchange:
        call = KINDS[self.kind].progress
        if answer.reset:
            return Exchange(now, call.path, self.pseudonyms.name(self.name), error="Unreachable")
        return exchange_of(Response(answer.status, answer.body), call, self.name, self.pseudonyms, now)

    def replayed(self) -> tuple[str, Poll]:
        """Return the pseudonym of the name, and a function that polls a replay of the file."""
        lines = [header_line(Header("1.0", 15.0)), *map(exchange_line, self.exchanges)]
        playback = Playback(read_recording(line.encode() for line in lines).exchanges, speed=1.0)
        name = self.exchanges[0].name
        target = request_for(KINDS[self.kind].progress, name).target

        def poll(now: datetime) -> Observation:
            answer = playback.response(target, began_at=START.timestamp(), now=now.timestamp())
            return observation(answer, self.kind, name, now)

        return name, poll


def policy(scenario: str, poll: Poll) -> Policy:
    """Return the parameters of a wait for a scenario; few need any."""
    if scenario == "stuck":
        return Policy(15.0, stall_timeout=1_800.0)
    if scenario == "previous_first":
        record = poll(START)
        assert isinstance(record, UpgradeProgress)
        return Policy(15.0, selector=UpgradeSelector(previous=record))
    return Policy(15.0, wait_for_existence=scenario == "not_found")


def wait_for(name: str, kind: str, scenario: str, poll: Poll) -> SimulatedWait:
    return run_wait(name, poll, policy(scenario, poll), kind=kind)


@pytest.mark.unmeasured
@pytest.mark.kind_samples
@pytest.mark.parametrize(("kind", "scenario"), KIND_SCENARIOS)
def test_replay_logs_the_same_lines(kind: str, scenario: str) -> None:
    """Each line of the log, the Summary and the message."""
    cluster = RecordedCluster(scenario, kind)
    original = wait_for(cluster.name, kind, scenario, cluster.poll)
    name, poll = cluster.replayed()
    replayed = wait_for(name, kind, scenario, poll)
    assert len(original.text.splitlines()) > 8
    assert without_layout(original_text(cluster.pseudonyms, replayed.text)) == without_layout(original.text)
    assert "shop" not in replayed.text


def recorded(*seconds: float, call: str = "application", **fields: Any) -> list[Exchange]:
    """Return answers at some seconds, each with its second as its percent."""
    return [
        exchange(
            call,
            {"Name": "fabric:/name-1", "PercentCompleted": second},
            second=second,
            name="fabric:/name-1",
            **fields,
        )
        for second in seconds
    ]


def percent_at(playback: Playback, second: float) -> object:
    target = "/Applications/name-1/$/GetUpgradeProgress?api-version=6.0"
    answer = playback.response(target, began_at=1_000.0, now=1_000.0 + second)
    return json.loads(answer.body)["PercentCompleted"]


@pytest.mark.parametrize(("second", "percent"), [(0, 0), (9.9, 0), (10, 10), (29, 10), (30, 30), (999, 30)])
def test_answer_is_the_last_one_before(second: float, percent: int) -> None:
    assert percent_at(Playback(recorded(0, 10, 30), speed=1.0), second) == percent
    assert percent_at(Playback(recorded(0, 10, 30), speed=60.0), second / 60) == percent


def test_later_call_has_its_first_answer() -> None:
    version = exchange(CLUSTER_VERSION, {"Version": "10.1.2338.9590"})
    assert percent_at(Playback([version, *recorded(50)], speed=1.0), 0) == 50


def test_times_follow_the_speed() -> None:
    """The first answer is given now; an hour becomes a minute. Policies and unset times stay."""
    answer = {
        "StartTimestampUtc": "2026-03-01T02:00:00.1234567Z",
        "FailureTimestampUtc": "0001-01-01T00:00:00Z",
        "UpgradeDurationInMilliseconds": "PT1H0M0S",
        "HealthCheckElapsedTime": 60_000,
        "UpgradeDomainDurationInMilliseconds": "P10675199DT2H48M5.4775807S",
        "UpgradeDescription": {"MonitoringPolicy": {"UpgradeTimeoutInMilliseconds": "PT1H0M0S"}},
        "UnhealthyEvaluations": [
            {"HealthEvaluation": {"UnhealthyEvent": {"SourceUtcTimestamp": "2026-03-01T03:01:00Z"}}}
        ],
        "CurrentUpgradeDomainProgress": None,
    }
    began_at = datetime(2027, 1, 1, tzinfo=timezone.utc).timestamp()
    playback = Playback([exchange("cluster", answer)], speed=60.0)
    response = playback.response("/$/GetUpgradeProgress", began_at=began_at, now=began_at)
    assert json.loads(response.body) == {
        **answer,
        "StartTimestampUtc": "2026-12-31T23:59:00.002Z",
        "UpgradeDurationInMilliseconds": "PT0H1M0S",
        "HealthCheckElapsedTime": "PT0H0M1S",
        "UnhealthyEvaluations": [
            {"HealthEvaluation": {"UnhealthyEvent": {"SourceUtcTimestamp": "2027-01-01T00:00:01.000Z"}}}
        ],
    }


@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        ({"status": 503, "body": "empty"}, 503, b""),
        ({"status": 502, "body": "page", "size": 4}, 502, b"<   "),
        ({"status": 500, "body": "text", "size": 2}, 500, b". "),
        ({"status": 404, "answer": {"Error": {"Code": "NotFound"}}}, 404, b'{"Error": {"Code": "NotFound"}}'),
    ],
)
def test_failed_request_has_its_status(fields: dict[str, Any], status: int, body: bytes) -> None:
    playback = Playback([exchange("cluster", **fields)], speed=1.0)
    response = playback.response("/$/GetUpgradeProgress", began_at=0.0, now=0.0)
    assert (response.status, response.body) == (status, body)


def test_missing_answer_is_a_reset() -> None:
    playback = Playback([exchange("cluster", status=None, error="Unreachable")], speed=1.0)
    assert playback.response("/$/GetUpgradeProgress", began_at=0.0, now=0.0).reset


def test_unknown_request_lists_the_subjects() -> None:
    playback = Playback([*recorded(0), exchange("cluster", {})], speed=1.0)
    response = playback.response("/Applications/shop/$/GetHealth", began_at=0.0, now=0.0)
    assert response.status == 400
    assert playback.subjects == [
        "/Applications/{applicationId}/$/GetUpgradeProgress of fabric:/name-1",
        "/$/GetUpgradeProgress",
    ]
    assert json.loads(response.body)["Error"]["Message"].endswith("; ".join(playback.subjects))


def test_recording_without_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="the recording has no answers"):
        Playback([], speed=1.0)
