"""How much of a package was uploaded, in the log."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LOG_SECONDS, LOG_PERCENT = 10.0, 10

MIB = 1024 * 1024


class UploadProgress:
    """
    Log how much was uploaded, every 10 seconds or 10 percent. Several threads may use it.

    :param total: the number of bytes of all files
    """

    def __init__(self, files: int, total: int, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._total, self._log, self._clock = files, total, log, clock
        self._lock = threading.Lock()
        self._ended = 0
        self._bytes: dict[str, int] = {}
        self._logged_percent, self._logged_at = 0, clock()

    def add(self, path: str, size: int, *, limit: int) -> None:
        """Count bytes of a file that is not complete; it has ``limit`` bytes, also if some are sent twice."""
        with self._lock:
            self._bytes[path] = min(limit, self._bytes.get(path, 0) + size)
            self._log_if_due()

    def end_file(self, path: str, size: int) -> None:
        """Count a complete file."""
        with self._lock:
            self._bytes[path] = size
            self._ended += 1
            self._log_if_due()

    def _log_if_due(self) -> None:
        done, now = sum(self._bytes.values()), self._clock()
        percent = done * 100 // self._total if self._total else 100
        is_due = percent >= self._logged_percent + LOG_PERCENT or now >= self._logged_at + LOG_SECONDS
        if not is_due and self._ended < self._files:
            return
        self._logged_percent, self._logged_at = percent, now
        amounts = (self._ended, self._files, done / MIB, self._total / MIB)
        self._log.info("Uploaded %d %%: %d of %d files, %.1f of %.1f MiB", percent, *amounts)
