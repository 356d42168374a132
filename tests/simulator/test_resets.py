"""A reset forgets what has happened: the second run of a DAG finds the state of the first."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.behaviours import START_DELAY
from tests.simulator.driven import Driven

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = "fabric:/idle-other/web"


def post(simulator: Simulator, target: str) -> tuple[int, str]:
    """Return the status and the body of the answer to a POST."""
    connection = HTTPConnection("127.0.0.1", simulator.port, timeout=10)
    connection.request("POST", target, b"")
    response = connection.getresponse()
    try:
        return response.status, response.read().decode()
    finally:
        connection.close()


def answers(driven: Driven) -> list[Any]:
    driven.send("GET", f"/Applications/{driven.id}/$/GetUpgradeProgress")
    return [driven.progress(), driven.application(), driven.send("GET", "/ApplicationTypes")]


@pytest.mark.parametrize("name", ["fabric:/good-shop/web", "fabric:/previous_rolled_back-shop/web"])
def test_scenario_starts_again_after_a_reset(name: str) -> None:
    driven = Driven(name, start_delay=START_DELAY)
    states = [driven.look()[0]]
    driven.second = 2_000
    states.append(driven.look()[0])
    driven.simulator.reset(name)
    states.append(driven.look()[0])
    driven.second += 2_000
    states.append(driven.look()[0])
    assert states[:2] == states[2:]
    assert driven.progress()["StartTimestampUtc"] > "2026-03-01T03:30:00"


@pytest.mark.parametrize(
    "reset", [Simulator.reset, lambda simulator: simulator.reset("fabric:/IDLE-shop/web")]
)
def test_command_is_undone_by_a_reset(reset: Callable[[Any], None]) -> None:
    driven = Driven()
    before = answers(driven)
    driven.start("v1")
    driven.second = 2_000
    assert driven.deployed()[0] == "v1"
    reset(driven.simulator)
    assert answers(driven) == before
    assert driven.start("v1") == (200, "")


def test_reset_of_a_name_keeps_the_others() -> None:
    driven, other = Driven(), Driven(OTHER)
    other.simulator = driven.simulator
    driven.start("v1")
    other.start("v1")
    driven.simulator.reset(driven.name)
    driven.second = 2_000
    other.second = 2_000
    assert (driven.deployed()[0], other.deployed()[0]) == ("v0", "v1")


def test_reset_of_all_empties_the_image_store() -> None:
    driven = Driven()
    driven.send("PUT", "/ImageStore/package/file", b"data", version="6.0")
    driven.simulator.reset(driven.name)
    assert driven.send("GET", "/ImageStore/package", version="6.2")[0] == 200
    driven.simulator.reset()
    assert driven.send("GET", "/ImageStore/package", version="6.2")[0] == 404


def test_cluster_can_be_reset() -> None:
    driven = Driven()
    path = "/$/GetUpgradeProgress"
    first = driven.send("GET", path)
    driven.second = 2_000
    assert driven.send("GET", path) != first
    driven.simulator.reset("cluster")
    assert driven.send("GET", path)[1]["UpgradeState"] == first[1]["UpgradeState"]


def test_journal_keeps_commands_and_reset() -> None:
    driven = Driven()
    driven.start("v1")
    driven.second = 5
    driven.simulator.reset(driven.name)
    assert driven.calls == ["start_application_upgrade", "reset"]
    assert (driven.simulator.journal[1].name, driven.simulator.journal[1].at) == (
        driven.name,
        driven.simulator.journal[0].at + 5,
    )


def test_created_application_is_gone_after_a_reset() -> None:
    driven = Driven("fabric:/new")
    body = {"Name": "fabric:/new", "TypeName": "IdleShopType", "TypeVersion": "v1"}
    assert driven.send("POST", "/Applications/$/Create", body)[0] == 201
    driven.simulator.reset("fabric:/new")
    assert driven.send("GET", f"/Applications/{driven.id}")[0] == 204
    with pytest.raises(ValueError, match="unknown name 'fabric:/new'"):
        driven.simulator.reset("fabric:/new")


def test_unknown_name_lists_the_known_ones() -> None:
    driven = Driven(scenarios={"fabric:/shop/web": "good"})
    driven.start("v1")
    with pytest.raises(
        ValueError, match=r"'fabric:/shp/web': .* cluster, fabric:/idle-shop/web, fabric:/shop/web"
    ):
        driven.simulator.reset("fabric:/shp/web")


def test_reset_works_over_http() -> None:
    with Simulator(scenarios={"fabric:/shop/web": "good"}) as simulator:
        simulator.fault_next_write("lost_before")
        assert post(simulator, "/simulator/reset?name=fabric:/shop/web") == (200, "")
        assert post(simulator, "/simulator/reset") == (200, "")
        journal = json.loads(simulator.respond("/simulator/journal").body)
        assert [(entry["call"], entry["name"]) for entry in journal] == [
            ("reset", "fabric:/shop/web"),
            ("reset", ""),
        ]


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("?name=fabric:/shp/web", 404, "unknown name 'fabric:/shp/web'"),
        ("?nam=fabric:/shop/web", 400, "a reset has one parameter, name"),
        ("?name=", 400, "a reset has one parameter, name"),
    ],
)
def test_wrong_reset_changes_nothing(query: str, status: int, text: str) -> None:
    with Simulator() as simulator:
        answered, body = post(simulator, f"/simulator/reset{query}")
        assert answered == status
        assert text in json.loads(body)["Error"]["Message"]
        assert simulator.journal == []
