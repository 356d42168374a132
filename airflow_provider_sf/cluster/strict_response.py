"""Responses of http.client that notice if a connection ends within status line, headers or chunk sizes."""

from __future__ import annotations

from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BufferedReader
from typing import Any

_VERSION = b"HTTP/"

_INTERIM = range(102, 200)
"""The statuses that announce the actual response. http.client skips only 100, and 101 is no announcement."""


# After such a line http.client reads no more headers, so that the length of the body would be lost.
_BROKEN_LINES = (
    FirstHeaderLineIsContinuationDefect,
    InvalidHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)


class BadHttpMessage(HTTPException):
    """A line of the headers is no header."""


class _Lines(BufferedReader):
    """A reader that refuses a line without an end; http.client takes it for a whole one."""

    _is_first = True

    def readline(self, limit: int | None = -1, /) -> bytes:
        line = super().readline(limit)
        is_first, self._is_first = self._is_first, False
        if line.endswith(b"\n") or len(line) == limit:
            return line
        if is_first and not _VERSION.startswith(line[: len(_VERSION)]):
            return line  # another protocol, which http.client recognises
        raise IncompleteRead(line)


class StrictResponse(HTTPResponse):
    """A response with a complete status line, headers and chunk sizes; interim responses are skipped."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.fp = _Lines(self.fp.detach())

    def begin(self) -> None:
        """
        Read status line and headers.

        :raises IncompleteRead: the connection ended before they were complete
        :raises BadHttpMessage: a line of the headers is no header
        """
        super().begin()
        while self.status in _INTERIM:
            self.headers = self.msg = None  # type: ignore[assignment]  # so that the next ones are read
            super().begin()
        if any(isinstance(defect, _BROKEN_LINES) for defect in self.headers.defects):
            raise BadHttpMessage
