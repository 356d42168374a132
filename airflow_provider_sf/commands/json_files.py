"""The JSON files that the options of a command name."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path


def read_json(option: str, file: str) -> object:
    """
    Read a file, or the standard input if the file is ``-``: UTF-8, or UTF-16 as PowerShell writes it.

    :raises ValueError: the file cannot be read, is empty or is not JSON; the message shows nothing of it
    """
    try:
        content = _standard_input() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        msg = f"{option} {file!r} cannot be read: {error.strerror}"
        raise ValueError(msg) from error
    if not content:
        msg = f"{option} {file!r} is empty: check the command that writes it"
        raise ValueError(msg)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        msg = f"{option} {file!r} is not JSON: write it as UTF-8 or UTF-16"
        raise ValueError(msg) from None  # the cause may show a secret


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(errno.EBADF, "the standard input is closed")
    return sys.stdin.buffer.read()
