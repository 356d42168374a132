"""The replay on its loopback port: it begins with the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest.protocol import json_object, request_for
from airflow_provider_sf.simulator.playback import Playback
from airflow_provider_sf.simulator.replay import Replay
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.recordings.made import exchange

if TYPE_CHECKING:
    from tests.conftest import Clock


def test_replay_begins_with_the_first_request(clock: Clock) -> None:
    answers = [exchange("cluster", {"ProgressStatus": number}, second=60.0 * number) for number in range(3)]
    with Replay(Playback(answers, speed=60.0), clock=clock) as replay:
        numbers = []
        for _ in range(4):
            clock.now += 1.0
            response = Cluster((replay.url,)).send(request_for(KINDS["cluster"].progress))
            numbers.append(json_object(response)["ProgressStatus"])
    assert numbers == [0, 1, 2, 2]
