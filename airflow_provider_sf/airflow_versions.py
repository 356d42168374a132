"""What differs between the supported versions of Airflow: the table of docs/reference/airflow_versions.md."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from airflow import __version__


def major_and_minor(version: str) -> tuple[int, int]:
    """Return ``(3, 4)`` for ``3.4.0b2``."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


INSTALLED = major_and_minor(__version__)


@dataclass(frozen=True, slots=True)
class Feature:
    """
    Something that Airflow has from a version on.

    ``what`` is what this provider offers with it, ``before`` what it does on an older Airflow.
    """

    since: tuple[int, int]
    what: str
    before: str

    @property
    def is_available(self) -> bool:
        """Whether the installed Airflow has it."""
        return self.since <= INSTALLED


TASK_SDK = Feature(
    (3, 0),
    "A task asks Airflow's API server for the states of other tasks and the date of its first process",
    "It reads Airflow's database",
)
ASSET_WATCHERS = Feature(
    (3, 0),
    "A DAG can be scheduled on the ends of upgrades, also of those that Airflow did not start",
    "`upgrade_asset` is refused when the DAG file is parsed",
)
QUESTIONS = Feature(
    (3, 1),
    "The gate asks a person, under *Required Actions*",
    "The parameters that ask a person are refused when the DAG file is parsed",
)
UPGRADE_PAGE = Feature(
    (3, 1),
    "Airflow's UI has a page of upgrades, and each task that waits links to it",
    "There is no page",
)
RUN_STARTED_BY = Feature(
    (3, 1),
    "The release record names the user who triggered the run",
    "`started_by` is null",
)
FORM_WITHOUT_HOOK = Feature(
    (3, 2),
    "The connection form comes from the description of the provider",
    "It comes from the hook, without the extra fields: write them as JSON under *Extra*",
)
COMMANDS = Feature(
    (3, 2),
    "`airflow service-fabric status` and `airflow service-fabric wait` use the connections of Airflow",
    "These commands do not exist: use `sf-wait`",
)
AWAITING_INPUT = Feature(
    (3, 3),
    "A question waits in the state `awaiting_input`, without a triggerer",
    "The task is deferred, and a triggerer looks for the answer every 5 seconds",
)
TASK_STATE_STORE = Feature(
    (3, 3),
    "A retry knows which upgrade the tries before it expected or started, and what a gate has decided",
    "It knows nothing of them, and the stricter result counts",
)
XCOM_IN_TRIGGERS = Feature(
    (3, 3),
    "The XComs of a deferred task follow the upgrade, and all timeouts survive a restart of the triggerer",
    "The XComs are pushed before the deferral and at the end. After a restart some timeouts begin again",
)
WATCH_STATE = Feature(
    (3, 3),
    "A watch survives a restart of the triggerer: no end is lost",
    "A restart begins a new watch: an upgrade that ends before it has no event",
)
CANCELLED_TRIGGERS = Feature(
    (3, 3),
    "The log says that a person has cleared or marked a deferred task",
    "The log says nothing",
)

FEATURES = (
    TASK_SDK,
    ASSET_WATCHERS,
    QUESTIONS,
    UPGRADE_PAGE,
    RUN_STARTED_BY,
    FORM_WITHOUT_HOOK,
    COMMANDS,
    AWAITING_INPUT,
    TASK_STATE_STORE,
    XCOM_IN_TRIGGERS,
    WATCH_STATE,
    CANCELLED_TRIGGERS,
)

MOVED = {
    "mask_secret": (
        "airflow.sdk.log",
        "airflow.sdk.execution_time.secrets_masker",
        "airflow.utils.log.secrets_masker",
    ),
    "redact": (
        "airflow.sdk._shared.secrets_masker",
        "airflow.sdk.execution_time.secrets_masker",
        "airflow.utils.log.secrets_masker",
    ),
}
"""
The modules of functions that Airflow has moved, the newest first.

All other names come from ``airflow.providers.common.compat.sdk``; its oldest supported version lacks these.
"""


def moved(name: str) -> Any:
    """
    Return a function of :data:`MOVED` from the first module that has it.

    :raises ImportError: no module has it
    """
    for module in MOVED[name]:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):  # noqa: PERF203 - it is the purpose of the loop
            continue
    msg = f"this version of Airflow has no {name}: update airflow-provider-sf"
    raise ImportError(msg)
