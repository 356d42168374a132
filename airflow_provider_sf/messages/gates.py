"""What a task does before each upgrade domain, and what it asks a person. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_duration,
    format_time,
    format_version,
    one_line,
    upgrade_subject,
)
from airflow_provider_sf.releases.gate_state import (
    CONTINUE,
    LEAVE,
    LONGER,
    OPTIONS,
    ROLL_BACK,
    START,
    GateAction,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_sf.releases.gate import GateStep
    from airflow_provider_sf.releases.gate_state import CheckResult, GateState, Question
    from airflow_provider_sf.upgrades import UpgradeProgress
    from airflow_provider_sf.wait.identity import UpgradeIdentity

_MAX_REASON, _MAX_EVALUATIONS = 400, 5


def pause_line(state: GateState, record: UpgradeProgress) -> str:
    """Say before which upgrade domain the upgrade is paused."""
    place = f" ({one_line(record.place)})" if record.place else ""
    last = f"upgrade domain {one_line(state.last_domain)} is completed{place}; " if state.last_domain else ""
    return capitalize_first(f"{last}next is {_domain(state.next_domain)}")


def bake_line(state: GateState, seconds: float) -> str:
    """Say what the task waits for before the upgrade domain."""
    time = format_duration(seconds)
    if state.healthy_since is not None:
        return f"  the application is healthy; it must stay so for {time} more (bake_time)"
    reasons = [one_line(reason, _MAX_REASON) for reason in state.unhealthy_because[:1]]
    why = f": {reasons[0]}" if reasons else ""
    return f"  the application is unhealthy; the task waits {time} more (health_check_retry){why}"


def check_line(check: CheckResult) -> str:
    """Say how a check ended."""
    if check.passed:
        return f"  check {one_line(check.name)} passed"
    return f"  check {one_line(check.name)} failed: {one_line(check.message, _MAX_REASON)}"


def decision_line(state: GateState, step: GateStep) -> str:
    """Say what the task does now, and why."""
    what = {
        GateAction.RESUME: f"starting {_domain(state.next_domain)}",
        GateAction.ASK: "asking a person",
        GateAction.ROLLBACK: "rolling the upgrade back",
        GateAction.PAUSE: "leaving the upgrade paused",
    }[step.action]
    return capitalize_first(f"{what}{f': {one_line(step.reason, _MAX_REASON)}' if step.reason else ''}")


def question_subject(state: GateState) -> str:
    """Return the headline of a question. It stays true while the upgrade goes on."""
    return f"Continue the {_upgrade(state)}?"


def question_body(
    question: Question,
    state: GateState,
    record: UpgradeProgress | None,
    *,
    page: str | None,
    ask_again_seconds: float,
    users: Iterable[str],
) -> str:
    """
    Return the text of a question in Markdown: the reason, the upgrade domains, the options.

    :param page: the address of the application in Service Fabric Explorer
    :param users: the names of the users who may answer; empty for no limit
    """
    is_start = question.next_upgrade_domain == START
    following = "the upgrade" if is_start else _domain(question.next_upgrade_domain)
    longer, names = format_duration(ask_again_seconds), ", ".join(map(_plain, users))
    end = (
        "nothing is started and the task fails" if is_start else "the upgrade stays paused and the task fails"
    )
    parts = [
        f"**Why: {_plain(question.question)}** ({format_time(question.asked_at)})",
        *_evaluations(question, record),
        *_domain_table(record),
        *_checks(state.checks or ()),
        "The answers:",
        "\n".join(
            [
                f"- **{CONTINUE}**: start {_plain(following)}.",
                f"- **{LONGER}**: {'ask' if is_start else f'wait {longer}, then decide or ask'} again.",
                f"- **{ROLL_BACK}**: {end if is_start else 'roll the upgrade back; the task fails'}.",
                f"- **{LEAVE}**: {end}.",
            ]
        ),
        *([f"May answer: {names}."] if names else []),
        *([f"[Service Fabric Explorer]({page})"] if page else []),
        "If the task asks again, Airflow shows this first text again. The log has the present state.",
    ]
    return "\n\n".join(parts)


def asked_line(question: Question, timeout_seconds: float | None, default: str) -> str:
    """Say that a person was asked."""
    limit = "" if timeout_seconds is None else f"; after {format_duration(timeout_seconds)}: {default}"
    return f"Waiting for a person: {one_line(question.question, _MAX_REASON)}{limit}"


def answer_line(question: Question) -> str:
    """Say what a person has answered, and whether the task follows the answer."""
    if question.timed_out:
        source = "no answer in time, so the default counts"
    else:
        source = f"answered by {one_line(question.answered_by or 'an unknown user')}"
    refused = f"; not followed: {question.refused_because}" if question.refused_because else ""
    return f"{one_line(question.answer or '?')}: {source}{refused}"


def other_option() -> str:
    """Say why an answer was none of those that the question offers."""
    return f"the options are {', '.join(OPTIONS)}"


def late_answer(question: Question, record: UpgradeProgress) -> str:
    """Say why an answer no longer fits."""
    asked = _domain(question.next_upgrade_domain)
    now = record.domains.next_domain
    if now is None or now == question.next_upgrade_domain:
        return f"the question was about {asked}, but the upgrade is no longer paused, or it is another one"
    return f"the question was about {asked}, but it now waits before {_domain(now)}"


def late_start(asked: UpgradeIdentity | None, now: UpgradeIdentity) -> str:
    """Say why an answer about the start no longer fits."""
    before = format_version(asked.target_version if asked else None)
    present = format_version(now.target_version)
    if before == present:
        return f"another upgrade was started since the question, and {present} is deployed"
    return f"the question was about the start from {before}, but {present} is deployed now"


def pause_failure(state: GateState, reason: str) -> str:
    """Return the error of a task that leaves the upgrade paused."""
    lines = [
        f"Paused before {_domain(state.next_domain)}: {_upgrade(state)}.",
        f"Why: {one_line(reason, _MAX_REASON)}.",
        "The upgrade stands still until a person acts.",
        "Next: remove the cause and clear this task, which checks again; or roll the upgrade back.",
    ]
    return "\n".join(lines)


def rollback_failure(state: GateState) -> str:
    """Return the error of a task that has rolled its upgrade back."""
    place = f", stopped before {_domain(state.next_domain)}" if state.next_domain else ""
    return "\n".join(
        [
            f"Rolled back by this task{place}: {_upgrade(state)}.",
            f"Why: {one_line(state.rollback_reason or 'unknown', _MAX_REASON)}.",
        ]
    )


def start_refusal(question: Question) -> str:
    """Return the error of a task that may not start its upgrade."""
    return f"Not started: {answer_line(question)}. Next: to ask again, clear the task"


def _upgrade(state: GateState) -> str:
    return f"upgrade of {upgrade_subject(state.kind, state.name)} to {format_version(state.target_version)}"


def _domain(name: str | None) -> str:
    return f"upgrade domain {one_line(name)}" if name else "an unknown upgrade domain"


def _domain_table(record: UpgradeProgress | None) -> list[str]:
    """Return the upgrade domains as a Markdown table."""
    units = record.domains.upgrade_domains if record else ()
    if record is None or not units:
        return []
    rows = [
        f"| {_plain(unit.name)} | "
        f"{'**next**' if unit.name == record.domains.next_domain else _plain(unit.state or 'unknown')} |"
        for unit in units
    ]
    return ["\n".join(["| Upgrade domain | State |", "|---|---|", *rows])]


def _evaluations(question: Question, record: UpgradeProgress | None) -> list[str]:
    """Return what Service Fabric has found unhealthy as a list, unless the question has it already."""
    found = record.unhealthy_evaluations[:_MAX_EVALUATIONS] if record else ()
    lines = [f"- {_plain(sentence)}" for sentence in found if sentence not in question.question]
    return ["\n".join(lines)] if lines else []


def _checks(checks: Iterable[CheckResult]) -> list[str]:
    lines = [
        f"- check {_plain(check.name)} {'passed' if check.passed else f'**failed**: {_plain(check.message)}'}"
        for check in checks
    ]
    return ["\n".join(lines)] if lines else []


def _plain(text: str) -> str:
    """Put foreign text into Markdown: no links, no tables, no emphasis, no HTML."""
    line = one_line(text, _MAX_REASON)
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#!~" else letter for letter in line)
