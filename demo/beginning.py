"""The start of each demo: start Airflow, and print what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.live_airflow import LiveAirflow


def say(text: str) -> None:
    """Print a step of the demo."""
    print(f"==> {text}", flush=True)


def bring_up(airflow: LiveAirflow) -> None:
    """Create the metadata database and start all parts. Print how long that takes."""
    say("Creating Airflow's metadata database (about 10 s)")
    airflow.migrate()
    say("Starting api-server, scheduler, dag-processor and triggerer (about 25 s)")
    airflow.start()
