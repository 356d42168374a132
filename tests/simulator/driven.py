"""A simulated cluster without a network, driven by commands; the test sets the time."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_sf.simulator.cluster import SimulatedCluster
from airflow_provider_sf.simulator.commands import ApiRequest
from airflow_provider_sf.simulator.server import RUNTIME_VERSION

START = 1_772_334_000.0
"""2026-03-01T03:00:00Z."""

NAME = "fabric:/idle-shop/web"
LETTERS = {"Completed": "C", "InProgress": "I", "Pending": "P"}
MONITORED = {"RollingUpgradeMode": "Monitored", "MonitoringPolicy": {"FailureAction": "Rollback"}}
MANUAL = {"RollingUpgradeMode": "UnmonitoredManual"}


class Driven:
    """A cluster at ``second``. Commands are about ``fabric:/idle-shop/web`` by default."""

    def __init__(
        self, name: str = NAME, *, scenarios: dict[str, str] | None = None, start_delay: float = 0.0
    ) -> None:
        self.second = 0.0
        self.name = name
        self.simulator = SimulatedCluster(
            speed=1.0,
            cluster_scenario="good",
            runtime_version=RUNTIME_VERSION,
            clock=lambda: START + self.second,
            scenarios=scenarios,
            start_delay=start_delay,
        )

    @property
    def id(self) -> str:
        return self.name.removeprefix("fabric:/").replace("/", "~")

    @property
    def calls(self) -> list[str]:
        return [command.call for command in self.simulator.journal]

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str = "6.0",
        content_range: str = "",
        **query: str,
    ) -> tuple[int, Any]:
        """Return the status, and the code of an error or the JSON of the answer."""
        target = "&".join(
            [f"{path}?api-version={version}", *(f"{key}={value}" for key, value in query.items())]
        )
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if method == "GET":
            response = self.simulator.respond(target)
        else:
            response = self.simulator.change(ApiRequest(method, target, data, content_range))
        answer: Any = json.loads(response.body) if response.body else ""
        return response.status, answer["Error"]["Code"] if response.status >= 400 and answer else answer

    def body(self, target: str = "v1", **members: Any) -> dict[str, Any]:
        """Return the body of a start, monitored by default."""
        return {
            "UpgradeKind": "Rolling",
            "Name": self.name,
            "TargetApplicationTypeVersion": target,
            "Parameters": [],
            **MONITORED,
            **members,
        }

    def start(self, target: str = "v1", **members: Any) -> tuple[int, Any]:
        return self.post("Upgrade", self.body(target, **members))

    def post(self, call: str, body: object = None) -> tuple[int, Any]:
        return self.send("POST", f"/Applications/{self.id}/$/{call}", body)

    def update(self, **changes: Any) -> tuple[int, Any]:
        body = {"Name": self.name, "UpgradeKind": "Rolling", "UpdateDescription": changes}
        return self.post("UpdateUpgrade", body)

    def resume(self, domain: str) -> tuple[int, Any]:
        return self.post("MoveToNextUpgradeDomain", {"UpgradeDomainName": domain})

    def rollback(self) -> tuple[int, Any]:
        return self.post("RollbackUpgrade")

    def progress(self) -> dict[str, Any]:
        status, answer = self.send("GET", f"/Applications/{self.id}/$/GetUpgradeProgress")
        assert status == 200
        return dict(answer)

    def application(self) -> dict[str, Any]:
        status, answer = self.send("GET", f"/Applications/{self.id}")
        assert status == 200
        return dict(answer)

    def look(self) -> tuple[str, str, str, str]:
        """Return the state, the target version, the mode, and the first letters of the domains."""
        progress = self.progress()
        return (
            progress["UpgradeState"],
            progress["TargetApplicationTypeVersion"],
            progress["RollingUpgradeMode"],
            "".join(LETTERS[domain["State"]] for domain in progress["UpgradeDomains"]),
        )

    def deployed(self) -> tuple[str, str, dict[str, str]]:
        """Return the version, the status and the parameters of the application."""
        application = self.application()
        parameters = {pair["Key"]: pair["Value"] for pair in application["Parameters"]}
        return application["TypeVersion"], application["Status"], parameters
