"""
Play some faults with this provider and with other ways to wait: ``make e2e PEERS=1``.

Without names all faults are played, one after the other; each with all ways at the same time.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.__main__ import DAGS, open_world, run
from tests.e2e.peer_results import FILE, write_page
from tests.e2e.peer_world import FAULTS, WAYS, PeerWorld, judge
from tests.e2e.results import Result, append, read

if TYPE_CHECKING:
    from tests.e2e.world import Case, World

PEER_DAGS = Path(__file__).parent / "peer_dags"


def more_workers(stack: ExitStack, home: Path) -> dict[str, str]:  # noqa: ARG001 - as each preparation
    """Let all tasks of the other ways run at once: each holds a worker slot. The timeout is Airflow's default."""
    return {
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    }


def main() -> int:
    options = _options()
    failures = 0
    with ExitStack() as stack:
        world = open_world(stack, "local", more_workers, dags=(DAGS, PEER_DAGS), world_class=PeerWorld)
        for _ in range(options.runs):
            failures += play(world, options)
    if options.write_docs:
        write_page(read(FILE))
    print(f"==> {failures} failures of this provider")
    return int(bool(failures))


def play(world: World, options: argparse.Namespace) -> int:
    """Play each fault once, with all ways at the same time; return the failures of this provider."""
    failures = 0
    for fault in FAULTS:
        if options.names and fault.name not in options.names:
            continue
        cases = [world.begin(fault, f"{way}_{fault.dag}") for way in options.ways]
        world.play(cases)
        failures += sum(report(world, case, options) for case in cases)
    return failures


def report(world: World, case: Case, options: argparse.Namespace) -> bool:
    """Print and keep what became of a case; return whether it is a failure of this provider."""
    verdict = judge(world, case)
    if options.write_docs:
        append(Result.of(case.fault.name, "local", case.dag, *verdict), FILE)
    print(f"{'wrong' if verdict.problems else 'right':6} {case.fault.name:16} {case.dag:16} {verdict.facts}")
    for problem in verdict.problems:
        print(f"       {problem}", flush=True)
    case.cluster.stop()
    return bool(verdict.problems) and case.dag.startswith("ours")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make e2e PEERS=1", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help=", ".join(fault.name for fault in FAULTS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--runs", type=int, default=1, help="how often each fault is played")
    parser.add_argument("--write-docs", action="store_true", help="add the results to the page")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
