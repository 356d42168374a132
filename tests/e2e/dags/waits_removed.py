"""The waits, in another DAG file, which a fault removes."""

from __future__ import annotations

from waits import REAL, add_dag  # type: ignore[import-not-found]  # Airflow imports it

waits_removed = add_dag("waits_removed", *REAL)
