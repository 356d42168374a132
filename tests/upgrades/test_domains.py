"""Where a rolling upgrade is, what it waits for there, and what fits into a record."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from airflow_provider_sf.rest.storage_limits import json_size
from airflow_provider_sf.upgrades.domains import (
    CHECKS_BYTES,
    NODES_BYTES,
    UNITS_BYTES,
    DomainProgress,
    Domains,
    NodeProgress,
    UpgradeUnit,
    domains_of,
)

PARTITION = "6a1fcd54-0000-4000-8000-2d6e3b1f0a01"
NOTHING_OMITTED = {
    "upgrade_domains": 0,
    "upgrade_domains_completed": 0,
    "upgrade_domains_failed": 0,
    "upgrade_units": 0,
    "upgrade_units_completed": 0,
    "upgrade_units_failed": 0,
    "current_nodes": 0,
    "pending_safety_checks": 0,
    "nodes_at_failure": 0,
    "safety_checks_at_failure": 0,
}


def listed(*states: str) -> list[dict[str, Any]]:
    return [{"Name": f"UD{place}", "State": state} for place, state in enumerate(states)]


def units(*states: str) -> tuple[UpgradeUnit, ...]:
    return tuple(UpgradeUnit(f"UD{place}", state) for place, state in enumerate(states))


def node(name: str, phase: str, *checks: object) -> dict[str, Any]:
    return {"NodeName": name, "UpgradePhase": phase, "PendingSafetyChecks": list(checks)}


def check(kind: object, partition: object = PARTITION) -> dict[str, Any]:
    return {"SafetyCheck": {"Kind": kind, "PartitionId": partition}}


def progress(name: str | None, *nodes: object) -> dict[str, Any]:
    return {"DomainName": name, "NodeUpgradeProgressList": list(nodes)}


def read(**values: object) -> Domains:
    domains, omitted = domains_of(values)
    assert omitted == NOTHING_OMITTED
    return domains


def checks_in(*checks: object) -> tuple[str, ...]:
    return read(current_domain=progress("UD0", node("n0", "Upgrading", *checks))).pending_safety_checks


# What is read.


def test_place_is_read_in_answer_order() -> None:
    assert read(
        upgrade_domains=listed("InProgress", "Pending"),
        upgrade_units=[{"Name": "n7", "State": "Failed"}],
        current_domain=progress(
            "UD0", node("n2", "PreUpgradeSafetyCheck", check("EnsureAvailability")), node("n1", "Upgrading")
        ),
        failure_domain=progress("UD1", node("n3", "PostUpgradeSafetyCheck", check("WaitForPrimarySwap"))),
    ) == Domains(
        (UpgradeUnit("UD0", "InProgress"), UpgradeUnit("UD1", "Pending")),
        (UpgradeUnit("n7", "Failed"),),
        DomainProgress("UD0", (NodeProgress("n2", "PreUpgradeSafetyCheck"), NodeProgress("n1", "Upgrading"))),
        pending_safety_checks=(
            f"node n2 waits for EnsureAvailability: partition {PARTITION} would not be available",
        ),
        failure_domain="UD1",
        nodes_at_failure=(NodeProgress("n3", "PostUpgradeSafetyCheck"),),
        safety_checks_at_failure=(
            (
                f"node n3 waits for WaitForPrimarySwap: the primary replica of partition {PARTITION} is to move to "
                "another node first"
            ),
        ),
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        dict.fromkeys(("upgrade_domains", "upgrade_units", "current_domain", "failure_domain")),
        {"upgrade_domains": "UD0", "upgrade_units": 5, "current_domain": [], "failure_domain": "UD1"},
        {"upgrade_domains": [None, 3, "UD0"], "current_domain": {"NodeUpgradeProgressList": {}}},
        {"current_domain": progress("", "n0", None), "current_unit": 7, "failure_domain": progress(None)},
    ],
)
def test_odd_places_are_empty(values: dict[str, object]) -> None:
    assert read(**values) == Domains()


def test_missing_name_is_a_question_mark() -> None:
    domains = read(
        upgrade_domains=[{"State": "Pending"}],
        current_domain={"NodeUpgradeProgressList": [{"PendingSafetyChecks": [check("EnsureAvailability")]}]},
    )
    assert domains.upgrade_domains == (UpgradeUnit("?", "Pending"),)
    assert domains.current_domain is not None
    assert domains.current_domain.nodes == (NodeProgress("?", None),)
    assert domains.pending_safety_checks[0].startswith("node ? waits for EnsureAvailability")


NODES = (NodeProgress("n0", "Upgrading"),)


@pytest.mark.parametrize(
    ("domain", "unit", "current"),
    [
        (progress("UD0", node("n0", "Upgrading")), progress(""), DomainProgress("UD0", NODES)),
        (progress("UD0", node("n0", "Upgrading")), progress("u", node("n1", "")), DomainProgress("UD0", NODES)),
        (progress("UD0"), progress(""), DomainProgress("UD0")),
        (progress("UD0"), progress("u1"), DomainProgress("UD0")),
        (progress("UD0"), None, DomainProgress("UD0")),
        (progress("UD0"), progress("", node("n0", "Upgrading")), DomainProgress(None, NODES)),
        (progress(""), progress("u1", node("n0", "Upgrading")), DomainProgress("u1", NODES)),
        (progress(""), progress("u1"), DomainProgress("u1")),
        (None, progress("u1"), DomainProgress("u1")),
        (progress(""), progress(""), None),
    ],
)  # fmt: skip
def test_more_detailed_of_domain_and_unit_counts(
    domain: object, unit: object, current: DomainProgress | None
) -> None:
    assert read(current_domain=domain, current_unit=unit).current_domain == current


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("EnsureSeedNodeQuorum", "a quorum of the seed nodes would be lost"),
        ("EnsurePartitionQuorum", f"partition {PARTITION} would lose its quorum of replicas"),
        ("EnsureAvailability", f"partition {PARTITION} would not be available"),
        ("WaitForPrimaryPlacement", f"the primary replica of partition {PARTITION} is to come back first"),
        ("WaitForPrimarySwap", f"the primary replica of partition {PARTITION} is to move to another node first"),
        ("WaitForReconfiguration", f"partition {PARTITION} is still reconfiguring"),
        ("WaitForInbuildReplica", f"a replica of partition {PARTITION} is still being built"),
    ],
)  # fmt: skip
def test_safety_check_becomes_a_sentence(kind: str, text: str) -> None:
    assert checks_in(check(kind)) == (f"node n0 waits for {kind}: {text}",)


def test_every_specified_safety_check_is_known(sample: Any) -> None:
    kinds = sample("upgrade_progress.swagger")["definitions"]["SafetyCheckKind"]["enum"]
    assert len(kinds) == 8
    for kind in kinds:
        (sentence,) = checks_in(check(kind, None))
        assert (": " in sentence) == (kind != "Invalid")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (check("ACheckOfTomorrow"), f"node n0 waits for ACheckOfTomorrow: partition {PARTITION}"),
        (check("ACheckOfTomorrow", None), "node n0 waits for ACheckOfTomorrow"),
        (
            check("EnsureAvailability", None),
            "node n0 waits for EnsureAvailability: partition unknown would not be available",
        ),
        (
            check("EnsureAvailability", []),
            "node n0 waits for EnsureAvailability: partition unknown would not be available",
        ),
        (
            check("WaitForReconfiguration", "{}{x}"),
            "node n0 waits for WaitForReconfiguration: partition {}{x} is still reconfiguring",
        ),
        (check(None, None), "node n0 waits for a check without a name"),
        ({"Kind": "EnsureSeedNodeQuorum"}, "node n0 waits for EnsureSeedNodeQuorum: a quorum of the seed nodes would be lost"),
        ({"SafetyCheck": None}, "node n0 waits for a check without a name"),
        (check(4, None), "node n0 waits for 4"),
    ],
)  # fmt: skip
def test_odd_safety_check_is_described(value: object, sentence: str) -> None:
    assert checks_in(value) == (sentence,)


@pytest.mark.parametrize("value", [None, {}, "EnsureAvailability", [], [None, 4]])
def test_odd_safety_check_lists_are_empty(value: object) -> None:
    nodes = [{"NodeName": "n0", "PendingSafetyChecks": value}]
    assert read(current_domain={"NodeUpgradeProgressList": nodes}).pending_safety_checks == ()


# How it is described.


@pytest.mark.parametrize(
    ("domains", "done", "place"),
    [
        (Domains(), None, None),
        (Domains(units("InProgress", "Pending", "Pending")), (0, 3), "domain UD0 (1 of 3)"),
        (Domains(units("Completed", "InProgress", "Pending")), (1, 3), "domain UD1 (2 of 3)"),
        (Domains(units("Completed", "Pending", "Pending")), (1, 3), "1 of 3 domains"),
        (Domains(units("Completed", "Completed")), (2, 2), "2 of 2 domains"),
        (
            Domains((), units("Completed", "Failed", "InProgress")),
            (1, 3),
            "unit UD2 (1 of 3 completed, 1 failed)",
        ),
        (Domains((), units("Completed", "Failed")), (1, 2), "1 of 2 units, 1 failed"),
        (
            Domains((), units("Completed", "InProgress", "InProgress")),
            (1, 3),
            "units UD1, UD2 (1 of 3 completed)",
        ),
        (
            Domains((), units("Failed", *["InProgress"] * 4, "Pending")),
            (0, 6),
            "units UD1, UD2 and 2 more (0 of 6 completed, 1 failed)",
        ),
        (Domains(units("InProgress"), units("Completed", "InProgress")), (0, 1), "domain UD0 (1 of 1)"),
        (Domains(current_domain=DomainProgress("UD3")), None, "domain UD3"),
        (Domains(current_domain=DomainProgress(None, NODES)), None, None),
        (
            Domains(units("Completed", "Pending"), current_domain=DomainProgress("UD1")),
            (1, 2),
            "1 of 2 domains",
        ),
        (Domains((UpgradeUnit("UD0", None),)), (0, 1), "0 of 1 domains"),
    ],
)
def test_place_is_a_domain_or_between_two(
    domains: Domains, done: tuple[int, int] | None, place: str | None
) -> None:
    assert domains.done({}) == done
    assert domains.place({}) == place


def test_omitted_domains_count_for_the_place() -> None:
    omitted = {"upgrade_domains": 100, "upgrade_domains_completed": 90, "upgrade_units": 7}
    assert Domains(units("Completed", "InProgress")).place(omitted) == "domain UD1 (92 of 102)"
    omitted = {"upgrade_units": 100, "upgrade_units_completed": 90, "upgrade_domains": 7}
    assert Domains((), units("Completed", "Pending")).place(omitted) == "91 of 102 units"


@pytest.mark.parametrize(("state", "completed"), [("Completed", True), ("Failed", False), (None, False)])
def test_unit_is_completed_in_that_state_only(state: str | None, *, completed: bool) -> None:
    assert UpgradeUnit("UD0", state).completed is completed


# The position.

BUSY: dict[str, Any] = {
    "upgrade_domains": listed("InProgress", "Pending", "Completed"),
    "upgrade_units": listed("Pending", "InProgress"),
    "current_domain": progress(
        "UD0",
        node("n0", "PreUpgradeSafetyCheck", check("EnsureAvailability"), check("WaitForPrimarySwap")),
        node("n1", "Upgrading"),
    ),
    "failure_domain": progress("UD1", node("n3", "Upgrading")),
}


@pytest.mark.parametrize(
    "change",
    [
        {"upgrade_domains": listed("Completed", "InProgress", "Completed")},
        {"upgrade_domains": listed("InProgress", "Pending")},
        {"upgrade_units": listed("Completed", "InProgress")},
        {"current_domain": progress("UD1", *BUSY["current_domain"]["NodeUpgradeProgressList"])},
        {"current_domain": progress("UD0", *BUSY["current_domain"]["NodeUpgradeProgressList"][:1])},
        {
            "current_domain": progress(
                "UD0",
                node("n0", "Upgrading", check("EnsureAvailability"), check("WaitForPrimarySwap")),
                node("n1", "Upgrading"),
            )
        },
        {
            "current_domain": progress(
                "UD0",
                node("n0", "PreUpgradeSafetyCheck", check("EnsureAvailability")),
                node("n1", "Upgrading"),
            )
        },
    ],
)
def test_position_changes_with_domains_nodes_and_checks(change: dict[str, Any]) -> None:
    assert read(**{**BUSY, **change}).position != read(**BUSY).position


def test_position_ignores_order_and_failure() -> None:
    nodes = BUSY["current_domain"]["NodeUpgradeProgressList"]
    turned = [{**item, "PendingSafetyChecks": item["PendingSafetyChecks"][::-1]} for item in nodes[::-1]]
    again = read(
        upgrade_domains=BUSY["upgrade_domains"][::-1],
        upgrade_units=BUSY["upgrade_units"][::-1],
        current_domain=progress("UD0", *turned),
    )
    assert again != read(**BUSY)
    assert again.position == read(**BUSY).position
    assert hash(again.position) == hash(read(**BUSY).position)


def test_kept_items_do_not_depend_on_order() -> None:
    """A new order of nodes and checks is no progress: a stall must be detected."""
    nodes = [
        node(
            f"n{place}",
            "Upgrading",
            *[check("EnsureAvailability", f"{place}-{number}") for number in range(5)],
        )
        for place in range(60)
    ]
    units = listed(*["Pending", "Completed"] * 50)
    dice = random.Random(7)  # noqa: S311 - any order will do
    values = {"upgrade_domains": units, "current_domain": progress("UD0", *nodes)}
    shuffled = {
        "upgrade_domains": dice.sample(units, 100),
        "current_domain": progress("UD0", *dice.sample(nodes, 60)),
    }
    (first, omitted), (second, omitted_too) = domains_of(values), domains_of(shuffled)
    assert first.position == second.position
    assert omitted == omitted_too
    assert min(omitted["upgrade_domains"], omitted["current_nodes"], omitted["pending_safety_checks"]) > 0


# Nodes, units and the next domain.


def test_equal_safety_checks_are_read_once() -> None:
    check_of_tomorrow = check("ACheckOfTomorrow")
    assert checks_in(check_of_tomorrow, check("EnsureAvailability"), check_of_tomorrow) == (
        f"node n0 waits for ACheckOfTomorrow: partition {PARTITION}",
        f"node n0 waits for EnsureAvailability: partition {PARTITION} would not be available",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("PT1H37M7.4S", 5_827.0),
        ("90500", 90.0),
        (None, None),
        ("soon", None),
        ("P10675199DT2H48M5.4775807S", None),
    ],
)
def test_node_has_the_duration_of_its_upgrade(value: object, expected: float | None) -> None:
    domains = read(current_domain=progress("UD0", {**node("n0", "Upgrading"), "UpgradeDuration": value}))
    assert domains.current_domain is not None
    assert [item.duration_seconds for item in domains.current_domain.nodes] == [expected]


def test_duration_of_a_node_is_no_progress() -> None:
    first, second = (
        read(current_domain=progress("UD0", {**node("n0", "Upgrading"), "UpgradeDuration": duration}))
        for duration in ("PT1M", "PT2M")
    )
    assert first.position == second.position
    assert first == second


def test_duration_does_not_change_which_nodes_fit() -> None:
    kept = set()
    for seconds in (1, 99_999):
        nodes = [
            {**node(f"n{place:02}", "Upgrading"), "UpgradeDuration": f"PT{seconds}S"} for place in range(40)
        ]
        domains, _ = domains_of({"current_domain": progress("UD0", *nodes)})
        assert domains.current_domain is not None
        assert json_size([item.to_dict() for item in domains.current_domain.nodes]) <= 1_024
        kept.add(tuple(item.name for item in domains.current_domain.nodes))
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("UD2", "UD2"),
        ("", None),
        (None, None),
        ([], None),
        ("x" * 5_000, f"{'x' * 214}... (4786 characters more)"),
    ],
)
def test_next_domain_is_read(value: object, expected: str | None) -> None:
    assert read(next_domain=value).next_domain == expected


def test_failed_units_are_named_and_counted() -> None:
    domains = read(upgrade_units=listed("Completed", "Failed", "InProgress", "Failed"))
    assert domains.failed == ("UD1", "UD3")
    assert domains.failed_count({}) == 2
    assert domains.failed_count({"upgrade_units_failed": 4}) == 6
    assert Domains(units("Completed")).failed_count({}) == 0


def test_failed_units_are_omitted_last() -> None:
    states = [
        "Failed" if place % 10 == 0 else "InProgress" if place == 5 else "Pending" for place in range(100)
    ]
    domains, omitted = domains_of({"upgrade_units": listed(*states)})
    assert (domains.failed_count(omitted), len(domains.failed)) == (10, 10)
    assert domains.under_way == "UD5"
    all_failed, omitted = domains_of({"upgrade_units": listed(*["Failed"] * 100)})
    assert omitted["upgrade_units_failed"] == 100 - len(all_failed.upgrade_units) > 0
    assert all_failed.failed_count(omitted) == 100


# What there is room for.


def test_completed_domains_are_omitted_first() -> None:
    states = ["Completed" if place % 3 else "Pending" for place in range(150)]
    domains, omitted = domains_of({"upgrade_domains": listed(*states[:60]), "upgrade_units": listed(*states)})
    assert {unit.state for unit in domains.upgrade_units} == {"Pending"}
    assert omitted["upgrade_units"] == 150 - len(domains.upgrade_units)
    assert omitted["upgrade_units_completed"] == 100
    assert domains.done(omitted) == (40, 60)
    assert Domains((), domains.upgrade_units).done(omitted) == (100, 150)


def test_kept_items_are_in_answer_order() -> None:
    domains, _ = domains_of({"upgrade_domains": listed(*["Completed", "Pending", "InProgress"] * 30)})
    places = [int(unit.name.removeprefix("UD")) for unit in domains.upgrade_domains]
    assert places == sorted(places)


def test_each_list_takes_one_kib() -> None:
    assert (UNITS_BYTES, NODES_BYTES, CHECKS_BYTES) == (1_024, 1_024, 1_024)
    crowd = [node(f"n{place:03}", "Upgrading", check(f"C{place:03}")) for place in range(200)]
    domains, omitted = domains_of(
        {
            "upgrade_domains": listed(*["Pending"] * 200),
            "upgrade_units": listed(*["Pending"] * 200),
            "current_domain": progress("UD0", *crowd),
            "failure_domain": progress("UD1", *crowd),
        }
    )
    written = domains.to_dict()
    sizes = {
        "upgrade_domains": written["upgrade_domains"],
        "upgrade_units": written["upgrade_units"],
        "current_nodes": written["current_domain"]["nodes"],
        "pending_safety_checks": written["pending_safety_checks"],
        "nodes_at_failure": written["nodes_at_failure"],
        "safety_checks_at_failure": written["safety_checks_at_failure"],
    }
    for what, kept in sizes.items():
        assert 900 < json_size(kept) <= 1_024
        assert omitted[what] == 200 - len(kept)
    assert omitted["upgrade_domains_completed"] == omitted["upgrade_units_completed"] == 0


def test_names_and_states_are_cut() -> None:
    long, cut = "x" * 5_000, f"{'x' * 214}... (4786 characters more)"
    domains = read(
        upgrade_domains=[{"Name": long, "State": long}],
        current_domain=progress(long, node(long, long)),
    )
    assert domains.upgrade_domains == (UpgradeUnit(cut, cut),)
    assert domains.current_domain == DomainProgress(cut, (NodeProgress(cut, cut),))


def test_safety_check_is_one_short_line() -> None:
    (sentence,) = checks_in(check(f"{'x ' * 100}\n", "p" * 5_000))
    assert json_size(sentence) <= 400
    assert sentence.startswith(f"node n0 waits for {'x ' * 100}")
    assert sentence.endswith(" characters more)")
    assert "\n" not in sentence


# Its JSON.


def test_place_is_written_as_documented() -> None:
    assert read(**BUSY).to_dict() == {
        "upgrade_domains": [
            {"name": "UD0", "state": "InProgress"},
            {"name": "UD1", "state": "Pending"},
            {"name": "UD2", "state": "Completed"},
        ],
        "upgrade_units": [{"name": "UD0", "state": "Pending"}, {"name": "UD1", "state": "InProgress"}],
        "current_domain": {
            "name": "UD0",
            "nodes": [
                {"name": "n0", "phase": "PreUpgradeSafetyCheck", "duration_seconds": None},
                {"name": "n1", "phase": "Upgrading", "duration_seconds": None},
            ],
        },
        "pending_safety_checks": [
            f"node n0 waits for EnsureAvailability: partition {PARTITION} would not be available",
            (
                f"node n0 waits for WaitForPrimarySwap: the primary replica of partition {PARTITION} is to move to another "
                "node first"
            ),
        ],
        "failure_domain": "UD1",
        "nodes_at_failure": [{"name": "n3", "phase": "Upgrading", "duration_seconds": None}],
        "safety_checks_at_failure": [],
        "next_domain": None,
    }  # fmt: skip


def test_empty_place_has_all_keys() -> None:
    assert Domains().to_dict() == {
        "upgrade_domains": [],
        "upgrade_units": [],
        "current_domain": None,
        "pending_safety_checks": [],
        "failure_domain": None,
        "nodes_at_failure": [],
        "safety_checks_at_failure": [],
        "next_domain": None,
    }


@pytest.mark.parametrize(
    "domains",
    [
        Domains(),
        read(**BUSY),
        Domains(current_domain=DomainProgress("UD0")),
        Domains(current_domain=DomainProgress(None, NODES), pending_safety_checks=("node n0 waits for A",)),
        Domains(failure_domain="UD0", nodes_at_failure=NODES, safety_checks_at_failure=("n0 waits",)),
        Domains((), (UpgradeUnit("n0", None),)),
    ],
)
def test_place_survives_json(domains: Domains) -> None:
    assert Domains.from_dict(json.loads(json.dumps(domains.to_dict()))) == domains


def test_place_without_new_members_is_read() -> None:
    """Before it knew units and what was at the failure, schema 1 had no such keys."""
    written = {
        "upgrade_domains": [{"name": "UD0", "state": "Pending"}],
        "current_domain": None,
        "pending_safety_checks": [],
        "failure_domain": None,
    }
    assert Domains.from_dict(written) == Domains((UpgradeUnit("UD0", "Pending"),))
