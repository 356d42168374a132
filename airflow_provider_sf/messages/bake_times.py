"""The health of an application that a task watches for some time. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sf.messages.blockers import reason_lines
from airflow_provider_sf.messages.formatting import (
    capitalize_first,
    format_duration,
    one_line,
    upgrade_subject,
)

if TYPE_CHECKING:
    from airflow_provider_sf.upgrades.applications import ApplicationHealth

KIND = "application"


def health_line(name: str, health: ApplicationHealth, seconds: float) -> str:
    """Say how healthy the application is, and how long the task watches it."""
    subject = capitalize_first(upgrade_subject(KIND, name))
    time = format_duration(seconds)
    if health.is_healthy:
        return f"{subject} is healthy; it must stay so for {time} (bake_time)"
    return f"{subject} is unhealthy; the task waits {time} (health_check_retry){_why(health)}"


def changed_line(name: str, health: ApplicationHealth) -> str:
    """Say that the trigger has seen other health than the task."""
    subject = capitalize_first(upgrade_subject(KIND, name))
    word = "healthy" if health.is_healthy else "unhealthy"
    return f"{subject} has become {word}; the bake time begins again{_why(health)}"


def _why(health: ApplicationHealth) -> str:
    first = health.unhealthy_evaluations[:1]
    return f": {one_line(first[0], 300)}" if first else ""


def healthy_message(name: str, seconds: float) -> str:
    """Say that the application has been healthy for long enough."""
    return f"Healthy for {format_duration(seconds)}: {upgrade_subject(KIND, name)}"


def unhealthy_message(name: str, health: ApplicationHealth, seconds: float) -> str:
    """Say that the application was unhealthy for too long, and why."""
    lines = [
        f"Unhealthy for {format_duration(seconds)}: {upgrade_subject(KIND, name)}.",
        *reason_lines(health.unhealthy_evaluations),
        "Next: find the cause in the logs of its services. Clear this task to watch the health again.",
    ]
    return "\n".join(lines)


def unstable_message(name: str, seconds: float) -> str:
    """Say that the health has not been stable within the timeout."""
    return (
        f"Not healthy for long enough within {format_duration(seconds)} (timeout): "
        f"{upgrade_subject(KIND, name)}. Next: see in the log when its health has changed"
    )
