"""The rules that the page and Python both have: they agree on the records of all scenarios."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.messages.blockers import describe_place, pending_safety_checks
from airflow_provider_sf.messages.formatting import capitalize_first, format_state
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.domains import DomainProgress, Domains, NodeProgress
from airflow_provider_sf.upgrades.outcomes import OUTCOMES, Outcome
from airflow_provider_sf.upgrades.services import ServiceProgress
from tests.plugins.stub_airflow import StubAirflow
from tests.simulated_waits import KIND_SCENARIOS, simulated_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.browser import Browser

pytestmark = pytest.mark.unmeasured  # a script and Python's own tests run the same rules

START = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def opened(chromium: Browser) -> Iterator[Browser]:
    """A browser with the script of the page."""
    with StubAirflow() as stub:
        chromium.open(stub.page)
        chromium.wait_for_text("Read from Airflow at")
        yield chromium


def of_scenarios() -> list[UpgradeProgress]:
    """Return the different records of all scenarios, of each kind."""
    found = []
    for kind, scenario in KIND_SCENARIOS:
        poll = simulated_cluster(scenario, kind=kind, start=START)
        polls = (poll(START + timedelta(seconds=seconds)) for seconds in range(0, 1800, 20))
        found += [record for record in polls if isinstance(record, UpgradeProgress)]
    return list({json.dumps(record.to_dict()): record for record in found}.values())


def of_states() -> list[UpgradeProgress]:
    """Return a record for each state and mode, with and without a failure."""
    return [
        UpgradeProgress(
            kind,
            "shop",
            state=state,
            rolling_upgrade_mode=mode,
            failed_at=failed_at,
            started_at=START,
            observed_at=START,
        )
        for kind in ("application", "application_resource")
        for state in [*OUTCOMES, "NewState"]
        for mode in ("Monitored", "UnmonitoredManual", None)
        for failed_at in (None, START)
    ]


def with_blockers() -> list[UpgradeProgress]:
    """Return records of an upgrade that waits for nodes, checks, health, or services."""
    node = NodeProgress("node1", "Upgrading")
    checks = ("node node1 waits for EnsureAvailability",)
    behind = (ServiceProgress("web", 1, 2), ServiceProgress("api", 3, 0), ServiceProgress("new", None, None))
    moving = UpgradeProgress("application", "shop", state="RollingForwardInProgress", observed_at=START)
    return [
        replace(
            moving,
            domains=Domains(current_domain=current, pending_safety_checks=pending),
            health_check_phase=phase,
            health_check_elapsed_seconds=elapsed,
            services=services,
        )
        for current in (None, DomainProgress("UD1", (node,)))
        for pending in ((), checks)
        for phase in (None, "WaitDuration", "StableDuration", "Retry", "Invalid")
        for elapsed in (None, 61.0)
        for services in ((), behind)
    ]


RECORDS = [*of_scenarios(), *of_states(), *with_blockers()]


def shown(browser: Browser, rule: str) -> list[Any]:
    """Return what a rule of the page gives for each record."""
    records = [record.to_dict() for record in RECORDS]
    return list(browser.evaluate(f"{json.dumps(records)}.map((record) => {rule})"))


def different(of_page: list[Any], of_python: list[Any]) -> list[tuple[str, Any, Any]]:
    states = [str(record.state) for record in RECORDS]
    return [row for row in zip(states, of_page, of_python, strict=True) if row[1] != row[2]]


def test_page_knows_what_goes_back(opened: Browser) -> None:
    of_page = shown(opened, "goesBack(record)")
    assert different(of_page, [record.going_back for record in RECORDS]) == []
    assert {True, False} == set(of_page)


def test_page_knows_what_is_active(opened: Browser) -> None:
    of_page = shown(opened, "isActive({ended_by: null, record})")
    assert different(of_page, [record.outcome.active for record in RECORDS]) == []


def test_page_has_a_word_for_each_outcome(opened: Browser) -> None:
    assert set(opened.evaluate("Object.keys(OUTCOMES)")) == {outcome.value for outcome in Outcome}


def test_page_names_what_an_upgrade_waits_for(opened: Browser) -> None:
    """The log names all of it, the page the first that there is."""
    rule = 'isActive({record}) && waitsFor({record}, {state: "deferred"}, record.observed_at)'
    of_page = shown(opened, rule)
    assert different(of_page, [waits_for(record) for record in RECORDS]) == []
    kinds = {texts[0].partition(" ")[0] for texts in of_page if texts}
    assert kinds >= {"A", "Health", "node", "node1", "web:"}


def waits_for(record: UpgradeProgress) -> list[str] | bool:
    """Return the words of the page, made of what the log has."""
    if not record.outcome.active:
        return False
    if record.outcome is Outcome.PAUSED:
        next_domain = (
            f". It continues with upgrade domain {record.domains.next_domain}"
            if record.domains.next_domain
            else ""
        )
        return [f"A person must resume the upgrade, or roll it back{next_domain}"]
    if checks := pending_safety_checks(record):
        return checks
    if health := [part for part in describe_place(record) if part.startswith("health check")]:
        return [capitalize_first(part) for part in health]
    current = record.domains.current_domain
    if current is not None and current.nodes:
        return [
            " ".join([node.name, *([format_state(node.phase)] if node.phase else [])])
            for node in current.nodes
        ]
    behind = [service for service in record.services if service.behind]
    return [f"{service.name}: {service.pending_replicas} replicas pending" for service in behind[:5]]
