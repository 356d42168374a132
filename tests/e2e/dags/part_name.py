"""Give each part of Airflow another host name, as if each had its machine."""

from __future__ import annotations

import os


def part_name() -> str:
    """Return the name of the part that this process belongs to."""
    return os.environ["E2E_PART"]
