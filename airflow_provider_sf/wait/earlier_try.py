"""What a process of a task must know of an earlier one to reach the same verdict, as a value. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_sf.rest.url_names import normalized_name
from airflow_provider_sf.serialization import Record
from airflow_provider_sf.wait.identity import UpgradeIdentity

if TYPE_CHECKING:
    from airflow_provider_sf.wait.matching import UpgradeSelector
    from airflow_provider_sf.wait.state import WaitState

SCHEMA = "service_fabric.earlier_try/1"


@dataclass(frozen=True, slots=True)
class WaitTarget(Record):
    """
    What a task waits for, as far as a retry cannot change it.

    ``max_tries`` is Airflow's number: it rises when a person clears the task, but not with a retry. After
    that the person may expect another upgrade.
    """

    kind: str
    name: str
    max_tries: int
    target_version: str | None
    previous: UpgradeIdentity | None

    @classmethod
    def of(cls, kind: str, name: str, max_tries: int, selector: UpgradeSelector) -> WaitTarget:
        """Return the target of a wait."""
        record = selector.previous
        previous = None if record is None else UpgradeIdentity.from_record(record)
        return cls(kind, normalized_name(name), max_tries, selector.target_version, previous)


@dataclass(frozen=True, slots=True)
class EarlierTry(Record):
    """The identities that an earlier process of the task has found."""

    schema_id: ClassVar[str] = SCHEMA

    target: WaitTarget
    expected: UpgradeIdentity | None
    """The identity of the expected upgrade, if it was seen."""
    before: UpgradeIdentity | None
    """The identity of the upgrade that was on record before the expected one, if it was seen."""

    @classmethod
    def of(cls, target: WaitTarget, state: WaitState) -> EarlierTry:
        """Return what must be kept of a state."""
        return cls(target, state.expected, state.before)

    def is_valid_for(self, target: WaitTarget, selector: UpgradeSelector) -> bool:
        """
        Whether a later process waits for the same upgrade.

        A template of ``started_after`` may give each try another time: then the upgrade may be too early.
        """
        start, earliest = self.expected and self.expected.started_at, selector.started_after
        if start and earliest and start < earliest - timedelta(seconds=selector.clock_skew):
            return False
        return self.target == target
