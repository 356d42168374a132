"""
What a command writes: a log, and a result as JSON.

Texts of the cluster must not become commands of the system that shows the log: GitHub Actions obeys ``::`` at
the start of a line and ``##[`` anywhere, Azure Pipelines ``##[`` and ``##vso[`` anywhere.
"""

from __future__ import annotations

import errno
import json
import os
import re
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLD = ("::group::Summary", "::endgroup::")
"""The lines with which a wait encloses its Summary, for Airflow and GitHub Actions."""

_FOLDS = {"GITHUB_ACTIONS": _FOLD, "TF_BUILD": ("##[group]Summary", "##[endgroup]")}
"""A variable that a system sets -> the lines between which it folds."""

_WITHOUT_FOLD = ("Summary:", "")

_COMMAND = re.compile(r"^\s*::|##(?=\[|vso\[)", re.IGNORECASE)


class OutputError(Exception):
    """The output cannot be written: its reader has ended, a disk is full, or it is closed."""


class Log:
    """
    Writes the lines of a log to a stream, at once. It has the methods of a logger that a wait uses.

    :param environ: shows which system folds the Summary; a terminal folds nothing
    """

    def __init__(self, stream: TextIO | None, environ: Mapping[str, str]) -> None:
        self._stream = stream
        fold = next((lines for name, lines in _FOLDS.items() if environ.get(name)), _WITHOUT_FOLD)
        self._fold = dict(zip(_FOLD, fold, strict=True))

    def info(self, text: str, *values: object) -> None:
        """Write a message."""
        message = text % values
        lines = [self._fold[message]] if message in self._fold else map(_harmless, message.splitlines())
        _write(self._stream, "".join(f"{line}\n" for line in lines))

    def log(self, _level: int, text: str, *values: object) -> None:
        """Write a message. Its text shows whether it is a warning."""
        self.info(text, *values)


def _harmless(line: str) -> str:
    """Return a line that is no command for GitHub Actions or Azure Pipelines."""
    return _COMMAND.sub(lambda match: " ".join(match[0].strip()), line)


def write_json(stream: TextIO | None, value: Mapping[str, Any]) -> None:
    """Write a JSON document. No text in it is a command for the system that shows it."""
    _write(stream, json.dumps(value, indent=2, allow_nan=False).replace("##", "#\\u0023") + "\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Write at once. Python has no stream if the shell has closed it."""
    if stream is None:
        raise OutputError(os.strerror(errno.EBADF))
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        raise OutputError(error.strerror) from error
