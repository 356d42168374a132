"""Read the values in the JSON of a request as a cluster reads them, and write them. No I/O."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest.json_values import seconds
from airflow_provider_sf.simulator.responses import INVALID, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_INFINITE = "P10675199DT2H48M5.4775807S"
_DURATION = re.compile(r"\d+|P(?=.)(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def read_parameters(value: object) -> dict[str, str]:
    """
    Read a list of keys and values.

    :raises Refusal: it is not such a list
    """
    if value is None:
        return {}
    if not isinstance(value, list):
        raise Refusal(INVALID)
    pairs = [read_object(pair) for pair in value]
    if not all(isinstance(pair.get(key), str) for pair in pairs for key in ("Key", "Value")):
        raise Refusal(INVALID)
    return {pair["Key"]: pair["Value"] for pair in pairs}


def parameter_list(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    """Return parameters as a list of keys and values."""
    return [{"Key": key, "Value": value} for key, value in parameters.items()]


def read_health_policy(value: object) -> dict[str, Any] | None:
    """
    Read ApplicationHealthPolicy, and add its defaults.

    :raises Refusal: it is invalid
    """
    if value is None:
        return None
    policy = read_object(value)
    services = policy.get("ServiceTypeHealthPolicyMap", [])
    if not isinstance(services, list):
        raise Refusal(INVALID)
    return {
        "ConsiderWarningAsError": read_boolean(policy.get("ConsiderWarningAsError", False)),
        "MaxPercentUnhealthyDeployedApplications": _percent(
            policy.get("MaxPercentUnhealthyDeployedApplications", 0)
        ),
        "DefaultServiceTypeHealthPolicy": _service_policy(policy.get("DefaultServiceTypeHealthPolicy")),
        "ServiceTypeHealthPolicyMap": [
            {"Key": read_object(item).get("Key"), "Value": _service_policy(read_object(item).get("Value"))}
            for item in services
        ],
    }


def read_percents(value: object, *keys: str) -> dict[str, int]:
    """
    Read the percentages of a policy; 0 is their default.

    :raises Refusal: one is invalid
    """
    policy = read_object(value)
    return {key: _percent(policy.get(key, 0)) for key in keys}


_SERVICE_PERCENTS = (
    "MaxPercentUnhealthyPartitionsPerService",
    "MaxPercentUnhealthyReplicasPerPartition",
    "MaxPercentUnhealthyServices",
)


def _service_policy(value: object) -> dict[str, int]:
    return read_percents({} if value is None else value, *_SERVICE_PERCENTS)


def duration_text(value: float) -> str:
    """ApiRequest a duration as the gateway does: hours, minutes and seconds, and days if there are any."""
    if value == math.inf:
        return _INFINITE
    minutes, rest = divmod(value, 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    return f"P{f'{days}D' if days else ''}T{hours}H{minutes}M{rest:.6g}S"


def read_duration(value: object) -> float:
    """
    Read a duration in seconds. A number in text is milliseconds.

    :raises Refusal: it is no duration
    """
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise Refusal(INVALID)
    found = seconds(value)
    return math.inf if found is None else found


def read_object(value: object) -> dict[str, Any]:
    """
    Read an object.

    :raises Refusal: it is another value
    """
    if not isinstance(value, dict):
        raise Refusal(INVALID)
    return value


def read_boolean(value: object) -> bool:
    """
    Read true or false.

    :raises Refusal: it is another value
    """
    if not isinstance(value, bool):
        raise Refusal(INVALID)
    return value


def read_integer(value: object, limit: int) -> int:
    """
    Read a whole number from 0 to a limit.

    :raises Refusal: it is another value
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
        raise Refusal(INVALID)
    return value


def _percent(value: object) -> int:
    return read_integer(value, 100)
