"""Requests that reset a simulated cluster. A real cluster has no such call. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.simulator.responses import OK, HttpResponse, fabric_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_sf.simulator.commands import ApiRequest

RESET_PATH = "/simulator/reset"


def is_reset(request: ApiRequest) -> bool:
    """Whether a request resets the simulator."""
    return request.method == "POST" and request.path == RESET_PATH


def reset_response(request: ApiRequest, reset: Callable[[str | None], None]) -> HttpResponse:
    """Return the response to a request for a reset, and do it."""
    query = request.query
    if set(query) - {"name"} or ("name" not in query and "?" in request.target):
        message = f"{request.target}: a reset has one parameter, name, or none"
        return fabric_error(400, "E_INVALIDARG", message)
    try:
        reset(query.get("name"))
    except ValueError as error:
        return fabric_error(404, "SIMULATOR_UNKNOWN_NAME", str(error))
    return OK


def check_known(name: str, known: Sequence[str]) -> None:
    """
    Check that a name can be reset.

    :raises ValueError: the name is unknown
    """
    if normalized_name(name) not in map(normalized_name, known):
        msg = (
            f"unknown name {name!r}: it has no scenario, and nothing has happened to it; "
            f"known names: {', '.join(known)}"
        )
        raise ValueError(msg)
