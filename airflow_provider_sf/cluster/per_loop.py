"""
Reference-counted resources of an event loop: created by the first user, closed by the last.

Only asyncio; the subclasses define what is shared and how it is closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from typing_extensions import Self

MAX_CONCURRENT_REQUESTS = 8
"""
How many connections one event loop opens to one cluster, and how many polls use them at the same time.

From Python 3.11 on, the objects of eight running polls stay below the threshold of the garbage collector (700
objects, 2000 from Python 3.13 on). With twelve, bursts of polls started collections. With ten thousand waits,
a full collection stops the event loop for 0.4 s.
"""


class LoopResource:
    """A reference-counted resource. Enter it with ``async with``; the last user that leaves closes it."""

    __slots__ = ("key", "users")

    key: Hashable
    """The key under which the event loop shares it."""

    def __init__(self) -> None:
        self.users = 0

    async def __aenter__(self) -> Self:
        """Add a user."""
        self.users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Remove a user, and close the resource after the last one."""
        self.users -= 1
        if not self.users:
            del loop_resources()[self.key]
            await self.close()

    async def close(self) -> None:
        """Release what the resource holds."""


_Resource = TypeVar("_Resource", bound=LoopResource)
_resources: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Any]] = WeakKeyDictionary()


def loop_resource(key: Hashable, create: Callable[[], _Resource]) -> _Resource:
    """Return the running event loop's resource with this key; create it first if needed. Enter it at once."""
    resources = loop_resources()
    if key not in resources:
        resources[key] = create()
        resources[key].key = key
    found: _Resource = resources[key]
    return found


def loop_resources() -> dict[Hashable, Any]:
    """Return all resources of the running event loop."""
    return _resources.setdefault(asyncio.get_running_loop(), {})


def loop_time() -> float:
    """Return the time of the running event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
