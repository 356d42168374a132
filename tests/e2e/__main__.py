"""
Play faults in a distributed Airflow of real processes: ``make e2e``.

Without names all faults of the executor are played.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from demo.live_airflow import ENDING_SIGNALS
from tests.e2e.checks import judge
from tests.e2e.distributed import DistributedAirflow
from tests.e2e.faults import FAULTS
from tests.e2e.mistakes import MISTAKES
from tests.e2e.preparations import NotPlayedError
from tests.e2e.results import PAGE, Result, append, read, write_page
from tests.e2e.servers import MissingServerError, Postgres, Redis
from tests.e2e.world import Case, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from tests.e2e.fault import Fault, Preparation

DAGS = Path(__file__).parent / "dags"

MISTAKEN_TOGETHER = 5
"""How many faults are played together if mistakes are made beside them: more tasks would delay each other."""


def main() -> int:
    options = _options()
    faults = [
        fault
        for fault in FAULTS
        if options.executor in fault.executors and (not options.names or fault.name in options.names)
    ]
    begun = time.monotonic()
    preparations = dict.fromkeys(fault.prepare for fault in faults)
    failures = sum(
        play_all(prepare, [fault for fault in faults if fault.prepare is prepare], options)
        for prepare in preparations
    )
    if options.write_docs:
        write_page(read())
    print(f"==> {failures} failures in {(time.monotonic() - begun) / 60:.0f} minutes")
    return int(bool(failures))


def play_all(prepare: Preparation | None, faults: list[Fault], options: argparse.Namespace) -> int:
    """Play the faults that need an Airflow with this preparation; return the failures."""
    with ExitStack() as stack:
        try:
            world = open_world(stack, options.executor, prepare)
        except NotPlayedError as error:
            print(f"==> Not played: {', '.join(fault.name for fault in faults)}: {error}", flush=True)
            return 0
        return sum(play(world, faults, options) for _ in range(options.runs))


def play(world: World, faults: list[Fault], options: argparse.Namespace) -> int:
    """
    Play the faults that disturb no other case together, then the others one by one; return the failures.

    Known mistakes are made beside the right tasks; those that must be alone follow.
    """
    together = [fault for fault in faults if not fault.is_shared]
    size = MISTAKEN_TOGETHER if options.broken else max(len(together), 1)
    groups = [together[start : start + size] for start in range(0, len(together), size)]
    groups += [[fault] for fault in faults if fault.is_shared]
    failures = 0
    for group in groups:
        cases = [begin(world, fault, options) for fault in group]
        failures += play_cases(world, cases, options)
    for fault in faults if options.broken else ():
        for mistake in fault.caught_alone:
            failures += play_cases(world, [world.begin(fault, fault.dag, mistake)], options)
    return failures


def begin(world: World, fault: Fault, options: argparse.Namespace) -> Case:
    """Start the run of the right tasks, and those of the mistakes beside it."""
    case = world.begin(fault, fault.dag)
    for mistake in fault.caught if options.broken else ():
        world.begin_beside(case, mistake)
    return case


def play_cases(world: World, cases: list[Case], options: argparse.Namespace) -> int:
    """Play cases at the same time; return the failures."""
    world.play(cases)
    failures = sum(report(world, run, options) for case in cases for run in case.runs)
    for case in cases:
        case.cluster.stop()
    return failures + leftovers(world)


def report(world: World, case: Case, options: argparse.Namespace) -> bool:
    """Print and keep what became of a case; return whether it has failed. A mistake must cause its own problem."""
    verdict = judge(world, case)
    if options.write_docs:
        append(Result.of(case.fault.name, options.executor, case.dag, *verdict, mistake=case.mistake))
    if case.mistake:
        has_failed = case.took_too_long or not MISTAKES[case.mistake].is_found(verdict.problems)
    else:
        has_failed = bool(verdict.problems)
    outcome = "FAILED" if has_failed else "found" if case.mistake else "ok"
    print(f"{outcome:7}{case.fault.name:32} {case.mistake:14} {verdict.facts}", flush=True)
    for problem in verdict.problems:
        print(f"       {problem}", flush=True)
    return has_failed


def leftovers(world: World) -> int:
    """Print whether triggers are left behind when all cases have ended; return 1 if so."""
    triggers = world.live.count_of_triggers()
    if triggers:
        print(f"==> Left behind: {triggers} triggers", flush=True)
    return int(bool(triggers))


def open_world(
    stack: ExitStack,
    executor: str,
    prepare: Preparation | None = None,
    *,
    dags: Sequence[Path] = (DAGS,),
    world_class: type[World] = World,
) -> World:
    """Prepare and start an Airflow with the DAGs of some folders; the stack ends it."""
    home = Path(tempfile.mkdtemp(prefix="airflow-e2e-home-"))
    stack.callback(shutil.rmtree, home, ignore_errors=True)
    for folder in dags:
        shutil.copytree(
            folder, home / "dags", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    environment = prepare(stack, home) if prepare else {}
    postgres = stack.enter_context(Postgres())
    redis = stack.enter_context(Redis()) if executor == "celery" else None
    live = stack.enter_context(DistributedAirflow(home, home / "dags", postgres, redis))
    live.environment |= environment
    live.migrate()
    live.start()
    print(f"==> Airflow with {', '.join(live.parts)} on PostgreSQL; its logs are in {home}", flush=True)
    return world_class(live, home / "clusters", stack)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make e2e", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help=", ".join(fault.name for fault in FAULTS))
    parser.add_argument("--executor", choices=("local", "celery"), default="local")
    parser.add_argument("--runs", type=int, default=1, help="how often each fault is played")
    parser.add_argument("--broken", action="store_true", help="make known mistakes, too; each must be found")
    parser.add_argument("--write-docs", action="store_true", help=f"add the results to {PAGE.name}")
    return parser.parse_args()


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command, until it ends or a signal ends it, and exit with its code."""
    for ending_signal in ENDING_SIGNALS:
        signal.signal(ending_signal, _end)
    try:
        sys.exit(command())
    except MissingServerError as error:
        sys.exit(str(error))


def _end(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of signal
    sys.exit(f"ended by signal {number}")


if __name__ == "__main__":
    run(main)
