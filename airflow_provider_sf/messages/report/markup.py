"""Small parts of an HTML page. Each text is escaped here. No I/O, no Airflow."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

UNKNOWN = "not known"


def element(tag: str, text: str, css: str = "") -> str:
    """Return an element with a text."""
    name = f' class="{escape(css)}"' if css else ""
    return f"<{tag}{name}>{escape(text)}</{tag}>"


def badge(outcome: str | None) -> str:
    """Return an outcome on its color."""
    return element("span", words(outcome), f"badge {outcome or 'unknown'}")


def words(name: str | None) -> str:
    """Return a name such as ``rolled_back`` as words."""
    return (name or UNKNOWN).replace("_", " ")


def time_text(moment: datetime | None) -> str:
    """Return a time as a person reads it."""
    return UNKNOWN if moment is None else format_time(moment)


def facts(rows: Iterable[tuple[str, str | None]]) -> str:
    """Return a list of names and values, without the rows that have no value."""
    found = [element("dt", name) + element("dd", value) for name, value in rows if value]
    return f"<dl>{''.join(found)}</dl>" if found else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its first column holds times."""
    head = "".join(element("th", name) for name in heads)
    body = "".join(
        f"<tr>{''.join(element('td', cell, '' if place else 'time') for place, cell in enumerate(row))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def section(title: str, content: str) -> str:
    """Return a part with its title; nothing without content."""
    return element("h3", title) + content if content else ""


def bullets(sentences: Sequence[str]) -> str:
    """Return a list of sentences."""
    return f"<ul>{''.join(element('li', sentence) for sentence in sentences)}</ul>" if sentences else ""
