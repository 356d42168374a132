"""
Mutation tests: change the core in hundreds of small ways. Each mutant must fail a test or be in survivors.txt.

mutmut makes the changes. Its runner is not used, because it leaves out tables, defaults and properties, which hold
most of the knowledge of this core. Only copies in a temporary folder are changed.
"""

from __future__ import annotations

import difflib
import gc
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from itertools import chain
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp  # noqa: F401 - loaded once here, not in each forked process
import hypothesis  # noqa: F401 - likewise
import libcst as cst
import pytest
import requests  # noqa: F401 - likewise
from azure.servicefabric import models  # noqa: F401 - likewise
from mutmut.mutation.mutators import mutation_operators

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.context import ForkProcess

# The modules to change, and the tests that must fail, the slowest last. For one file: make mutants FILES=...
CORE = [
    "rest/url_names",
    "upgrades/outcomes",
    "cluster/failover",
    "upgrades/services",
    "upgrades/domains",
    "upgrades/health_evaluations",
    "upgrades/progress",
    "upgrades/failure_reasons",
    "wait/identity",
    "wait/criteria",
    "wait/matching",
    "wait/policy",
    "wait/parameters",
    "wait/selector_input",
    "wait/earlier_try",
    "wait/timeline",
    "wait/state_machine",
    "wait/state",
    "wait/watch",
]
RELEASES = [
    "releases/start_once",
    "releases/start_state",
    "releases/rollback",
    "releases/resume",
    "releases/retention",
    "releases/provision",
]
MUTATED = [f"airflow_provider_sf/{module}.py" for module in (*CORE, *RELEASES)]
_WITHOUT_TESTS = {"wait/identity", "wait/criteria", "wait/policy"}
"""The tests of these modules are those of the modules that use them."""

CORE_TESTS = [
    *("tests/{}/test_{}.py".format(*module.split("/")) for module in CORE if module not in _WITHOUT_TESTS),
    "tests/wait/test_unchanged_polls.py",
]
RELEASE_TESTS = [
    f"tests/releases/test_{name}.py"
    for name in ("start_steps", "rollback", "resume", "retention", "provision", "start_once")
]

PYTEST = [
    "-xq",
    "-pno:cacheprovider",
    "-pno:anyio",  # it takes a third of the time and is not used here
    "-Wignore::pytest.PytestAssertRewriteWarning",  # hypothesis is loaded before pytest can rewrite it
    "--hypothesis-profile=mutants",
]

KILLED_AT_LEAST = 0.95
MUTANTS_PER_LINE = 20
SECONDS_FOR_THE_TESTS = 60
"""Tests that need more processor time count as failed: the mutant does not end. A busy machine changes nothing."""

SECONDS_UNTIL_STUCK = 1200
"""Tests that take longer by the clock count as failed: the mutant waits for something that never comes."""

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.txt")


class Mutant(NamedTuple):
    """A change, identified by the lines that it changes and not by their number."""

    file: str
    scope: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file} {self.scope}\n- {self.before}\n+ {self.after}".replace(" \n", "\n").rstrip()


Change = tuple[tuple[str, ...], cst.CSTNode, cst.CSTNode]


def make_mutants(project: Path, file: str) -> Iterator[tuple[Mutant, str]]:
    """Yield the mutants of a file with their source, except invalid Python and duplicates."""
    source = (project / file).read_text(encoding="utf-8")
    module = cst.MetadataWrapper(cst.parse_module(source)).module  # it contains each node once
    seen = {source}
    for scope, node, other in _changes(module, ()):
        mutated = str(module.code_for_node(module.deep_replace(node, other)))
        if mutated not in seen and _is_python(mutated):
            seen.add(mutated)
            yield Mutant(file, ".".join(scope) or "(module)", *_difference(source, mutated)), mutated


def _changes(node: cst.CSTNode, scope: tuple[str, ...]) -> Iterator[Change]:
    # Annotations are never evaluated, and mypy checks the arguments of @dataclass (frozen, slots).
    if isinstance(node, (cst.Annotation, cst.Decorator)) or _is_for_types(node):
        return
    if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
        scope = (*scope, node.name.value)
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            for other in operator(node):
                yield scope, node, other
    for child in node.children:
        yield from _changes(child, scope)


def _is_for_types(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.If)
        and isinstance(node.test, cst.Name)
        and node.test.value == "TYPE_CHECKING"
        and node.orelse is None
    )


