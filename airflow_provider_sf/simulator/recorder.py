"""
The recorder: it polls a real cluster and writes what it answers to a file, without secrets.

It is no proxy between a client and the cluster. So it sends GET requests only, opens no port, needs only the
rights of a reader, and no release or sensor depends on it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_sf import __version__
from airflow_provider_sf.recordings.exchanges import Exchange, Header, exchange_of
from airflow_provider_sf.recordings.lines import exchange_line, header_line
from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.bodies import json_document
from airflow_provider_sf.rest.protocol import CLUSTER_VERSION, request_for
from airflow_provider_sf.upgrades import UpgradeProgress
from airflow_provider_sf.upgrades.applications import APPLICATION
from airflow_provider_sf.upgrades.kinds import APPLICATION_HEALTH, APPLICATION_PROGRESS, get_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Call, Request, Response


@dataclass(frozen=True, slots=True)
class Target:
    """What is recorded: a kind of upgrade and a name, empty for the kinds of the cluster itself."""

    kind: str
    name: str = ""

    @property
    def progress(self) -> Call:
        """The call that is sent in each round."""
        return get_kind(self.kind).progress

    @property
    def details(self) -> tuple[Call, ...]:
        """The calls that are sent when the upgrade has moved."""
        if self.progress is APPLICATION_PROGRESS:
            return APPLICATION, APPLICATION_HEALTH
        return get_kind(self.kind).failure_calls


class RecordingFile:
    """
    A new file that only its owner can read.

    :raises FileExistsError: the file exists
    """

    def __init__(self, path: Path, interval: float) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self.exchanges = 0
        self._write(header_line(Header(__version__, interval)))

    def add(self, exchange: Exchange) -> None:
        """Write the line of an exchange."""
        self._write(exchange_line(exchange))
        self.exchanges += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, line: str) -> None:
        """Write a line. If that is interrupted, or the disk is full, remove the part that was written."""
        rest = line.encode()
        before = os.fstat(self._descriptor).st_size
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException:
            os.ftruncate(self._descriptor, before)
            raise


class Recorder:
    """
    Asks a cluster about upgrades, round by round.

    :param clock: returns the time of an answer
    """

    def __init__(self, cluster: Cluster, targets: tuple[Target, ...], clock: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._targets = targets
        self._clock = clock
        self._pseudonyms = Pseudonyms()
        self._positions: dict[Target, object] = {}

    def version(self) -> Exchange:
        """
        Ask for the version of the cluster.

        :raises ServiceFabricError: there is no answer, or it is refused
        """
        response = self._cluster.send(self._request(CLUSTER_VERSION, ""))
        self._cluster.read(response)
        return self._exchange(response, CLUSTER_VERSION, "")

    def round(self) -> Iterator[Exchange]:
        """Ask about each target once; ask for details if it has moved. Errors are exchanges, too."""
        for target in self._targets:
            response, exchange = self._ask(target.progress, target.name)
            yield exchange
            position = _position(target, response)
            if self._positions.get(target) != position:
                self._positions[target] = position
                for call in target.details:
                    yield self._ask(call, target.name)[1]

    def _ask(self, call: Call, name: str) -> tuple[Response | None, Exchange]:
        try:
            response = self._cluster.send(self._request(call, name))
        except ServiceFabricError as error:
            shown = self._pseudonyms.name(name)
            return None, Exchange(self._clock(), call.path, shown, error=type(error).__name__)
        return response, self._exchange(response, call, name)

    def _request(self, call: Call, name: str) -> Request:
        cluster = self._cluster
        return request_for(call, name, api_version=cluster.api_version, timeout=cluster.server_timeout)

    def _exchange(self, response: Response, call: Call, name: str) -> Exchange:
        return exchange_of(response, call, name, self._pseudonyms, self._clock())


def _position(target: Target, response: Response | None) -> object:
    """Return a value that changes when the upgrade moves; None without an answer."""
    document = json_document(response.body) if response else None
    if response is None or not isinstance(document, dict):
        return None
    return response.status, UpgradeProgress.from_answer(target.kind, target.name, document).position
