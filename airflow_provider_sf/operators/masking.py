"""Keep secrets out of logs and of Airflow's views. Not for DAG files."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow_provider_sf.airflow_versions import moved
from airflow_provider_sf.rest import ServiceFabricError
from airflow_provider_sf.rest.plain_text import plain_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_SIGNATURES = ("sig=", "token=")
"""The parts of a query that are secrets, alone or in another text."""

_CUT = "..."
"""The end of a text that was cut; a note may follow."""

_SHORTEST_PREFIX = 4
"""Fewer letters at the end of a cut text are no part of a secret that matters."""

mask_secret, _redact = moved("mask_secret"), moved("redact")


def redacted(value: Any) -> Any:
    """Return JSON in which Airflow has replaced each secret that it knows in this process."""
    if isinstance(value, dict):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(redacted, value))
    # Airflow's function stops at a depth: it gets each text on its own.
    return _redact(value) if isinstance(value, str) else value


def mask(secret: str) -> None:
    """Mask a text wherever Airflow shows it, in each form in which it may be written."""
    for form in _forms(secret):
        mask_secret(form)


def mask_values(parameters: object, names: Sequence[str]) -> None:
    """
    Mask the values of these parameters wherever Airflow shows them.

    A text in place of a dict is invalid, but Airflow shows it: it is masked as a whole.
    """
    for secret in [parameters] if isinstance(parameters, str) else secret_values(parameters, names):
        mask(secret)


def secret_values(parameters: object, names: Sequence[str]) -> list[str]:
    """Return the values of these parameters that are set."""
    values = map(parameters.get, names) if isinstance(parameters, dict) else ()
    return [str(value) for value in values if value]


def mask_address(address: str) -> None:
    """Mask the secrets in an address. One that cannot be parsed is masked as a whole."""
    for secret in address_secrets(address):
        mask_secret(secret)


def address_secrets(address: str) -> list[str]:
    """
    Return the query of an address, the signature in it as it is written and decoded, and a password.

    A SAS token is such a query. An address that cannot be parsed is a secret as a whole.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return [address]
    written = [part.partition("=")[2] for part in parts.query.split("&") if part.startswith(_SIGNATURES)]
    found = (parts.query, parts.password, *written, *map(unquote, written))
    return [secret for secret in found if secret]


@contextmanager
def hidden_in_errors(secrets: Iterable[str]) -> Iterator[None]:
    """
    Hide secrets in the error of a request: a cluster may repeat what was sent to it.

    Airflow masks secrets in the log of a task, but not in the output of a scheduler with the LocalExecutor.
    """
    try:
        yield
    except ServiceFabricError as error:
        found = list(secrets)
        for link in _chain(error):
            link.message = hide(link.message, found)
            link.args = (link.message, *link.args[1:])
        raise


def hide(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets in a text of a cluster, in each form, also one in which the text was cut."""
    forms = sorted({form for secret in secrets for form in _forms(secret) if form}, key=len, reverse=True)
    for form in forms:
        text = text.replace(form, "***")
    start, cut, note = text.rpartition(_CUT)
    for form in forms:
        start = _without_prefix(start, form)
    return f"{start}{cut}{note}"


def _without_prefix(text: str, form: str) -> str:
    """Return a text without the beginning of a secret at its end."""
    for length in range(min(len(form), len(text)), _SHORTEST_PREFIX - 1, -1):
        if text.endswith(form[:length]):
            return f"{text[:-length]}***"
    return text


def _forms(secret: str) -> Iterable[str]:
    """
    Return how a secret may be written: as it is, and as a part of Python or JSON text, also on one line.

    A cluster that refuses a request may repeat a part of its JSON; quotes and backslashes are escaped there.
    """
    quoted = repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)
    written = [secret, *(text[1:-1] for text in quoted)]
    return dict.fromkeys([*written, *map(plain_line, written)])


def _chain(error: BaseException | None) -> Iterator[ServiceFabricError]:
    """Yield an error of a request and those that have caused it."""
    while error is not None:
        if isinstance(error, ServiceFabricError):
            yield error
        error = error.__cause__ or error.__context__
