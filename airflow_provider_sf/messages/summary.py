"""The whole story of a wait once more, for a log whose lines may have been lost or mixed up. Pure; no I/O."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    STATE_WIDTH,
    behind,
    many,
    percent,
    plain,
    replicas,
    span,
    standing,
    title,
)
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.state import WaitState
    from airflow_provider_sf.wait.timeline import Stage

MOST_ROWS = 20
"""How many services the table shows."""

_WIDEST = 40
_ENDS = {
    "upgrade": "the upgrade",
    "error": "an error",
}


def summary_lines(kind: str, name: str, story: WaitState) -> Iterator[str]:
    """Tell which states were seen for how long, how far services are, what was forgiven, what came last."""
    waited = span(_seconds(story.began_at, story.ended_at))
    what = f"the upgrade of {title(kind, name)}"
    yield f"Waited {waited} for {what}: {many(story.polls, 'poll')}, ended by {_end(story)}"
    if story.timeline:
        yield from _states(story.timeline)
    if story.record is not None and story.record.services:
        yield from _services(story.record)
    outages = story.outages
    if outages.silences:
        yield (
            f"Forgiven: {many(outages.polls, 'poll')} without a usable answer, in "
            f"{many(outages.silences, 'silence')} of {span(outages.longest_seconds)} at most; the last: "
            f"{plain(outages.last_error or '', 300)}"
        )
    if story.error is not None:
        yield f"The last error: {plain(str(story.error), 300)}"
    record = "none" if story.record is None else json.dumps(story.record.to_dict())
    # Where a name says ::endgroup::, Airflow's log view would end the block; to JSON the escape is the same.
    yield "The last record: " + record.replace("group::", "group:\\u003a")


def _end(story: WaitState) -> str:
    return _ENDS.get(story.ended_by or "", str(story.ended_by))


def _states(timeline: tuple[Stage, ...]) -> Iterator[str]:
    """Yield a row for each stage; it lasted until the next one was seen, unless that is left out."""
    state, last = f"{'state':<{STATE_WIDTH}}", "where, services behind"
    yield f"{'first seen (UTC)':<19}  {'for':>7}  {state}  {'percent':>7}  {last}"
    for stage, following in zip_longest(timeline, timeline[1:]):
        if stage.skipped:
            yield f"{'':<19}  {'':>7}  ({stage.skipped} more left out here)"
        until = following.first_seen_at if following and not following.skipped else stage.last_seen_at
        value = None if stage.outcome is Outcome.NOT_UPGRADED else stage.percent_completed
        done = "-" if value is None else percent(value)
        who = behind(stage.services_behind, stage.more_behind)
        place = stage.place and plain(stage.place)
        row = (
            f"{stage.first_seen_at:%Y-%m-%d %H:%M:%S}  {span(_seconds(stage.first_seen_at, until)):>7}  "
            f"{standing(stage):<{STATE_WIDTH}}  {done:>7}  {', '.join(filter(None, (place, who)))}"
        )
        yield f"{row.rstrip()}{_marks(stage)}"


def _marks(stage: Stage) -> str:
    """Say what the state alone does not: that a person had to act, and that it was not ours."""
    paused = "  (paused)" if stage.outcome is Outcome.PAUSED else ""
    is_anothers = not stage.expected and stage.outcome is not Outcome.NOT_UPGRADED
    return f"{paused}  (not ours)" if is_anothers else paused


def _services(record: UpgradeProgress) -> Iterator[str]:
    shown = record.services[:MOST_ROWS]
    names = [plain(service.name, _WIDEST) for service in shown]
    width = max(len("service"), *map(len, names))
    yield f"  {'service':<{width}}  {'replicas':>8}  to come"
    for name, service in zip(names, shown, strict=True):
        pending = "?" if service.pending_replicas is None else service.pending_replicas
        yield f"  {name:<{width}}  {replicas(service):>8}  {pending:>7}"
    more = len(record.services) - len(shown) + dict(record.omitted).get("services", 0)
    if more:
        yield f"  and {more} more"


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else (until - since).total_seconds()
