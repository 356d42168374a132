"""The name of this process in errors about files: a connection is read on several machines. No Airflow."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

_COMMAND = re.compile("[a-z][a-z-]*")


def this_process() -> str:
    """Return host and process, for example ``host 'triggerer-1', process 4711 (airflow triggerer)``."""
    return f"host {socket.gethostname()!r}, process {os.getpid()} ({_program(sys.argv)})"


def _program(arguments: list[str]) -> str:
    """Return the name of the program and its first argument, if that is a plain word."""
    path = Path(arguments[0] if arguments else "")
    name = path.parent.name if path.name == "__main__.py" else path.name
    command = [word for word in arguments[1:2] if _COMMAND.fullmatch(word)]
    return " ".join((name or "python", *command))
