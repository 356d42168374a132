"""How each command changes the history of a name, as a table. A pure function; no I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.descriptions import (
    MONITORED,
    Configuration,
    Description,
    Monitoring,
    read_start,
    read_update,
    rolling_description,
)
from airflow_provider_sf.simulator.scenarios import Upgrade

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.history import History
    from airflow_provider_sf.simulator.journal import Command

CLASSIC, COMPOSE, RESOURCE = "ServiceFabricApplicationDescription", "Compose", "MeshApplicationDescription"

DEFINITIONS = {
    "create_application": CLASSIC,
    "start_application_upgrade": CLASSIC,
    "update_application_upgrade": CLASSIC,
    "resume_application_upgrade": CLASSIC,
    "rollback_application_upgrade": CLASSIC,
    "refuse_application_upgrade": CLASSIC,
    "create_compose_deployment": COMPOSE,
    "start_compose_upgrade": COMPOSE,
    "rollback_compose_upgrade": COMPOSE,
    "create_application_resource": RESOURCE,
    "upgrade_application_resource": RESOURCE,
}
"""The commands that change a history -> how the application was defined, if it is the first of them."""

STARTS = frozenset({"start_application_upgrade", "start_compose_upgrade", "upgrade_application_resource"})
"""The commands that start an upgrade."""


def next_history(history: History, command: Command, number: int) -> History:
    """Return the history after a command; ``number`` is that of the last start."""
    at, call = command.at, command.call
    if call in STARTS:
        return history.started(at, new_upgrade(history, at, description_of(history, command), number))
    if call == "update_application_upgrade":
        return history.updated(at, read_update(command.body).applied_to(history.description(at)))
    if call == "resume_application_upgrade":
        return history.resumed(at)
    if call == "refuse_application_upgrade":
        return history.cleared(at)
    return history.rolled_back(at) if call.startswith("rollback_") else history


def new_upgrade(history: History, at: float, description: Description, number: int) -> Upgrade:
    """Return the upgrade from what is deployed to a description."""
    snapshot = history.snapshot(at)
    return Upgrade(
        snapshot.deployed_version,
        description.target,
        number,
        description,
        before=snapshot.deployed,
        after=Configuration(description.parameters, description.identity),
    )


def description_of(history: History, command: Command) -> Description:
    """Return what a start asks for."""
    if command.call == "start_application_upgrade":
        return read_start(command.body).description
    version = next_version(history)
    if command.call == "start_compose_upgrade":
        return compose_description(command.body, version)
    return Description(version, {}, MONITORED, monitoring=Monitoring("Rollback"))


def compose_description(body: dict[str, object], version: str) -> Description:
    """
    Return what the start of a compose upgrade asks for. Without a replica set check timeout it is 0 s.

    :raises Refusal: the body is invalid
    """
    return rolling_description(body, target=version, parameters={}, replica_check_default=0)


def next_version(history: History) -> str:
    """Return the version that the cluster gives to the next upgrade of a deployment or resource."""
    upgrades = [phase.upgrade for phase in history.scenario.phases]
    versions = [version for upgrade in upgrades for version in (upgrade.old, upgrade.new)]
    numbers = [int(version[1:]) for version in versions if re.fullmatch(r"v\d+", version, re.ASCII)]
    return f"v{max(numbers, default=0) + 1}"
