"""The content of a notification, without a format: short texts on one line each. No I/O, no Airflow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_sf.messages.formatting import pluralize
from airflow_provider_sf.rest.plain_text import hide_queries, plain_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Status = Literal["success", "warning", "failure"]

MAX_TITLE_LENGTH, MAX_LINE_LENGTH, MAX_FACT_LENGTH = 300, 500, 250
"""How many characters each text has at most."""

MAX_LINES = 40
"""How many lines follow the title at most."""

LABELS = ("Why", "Next")
"""The labels of lines that formats set in bold."""

_ADDRESS = re.compile(r"""https?://[!-~]{1,1900}""")
_UNSAFE = frozenset("""<>"'|`\\""")


@dataclass(frozen=True, slots=True)
class Content:
    """The result of a task or a release. No text has a line end or a control character."""

    status: Status
    title: str
    """What happened; at most 300 characters."""
    lines: tuple[str, ...] = ()
    """Why, and what to do; at most 40 lines of 500 characters."""
    facts: tuple[tuple[str, str], ...] = ()
    """Where it happened: pairs such as ``("DAG", "release")``."""
    links: tuple[tuple[str, str], ...] = ()
    """Pairs of a label and an address."""

    @property
    def place(self) -> str:
        """The facts in one line: ``DAG release, task upgrade, run manual__1``."""
        text = ", ".join(f"{label} {value}" for label, value in self.facts)
        return text[:1].upper() + text[1:]


def clean_lines(text: str) -> list[str]:
    """Return the lines of a text that are not empty, without control characters and queries of addresses."""
    return list(filter(None, map(plain_line, map(hide_queries, text.splitlines()))))


def is_safe(url: str) -> bool:
    """Whether a text is an HTTP address of harmless characters."""
    return bool(_ADDRESS.fullmatch(url)) and not _UNSAFE & set(url)


def split_label(line: str) -> tuple[str, str]:
    """Return the label of a line that a format sets in bold, such as ``Why:``, and the rest."""
    label, colon, rest = line.partition(":")
    return (f"{label}:", rest) if colon and label in LABELS else ("", line)


def fitting_lines(lines: tuple[str, ...], fits: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """Return as many lines as fit, or none."""
    if fits(lines):
        return lines
    shorter = (without_middle(lines, kept) for kept in range(len(lines) - 1, 0, -1))
    return next(filter(fits, shorter), ())


def without_middle(lines: Sequence[str], kept: int) -> tuple[str, ...]:
    """Leave lines out of the middle, since the last one is the next step; count them in their place."""
    if len(lines) <= kept:
        return tuple(lines)
    tail = kept // 2
    note = f"({pluralize(len(lines) - kept, 'more line')} in the log of the task)"
    return (*lines[: kept - tail], note, *lines[len(lines) - tail :])
