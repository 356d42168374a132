"""The response check that an HttpEventTrigger imports for each poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


async def has_completed(response: requests.Response) -> bool:
    """Return whether the upgrade has succeeded."""
    return bool(response.json()["UpgradeState"] == "CompletedRollforward")
