"""
The web page of a simulated application, which a test of the user's own can request. No I/O.

``GET /simulator/page/{applicationId}``: a real cluster does not have this. Its status is 500 if a version
with errors runs, although Service Fabric reports good health.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.model import application_name
from airflow_provider_sf.simulator.responses import HttpResponse, fabric_error

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.state import ClusterState

PAGE_PATH = "/simulator/page/"


def page_response(state: ClusterState, name: str) -> HttpResponse:
    """Return the page: the version that is deployed, or an error."""
    found = state.find(name)
    if found is None:
        return fabric_error(404, "FABRIC_E_APPLICATION_NOT_FOUND", f"{application_name(name)} does not exist")
    course, snapshot = found.history.course, found.history.snapshot(state.now)
    goes_forward = snapshot.phase.upgrade.description is not None and not snapshot.phase.backward
    if course.end == "http_errors" and goes_forward and snapshot.fraction > course.stops_at:
        body = f"{application_name(name)}: internal error in {snapshot.version}\n"
        return HttpResponse(500, body.encode(), content_type="text/plain; charset=utf-8")
    body = f"{application_name(name)}: {snapshot.deployed_version}\n"
    return HttpResponse(body=body.encode(), content_type="text/plain; charset=utf-8")
