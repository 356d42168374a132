"""How long each upgrade domain has waited for a task that decides before it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.formatting import format_duration, one_line
from airflow_provider_sf.releases.gate_state import START

if TYPE_CHECKING:
    from airflow_provider_sf.releases.gate_state import GateState


def times_lines(state: GateState) -> list[str]:
    """Return the whole time and a line for each upgrade domain; nothing if the task has not decided."""
    latest = {decision.next_upgrade_domain: decision for decision in state.decisions}
    parts = {
        f"before upgrade domain {one_line(domain or '?')}": {
            "bake": decision.bake_seconds,
            "checks": decision.check_seconds,
            "questions": decision.question_seconds,
        }
        for domain, decision in latest.items()
    }
    if asked := state.question_seconds(START):
        parts = {"before the start": {"questions": asked}, **parts}
    if not parts:
        return []
    total = sum(sum(seconds.values()) for seconds in parts.values())
    lines = [f"  {place}: {_sum_and_parts(seconds)}" for place, seconds in parts.items()]
    return [f"Time added by this task: {format_duration(total)}", *lines]


def _sum_and_parts(seconds: dict[str, float]) -> str:
    """Return the sum and its parts, without those that took no time."""
    parts = ", ".join(f"{name} {format_duration(part)}" for name, part in seconds.items() if part)
    return format_duration(sum(seconds.values())) + (f" ({parts})" if parts else "")
