"""How to wait and for which upgrade, as a value. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.serialization import INLINE, Record
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.matching import UpgradeSelector

if TYPE_CHECKING:
    from typing_extensions import Self

MIN_OUTAGE_POLLS = 5
"""An outage is polled at least this often before ``unreachable_timeout``, in each process."""


FIRST_BACKOFF_SECONDS = 1.0
"""The longest pause after the first unanswered poll; it doubles with each further one."""


_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Policy(Record):
    """
    How to wait, and for which upgrade. Durations are seconds. Without a deadline, Airflow keeps the timeout.

    A stored policy omits defaults, so they must not change.
    """

    omits_defaults: ClassVar[bool] = True

    poke_interval: float
    unreachable_timeout: float = defaults.UNREACHABLE_TIMEOUT_SECONDS
    start_timeout: float = defaults.START_TIMEOUT_SECONDS
    unknown_state_timeout: float = defaults.UNKNOWN_STATE_TIMEOUT_SECONDS
    stall_timeout: float | None = None
    on_paused: str = defaults.ON_PAUSED
    on_rollback: str = defaults.ON_ROLLBACK
    resumed_domain: str | None = None
    """A pause before this upgrade domain is about to end: the task has started the domain."""
    awaited_domain: str | None = None
    """Only a pause before this upgrade domain counts; None for any."""
    wait_for_existence: bool = False
    exponential_backoff: bool = False
    max_wait: float | None = None
    deadline: datetime | None = None
    selector: UpgradeSelector = field(default_factory=UpgradeSelector, metadata=INLINE)

    def interval(self, answers: int) -> float:
        """Return the pause after this many answers: constant, or doubled each time up to ``max_wait``."""
        if not self.exponential_backoff:
            return self.poke_interval
        pause = self.poke_interval * _doubled(answers)
        return pause if self.max_wait is None else min(pause, self.max_wait)

    def backoff(self, unreachable_polls: int) -> float:
        """Return the longest pause after this many failed polls in a row."""
        return min(
            FIRST_BACKOFF_SECONDS * _doubled(unreachable_polls), self.unreachable_timeout / MIN_OUTAGE_POLLS
        )

    def is_unwanted_pause(self, next_domain: str | None) -> bool:
        """Whether a pause before this upgrade domain ends the wait."""
        if self.on_paused != "fail" or (next_domain is not None and next_domain == self.resumed_domain):
            return False
        return self.awaited_domain in {None, next_domain}

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """
        Read what ``to_dict`` has written.

        :raises ValueError: a member is unknown: a newer release wrote it, and this one cannot obey it
        """
        policy = super(Policy, cls).from_dict(data)
        known = {item.name for owner in (Policy, UpgradeSelector) for item in fields(owner)}
        if isinstance(data, dict) and (unknown := set(data) - known):
            msg = f"unknown settings of a wait: {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        return policy


def _doubled(times: int) -> float:
    return 2.0 ** min(times - 1, _MOST_DOUBLINGS)
