"""The Summary at the end of the log. It repeats the wait, because lines can be late or lost. No I/O."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.descriptions import describe_state
from airflow_provider_sf.messages.formatting import (
    STATE_WIDTH,
    format_duration,
    format_percent,
    format_replicas,
    format_time,
    one_line,
    pluralize,
    services_behind,
    upgrade_subject,
)
from airflow_provider_sf.messages.versions import describe_version
from airflow_provider_sf.upgrades.failure_reasons import FailureDetails
from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.state import OutageStats, WaitState
    from airflow_provider_sf.wait.timeline import Stage

MAX_ROWS = 20
"""How many services the table shows."""

_MAX_SERVICE_LENGTH, _MAX_ERROR_LENGTH = 40, 300
_FACT_WIDTH, _MAX_FACT_LENGTH = len("next domain"), 200
_END_NAMES = {"upgrade": "the upgrade", "error": "an error"}


def summary_lines(kind: str, name: str, state: WaitState) -> Iterator[str]:
    """Show each state and how long it lasted, the services, outages, the last error and the last record."""
    waited = format_duration(_seconds(state.began_at, state.ended_at))
    ended_by = _END_NAMES.get(state.ended_by or "", str(state.ended_by))
    polls = pluralize(state.polls, "poll")
    yield f"Waited {waited} for the upgrade of {upgrade_subject(kind, name)}: {polls}, ended by {ended_by}"
    if state.timeline:
        yield from _state_rows(state.timeline)
    if state.record is not None and state.record.services:
        yield from _service_rows(state.record)
    if state.outages.count:
        yield _outages(state.outages)
    if state.error is not None:
        yield f"Last error: {one_line(str(state.error), _MAX_ERROR_LENGTH)}"
    yield from _record_rows(state.record) if state.record else ("Last record: none",)


def _state_rows(timeline: tuple[Stage, ...]) -> Iterator[str]:
    """Yield a row for each stage. It lasts until the next one was first seen, if there is no gap between."""
    state, last = f"{'state':<{STATE_WIDTH}}", "where, services behind"
    yield f"{'first seen (UTC)':<19}  {'for':>7}  {state}  {'percent':>7}  {last}"
    for stage, following in zip_longest(timeline, timeline[1:]):
        if stage.skipped:
            yield f"{'':<19}  {'':>7}  ({pluralize(stage.skipped, 'state')} left out here)"
        if stage.unseen_before:
            yield f"{'':<30}(the time before is unknown: the triggerer was replaced or started late)"
        if following is None or following.skipped or following.unseen_before:
            until = stage.last_seen_at
        else:
            until = following.first_seen_at
        yield _state_row(stage, format_duration(_seconds(stage.first_seen_at, until)))


def _state_row(stage: Stage, duration: str) -> str:
    value = None if stage.outcome is Outcome.NOT_UPGRADED else stage.percent_completed
    percent = "-" if value is None else format_percent(value)
    place = stage.place and one_line(stage.place)
    behind = services_behind(stage.services_behind, stage.more_behind)
    row = (
        f"{stage.first_seen_at:%Y-%m-%d %H:%M:%S}  {duration:>7}  {describe_state(stage):<{STATE_WIDTH}}  "
        f"{percent:>7}  {', '.join(filter(None, (place, behind)))}"
    )
    return f"{row.rstrip()}{_marks(stage)}"


def _marks(stage: Stage) -> str:
    """Say what the state does not show: a pause, and that it is another upgrade."""
    paused = "  (paused)" if stage.outcome is Outcome.PAUSED else ""
    is_other = not stage.expected and stage.outcome is not Outcome.NOT_UPGRADED
    return f"{paused}  (not the expected upgrade)" if is_other else paused


def _service_rows(record: UpgradeProgress) -> Iterator[str]:
    shown = record.services[:MAX_ROWS]
    names = [one_line(service.name, _MAX_SERVICE_LENGTH) for service in shown]
    width = max(len("service"), *map(len, names))
    yield f"  {'service':<{width}}  {'replicas':>8}  pending"
    for name, service in zip(names, shown, strict=True):
        pending = "?" if service.pending_replicas is None else service.pending_replicas
        yield f"  {name:<{width}}  {format_replicas(service):>8}  {pending:>7}"
    more = len(record.services) - len(shown) + dict(record.omitted).get("services", 0)
    if more:
        yield f"  and {more} more"


def _record_rows(record: UpgradeProgress) -> Iterator[str]:
    """Yield a row for each fact that the last record has; the XCom has the whole record."""
    listed = (*record.domains.upgrade_domains, *record.domains.upgrade_units)
    domains = [f"{unit.name} {unit.state}" for unit in listed]
    facts = {
        "state": record.state,
        "version": describe_version(record),
        "started": record.started_at and format_time(record.started_at),
        "failed": record.failed_at and format_time(record.failed_at),
        "duration": None if record.duration_seconds is None else format_duration(record.duration_seconds),
        "mode": record.rolling_upgrade_mode,
        "failure": FailureDetails.from_record(record).reason,
        "domains": ", ".join(domains),
        "next domain": record.domains.next_domain,
        "details": record.status_details,
        "observed": record.observed_at and format_time(record.observed_at),
        "gateway": record.endpoint,
    }
    yield "Last record:"
    for fact, value in facts.items():
        if value:
            yield f"  {fact:<{_FACT_WIDTH}}  {one_line(value, _MAX_FACT_LENGTH)}"


def _outages(outages: OutageStats) -> str:
    return (
        f"Outages: {outages.count}, with {pluralize(outages.polls, 'poll')} without a usable answer; "
        f"the longest took {format_duration(outages.longest_seconds)}; "
        f"last error: {one_line(outages.last_error or '', _MAX_ERROR_LENGTH)}"
    )


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else (until - since).total_seconds()
