"""
Test each supported version of Airflow, on the versions of Python that it is paired with: ``make matrix``.

For each pair: make a virtual environment from the constraints of that Airflow, run the tests of the Airflow classes,
then a wait, releases and questions in the processes of Airflow. Only the standard library is needed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "airflow_versions.md"
TABLE = "docs/reference/airflow_versions.md#what-was-tested"
README = ROOT / "README.md"
CLEAN = ROOT / "build" / "clean"
FIND_PYTHON = Path(__file__).with_name("find_python.py")


class Airflow(NamedTuple):
    """A row of the matrix."""

    version: str
    pythons: tuple[str, ...]
    pins: tuple[str, ...] = ()
    """Limits for packages: newer versions break this Airflow."""
    extras: tuple[str, ...] = ("dev",)
    may_fail: bool = False
    """Whether the matrix passes although this row fails."""
    is_lowest: bool = False
    """Whether each package that users need has the lowest version that ``pyproject.toml`` accepts."""

    @property
    def constraints(self) -> str:
        """The file that pins everything."""
        if self.is_lowest:
            return "constraints-lowest.txt"
        series = ".".join(self.version.split(".")[:2])
        return "constraints.txt" if self.version == NEWEST else f"constraints-airflow-{series}.txt"


NEWEST = "3.3.2"
MATRIX = (
    Airflow("2.11.0", ("3.10",), is_lowest=True),
    Airflow("2.11.2", ("3.10",)),
    # Its API server fails with newer versions: 422 for each start of a task, 500 for each login.
    Airflow("3.0.6", ("3.12",), ("anyio<4.12", "cadwyn<6", "fastapi<0.117", "pyjwt<2.11", "starlette<0.48")),
    Airflow("3.1.8", ("3.12",)),
    # Its API server does not start with newer versions.
    Airflow("3.2.2", ("3.12",), ("fastapi<0.137", "svcs<26")),
    Airflow(NEWEST, ("3.10", "3.11", "3.12", "3.13", "3.14"), extras=("bench", "dev", "docs", "mutation")),
    Airflow("3.4.0b2", ("3.13",), may_fail=True),
)

_FOLDERS = (
    "assets",
    "commands",
    "hooks",
    "links",
    "notifications",
    "operators",
    "sensors",
    "task_groups",
    "triggers",
)
IN_PROCESS = [
    *(f"tests/{folder}" for folder in _FOLDERS),
    "tests/plugins/test_service_fabric.py",
    "tests/test_airflow_versions.py",
    "tests/test_example_dags.py",
    "tests/test_secured_clusters.py",
]
LIVE = ["tests/test_live_events.py", "tests/test_live_versions.py"]
LIVE_EXAMPLES = ["tests/test_example_dags.py"]


class Result(NamedTuple):
    """How a run of pytest ended."""

    counts: Counter[str]
    """Tests by outcome: passed, failed, skipped."""
    skips: Counter[str]
    """Skipped tests by reason."""
    seconds: float
    is_passed: bool

    def __str__(self) -> str:
        words = [
            f"{self.counts[word]} {word}" for word in ("failed", "passed", "skipped") if self.counts[word]
        ]
        return f"{'' if self.is_passed else '**FAILED**: '}{', '.join(words) or 'no test'} in {duration(self.seconds)}"


def duration(seconds: float) -> str:
    """Return a time such as 2m05s."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}m{seconds:02d}s"


