"""
The beat of an event loop: what is due at about the same time is called together, by one timer for all.

A timer for each of ten thousand polls would cost more than the timers: every few seconds the collector of
garbage would go through all that lives, and hold everything up.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from heapq import heappop, heappush
from math import ceil, floor, inf
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[int], object]
    """Is told which beat it is."""

TICK_SECONDS = 0.1

_ROUNDING = 1e-6
_NEVER = 1e12


class Beat:
    """Numbered moments of an event loop's clock, and what is to be called at them, in nobody's context."""

    def __init__(self) -> None:
        self._calls: dict[int, list[Call]] = {}
        self._numbers: list[int] = []
        """A heap of those with calls, and of some that have none any more."""
        self._timer: asyncio.TimerHandle | None = None
        self._nobodys = Context()

    def call(self, number: int, call: Call) -> None:
        """Call at a beat, or with the next one if it has been."""
        if number not in self._calls:
            self._calls[number] = []
            heappush(self._numbers, number)
        self._calls[number].append(call)
        self._set_timer()

    def take_back(self, number: int, call: Call) -> None:
        """Do not call at a beat."""
        self._calls[number].remove(call)
        if not self._calls[number]:
            del self._calls[number]
        self._set_timer()

    def _set_timer(self) -> None:
        while self._numbers and self._numbers[0] not in self._calls:
            heappop(self._numbers)
        at = moment(self._numbers[0]) if self._numbers else inf
        if self._timer is not None:
            if self._timer.when() <= at < inf:
                return
            self._timer.cancel()
            self._timer = None
        if at < inf:
            self._timer = asyncio.get_running_loop().call_at(at, self._ring, context=self._nobodys)

    def _ring(self) -> None:
        loop, self._timer = asyncio.get_running_loop(), None
        latest = latest_by(loop.time())
        while self._numbers and self._numbers[0] <= latest:
            number = heappop(self._numbers)
            for call in self._calls.pop(number, ()):
                try:
                    call(number)
                except Exception as error:  # noqa: BLE001, PERF203 - asyncio reports it; others are called
                    loop.call_exception_handler({"message": "a call at a beat failed", "exception": error})
        self._set_timer()


_beats: WeakKeyDictionary[asyncio.AbstractEventLoop, Beat] = WeakKeyDictionary()


def beat() -> Beat:
    """Return the beat of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _beats:
        _beats[loop] = Beat()
    return _beats[loop]


def number_at(moment: float) -> int:
    """Return which beat is the first at or after a moment of the event loop's clock."""
    return ceil(min(moment, _NEVER) / TICK_SECONDS - _ROUNDING)


def latest_by(moment: float) -> int:
    """Return which beat is the last at or before a moment of the event loop's clock."""
    return floor(moment / TICK_SECONDS + _ROUNDING)


def moment(number: int) -> float:
    """Return when a beat is, by the event loop's clock."""
    return number * TICK_SECONDS
