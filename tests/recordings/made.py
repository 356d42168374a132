"""Recordings of the simulator, and exchanges made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.recordings.exchanges import Exchange
from airflow_provider_sf.simulator.recorder import Recorder, Target
from airflow_provider_sf.upgrades.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
    from airflow_provider_sf.rest.protocol import Call
    from airflow_provider_sf.simulator import Simulator
    from tests.conftest import Clock

AT = datetime(2026, 3, 1, 3, 0, tzinfo=timezone.utc)


def exchange(call: str | Call, answer: object = None, *, second: float = 0.0, **fields: Any) -> Exchange:
    """Return an exchange with an answer that is kept as it is; ``call`` is a call or a kind."""
    path = KINDS[call].progress.path if isinstance(call, str) else call.path
    values = {"status": 200, "answer": answer, **fields}
    return Exchange(at=AT + timedelta(seconds=second), call=path, **values)


def numbered(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Return exchanges with the numbers of their lines, as a file has them."""
    return [replace(item, line=number) for number, item in enumerate(exchanges, 2)]


def original_text(pseudonyms: Pseudonyms, text: str) -> str:
    """Replace each pseudonym by its text."""
    known = [pseudonyms._names, pseudonyms._versions, *pseudonyms._texts.values()]
    texts = {pseudonym: original for group in known for original, pseudonym in group.items()}
    return re.sub(r"\b(?:(?:name|version)|text-[a-z]+)-\d+\b", lambda found: texts[found[0]], text)


def without_layout(text: str) -> list[str]:
    """
    Return the lines without what depends on the length of names and texts: columns, and a full stop.

    The log writes a state that it does not know as words, if it consists of words.
    """
    return [
        re.sub(r"\s+", " ", line).replace("..", ".").replace("rolling sideways", "RollingSideways")
        for line in text.splitlines()
    ]


class SimulatedRecording:
    """What a recorder writes about a simulated cluster, in simulated time."""

    def __init__(self, simulator: Simulator, clock: Clock, *targets: Target) -> None:
        self._clock = clock
        self._recorder = Recorder(Cluster((simulator.url,)), targets, self._now)
        self.exchanges: list[Exchange] = []

    def begin(self) -> None:
        """Ask for the version of the cluster."""
        self.exchanges.append(self._recorder.version())

    def poll_for(self, seconds: float, *, interval: float = 15.0) -> None:
        """Poll for some seconds of simulated time."""
        for _ in range(int(seconds / interval)):
            self.exchanges += self._recorder.round()
            self._clock.now += interval

    def originals(self, text: str) -> str:
        """Replace each pseudonym by its text."""
        return original_text(self._recorder._pseudonyms, text)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now, timezone.utc)
