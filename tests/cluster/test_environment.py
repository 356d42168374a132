"""A connection in an environment variable; tests/hooks/test_environment.py compares it with Airflow."""

from __future__ import annotations

import json

import pytest

from airflow_provider_sf.cluster.environment import cluster_in, variable_name

VARIABLE = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
CONN_ID = "service_fabric_default"


def test_other_connection_has_its_own_variable() -> None:
    assert variable_name("sf_east") == "AIRFLOW_CONN_SF_EAST"
    assert (
        cluster_in({"AIRFLOW_CONN_SF_EAST": "service-fabric://east"}, "sf_east").endpoint
        == "http://east:19080"
    )


@pytest.mark.parametrize("extra", ["", {"connect_timeout": 3}, '{"connect_timeout": 3}'])
def test_extra_is_an_object_or_text(extra: object) -> None:
    text = json.dumps({"conn_type": "service_fabric", "host": "east", "extra": extra})
    assert cluster_in({VARIABLE: text}, CONN_ID).connect_timeout == (3 if extra else 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"the environment variable {VARIABLE} is not set: set it to an Airflow connection"),
        ("secret", f"the connection in {VARIABLE}: it is neither a JSON object nor a URI"),
        ("http://secret", f"the connection in {VARIABLE}: its type is not 'service_fabric'"),
        ("{secret", f"the connection in {VARIABLE}: it is not a JSON object"),
        pytest.param(
            '{"secret": ' + "[" * 100_000, f"the connection in {VARIABLE}: it is not a JSON object", id="deep"
        ),
        ('{"host": "secret"}', f"the connection in {VARIABLE}: its type is not 'service_fabric'"),
        ("service-fabric://a:secret", f"the connection in {VARIABLE}: it is not a URI with a valid port"),
        ("service-fabric://", f"the connection in {VARIABLE}: host is empty"),
        ("service-fabric://a?token=secret", f"the connection in {VARIABLE}: extra field 'token' belongs to"),
        (
            '{"conn_type": "service_fabric", "host": "a", "port": "secret"}',
            f"the connection in {VARIABLE}: port is not a number",
        ),
        (
            '{"conn_type": "service_fabric", "host": "a", "port": ["secret"]}',
            f"the connection in {VARIABLE}: port is not a number",
        ),
        (
            '{"conn_type": "service_fabric", "host": ["secret"]}',
            f"the connection in {VARIABLE}: host is not a text",
        ),
        (
            '{"conn_type": "service_fabric", "host": "a", "schema": {"secret": 1}}',
            f"the connection in {VARIABLE}: schema is not a text",
        ),
        (
            '{"conn_type": "service_fabric", "host": "a", "extra": "secret"}',
            f"the connection in {VARIABLE}: it is not a JSON object",
        ),
        (
            '{"conn_type": "service_fabric", "host": "a", "extra": ["secret"]}',
            f"the connection in {VARIABLE}: it is not a JSON object",
        ),
    ],
)
def test_invalid_connection_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="AIRFLOW_CONN") as error:
        cluster_in({VARIABLE: text}, CONN_ID)
    assert str(error.value).startswith(message)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None
