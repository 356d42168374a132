"""A simulated cluster that repeats the requests in its messages: the worst case for secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.reads import is_read
from airflow_provider_sf.simulator.responses import HttpResponse, fabric_error

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.commands import ApiRequest


class RepeatingCluster(Simulator):
    """
    A cluster that refuses each change and repeats the request in its message.

    It accepts the provision of the version "bad", which fails later; its status repeats the address.
    """

    _address = ""

    def change(self, request: ApiRequest) -> HttpResponse:
        if is_read(request):
            return super().change(request)
        text = request.body.decode()
        if '"bad"' in text:
            self._address = json.loads(text)["ApplicationPackageDownloadUri"]
            return super().change(request)
        return fabric_error(400, "E_INVALIDARG", f"The request is invalid: {text}")

    def respond(self, target: str) -> HttpResponse:
        response = super().respond(target)
        place = json.dumps(f"Code of {self._address}")[1:-1].encode()
        return replace(response, body=response.body.replace(b"code package Code", place))