class Pair(NamedTuple):
    """An Airflow on a Python."""

    airflow: Airflow
    python: str

    def __str__(self) -> str:
        return f"{self.airflow.version} on Python {self.python}"

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-airflow-{self.airflow.version}-python-{self.python}"

    @property
    def interpreter(self) -> str:
        """The path of its Python."""
        return str(self.folder / "bin" / "python")

    def install(self) -> None:
        """Make the environment, unless it is newer than its constraints."""
        mark = self.folder / ".installed"
        sources = (ROOT / self.airflow.constraints, ROOT / "pyproject.toml")
        if mark.exists() and all(mark.stat().st_mtime > source.stat().st_mtime for source in sources):
            return
        print(f"==> Installing Airflow {self} into {self.folder.name} (about a minute)", flush=True)
        subprocess.run([find_python(self.python), "-m", "venv", "--clear", self.folder], check=True)
        pip = [self.interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--constraint", self.airflow.constraints]
        subprocess.run([*pip, "hatchling", "editables"], cwd=ROOT, check=True)
        subprocess.run([*pip, "--no-build-isolation", "--editable", ".[dev]"], cwd=ROOT, check=True)
        mark.touch()

    def pytest(self, *arguments: str) -> Result:
        """Run tests; print what pytest prints."""
        report = self.folder / "report.xml"
        report.unlink(missing_ok=True)
        command = [self.interpreter, "-m", "pytest", "--quiet", f"--junit-xml={report}", *arguments]
        if self.airflow.is_lowest:
            # aiohttp 3.12.0 and older leave it to the garbage collector to close some connections. Flask and SQLAlchemy
            # warn of what Airflow uses.
            command += ["-p", "no:unraisableexception", "-W", "ignore::DeprecationWarning"]
        began = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        return read_report(report, time.monotonic() - began, is_passed=done.returncode == 0)


def find_python(version: str) -> str:
    """Return the path of a Python such as 3.12."""
    done = subprocess.run([sys.executable, FIND_PYTHON, version], capture_output=True, text=True, check=True)
    if not done.stdout:
        sys.exit(
            f"Python {version} was not found. Install it, for example with pyenv, or test a part of the matrix: "
            f"make matrix AIRFLOWS='3.2.2 {NEWEST}-3.12'"
        )
    return done.stdout.strip()


def read_report(report: Path, seconds: float, *, is_passed: bool) -> Result:
    """Read the outcomes of all tests from a JUnit file."""
    counts: Counter[str] = Counter()
    skips: Counter[str] = Counter()
    cases = ET.parse(report).iter("testcase") if report.exists() else ()  # noqa: S314 - pytest has written it
    for case in cases:
        skipped = case.find("skipped")
        if skipped is not None:
            reason = skipped.get("message", "").removeprefix("Skipped: ")
            is_optional = reason.startswith("could not import")
            skips["an optional package is not installed" if is_optional else reason] += 1
        has_failed = case.find("failure") is not None or case.find("error") is not None
        counts["failed" if has_failed else "passed" if skipped is None else "skipped"] += 1
    return Result(counts, skips, seconds, is_passed)


def test(pair: Pair, live_files: list[str]) -> tuple[Result, Result]:
    """Run all tests of a pair: in one process, then with the processes of Airflow."""
    try:
        pair.install()
    except subprocess.CalledProcessError as error:
        print(f"==> Airflow {pair} could not be installed: {error}", flush=True)
        return (Result(Counter(), Counter(), 0.0, is_passed=False),) * 2
    print(f"==> Airflow {pair}: the Airflow classes", flush=True)
    in_process = pair.pytest("--numprocesses", "2", "--dist", "loadfile", "-m", "not live", *IN_PROCESS)
    print(f"==> Airflow {pair}: a wait, releases and questions in its processes", flush=True)
    live = pair.pytest("--numprocesses", "3", "--dist", "loadfile", "-m", "live", *live_files)
    return in_process, live


def check_wheel(pair: Pair) -> str:
    """Install the wheel and what it requires into a clean environment, and check it there; return how that ended."""
    python, began = str(CLEAN / "bin" / "python"), time.monotonic()
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if not wheels:
        sys.exit("dist/ has no wheel: run 'make build' first.")
    print(f"==> Airflow {pair}: the wheel in a clean environment", flush=True)
    try:
        for command in (
            [find_python(pair.python), "-m", "venv", "--clear", str(CLEAN)],
            [*pip, "install", "--quiet", "--constraint", pair.airflow.constraints, *map(str, wheels)],
            [*pip, "check"],
            [python, "release/check_install.py"],
        ):
            subprocess.run(command, cwd=ROOT, check=True)
    except subprocess.CalledProcessError as error:
        print(f"==> Airflow {pair}: {error}", flush=True)
        return "**FAILED**"
    return f"passed in {duration(time.monotonic() - began)}"


def write_wheels(results: dict[Pair, str]) -> None:
    """Write how the checks of the wheel have ended; rows that were not run keep their result."""
    rows = rows_of("wheel") | {str(pair): f"{result} | {today()}" for pair, result in results.items()}
    write_table("wheel", "| Airflow | wheel in a clean environment | run on |", rows)


def write_rows(results: dict[Pair, tuple[Result, Result]]) -> None:
    """Write the results into the page and the README; rows that were not run keep their result."""
    rows = rows_of("matrix")
    for pair, (in_process, live) in results.items():
        rows[str(pair)] = f"{in_process} | {live} | {today()}"
    known = write_table("matrix", "| Airflow | Airflow classes | real processes | run on |", rows)
    replace_block(README, "matrix", f"{summary(known)}\n")


def today() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def rows_of(name: str) -> dict[str, str]:
    """Return the rows of a table in the page: pair -> the other columns."""
    _, _, rest = PAGE.read_text().partition(f"<!-- {name} -->\n")
    block = rest.partition("<!-- end -->")[0]
    return dict(re.findall(r"^\| (\S+ on Python \S+) \| (.*) \|$", block, re.MULTILINE))


def write_table(name: str, header: str, rows: dict[str, str]) -> dict[str, str]:
    """Write a table into the page, in the order of the matrix; return its rows."""
    known = {str(pair): rows[str(pair)] for pair in all_pairs() if str(pair) in rows}
    line = "| --- " * (header.count("|") - 1) + "|"
    table = "".join(f"| {pair} | {row} |\n" for pair, row in known.items())
    replace_block(PAGE, name, f"{header}\n{line}\n{table}")
    return known


def summary(rows: dict[str, str]) -> str:
    """Return which pairs have passed, and when, in one sentence."""
    passed = {pair: row for pair, row in rows.items() if "FAILED" not in row}
    if not passed:
        return "`make matrix` has not passed with any pair yet."
    days = sorted({row.rpartition(" | ")[2] for row in passed.values()})
    pythons: dict[str, list[str]] = {}
    for pair in passed:
        airflow, _, python = pair.partition(" on Python ")
        pythons.setdefault(airflow, []).append(python)
    pairs = ", ".join(f"{airflow} ({'/'.join(versions)})" for airflow, versions in pythons.items())
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    return f"[Tested]({TABLE}) by `make matrix`, {when}: Airflow (Python) {pairs}."


def write_skips(results: dict[Pair, tuple[Result, Result]]) -> None:
    """Write why tests were skipped; pairs that were not run keep their reasons."""
    lines = dict(re.findall(r"^- (\S+ on Python \S+): (.*)$", PAGE.read_text(), re.MULTILINE))
    for pair, (in_process, live) in results.items():
        reasons = (in_process.skips + live.skips).most_common()
        sentences = [f"{reason[:1].upper()}{reason[1:]} ({count})." for reason, count in reasons]
        lines[str(pair)] = " ".join(sentences) or "none"
    known = [str(pair) for pair in all_pairs() if str(pair) in lines]
    replace_block(PAGE, "skips", "".join(f"- {pair}: {lines[pair]}\n" for pair in known))


def replace_block(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and the next ``<!-- end -->``."""
    before, mark, rest = path.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    path.write_text(f"{before}{mark}{text}{end}{after}")


def all_pairs() -> list[Pair]:
    return [Pair(airflow, python) for airflow in MATRIX for python in airflow.pythons]


def write_constraints() -> None:
    """Resolve the constraints of each Airflow for all versions of Python that it supports, with uv."""
    for airflow in MATRIX:
        oldest = "3.11" if airflow.may_fail else "3.10"
        command = [f"{sys.prefix}/bin/uv", "pip", "compile", "--quiet", "--upgrade", "--universal"]
        command += ["--python-version", oldest, *(f"--extra={extra}" for extra in airflow.extras)]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--constraint", "-"]
        command += ["--output-file", airflow.constraints, "pyproject.toml"]
        command += ["release/tools.txt"] if airflow.version == NEWEST else []
        lowest = lower_bounds() if airflow.is_lowest else []
        limits = "\n".join((f"apache-airflow=={airflow.version}", *airflow.pins, *lowest))
        subprocess.run(command, cwd=ROOT, input=limits, text=True, check=True)


def lower_bounds() -> list[str]:
    """Return a pin for the lowest version of each package that users need."""
    project = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|azure) = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    return re.findall(r'"(.+)"', "".join(lists).replace(">=", "=="))


def main() -> None:
    """Test the pairs that the command line names, or all of them."""
    parser = argparse.ArgumentParser(prog="tests/matrix", description=__doc__)
    parser.add_argument(
        "versions", nargs="*", metavar="AIRFLOW", help="such as 3.1.8, or 3.3.2-3.12 with a Python"
    )
    parser.add_argument("--write-docs", action="store_true", help="write the results into the documentation")
    parser.add_argument(
        "--write-constraints", action="store_true", help="update the constraints files, and stop"
    )
    parser.add_argument(
        "--examples", action="store_true", help="run all example DAGs in the processes of Airflow, too"
    )
    parser.add_argument("--wheel", action="store_true", help="check the wheel in dist/ instead")
    options = parser.parse_args()
    if options.write_constraints:
        write_constraints()
        return
    wanted = set(options.versions)
    names = {pair: {pair.airflow.version, f"{pair.airflow.version}-{pair.python}"} for pair in all_pairs()}
    if unknown := wanted - set().union(*names.values()):
        sys.exit(
            f"not in the matrix: {', '.join(sorted(unknown))}; the pairs are {', '.join(map(str, names))}"
        )
    pairs = [pair for pair, of_pair in names.items() if not wanted or wanted & of_pair]
    for python in {pair.python: None for pair in pairs}:
        find_python(python)  # before an hour of tests
    sys.exit(run_wheels(pairs, options) if options.wheel else run_tests(pairs, options))


def run_wheels(pairs: list[Pair], options: argparse.Namespace) -> str | int:
    """Check the wheel in a clean environment of each pair; return which have failed, or 0."""
    results: dict[Pair, str] = {}
    for pair in pairs:
        results[pair] = check_wheel(pair)
        if options.write_docs:
            write_wheels(results)
    return verdict([pair for pair, result in results.items() if "FAILED" in result])


def run_tests(pairs: list[Pair], options: argparse.Namespace) -> str | int:
    """Test the pairs; return which have failed, or 0."""
    results: dict[Pair, tuple[Result, Result]] = {}
    live_files = [*LIVE, *LIVE_EXAMPLES] if options.examples else LIVE
    for pair in pairs:
        results[pair] = test(pair, live_files)
        if options.write_docs:
            write_rows(results)
            write_skips(results)
    for pair, found in results.items():
        print(f"{pair}: {found[0]}; live: {found[1]}")
    return verdict([pair for pair, found in results.items() if not all(result.is_passed for result in found)])


def verdict(failed: list[Pair]) -> str | int:
    """Return which pairs have failed that must not, as the argument of ``sys.exit``."""
    names = [str(pair) for pair in failed if not pair.airflow.may_fail]
    return f"failed: {', '.join(names)}" if names else 0


if __name__ == "__main__":
    main()
