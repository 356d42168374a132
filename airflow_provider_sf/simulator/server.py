"""A simulated cluster behind HTTP gateways on loopback ports, with or without security."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_sf.simulator.behaviours import START_DELAY
from airflow_provider_sf.simulator.cluster import SimulatedCluster
from airflow_provider_sf.simulator.commands import ApiRequest
from airflow_provider_sf.simulator.gateway import Gateway
from airflow_provider_sf.simulator.reads import is_read
from airflow_provider_sf.simulator.resets import is_reset
from airflow_provider_sf.simulator.responses import FAULTS
from airflow_provider_sf.simulator.security import Security
from airflow_provider_sf.simulator.write_faults import WriteFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from airflow_provider_sf.simulator.certificates import Authority, Certificate
    from airflow_provider_sf.simulator.entra import Entra
    from airflow_provider_sf.simulator.gateway import HttpRequest
    from airflow_provider_sf.simulator.responses import HttpResponse

RUNTIME_VERSION = "10.1.2338.9590"


class Simulator(SimulatedCluster):
    """
    A simulated cluster on loopback ports. Use it with ``with``, or call :meth:`start` and :meth:`stop`.

    ``scenarios`` gives a name its scenario. Without an entry, the part of the name before the first ``-``
    chooses it: ``good-shop``, ``rolled_back-shop``, ``fabric:/good-shop/web``. The first request for a name
    shows the state before the upgrade; ``start_delay`` seconds later the upgrade begins, for all kinds. Names
    with the scenario ``idle`` wait for commands; ``journal`` has those that were accepted.

    :param port: the port of the first gateway, 0 for a free one; the others have free ports
    :param speed: how many seconds of a scenario pass in one second
    :param slow_seconds: how long a slow response takes
    :param cluster_scenario: the scenario of the cluster and its configuration, which have no name
    :param scenarios: the scenarios by name, such as ``{"fabric:/shop/web": "rolled_back"}``; the name
        ``cluster`` replaces ``cluster_scenario``
    :param start_delay: how many seconds of a scenario pass between the first request for a name and the start
        of its upgrade
    :param runtime_version: the runtime version; the cluster refuses calls that a newer version added
    :param clock: returns the Unix time; a test may replace it
    :param gateways: the number of gateways, each on its own port
    :param tls: ``none``, ``server`` for TLS without client certificates, ``mutual`` to request one in the
        handshake, or ``mutual-late`` to request it after the request
    :param server_certificate: ``good``, ``expired``, ``wrong_name`` or ``self_signed``
    :param authority: issues the server's certificate and those of clients; several clusters may share one
    :param entra: clients sign in with Entra ID, which answers on the same ports; needs TLS
    :param upload_sessions: whether files can be uploaded in chunks, see ``SimulatedCluster``
    :param updates_default_services: the setting EnableDefaultServicesUpgrade, see ``SimulatedCluster``
    :param token_seconds: how long a token of Entra ID is valid
    :raises ValueError: ``cluster_scenario``, ``scenarios``, ``tls`` or ``server_certificate`` is invalid
    """

    def __init__(
        self,
        *,
        port: int = 0,
        speed: float = 1.0,
        slow_seconds: float = 40.0,
        cluster_scenario: str = "good",
        scenarios: Mapping[str, str] | None = None,
        start_delay: float = START_DELAY,
        runtime_version: str = RUNTIME_VERSION,
        clock: Callable[[], float] = time.time,
        gateways: int = 1,
        tls: str = "none",
        server_certificate: str = "good",
        authority: Authority | None = None,
        entra: bool = False,
        token_seconds: float = 3600.0,
        upload_sessions: bool = True,
        updates_default_services: bool = False,
    ) -> None:
        super().__init__(
            speed=speed,
            cluster_scenario=cluster_scenario,
            runtime_version=runtime_version,
            clock=clock,
            scenarios=scenarios,
            start_delay=start_delay,
        )
        self.upload_sessions = upload_sessions
        self.updates_default_services = updates_default_services
        self.slow_seconds = slow_seconds
        self.requests: list[str] = []
        """The received request lines, oldest first."""
        self._gateways_used: list[int] = []
        self._faults: dict[int, HttpResponse] = {}
        self._stopping = threading.Event()
        self.write_faults = WriteFaults(self.pause)
        self.security = Security(
            tls,
            server_certificate=server_certificate,
            authority=authority,
            entra=entra,
            token_seconds=token_seconds,
            clock=clock,
        )
        context = self.security.context()
        self._gateways = [
            Gateway(partial(self._handle, index), port=0 if index else port, tls=context)
            for index in range(gateways)
        ]
        if entra:
            self.sign_in = self.entra.metadata(self.url)

    @property
    def port(self) -> int:
        """The port of the first gateway."""
        return self._gateways[0].port

    @property
    def url(self) -> str:
        """The address of the first gateway, for a connection's host."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The addresses of all gateways, also of those that are down."""
        scheme = "http" if self.security.tls == "none" else "https"
        return [f"{scheme}://127.0.0.1:{gateway.port}" for gateway in self._gateways]

    @property
    def authority(self) -> Authority:
        """The issuer of the certificates of server and clients."""
        return self.security.authority

    @property
    def server_certificate(self) -> Certificate:
        """The server's certificate, if it uses TLS."""
        return self.security.certificate

    @property
    def server_thumbprint(self) -> str:
        """The SHA-1 thumbprint of the server's certificate."""
        return self.server_certificate.thumbprint

    @property
    def entra(self) -> Entra:
        """The tenant of Entra ID where clients sign in, if ``entra`` is true."""
        return self.security.entra

    def start(self) -> None:
        """Listen, in new threads."""
        for gateway in self._gateways:
            gateway.start()

    def stop(self) -> None:
        """Close the ports and end the threads."""
        self._stopping.set()
        for gateway in self._gateways:
            gateway.down()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def down(self, index: int) -> None:
        """Close a gateway's port and cut its connections."""
        self._gateways[index].down()

    def up(self, index: int) -> None:
        """Open the port of a gateway that is down."""
        self._gateways[index].up()

    def fault(self, index: int, kind: str | None) -> None:
        """Make a gateway respond to every request with one of ``FAULTS``; None makes it work again."""
        if kind is None:
            self._faults.pop(index, None)
        else:
            self._faults[index] = FAULTS[kind]

    def fault_next_write(self, kind: str, times: int = 1) -> None:
        """
        Make the next requests that change something fail.

        The kinds are ``lost_after``: accepted, then the connection is cut; ``lost_before``: the connection is
        cut and nothing is accepted; ``unavailable``: 503, nothing is accepted; ``slow``: accepted, and
        answered after ``slow_seconds``; ``late``: accepted and answered after ``slow_seconds``;
        ``timeout_after``: 504 FABRIC_E_TIMEOUT, though accepted.

        :raises ValueError: ``kind`` is invalid
        """
        self.write_faults.add(kind, times)

    def requests_of(self, index: int) -> int:
        """Return how many requests a gateway has received."""
        return self._gateways_used.count(index)

    def pause(self) -> None:
        """Wait for ``slow_seconds``, or until :meth:`stop`."""
        self._stopping.wait(self.slow_seconds)

    def _handle(self, index: int, request: HttpRequest) -> HttpResponse:
        """Return a gateway's response. This blocks while it is slow or requests a certificate."""
        self.requests.append(request.line)
        self._gateways_used.append(index)
        response = self._faults.get(index) or self.security.respond(request) or self._answer(index, request)
        if response.slow:
            self.pause()
        return response

    def _answer(self, index: int, request: HttpRequest) -> HttpResponse:
        """Return the response to a client that is accepted."""
        if request.method == "GET":
            return self.respond(request.target)
        api_request = ApiRequest(
            request.method,
            request.target,
            request.body,
            request.content_range,
            self.urls[index],
            self.security.thumbprint(request),
        )
        if is_read(api_request) or is_reset(api_request):
            return self.change(api_request)
        return self.write_faults.respond(api_request, self.change)
