"""End a command cleanly when a person or a system stops it."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_sf.commands.exit_codes import OF_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal has stopped the command. No ``except Exception`` catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return OF_SIGNALS + self.signal

    def __str__(self) -> str:
        """Return how the command was stopped."""
        return "Ctrl-C (SIGINT)" if self.signal is signal.SIGINT else self.signal.name


class _Signals:
    """The first signal since the command started."""

    stopped: Stopped | None = None


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` at the first signal. A second one ends the process at once."""
    _Signals.stopped = None
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def pause(seconds: float) -> None:
    """
    Sleep, unless a signal has arrived.

    Python drops an exception that is raised while it finalizes an object, so this looks for the signal again.

    :raises Stopped: a signal has arrived
    """
    if _Signals.stopped:
        raise _Signals.stopped
    time.sleep(seconds)


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    _Signals.stopped = Stopped(number)
    raise _Signals.stopped
