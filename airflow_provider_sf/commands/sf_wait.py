"""The command ``sf-wait``: its command line. What a command needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, cast

from airflow_provider_sf import __version__
from airflow_provider_sf.commands import options as tables
from airflow_provider_sf.commands.exit_codes import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import TextIOWrapper

    from airflow_provider_sf.commands.connection import CommandCalls

PROGRAM = "sf-wait"

_DESCRIPTION = f"""\
Wait until an upgrade on a Service Fabric cluster has ended. The exit code shows how it ended.

  {PROGRAM} snapshot fabric:/shop/web > snap.json    # before the upgrade starts
  {PROGRAM} fabric:/shop/web --previous snap.json --timeout 2h
  {PROGRAM} plan fabric:/shop/web --target-version 2.0.0

'{PROGRAM} NAME' is short for '{PROGRAM} wait NAME'.
'{PROGRAM} COMMAND --help' lists the options of a command."""

_COMMANDS: dict[str, tuple[str, tables.Options]] = {
    "wait": (
        "wait until the upgrade has ended, and log its progress",
        tables.NAME | tables.WAIT | tables.JSON,
    ),
    "snapshot": ("print the record of the latest upgrade as JSON, for --previous", tables.NAME),
    "plan": (
        "print what an upgrade of a classic application would do; nothing is changed",
        tables.APPLICATION | tables.PLAN | tables.JSON,
    ),
}
"""Command -> its summary and its options."""

_CONNECTION = """\
The cluster is that of --endpoint, else that of the variable
AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT, else that of 'sfctl cluster select'.
Passphrases, client secrets and tokens have no option: set them in the variable."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = with_command(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(words)
    if sys.stdout is not None:  # a name may have letters that the terminal cannot show
        cast("TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
    from airflow_provider_sf.commands.running import run  # noqa: PLC0415 - not for --help

    command, calls = _imported(options.command)
    return run(command, options, partial(calls, options, os.environ), continuing(words))


def _imported(name: str) -> tuple[Callable[..., int], type[CommandCalls]]:
    """Return a command and the class of its calls. Each command imports only what it needs."""
    if name == "plan":
        from airflow_provider_sf.commands.plan import PlanningCalls, plan  # noqa: PLC0415 - see above

        return plan, PlanningCalls
    from airflow_provider_sf.commands.connection import CommandCalls  # noqa: PLC0415 - see above

    if name == "snapshot":
        from airflow_provider_sf.commands.snapshot import snapshot  # noqa: PLC0415 - see above

        return snapshot, CommandCalls
    from airflow_provider_sf.commands.wait import wait  # noqa: PLC0415 - see above

    return wait, CommandCalls


def with_command(words: Sequence[str]) -> list[str]:
    """Return a command line with its command: the default is to wait."""
    is_complete = bool(words) and words[0] in {*_COMMANDS, "-h", "--help", "--version"}
    return [*words] if is_complete else ["wait", *words]


def continuing(words: Sequence[str]) -> str:
    """Return the command line that continues this one, without options that show how a cluster is secured."""
    shown, is_value = [PROGRAM], False
    for word in words:
        is_hidden = is_value or word.partition("=")[0] in tables.CONNECTION
        is_value = is_hidden and not is_value and "=" not in word
        shown += [] if is_hidden else [word]
    more = "" if len(shown) > len(words) else ", with the same options for the connection"
    return f"{shlex.join(shown)}{more}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    codes = "\n".join(f"  {row.number:>3}  {row.meaning}" for row in EXIT_CODES)
    made = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [COMMAND] NAME [options]",
        description=_DESCRIPTION,
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = made.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name, (summary, options) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            prog=f"{PROGRAM} {name}",
            usage=f"{PROGRAM} {name} NAME [options]",
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add(command, options)
        if "--json" not in options:
            command.set_defaults(json=True)
        connection = command.add_argument_group("connection", _CONNECTION)
        _add(connection, tables.ENDPOINT | tables.CONNECTION)
    return made


def _add(parser: argparse._ActionsContainer, options: tables.Options) -> None:
    for flag, keywords in options.items():
        parser.add_argument(flag, **keywords)
