"""Each format shows text of a cluster as it is, keeps the limits of its service, and ends with the next step."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.messages.notification.message import make_message
from airflow_provider_sf.messages.notification.slack import MAX_BLOCK_LENGTH, MAX_BLOCKS, MAX_HEADER_LENGTH
from airflow_provider_sf.messages.notification.teams import MAX_BYTES
from tests.messages.notification.notices import EXPLORER, LOG, message

HOSTILE = (
    "<!channel> <@U1> <https://evil.example.com|log> *bold* _it_ ~no~ `x` ```fence``` & </p><script>x</script> "
    '[log](https://evil.example.com) **bold** "quoted" {{ conn.x }} @here :smile:'
)
NEXT = "Next: fix the new version."


def runs(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the elements of all rich text of Slack."""
    return [element for block in blocks[1:] for part in block["elements"] for element in part["elements"]]


def text_runs(card: dict[str, Any]) -> list[str]:
    """Return the texts of a card, each of which must be in a TextRun."""
    found = []
    for item in card["body"]:
        for block in item.get("items", [item]):
            assert block["type"] == "RichTextBlock"
            found += [run["text"] for run in block["inlines"]]
            assert {run["type"] for run in block["inlines"]} == {"TextRun"}
    return found


class Shown(HTMLParser):
    """What a mail program shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - the base's signature
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_plain_text_has_everything_in_order() -> None:
    assert message("Rolled back", "Why: health.", NEXT).text.splitlines() == [
        "Rolled back",
        "Why: health.",
        NEXT,
        "",
        "DAG release, task upgrade",
        f"Airflow log: {LOG[1]}",
        f"Service Fabric Explorer: {EXPLORER[1]}",
    ]


def test_title_alone_is_a_message() -> None:
    alone = make_message("success", "Completed", [], [], [])
    assert alone.text == "Completed"
    assert alone.slack_text == "\N{WHITE HEAVY CHECK MARK} Completed"
    assert [block["type"] for block in alone.slack_blocks] == ["header"]
    assert text_runs(alone.teams_card) == ["Completed"]
    assert Shown(alone.html).text == "Completed"


def test_links_without_facts_stand_in_a_block() -> None:
    found = make_message("success", "Completed", [], [], [LOG, EXPLORER])
    assert [element["type"] for element in runs(found.slack_blocks)] == ["link", "text", "link"]


def test_slack_blocks_show_hostile_text_as_it_is() -> None:
    blocks = message(HOSTILE, HOSTILE, NEXT).slack_blocks
    assert HOSTILE[:100] in blocks[0]["text"]["text"]
    assert blocks[0]["text"]["type"] == "plain_text"
    assert any(element["text"].strip() == HOSTILE for element in runs(blocks))
    assert {element["type"] for element in runs(blocks)} == {"text", "link"}
    assert [element["url"] for element in runs(blocks) if element["type"] == "link"] == [LOG[1], EXPLORER[1]]


def test_slack_text_has_only_our_links() -> None:
    text = message(HOSTILE, HOSTILE, NEXT).slack_text
    assert re.findall(r"<[^>]*>", text) == [f"<{LOG[1]}|{LOG[0]}>", f"<{EXPLORER[1]}|{EXPLORER[0]}>"]
    title, code, end = text.split("```")[0], "```".join(text.split("```")[1:-1]), text.split("```")[-1]
    assert title.startswith("\N{LARGE RED CIRCLE} &lt;!channel&gt;")
    assert NEXT in code
    assert "DAG release, task upgrade" in end


def test_code_of_slack_text_cannot_be_left() -> None:
    assert message("Rolled back", "a ``` b", NEXT).slack_text.count("```") == 2


def test_teams_card_shows_hostile_text_as_it_is() -> None:
    card = message(HOSTILE, HOSTILE, NEXT).teams_card
    assert text_runs(card)[:2] == [HOSTILE, HOSTILE]
    assert [action["url"] for action in card["actions"]] == [LOG[1], EXPLORER[1]]


def test_teams_message_holds_the_card() -> None:
    found = message("Rolled back", "Why: health.")
    assert found.teams_message["type"] == "message"
    (attachment,) = found.teams_message["attachments"]
    assert attachment == {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": found.teams_card,
    }
    assert (found.teams_card["type"], found.teams_card["version"]) == ("AdaptiveCard", "1.4")


def test_mail_shows_hostile_text_as_it_is() -> None:
    shown = Shown(message(HOSTILE, HOSTILE, NEXT).html)
    assert set(shown.tags) == {"div", "p", "strong", "a"}
    assert shown.tags.count("a") == 2
    assert HOSTILE in shown.text


@pytest.mark.parametrize(
    ("status", "icon", "style"),
    [
        ("success", "\N{WHITE HEAVY CHECK MARK}", "good"),
        ("warning", "\N{WARNING SIGN}", "warning"),
        ("failure", "\N{LARGE RED CIRCLE}", "attention"),
    ],
)
def test_status_is_visible(status: Any, icon: str, style: str) -> None:
    found = make_message(status, "Title", [], [], [])
    assert found.slack_text.startswith(icon)
    assert found.slack_blocks[0]["text"]["text"].startswith(icon)
    assert found.teams_card["body"][0]["style"] == style


def test_labels_are_bold() -> None:
    found = message("Rolled back", "Why: health.", "It failed: now.")
    bold = [element["text"] for element in runs(found.slack_blocks) if element.get("style", {}).get("bold")]
    assert bold == ["Why:"]
    assert "<strong>Why:</strong> health." in found.html
    assert "<p>It failed: now.</p>" in found.html
    assert text_runs(found.teams_card)[1:4] == ["Why:", " health.", "It failed: now."]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a b", "https://a|b", 'https://a"b', "https://a>b", 7]
)
def test_unsafe_links_are_left_out(url: object) -> None:
    assert make_message("failure", "Title", [], [], [("Airflow log", url), EXPLORER]).links == (EXPLORER,)


def test_long_title_is_complete_in_slack() -> None:
    title = "x" * 200
    blocks = message(title).slack_blocks
    assert len(blocks[0]["text"]["text"]) == MAX_HEADER_LENGTH
    assert runs(blocks)[0]["text"] == title


def test_last_line_survives_every_limit() -> None:
    lines = [f"{number}: {'ö' * 600}" for number in range(500)]
    found = message("Rolled back", *lines, NEXT)
    assert len(found.lines) == 41
    assert "(461 more lines in the log of the task)" in found.lines
    for text in (found.slack_text, found.html, json.dumps(found.slack_blocks), json.dumps(found.teams_card)):
        assert "fix the new version." in text


TEXTS = st.text(
    st.sampled_from(
        ["a", "&", "<", ">", "`", "*", "\n", "\u202e", "ö", "\N{CROSS MARK}", '"', "\\", "\ud800", " "]
    )
).map(lambda text: text * 40)


@given(TEXTS, st.lists(TEXTS, max_size=60), st.lists(st.tuples(st.just("DAG"), TEXTS), max_size=5))
def test_limits_of_services_are_kept(title: str, lines: list[str], facts: list[tuple[str, str]]) -> None:
    """With any title, lines and facts."""
    long_link = ("Airflow log", "https://a/" + "x" * 1500)
    found = make_message("failure", title, lines, facts, [long_link, EXPLORER])
    blocks = found.slack_blocks
    assert len(blocks) <= MAX_BLOCKS
    assert len(blocks[0]["text"]["text"]) <= MAX_HEADER_LENGTH
    for block in blocks[1:]:
        assert sum(len(element["text"]) for element in runs([{}, block])) <= MAX_BLOCK_LENGTH
    written = found.teams_message
    assert len(json.dumps(written)) <= MAX_BYTES
    assert len(json.dumps(written, ensure_ascii=False).encode("utf-16-le", "surrogatepass")) <= MAX_BYTES
    assert len(found.slack_text) < 40_000
    assert all(line == line.strip() and "\n" not in line for line in (found.title, *found.lines))
