"""`make airflow`: the example DAGs in a real Airflow, and simulated clusters, to try in a browser."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator import Simulator
from demo.beginning import bring_up, say

if TYPE_CHECKING:
    from demo.live_airflow import LiveAirflow

SPEED = 5.0
"""A simulated upgrade of ten minutes ends after two."""

DAYS = 365.0
"""The client certificate is valid for so long that no warning about its expiry appears."""

REGIONS = {"westeurope": "idle", "northeurope": "idle_rolled_back", "eastus": "idle"}
"""The connections of the example ``release_regions``, and the scenario of its application in each cluster."""

ADVICE = """
    A simulated upgrade takes two minutes, and each name has one upgrade. To run a DAG a second time, reset
    its cluster first: curl -X POST {url}/simulator/reset
    The word before the dash is the scenario, so idle_rolled_back-shop instead of idle-shop is rolled back.

    release_regions and nightly_audit use three more clusters, one for each region. In northeurope the upgrade
    of fabric:/shop/web is rolled back.

    Under Admin, Connections, the first button of a row tests the connection. The DAGs use
    service_fabric_default; service_fabric_secured is the other one. "Add Connection" shows the whole form,
    "Edit Connection" shows only the extra fields that have a value.
"""


def click_through(airflow: LiveAirflow) -> str:
    """Start everything, print how to use it, and wait for Ctrl-C. Return the last line to print."""
    with ExitStack() as stack:
        clusters = {name: stack.enter_context(cluster) for name, cluster in _clusters().items()}
        unsecured, secured = clusters["default"], clusters["secured"]
        say(f"Simulated clusters listen: {unsecured.url}, and {secured.url} with a client certificate")
        bring_up(airflow)
        for name, cluster in clusters.items():
            airflow.add_connection(f"service_fabric_{name}", **_to(cluster))
        dags = _dags(airflow)
        say(f"Airflow is at {airflow.url}; log in as admin with the password {airflow.password}")
        print("\n    DAGs to try:")
        for dag in dags:
            print(f"      {dag['dag_id']:27}  {dag['description']}")
        print(ADVICE.format(url=unsecured.url))
        say("Press Ctrl-C to stop")
        with suppress(KeyboardInterrupt):
            airflow.watch()
    return "All processes have stopped"


def _clusters() -> dict[str, Simulator]:
    """Return the clusters by the last word of their connections."""
    regions = {
        region: Simulator(speed=SPEED, scenarios={"fabric:/shop/web": scenario})
        for region, scenario in REGIONS.items()
    }
    return {
        "default": Simulator(speed=SPEED, cluster_scenario="previous_first"),
        "secured": Simulator(speed=SPEED, tls="mutual"),
        **regions,
    }


def _to(cluster: Simulator) -> dict[str, Any]:
    """Return the fields of a connection to a cluster."""
    fields = {"conn_type": "service_fabric", "host": "127.0.0.1", "port": cluster.port}
    if cluster.security.tls == "none":
        return {**fields, "description": "not secured"}
    return {**fields, "description": "requires a client certificate", **_as_client(cluster)}


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
