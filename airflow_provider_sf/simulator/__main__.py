"""The simulator as a command: ``python -m airflow_provider_sf.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from airflow_provider_sf.addresses import DEFAULT_PORT
from airflow_provider_sf.kinds import KINDS
from airflow_provider_sf.simulator import SCENARIOS, Simulator

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    options = _parser().parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        simulator = Simulator(
            port=options.port,
            speed=options.speed,
            slow_seconds=options.slow_seconds,
            cluster_scenario=options.cluster_scenario,
        )
    except OSError as error:
        print(
            f"cannot listen on port {options.port}: {error.strerror}; choose another with --port",
            file=sys.stderr,
        )
        return 1
    with simulator:
        print(f"A pretend Service Fabric cluster listens on {simulator.url} (Ctrl-C ends it).")
        print(f"export {CONNECTION}='service-fabric://127.0.0.1:{simulator.port}'", flush=True)
        ended.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_sf.simulator",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A pretend Service Fabric cluster that answers upgrade progress on a loopback port.",
        epilog=(
            "A name chooses its scenario, by what stands before the first '-': good-shop goes through,\n"
            "rolled_back-shop does not, and fabric:/good-shop/web is a classic application that does.\n\n"
            f"{_table({name: scenario.summary for name, scenario in SCENARIOS.items()})}\n\n"
            "A scenario starts when its name is first asked about. Names of no scenario are not found.\n"
            "All kinds of upgrade are answered, of whatever name:\n\n"
            f"{_table({kind.name: f'GET {kind.progress.path}' for kind in KINDS.values()})}\n\n"
            "What has no name has the scenario that --cluster-scenario says."
        ),
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="where to listen; 0 for a free port (%(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=_positive,
        default=1.0,
        help="how many seconds of a scenario pass in one second (%(default)s)",
    )
    parser.add_argument(
        "--slow-seconds", type=_positive, default=40.0, help="how long a slow answer takes (%(default)s)"
    )
    parser.add_argument(
        "--cluster-scenario",
        choices=SCENARIOS,
        default="good",
        metavar="SCENARIO",
        help="how the upgrade of the cluster itself goes (%(default)s)",
    )
    return parser


def _table(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:{width}}  {said}" for name, said in rows.items())


def _positive(written: str) -> float:
    value = float(written)
    if not value > 0:
        msg = f"{written} is not greater than 0"
        raise argparse.ArgumentTypeError(msg)
    return value


if __name__ == "__main__":
    sys.exit(main())
