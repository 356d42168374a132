from __future__ import annotations

from tests.sensors.conftest import database

__all__ = ["database"]
