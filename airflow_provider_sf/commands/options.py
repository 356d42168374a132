"""The options of the commands, as tables. Each command of Airflow imports this module: it imports little."""

from __future__ import annotations

import argparse
import re
from typing import Any

from airflow_provider_sf.auth.connection_form import SETTINGS
from airflow_provider_sf.wait import defaults

Options = dict[str, dict[str, Any]]
"""Flag -> the keywords of ``argparse.ArgumentParser.add_argument``."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def duration(text: str) -> float:
    """Read a duration such as ``90s``, ``45m``, ``2h``, ``1h30m``, or a number of seconds."""
    found = _DURATION.fullmatch(text)
    if not text or not found:
        msg = f"invalid duration {text!r}: write it as 90s, 45m, 2h or 1h30m"
        raise argparse.ArgumentTypeError(msg)
    parts = zip(found.groups(default="0"), (86_400, 3_600, 60, 1), strict=True)
    return sum(float(number) * seconds for number, seconds in parts)


def _limit(seconds: float, text: str) -> dict[str, Any]:
    size = f"{seconds / 3_600:g}h" if seconds % 3_600 == 0 else f"{seconds / 60:g}m"
    return {"type": duration, "default": seconds, "metavar": "TIME", "help": f"{text} ({size})"}


NAME: Options = {
    "name": {
        "nargs": "?",
        "default": "",
        "metavar": "NAME",
        "help": "the application (fabric:/shop/web), the application resource or the compose deployment; "
        "none for the cluster kinds",
    },
    "--kind": {
        "metavar": "KIND",
        "help": "the kind of upgrade: application_resource, application, compose_deployment, cluster or "
        "cluster_configuration (application if NAME begins with fabric:/, else application_resource)",
    },
}

APPLICATION: Options = {
    "name": {"metavar": "NAME", "help": "the classic application, such as fabric:/shop/web"},
}

JSON: Options = {"--json": {"action": "store_true", "help": "print the result as JSON"}}

WAIT: Options = {
    "--previous": {
        "metavar": "FILE",
        "help": "the file with the output of 'sf-wait snapshot' from before the start, or - for the standard "
        "input; only another upgrade is the expected one",
    },
    "--started-after": {
        "metavar": "TIME",
        "help": "the upgrade must not start before this time, such as 2026-03-01T03:00:00Z",
    },
    "--clock-skew": {
        "type": duration,
        "default": defaults.CLOCK_SKEW_SECONDS,
        "metavar": "TIME",
        "help": "the upgrade may start this much before --started-after (60s)",
    },
    "--target-version": {"metavar": "VERSION", "help": "the new version"},
    "--accept-current-version": {
        "action": "store_true",
        "help": "succeed also if --target-version is deployed already and no upgrade runs",
    },
    "--timeout": _limit(defaults.TIMEOUT_SECONDS, "the wait ends after this time; the upgrade goes on"),
    "--start-timeout": _limit(
        defaults.START_TIMEOUT_SECONDS, "the expected upgrade must start within this time"
    ),
    "--stall-timeout": {
        "type": duration,
        "metavar": "TIME",
        "help": "the wait ends if the running upgrade makes no progress for this time (never)",
    },
    "--unknown-state-timeout": _limit(
        defaults.UNKNOWN_STATE_TIMEOUT_SECONDS,
        "the wait ends if Service Fabric reports an unknown state for this time",
    ),
    "--unreachable-timeout": _limit(
        defaults.UNREACHABLE_TIMEOUT_SECONDS,
        "polls are retried for this time while the cluster is unreachable",
    ),
    "--poll-interval": {
        "type": duration,
        "default": defaults.POKE_INTERVAL_SECONDS,
        "metavar": "TIME",
        "help": "the time between two polls (15s)",
    },
    "--on-paused": {
        "choices": ("wait", "fail"),
        "default": defaults.ON_PAUSED,
        "help": "wait until a person resumes a paused upgrade, or end the wait (wait)",
    },
    "--on-rollback": {
        "choices": ("wait", "fail_fast"),
        "default": defaults.ON_ROLLBACK,
        "help": "wait until a rollback has ended, or end the wait when it begins (wait)",
    },
    "--wait-for-existence": {
        "action": "store_true",
        "help": "treat an application that does not exist as not upgraded yet",
    },
}

PLAN: Options = {
    "--target-version": {
        "metavar": "VERSION",
        "required": True,
        "help": "the version to upgrade to; it must be provisioned",
    },
    "--parameters": {
        "metavar": "FILE",
        "help": "a JSON file with the parameters to set: an object of strings; the values are never shown",
    },
    "--parameters-from": {
        "choices": ("application", "manifest"),
        "default": "application",
        "help": "what the other parameters are: their present values, or the defaults of the new version "
        "(application)",
    },
    "--mode": {
        "choices": ("Monitored", "UnmonitoredAuto", "UnmonitoredManual"),
        "default": "Monitored",
        "help": "the mode of the upgrade (Monitored)",
    },
}

_SECRETS = {name for name, setting in SETTINGS.items() if setting.schema.get("format") == "password"} - {
    "private_key"
}
"""They have no option: other users of the machine can see a command line."""

CONNECTION_SETTINGS = tuple(name for name in SETTINGS if name not in {*_SECRETS, "explorer_url"})
"""The settings of a connection that have an option."""

CONN_ID: Options = {
    "--conn-id": {
        "metavar": "ID",
        "default": defaults.DEFAULT_CONN_ID,
        "help": f"the connection to the cluster ({defaults.DEFAULT_CONN_ID})",
    },
}
"""For the commands of Airflow, which read Airflow's connections."""

ENDPOINT: Options = {
    "--endpoint": {
        "metavar": "URL",
        "help": "the HTTP gateway, such as https://mycluster.example.com:19080; or several, with commas",
    },
    "--conn-id": {
        "metavar": "ID",
        "help": f"the connection in the variable AIRFLOW_CONN_ID, with this ID ({defaults.DEFAULT_CONN_ID})",
    },
}

CONNECTION: Options = {
    f"--{name.replace('_', '-')}": {"metavar": "VALUE", "help": SETTINGS[name].description}
    for name in CONNECTION_SETTINGS
}
CONNECTION["--private-key"]["help"] = (
    "The path of a PEM file or of a PFX. A PFX also contains the certificate."
)
