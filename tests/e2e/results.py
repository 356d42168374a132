"""The results of the cases, one JSON object in each line of a file, and the table of the page that shows them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.fault import RIGHT
from tests.e2e.faults import FAULTS
from tests.e2e.mistakes import MISTAKES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FILE = Path(__file__).parent / "results.jsonl"
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "reliability.md"
BEGIN, END = "<!-- faults -->\n", "<!-- end -->"
HEADER = "| What was done | What was observed | Runs | Mistake that it reveals |\n| --- | --- | --- | --- |\n"
EXECUTORS = {"local": "LocalExecutor", "celery": "CeleryExecutor"}


@dataclass(frozen=True, slots=True)
class Result:
    """What was observed when a fault was played once, with right tasks or with a known mistake."""

    fault: str
    executor: str
    dag: str
    at: str
    machine: str
    problems: tuple[str, ...]
    facts: dict[str, Any]
    mistake: str = ""
    revision: str = ""
    """The commit; ``-dirty`` if the provider was changed since. Older results have none."""

    @property
    def is_found(self) -> bool:
        """Whether the mistake was found, by its own problem."""
        return MISTAKES[self.mistake].is_found(self.problems)

    @classmethod
    def of(
        cls,
        fault: str,
        executor: str,
        dag: str,
        problems: tuple[str, ...],
        facts: dict[str, Any],
        *,
        mistake: str = "",
    ) -> Result:
        """Return the result of a case that has just ended."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
        return cls(fault, executor, dag, now, machine, problems, facts, mistake, _revision())


def _revision() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit}-dirty" if _git("status", "--porcelain", "--", "airflow_provider_sf") else commit


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def append(result: Result, file: Path = FILE) -> None:
    """Add a result to the file."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(result)) + "\n")


def read(file: Path = FILE) -> list[Result]:
    """Return all results, oldest first."""
    return [Result(**json.loads(line)) for line in file.read_text().splitlines()]


def write_page(results: Sequence[Result]) -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table(results)}{END}{rest.partition(END)[2]}")


def table(results: Sequence[Result]) -> str:
    """Return the table of what was measured, and when."""
    rows = [row for fault in FAULTS if (row := _row(fault.name, results))]
    days = sorted({result.at[:10] for result in results})
    machines = sorted({result.machine for result in results})
    return f"Measured on {', '.join(days)}, with {'; '.join(machines)}.\n\n{HEADER}{''.join(rows)}"


def _row(name: str, results: Iterable[Result]) -> str:
    fault = next(fault for fault in FAULTS if fault.name == name)
    found = [result for result in results if result.fault == name]
    runs = [result for result in found if not result.mistake]
    if not runs:
        return ""
    revealed = [
        MISTAKES[mistake].what
        for mistake in (*fault.caught, *fault.caught_alone)
        if any(result.is_found for result in found if result.mistake == mistake)
    ]
    counts = [
        f"{sum(result.executor == executor for result in runs)} {word}"
        for executor, word in EXECUTORS.items()
        if any(result.executor == executor for result in runs)
    ]
    return f"| {fault.done} | {'; '.join(_observed(runs))} | {', '.join(counts)} | {', '.join(revealed)} |\n"


def _observed(runs: Sequence[Result]) -> Iterator[str]:
    """Yield what was observed in all runs, and the worst values."""
    wrong = [result.problems[0] for result in runs if result.problems]
    if wrong:
        yield f"**wrong in {len(wrong)} of {len(runs)} runs** ({wrong[-1]})"
    yield ", or ".join(sorted({_ends(result.facts["tasks"]) for result in runs}))
    tries = sorted({state.partition("/")[2] for result in runs for state in result.facts["tasks"].values()})
    yield f"try {' and '.join(tries)}"
    yield f"read again after {max(result.facts['read_again_after'] for result in runs):.0f} s"
    starts = {result.facts["starts"] for result in runs if "release" in result.facts["tasks"]}
    yield from (f"{count} start" for count in sorted(starts))
    if polls := max(result.facts.get("polls_per_minute", 0) for result in runs):
        yield f"{polls:.0f} polls a minute"
    if late := max(result.facts["reads_after_end"] for result in runs):
        yield f"up to {late} reads after the end"


def _ends(tasks: dict[str, str]) -> str:
    """Return ``right`` if the tasks ended as they do without a fault, else their states."""
    states = {task: state.partition("/")[0] for task, state in tasks.items()}
    if states == {task: end.state for task, end in RIGHT.items()}:
        return "right"
    groups = {state: [task for task, other in states.items() if other == state] for state in states.values()}
    if len(groups) == 1:
        return f"all {next(iter(groups))}" if len(states) > 1 else next(iter(groups))
    return ", ".join(f"{state}: {' '.join(f'`{task}`' for task in found)}" for state, found in groups.items())
