"""One stream of polls for all watches of an upgrade, and what follows when events are stored. Airflow 3.3."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from airflow.triggers.shared_stream import SharedStreamProducer

from airflow_provider_sf.triggers.upgrade_polls import polls_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.shared_stream import AdvanceItem

    from airflow_provider_sf.triggers.upgrade_polls import Poll


class SharedPolls(SharedStreamProducer):
    """
    Makes the polls, and calls a watch back when Airflow has stored its events.

    Only then a watch notes that an end was reported: it is not lost, whenever the triggerer dies.
    """

    def __init__(self, connection: str, kind: str, name: str, interval: float) -> None:
        self._target = connection, kind, name, interval

    async def open_stream(self) -> AsyncIterator[tuple[Poll, Poll]]:
        """Yield each poll twice: for the watches, and for ``advance``."""
        async with aclosing(polls_of(*self._target)) as polls:
            async for poll in polls:
                yield poll, poll

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Call the watches, unless one of them has failed; a restart would report its end again."""
        for poll, outcome in batch:
            if outcome.is_clean:
                for confirm in poll.when_stored:
                    await confirm()
