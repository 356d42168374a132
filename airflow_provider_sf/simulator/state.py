"""The state of a simulated cluster at a time: a pure function of scenarios, journal and time. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.application_types import TypeVersion, type_versions
from airflow_provider_sf.simulator.courses import COURSES, course_of
from airflow_provider_sf.simulator.deployments import CLASSIC, DEFINITIONS, STARTS, next_history
from airflow_provider_sf.simulator.descriptions import read_parameters
from airflow_provider_sf.simulator.history import History
from airflow_provider_sf.simulator.model import type_name
from airflow_provider_sf.simulator.scenarios import SCENARIOS, Scenario, Upgrade, never_upgraded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.journal import Command


@dataclass(frozen=True, slots=True)
class Deployment:
    """An application, compose deployment or application resource."""

    name: str
    history: History
    type_name: str
    definition: str
    starts: int
    """How many starts of upgrades were accepted."""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """
    A cluster at the Unix time ``now``.

    ``first_requests`` has the times at which the names of scenarios were requested first, by normalized name.
    """

    journal: tuple[Command, ...]
    now: float
    speed: float
    first_requests: Mapping[str, float]

    def commands(self, name: str) -> list[Command]:
        """Return the accepted commands about a name."""
        key = normalized_name(name)
        return [command for command in self.journal if normalized_name(command.name) == key]

    def find(self, name: str) -> Deployment | None:
        """Return what has this name; None if nothing has it."""
        commands = [command for command in self.commands(name) if command.call in DEFINITIONS]
        first = commands[0] if commands else None
        base = self._base(name, first)
        if base is None:
            return None
        history, kind = base
        starts = 0
        for command in commands:
            starts += command.call in STARTS
            history = next_history(history, command, starts)
        definition = DEFINITIONS[first.call] if first else CLASSIC
        return Deployment(name, history, kind, definition, starts)

    def types(self, *names: str) -> dict[tuple[str, str], TypeVersion]:
        """Return the versions of these types and of all that were provisioned."""
        return type_versions(self.journal, names, speed=self.speed)

    def _base(self, name: str, first: Command | None) -> tuple[History, str] | None:
        """Return the history before the commands, and the name of the application type."""
        prefix = normalized_name(name).partition("-")[0]
        started_at = self.first_requests.get(normalized_name(name), self.now)
        scenario = SCENARIOS.get(prefix)
        if scenario is not None and scenario.exists:
            return History(scenario, started_at, self.speed, course_of(prefix)), type_name(name)
        if prefix in COURSES:
            scenario = Scenario("", (never_upgraded(),))
            started_at = first.at if first else self.now
            return History(scenario, started_at, self.speed, course_of(prefix)), type_name(name)
        if first is not None and first.call.startswith("create_"):
            return created(first, self.speed)
        return None


def created(command: Command, speed: float) -> tuple[History, str]:
    """Return the history of an application that a command created, and the name of its type."""
    body: Mapping[str, Any] = command.body
    version = body.get("TypeVersion", "v0")
    parameters = read_parameters(body.get("ParameterList"))
    upgrade = Upgrade(version, version, 0, None, parameters, parameters)
    history = History(Scenario("", (never_upgraded(upgrade=upgrade),)), command.at, speed, COURSES["idle"])
    return history, body.get("TypeName") or type_name(command.name)
