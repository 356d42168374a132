"""The stub: a child process with gateways, and how to reach them."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.certificates import Authority
from benchmarks.child import Child

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach a gateway: its origin, and the files of both sides' certificates."""

    origin: str
    certificate: str = ""
    key: str = ""
    authority: str = ""

    @property
    def extra(self) -> dict[str, str]:
        """The extra fields of a connection of this provider."""
        if not self.certificate:
            return {}
        return {
            "security": "certificate",
            "client_certificate": self.certificate,
            "private_key": self.key,
            "ca_bundle": self.authority,
        }

    @property
    def connection(self) -> str:
        """The connection as the value of ``AIRFLOW_CONN_...``."""
        return json.dumps({"conn_type": "service_fabric", "host": self.origin, "extra": self.extra})

    @property
    def http_connection(self) -> str:
        """The connection of the HTTP provider, which has no fields for certificates."""
        return json.dumps({"conn_type": "http", "host": self.origin})

    def to_dict(self) -> dict[str, str]:
        """Return the keywords that create it again in another process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the stub has counted, and when it was asked."""

    at: float
    requests: int
    connections: int
    handshakes: int
    open: int
    peak: int


class Stub:
    """
    A running stub. Use it in a ``with`` statement.

    :param mutual: whether it uses TLS and requires a client certificate
    :param gateways: the number of its ports
    :param hung: how many gateways, the last ones, accept connections and never answer
    """

    def __init__(self, *, mutual: bool, gateways: int = 1, hung: int = 0) -> None:
        self._mutual = mutual
        self._gateways = gateways
        self._hung = hung
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        files = {"authority": "", "server": "", "client": "", "key": ""}
        if self._mutual:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
            files = _write_certificates(Path(folder))
        self._child = self._stack.enter_context(Child("stub_server"))
        ports = self._child.ask(
            "listen",
            certificate=files["server"],
            authority=files["authority"],
            gateways=self._gateways,
            hung=self._hung,
        )["ports"]
        scheme, shown = "https" if self._mutual else "http", (files["client"], files["key"])
        self.ways = [Way(f"{scheme}://127.0.0.1:{port}", *shown, files["authority"]) for port in ports]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def way(self) -> Way:
        """How to reach its first gateway."""
        return self.ways[0]

    @property
    def connections(self) -> dict[str, str]:
        """The connections of a child that uses the first gateway."""
        return {"bench": self.way.connection, "http_bench": self.way.http_connection}

    def counts(self) -> Counts:
        """Return the counts."""
        return Counts(**self._child.ask("counts"))

    def arrivals(self) -> dict[str, list[float]]:
        """Return the times of the answered requests for each name, by the clock that all processes share."""
        arrivals: dict[str, list[float]] = self._child.ask("arrivals")["arrivals"]
        return arrivals

    def forget(self) -> None:
        """Reset the counts."""
        self._child.ask("forget")

    def stall(self, seconds: float) -> float:
        """Stop answering for this time, and return when that started."""
        return self._at("stall", seconds=seconds)

    def complete(self, *names: str) -> float:
        """Complete upgrades, and return when."""
        return self._at("complete", names=names)

    def advance(self, percent: int, *names: str) -> float:
        """Let upgrades make progress, and return when."""
        return self._at("advance", names=names, percent=percent)

    def set_mode(self, gateway: int, mode: str) -> float:
        """Let a gateway fail or return, and return when. The modes are in :mod:`benchmarks.flapping`."""
        return self._at("set_mode", gateway=gateway, mode=mode)

    def _at(self, what: str, **about: Any) -> float:
        at: float = self._child.ask(what, **about)["at"]
        return at


def _write_certificates(folder: Path) -> dict[str, str]:
    """Write the files of both sides into a folder, and return their paths."""
    authority = Authority()
    server, client = authority.server(), authority.client()
    files = {
        "authority": authority.pem,
        "server": server.pem + server.key_pem,
        "client": client.pem,
        "key": client.key_pem,
    }
    for name, content in files.items():
        path = folder / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(content)
    return {name: str(folder / f"{name}.pem") for name in files}
