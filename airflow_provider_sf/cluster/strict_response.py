"""Responses of http.client that notice if a connection ends within status line, headers or chunk sizes."""

from __future__ import annotations

from http.client import HTTPResponse, IncompleteRead
from io import BufferedReader
from typing import Any

_VERSION = b"HTTP/"

_INTERIM = range(102, 200)
"""The statuses that announce the actual response. http.client skips only 100, and 101 is no announcement."""


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
        """
        super().begin()
        while self.status in _INTERIM:
            self.headers = self.msg = None  # type: ignore[assignment]  # so that the next ones are read
            super().begin()
