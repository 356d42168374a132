"""The responses of a simulated cluster, from the scenario of a name and the time. No I/O."""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, Call
from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.applications import (
    application_id,
    application_info,
    page_after,
)
from airflow_provider_sf.simulator.behaviours import CLUSTER, WORDS, NameScenarios, behaviour_of
from airflow_provider_sf.simulator.commands import ApiRequest, Route, name_in
from airflow_provider_sf.simulator.deployments import DEFINITIONS
from airflow_provider_sf.simulator.journal import RESET, Command, commands_in_force
from airflow_provider_sf.simulator.model import not_found_response, progress_response
from airflow_provider_sf.simulator.pages import PAGE_PATH, page_response
from airflow_provider_sf.simulator.reads import READS
from airflow_provider_sf.simulator.resets import check_known, is_reset, reset_response
from airflow_provider_sf.simulator.responses import (
    NO_ROUTE,
    HttpResponse,
    Refusal,
    fabric_error,
    json_response,
)
from airflow_provider_sf.simulator.state import ClusterState
from airflow_provider_sf.simulator.writes import ROUTES
from airflow_provider_sf.upgrades.applications import APPLICATIONS
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_sf.upgrades.kinds import Kind

AAD_METADATA = Call(
    path="/$/GetAadMetadata",
    api_version="6.0",
    page="https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-getaadmetadata",
)

UNSUPPORTED = fabric_error(400, "E_INVALIDARG", "The api-version is missing or not supported.")

JOURNAL_PATH = "/simulator/journal"
"""The accepted commands as JSON. A real cluster does not have this."""

INVALID_TIMEOUT = fabric_error(400, "E_INVALIDARG", "The timeout is invalid.")
MAX_TIMEOUT_SECONDS = 600
"""The setting MaxOperationTimeout of NamingService."""

EXPLORER_PATH = "/Explorer/index.html"
EXPLORER_PAGE = b"""<!doctype html><title>Simulated cluster</title>
<p>This cluster is simulated. A real one shows Service Fabric Explorer here.</p>
"""


