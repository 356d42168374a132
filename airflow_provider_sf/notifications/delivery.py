"""Hand a message to a target. An error is logged and does not go further. Not for DAG files."""

from __future__ import annotations

import copy
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier
from asgiref.sync import sync_to_async

from airflow_provider_sf.messages.formatting import one_line
from airflow_provider_sf.notifications.targets import target_name, whole_member
from airflow_provider_sf.operators.masking import redacted

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.messages.notification.message import Message
    from airflow_provider_sf.notifications.targets import Target

_MAX_ERROR_LENGTH = 500
_QUERY = re.compile(r"\?\S+")


def deliver(target: Target, message: Message, context: Context, log: Any) -> None:
    """Send a message with a notifier or a function. Whatever goes wrong is logged."""
    try:
        if isinstance(target, BaseNotifier):
            _rendered(target, message, context).notify(context)
        else:
            target(message)
    except Exception as error:  # noqa: BLE001 - how the task ended must not depend on a chat
        _log_failure(target, error, log)


async def adeliver(target: Target, message: Message, context: Context, log: Any) -> None:
    """Do the same from a coroutine; a target without a coroutine runs in a thread."""
    if not (isinstance(target, BaseNotifier) and _has_coroutine(target)):
        await sync_to_async(deliver, thread_sensitive=False)(target, message, context, log)
        return
    try:
        notifier = await sync_to_async(_rendered, thread_sensitive=False)(target, message, context)
        await notifier.async_notify(context)
    except Exception as error:  # noqa: BLE001 - see above
        _log_failure(target, error, log)


def _has_coroutine(notifier: BaseNotifier) -> bool:
    own = getattr(type(notifier), "async_notify", None)
    return own is not getattr(BaseNotifier, "async_notify", None)


def _rendered(notifier: BaseNotifier, message: Message, context: Context) -> BaseNotifier:
    """
    Return a copy of the notifier with its templates rendered.

    Values of the message are set after the rendering: text of a cluster is never a template. The notifier of
    the DAG file keeps its templates for the next task.
    """
    rendered = copy.copy(notifier)
    members = {field: whole_member(getattr(notifier, field, None)) for field in notifier.template_fields}
    whole = {field: member for field, member in members.items() if member}
    for field in whole:
        setattr(rendered, field, None)
    context["message"] = message  # type: ignore[typeddict-unknown-key]
    rendered.render_template_fields(context)
    for field, member in whole.items():
        setattr(rendered, field, getattr(message, member))
    return rendered


def _log_failure(target: Target, error: Exception, log: Any) -> None:
    """Log an error without a traceback, which may show secrets, such as the address of a webhook."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = one_line(_QUERY.sub("?***", redacted(str(error))), _MAX_ERROR_LENGTH)
    log.error(
        "The notification was not sent with %s: %s: %s (%s, line %s)",
        target_name(target),
        type(error).__name__,
        text,
        Path(frame.filename).name,
        frame.lineno,
    )
