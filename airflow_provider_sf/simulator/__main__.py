"""The simulator as a command: ``python -m airflow_provider_sf.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from airflow_provider_sf.cluster.endpoints import DEFAULT_PORT
from airflow_provider_sf.simulator import SCENARIOS, Simulator
from airflow_provider_sf.simulator.certificates import SERVER_CERTIFICATES
from airflow_provider_sf.simulator.connection import (
    CA,
    CERTIFICATE,
    KEY,
    PFX,
    connection,
    write_certificates,
)
from airflow_provider_sf.simulator.tls import TLS
from airflow_provider_sf.upgrades.kinds import KINDS

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    options = _options(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        parameters = {name: value for name, value in vars(options).items() if name != "certificates"}
        simulator = Simulator(**parameters)
    except OSError as error:
        print(
            f"cannot listen on port {options.port}: {error.strerror}; choose another with --port",
            file=sys.stderr,
        )
        return 1
    with simulator:
        _introduce(simulator, options.certificates)
        ended.wait()
    return 0


def _introduce(simulator: Simulator, directory: Path | None) -> None:
    """Print how to connect, and write the files for it."""
    print(f"A pretend Service Fabric cluster listens on {', '.join(simulator.urls)} (Ctrl-C ends it).")
    if directory is not None:
        write_certificates(simulator.security, directory)
        print(f"Its certificate has the SHA-1 thumbprint {simulator.server_thumbprint}.")
    text = connection(simulator.security, simulator.urls, directory)
    print(f"export {CONNECTION}='{text}'", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options. They have the names of the simulator's parameters, except ``certificates``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    is_secured = options.entra or options.tls != "none"
    if is_secured != (options.certificates is not None):
        parser.error("--certificates goes with --tls or --entra, and these with it")
    return options


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
    _add_gateways(parser)
    return parser


def _add_gateways(parser: argparse.ArgumentParser) -> None:
    """Add the options for ports and security."""
    parser.add_argument(
        "--gateways",
        type=int,
        choices=range(1, 10),
        default=1,
        metavar="NUMBER",
        help="on how many ports to listen; but for the first they are free ones (%(default)s)",
    )
    parser.add_argument(
        "--tls",
        choices=TLS,
        default="none",
        help="with TLS, and when to ask for a client certificate: not at all, in the handshake, or after the "
        "request, as Windows does (%(default)s)",
    )
    parser.add_argument(
        "--server-certificate",
        choices=SERVER_CERTIFICATES,
        default="good",
        help="what to show to clients (%(default)s)",
    )
    parser.add_argument("--entra", action="store_true", help="want tokens of Entra ID, and issue them")
    parser.add_argument(
        "--certificates",
        type=Path,
        metavar="DIRECTORY",
        help=f"where to write {CA}, {CERTIFICATE}, {KEY} and {PFX} for clients",
    )


def _table(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows.items())


def _positive(written: str) -> float:
    value = float(written)
    if not value > 0:
        msg = f"{written} is not greater than 0"
        raise argparse.ArgumentTypeError(msg)
    return value


if __name__ == "__main__":
    sys.exit(main())
