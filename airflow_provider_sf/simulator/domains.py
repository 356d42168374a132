"""Upgrade domains and nodes of a simulated upgrade, as the gateway writes them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.scenarios import UPGRADE_DOMAINS
from airflow_provider_sf.simulator.timeline import WORK, checks_health, domain_at

if TYPE_CHECKING:
    from airflow_provider_sf.simulator.scenarios import Phase
    from airflow_provider_sf.simulator.timeline import Moment

PARTITION = "6f1c2f5e-0d6b-4a53-9c0e-5b7a1d2e3f40"
"""The invented partition that nodes wait for."""

NOWHERE: dict[str, Any] = {"DomainName": "", "NodeUpgradeProgressList": []}
"""How the gateway writes that no domain or unit is in progress."""

_AT_WORK = frozenset({"RollingForward", "RollingBack", "Failed"})

_PHASES = ("PreUpgradeSafetyCheck", "Upgrading", "PostUpgradeSafetyCheck")


def upgrade_domains(moment: Moment) -> list[dict[str, str]]:
    """Return UpgradeDomains; empty for something that was never upgraded."""
    if not moment.upgraded:
        return []
    done, under_way = _done(moment), _under_way(moment)
    completed = _order(moment.phase)[:done]
    return [{"Name": name, "State": _state(name, completed, under_way)} for name in UPGRADE_DOMAINS]


def current_domain(moment: Moment) -> dict[str, Any]:
    """Return CurrentUpgradeDomainProgress."""
    name, phase = _under_way(moment), moment.phase
    if name is None:
        return NOWHERE
    if phase.failure or phase.state == "Failed":
        return _progress(name, "PostUpgradeSafetyCheck")
    if phase.done == phase.until:
        return _progress(name, "PreUpgradeSafetyCheck", "EnsureAvailability")
    share = domain_at(moment.part)[1] / (WORK if checks_health(phase) else 1.0)
    node_phase = _PHASES[min(int(3 * share + 1e-9), 2)]
    return _progress(name, node_phase, "EnsurePartitionQuorum" if node_phase == _PHASES[0] else None)


def domain_at_failure(moment: Moment) -> dict[str, Any]:
    """Return UpgradeDomainProgressAtFailure."""
    if moment.failure is None:
        return NOWHERE
    names = tuple(UPGRADE_DOMAINS)
    reached = min(domain_at(moment.failure.part)[0], len(names) - 1)
    return _progress(names[reached], "PostUpgradeSafetyCheck")


def _done(moment: Moment) -> int:
    """Return how many domains are completed; a domain in its health check counts."""
    return domain_at(moment.part)[0] + (moment.check is not None)


def _under_way(moment: Moment) -> str | None:
    if not moment.upgraded or moment.phase.state not in _AT_WORK or moment.check is not None:
        return None
    return next(iter(_order(moment.phase)[_done(moment) :]), None)


def _order(phase: Phase) -> tuple[str, ...]:
    """Return the domains in the order of the work; a rollback takes them in reverse order."""
    names = tuple(UPGRADE_DOMAINS)
    return names[::-1] if phase.backward else names


def _state(name: str, completed: tuple[str, ...], under_way: str | None) -> str:
    if name in completed:
        return "Completed"
    return "InProgress" if name == under_way else "Pending"


def _progress(domain: str, phase: str, check: str | None = None) -> dict[str, Any]:
    """Return the nodes of a domain, all in one phase; the first node waits for the check, if there is one."""
    waits = [{"SafetyCheck": {"Kind": check, "PartitionId": PARTITION}}] if check else []
    nodes = [
        {"NodeName": node, "UpgradePhase": phase, "PendingSafetyChecks": waits if place == 0 else []}
        for place, node in enumerate(UPGRADE_DOMAINS[domain])
    ]
    return {"DomainName": domain, "NodeUpgradeProgressList": nodes}
