"""Changes of secured clusters, against the journal of the simulated cluster, with both transports."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.cluster import Cluster
from airflow_provider_sf.rest import Rejected, ResultUnknown, ServiceFabricError
from airflow_provider_sf.rest.changes import change_request
from airflow_provider_sf.rest.release_calls import START_APPLICATION_UPGRADE
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.certificates import Authority
from tests.requests_to import PING

if TYPE_CHECKING:
    from airflow_provider_sf.rest.protocol import Request, Response

EXPECTED, THEIRS = Authority(), Authority()
CA = EXPECTED.pem.decode()
BODY = {
    "UpgradeKind": "Rolling",
    "Name": "fabric:/idle-shop/web",
    "TargetApplicationTypeVersion": "v1",
    "Parameters": [{"Key": "Web_LogLevel", "Value": "3" * 100_000}],
    "RollingUpgradeMode": "Monitored",
    "MonitoringPolicy": {"FailureAction": "Rollback"},
}


def send(cluster: Cluster, request: Request) -> Response:
    return cluster.send(request)


def asend(cluster: Cluster, request: Request) -> Response:
    return asyncio.run(cluster.asend(request))


@pytest.fixture(params=[send, asend], ids=["requests", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


def start(cluster: Cluster, transport: Any) -> ServiceFabricError | None:
    request = change_request(START_APPLICATION_UPGRADE, "fabric:/idle-shop/web", timeout=60, body=BODY)
    try:
        cluster.check(transport(cluster, request))
    except ServiceFabricError as error:
        return error
    return None


def with_certificate(certificate: Any) -> dict[str, object]:
    return {
        "security": "certificate",
        "client_certificate": certificate.pem.decode(),
        "private_key": certificate.key_pem.decode(),
        "ca_bundle": CA,
    }


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
def test_change_with_certificate_is_accepted_once(tls: str, transport: Any) -> None:
    """HTTP.sys asks for the certificate after it has read the request."""
    client = EXPECTED.client()
    with Simulator(tls=tls, authority=EXPECTED) as simulator:
        assert start(Cluster.at(simulator.url, None, with_certificate(client)), transport) is None
    (command,) = simulator.journal
    assert (command.call, command.name) == ("start_application_upgrade", "fabric:/idle-shop/web")
    assert (command.endpoint, command.thumbprint) == (simulator.url, client.thumbprint)
    assert json.dumps(command.body) == json.dumps(BODY)


@pytest.mark.parametrize("tls", ["mutual", "mutual-late"])
@pytest.mark.parametrize("days", [90, -1])
def test_refused_certificate_changes_nothing(tls: str, days: int, transport: Any) -> None:
    """Either the refusal arrives, or the connection breaks. Then the result is unknown, which is true."""
    stranger = (THEIRS if days > 0 else EXPECTED).client(days=days)
    with Simulator(tls=tls, authority=EXPECTED, gateways=2) as simulator:
        error = start(Cluster.at(",".join(simulator.urls), None, with_certificate(stranger)), transport)
    assert type(error) in {Rejected, ResultUnknown}
    assert simulator.journal == []


@pytest.mark.parametrize("pins", ["A" * 40, "B" * 64])
def test_unverified_server_receives_no_change(pins: str, transport: Any) -> None:
    with Simulator(tls="server", authority=EXPECTED) as simulator:
        error = start(Cluster.at(simulator.url, None, {"server_thumbprints": pins}), transport)
    assert type(error) is Rejected
    assert "does not match server_thumbprints" in error.message
    assert (simulator.journal, simulator.requests) == ([], [])


def test_change_with_refused_token_is_accepted_once(transport: Any) -> None:
    """The first request was refused, so the second one with a new token is no repetition."""
    with Simulator(authority=EXPECTED, entra=True) as simulator:
        extra = {
            "security": "entra",
            "credential": "client_secret",
            "client_id": simulator.entra.client_id,
            "client_secret": simulator.entra.client_secret,
            "authority": simulator.url,
            "ca_bundle": CA,
        }
        cluster = Cluster.at(simulator.url, None, extra)
        cluster.read(send(cluster, PING))
        simulator.entra.revoke_tokens()
        assert start(cluster, transport) is None
        assert simulator.entra.tokens_issued == 2
    assert [command.call for command in simulator.journal] == ["start_application_upgrade"]
    assert [line.split()[0] for line in simulator.requests if "/$/Upgrade" in line] == ["POST", "POST"]


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [("lost_after", 1), ("lost_before", 0), ("unavailable", 0), ("timeout_after", 1)],
)
def test_fault_of_a_change_is_unknown(fault: str, accepted: int, transport: Any) -> None:
    """The other gateway receives nothing, whether the first one has accepted the change or not."""
    with Simulator(gateways=2) as simulator:
        simulator.fault_next_write(fault)
        error = start(Cluster.at(",".join(simulator.urls)), transport)
    assert type(error) is ResultUnknown
    assert len(simulator.journal) == accepted
    assert len([line for line in simulator.requests if "/$/Upgrade" in line]) == 1
