"""Build the record of a release from the XComs of its tasks. No I/O, no Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from airflow_provider_sf.releases.record_outcome import release_outcome
from airflow_provider_sf.releases.release_record import (
    Answer,
    Bake,
    Change,
    Check,
    Decision,
    Phase,
    ReleaseRecord,
    TaskRecord,
)
from airflow_provider_sf.rest.json_values import number, objects, text, utc
from airflow_provider_sf.rest.plain_text import hide_queries
from airflow_provider_sf.upgrades.observed_health import ObservedHealth

KEYS = (
    "upgrade_start",
    "upgrade_wait",
    "upgrade_progress",
    "upgrade_gate",
    "health_at_end",
    "bake_result",
    "return_value",
)
"""The XComs that a record is built from."""

_POLICIES = frozenset(
    {
        "RollingUpgradeMode",
        "MonitoringPolicy",
        "ApplicationHealthPolicy",
        "ForceRestart",
        "SortOrder",
        "InstanceCloseDelayDurationInSeconds",
        "UpgradeReplicaSetCheckTimeoutInSeconds",
    }
)
"""The members of a request that are stored. Others may hold secrets."""


@dataclass(frozen=True, slots=True)
class TaskXComs:
    """The XComs of one task, by key."""

    task_id: str
    map_index: int | None
    state: str | None
    values: Mapping[str, Any]
    connection: str | None = None
    """The id of the connection to the cluster."""


@dataclass(frozen=True, slots=True)
class Run:
    """What Airflow knows about the run of the DAG."""

    dag_id: str
    run_id: str
    run_type: str | None
    started_by: str | None
    started_at: datetime | None


def build_record(run: Run, tasks: tuple[TaskXComs, ...], now: datetime) -> ReleaseRecord:
    """
    Return the record of a release.

    :raises ValueError: no task has pushed an XCom of this provider
    """
    if not any(_is_ours(value) for task in tasks for value in task.values.values()):
        names = ", ".join(sorted({task.task_id for task in tasks})) or "no task"
        msg = (
            f"the release has no XComs to record, read from: {names}. Set task_ids to the tasks that "
            "upgrade, and keep do_xcom_push=True there"
        )
        raise ValueError(msg)
    return record_of(run, tasks, now)


def record_of(run: Run, tasks: tuple[TaskXComs, ...], now: datetime) -> ReleaseRecord:
    """Return the record of a release, also of one that has pushed no XCom."""
    found = tuple(sorted(map(task_record, tasks), key=_began))
    return ReleaseRecord(
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        started_by=run.started_by,
        started_at=run.started_at,
        written_at=now,
        outcome=release_outcome(found),
        tasks=found,
    )


def _began(task: TaskRecord) -> datetime:
    """Return when a task began, to order the tasks; those without a time come last."""
    posted_at = task.change.posted_at if task.change else None
    return task.began_at or posted_at or datetime.max.replace(tzinfo=timezone.utc)


def _is_ours(value: object) -> bool:
    schema = value.get("schema") if isinstance(value, Mapping) else None
    return isinstance(schema, str) and schema.startswith("service_fabric.")


def task_record(task: TaskXComs) -> TaskRecord:
    """Return what the XComs of a task say. Members of an unexpected form count as missing."""
    values = {key: value for key, value in task.values.items() if isinstance(value, Mapping)}
    wait, gate, start = (values.get(f"upgrade_{part}", {}) for part in ("wait", "gate", "start"))
    result, bake = values.get("return_value", {}), values.get("bake_result", {})
    own = result if str(result.get("schema")).startswith("service_fabric.upgrade_progress/") else {}
    last = values.get("upgrade_progress") or own or _mapping(wait.get("record"))
    source = wait or start or gate or bake or last
    previous, target = _versions(wait, gate, last)
    timeline = tuple(filter(None, map(_phase, objects(wait.get("timeline")))))
    upgrade = {} if _ends_with_another(timeline) else last
    return TaskRecord(
        task_id=task.task_id,
        map_index=task.map_index,
        state=task.state,
        connection=task.connection,
        kind=text(source.get("kind")),
        name=text(source.get("name")),
        change=_change(start) if start else None,
        health_at_start=_health(_mapping(start.get("before")).get("health")),
        health_at_end=_health(values.get("health_at_end") or bake.get("health") or gate.get("health")),
        bake=Bake(text(bake.get("result")), number(bake.get("bake_seconds"))) if bake else None,
        outcome=text(upgrade.get("outcome")),
        upgrade_state=text(upgrade.get("state")),
        previous_version=previous,
        target_version=target,
        ended_by=text(wait.get("ended_by")),
        began_at=utc((wait or bake).get("began_at")),
        ended_at=utc((wait or bake).get("ended_at")),
        message=_words(wait.get("message")),
        reasons=_sentences(wait.get("reasons")),
        unhealthy_at_end=_sentences(last.get("unhealthy_evaluations")),
        timeline=timeline,
        decisions=tuple(map(_decision, objects(gate.get("decisions")))),
        questions=tuple(map(_answer, objects(gate.get("questions")))),
        unread=tuple(
            key
            for key, value in task.values.items()
            if key != "return_value" and value is not None and not isinstance(value, Mapping)
        ),
    )


def _versions(
    wait: Mapping[str, Any], gate: Mapping[str, Any], last: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Return the old and the new version. The record of a rollback has the old one as its target."""
    reported = text(last.get("target_version"))
    expected = text(_mapping(wait.get("expected")).get("target_version"))
    target = expected or text(gate.get("target_version")) or reported
    return text(last.get("previous_version")) or (reported if reported != target else None), target


