"""How everything that a person starts here begins: Airflow comes up, and the person is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.live_airflow import LiveAirflow


def say(what: str) -> None:
    """Tell the person at the terminal."""
    print(f"==> {what}", flush=True)


def bring_up(airflow: LiveAirflow) -> None:
    """Make the metadata database and start all parts; say how long that takes."""
    say("Making Airflow's metadata database (about 10 s)")
    airflow.migrate()
    say("Starting api-server, scheduler, dag-processor and triggerer (about 25 s)")
    airflow.start()
