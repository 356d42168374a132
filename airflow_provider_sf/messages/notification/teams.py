"""
A notification for Microsoft Teams, as an Adaptive Card. No I/O, no Airflow.

Foreign text stands only in a TextRun, which has no markup. See
https://learn.microsoft.com/adaptive-cards/schema-explorer/text-run
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.notification.content import fitting_lines, split_label

if TYPE_CHECKING:
    from airflow_provider_sf.messages.notification.content import Content

MAX_BYTES = 28_000
"""The size of a message. Teams refuses more than 28 KB, and does not document in which encoding."""

_STYLES = {"success": "good", "warning": "warning", "failure": "attention"}


def teams_message(content: Content) -> dict[str, Any]:
    """Return the message with the card, as a workflow of Teams and an incoming webhook expect it."""
    lines = fitting_lines(content.lines, lambda lines: _fits(_message(replace(content, lines=lines))))
    return _message(replace(content, lines=lines))


def teams_card(content: Content) -> dict[str, Any]:
    """Return the card alone."""
    card: dict[str, Any] = teams_message(content)["attachments"][0]["content"]
    return card


def _message(content: Content) -> dict[str, Any]:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": _card(content)}
    return {"type": "message", "attachments": [attachment]}


def _card(content: Content) -> dict[str, Any]:
    title = _rich_text(_run(content.title, weight="Bolder", size="Medium"))
    lines = [_rich_text(*_runs(line), spacing="Small") for line in content.lines]
    place = [_rich_text(_run(content.place, isSubtle=True))] if content.facts else []
    header = {"type": "Container", "style": _STYLES[content.status], "bleed": True, "items": [title]}
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [header, *lines, *place],
        "actions": [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in content.links],
    }


def _runs(line: str) -> list[dict[str, Any]]:
    label, rest = split_label(line)
    return [*([_run(label, weight="Bolder")] if label else []), _run(rest)]


def _rich_text(*runs: dict[str, Any], **members: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **members}


def _run(text: str, **members: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **members}


def _fits(message: dict[str, Any]) -> bool:
    """Whether the message is small enough as JSON of ASCII characters, and in UTF-16."""
    text = json.dumps(message, ensure_ascii=False)
    return max(len(json.dumps(message)), len(text.encode("utf-16-le", "surrogatepass"))) <= MAX_BYTES
