"""The waits, in another DAG file, which a fault removes while they resume."""

from __future__ import annotations

from waits import REAL, add_dag  # type: ignore[import-not-found]  # Airflow imports it

waits_missing = add_dag("waits_missing", *REAL)
