"""The calls that change a simulated cluster, as a table, and what they put into its journal. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_sf.simulator import application_commands as applications
from airflow_provider_sf.simulator.journal import Command
from airflow_provider_sf.simulator.model import application_name
from airflow_provider_sf.simulator.responses import CREATED, INVALID, OK, HttpResponse, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.manifests import Package
    from airflow_provider_sf.simulator.state import ClusterState


@dataclass(frozen=True, slots=True)
class Write:
    """A request that may change the cluster."""

    method: str
    target: str
    body: bytes = b""
    content_range: str = ""
    endpoint: str | None = None
    thumbprint: str | None = None

    @property
    def path(self) -> str:
        """The quoted path."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query."""
        return dict(parse_qsl(urlsplit(self.target).query))

    def json(self) -> Any:
        """
        Return the body.

        :raises Refusal: it is not JSON
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refusal(INVALID) from None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the cluster answers, and what it does. Without a name it does nothing."""

    name: str = ""
    response: HttpResponse = OK
    call: str = ""
    """What it does, if this is not the call of the route."""
    package: Package | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A call that changes something: its method, its path, its api-version and who decides."""

    call: str
    method: str
    path: str
    api_version: str
    decide: Callable[[ClusterState, str, Write], Decision] = field(repr=False)
    is_file: bool = False
    """Whether the body is a file, not JSON."""

    def name_in(self, write: Write) -> str | None:
        """Return the name in the path of a request, None if it is for another route."""
        return name_in(self.path, write.path) if write.method == self.method else None

    def name_in_body(self, write: Write) -> str:
        """Return the name in the body, which decides before the one in the path; empty without one."""
        body = write.json() if write.body and not self.is_file else None
        name = body.get("Name") if isinstance(body, dict) else ""
        return name if isinstance(name, str) else ""

    def command(self, state: ClusterState, write: Write, decision: Decision) -> Command | None:
        """Return the entry of the journal; None if nothing changes."""
        if not decision.name:
            return None
        return Command(
            at=state.now,
            call=decision.call or self.call,
            name=decision.name,
            body=write.body if self.is_file else _body(write),
            query={**write.query},
            endpoint=write.endpoint,
            thumbprint=write.thumbprint,
            package=decision.package,
        )


def name_in(route: str, path: str) -> str | None:
    """Return the name in a path: empty if the route has no name, None if it is another route."""
    pattern = re.sub(r"\\{contentPath\\}", "(.+)", re.escape(route))
    found = re.fullmatch(re.sub(r"\\{\w+\\}", "([^/]+)", pattern), path)
    return found and unquote("".join(found.groups()))


def _body(write: Write) -> Any:
    return json.loads(write.body) if write.body else None


def _start_upgrade(state: ClusterState, _: str, write: Write) -> Decision:
    try:
        return Decision(applications.start_upgrade(state, write.json()))
    except applications.UnknownParameter as refusal:
        found = applications.classic(state, write.json()["Name"])
        if found.history.is_running(state.now):
            raise
        # The cluster has replaced the record by the new upgrade before it finds the parameter.
        return Decision(application_name(found.name), refusal.response, "refuse_application_upgrade")


ROUTES = (
    Route(
        "start_application_upgrade", "POST", "/Applications/{applicationId}/$/Upgrade", "6.0", _start_upgrade
    ),
    Route(
        "update_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/UpdateUpgrade",
        "6.0",
        lambda state, _, write: Decision(applications.update_upgrade(state, write.json())),
    ),
    Route(
        "resume_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/MoveToNextUpgradeDomain",
        "6.0",
        lambda state, name, write: Decision(applications.resume_upgrade(state, name, write.json())),
    ),
    Route(
        "rollback_application_upgrade",
        "POST",
        "/Applications/{applicationId}/$/RollbackUpgrade",
        "6.0",
        lambda state, name, _: Decision(applications.rollback_upgrade(state, name)),
    ),
    Route(
        "create_application",
        "POST",
        "/Applications/$/Create",
        "6.0",
        lambda state, _, write: Decision(applications.create_application(state, write.json()), CREATED),
    ),
)
