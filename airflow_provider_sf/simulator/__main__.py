"""The command of the simulator: ``python -m airflow_provider_sf.simulator``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from airflow_provider_sf.cluster.endpoints import DEFAULT_PORT
from airflow_provider_sf.simulator import SCENARIOS, Simulator, recording_commands
from airflow_provider_sf.simulator.behaviours import CLUSTER, WORDS, behaviour_of
from airflow_provider_sf.simulator.certificates import SERVER_CERTIFICATES
from airflow_provider_sf.simulator.connection import (
    CA,
    CERTIFICATE,
    KEY,
    PFX,
    connection,
    write_certificates,
)
from airflow_provider_sf.simulator.courses import COURSES
from airflow_provider_sf.simulator.tls import TLS
from airflow_provider_sf.simulator.write_faults import WRITE_FAULTS
from airflow_provider_sf.upgrades.kinds import KINDS

_OTHER_OPTIONS = {"certificates", "write_fault", "scenario", "command"}

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted, or run one of the commands for recordings."""
    options = _options(arguments)
    if options.command:
        return recording_commands.run(options)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        parameters = {name: value for name, value in vars(options).items() if name not in _OTHER_OPTIONS}
        simulator = Simulator(scenarios=dict(options.scenario), **parameters)
    except OSError as error:
        print(
            f"cannot listen on port {options.port}: {error.strerror}; choose another with --port",
            file=sys.stderr,
        )
        return 1
    for fault in options.write_fault:
        simulator.fault_next_write(fault)
    with simulator:
        _introduce(simulator, options.certificates)
        stopped.wait()
    return 0


def _introduce(simulator: Simulator, directory: Path | None) -> None:
    """Print how to connect, and write the files that a client needs."""
    print(f"A simulated Service Fabric cluster listens on {', '.join(simulator.urls)} (Ctrl-C stops it).")
    if directory is not None:
        write_certificates(simulator.security, directory)
        print(f"Its certificate has the SHA-1 thumbprint {simulator.server_thumbprint}.")
    text = connection(simulator.security, simulator.urls, directory)
    print(f"export {CONNECTION}='{text}'", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options. They have the names of the simulator's parameters, except ``_OTHER_OPTIONS``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command:
        return options
    is_secured = options.entra or options.tls != "none"
    if is_secured and options.certificates is None:
        parser.error("--tls and --entra need --certificates, the directory for the files of a client")
    if options.certificates is not None and not is_secured:
        parser.error("--certificates needs --tls or --entra")
    if len(dict(options.scenario)) < len(options.scenario):
        parser.error("--scenario has one name twice")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_sf.simulator",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--port PORT] [--speed FACTOR] [--scenario NAME=SCENARIO ...] [other options]\n"
        "       %(prog)s record FILE KIND=NAME ... | replay FILE | check FILE",
        description="Simulate a Service Fabric cluster on a loopback port: upgrades, and commands for them.",
        epilog=_epilog(),
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="the port; 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--speed",
        type=_positive,
        default=1.0,
        metavar="FACTOR",
        help="how many seconds of a scenario pass in one second (default: %(default)s)",
    )
    parser.add_argument(
        "--slow-seconds",
        type=_positive,
        default=40.0,
        help="the delay of a slow response (default: %(default)s)",
    )
    _add_scenarios(parser)
    parser.add_argument(
        "--write-fault",
        choices=WRITE_FAULTS,
        action="append",
        default=[],
        metavar="KIND",
        help=f"the fault of the next request that changes something: {', '.join(WRITE_FAULTS)}; repeat it "
        "for more requests",
    )
    parser.add_argument(
        "--updates-default-services",
        action="store_true",
        help="accept upgrades that change default services: the setting EnableDefaultServicesUpgrade",
    )
    _add_gateways(parser)
    recording_commands.add_parsers(parser, _positive)
    return parser


def _add_scenarios(parser: argparse.ArgumentParser) -> None:
    """Add the options for scenarios."""
    parser.add_argument(
        "--scenario",
        type=_assignment,
        action="append",
        default=[],
        metavar="NAME=SCENARIO",
        help="the scenario of a name, for example fabric:/shop/web=idle_rolled_back, shop=good, "
        f"{CLUSTER}=previous_good; repeat it for more names",
    )
    parser.add_argument(
        "--cluster-scenario",
        choices=WORDS,
        default="good",
        metavar="SCENARIO",
        help=f"the same as --scenario {CLUSTER}=SCENARIO (default: %(default)s)",
    )


def _assignment(text: str) -> tuple[str, str]:
    """Return the name and the scenario in the value of an option."""
    name, separator, word = text.rpartition("=")
    if not separator or not name:
        msg = f"{text!r} is not NAME=SCENARIO, for example fabric:/shop/web=rolled_back"
        raise argparse.ArgumentTypeError(msg)
    try:
        behaviour_of(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, word


def _epilog() -> str:
    """Return the description of the scenarios and the kinds."""
    scenarios = _table({name: scenario.summary for name, scenario in SCENARIOS.items()})
    courses = _table({name: course.summary for name, course in COURSES.items()})
    calls = _table({kind.name: f"GET {kind.progress.path}" for kind in KINDS.values()})
    return f"""\
Set the scenario of a name with --scenario, or put it before the first '-' of the name: the upgrade of
good-shop succeeds, the one of rolled_back-shop is rolled back, the scenario of fabric:/good-shop/web is good.

{scenarios}

The first request for a name shows the state before its upgrade. One minute later (with --speed 10: six
seconds) the upgrade begins. These scenarios wait for a command instead, such as POST .../$/Upgrade:

{courses}

To show yesterday's upgrade first, add previous_: previous_rolled_back begins one minute after the first
request, idle_previous_rolled_back waits for a command.

Other names are not found, until a command creates them. These calls are not those of a cluster:

  GET  /simulator/journal           the accepted commands, as JSON
  POST /simulator/reset             forget all that has happened: each scenario starts again
  POST /simulator/reset?name=NAME   the same for one name

Each kind of upgrade has its own call:

{calls}

The cluster and its configuration have no name; set their scenario with --scenario {CLUSTER}=SCENARIO."""


def _add_gateways(parser: argparse.ArgumentParser) -> None:
    """Add the options for ports and security."""
    parser.add_argument(
        "--gateways",
        type=int,
        choices=range(1, 10),
        default=1,
        metavar="NUMBER",
        help="how many ports to listen on; all except the first are free ones (default: %(default)s)",
    )
    parser.add_argument(
        "--tls",
        choices=TLS,
        default="none",
        help="server: https without client certificates; mutual: request one in the handshake; mutual-late: "
        "request one after the request, as Windows does (default: %(default)s)",
    )
    parser.add_argument(
        "--server-certificate",
        choices=SERVER_CERTIFICATES,
        default="good",
        help="the certificate of the server (default: %(default)s)",
    )
    parser.add_argument("--entra", action="store_true", help="require tokens of Entra ID, and issue them")
    parser.add_argument(
        "--certificates",
        type=Path,
        metavar="DIRECTORY",
        help=f"write {CA}, {CERTIFICATE}, {KEY} and {PFX} for clients into this directory",
    )


def _table(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows.items())


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        msg = f"{text} is not greater than 0"
        raise argparse.ArgumentTypeError(msg)
    return value


if __name__ == "__main__":
    sys.exit(main())
