"""
What the tasks of one event loop share: made for the first that wants it, closed by the last that leaves it.

Only asyncio; what is shared and how it is closed, others say.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from typing_extensions import Self


class Shared:
    """Something to enter with ``async with`` at once; when the last one leaves, it is closed."""

    __slots__ = ("key", "users")

    key: Hashable
    """Under which it is shared."""

    def __init__(self) -> None:
        self.users = 0

    async def __aenter__(self) -> Self:
        """Keep it open."""
        self.users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it, if nobody else is there."""
        self.users -= 1
        if not self.users:
            del all_shared()[self.key]
            await self.close()

    async def close(self) -> None:
        """Give back what it holds."""


_T = TypeVar("_T", bound=Shared)
_here: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Any]] = WeakKeyDictionary()


def shared(key: Hashable, make: Callable[[], _T]) -> _T:
    """Return what the running event loop shares under a key, to be entered at once; make it if nobody has."""
    here = all_shared()
    if key not in here:
        here[key] = make()
        here[key].key = key
    found: _T = here[key]
    return found


def all_shared() -> dict[Hashable, Any]:
    """Return all that the running event loop shares."""
    return _here.setdefault(asyncio.get_running_loop(), {})
