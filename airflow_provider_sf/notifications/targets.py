"""Where a message goes: notifiers of Airflow with templates, and functions. Wrong ones are refused early."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_sf.rest.plain_text import shorten_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_sf.messages.notification.message import Message

    Target: TypeAlias = BaseNotifier | Callable[[Message], object]

MEMBERS = (
    *("status", "title", "lines", "facts", "links", "place"),
    *("text", "html", "slack_text", "slack_blocks", "teams_message", "teams_card"),
)
"""The members of a message that a template can use."""

_MEMBER = re.compile(r"\bmessage\.(\w+)")
_WHOLE = re.compile(r"\s*\{\{\s*message\.(\w+)\s*\}\}\s*")


def check_targets(send: Target | Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets, after a check of what can be checked when the DAG is parsed."""
    targets = tuple(send) if isinstance(send, (list, tuple)) else (send,)
    if not targets:
        msg = "send is empty: set it to a notifier, such as SlackWebhookNotifier, or to a function"
        raise ValueError(msg)
    for target in targets:
        _check(target)
    return targets


def whole_member(value: object) -> str | None:
    """Return the member of the message that a template such as ``{{ message.slack_blocks }}`` consists of."""
    match = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return match and match[1]


def target_name(target: Target) -> str:
    """Return how a log line names a target."""
    return getattr(target, "__name__", None) or type(target).__name__


def _check(target: object) -> None:
    if isinstance(target, BaseNotifier):
        _check_templates(target)
    elif isinstance(target, type) or not callable(target) or inspect.iscoroutinefunction(target):
        msg = (
            f"send must be a notifier or a function with one parameter, not {shorten_repr(target)}. "
            'Write for example send=SlackWebhookNotifier(text="{{ message.slack_text }}")'
        )
        raise ValueError(msg)


def _check_templates(notifier: BaseNotifier) -> None:
    """Refuse a notifier that would not send the message, or with a template that would fail later."""
    fields = {field: getattr(notifier, field, None) for field in notifier.template_fields}
    used = {member for value in fields.values() for text in _texts(value) for member in _MEMBER.findall(text)}
    name = type(notifier).__name__
    if not used:
        msg = (
            f"{name} would not send the message: use {{{{ message.text }}}} or another format in one of its "
            f"fields {', '.join(fields)}"
        )
        raise ValueError(msg)
    if unknown := used - set(MEMBERS):
        msg = f"{name} uses message.{min(unknown)}, which does not exist. Use one of {', '.join(MEMBERS)}"
        raise ValueError(msg)


def _texts(value: Any) -> Iterator[str]:
    """Yield each text of a template field, which may be nested."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _texts(item)
