"""The state of a simulated cluster at a time: a pure function of scenarios, journal and time. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.application_types import TypeVersion, cleanups, type_versions
from airflow_provider_sf.simulator.behaviours import NameScenarios
from airflow_provider_sf.simulator.body_values import read_parameters
from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.deployments import CLASSIC, DEFINITIONS, STARTS, next_history
from airflow_provider_sf.simulator.descriptions import IDENTITY, Configuration
from airflow_provider_sf.simulator.history import History
from airflow_provider_sf.simulator.image_store import ImageStore, image_store
from airflow_provider_sf.simulator.model import application_name, fault_at, type_name
from airflow_provider_sf.simulator.scenarios import Scenario, Upgrade, never_upgraded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_sf.simulator.journal import Command
    from airflow_provider_sf.simulator.responses import HttpResponse


@dataclass(frozen=True, slots=True)
class Deployment:
    """An application, compose deployment or application resource."""

    name: str
    history: History
    type_name: str
    definition: str
    is_defined: bool = False
    """Whether a command has defined it; otherwise it is of every kind."""

    @property
    def full_name(self) -> str:
        """The name of a classic application."""
        return application_name(self.name)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """
    A cluster at the Unix time ``now``.

    ``journal`` has the commands that no reset has undone. ``first_requests`` has the times at which the names
    of scenarios were requested first, by normalized name.
    """

    journal: tuple[Command, ...]
    now: float
    speed: float
    first_requests: Mapping[str, float]
    scenarios: NameScenarios = field(default_factory=NameScenarios)
    has_upload_sessions: bool = True
    runtime_version: str = ""
    updates_default_services: bool = False

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
        return Deployment(name, history, kind, definition, is_defined=first is not None)

    def fault(self, name: str) -> HttpResponse | None:
        """Return the fault in the scenario of a name now, None without a fault."""
        found = self.find(name) if name else None
        return fault_at(found.history.scenario, found.history.second(self.now)) if found else None

    def known_applications(self) -> list[Deployment]:
        """Return what exists of all names that were requested or that commands are about."""
        commands = [command.name for command in self.journal if command.call in DEFINITIONS]
        names = {normalized_name(name): name for name in (*self.first_requests, *commands) if name}
        return [found for found in map(self.find, names.values()) if found and found.history.scenario.phases]

    def known_types(self) -> list[str]:
        """Return the types of the known applications, and those that were provisioned."""
        used = [found.type_name for found in self.known_applications()]
        provisioned = [
            command.name for command in self.journal if command.call == "provision_application_type"
        ]
        return list(dict.fromkeys([*used, *provisioned]))

    def user_of(self, type_name: str, version: str) -> str:
        """Return an application that runs a version, or is being upgraded to it; empty without one."""
        for found in self.known_applications():
            if found.type_name == type_name and version in found.history.versions(self.now):
                return found.full_name
        return ""

    def image_store(self) -> ImageStore:
        """Return the image store."""
        done = [(at, path) for at, path in cleanups(self.journal, speed=self.speed) if at <= self.now]
        return image_store(self.journal, done)

    def types(self, *names: str) -> dict[tuple[str, str], TypeVersion]:
        """Return the versions of these types and of all that were provisioned."""
        return type_versions(self.journal, names, speed=self.speed, first=self.scenarios.types)

    def _base(self, name: str, first: Command | None) -> tuple[History, str] | None:
        """Return the history before the commands, and the name of the application type."""
        behaviour = self.scenarios.behaviour(name)
        if behaviour is not None and behaviour.scenario.exists:
            started_at = self.first_requests.get(normalized_name(name), self.now)
            if not behaviour.has_upgrade:
                started_at = first.at if first else self.now
            return History(behaviour.scenario, started_at, self.speed, behaviour.course), type_name(name)
        if first is not None and first.call.startswith("create_"):
            return created(first, self.speed)
        return None


def created(command: Command, speed: float) -> tuple[History, str]:
    """Return the history of an application that a command created, and the name of its type."""
    body: Mapping[str, Any] = command.body
    version = body.get("TypeVersion", "v0")
    parameters = read_parameters(body.get("ParameterList"))
    deployed = Configuration(parameters, body.get(IDENTITY))
    upgrade = Upgrade(version, version, before=deployed, after=deployed)
    history = History(Scenario("", (never_upgraded(upgrade=upgrade),)), command.at, speed, COURSES["idle"])
    return history, body.get("TypeName") or type_name(command.name)
