"""A connection in an environment variable is read as Airflow reads it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sf.cluster.environment import cluster_in
from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook

VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"

CONNECTIONS = {
    "host": "service-fabric://mycluster.example.com",
    "host and port": "service-fabric://mycluster.example.com:19081",
    "scheme in the path": "service-fabric://mycluster.example.com:19081/https",
    "scheme in front of the host": "service-fabric://https://mycluster.example.com:19081",
    "quoted hosts": "service-fabric://a.example.com%2Cb.example.com:19080",
    "query": "service-fabric://mycluster.example.com?security=token&token=abc%2Fdef&read_timeout=7",
    "extra in the query": "service-fabric://mycluster.example.com?__extra__=%7B%22connect_timeout%22%3A+2%7D",
    "json": json.dumps({"conn_type": "service_fabric", "host": "mycluster.example.com"}),
    "json with port": json.dumps(
        {"conn_type": "service-fabric", "host": "mycluster.example.com", "port": 80}
    ),
    "json with a port as text": json.dumps(
        {"conn_type": "service_fabric", "host": "a", "port": "19081", "schema": "https"}
    ),
    "json with extra": json.dumps(
        {
            "conn_type": "service_fabric",
            "host": "a",
            "port": "",
            "extra": {"security": "token", "token": "abc"},
        }
    ),
    "json with extra as text": json.dumps(
        {"conn_type": "service_fabric", "host": "a,b", "extra": json.dumps({"connect_timeout": 3})}
    ),
    "json with empty extra": json.dumps({"conn_type": "service_fabric", "host": "a", "extra": ""}),
}


@pytest.mark.parametrize("text", CONNECTIONS.values(), ids=CONNECTIONS)
def test_connection_is_read_as_by_airflow(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert cluster_in({VARIABLE: text}, "service_fabric_default") == ServiceFabricHook().get_conn()
