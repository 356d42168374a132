"""The results of the ways to wait, and the tables of the page that compare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.peer_world import FAULTS, WAYS
from tests.e2e.results import END, PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e.results import Result

FILE = Path(__file__).parent / "peer_results.jsonl"
BEGIN = "<!-- peers -->\n"
HEADER = (
    "| What was done | Way | What was observed | Cost of each task, worst run |\n| --- | --- | --- | --- |\n"
)
LOG_HEADER = "| Way | Last line of the log of `rolled_back`, with no fault |\n| --- | --- |\n"


def write_page(results: Sequence[Result]) -> None:
    """Write the tables into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{tables(results)}{END}{rest.partition(END)[2]}")


def tables(results: Sequence[Result]) -> str:
    """Return the tables of what was measured, when, and with which versions."""
    days = sorted({result.at[:10] for result in results})
    machines = sorted({result.machine for result in results})
    versions = dict.fromkeys(result.facts["version"] for result in results)
    counts = sorted({len(_runs(result.fault, _way(result), results)) for result in results})
    begin = (
        f"Measured on {', '.join(days)}, with {'; '.join(machines)}, {', '.join(versions)}. "
        f"Number of runs in each row: {', '.join(map(str, counts))}."
    )
    rows = "".join(_row(fault.name, way, results) for fault in FAULTS for way in WAYS)
    lines = "".join(_last_line(way, results) for way in WAYS)
    return f"{begin}\n\n{HEADER}{rows}\n{LOG_HEADER}{lines}"


def _runs(fault: str, way: str, results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.fault == fault and _way(result) == way]


def _way(result: Result) -> str:
    return result.dag.partition("_")[0]


def _row(name: str, way: str, results: Sequence[Result]) -> str:
    done = next(fault.done for fault in FAULTS if fault.name == name)
    runs = _runs(name, way, results)
    if not runs:
        return ""
    return f"| {done} | {WAYS[way]} | {'; '.join(_observed(runs))} | {_cost(runs)} |\n"


def _observed(runs: Sequence[Result]) -> Iterator[str]:
    """Yield which tasks were right in all runs, each problem with its number, and the tasks with a second try."""
    problems = [problem for result in runs for problem in result.problems]
    tasks = [f"`{task}`" for task in runs[0].facts["upgrades"]]
    if right := [task for task in tasks if not any(problem.startswith(task) for problem in problems)]:
        yield f"right: {' '.join(right)}"
    for problem in dict.fromkeys(problems):
        yield f"**wrong** in {problems.count(problem)} of {len(runs)} runs: {problem}"
    states = {item for result in runs for item in result.facts["tasks"].items()}
    if again := sorted({f"`{task}`" for task, state in states if state.endswith("/2")}):
        yield f"try 2: {' '.join(again)}"


def _cost(runs: Sequence[Result]) -> str:
    """Return the worst values of a task, as means over the tasks of a run."""
    worst = max(runs, key=lambda result: float(result.facts["held"]))
    requests = max(result.facts["requests"] / len(result.facts["upgrades"]) for result in runs)
    return f"a worker for {worst.facts['held']:.0f} of {worst.facts['took']:.0f} s; {requests:.0f} requests"


def _last_line(way: str, results: Sequence[Result]) -> str:
    runs = _runs("nothing", way, results)
    return f"| {WAYS[way]} | `{runs[-1].facts['last_lines']['rolled_back']}` |\n" if runs else ""
