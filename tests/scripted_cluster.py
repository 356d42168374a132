"""A simulated cluster that answers requests as a test has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_sf.simulator import Simulator

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.commands import ApiRequest
    from airflow_provider_sf.simulator.responses import HttpResponse


class ScriptedCluster(Simulator):
    """A simulated cluster with further answers, which change nothing in it."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._scripts: dict[str, list[HttpResponse | None]] = {}

    def script(self, path_end: str, *answers: HttpResponse | None) -> None:
        """
        Set the next answers to the requests for a path with this end; the last one stays.

        None stands for the answer that the simulated cluster gives.
        """
        self._scripts[path_end] = list(answers)

    def respond(self, target: str) -> HttpResponse:
        return self._scripted(urlsplit(target).path) or super().respond(target)

    def change(self, request: ApiRequest) -> HttpResponse:
        return self._scripted(request.path) or super().change(request)

    def _scripted(self, path: str) -> HttpResponse | None:
        for end, answers in self._scripts.items():
            if path.endswith(end):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return None
