"""The tables of a soak."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks.flapping import gaps, outages
from benchmarks.live_triggerer import PROVIDER
from benchmarks.loop_clock import LoopFigures
from benchmarks.measuring import percentile
from benchmarks.report import Bound, Row, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.live_triggerer import LiveTriggerer
    from benchmarks.soak_course import Course, Sample

_NO_MORE = Bound(0.0)
_SPREAD = "least, median, most"
_SUCCESS = "upgrade", "CompletedRollforward"


def rows_of(course: Course, triggerers: Sequence[LiveTriggerer]) -> list[Row]:
    """Return the figures of a soak."""
    provider = next(triggerer for triggerer in triggerers if triggerer.trigger == PROVIDER)
    return [
        *end_rows(course),
        *_polls(course),
        *_log_lines(course, provider),
        *(row for triggerer in triggerers for row in _event_loop(course, triggerer)),
        *(row for trigger in course.samples for row in _cpu_time(course, trigger)),
        *(row for trigger, samples in course.samples.items() for row in _held(trigger, samples)),
        Row("open files, child: most", "", (course.most_files,)),
        Row("sockets, child: most", "", (course.most_sockets,)),
    ]


def end_rows(course: Course) -> list[Row]:
    """Return how the waits have ended, and what is left of them."""
    succeeded = sum(_end(event) == _SUCCESS for event in course.events)
    return [
        Row("waits that ended while their upgrade was running", "", (course.ended_early,), _NO_MORE),
        Row("waits without success at the end", "", (course.plan.waits - succeeded,), _NO_MORE),
        Row("from the end of all upgrades to the event of the last wait", "s", (course.seconds_to_fire,)),
        Row("triggers left in the database", "", (course.triggers_left,), _NO_MORE),
        Row("connections to gateways left", "", (course.connections_left,), _NO_MORE),
    ]


def _end(event: dict[str, object]) -> tuple[object, object]:
    record = event.get("record")
    return event.get("ended_by"), record["state"] if isinstance(record, dict) else None


def _polls(course: Course) -> Iterator[Row]:
    plan = course.plan
    none_up = [outages(course.changes, plan.gateways(cluster)) for cluster in range(plan.clusters)]
    lengths = [[end - begin for begin, end in found] for found in none_up]
    yield Row("changes of gateways", "", (len(course.changes),))
    yield Row("outages of both gateways, of each cluster", "", tuple(map(len, lengths)))
    yield Row(
        "the longest of them, of each cluster", "s", tuple(max(found, default=0.0) for found in lengths)
    )
    yield Row("requests", "/s", (course.requests / (course.ended_at - course.began_at),))
    yield _spread("polls of a wait", "", [event["polls"] for event in course.events])
    yield _spread("polls of a wait in outages", "", [event["outages"]["polls"] for event in course.events])
    times = {name: [course.began_at, *course.arrivals.get(name, ()), course.ended_at] for name in plan.names}
    found = [
        gap
        for place, name in enumerate(plan.names)
        for gap in gaps(times[name], none_up[place % plan.clusters])
    ]
    yield _spread("answers to a wait", "", [len(answered) - 2 for answered in times.values()])
    for percent in (50, 99, 99.9, 100):
        what = f"between two answers to a wait, outages not counted: p{percent:g}"
        yield Row(what, "s", (percentile(found, percent),))


def _log_lines(course: Course, provider: LiveTriggerer) -> Iterator[Row]:
    files = task_log_files(provider, course.plan.waits)
    lines = [len(file.read_text(encoding="utf-8").splitlines()) for file in files]
    yield _spread("log lines of a wait", "", lines)
    yield _spread("the size of its log", "KiB", [file.stat().st_size / 1_024 for file in files])
    polls = sum(event["polls"] for event in course.events)
    yield Row("log lines for each poll", "", (sum(lines) / polls if polls else 0.0,))


def _event_loop(course: Course, triggerer: LiveTriggerer) -> Iterator[Row]:
    trigger, blocked = triggerer.trigger, triggerer.blocked_seconds()
    before, after = course.blocked_before[trigger], course.blocked_after[trigger]
    found = LoopFigures.read(triggerer.loop_clock, course.began_at, course.ended_at)
    late, late_cpu = max(found.late, default=(0.0, 0.0))
    full, full_cpu = max(found.collections, default=(0.0, 0.0))
    sleeps = [milliseconds for milliseconds, _ in found.late]
    yield Row(f"event loop blocked over 0.2 s, Airflow's log: {trigger}", "times", (after - before,))
    yield Row(f"the longest of them: {trigger}", "s", (max(blocked[before:after], default=0.0),))
    yield Row(f"the longest at the start: {trigger}", "s", (max(blocked[:before], default=0.0),))
    yield Row(f"the longest while waits end: {trigger}", "s", (max(blocked[after:], default=0.0),))
    yield Row(f"lateness of a sleep of 0.1 s, p99: {trigger}", "ms", (percentile(sleeps, 99),))
    yield Row(f"lateness of a sleep of 0.1 s, longest: {trigger}", "ms", (late,), note=_cpu_note(late_cpu))
    yield Row(f"full garbage collections: {trigger}", "", (len(found.collections),))
    yield Row(f"the longest of them: {trigger}", "ms", (full,), note=_cpu_note(full_cpu))


def _cpu_note(milliseconds: float) -> str:
    return f"{shown(milliseconds)} ms of CPU time in it"


def _cpu_time(course: Course, trigger: str) -> Iterator[Row]:
    seconds = course.ended_at - course.began_at
    before, after = course.cpu_before[trigger], course.cpu_after[trigger]
    for place, process in enumerate(("child", "supervisor")):
        used = (after[place] - before[place]) / seconds
        yield Row(f"CPU, {process}: {trigger}", "ms/s", (used * 1_000,))


def _held(trigger: str, samples: Sequence[Sample]) -> Iterator[Row]:
    *minutes, _ = samples
    note = f"minute 1, minute {len(minutes)}, after the end"
    chosen = minutes[0], minutes[-1], samples[-1]
    for what, figure in (
        ("RSS, child", "child_rss"),
        ("USS, child", "child_uss"),
        ("RSS, supervisor", "supervisor_rss"),
        ("USS, supervisor", "supervisor_uss"),
        ("open files, child", "child_files"),
        ("open files, supervisor", "supervisor_files"),
        ("sockets, child", "sockets"),
    ):
        unit = "MiB" if "SS" in what else ""
        yield Row(f"{what}: {trigger}", unit, tuple(getattr(each, figure) for each in chosen), note=note)


def _spread(what: str, unit: str, figures: Sequence[float]) -> Row:
    if not figures:
        return Row(what, unit, ())
    return Row(what, unit, (min(figures), statistics.median(figures), max(figures)), note=_SPREAD)


def task_log_files(triggerer: LiveTriggerer, waits: int) -> list[Path]:
    """Return the logs of the waits, without that of the trigger that measures the event loop."""
    folders = (triggerer.task_logs / f"map_index={place}" for place in range(waits))
    return [file for folder in folders for file in folder.iterdir()]


def log_lines_table(triggerer: LiveTriggerer, waits: int, most: int = 20) -> str:
    """Return the most frequent log lines of all waits, without their figures, as a Markdown table."""
    counted = Counter(
        _kind(line)
        for file in task_log_files(triggerer, waits)
        for line in file.read_text(encoding="utf-8").splitlines()
    )
    head = ["| lines | text |", "| --- | --- |"]
    return "\n".join([*head, *(f"| {many:,} | {kind} |" for kind, many in counted.most_common(most))])


def _kind(line: str) -> str:
    text = str(json.loads(line)["event"]) if line.startswith("{") else line
    return re.sub(r"[\d.:]*\d", "N", text).replace("|", "/").strip()
