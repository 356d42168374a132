"""The page of a release record. It needs no network and no script, and prints well. No I/O, no Airflow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_duration, format_state
from airflow_provider_sf.messages.report.markup import (
    UNKNOWN,
    badge,
    bullets,
    element,
    facts,
    section,
    table,
    time_text,
    words,
)
from airflow_provider_sf.messages.report.style import STYLE
from airflow_provider_sf.messages.report.timeline import draw_timeline
from airflow_provider_sf.releases.record_chain import content_sha256

if TYPE_CHECKING:
    from airflow_provider_sf.releases.release_record import (
        Answer,
        Change,
        Check,
        Decision,
        ReleaseRecord,
        TaskRecord,
    )


def release_page(record: ReleaseRecord) -> str:
    """Return the whole page as HTML. The members that are set after the page was written are not in it."""
    title = f"Release record: {record.dag_id}, {record.run_id}"
    tasks = "".join(map(_task, record.tasks))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{element('title', title)}<style>{STYLE}</style></head>\n"
        f"<body><main>{_header(record)}\n{tasks}\n{_footer(record)}</main></body></html>\n"
    )


def _header(record: ReleaseRecord) -> str:
    approvals = [
        f"{answer.answered_by}: {answer.answer}, {time_text(answer.answered_at)}"
        for task in record.tasks
        for answer in task.questions
        if answer.answered_by and answer.answer
    ]
    rows = [
        ("Run", record.run_id),
        ("Started by", record.started_by or UNKNOWN),
        ("Started at", time_text(record.started_at)),
        ("Kind of run", record.run_type),
        ("Answers of people", "; ".join(approvals)),
        ("Record written at", time_text(record.written_at)),
    ]
    title = f"Release {record.dag_id}"
    return f"<header>{element('h1', title)}{badge(record.outcome)}{facts(rows)}</header>"


def _task(task: TaskRecord) -> str:
    index = "" if task.map_index is None else f" [{task.map_index}]"
    parts = [
        element("h2", f"{task.name or task.task_id}{'' if task.name else index}"),
        _subtitle(task, index),
        _versions(task),
        section("Timeline", draw_timeline(task.timeline) + _states(task)),
        section("Message", element("pre", task.message) if task.message else ""),
        section("Why", bullets(task.reasons)),
        section("Health", _health(task)),
        section("Unhealthy in the last record of the upgrade", bullets(task.unhealthy_at_end)),
        section("Bake time", _bake(task)),
        section("Checks between upgrade domains", _decisions(task.decisions)),
        section("Questions and answers", _answers(task.questions)),
        section("Request", _change(task.change)),
        section("XComs that could not be read", bullets(task.unread)),
    ]
    return f"<section>{''.join(parts)}</section>\n"


def _subtitle(task: TaskRecord, index: str) -> str:
    cluster = f", connection {task.connection}" if task.connection else ""
    state = f"task {task.task_id}{index}{cluster}, state in Airflow: {task.state or UNKNOWN}"
    outcome = badge(task.outcome) + " " if task.outcome else ""
    return f"<p>{outcome}{element('span', state, 'soft')}</p>"


def _versions(task: TaskRecord) -> str:
    change = task.change
    before = (change and change.version_before) or task.previous_version
    after = (change and change.version_after) or task.target_version
    if not before and not after:
        return ""
    text = f"{element('b', before or UNKNOWN)} → {element('b', after or UNKNOWN)}"
    return f'<p class="versions">{text}</p>'


def _health(task: TaskRecord) -> str:
    """Return the health before and after, with the reasons if it was not good."""
    moments = [("Before the start", task.health_at_start), ("At the end", task.health_at_end)]
    return "".join(
        facts([(title, f"{health.state or UNKNOWN}, {time_text(health.at)}")])
        + bullets(health.unhealthy_evaluations)
        for title, health in moments
        if health
    )


def _bake(task: TaskRecord) -> str:
    if task.bake is None:
        return ""
    rows = [
        ("Result", words(task.bake.result)),
        ("Must be healthy for", format_duration(task.bake.bake_seconds)),
        ("From", time_text(task.began_at)),
        ("To", time_text(task.ended_at)),
    ]
    return facts(rows)


def _states(task: TaskRecord) -> str:
    if not task.timeline:
        return ""
    rows = [
        (
            time_text(phase.first_seen_at),
            format_state(phase.state) + ("" if phase.expected else " (another upgrade)"),
            "" if phase.percent_completed is None else f"{phase.percent_completed:.0f} %",
            phase.place or "",
            phase.failure_reason or "",
        )
        for phase in task.timeline
    ]
    return table(("First seen", "State", "Progress", "Upgrade domain", "Failure"), rows)


def _decisions(decisions: tuple[Decision, ...]) -> str:
    rows = [
        (
            time_text(decision.at),
            decision.upgrade_domain or "",
            format_duration(decision.healthy_seconds),
            _time_added(decision),
            "; ".join(map(_check_text, decision.checks)),
            f"{words(decision.action)}: {decision.reason or UNKNOWN}",
        )
        for decision in decisions
    ]
    heads = ("Time", "After domain", "Healthy for", "Time added", "Checks", "Decision")
    return table(heads, rows) if rows else ""


def _time_added(decision: Decision) -> str:
    """Return how long the next upgrade domain has waited."""
    parts = (decision.bake_seconds, decision.check_seconds, decision.question_seconds)
    known = [part for part in parts if part is not None]
    return format_duration(sum(known) if known else None)


def _check_text(check: Check) -> str:
    passed = {True: "passed", False: "failed", None: UNKNOWN}[check.passed]
    return f"{check.name or 'check'}: {passed}" + (f" ({check.message})" if check.message else "")


def _answers(answers: tuple[Answer, ...]) -> str:
    rows = [
        (
            time_text(answer.asked_at),
            answer.question or "",
            "no answer in time" if answer.timed_out else answer.answer or "no answer",
            f"{answer.answered_by or UNKNOWN}, {time_text(answer.answered_at)}",
            "done" if answer.acted else answer.refused_because or "not done",
        )
        for answer in answers
    ]
    return table(("Asked at", "Question", "Answer", "By", "Result"), rows) if rows else ""


def _change(change: Change | None) -> str:
    if change is None:
        return ""
    rows = [
        ("How", words(change.how)),
        ("Sent at", time_text(change.posted_at)),
        ("Parameters before", ", ".join(change.parameters_before)),
        ("Parameters after", ", ".join(change.parameters_after)),
        *change.policies,
        ("SHA-256 of the request", change.description_sha256),
    ]
    return facts(rows)


def _footer(record: ReleaseRecord) -> str:
    content = {key: value for key, value in record.to_dict().items() if key not in {"page_sha256", "sha256"}}
    before = record.previous_sha256 or "this is the first record in its folder"
    rows = [("SHA-256 of the record", content_sha256(content)), ("Record before it", before)]
    text = json.dumps(content, indent=2, ensure_ascii=False)
    verify = element("code", "python -m airflow_provider_sf.releases verify FOLDER")
    return (
        f"<footer><p>To check that no file was changed, run {verify}. The values of parameters are not "
        f"recorded.</p>{facts(rows)}<details><summary>The record as JSON</summary>{element('pre', text)}"
        "</details></footer>"
    )