def _is_python(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _difference(source: str, mutated: str) -> tuple[str, str]:
    lines = list(difflib.unified_diff(source.splitlines(), mutated.splitlines(), n=0))[2:]
    before, after = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return " ".join(before), " ".join(after)


def copy_project(folder: Path) -> Path:
    """Copy what the tests need, so that the files of the project are never changed."""
    copy = folder / "pristine"
    for name in ("airflow_provider_sf", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def tests_of(file: str) -> list[str]:
    """Return the tests that must fail if the file is changed: its own first, then those of its folder."""
    tests = RELEASE_TESTS if "/releases/" in file else CORE_TESTS
    folder, module = Path(file).with_suffix("").parts[-2:]
    return sorted(tests, key=lambda test: (f"test_{module}.py" not in test, f"/{folder}/" not in test))


def start_tests(project: Path, tests: list[str]) -> ForkProcess:
    """Start tests in a copy of the project. The process exits with 0 if they pass."""
    process = multiprocessing.get_context("fork").Process(
        target=_run_tests, args=(project, tests), daemon=True
    )
    process.start()
    return process


def _run_tests(project: Path, tests: list[str]) -> None:
    gc.freeze()  # pytest collects garbage at its end; skip the objects of this process
    signal.setitimer(signal.ITIMER_PROF, SECONDS_FOR_THE_TESTS)
    signal.alarm(SECONDS_UNTIL_STUCK)
    os.chdir(project)
    sys.path.insert(0, str(project))
    tempfile.tempdir = os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(project.parent)
    with Path(os.devnull).open("w", encoding="utf-8") as devnull:
        os.dup2(devnull.fileno(), 1)
        os.dup2(devnull.fileno(), 2)
    own, *others = tests
    # Most mutants are killed by the first file; to collect the others takes longer than to run it.
    sys.exit(pytest.main([*PYTEST, own]) or pytest.main([*PYTEST, *others]))


def run_mutants(mutants: Iterable[tuple[Mutant, str]], pristine: Path) -> Iterator[tuple[Mutant, int | None]]:
    """Yield each mutant and how its tests ended, see ``exitcode``. They run in one copy for each processor."""
    free = [pristine.with_name(f"copy-{number}") for number in range(os.cpu_count() or 1)]
    for copy in free:
        shutil.copytree(pristine, copy)
    waiting = enumerate(mutants)
    running: dict[int, tuple[Mutant, Path, ForkProcess]] = {}
    while True:
        for copy, (number, (mutant, source)) in zip(tuple(free), waiting, strict=False):
            free.remove(copy)
            (copy / mutant.file).write_text(source, encoding="utf-8")
            os.utime(
                copy / mutant.file, (number, number)
            )  # otherwise Python may load the compiled file of another mutant
            process = start_tests(copy, tests_of(mutant.file))
            running[process.sentinel] = mutant, copy, process
        if not running:
            return
        for sentinel in running.keys() & connection.wait(list(running)):
            mutant, copy, process = running.pop(sentinel)
            process.join()
            shutil.copy(pristine / mutant.file, copy / mutant.file)
            free.append(copy)
            yield mutant, process.exitcode


def read_survivors() -> Iterator[Mutant]:
    """Read survivors.txt; its first lines describe its format."""
    for block in SURVIVORS.read_text(encoding="utf-8").split("\n\n"):
        entry = "\n".join(line for line in block.splitlines() if not line.startswith("#")).strip()
        if not entry:
            continue
        file, _, scope = entry.partition("\n")[0].partition(" ")
        changes = re.findall(r"^-(.*)\n\+(.*)$", entry, re.MULTILINE)
        if not changes or not re.search(r"^Why: \S", entry, re.MULTILINE):
            sys.exit(f"{SURVIVORS.name}: an entry without a change or a reason:\n\n{entry}")
        for before, after in changes:
            yield Mutant(file, scope, before.strip(), after.strip())


def find_errors(total: int, survived: Counter[Mutant], expected: Counter[Mutant]) -> Iterator[str]:
    """Yield the errors: too many survivors, survivors without a reason, listed survivors that are killed."""
    if not total or survived.total() / total > 1 - KILLED_AT_LEAST:
        yield f"At least {KILLED_AT_LEAST:.0%} must be killed."
    if more := survived - expected:
        yield f"These survived. Write a test that fails, or add a reason to {SURVIVORS.name}:"
        yield from map(str, sorted(more.elements()))
    if fewer := expected - survived:
        yield f"Remove these from {SURVIVORS.name}; a test kills them, or the code has changed:"
        yield from map(str, sorted(fewer.elements()))


def main(files: list[str]) -> int:
    """Test the mutants of all files, or of the named files."""
    total, late, survived = 0, 0, Counter[Mutant]()
    expected = Counter(mutant for mutant in read_survivors() if not files or mutant.file in files)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        pristine = copy_project(Path(folder))
        changed = files or MUTATED
        for tests in {"/releases/" in file: tests_of(file) for file in changed}.values():
            unchanged = start_tests(pristine, tests)
            unchanged.join()
            if unchanged.exitcode:
                command = f"pytest {' '.join(tests)}"
                sys.exit(
                    f"Without a change, this must pass in {SECONDS_FOR_THE_TESTS} s of processor time: {command}"
                )
        mutants = chain.from_iterable(make_mutants(pristine, file) for file in changed)
        for total, (mutant, exit_code) in enumerate(run_mutants(mutants, pristine), start=1):
            survived[mutant] += exit_code == 0
            late += exit_code in {-signal.SIGALRM, -signal.SIGPROF}
            if exit_code == 0 and mutant not in expected:
                print(f"survived: {mutant}", flush=True)
            if total % MUTANTS_PER_LINE == 0:
                print(f"{total} mutants, {total - survived.total()} killed", flush=True)
    killed = total - survived.total()
    limit = f"{late} of them by the limit of {SECONDS_FOR_THE_TESTS} s"
    print(f"{total} mutants, {killed} killed ({killed / max(total, 1):.1%}), {limit}")
    errors = list(find_errors(total, survived, expected))
    if errors:
        print(*errors, sep="\n\n")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
