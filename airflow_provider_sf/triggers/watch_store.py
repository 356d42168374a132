"""What a watch keeps for the next triggerer, in Airflow's asset state store. Airflow 3.3."""

from __future__ import annotations

import asyncio
import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.wait.watch import StoredWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

TIMEOUT_SECONDS = 30.0
"""The longest time for a response of Airflow."""

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 5.0, 60.0
"""The pauses before the state is read again at the start."""


class WatchStore:
    """
    Reads and writes the state of one watch. An asset may have several: each has its own key.

    :param store: Airflow's store; without one, the state is lost with the triggerer
    :param watch_id: Airflow's id of the trigger
    :param keywords: those of the trigger, which make the key
    """

    def __init__(self, store: Any, watch_id: str, keywords: dict[str, Any], log: Any) -> None:
        self._store = store
        self._log = log
        self.watch_id = watch_id
        digest = blake2b(json.dumps(keywords, sort_keys=True).encode(), digest_size=8).hexdigest()
        self._key = f"service_fabric_upgrade_watch_{digest}"
        self._written: StoredWatch | None = None
        self._writing = asyncio.Lock()
        self._has_warned = False

    async def read_first(self) -> StoredWatch | None:
        """
        Return what an earlier triggerer has stored for this watch; None if the watch is new.

        A watch must not begin while that is not known, so errors are retried without end.
        """
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                self._written = await self._read()
            except Exception as error:  # noqa: BLE001 - whatever Airflow raises
                self._log.warning("State of the watch could not be read; it is read again: %r", error)
            else:
                return self._written
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_RETRY_SECONDS)

    async def read_if_changed(self) -> StoredWatch | None:
        """Return what is stored if this process has not written it: another triggerer has the watch, too."""
        try:
            stored = await self._read()
        except Exception as error:  # noqa: BLE001 - an event twice is better than none
            self._log.warning("State of the watch could not be read; the watch goes on: %r", error)
            return None
        return None if stored == self._written else stored

    async def write(self, current: Callable[[], StoredWatch]) -> None:
        """Store the state if it has changed. The next call repeats a write that failed."""
        async with self._writing:
            stored = current()
            if self._store is None or stored == self._written:
                return
            try:
                await _answer(self._store.aset(self._key, stored.to_dict()))
            except Exception as error:  # noqa: BLE001 - whatever Airflow raises
                if not self._has_warned:
                    self._log.warning("State of the watch could not be stored; it is retried: %r", error)
                self._has_warned = True
            else:
                self._written, self._has_warned = stored, False

    async def _read(self) -> StoredWatch | None:
        """
        Return what is stored for this watch.

        :raises Exception: whatever Airflow raises, except for an asset state store that cannot be used
        """
        if self._store is None:
            return None
        try:
            value = await _answer(self._store.aget(self._key))
        except ValueError as error:
            self._log.warning("The watch keeps no state: give each asset a separate trigger: %s", error)
            self._store = None
            return None
        try:
            stored = None if value is None else StoredWatch.from_dict(value)
        except ValueError as error:
            self._log.warning("State of the watch is not readable; the watch begins: %s", error)
            return None
        return stored if stored is not None and stored.watch_id == self.watch_id else None


async def _answer(call: Coroutine[Any, Any, Any]) -> Any:
    """
    Wait for the answer of Airflow, but not for ever.

    ``asyncio.wait_for`` would lose a cancellation before Python 3.12, and the trigger would go on.

    :raises TimeoutError: there was no answer in time
    """
    task = asyncio.ensure_future(call)
    try:
        done, _ = await asyncio.wait([task], timeout=TIMEOUT_SECONDS)
        if not done:
            msg = f"no answer from Airflow within {TIMEOUT_SECONDS:g} s"
            raise TimeoutError(msg)
        return task.result()
    finally:
        task.cancel()
