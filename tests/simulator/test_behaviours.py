"""The scenario of a name: assigned or a prefix, with an earlier upgrade on record, waiting for a command."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.__main__ import main
from airflow_provider_sf.simulator.behaviours import (
    START_DELAY,
    WORDS,
    NameScenarios,
    begins_at_once,
    behaviour_of,
)
from airflow_provider_sf.simulator.model import progress_body
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS
from tests.simulator.driven import START, Driven
from tests.simulator.published import RESPONSES, UNPUBLISHED_STATES, validator
from tests.simulator.test_every_scenario import OUTCOMES, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOP = "fabric:/shop/web"
MOVING = [word for word, scenario in SCENARIOS.items() if begins_at_once(scenario)]
ENDS = {
    "idle": "RollingForwardCompleted",
    "idle_rolled_back": "RollingBackCompleted",
    "idle_failed": "Failed",
    "idle_http_errors": "RollingForwardCompleted",
    "idle_paused": "RollingBackCompleted",
    "idle_stuck": "RollingForwardInProgress",
    "idle_unknown_state": "RollingSideways",
}


def progress(word: str, second: float, kind: str = "application") -> dict[str, Any]:
    scenario = behaviour_of(word).scenario
    return progress_body(scenario, "x", kind=kind, second=second, started_at=START, speed=1.0)


def outcomes(word: str, seconds: Iterable[float] = SECONDS, kind: str = "application") -> list[str]:
    """Return the outcomes that a name with this scenario goes through, without repetitions."""
    bodies = (progress(word, second, kind) for second in seconds)
    found = (UpgradeProgress.from_answer(kind, "x", body).outcome.value for body in bodies)
    return [outcome for outcome, _ in groupby(found)]


@pytest.mark.unmeasured
@pytest.mark.parametrize("word", MOVING)
def test_first_request_shows_the_state_before(word: str) -> None:
    """A snapshot never sees the upgrade that a wait after it expects."""
    assert outcomes(word) == ["not_upgraded", *OUTCOMES[word]]


@pytest.mark.unmeasured
@pytest.mark.parametrize("word", MOVING)
def test_earlier_upgrade_comes_first(word: str) -> None:
    assert outcomes(f"previous_{word}") == ["succeeded", *OUTCOMES[word]]


@pytest.mark.unmeasured
@pytest.mark.kind_samples
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", MOVING)
def test_earlier_upgrade_is_as_published(word: str, kind: str) -> None:
    states = UNPUBLISHED_STATES.get((word, kind), [])
    for second in (0, START_DELAY, 150, 300, 1_500):
        validator(RESPONSES[kind], states).validate(progress(f"previous_{word}", second, kind))
    assert outcomes(f"previous_{word}", (0, START_DELAY), kind) == ["succeeded", "in_progress"]


def test_previous_first_is_one_of_them() -> None:
    assert behaviour_of("previous_good").scenario.phases == SCENARIOS["previous_first"].phases


def test_upgrade_begins_after_the_delay() -> None:
    driven = Driven("fabric:/good-shop/web", start_delay=START_DELAY)
    assert driven.look() == ("RollingForwardCompleted", "v0", "Invalid", "")
    driven.second = START_DELAY - 1
    assert driven.look()[2] == "Invalid"
    driven.second = START_DELAY + 30
    assert driven.progress()["StartTimestampUtc"] == "2026-03-01T03:01:00.000Z"


def test_faults_begin_after_the_delay() -> None:
    driven = Driven("fabric:/flapping-shop/web", start_delay=START_DELAY)
    driven.progress()
    driven.second = START_DELAY + 59
    driven.progress()
    driven.second = START_DELAY + 60
    assert driven.send("GET", f"/Applications/{driven.id}/$/GetUpgradeProgress")[0] == 503


def test_command_comes_before_the_scenario() -> None:
    """A DAG that starts the upgrade works with the name of a scenario, too."""
    driven = Driven("fabric:/rolled_back-shop/web", start_delay=START_DELAY)
    driven.progress()
    driven.second = 2
    assert driven.start("v1") == (200, "")
    driven.second = 10_000
    assert driven.look()[0] == "RollingBackCompleted"
    assert driven.progress()["StartTimestampUtc"] == "2026-03-01T03:00:02.000Z"


@pytest.mark.parametrize("spelling", [SHOP, "Shop/Web", "shop~web"])
def test_assigned_name_has_its_scenario(spelling: str) -> None:
    driven = Driven(SHOP, scenarios={spelling: "rolled_back"})
    driven.progress()
    driven.second = 10_000
    assert driven.look()[:2] == ("RollingBackCompleted", "v0")


def test_assigned_scenario_comes_before_the_prefix() -> None:
    driven = Driven("fabric:/good-shop/web", scenarios={"fabric:/good-shop/web": "failed"})
    driven.progress()
    driven.second = 10_000
    assert driven.look()[0] == "Failed"


def test_assigned_name_has_provisioned_versions() -> None:
    driven = Driven(SHOP, scenarios={SHOP: "idle", "fabric:/gone": "not_found"})
    assert driven.start("v1") == (200, "")
    assert driven.send("GET", "/ApplicationTypes/GoneType")[1]["Items"] == []


@pytest.mark.parametrize("word", ENDS)
@pytest.mark.parametrize("earlier", [False, True], ids=["first", "later"])
def test_every_ending_can_be_started(word: str, *, earlier: bool) -> None:
    """Snapshot, start, wait: also with an earlier upgrade on record."""
    driven = Driven(SHOP, scenarios={SHOP: word.replace("idle", "idle_previous", 1) if earlier else word})
    before = driven.progress()
    assert before["UpgradeState"] == "RollingForwardCompleted"
    assert before["StartTimestampUtc"] == (
        "2026-02-28T03:00:00.000Z" if earlier else "0001-01-01T00:00:00.000Z"
    )
    driven.second = 5_000
    assert driven.progress() == before
    assert driven.start("v2" if earlier else "v1") == (200, "")
    driven.second = 10_000
    assert driven.look()[0] == ENDS[word]


def test_every_course_has_an_end() -> None:
    assert set(ENDS) == {word for word in WORDS if word.startswith("idle") and "previous" not in word} - {
        "idle_good"
    }


@pytest.mark.parametrize(
    "option", [{"cluster_scenario": "previous_failed"}, {"scenarios": {"cluster": "previous_failed"}}]
)
def test_cluster_has_a_scenario_by_word(option: dict[str, object]) -> None:
    with Simulator(**option) as simulator:  # type: ignore[arg-type]
        body = json.loads(simulator.respond("/$/GetUpgradeProgress?api-version=6.0").body)
    assert (body["UpgradeState"], body["CodeVersion"]) == ("RollingForwardCompleted", "10.1.2175.9590")


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        (
            {SHOP: "rolledback"},
            r"^fabric:/shop/web: invalid scenario 'rolledback' \(did you mean 'rolled_back'\?\): ",
        ),
        ({SHOP: "idle_refused"}, "choose one of good, rolled_back, .*, idle_previous$"),
        ({"": "good"}, "'good' has no name: set one"),
        ({"fabric:/": "good"}, "'good' has no name: set one"),
    ],
)
def test_wrong_scenario_is_named(scenarios: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NameScenarios(scenarios)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "shop=rolledback"], "did you mean 'rolled_back'?"),
        (["--scenario", "shop"], "'shop' is not NAME=SCENARIO"),
        (["--scenario", "=good"], "'=good' is not NAME=SCENARIO"),
        (["--scenario", "shop=good", "--scenario", "shop=failed"], "--scenario has one name twice"),
    ],
)
def test_wrong_option_is_explained(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
