"""What a recording confirms and refutes: a verdict for each guess. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_provider_sf.recordings.evidence import Evidence, Guess
from airflow_provider_sf.recordings.other_guesses import NOT_RECORDABLE
from airflow_provider_sf.recordings.recordable_guesses import RECORDABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_sf.recordings.exchanges import Exchange


GUESSES: tuple[Guess, ...] = (*RECORDABLE, *NOT_RECORDABLE)


class Verdict(str, Enum):
    """What a recording shows about a guess."""

    REFUTED = "refuted"
    CONFIRMED = "confirmed"
    UNKNOWN = "not touched"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict about a guess, and the first line that shows it; 0 if no line does."""

    guess: Guess
    verdict: Verdict
    line: int = 0


def findings(exchanges: Sequence[Exchange]) -> list[Finding]:
    """Return a finding for each guess. One line that contradicts a guess refutes it."""
    evidence = Evidence(exchanges)
    return [_finding(guess, evidence) for guess in GUESSES]


def _finding(guess: Guess, evidence: Evidence) -> Finding:
    sightings = list(guess.sightings(evidence)) if guess.sightings else []
    for sighting in sightings:
        if not sighting.agrees:
            return Finding(guess, Verdict.REFUTED, sighting.line)
    return (
        Finding(guess, Verdict.CONFIRMED, sightings[0].line) if sightings else Finding(guess, Verdict.UNKNOWN)
    )


def report_lines(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Yield the report: the counts, then each guess that the recording touches, the refuted ones first."""
    found = findings(exchanges)
    counts = Counter(finding.verdict for finding in found)
    yield ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    for verdict in (Verdict.REFUTED, Verdict.CONFIRMED):
        for finding in found:
            if finding.verdict is verdict:
                yield f"{verdict.value:<10} line {finding.line:<5} {finding.guess.id}: {finding.guess.text}"
    unseen = [finding.guess.id for finding in found if finding.verdict is Verdict.UNKNOWN]
    yield f"not touched: {', '.join(unseen)}"
