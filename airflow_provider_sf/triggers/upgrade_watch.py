"""The part of a watch that runs in the triggerer: from polls to events. Not for DAG files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.watches import (
    begin_line,
    end_line,
    problem_line,
    progress_line,
    repeat_line,
)
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.outcomes import Outcome
from airflow_provider_sf.wait.watch import StoredWatch, WatchState, observe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_provider_sf.messages.watches import Line
    from airflow_provider_sf.triggers.upgrade_polls import Poll
    from airflow_provider_sf.triggers.watch_store import WatchStore
    from airflow_provider_sf.wait.state_machine import Observation
    from airflow_provider_sf.wait.upgrade_end import UpgradeEnd


class UpgradeWatch:
    """
    Makes the events of one trigger.

    An end is stored as unconfirmed before its event is sent, and as reported when Airflow has stored the
    event. A triggerer that finds an unconfirmed end sends its event again: at worst twice, but never not.
    """

    def __init__(self, subject: str, outcomes: Sequence[str], store: WatchStore, log: Any) -> None:
        self._subject = subject
        self._outcomes = outcomes
        self._store = store
        self._log = log
        self._state = WatchState()
        self._unconfirmed: tuple[UpgradeEnd, ...] = ()
        self._is_continued = False
        self._problem: str | None = None
        self._has_record = False

    async def events(self, polls: AsyncIterator[Poll]) -> AsyncIterator[dict[str, Any]]:
        """Yield the payload of an event for each end."""
        repeated = await self._begin()
        async for poll in polls:
            for warning in poll.result.warnings:
                self._log.warning("%s", warning)
            ends = (*repeated, *await self._ends(poll))
            repeated = ()
            if ends:
                poll.when_stored.append(partial(self._confirm, ends))
            for end in ends:
                yield end.to_dict()

    async def _begin(self) -> tuple[UpgradeEnd, ...]:
        """Continue the watch of an earlier triggerer; return the ends to report again."""
        stored = await self._store.read_first()
        if stored is None:
            return ()
        self._state, self._unconfirmed, self._is_continued = stored.state, stored.unconfirmed, True
        for _ in stored.unconfirmed:
            self._write_line(repeat_line(self._subject))
        return stored.unconfirmed

    async def _ends(self, poll: Poll) -> tuple[UpgradeEnd, ...]:
        """Return the ends to report, after the state with them is stored."""
        record = poll.result.observation
        self._log_changes(record)
        if not isinstance(record, UpgradeProgress):
            return ()
        before = self._state
        state, found = observe(before, record, poll.result.at)
        if found and (stored := await self._store.read_if_changed()) is not None:
            state, found = observe(stored.state, record, poll.result.at)
        ends = tuple(end for end in found if end.outcome in self._outcomes)
        self._state, self._unconfirmed = state, (*self._unconfirmed, *ends)
        for end in found:
            self._write_line(end_line(self._subject, end, self._outcomes))
        if state.latest and before.has_begun and (found or not before.latest):
            self._write_line(progress_line(self._subject, record))
        await self._store.write(self._stored)
        return ends

    async def _confirm(self, ends: Sequence[UpgradeEnd]) -> None:
        """Note that Airflow has stored the events of these ends."""
        self._unconfirmed = tuple(end for end in self._unconfirmed if end not in ends)
        await self._store.write(self._stored)

    def _stored(self) -> StoredWatch:
        return StoredWatch(self._store.watch_id, self._state, self._unconfirmed)

    def _log_changes(self, observation: Observation) -> None:
        """Log the first record, and what keeps the watch from finding an end."""
        problem = _problem(observation)
        if problem != self._problem:
            self._write_line(problem_line(self._subject, observation))
        self._problem = problem
        if isinstance(observation, UpgradeProgress) and not self._has_record:
            self._has_record = True
            self._write_line(begin_line(self._subject, observation, is_continued=self._is_continued))

    def _write_line(self, line: Line) -> None:
        level, text = line
        self._log.log(level, "%s", text)


def _problem(observation: Observation) -> str | None:
    """Return what is logged once, until it changes: an error, or an unknown state."""
    if isinstance(observation, ServiceFabricError):
        return type(observation).__name__
    return observation.state if observation.outcome is Outcome.UNKNOWN else None
