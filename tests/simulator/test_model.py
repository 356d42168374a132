"""The simulated upgrade against what others say about real ones: the schema, the founding page, the documents."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from airflow_provider_sf.simulator.model import Answer, progress_answer
from airflow_provider_sf.simulator.scenarios import SCENARIOS, SERVICES
from airflow_provider_sf.upgrades import Outcome, UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_772_334_000.0
SECONDS = range(0, 720, 5)
SPOKEN = [name for name, scenario in SCENARIOS.items() if scenario.exists]


def answer(scenario: str, elapsed: float, speed: float = 1.0) -> Answer:
    return progress_answer(
        SCENARIOS[scenario], f"{scenario}-shop", elapsed=elapsed, started_at=START, speed=speed
    )


def bodies(scenario: str) -> list[dict[str, Any]]:
    answers = [answer(scenario, second) for second in SECONDS]
    return [json.loads(said.body) for said in answers if said.status == 200 and not said.reset]


def outcomes(scenario: str) -> list[Outcome]:
    """Return the outcomes in their order, each once."""
    read = [
        UpgradeProgress.from_answer("application_resource", "x", body).outcome for body in bodies(scenario)
    ]
    return [first for first, second in pairwise([*read, None]) if first is not second and first is not None]


@pytest.mark.parametrize("scenario", SPOKEN)
def test_every_answer_fits_the_published_schema(
    scenario: str, sample: Callable[[str], dict[str, Any]]
) -> None:
    schema = sample("application_resource.schema")
    fields = set(schema["definitions"]["ApplicationResourceUpgradeProgressInfo"]["properties"])
    for body in bodies(scenario):
        jsonschema.validate(body, schema)
        assert set(body) == fields


def test_the_founding_page_has_the_same_types_but_for_one(sample: Callable[[str], dict[str, Any]]) -> None:
    """The page prints the replica check timeout as a string; the specification's example and type say number."""
    page, body = sample("application_resource/founding_page"), bodies("good")[0]
    different = [field for field in page if type(page[field]) is not type(body[field])]
    assert different == ["UpgradeReplicaSetCheckTimeoutInSeconds"]
    assert [type(value) for value in page["ServiceUpgradeProgress"][0].values()] == [str, str, str]
    assert [type(value) for value in body["ServiceUpgradeProgress"][0].values()] == [str, str, str]


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("good", ["in_progress", "succeeded"]),
        ("flapping", ["in_progress", "succeeded"]),
        ("rolled_back", ["in_progress", "rolling_back", "rolled_back"]),
        ("failed", ["in_progress", "failed"]),
        ("never_upgraded", ["not_upgraded"]),
    ],
)
def test_a_scenario_goes_as_it_says(scenario: str, expected: list[str]) -> None:
    assert outcomes(scenario) == expected


def test_the_states_come_in_the_order_of_the_runtime() -> None:
    states = [body["UpgradeState"] for body in bodies("rolled_back")]
    assert list(dict.fromkeys(states)) == [
        "ProvisioningTarget",
        "RollingForward",
        "RollingBack",
        "UnprovisioningTarget",
        "CompletedRollback",
    ]


def test_percent_and_replicas_only_grow_while_the_upgrade_goes_forward() -> None:
    seen = bodies("good")
    percents = [int(body["PercentCompleted"]) for body in seen]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert len(set(percents)) > 5
    for body in seen:
        for service in body["ServiceUpgradeProgress"]:
            done, pending = int(service["CompletedReplicaCount"]), int(service["PendingReplicaCount"])
            assert done + pending == SERVICES[service["ServiceName"]]
    for place in range(len(SERVICES)):
        counts = [int(body["ServiceUpgradeProgress"][place]["CompletedReplicaCount"]) for body in seen]
        assert counts == sorted(counts)


def test_the_version_and_the_mode_flip_when_the_upgrade_turns_back() -> None:
    for body in bodies("rolled_back"):
        back = "Back" in body["UpgradeState"] or body["UpgradeState"] in {
            "UnprovisioningTarget",
            "CompletedRollback",
        }
        assert body["TargetApplicationTypeVersion"] == ("v0" if back else "v1")
        assert body["RollingUpgradeMode"] == ("UnmonitoredAuto" if back else "Monitored")
        assert (body["FailureTimestampUtc"] == "0001-01-01T00:00:00.000Z") is not back


def test_the_start_is_unset_until_the_upgrade_is_worked_on_and_then_stays() -> None:
    starts = [body["StartTimestampUtc"] for body in bodies("rolled_back")]
    assert starts[0] == "0001-01-01T00:00:00.000Z"
    assert set(starts[6:]) == {"2026-03-01T03:00:00.000Z"}


def test_an_ended_upgrade_does_not_change_any_more() -> None:
    assert answer("good", 600).body == answer("good", 86_400).body
    assert json.loads(answer("good", 600).body)["UpgradeDuration"] == "PT0H10M0S"


def test_a_day_is_written_with_its_days() -> None:
    assert json.loads(answer("good", 90_100, speed=0.001).body)["UpgradeDuration"] == "P1DT1H1M40S"


def test_speed_makes_the_phases_shorter_and_leaves_the_clock_alone() -> None:
    fast, slow = json.loads(answer("good", 30, speed=10).body), json.loads(answer("good", 300).body)
    assert fast["ServiceUpgradeProgress"] == slow["ServiceUpgradeProgress"]
    assert (fast["UpgradeDuration"], slow["UpgradeDuration"]) == ("PT0H0M30S", "PT0H5M0S")
    failed = json.loads(answer("failed", 100, speed=10).body)
    assert failed["FailureTimestampUtc"] == "2026-03-01T03:00:36.000Z"


def test_flapping_answers_badly_in_every_way_it_names() -> None:
    answers = {second: answer("flapping", second) for second in (30, 90, 150, 210, 270, 330, 400)}
    assert [said.status for said in answers.values()] == [200, 503, 200, 504, 502, 503, 200]
    assert answers[150].reset
    assert answers[210].slow
    assert answers[270].content_type == "text/html"
    assert answers[330].body == b""


def test_what_does_not_exist_is_not_found_in_the_runtimes_words() -> None:
    said = answer("not_found", 0)
    assert said.status == 500
    assert json.loads(said.body)["Error"]["Code"] == "FABRIC_E_SINGLE_INSTANCE_APPLICATION_NOT_FOUND"
