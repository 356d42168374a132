"""Redaction of an answer: a member is kept only if the table of fields has a rule for it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.recordings.fields import FIELDS, members
from airflow_provider_sf.rest.json_values import objects

if TYPE_CHECKING:
    from airflow_provider_sf.recordings.pseudonyms import Pseudonyms

MAX_DEPTH = 120
"""Deeper members are dropped. The health evaluations that a record reads are less deep."""


def redacted(answer: dict[str, Any], pseudonyms: Pseudonyms) -> tuple[dict[str, Any], int]:
    """Return an answer without secrets, and how many of its members were dropped."""
    redaction = _Redaction(pseudonyms)
    return redaction.kept(answer, MAX_DEPTH), redaction.dropped


class _Redaction:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self.dropped = 0

    def kept(self, answer: dict[str, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in answer.items():
            rule = FIELDS.get(key)
            if rule is None or not depth:
                self.dropped += 1
            elif rule is members:
                found[key] = self._inner(value, depth - 1)
            else:
                found[key] = rule(value, self._pseudonyms)
        return found

    def _inner(self, value: object, depth: int) -> object:
        if isinstance(value, dict):
            return self.kept(value, depth)
        return [self.kept(item, depth) for item in objects(value)] if isinstance(value, list) else None
