"""What became of a case: the problems, and the facts for the page. The journal of the cluster is the judge."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.e2e.cluster import state_in
from tests.e2e.world import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.fault import End
    from tests.e2e.world import Case, World

SUCCESS = {("RollingForwardCompleted", "v1"), ("CompletedRollforward", "v1")}
"""The states and the version on record after the success of the expected upgrade, of both kinds."""

SAME_MOMENT_SECONDS = 1.0
"""The clocks of Airflow's database and of the cluster are the same, but not read at the same moment."""


class Verdict(NamedTuple):
    """What is wrong in a case, and what was observed."""

    problems: tuple[str, ...]
    facts: dict[str, Any]


def judge(world: World, case: Case) -> Verdict:
    """Return what became of a case."""
    problems = []
    for task, end in case.fault.ends.items():
        problems += [f"{task}: {problem}" for problem in _problems(world, case, task, end)]
    facts = _facts(case)
    limit, polls = case.fault.most_polls_per_minute, facts.get("polls_per_minute", 0.0)
    if limit and polls > limit:
        problems.append(f"{polls:.0f} polls a minute, at most {limit:.0f} expected")
    if facts["open_connections"]:
        problems.append(f"{facts['open_connections']} connections to the cluster are still open")
    if case.took_too_long:
        problems = ["it did not come to an end in time", *problems]
    return Verdict(tuple(problems), facts)


def _problems(world: World, case: Case, task: str, end: End) -> Iterator[str]:
    entry = case.tasks.get(task, {})
    state, number = entry.get("state"), entry.get("try_number")
    if state != end.state or end.tries not in {None, number}:
        yield f"it is {state} in try {number}, expected {end.state} in try {end.tries or 'any'}"
    ended_at = case.ended_at(task)
    if ended_at is not None:
        yield from _journal_problems(case, task, end, ended_at)
    wait = world.xcom(case, task) or {}
    if end.ended_by and wait:
        yield from _xcom_problems(world, case, task, wait)
    if end.ended_by != wait.get("ended_by"):
        yield f"its XCom upgrade_wait has ended_by {wait.get('ended_by')}, expected {end.ended_by}"
    if end.most_seconds and wait.get("ended_at"):
        took = moment(wait["ended_at"]) - moment(wait["began_at"])
        if took > end.most_seconds:
            yield f"its wait took {took:.0f} s, at most {end.most_seconds:.0f} s expected"
    if end.has_log and (end.log or end.ended_by):
        log = world.log(case, task)
        news = (end.log, str(wait.get("message") or "").splitlines()[0] if wait.get("message") else "")
        yield from (f"its log lacks {text!r}" for text in news if text not in log)


def _xcom_problems(world: World, case: Case, task: str, wait: dict[str, Any]) -> Iterator[str]:
    record = wait.get("record") or {}
    if not wait.get("message"):
        yield "its XCom upgrade_wait has no message"
    keys = ("upgrade_progress", "return_value") if case.state(task) == "success" else ("upgrade_progress",)
    yield from (f"its XCom {key} is not the record" for key in keys if world.xcom(case, task, key) != record)
    ended_at = moment(wait["ended_at"]) if wait.get("ended_at") else 0.0
    reads = [entry for entry in case.cluster.reads(case.upgrade_name(task)) if entry.at <= ended_at]
    last = state_in(reads[-1].answer) if reads else ("", "")
    recorded = (record.get("state"), record.get("target_version"))
    if recorded != last:
        yield f"its record has {recorded}, but the cluster's last answer was {' '.join(last)}"


def _journal_problems(case: Case, task: str, end: End, ended_at: float) -> Iterator[str]:
    name = case.upgrade_name(task)
    before = [entry for entry in case.cluster.reads(name) if entry.at <= ended_at + SAME_MOMENT_SECONDS]
    after = case.cluster.reads(name, ended_at + SAME_MOMENT_SECONDS)
    last = state_in(before[-1].answer) if before else ("", "")
    state = case.state(task)
    if state == "success" and end.ended_by and last not in SUCCESS:
        yield f"it is green, but the cluster's last answer was {' '.join(last)}"
    if state == "failed" and end.ended_by == "upgrade" and last in SUCCESS:
        yield "it is red, but the cluster's last answer was the success of its upgrade"
    if end.reads_after_end is not None and len(after) > end.reads_after_end:
        yield f"{len(after)} reads followed its end, at most {end.reads_after_end} expected"
    if task == "release" and case.cluster.starts(name) != 1:
        yield f"its upgrade was started {case.cluster.starts(name)} times"
    if task == "release" and case.cluster.start_requests(name) != 1:
        yield f"the start of its upgrade was requested {case.cluster.start_requests(name)} times"


def _facts(case: Case) -> dict[str, Any]:
    """Return what was observed: states, tries, starts, and how long no upgrade was read after the fault."""
    names = {task: case.upgrade_name(task) for task in case.tasks}
    after_fault = {task: case.cluster.reads(name, case.fault_at) for task, name in names.items()}
    return {
        "tasks": _task_facts(case),
        "starts": case.cluster.starts(names.get("release", "")),
        "start_requests": case.cluster.start_requests(names.get("release", "")),
        "reads": sum(len(case.cluster.reads(name)) for name in set(names.values())),
        "read_again_after": max(
            (reads[0].at - case.fault_at for reads in after_fault.values() if reads), default=0.0
        ),
        "reads_after_end": sum(
            len(case.cluster.reads(names[task], ended_at + SAME_MOMENT_SECONDS))
            for task in case.tasks
            if case.fault.ends[task].reads_after_end is not None
            and (ended_at := case.ended_at(task)) is not None
        ),
        "open_connections": case.cluster.open_connections(),
        **_polls_per_minute(case),
    }


def _task_facts(case: Case) -> dict[str, str]:
    """Return state and try of each task; of mapped ones how many waits for which upgrades have the same."""
    ends = {task: f"{entry['state']}/{entry['try_number']}" for task, entry in sorted(case.tasks.items())}
    words = [(case.upgrade_name(task).partition("-")[0], ends[task]) for task in ends if "[" in task]
    counts = {
        f"{count} {word.removeprefix('fabric:/')}": end for (word, end), count in Counter(words).items()
    }
    return {task: end for task, end in ends.items() if "[" not in task} | counts


def _polls_per_minute(case: Case) -> dict[str, float]:
    if case.counted is None:
        return {}
    begin, end = case.counted
    return {"polls_per_minute": case.cluster.reads_between(begin, end) * 60.0 / (end - begin)}
