"""A recording as evidence for guesses: the answers about each upgrade, in order. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.protocol import OK
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from airflow_provider_sf.recordings.exchanges import Exchange


_STEP_SECONDS = 60.0
"""After a longer pause, an upgrade may have done anything in between."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A line of a recording that agrees with a guess, or contradicts it."""

    line: int
    agrees: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """
    A guess about real clusters, with its section in the documentation.

    ``sightings`` yields the lines of a recording that agree with it or contradict it. Without this function
    no recording can decide.
    """

    id: str
    section: str
    text: str
    sightings: Callable[[Evidence], Iterator[Sighting]] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """An answer to a progress call, and its record."""

    line: int
    at: datetime
    answer: dict[str, Any]
    record: UpgradeProgress

    def sees(self, agrees: object) -> Sighting:
        """Return a sighting in this line."""
        return Sighting(self.line, bool(agrees))

    def has_state(self, *states: str) -> bool:
        """Whether the upgrade is in one of these states."""
        return self.record.state in states

    @property
    def domain_states(self) -> list[str | None]:
        """The states of the upgrade domains, in the order of the answer."""
        return [domain.state for domain in self.record.domains.upgrade_domains]


@dataclass(frozen=True)
class Evidence:
    """The exchanges of a recording."""

    exchanges: Sequence[Exchange]

    def of(self, call: str) -> Iterator[Exchange]:
        """Yield the exchanges of a call that have an answer, with any status."""
        return (
            exchange for exchange in self.exchanges if exchange.call == call and exchange.status is not None
        )

    def progress_of(self, kind: str) -> Iterator[Exchange]:
        """Yield the exchanges of the progress call of a kind."""
        return self.of(KINDS[kind].progress.path)

    def answers(self, call: str) -> Iterator[tuple[Exchange, dict[str, Any]]]:
        """Yield the successful exchanges of a call, with their answers."""
        for exchange in self.of(call):
            if exchange.status == OK and exchange.answer is not None:
                yield exchange, exchange.answer

    def looks(self, *kinds: str) -> Iterator[Look]:
        """Yield the answers of the progress calls of some kinds."""
        for track in self.tracks(*kinds):
            yield from track

    def tracks(self, *kinds: str) -> list[list[Look]]:
        """Return the answers about each name, in order."""
        return [track for (kind, _), track in self._tracks.items() if kind in kinds]

    def steps(self, *kinds: str) -> Iterator[tuple[Look, Look]]:
        """Yield two answers about the same upgrade, one soon after the other."""
        for upgrade in self.upgrades(*kinds):
            for before, after in pairwise(upgrade):
                if (after.at - before.at).total_seconds() <= _STEP_SECONDS:
                    yield before, after

    def upgrades(self, *kinds: str) -> Iterator[list[Look]]:
        """Yield the answers about each upgrade that has begun."""
        for track in self.tracks(*kinds):
            upgrades: dict[object, list[Look]] = {}
            for look in track:
                upgrades.setdefault(look.record.started_at, []).append(look)
            upgrades.pop(None, None)
            yield from upgrades.values()

    def look_before(self, exchange: Exchange, kind: str) -> Look | None:
        """Return the last answer about the same name before an exchange."""
        track = self._tracks.get((kind, exchange.name), [])
        earlier = [look for look in track if look.line < exchange.line]
        return earlier[-1] if earlier else None

    @cached_property
    def _tracks(self) -> dict[tuple[str, str], list[Look]]:
        tracks: dict[tuple[str, str], list[Look]] = {}
        for kind in KINDS:
            for exchange, answer in self.answers(KINDS[kind].progress.path):
                record = UpgradeProgress.from_answer(kind, exchange.name, answer)
                look = Look(exchange.line, exchange.at, answer, record)
                tracks.setdefault((kind, exchange.name), []).append(look)
        return tracks
