"""What a fault is, as data: what is done, and how each task must end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from tests.e2e.world import Case, World

    Plan = Callable[[World, Case], Iterator[None]]
    Preparation = Callable[[ExitStack, Path], dict[str, str]]


@dataclass(frozen=True, slots=True)
class End:
    """How a task must end. ``ended_by`` is that of its XCom; None if the wait did not end in its task."""

    state: str
    tries: int | None = 1
    """None for any."""
    ended_by: str | None = "upgrade"
    log: str = ""
    """A text that its log must contain."""
    has_log: bool = True
    """Whether its log must be complete."""
    most_seconds: float | None = None
    """How long the wait may take at most."""
    reads_after_end: int | None = 0
    """How many reads may follow: another triggerer can have the wait for some seconds more. None for any."""


RIGHT = {
    "good": End("success"),
    "rolled_back": End("failed"),
    "superseded": End("failed"),
    "release": End("success"),
}
"""What must become of the four tasks, whatever happens."""


def right(**changes: Any) -> dict[str, End]:
    """Return how all tasks must end, with these values changed in each."""
    return {task: End(**{"state": end.state, **changes}) for task, end in RIGHT.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A fault, as data.

    ``inject`` is a plan that goes on once a second. The upgrades of the case stand still at 10 to 20 % until it has
    ended, unless it lets them go on. ``is_shared`` is true if it hurts processes that other cases need, or if they
    would delay its start too long.
    """

    name: str
    done: str
    inject: Plan
    ends: Mapping[str, End] = field(default_factory=lambda: RIGHT)
    dag: str = "waits"
    conf: Mapping[str, Any] = field(default_factory=dict)
    waits_for_middle: bool = True
    is_shared: bool = False
    has_entra: bool = False
    """Whether clients sign in with a secret at Entra ID; they have certificates otherwise."""
    prepare: Preparation | None = None
    """Makes the home folder of a separate Airflow for this fault, and returns the environment of that."""
    most_polls_per_minute: float | None = None
    """How many polls one triggerer may send while nothing happens."""
    within_seconds: float = 900.0
    """A case that takes longer has failed."""
    caught: tuple[str, ...] = ()
    """The known mistakes that it must reveal. They are made beside the right tasks, on the same cluster."""
    caught_alone: tuple[str, ...] = ()
    """The mistakes that are made alone: they would disturb the right tasks, or there are too many tasks."""
    executors: tuple[str, ...] = ("local", "celery")
