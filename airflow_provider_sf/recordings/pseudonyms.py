"""Stable pseudonyms for the names, versions and texts of a cluster. No I/O."""

from __future__ import annotations

import re
from string import ascii_lowercase

from airflow_provider_sf.rest.url_names import is_application_uri
from airflow_provider_sf.upgrades.health_evaluations import comparable_text

_SEPARATOR = re.compile("([/~])")
_SCHEME = "fabric:/"

# The status details of a deployment. The record takes the previous version from this sentence.
_DETAILS = re.compile(r"(Deployment (?:upgrading|rolling back) from version: )(\S+)( to version: )(\S+)(\.)")


class Pseudonyms:
    """
    The pseudonyms of one recording: equal texts have equal pseudonyms.

    Pseudonyms are numbered in the order in which texts appear, so nothing can be computed from them. Only
    this object knows the texts.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        self._texts: dict[str, dict[str, str]] = {}

    def name(self, text: str) -> str:
        """Return ``fabric:/name-1/name-2`` for ``fabric:/shop/web``. Each part has its own pseudonym."""
        scheme = _SCHEME if is_application_uri(text) else ""
        parts = _SEPARATOR.split(text[len(scheme) :])
        return scheme + "".join(
            part if part in {"", "/", "~"} else _numbered("name", self._names, part) for part in parts
        )

    def version(self, text: str) -> str:
        """Return ``version-1``; an empty text stays empty."""
        return _numbered("version", self._versions, text) if text else ""

    def text(self, text: str) -> str:
        """
        Return ``text-a-1``; an empty text stays empty.

        Texts that differ only in numbers and ids have the same letter: the sensor counts them as one cause.
        """
        if not text:
            return ""
        if details := _DETAILS.fullmatch(text):
            before, old, to, new, end = details.groups()
            return before + self.version(old) + to + self.version(new) + end
        group = self._groups.setdefault(comparable_text(text), f"text-{_letters(len(self._groups))}")
        return _numbered(group, self._texts.setdefault(group, {}), text)


def _numbered(prefix: str, known: dict[str, str], text: str) -> str:
    return known.setdefault(text, f"{prefix}-{len(known) + 1}")


def _letters(number: int) -> str:
    """Return ``a``, ``b``, ..., ``z``, ``ba``, ``bb`` for 0, 1, ..., 25, 26, 27."""
    rest, last = divmod(number, len(ascii_lowercase))
    return (_letters(rest) if rest else "") + ascii_lowercase[last]
