"""A recording behind HTTP: a loopback port that answers like the cluster did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from airflow_provider_sf.simulator.gateway import HttpRequest
    from airflow_provider_sf.simulator.playback import Playback
    from airflow_provider_sf.simulator.responses import HttpResponse


class Replay:
    """
    Serves a recording. It begins with the first request, and stays at the last answers.

    :param port: 0 for a free port
    :param clock: returns the Unix time; a test may replace it
    """

    def __init__(self, playback: Playback, *, port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._playback = playback
        self._clock = clock
        self._began_at: float | None = None
        self._gateway = Gateway(self._respond, port=port, tls=None)
        self.url = f"http://127.0.0.1:{self._gateway.port}"

    def __enter__(self) -> Self:
        """Listen, in a new thread."""
        self._gateway.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the port."""
        self._gateway.down()

    def _respond(self, request: HttpRequest) -> HttpResponse:
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        return self._playback.response(request.target, began_at=self._began_at, now=now)
