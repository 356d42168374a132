"""Which upgrade domain of a paused upgrade to start, by what is on record. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf.upgrades.outcomes import Outcome

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades import UpgradeProgress

_BEGUN = frozenset({"Completed", "InProgress"})


@dataclass(frozen=True, slots=True)
class ResumeStep:
    """
    The upgrade domain to start, or the reason why none is started.

    ``is_done`` is true if the domain has started already: there is nothing to do.
    """

    domain: str | None = None
    is_done: bool = False
    problem: str = ""


def next_resume_step(record: UpgradeProgress, domain: str | None) -> ResumeStep:
    """
    Return what to do so that an upgrade domain starts.

    Service Fabric accepts only the name of the next domain, so a repeated call never skips one.

    :param domain: the domain to start; None for the next one
    """
    states = {unit.name: unit.state for unit in record.domains.upgrade_domains}
    if domain is not None and states.get(domain) in _BEGUN:
        return ResumeStep(domain, is_done=True)
    if domain is not None and states and domain not in states:
        return ResumeStep(problem=f"there is no upgrade domain {domain!r}: choose one of {', '.join(states)}")
    if record.outcome is not Outcome.PAUSED:
        return ResumeStep(problem="the upgrade is not paused")
    following = record.domains.next_domain
    if following is None:
        return ResumeStep(problem="no upgrade domain is left to start")
    if domain not in {None, following}:
        return ResumeStep(problem=f"the next upgrade domain is {following!r}, not {domain!r}")
    return ResumeStep(following)
