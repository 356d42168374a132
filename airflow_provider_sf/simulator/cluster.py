"""The answers of a simulated cluster, from the scenario of a name and the time. No I/O."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, Call
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.applications import (
    application_health,
    application_id,
    application_info,
    page_after,
)
from airflow_provider_sf.simulator.model import application_name, progress_answer
from airflow_provider_sf.simulator.responses import NOTHING, Answer, fabric_error, fault_at, json_answer
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.timeline import moment_at
from airflow_provider_sf.upgrades.applications import APPLICATION, APPLICATIONS
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sf.simulator.scenarios import Scenario
    from airflow_provider_sf.simulator.timeline import Moment
    from airflow_provider_sf.upgrades.kinds import Kind

AAD_METADATA = Call(
    path="/$/GetAadMetadata",
    api_version="6.0",
    page="https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getaadmetadata",
)

EXPLORER_PATH = "/Explorer/index.html"
EXPLORER_PAGE = b"""<!doctype html><title>Simulated cluster</title>
<p>This cluster is simulated. A real one shows Service Fabric Explorer here.</p>
"""


class SimulatedCluster:
    """
    A simulated cluster without network and security. Its parameters are those of the simulator.

    :raises ValueError: there is no such scenario
    """

    def __init__(
        self, *, speed: float, cluster_scenario: str, runtime_version: str, clock: Callable[[], float]
    ) -> None:
        if cluster_scenario not in SCENARIOS:
            msg = f"cluster_scenario {cluster_scenario!r} is none; choose one of: {', '.join(SCENARIOS)}"
            raise ValueError(msg)
        self.speed = speed
        self.cluster_scenario = cluster_scenario
        self.runtime_version = runtime_version
        self.clock = clock
        self.sign_in: dict[str, Any] = {"type": "", "metadata": {}}
        """How clients sign in with Entra ID; empty if they cannot."""
        self._started: dict[str, float] = {}
        self._applications: dict[str, str] = {}

    def answer(self, target: str) -> Answer:
        """Return the answer to a GET request for this target."""
        parts = urlsplit(target)
        if parts.path == EXPLORER_PATH:
            return Answer(body=EXPLORER_PAGE, content_type="text/html; charset=utf-8")
        query = dict(parse_qsl(parts.query))
        if not self._has(query.get("api-version", "")):
            return fabric_error(400, "E_INVALIDARG", "The api-version is missing or not supported.")
        for call, respond in self._routes(query.get("ContinuationToken", "")):
            name = _name_in(call.path, parts.path)
            if name is not None and self._has(call.api_version):
                return respond(name)
        return fabric_error(400, "E_INVALIDARG", "The route is not known.")

    def _has(self, api_version: str) -> bool:
        """Return whether the runtime supports an api-version: 6.0 up to its own version."""
        version, newest = _number(api_version), _number(self.runtime_version)
        return version is not None and newest is not None and (6, 0) <= version <= newest

    def _routes(self, token: str) -> Iterator[tuple[Call, Callable[[str], Answer]]]:
        """Yield each call with the function that answers it for a name."""
        yield CLUSTER_VERSION, lambda _: json_answer({"Version": self.runtime_version})
        yield AAD_METADATA, lambda _: json_answer(self.sign_in)
        for kind in KINDS.values():
            yield kind.progress, partial(self._progress, kind)
        yield APPLICATION, self._application
        yield APPLICATION_HEALTH, self._health
        yield APPLICATIONS, lambda _: json_answer(page_after(token, self._listed()))

    def _progress(self, kind: Kind, name: str) -> Answer:
        started_at, elapsed = self._since(name)
        if "{applicationId}" in kind.progress.path:
            self._applications.setdefault(normalized_name(name), name)
        return progress_answer(
            self._scenario(name),
            name,
            kind=kind.name,
            elapsed=elapsed,
            started_at=started_at,
            speed=self.speed,
        )

    def _application(self, name: str) -> Answer:
        return self._about(name, application_info, missing=NOTHING)

    def _health(self, name: str) -> Answer:
        code = "FABRIC_E_HEALTH_ENTITY_NOT_FOUND"
        missing = fabric_error(404, code, f"There is no health of {application_name(name)}.")
        return self._about(name, application_health, missing=missing)

    def _about(self, name: str, body: Callable[[str, Moment], dict[str, Any]], *, missing: Answer) -> Answer:
        """Return the state of a classic application now."""
        scenario = self._scenario(name)
        if not scenario.exists:
            return missing
        _, elapsed = self._since(name)
        self._applications.setdefault(normalized_name(name), name)
        return fault_at(scenario, elapsed * self.speed) or json_answer(body(name, self._moment(name)))

    def _listed(self) -> dict[str, dict[str, Any]]:
        """Return the classic applications that were requested before and exist, by id."""
        return {
            application_id(name): application_info(name, self._moment(name))
            for name in self._applications.copy().values()
            if self._scenario(name).phases
        }

    def _moment(self, name: str) -> Moment:
        started_at, elapsed = self._since(name)
        second = elapsed * self.speed
        return moment_at(self._scenario(name), second, started_at=started_at, speed=self.speed)

    def _since(self, name: str) -> tuple[float, float]:
        """Return when a name was first requested, and how many seconds ago."""
        now = self.clock()
        started_at = self._started.setdefault(normalized_name(name), now)
        return started_at, max(0.0, now - started_at)  # another thread may have read the clock later

    def _scenario(self, name: str) -> Scenario:
        if not name:
            return SCENARIOS[self.cluster_scenario]
        return SCENARIOS.get(normalized_name(name).partition("-")[0], SCENARIOS["not_found"])


def _name_in(route: str, path: str) -> str | None:
    """Return the name in a path: empty if the route has no name, None if it is another route."""
    pattern = re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(route))
    found = re.fullmatch(pattern, path)
    return found and unquote("".join(found.groups()))


def _number(version: str) -> tuple[int, int] | None:
    """Return the first two parts of a version of the runtime, or of the API."""
    found = re.fullmatch(r"(\d+)\.(\d+)(\.[\d.]+|-preview)?", version, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
