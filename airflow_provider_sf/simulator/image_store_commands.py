"""Who answers what to an upload: decisions from the cluster's state. No I/O."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.commands import Decision, Route
from airflow_provider_sf.simulator.image_store import read_range, store_path
from airflow_provider_sf.simulator.responses import NO_ROUTE, Refusal, fabric_error

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.image_store import UploadSession
    from airflow_provider_sf.simulator.state import ClusterState

_GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE | re.ASCII)
_MAX_PATH = 260


def session_of(state: ClusterState, request: ApiRequest) -> UploadSession:
    """
    Return the upload session of a request.

    :raises Refusal: it does not exist
    """
    session = state.image_store().sessions.get(session_id(state, request))
    if session is None:
        raise Refusal(_UNKNOWN_SESSION)
    return session


def session_id(state: ClusterState, request: ApiRequest) -> str:
    """
    Return the id of the upload session in a request.

    :raises Refusal: it is invalid, or the cluster has no upload sessions
    """
    found = request.query.get("session-id", "")
    if not state.has_upload_sessions:
        raise Refusal(NO_ROUTE)
    if not _GUID.fullmatch(found):
        raise Refusal(_INVALID_SESSION)
    return found


_INVALID_SESSION = fabric_error(
    400, "FABRIC_E_INVALID_UPLOAD_SESSION_ID", "The upload session id is not a GUID."
)
_UNKNOWN_SESSION = fabric_error(404, "NotFound", "The upload session does not exist.")
"""The code of uploadsessionmap.cpp of microsoft/service-fabric."""


def _upload_file(_: ClusterState, name: str, __: ApiRequest) -> Decision:
    return Decision(_checked_path(name))


def _upload_chunk(state: ClusterState, name: str, request: ApiRequest) -> Decision:
    path, found = _checked_path(name), session_id(state, request)
    place = read_range(request.content_range, len(request.body))
    session = state.image_store().sessions.get(found)
    if session is not None and (session.path, session.size) != (path, place.size):
        message = "The upload session id is in use for another file."
        raise Refusal(fabric_error(409, "FABRIC_E_UPLOAD_SESSION_ID_CONFLICT", message))
    if session is not None and not session.takes(place):
        message = "A part of the range was uploaded before."
        raise Refusal(fabric_error(400, "FABRIC_E_UPLOAD_SESSION_RANGE_NOT_SATISFIABLE", message))
    return Decision(path)


def _commit(state: ClusterState, _: str, request: ApiRequest) -> Decision:
    session = session_of(state, request)
    if session.missing():
        message = f"Ranges of the file were not uploaded: {session.missing()}"
        raise Refusal(fabric_error(400, "E_INVALIDARG", message))  # see UploadSessionMetadata.cpp
    return Decision(session.path)


def _delete(state: ClusterState, name: str, _: ApiRequest) -> Decision:
    path = store_path(name)
    state.image_store().existing(path)
    return Decision(path)


def _checked_path(name: str) -> str:
    path = store_path(name)
    if ".." in path.split("/") or ":" in path:
        raise Refusal(
            fabric_error(400, "FABRIC_E_INVALID_DIRECTORY", f"{path} is not a path in the image store.")
        )
    if len(path) > _MAX_PATH:
        raise Refusal(fabric_error(400, "FABRIC_E_PATH_TOO_LONG", f"{path} is too long."))
    return path


IMAGE_STORE_ROUTES = (
    Route(
        "upload_chunk", "PUT", "/ImageStore/{contentPath}/$/UploadChunk", "6.0", _upload_chunk, is_file=True
    ),
    Route("upload_file", "PUT", "/ImageStore/{contentPath}", "6.0", _upload_file, is_file=True),
    Route("commit_upload_session", "POST", "/ImageStore/$/CommitUploadSession", "6.0", _commit),
    Route(
        "delete_upload_session",
        "DELETE",
        "/ImageStore/$/DeleteUploadSession",
        "6.0",
        lambda state, _, request: Decision(session_of(state, request).path),
    ),
    Route("delete_image_store_path", "DELETE", "/ImageStore/{contentPath}", "6.0", _delete),
)
