"""The waits, in another DAG file, which a fault changes."""

from __future__ import annotations

from waits import REAL, add_dag  # type: ignore[import-not-found]  # Airflow imports it

waits_changed = add_dag("waits_changed", *REAL, retries=1)
