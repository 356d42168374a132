"""
Check single values of a release when they are set, and write durations as Service Fabric reads them. No I/O.

Every check raises ValueError; the message names the parameter, the value and the fix.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_sf.rest.plain_text import shorten_repr

NO_LIMIT = 4_294_967_295
"""How the gateway writes a number of seconds without limit."""

_INFINITE = "P10675199DT2H48M5.4775807S"
"""How the runtime writes a duration without limit: TimeSpan::MaxValue."""

_MAX_DURATION = timedelta(days=10_000_000)
"""The runtime counts 100 ns in 64 bits; longer durations overflow."""

_MAX_PERCENT = 100

_MAX_WORD_LENGTH = 256
"""For names and versions of types: MaxApplicationTypeNameLength of microsoft/service-fabric."""


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices."""
    if value not in choices:
        msg = f"{name} must be one of {', '.join(map(repr, choices))}, not {shorten_repr(value)}"
        raise ValueError(msg)


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False: the text 'false' is true in Python."""
    if not isinstance(value, bool):
        msg = f"{name} must be True or False, not {shorten_repr(value)}"
        raise ValueError(msg)  # noqa: TRY004 - one error for all invalid values


def check_percent(name: str, value: object) -> None:
    """Refuse a value that is no percentage."""
    if type(value) is not int or not 0 <= value <= _MAX_PERCENT:
        msg = f"{name} must be a whole number from 0 to 100, not {shorten_repr(value)}"
        raise ValueError(msg)


def check_duration(name: str, value: object) -> None:
    """Refuse a value that is no timedelta: the unit of a number would be a guess. Refuse negative ones."""
    if not isinstance(value, timedelta):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        example = f"timedelta(seconds={value:g})" if is_number else "timedelta(seconds=60)"
        msg = f"{name} must be a timedelta, for example {example}, not {shorten_repr(value)}"
        raise ValueError(msg)  # noqa: TRY004 - one error for all invalid values
    if not timedelta(0) <= value <= _MAX_DURATION:
        msg = f"{name} must be from 0 s to {_MAX_DURATION.days} days, not {value}"
        raise ValueError(msg)


def check_whole_seconds(name: str, value: object, *, minimum: int = 0) -> None:
    """Refuse a duration that is not a number of whole seconds, as these members of a request are."""
    check_duration(name, value)
    if isinstance(value, timedelta) and (
        value % timedelta(seconds=1) or not minimum <= value.total_seconds() < NO_LIMIT
    ):
        msg = f"{name} must be whole seconds from {minimum} to {NO_LIMIT - 1}, not {value.total_seconds()} s"
        raise ValueError(msg)


def check_word(name: str, value: object) -> None:
    """Refuse what cannot be the name or the version of a type: MaxApplicationTypeNameLength, and no colon."""
    if not isinstance(value, str) or not value.isprintable() or value.strip() in {"", "None"}:
        msg = f"{name} must be a string that is not empty, not {shorten_repr(value)}"
        raise ValueError(msg)
    if len(value) > _MAX_WORD_LENGTH or ":" in value or value != value.strip():
        msg = (
            f"{name} must have at most {_MAX_WORD_LENGTH} characters, no colon and no blanks around it, not "
            f"{shorten_repr(value)}"
        )
        raise ValueError(msg)


def iso_duration(duration: timedelta | None) -> str:
    """
    Write a duration in ISO 8601, such as ``PT120S``; None is without limit.

    The gateway reads a bare number as milliseconds. It refuses exponents, and texts without T such as P1D:
    TimeSpan::TryFromIsoString of microsoft/service-fabric.
    """
    if duration is None:
        return _INFINITE
    seconds, microseconds = divmod(duration // timedelta(microseconds=1), 1_000_000)
    fraction = f".{microseconds:06}".rstrip("0") if microseconds else ""
    return f"PT{seconds}{fraction}S"


def whole_seconds(duration: timedelta) -> int:
    """Return the seconds of a duration."""
    return duration // timedelta(seconds=1)


def milliseconds(duration: timedelta) -> int:
    """Return the milliseconds of a duration."""
    return duration // timedelta(milliseconds=1)
