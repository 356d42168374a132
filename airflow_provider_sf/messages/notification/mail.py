"""A notification as HTML, for a mail. No I/O, no Airflow."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.notification.content import split_label

if TYPE_CHECKING:
    from airflow_provider_sf.messages.notification.content import Content

_COLORS = {"success": "#107c10", "warning": "#8a5a00", "failure": "#a4262c"}


def html(content: Content) -> str:
    """Return the notification as HTML. Mail programs ignore style sheets, so styles stand in the elements."""
    style = f"border-left:4px solid {_COLORS[content.status]};padding-left:8px"
    lines = "".join(f"<p>{_line(line)}</p>" for line in content.lines)
    links = " · ".join(f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in content.links)
    ends = "".join(f"<p>{end}</p>" for end in (escape(content.place), links) if end)
    return f'<div style="{style}"><p><strong>{escape(content.title)}</strong></p>{lines}{ends}</div>'


def _line(line: str) -> str:
    label, rest = split_label(line)
    return f"<strong>{escape(label)}</strong>{escape(rest)}" if label else escape(rest)
