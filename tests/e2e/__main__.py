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
from tests.e2e.preparations import NotPlayedError
from tests.e2e.results import PAGE, Result, append, read, write_page
from tests.e2e.servers import MissingServerError, Postgres, Redis
from tests.e2e.world import Case, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from tests.e2e.fault import Fault, Preparation

DAGS = Path(__file__).parent / "dags"


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
        failures = sum(play(world, faults, options) for _ in range(options.runs))
        return failures + leftovers(world)


def play(world: World, faults: list[Fault], options: argparse.Namespace) -> int:
    """Play the cases that disturb no other one together, then the others one by one; return the failures."""
    plans = [(fault, dag) for fault in faults for dag in (fault.caught if options.broken else (fault.dag,))]
    together = [plan for plan in plans if not plan[0].is_shared]
    groups = [together, *([plan] for plan in plans if plan[0].is_shared)]
    failures = 0
    for group in filter(None, groups):
        cases = [world.begin(*plan) for plan in group]
        world.play(cases)
        failures += sum(report(world, case, options) for case in cases)
    return failures


def report(world: World, case: Case, options: argparse.Namespace) -> bool:
    """Print and keep what became of a case; return whether it has failed."""
    verdict = judge(world, case)
    if options.write_docs:
        append(Result.of(case.fault.name, options.executor, case.dag, *verdict))
    has_failed = bool(verdict.problems) != bool(options.broken)
    print(
        f"{'FAILED' if has_failed else 'ok':7}{case.fault.name:24} {case.dag:18} {verdict.facts}", flush=True
    )
    for problem in verdict.problems:
        print(f"       {'found: ' if options.broken else ''}{problem}", flush=True)
    case.cluster.stop()
    return has_failed


def leftovers(world: World) -> int:
    """Print what is left behind; return how many kinds of it."""
    connections = sum(case.cluster.open_connections() for case in world.cases)
    triggers = world.live.count_of_triggers()
    print(f"==> Left behind: {triggers} triggers, {connections} connections to clusters")
    return bool(triggers) + bool(connections)


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
    parser.add_argument(
        "--broken", action="store_true", help="play the variants with a mistake; each must be found"
    )
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