def _change(start: Mapping[str, Any]) -> Change:
    before, description = _mapping(start.get("before")), _mapping(start.get("description"))
    return Change(
        how=text(start.get("how")),
        posted_at=utc(start.get("posted_at")),
        version_before=text(before.get("version")),
        version_after=text(start.get("target_version")),
        parameters_before=_sentences(before.get("parameters")),
        parameters_after=_names(description.get("Parameters")),
        description_sha256=text(start.get("description_sha256")),
        policies=tuple(
            (name, _words(value) or "") for name, value in description.items() if name in _POLICIES
        ),
    )


def _health(value: object) -> ObservedHealth | None:
    """Return a health; None without its time, because it has no place in the release then."""
    found = _mapping(value)
    at = utc(found.get("at"))
    if at is None:
        return None
    return ObservedHealth(at, text(found.get("state")), _sentences(found.get("unhealthy_evaluations")))


def _phase(stage: Mapping[str, Any]) -> Phase | None:
    """Return a period of the timeline; None without its times, because it has no place then."""
    first, last = utc(stage.get("first_seen_at")), utc(stage.get("last_seen_at"))
    if first is None or last is None:
        return None
    return Phase(
        state=text(stage.get("state")),
        outcome=text(stage.get("outcome")),
        expected=stage.get("expected") is True,
        first_seen_at=first,
        last_seen_at=last,
        percent_completed=number(stage.get("percent_completed")),
        place=text(stage.get("place")),
        failure_reason=text(stage.get("failure_reason")),
        unseen_before=stage.get("unseen_before") is True,
    )


def _ends_with_another(timeline: tuple[Phase, ...]) -> bool:
    """Whether the last record of a wait is about another upgrade, and so are its state and its outcome."""
    return bool(timeline) and not timeline[-1].expected and timeline[-1].outcome != "not_upgraded"


def _decision(value: Mapping[str, Any]) -> Decision:
    return Decision(
        at=utc(value.get("at")),
        upgrade_domain=text(value.get("upgrade_domain")),
        next_upgrade_domain=text(value.get("next_upgrade_domain")),
        healthy_seconds=number(value.get("healthy_seconds")),
        checks=tuple(
            Check(text(check.get("name")), _flag(check.get("passed")), _words(check.get("message")))
            for check in objects(value.get("checks"))
        ),
        action=text(value.get("action")),
        reason=_words(value.get("reason")),
        bake_seconds=number(value.get("bake_seconds")),
        check_seconds=number(value.get("check_seconds")),
        question_seconds=number(value.get("question_seconds")),
    )


def _answer(value: Mapping[str, Any]) -> Answer:
    return Answer(
        asked_at=utc(value.get("asked_at")),
        question=_words(value.get("question")),
        next_upgrade_domain=text(value.get("next_upgrade_domain")),
        answer=text(value.get("answer")),
        answered_at=utc(value.get("answered_at")),
        answered_by=text(value.get("answered_by")),
        timed_out=_flag(value.get("timed_out")),
        acted=_flag(value.get("acted")),
        refused_because=_words(value.get("refused_because")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _words(value: object) -> str | None:
    """Return a text without the queries of its addresses: that of a package may hold a signature."""
    found = text(value)
    return None if found is None else hide_queries(found)


def _sentences(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, (list, tuple)) else ()
    return tuple(filter(None, map(_words, values)))


def _names(written: object) -> tuple[str, ...]:
    """Return the names of the parameters, which a request has as a JSON list. A dict would hold values."""
    try:
        values = json.loads(written) if isinstance(written, str) else None
    except (ValueError, RecursionError):
        return ()
    return _sentences(values)
