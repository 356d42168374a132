"""The names of the upgrades that many mapped waits wait for."""

from __future__ import annotations

COUNT = 200


def many_names(upgrades: int) -> list[str]:
    """Return a name for each of the waits, for so many upgrades in turn. One of each 20, or of fewer, is rolled back."""
    failing = min(20, upgrades)
    numbers = [index % upgrades for index in range(COUNT)]
    return [f"fabric:/{'good' if number % failing else 'rolled_back'}-{number:03}/web" for number in numbers]
