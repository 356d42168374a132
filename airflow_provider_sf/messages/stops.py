"""The messages of a command that was stopped. No I/O."""

from __future__ import annotations


def stopped_lines(reason: str, command: str) -> tuple[str, str]:
    """Say what stopped a command, that it changed nothing, and how to continue."""
    return (
        f"Stopped by {reason}. The upgrade goes on: this command only watched it.",
        f"To continue, run: {command}",
    )
