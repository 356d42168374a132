"""
How long it takes to read a response of 1 MiB about 100 nodes: ``python benchmarks/read_progress.py``.

It is compared with the standard library, which parses the same bytes as JSON, and with Microsoft's client
(package azure-servicefabric, if installed), which creates its model from them.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.upgrades import UpgradeProgress

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = 100
ROUNDS, TIMES = 5, 10
MOST_MILLISECONDS = 5.0

PARTITION = "3f2b7c1e-0000-4000-8000-{:012d}"


def checks(node: int, many: int) -> list[dict[str, Any]]:
    """Return the pending safety checks of a node."""
    return [
        {
            "SafetyCheck": {
                "Kind": "EnsurePartitionQuorum",
                "PartitionId": PARTITION.format(node * many + number),
            }
        }
        for number in range(many)
    ]


def unhealthy(number: int) -> dict[str, Any]:
    """Return the evaluation of a partition, with its event."""
    event = {
        "SourceId": "System.FM",
        "Property": "State",
        "HealthState": "Error",
        "Description": f"Partition {number} is below its target of replicas. " + "More words about it. " * 5,
    }
    innermost = {"Kind": "Event", "AggregatedHealthState": "Error", "UnhealthyEvent": event}
    partition = {
        "Kind": "Partition",
        "AggregatedHealthState": "Error",
        "PartitionId": PARTITION.format(number),
        "UnhealthyEvaluations": [{"HealthEvaluation": innermost}],
    }
    return {"HealthEvaluation": partition}


def answer(many_checks: int, many_evaluations: int) -> dict[str, Any]:
    """Return the progress of a classic application: its upgrade is in a domain of 100 nodes."""
    nodes = [
        {
            "NodeName": f"_node_{node}",
            "UpgradePhase": "PreUpgradeSafetyCheck",
            "PendingSafetyChecks": checks(node, many_checks),
        }
        for node in range(NODES)
    ]
    service = {
        "Kind": "Service",
        "AggregatedHealthState": "Error",
        "ServiceName": "fabric:/shop/web",
        "UnhealthyEvaluations": [unhealthy(number) for number in range(many_evaluations)],
    }
    return {
        "Name": "fabric:/shop",
        "TypeName": "ShopType",
        "TargetApplicationTypeVersion": "2.0.0",
        "UpgradeDomains": [{"Name": f"UD{domain}", "State": "Pending"} for domain in range(NODES)],
        "UpgradeState": "RollingForwardInProgress",
        "RollingUpgradeMode": "Monitored",
        "StartTimestampUtc": "2026-03-01T03:00:00.000Z",
        "CurrentUpgradeDomainProgress": {"DomainName": "UD0", "NodeUpgradeProgressList": nodes},
        "UnhealthyEvaluations": [{"HealthEvaluation": service}],
    }


def of_one_mib(grow: Callable[[int], dict[str, Any]]) -> str:
    """Return a response that grows until it has 1 MiB."""
    many = 1
    while len(written := json.dumps(grow(many))) < 1 << 20:
        many += max(1, many * ((1 << 20) - len(written)) // len(written))
    return written


def milliseconds(work: Callable[[], object]) -> list[float]:
    """Return the mean time of each round."""
    means = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(TIMES):
            work()
        means.append((time.perf_counter() - began) / TIMES * 1_000)
    return means


def peer() -> Callable[[str], object] | None:
    """Return the function with which Microsoft's client reads a response; None if it is not installed."""
    if find_spec("azure") is None or find_spec("azure.servicefabric") is None:
        return None
    from azure.servicefabric import models  # noqa: PLC0415 - a tool of development only
    from msrest import Deserializer  # noqa: PLC0415

    classes = {name: cls for name, cls in vars(models).items() if isinstance(cls, type)}
    read = Deserializer(classes)  # type: ignore[no-untyped-call]  # Microsoft's client has no types
    return lambda written: read("ApplicationUpgradeProgressInfo", json.loads(written))


def print_row(what: str, means: list[float]) -> float:
    """Print the figures and return their median."""
    median = statistics.median(means)
    print(f"  {what:<24} {median:8.2f} ms   rounds: {', '.join(f'{mean:.2f}' for mean in means)}")
    return median


def main() -> int:
    """Measure, and fail if reading takes too long."""
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors")
    print(f"median and means of {ROUNDS} rounds of {TIMES}")
    slowest, microsoft = 0.0, peer()
    grown = {
        "safety checks": of_one_mib(lambda many: answer(many, 1)),
        "evaluations": of_one_mib(lambda many: answer(1, many)),
        "both": of_one_mib(lambda many: answer(many, many * 40)),
    }
    for what, written in grown.items():
        print(f"{what}: {len(written)} bytes")
        answer_object = json.loads(written)
        provider = print_row(
            "from_answer",
            milliseconds(partial(UpgradeProgress.from_answer, "application", "shop", answer_object)),
        )
        parsed = print_row("json.loads", milliseconds(partial(json.loads, written)))
        print(f"  {'both, to json.loads':<24} {(provider + parsed) / parsed:8.2f}")
        if microsoft is not None:
            peer_time = print_row("azure-servicefabric", milliseconds(partial(microsoft, written)))
            print(f"  {'both, to the client':<24} {(provider + parsed) / peer_time:8.2f}")
        slowest = max(slowest, provider)
    print(f"slowest: {slowest:.2f} ms of {MOST_MILLISECONDS:.0f}")
    return int(slowest > MOST_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