class SimulatedCluster:
    """
    A simulated cluster without network and security. Its parameters are those of the simulator.

    :raises ValueError: ``cluster_scenario`` or ``scenarios`` is invalid
    """

    def __init__(
        self,
        *,
        speed: float,
        cluster_scenario: str,
        runtime_version: str,
        clock: Callable[[], float],
        scenarios: Mapping[str, str] | None = None,
        start_delay: float = 0.0,
    ) -> None:
        words = dict(scenarios or {})
        self.speed = speed
        self.cluster_scenario = words.pop(CLUSTER, cluster_scenario)
        if self.cluster_scenario not in WORDS:
            msg = f"invalid cluster_scenario {self.cluster_scenario!r}: choose one of {', '.join(WORDS)}"
            raise ValueError(msg)
        self.scenarios = NameScenarios(words, start_delay)
        self.runtime_version = runtime_version
        self.clock = clock
        self.upload_sessions = True
        """Whether files can be uploaded in chunks; the gateway of Linux, 6.4, has no such calls."""
        self.updates_default_services = False
        """The setting ClusterManager/EnableDefaultServicesUpgrade: whether an upgrade may change them."""
        self.sign_in: dict[str, Any] = {"type": "", "metadata": {}}
        """How clients sign in with Entra ID; empty if they cannot."""
        self.journal: list[Command] = []
        """The accepted commands, oldest first. Only the cluster appends to it."""
        self._accepting = threading.Lock()
        self._started: dict[str, float] = {}
        self._applications: dict[str, str] = {}

    def respond(self, target: str) -> HttpResponse:
        """Return the response to a GET request for this target."""
        parts = urlsplit(target)
        if parts.path == EXPLORER_PATH:
            return HttpResponse(body=EXPLORER_PAGE, content_type="text/html; charset=utf-8")
        if parts.path == JOURNAL_PATH:
            return json_response([command.to_dict() for command in self.journal])
        if parts.path.startswith(PAGE_PATH):
            application = unquote(parts.path.removeprefix(PAGE_PATH))
            return page_response(self.state(application), application)
        query = dict(parse_qsl(parts.query))
        refusal = self._refusal(query)
        if refusal is not None:
            return refusal
        for call, respond in self._routes(query.get("ContinuationToken", "")):
            name = name_in(call.path, parts.path)
            if name is not None and self._supports(call.api_version):
                return respond(name)
        return self._read(ApiRequest("GET", target))

    def _read(self, request: ApiRequest) -> HttpResponse:
        """Return the response to a request that changes nothing."""
        for read in READS:
            name = read.name_in(request)
            if name is None or not self._supports(read.api_version):
                continue
            if "{applicationId}" in read.path:
                self._applications.setdefault(normalized_name(name), name)
            state = self.state(name) if read.has_scenario else self.state()
            try:
                return (read.has_scenario and state.fault(name)) or read.answer(state, name, request)
            except Refusal as refusal:
                return refusal.response
        return NO_ROUTE

    def _refusal(self, query: Mapping[str, str]) -> HttpResponse | None:
        """Return the response to a query that is invalid for every call."""
        timeout = query.get("timeout", "60")
        if not self._supports(query.get("api-version", "")):
            return UNSUPPORTED
        is_valid = re.fullmatch(r"\d{1,10}", timeout, re.ASCII) and 1 <= int(timeout) <= MAX_TIMEOUT_SECONDS
        return None if is_valid else INVALID_TIMEOUT

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
        yield APPLICATIONS, lambda _: json_response(page_after(token, self._application_list()))

    def state(self, *names: str) -> ClusterState:
        """Return the state of the cluster now. The first request for a name starts its scenario."""
        journal = tuple(self.journal)
        now = self._now(journal)
        for name in names:
            self._started.setdefault(normalized_name(name), now)
        return ClusterState(
            commands_in_force(journal),
            now,
            self.speed,
            self._started.copy(),
            self.scenarios,
            has_upload_sessions=self.upload_sessions,
            runtime_version=self.runtime_version,
            updates_default_services=self.updates_default_services,
        )

    def _now(self, journal: Sequence[Command]) -> float:
        return max(self.clock(), journal[-1].at if journal else 0.0)  # clocks can go backwards

    def reset(self, name: str | None = None) -> None:
        """
        Forget what has happened to a name: its scenario starts again, and its commands are undone.

        The journal keeps the entries and gets another one, ``reset``.

        :param name: the name, ``cluster`` for the cluster and its configuration; None for the whole simulator
        :raises ValueError: the name is unknown
        """
        with self._accepting:
            if name is None:
                self._started.clear()
                self._applications.clear()
            else:
                self._check_known(name)
                key = normalized_name(name)
                self._started.pop("" if key == CLUSTER else key, None)
                self._applications.pop(key, None)
            self.journal.append(Command(self._now(self.journal), RESET, name or ""))

    def _check_known(self, name: str) -> None:
        if self.scenarios.behaviour(name) is None:
            commands = {command.name for command in commands_in_force(self.journal)}
            requested = set(filter(self.scenarios.behaviour, self._started))
            check_known(name, [CLUSTER, *sorted(commands | requested | set(self.scenarios.words))])

    def change(self, request: ApiRequest) -> HttpResponse:
        """Return the response to a request that may change the cluster, and do what it asks for."""
        if is_reset(request):
            return reset_response(request, self.reset)
        refusal = self._refusal(request.query)
        if refusal is not None:
            return refusal
        for route in ROUTES:
            name = route.name_in(request)
            if name is not None and self._supports(route.api_version):
                return self._decide(route, name, request)
        return self._read(request)

    def _decide(self, route: Route, name: str, request: ApiRequest) -> HttpResponse:
        """Accept or refuse a request. One request at a time: each sees what the one before has changed."""
        with self._accepting:
            try:
                subject = (route.name_in_body(request) or name) if route.call in DEFINITIONS else ""
                state = self.state(subject) if subject else self.state()
                fault = state.fault(subject)
                if fault is not None:
                    return fault
                decision = route.decide(state, name, request)
            except Refusal as refusal:
                return refusal.response
            command = route.command(state, request, decision)
            if command is not None:
                self.journal.append(command)
            return decision.response

    def _progress(self, kind: Kind, name: str) -> HttpResponse:
        if not name:
            return self._cluster_progress(kind)
        if "{applicationId}" in kind.progress.path:
            self._applications.setdefault(normalized_name(name), name)
        state = self.state(name)
        found = state.find(name)
        if found is None:
            return not_found_response(kind.name, name)
        history = found.history
        return progress_response(
            history.scenario,
            name,
            kind=kind.name,
            elapsed=max(0.0, state.now - history.started_at),
            started_at=history.started_at,
            speed=self.speed,
            application_type=found.type_name,
        )

    def _cluster_progress(self, kind: Kind) -> HttpResponse:
        state = self.state("")
        started_at = state.first_requests[""]
        return progress_response(
            behaviour_of(self.cluster_scenario, self.scenarios.start_delay).scenario,
            "",
            kind=kind.name,
            elapsed=max(0.0, state.now - started_at),  # another thread may have read a later time first
            started_at=started_at,
            speed=self.speed,
        )

    def _application_list(self) -> dict[str, dict[str, Any]]:
        """Return the classic applications that were requested or created, and exist, by id."""
        state = self.state()
        created = {
            normalized_name(command.name): command.name
            for command in state.journal
            if command.call == "create_application"
        }
        names = {**created, **self._applications}.values()
        found = {name: state.find(name) for name in names}
        return {
            application_id(name): application_info(deployment, state.now)
            for name, deployment in found.items()
            if deployment is not None and deployment.history.scenario.phases
        }


def _number(version: str) -> tuple[int, int] | None:
    """Return the first two parts of a version of the runtime, or of the API."""
    found = re.fullmatch(r"(\d+)\.(\d+)(\.[\d.]+|-preview)?", version, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
