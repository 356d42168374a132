"""
A notification for Slack. No I/O, no Airflow.

The blocks hold foreign text only where Slack shows it as it is: in the header and in rich text. See
https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.notification.content import fitting_lines, split_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_sf.messages.notification.content import Content

MAX_BLOCK_LENGTH, MAX_HEADER_LENGTH, MAX_BLOCKS = 3000, 150, 50
"""Slack's limits: the characters of a block, those of a header, the blocks of a message."""

MAX_TEXT_LENGTH = 3000
"""How long a text is, if title, place and links leave room for lines. Slack cuts at 40,000."""

_ICONS = {
    "success": "\N{WHITE HEAVY CHECK MARK}",
    "warning": "\N{WARNING SIGN}",
    "failure": "\N{LARGE RED CIRCLE}",
}
_FENCE = "```"


def slack_text(content: Content) -> str:
    """
    Return the notification as text in Slack's markup.

    Slack makes no link and no mention of escaped text. In a block of code it applies no markup at all.
    """
    title = f"{_ICONS[content.status]} {_escaped(content.title)}"
    end = "".join(f"\n{part}" for part in (_escaped(content.place), *_links(content)) if part)

    def whole(lines: Iterable[str]) -> str:
        code = "\n".join(_escaped(line.replace("`", "'")) for line in lines)
        return f"{title}\n{_FENCE}\n{code}\n{_FENCE}{end}" if code else f"{title}{end}"

    return whole(fitting_lines(content.lines, lambda lines: len(whole(lines)) <= MAX_TEXT_LENGTH))


def slack_blocks(content: Content) -> list[dict[str, Any]]:
    """Return the notification as blocks: the title, the lines, the place with the links."""
    header = f"{_ICONS[content.status]} {content.title}"
    is_cut = len(header) > MAX_HEADER_LENGTH
    shown = f"{header[: MAX_HEADER_LENGTH - 3]}..." if is_cut else header
    lines = (content.title, *content.lines) if is_cut else content.lines
    return [
        {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": False}},
        *(_rich_text(_elements(chunk)) for chunk in _chunks(lines)),
        *([_rich_text(_end(content))] if content.facts or content.links else []),
    ]


def _rich_text(elements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "elements": [section]}


def _elements(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines):
        label, rest = split_label(line)
        start = "\n" if number else ""
        if label:
            yield {"type": "text", "text": f"{start}{label}", "style": {"bold": True}}
            start = ""
        yield {"type": "text", "text": f"{start}{rest}"}


def _end(content: Content) -> Iterator[dict[str, Any]]:
    if content.facts:
        yield {"type": "text", "text": content.place, "style": {"italic": True}}
    for number, (label, url) in enumerate(content.links):
        if content.facts or number:
            yield {"type": "text", "text": "\n"}
        yield {"type": "link", "url": url, "text": label}


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Divide lines into groups that each fit in a block."""
    chunk: list[str] = []
    for line in lines:
        if sum(map(len, chunk)) + len(chunk) + len(line) > MAX_BLOCK_LENGTH:
            yield chunk
            chunk = []
        chunk.append(line)
    if chunk:
        yield chunk


def _links(content: Content) -> list[str]:
    return [f"<{_escaped(url)}|{_escaped(label)}>" for label, url in content.links]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
