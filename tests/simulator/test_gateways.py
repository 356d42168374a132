"""A simulated cluster with several gateways; some are down or have a fault."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.simulator import Simulator, gateway
from airflow_provider_sf.simulator.responses import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = "/Resources/Applications/good-shop/$/GetUpgradeProgress?api-version=7.0"
TLS = pytest.mark.parametrize("tls", ["none", "server"])


@pytest.fixture
def three() -> Iterator[Simulator]:
    with Simulator(gateways=3, slow_seconds=0.01) as simulator:
        yield simulator


def connection_to(simulator: Simulator, index: int) -> http.client.HTTPConnection:
    scheme, _, address = simulator.urls[index].partition("://")
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=60)
    context = ssl.create_default_context(cadata=simulator.authority.pem.decode())
    return http.client.HTTPSConnection(address, timeout=60, context=context)


def response_on(connection: http.client.HTTPConnection) -> tuple[int, bytes]:
    connection.request("GET", TARGET)
    response = connection.getresponse()
    return response.status, response.read()


def response_of(simulator: Simulator, index: int) -> tuple[int, bytes]:
    with closing(connection_to(simulator, index)) as connection:
        return response_on(connection)


def test_all_gateways_have_the_same_cluster(clock: Any) -> None:
    with Simulator(gateways=3, clock=clock) as simulator:
        responses = {response_of(simulator, index) for index in range(3)}
        assert len(responses) == 1
        assert [simulator.requests_of(index) for index in range(3)] == [1, 1, 1]
        assert simulator.requests == [f"GET {TARGET} HTTP/1.1"] * 3


def test_cluster_has_one_gateway_by_default(simulator: Simulator) -> None:
    assert simulator.urls == [simulator.url] == [f"http://127.0.0.1:{simulator.port}"]


def test_first_gateway_has_the_given_port(closed_port: int) -> None:
    with Simulator(gateways=3, port=closed_port) as simulator:
        assert simulator.url == f"http://127.0.0.1:{closed_port}"
        assert len(set(simulator.urls)) == 3


@TLS
def test_gateway_comes_back_on_its_port(tls: str) -> None:
    with Simulator(gateways=2, tls=tls) as simulator:
        urls = simulator.urls
        simulator.down(0)
        with pytest.raises(ConnectionRefusedError):
            response_of(simulator, 0)
        assert response_of(simulator, 1)[0] == 200
        simulator.up(0)
        assert response_of(simulator, 0)[0] == 200
        assert simulator.urls == urls


@TLS
def test_gateway_going_down_cuts_its_connections(tls: str) -> None:
    with (
        Simulator(gateways=2, tls=tls) as simulator,
        closing(connection_to(simulator, 0)) as first,
        closing(connection_to(simulator, 1)) as second,
        socket.create_connection(("127.0.0.1", simulator.port)) as idle,
    ):
        assert response_on(first)[0] == response_on(second)[0] == 200
        simulator.down(0)
        assert idle.recv(1) == b""
        # First, because an error of a TLS connection can appear in the next one of its thread: python/cpython#148594
        assert response_on(second)[0] == 200
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            response_on(first)


def test_stop_wakes_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Tests start and stop hundreds of clusters; each wait of 50 ms would count.

    The wait is longer here, so that only a wake-up ends it.
    """
    monkeypatch.setattr(gateway, "LOOK_SECONDS", 600.0)
    simulator = Simulator(gateways=3)
    simulator.start()
    stop = threading.Thread(target=simulator.stop, daemon=True)
    stop.start()
    stop.join(60)  # only ends a test that hangs
    assert not stop.is_alive()


def test_stop_accepts_gateways_that_are_down() -> None:
    with Simulator(gateways=2) as simulator:
        simulator.down(1)
    with pytest.raises(ConnectionRefusedError):
        response_of(simulator, 0)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "reset"])
def test_gateway_fault_can_be_set_and_removed(kind: str, three: Simulator) -> None:
    three.fault(1, kind)
    assert [response_of(three, index)[0] for index in range(3)] == [200, FAULTS[kind].status, 200]
    assert response_of(three, 1) == (FAULTS[kind].status, FAULTS[kind].body)
    three.fault(1, None)
    assert json.loads(response_of(three, 1)[1])["Name"] == "good-shop"
    assert three.requests_of(1) == 3


@TLS
def test_gateway_can_reset_connections(tls: str) -> None:
    with Simulator(tls=tls) as simulator:
        simulator.fault(0, "reset")
        with pytest.raises(ConnectionResetError):
            response_of(simulator, 0)
        simulator.fault(0, None)
        assert response_of(simulator, 0)[0] == 200


def test_fault_needs_no_authentication() -> None:
    with Simulator(tls="mutual-late", entra=True) as simulator:
        simulator.fault(0, "unavailable")
        assert response_of(simulator, 0)[0] == 503


def test_missing_fault_can_be_removed(three: Simulator) -> None:
    three.fault(0, None)
    assert response_of(three, 0)[0] == 200
