"""The commands ``record``, ``replay`` and ``check`` of ``python -m airflow_provider_sf.simulator``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_sf.cluster.endpoints import DEFAULT_PORT
from airflow_provider_sf.cluster.environment import cluster_in, variable_name
from airflow_provider_sf.recordings.guesses import report_lines
from airflow_provider_sf.recordings.lines import Recording, RecordingError, read_recording
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION
from airflow_provider_sf.rest.url_names import fill_path
from airflow_provider_sf.simulator.playback import Playback
from airflow_provider_sf.simulator.recorder import Recorder, RecordingFile, Target
from airflow_provider_sf.simulator.replay import Replay
from airflow_provider_sf.upgrades.kinds import KINDS, get_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONN_ID = "service_fabric_default"

_interrupted = threading.Event()
"""The first signal sets it. An exception could be lost while Python finalizes an object."""


class _Refused(Exception):
    """The command cannot begin; the message says why, and what to change."""


def run(options: argparse.Namespace) -> int:
    """Run a command until it ends or is interrupted, and return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets a background process ignore SIGINT
        signal.signal(number, _interrupt)
    _interrupted.clear()
    try:
        {"record": _record, "replay": _replay, "check": _check}[options.command](options)
    except KeyboardInterrupt:
        return 0
    except RecordingError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    except (OSError, ServiceFabricError, _Refused) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _interrupt(*_: object) -> None:
    """Let the command finish its round; a second signal ends it at once."""
    if _interrupted.is_set():
        raise KeyboardInterrupt
    _interrupted.set()


def _record(options: argparse.Namespace) -> None:
    if options.file.exists():
        msg = f"{options.file} exists: choose the name of a new file"
        raise _Refused(msg)
    try:
        cluster = cluster_in(os.environ, options.conn_id)
    except ValueError as error:
        raise _Refused(str(error)) from None
    recorder = Recorder(cluster, tuple(options.targets), _clock())
    version = recorder.version()
    file = RecordingFile(options.file, options.interval)
    try:
        file.add(version)
        print("\n".join(_introduction(options)), flush=True)
        end = time.monotonic() + options.hours * 3_600
        while True:
            for exchange in recorder.round():
                file.add(exchange)
            if time.monotonic() >= end or _interrupted.wait(options.interval):
                break
    finally:
        file.close()
        print(f"{options.file} has {file.exchanges} answers. Look at it before you send it.")


def _introduction(options: argparse.Namespace) -> Iterator[str]:
    yield f"These requests go to the cluster, at most every {options.interval:g} s, and no others:"
    calls = [(CLUSTER_VERSION, "")]
    for target in options.targets:
        calls += [(call, target.name) for call in (target.progress, *target.details)]
    yield from dict.fromkeys(f"  GET {fill_path(call.path, name)}" for call, name in calls)
    yield f"The answers go to {options.file}, without names, texts and parameters."
    yield f"The recording ends after {options.hours:g} hours, or with Ctrl-C."


def _clock() -> Callable[[], datetime]:
    """Return a clock that never goes back."""
    began_at, began = datetime.now(timezone.utc), time.monotonic()
    return lambda: began_at + timedelta(seconds=time.monotonic() - began)


def _replay(options: argparse.Namespace) -> None:
    playback = Playback(_read(options.file).exchanges, options.speed)
    try:
        replay = Replay(playback, port=options.port)
    except OSError:
        msg = f"cannot listen on port {options.port}: choose another with --port"
        raise _Refused(msg) from None
    with replay:
        print(f"The recording is served on {replay.url} (Ctrl-C stops it). It begins with a request for:")
        for subject in playback.subjects:
            print(f"  {subject}")
        connection = replay.url.replace("http", "service-fabric")
        print(f"export {variable_name(_CONN_ID)}='{connection}'", flush=True)
        _interrupted.wait()


def _check(options: argparse.Namespace) -> None:
    print("\n".join(report_lines(_read(options.file).exchanges)))


def _read(path: Path) -> Recording:
    with path.open("rb") as lines:
        recording = read_recording(lines)
    if recording.is_cut:
        number = len(recording.exchanges) + 2
        print(f"{path}: line {number} is cut and is not used", file=sys.stderr)
    return recording


def add_parsers(parser: argparse.ArgumentParser, positive: Callable[[str], float]) -> None:
    """Add the commands to the parser of the simulator. Without a command, the simulator runs."""
    commands = parser.add_subparsers(dest="command", metavar="record | replay | check", prog=parser.prog)
    record = commands.add_parser("record", help="record what a real cluster answers, without its secrets")
    record.add_argument("file", type=Path, metavar="FILE", help="the new file")
    record.add_argument(
        "targets",
        type=_target,
        nargs="+",
        metavar="KIND=NAME",
        help="what to record, for example application=fabric:/shop/web, compose_deployment=shop, cluster; "
        f"the kinds are {', '.join(KINDS)}",
    )
    record.add_argument(
        "--conn-id",
        default=_CONN_ID,
        help="the id of the Airflow connection, which must be in an environment variable (default: "
        f"%(default)s, in {variable_name(_CONN_ID)})",
    )
    record.add_argument(
        "--interval", type=positive, default=10.0, help="seconds between two polls (default: %(default)s)"
    )
    record.add_argument(
        "--hours", type=positive, default=12.0, help="when the recording ends (default: %(default)s)"
    )
    replay = commands.add_parser("replay", help="answer as a recorded cluster did")
    replay.add_argument("file", type=Path, metavar="FILE", help="the recording")
    replay.add_argument(
        "--speed",
        type=positive,
        default=1.0,
        metavar="FACTOR",
        help="how many recorded seconds pass in one second (default: %(default)s)",
    )
    replay.add_argument("--port", type=int, default=DEFAULT_PORT, help="the port (default: %(default)s)")
    check = commands.add_parser("check", help="compare a recording with what this package assumes")
    check.add_argument("file", type=Path, metavar="FILE", help="the recording")


def _target(text: str) -> Target:
    kind, _, name = text.partition("=")
    try:
        fill_path(get_kind(kind).progress.path, name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Target(kind, name)
