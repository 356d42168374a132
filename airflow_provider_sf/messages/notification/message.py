"""A notification in each format. No I/O, no Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.formatting import one_line
from airflow_provider_sf.messages.notification import mail, slack, teams
from airflow_provider_sf.messages.notification.content import (
    MAX_FACT_LENGTH,
    MAX_LINE_LENGTH,
    MAX_LINES,
    MAX_TITLE_LENGTH,
    Content,
    is_safe,
    without_middle,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_sf.messages.notification.content import Status


@dataclass(frozen=True, slots=True)
class Message(Content):
    """
    What a notification says, in each format.

    Names and texts of a cluster are escaped as the format needs it. There are no values of parameters in it.
    """

    @property
    def text(self) -> str:
        """The whole message as plain text: title, lines, place, links."""
        end = (self.place, *(f"{label}: {url}" for label, url in self.links))
        parts = "\n".join((self.title, *self.lines)), "\n".join(filter(None, end))
        return "\n\n".join(filter(None, parts))

    @property
    def html(self) -> str:
        """The whole message as HTML, for a mail."""
        return mail.html(self)

    @property
    def slack_text(self) -> str:
        """The whole message as text in Slack's markup. Slack also shows it where it cannot show blocks."""
        return slack.slack_text(self)

    @property
    def slack_blocks(self) -> list[dict[str, Any]]:
        """The message as Slack blocks: at most 50, and 3000 characters in each."""
        return slack.slack_blocks(self)

    @property
    def teams_message(self) -> dict[str, Any]:
        """The message that a workflow of Teams posts: an Adaptive Card in an envelope, at most 28 KB."""
        return teams.teams_message(self)

    @property
    def teams_card(self) -> dict[str, Any]:
        """The Adaptive Card alone."""
        return teams.teams_card(self)


def make_message(
    status: Status,
    title: str,
    lines: Sequence[str],
    facts: Iterable[tuple[str, object]],
    links: Iterable[tuple[str, object]],
) -> Message:
    """Return a message of limited size, without facts that have no value and links that are not safe."""
    return Message(
        status,
        one_line(title, MAX_TITLE_LENGTH),
        without_middle([one_line(line, MAX_LINE_LENGTH) for line in lines], MAX_LINES),
        tuple((label, one_line(str(value), MAX_FACT_LENGTH)) for label, value in facts if value),
        tuple((label, url) for label, url in links if isinstance(url, str) and is_safe(url)),
    )
