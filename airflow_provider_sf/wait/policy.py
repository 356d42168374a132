"""How to wait and for which upgrade, as a value. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import utc
from airflow_provider_sf.serialization import changed_fields
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.matching import UpgradeSelector

if TYPE_CHECKING:
    from datetime import datetime

MIN_OUTAGE_POLLS = 5
"""A silence is looked into at least so often before its budget is spent, and in each process anew."""


FIRST_BACKOFF_SECONDS = 1.0
"""The longest pause after the first unanswered poll; it doubles with each further one."""


_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How to wait, and for what. Durations are seconds; a deadline of None is kept by Airflow.

    The defaults are promises: a stored policy does not name them.
    """

    poke_interval: float
    unreachable_timeout: float = defaults.UNREACHABLE_TIMEOUT_SECONDS
    start_timeout: float = defaults.START_TIMEOUT_SECONDS
    unknown_state_timeout: float = defaults.UNKNOWN_STATE_TIMEOUT_SECONDS
    stall_timeout: float | None = None
    on_paused: str = defaults.ON_PAUSED
    on_rollback: str = defaults.ON_ROLLBACK
    wait_for_existence: bool = False
    exponential_backoff: bool = False
    max_wait: float | None = None
    deadline: datetime | None = None
    selector: UpgradeSelector = field(default_factory=UpgradeSelector)

    def interval(self, answers: int) -> float:
        """Return the pause after that many answers: constant, or doubled each time up to ``max_wait``."""
        if not self.exponential_backoff:
            return self.poke_interval
        pause = self.poke_interval * _doubled(answers)
        return pause if self.max_wait is None else min(pause, self.max_wait)

    def backoff(self, unreachable_polls: int) -> float:
        """Return the longest pause after so many unanswered polls in a row."""
        return min(
            FIRST_BACKOFF_SECONDS * _doubled(unreachable_polls), self.unreachable_timeout / MIN_OUTAGE_POLLS
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what is not as by default, as flat JSON types; :meth:`from_dict` undoes it."""
        mine = changed_fields(self)
        del mine["selector"]
        return {**mine, **self.selector.to_dict()}

    @classmethod
    def from_dict(cls, policy: dict[str, Any]) -> Policy:
        """Undo :meth:`to_dict`."""
        selector = {one.name for one in fields(UpgradeSelector)}
        mine = {name: value for name, value in policy.items() if name not in selector}
        return cls(
            **{**mine, "deadline": utc(policy.get("deadline")), "selector": UpgradeSelector.from_dict(policy)}
        )


def _doubled(times: int) -> float:
    return 2.0 ** min(times - 1, _MOST_DOUBLINGS)
