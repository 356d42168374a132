"""
Read and check the parameters that users set in a DAG file. No I/O.

Every function raises ValueError for an invalid value; the message names the parameter, the value and the fix.
"""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sf.rest.plain_text import shorten_repr
from airflow_provider_sf.rest.url_names import fill_path
from airflow_provider_sf.upgrades.kinds import get_kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    _Init = TypeVar("_Init", bound=Callable[..., None])

SELECTOR_PARAMETERS = ("previous", "started_after", "target_version")
"""The parameters that select the expected upgrade."""

_MAX_SECONDS = 1e9


class InvalidParameterError(ValueError):
    """A parameter in a DAG file is invalid. The message begins with the id of the task."""


def naming_task(init: _Init) -> _Init:
    """
    Let the errors of an operator's ``__init__`` begin with the id of its task.

    Airflow's banner of import errors shows two frames of the traceback: not the line in the DAG file.
    """

    @wraps(init)
    def checked(self: object, *arguments: Any, **keywords: Any) -> None:
        try:
            init(self, *arguments, **keywords)
        except InvalidParameterError:  # of the class above
            raise
        except ValueError as error:
            msg = f"task {keywords.get('task_id')!r}: {error}"
            raise InvalidParameterError(msg) from None

    return checked  # type: ignore[return-value]  # wraps() gives it the signature of init


def read_seconds(parameter: str, value: object) -> float:
    """Read a duration: a number of seconds or a timedelta."""
    read = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(read, bool) or not isinstance(read, (int, float)) or not 0 <= read <= _MAX_SECONDS:
        msg = f"{parameter} must be a timedelta or a number of seconds, not {shorten_repr(value)}"
        raise ValueError(msg)
    return float(read)


def read_choice(parameter: str, value: str, choices: tuple[str, ...]) -> str:
    """Read a value that must be one of the choices."""
    if value not in choices:
        msg = f"{parameter} must be {' or '.join(map(repr, choices))}, not {shorten_repr(value)}"
        raise ValueError(msg)
    return choices[choices.index(value)]


def read_on_paused(value: str, choices: tuple[str, ...] = ("wait", "fail")) -> str:
    """Read what a task does at a pause; only some operators may ask a person."""
    if value == "ask" and value not in choices:
        msg = (
            "on_paused='ask' is only for ServiceFabricUpgradeApplicationOperator, which can do what a person "
            "answers; set on_paused to 'wait' or 'fail'"
        )
        raise ValueError(msg)
    return read_choice("on_paused", value, choices)


def read_choices(parameter: str, values: object, choices: tuple[str, ...]) -> list[str]:
    """Read one or more values that must be of the choices; return them in the order of the choices."""
    read = [str(value) for value in values] if isinstance(values, (list, tuple, set, frozenset)) else []
    if not read or not set(read) <= set(choices):
        msg = f"{parameter} must be a list of {' or '.join(map(repr, choices))}, not {shorten_repr(values)}"
        raise ValueError(msg)
    return [choice for choice in choices if choice in read]


def check_selector_parameters(kind: str, parameters: Iterable[str]) -> None:
    """Refuse a parameter that cannot distinguish upgrades of a kind."""
    if "started_after" in parameters and "started_at" not in get_kind(kind).keys:
        msg = (
            f"started_after is not supported for kind {kind!r}: Service Fabric does not report when such an "
            "upgrade started; use previous"
        )
        raise ValueError(msg)


def check_accept_current_version(target_version: object, *, accept_current_version: bool) -> None:
    """Refuse to accept the current version if no version is set."""
    if accept_current_version and target_version is None:
        msg = "accept_current_version needs target_version: set it to the version to accept"
        raise ValueError(msg)


def check_reschedule_mode(kind: str, stall_timeout: float | None, parameters: Sequence[str]) -> None:
    """Refuse parameters that need state from earlier polls: reschedule mode keeps none."""
    if stall_timeout is not None:
        msg = "stall_timeout is not supported in reschedule mode, which keeps no state: use deferrable=True"
        raise ValueError(msg)
    if get_kind(kind).is_multi_phase and "previous" not in parameters:
        msg = (
            f"kind {kind!r} needs previous in reschedule mode, which keeps no state: without it, a completed "
            "phase cannot be distinguished from a completed upgrade; set previous, or use deferrable=True"
        )
        raise ValueError(msg)
    if list(parameters) == ["target_version"]:
        msg = (
            "target_version alone is not supported in reschedule mode, which keeps no state: "
            "use deferrable=True, or set previous or started_after, too"
        )
        raise ValueError(msg)


def check_poke_interval(poke_interval: float, max_wait: timedelta | None, *, deferrable: bool) -> None:
    """Refuse pauses that are not positive."""
    if max_wait is not None and not max_wait > timedelta(0):
        msg = f"max_wait must be more than 0 s, not {max_wait}"
        raise ValueError(msg)
    if deferrable and not poke_interval > 0:
        msg = f"poke_interval must be more than 0 s if deferrable=True, not {poke_interval:g} s"
        raise ValueError(msg)


def check_asset(name: object, service_fabric_conn_id: object) -> None:
    """Refuse what is no text, and templates, which Airflow does not render in an asset."""
    for parameter, value in (("name", name), ("service_fabric_conn_id", service_fabric_conn_id)):
        if not isinstance(value, str) or is_rendered_later(value):
            msg = f"{parameter} of an asset must be a text without a template, not {shorten_repr(value)}"
            raise ValueError(msg)


def check_stall_timeout(stall_timeout: float | None) -> None:
    """Refuse a stall timeout that expires at once."""
    if stall_timeout == 0:
        msg = "stall_timeout must be more than 0 s: every upgrade pauses for a moment"
        raise ValueError(msg)


MAX_REQUEST_SECONDS = 600.0
"""Service Fabric refuses a longer time limit: the setting MaxOperationTimeout of NamingService."""


def check_request_timeout(seconds: float) -> float:
    """Refuse a time limit of a request that the cluster would refuse."""
    if not 1 <= seconds <= MAX_REQUEST_SECONDS:
        msg = f"request_timeout must be from 1 to {MAX_REQUEST_SECONDS:g} seconds, not {seconds:g}"
        raise ValueError(msg)
    return seconds


def kind_when_parsed(name: Any, kind: Any) -> str | None:
    """Return the kind of a task when the DAG is parsed; None if Airflow renders later what decides it."""
    is_later = is_rendered_later(name if kind is None else kind)
    return None if is_later else kind_of(name, kind)


def check_name(kind: str, name: Any) -> None:
    """
    Check kind and name when the DAG is parsed. A template or an XComArg is checked when it is rendered.

    :raises ValueError: the kind is not supported, or the name is invalid for it, see :func:`fill_path`
    """
    row = get_kind(kind)
    if not (row.takes_name and is_rendered_later(name)):
        fill_path(row.progress.path, name)


def check_changeable_kind(kind: str, kinds: tuple[str, ...] = ("application", "compose_deployment")) -> str:
    """Refuse a kind that the calls of an operator do not change."""
    if kind not in kinds:
        msg = f"kind must be {' or '.join(map(repr, kinds))}, not {shorten_repr(kind)}"
        raise ValueError(msg)
    return kind


def is_rendered_later(value: object) -> bool:
    """Whether Airflow replaces a value before the task runs: an XComArg or a template."""
    return hasattr(value, "resolve") or any(mark in str(value) for mark in ("{{", "{%", "{#"))
