"""The page of a release record is valid HTML, needs no network, and escapes each text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_sf.messages.report.page import release_page
from airflow_provider_sf.messages.report.timeline import COLORS, OTHER, draw_timeline
from airflow_provider_sf.releases.record_chain import content_sha256
from tests.releases.recorded_release import RUN, release

VOID = {"meta"}
SCENARIOS = ["good", "rolled_back", "paused", "failed", "superseded", "not_found", "never_upgraded"]


class Walk(HTMLParser):
    """Checks that each element is closed in order, and keeps elements and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_startendtag(self, tag: str, attrs: list[Any]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_elements_are_closed(scenario: str) -> None:
    walk = Walk(release_page(release(scenario)))
    assert walk.open == []
    assert {"h1", "dl", "table", "details"} <= {tag for tag, _ in walk.elements}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_page_needs_no_other_resource(scenario: str) -> None:
    page = release_page(release(scenario))
    walk = Walk(page)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in walk.elements}
    assert not {"src", "href", "onclick"} & {name for _, names in walk.elements for name in names}
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_each_text_is_escaped() -> None:
    """Run, versions, states and messages may hold any text of a person or of a cluster."""
    hostile = '<script>alert("x")</script>&'
    record = release(run=replace(RUN, dag_id=hostile, run_id=hostile, started_by=hostile))
    task = replace(
        record.tasks[1],
        name=hostile,
        state=hostile,
        outcome=hostile,
        message=hostile,
        reasons=(hostile,),
        timeline=tuple(replace(phase, state=hostile, place=hostile) for phase in record.tasks[1].timeline),
    )
    walk = Walk(release_page(replace(record, tasks=(task, *record.tasks))))
    assert walk.open == []
    assert "script" not in {tag for tag, _ in walk.elements}
    assert sum(text.count(hostile) for text in walk.texts) >= 8


def test_page_answers_the_questions_of_an_audit() -> None:
    record = release()
    page = " ".join(Walk(release_page(record)).texts)
    for words in ("ada", "grace: Roll back", "v0", "v1", "Web_Password", "HTTP 500 <b>from</b> shop"):
        assert words in page
    for words in (
        "Ok, 2026-03-01 02:59:58 UTC",
        "Error: node n0 <b>is down</b>",
        "connection sf_west",
        "10m00s",
        "2026-03-01 02:10:00 UTC",
    ):
        assert words in page
    assert content_sha256(record.to_dict()) in page


@pytest.mark.parametrize(
    ("scenario", "outcomes"),
    [
        ("good", ["in_progress", "succeeded"]),
        ("rolled_back", ["in_progress", "rolling_back", "rolled_back"]),
        ("paused", ["in_progress", "paused"]),
    ],
)
def test_timeline_has_a_bar_per_state(scenario: str, outcomes: list[str]) -> None:
    phases = release(scenario).tasks[1].timeline
    assert [phase.outcome for phase in phases] == outcomes
    bars = [names for tag, names in Walk(draw_timeline(phases)).elements if tag == "rect"]
    assert [names["fill"] for names in bars] == [COLORS[outcome] for outcome in outcomes]
    for bar, after in pairwise(bars):
        assert float(bar["x"]) + float(bar["width"]) == pytest.approx(float(after["x"]), abs=0.2)


def test_another_upgrade_is_gray() -> None:
    phases = release("good").tasks[1].timeline
    drawing = draw_timeline([replace(phase, expected=False) for phase in phases])
    assert drawing.count(f'fill="{OTHER}"') == len(phases)
    assert drawing.count(">another upgrade</text>") == len(phases)
    assert drawing.count(" (another upgrade)") == len(phases)


def test_single_moment_is_drawn() -> None:
    phase = release("good").tasks[1].timeline[0]
    drawing = draw_timeline([replace(phase, last_seen_at=phase.first_seen_at)])
    assert drawing.count("<rect") == 1
    assert drawing.count("<line") == 1


def test_empty_timeline_is_not_drawn() -> None:
    assert draw_timeline(()) == ""
