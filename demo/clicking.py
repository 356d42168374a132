"""`make airflow`: the example DAGs in a real Airflow, and two simulated clusters, to try in a browser."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator import Simulator
from demo.beginning import bring_up, say

if TYPE_CHECKING:
    from demo.live_airflow import LiveAirflow

SPEED = 5.0
"""A simulated upgrade of ten minutes ends after two."""

DAYS = 365.0
"""The client certificate is valid for so long that no warning about its expiry appears."""

ADVICE = """
    A simulated upgrade takes two minutes, and each name has one upgrade. To start another upgrade, trigger a
    DAG with another word after the dash, for example previous_first-mail instead of previous_first-shop.

    Under Admin, Connections, the first button of a row tests the connection. The DAGs use
    service_fabric_default; service_fabric_secured is the other one. "Add Connection" shows the whole form,
    "Edit Connection" shows only the extra fields that have a value.
"""


def click_through(airflow: LiveAirflow) -> str:
    """Start everything, print how to use it, and wait for Ctrl-C. Return the last line to print."""
    with (
        Simulator(speed=SPEED, cluster_scenario="previous_first") as unsecured,
        Simulator(speed=SPEED, tls="mutual") as secured,
    ):
        say(f"Simulated clusters listen: {unsecured.url}, and {secured.url} with a client certificate")
        bring_up(airflow)
        airflow.add_connection("service_fabric_default", description="not secured", **_to(unsecured))
        airflow.add_connection(
            "service_fabric_secured",
            description="requires a client certificate",
            **_to(secured),
            **_as_client(secured),
        )
        dags = _dags(airflow)
        say(f"Airflow is at {airflow.url}; log in as admin with the password {airflow.password}")
        print("\n    DAGs to try:")
        for dag in dags:
            print(f"      {dag['dag_id']:27}  {dag['description']}")
        print(ADVICE)
        say("Press Ctrl-C to stop")
        with suppress(KeyboardInterrupt):
            airflow.watch()
    return "All processes have stopped"


def _to(cluster: Simulator) -> dict[str, Any]:
    return {"conn_type": "service_fabric", "host": "127.0.0.1", "port": cluster.port}


def _as_client(cluster: Simulator) -> dict[str, str]:
    """Return the fields for server verification and client identity."""
    client = cluster.authority.client(days=DAYS)
    extra = {
        "security": "certificate",
        "ca_bundle": cluster.authority.pem.decode(),
        "client_certificate": client.pem.decode(),
        "private_key": client.key_pem.decode(),
    }
    return {"extra": json.dumps(extra)}


def _dags(airflow: LiveAirflow) -> list[dict[str, Any]]:
    """Wait until Airflow has found all DAGs, and return them."""
    files = len(list(airflow.dags.glob("*.py")))
    airflow.wait_until(lambda: len(airflow.known_dags()) == files, "a DAG was not found", "dag-processor")
    return airflow.known_dags()
