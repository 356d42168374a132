"""The tables in the documentation that are printed from the code."""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.upgrades import OUTCOMES


def test_the_table_of_outcomes_is_the_codes(documented: Any) -> None:
    head = "| state | outcome |\n| --- | --- |\n"
    documented(
        "verdict.md",
        "outcomes",
        head + "".join(f"| `{state}` | `{outcome}` |\n" for state, outcome in OUTCOMES.items()),
    )
