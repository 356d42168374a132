"""Requests that change a cluster: how long each may take, and what its response proves. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sf.rest import bodies
from airflow_provider_sf.rest.error_codes import TRANSIENT_CODES
from airflow_provider_sf.rest.errors import Rejected, result_unknown
from airflow_provider_sf.rest.protocol import (
    MAX_MARGIN_SECONDS,
    MAX_SERVER_SECONDS,
    error_from_response,
    request_for,
)

if TYPE_CHECKING:
    from airflow_provider_sf.rest.protocol import Call, Request, Response

_ACCEPTED = frozenset({200, 201, 202})


def change_request(
    call: Call,
    name: str | None = "",
    *,
    timeout: float,
    api_version: str | None = None,
    body: object = None,
    headers: tuple[tuple[str, str], ...] = (),
    **query: str,
) -> Request:
    """
    Return the request of a call that changes the cluster; see :func:`request_for`.

    :param timeout: how many seconds the cluster may take, 1 to 600; its answer may take a little longer
    :raises ValueError: the time is out of range, or the name is invalid
    """
    if not 1 <= timeout <= MAX_SERVER_SECONDS:
        msg = f"timeout must be from 1 to {MAX_SERVER_SECONDS:g} seconds, not {timeout:g}"
        raise ValueError(msg)
    request = request_for(call, name, api_version=api_version, timeout=int(timeout), body=body, **query)
    return replace(request, headers=(*request.headers, *headers), read_timeout=timeout + MAX_MARGIN_SECONDS)


def check_accepted(response: Response) -> None:
    """
    Raise the error of a response to a change, if the cluster has not accepted the change.

    :raises ResultUnknown: the change may have been made: the cluster was too slow, or it failed, or something
        that is not the cluster has answered
    :raises Unreachable: it was not made, because something else is in progress; a retry may help
    :raises Rejected: it was refused
    """
    if response.status in _ACCEPTED and bodies.is_empty_or_json(response.body):
        return
    error = error_from_response(response)
    if isinstance(error, Rejected) or error.code in TRANSIENT_CODES:
        raise error
    raise result_unknown(error)
