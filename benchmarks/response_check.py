"""What an HttpEventTrigger imports anew for each poll: whether an upgrade has ended well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


async def has_completed(response: requests.Response) -> bool:
    """Tell whether the answer says so."""
    return bool(response.json()["UpgradeState"] == "CompletedRollforward")
