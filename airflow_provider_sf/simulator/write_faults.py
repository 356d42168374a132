"""Faults of requests that change a simulated cluster: each is used once. No I/O."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.responses import FAULTS, TIMED_OUT, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.simulator.commands import ApiRequest

WRITE_FAULTS = ("lost_after", "lost_before", "unavailable", "slow", "late", "timeout_after")


class WriteFaults:
    """
    The faults that the next requests will have, oldest first.

    :param pause: waits as long as a slow response takes
    """

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._next: list[str] = []
        self._lock = threading.Lock()

    def add(self, kind: str, times: int = 1) -> None:
        """
        Add a fault for the next requests without one.

        :raises ValueError: the kind is invalid
        """
        if kind not in WRITE_FAULTS:
            msg = f"invalid kind {kind!r}: choose one of {', '.join(WRITE_FAULTS)}"
            raise ValueError(msg)
        with self._lock:
            self._next += [kind] * times

    def respond(self, request: ApiRequest, change: Callable[[ApiRequest], HttpResponse]) -> HttpResponse:
        """Return the response to a request; ``change`` accepts or refuses it."""
        with self._lock:
            kind = self._next.pop(0) if self._next else ""
        if kind == "lost_before":
            return FAULTS["reset"]
        if kind == "unavailable":
            return FAULTS["unavailable"]
        if kind == "late":
            self._pause()
        response = change(request)
        if kind == "slow":
            return replace(response, slow=True)
        return {"lost_after": FAULTS["reset"], "timeout_after": TIMED_OUT}.get(kind, response)
