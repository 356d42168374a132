"""The responses of a simulated cluster, from the scenario of a name and the time. No I/O."""

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
from airflow_provider_sf.simulator.model import application_name, progress_response
from airflow_provider_sf.simulator.responses import (
    NO_CONTENT,
    HttpResponse,
    fabric_error,
    fault_at,
    json_response,
)
from airflow_provider_sf.simulator.scenarios import SCENARIOS
from airflow_provider_sf.simulator.timeline import snapshot_at
from airflow_provider_sf.upgrades.applications import APPLICATION, APPLICATIONS
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_sf.simulator.scenarios import Scenario
    from airflow_provider_sf.simulator.timeline import Snapshot
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

    :raises ValueError: ``cluster_scenario`` is invalid
    """

    def __init__(
        self, *, speed: float, cluster_scenario: str, runtime_version: str, clock: Callable[[], float]
    ) -> None:
        if cluster_scenario not in SCENARIOS:
            msg = f"invalid cluster_scenario {cluster_scenario!r}: choose one of {', '.join(SCENARIOS)}"
            raise ValueError(msg)
        self.speed = speed
        self.cluster_scenario = cluster_scenario
        self.runtime_version = runtime_version
        self.clock = clock
        self.sign_in: dict[str, Any] = {"type": "", "metadata": {}}
        """How clients sign in with Entra ID; empty if they cannot."""
        self._started: dict[str, float] = {}
        self._applications: dict[str, str] = {}

    def respond(self, target: str) -> HttpResponse:
        """Return the response to a GET request for this target."""
        parts = urlsplit(target)
        if parts.path == EXPLORER_PATH:
            return HttpResponse(body=EXPLORER_PAGE, content_type="text/html; charset=utf-8")
        query = dict(parse_qsl(parts.query))
        if not self._supports(query.get("api-version", "")):
            return fabric_error(400, "E_INVALIDARG", "The api-version is missing or not supported.")
        for call, respond in self._routes(query.get("ContinuationToken", "")):
            name = _name_in(call.path, parts.path)
            if name is not None and self._supports(call.api_version):
                return respond(name)
        return fabric_error(400, "E_INVALIDARG", "The route is not known.")

    def _supports(self, api_version: str) -> bool:
        """Return whether the runtime supports an api-version: 6.0 up to its own version."""
        version, newest = _number(api_version), _number(self.runtime_version)
        return version is not None and newest is not None and (6, 0) <= version <= newest

    def _routes(self, token: str) -> Iterator[tuple[Call, Callable[[str], HttpResponse]]]:
        """Yield each call with the function that returns its response for a name."""
        yield CLUSTER_VERSION, lambda _: json_response({"Version": self.runtime_version})
        yield AAD_METADATA, lambda _: json_response(self.sign_in)
        for kind in KINDS.values():
            yield kind.progress, partial(self._progress, kind)
        yield APPLICATION, self._application
        yield APPLICATION_HEALTH, self._health
        yield APPLICATIONS, lambda _: json_response(page_after(token, self._application_list()))

    def _progress(self, kind: Kind, name: str) -> HttpResponse:
        started_at, elapsed = self._start_and_elapsed(name)
        if "{applicationId}" in kind.progress.path:
            self._applications.setdefault(normalized_name(name), name)
        return progress_response(
            self._scenario(name),
            name,
            kind=kind.name,
            elapsed=elapsed,
            started_at=started_at,
            speed=self.speed,
        )

    def _application(self, name: str) -> HttpResponse:
        return self._application_response(name, application_info, missing=NO_CONTENT)

    def _health(self, name: str) -> HttpResponse:
        code = "FABRIC_E_HEALTH_ENTITY_NOT_FOUND"
        missing = fabric_error(404, code, f"There is no health of {application_name(name)}.")
        return self._application_response(name, application_health, missing=missing)

    def _application_response(
        self, name: str, body: Callable[[str, Snapshot], dict[str, Any]], *, missing: HttpResponse
    ) -> HttpResponse:
        """Return the body about a classic application now, or its fault."""
        scenario = self._scenario(name)
        if not scenario.exists:
            return missing
        _, elapsed = self._start_and_elapsed(name)
        self._applications.setdefault(normalized_name(name), name)
        return fault_at(scenario, elapsed * self.speed) or json_response(body(name, self._snapshot(name)))

    def _application_list(self) -> dict[str, dict[str, Any]]:
        """Return the classic applications that were requested before and exist, by id."""
        return {
            application_id(name): application_info(name, self._snapshot(name))
            for name in self._applications.copy().values()
            if self._scenario(name).phases
        }

    def _snapshot(self, name: str) -> Snapshot:
        started_at, elapsed = self._start_and_elapsed(name)
        second = elapsed * self.speed
        return snapshot_at(self._scenario(name), second, started_at=started_at, speed=self.speed)

    def _start_and_elapsed(self, name: str) -> tuple[float, float]:
        """Return when a name was first requested, and how many seconds ago."""
        now = self.clock()
        started_at = self._started.setdefault(normalized_name(name), now)
        return started_at, max(0.0, now - started_at)  # another thread may have read a later time first

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
