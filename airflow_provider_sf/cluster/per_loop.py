"""
What the tasks of one event loop share: made for the first that wants it, closed by the last that leaves it.

Only asyncio; what is shared and how it is closed, others say.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from typing_extensions import Self

    Begin = Callable[[Exception | None], bool]

MOST_AT_ONCE = 12
"""
How many connections one event loop opens to one cluster, and how many polls are under way on them.

What so many polls hold while they are under way stays below the 700 objects at which Python's garbage
collector begins (2000 from 3.13 on). With sixteen it ran in every burst and went, each half minute, through
all that a triggerer holds, which with ten thousand waits took 0.4 s.
"""


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


class Line:
    """
    In which those stand who may not begin yet, because so many are under way.

    To stand costs nothing: a task that waited, or a tuple, would be one more thing for the garbage collector.
    Each has a function that begins, and tells whether it has; who has must leave. If nobody gets an answer,
    those who stand there since before that was asked are told so instead, as their turn may be far away.
    """

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._free = most
        self._waiting: deque[Begin] = deque()
        self._since: deque[float] = deque()
        self._answered_at = float("-inf")

    def join(self, begin: Begin) -> None:
        """Begin at once, or when it is one's turn."""
        if not self._free:
            self._waiting.append(begin)
            self._since.append(loop_time())
        elif begin(None):
            self._free -= 1

    def leave(self) -> None:
        """Let the next one begin."""
        while self._waiting:
            if self._next()(None):
                return
        self._free += 1

    def has_answer(self) -> None:
        """Note that one has got an answer."""
        self._answered_at = loop_time()

    def has_none(self, silence: Exception, began_at: float) -> None:
        """Note that one who began then has got none, and pass it on if nobody has had one since."""
        if self._answered_at >= began_at:
            return
        while self._since and self._since[0] <= began_at:
            self._next()(silence)

    def _next(self) -> Begin:
        self._since.popleft()
        return self._waiting.popleft()


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


def loop_time() -> float:
    """Return the time of the running event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
