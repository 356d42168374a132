"""Requests that change a simulated cluster: how they are read, decided and put into the journal. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_sf.simulator.journal import Command
from airflow_provider_sf.simulator.responses import INVALID, OK, HttpResponse, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.manifests import Package
    from airflow_provider_sf.simulator.state import ClusterState


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as the cluster reads it."""

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
    decide: Callable[[ClusterState, str, ApiRequest], Decision] = field(repr=False)
    is_file: bool = False
    """Whether the body is a file, not JSON."""

    def name_in(self, request: ApiRequest) -> str | None:
        """Return the name in the path of a request, None if it is for another route."""
        return name_in(self.path, request.path) if request.method == self.method else None

    def name_in_body(self, request: ApiRequest) -> str:
        """Return the name in the body, which decides before the one in the path; empty without one."""
        body = request.json() if request.body and not self.is_file else None
        name = body.get("Name") if isinstance(body, dict) else ""
        return name if isinstance(name, str) else ""

    def command(self, state: ClusterState, request: ApiRequest, decision: Decision) -> Command | None:
        """Return the entry of the journal; None if nothing changes."""
        if not decision.name:
            return None
        return Command(
            at=state.now,
            call=decision.call or self.call,
            name=decision.name,
            body=request.body if self.is_file else _body(request),
            query=request.query | ({"content-range": request.content_range} if request.content_range else {}),
            endpoint=request.endpoint,
            thumbprint=request.thumbprint,
            package=decision.package,
        )


def name_in(route: str, path: str) -> str | None:
    """Return the name in a path: empty if the route has no name, None if it is another route."""
    pattern = re.escape(route).replace(r"\{contentPath\}", _CONTENT_PATH)
    found = re.fullmatch(re.sub(r"\\{\w+\\}", "([^/]+)", pattern), path)
    return found and unquote("".join(found.groups()))


_CONTENT_PATH = r"((?!\$/)(?:(?!/\$/).)+)"
"""A path in the image store, with separators that are quoted or not."""


def _body(request: ApiRequest) -> Any:
    return json.loads(request.body) if request.body else None
