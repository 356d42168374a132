"""The notifier that turns the end of a task or a release into a message for any chat or mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_sf.notifications.targets import check_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sf.notifications.targets import Target


class ServiceFabricNotifier(BaseNotifier):
    """
    Send a message to a chat or by mail at the end of a task or a release.

    It writes the message, and another notifier or a function sends it. Use it as ``on_failure_callback``,
    ``on_success_callback``, ``on_retry_callback`` or ``on_skipped_callback`` of a task, or as
    ``on_failure_callback`` or ``on_success_callback`` of a DAG, which is a release. On
    ``ServiceFabricReleaseRecordOperator`` the message is about the whole release, too.

    :param send: one target or a list of them. A target is a notifier of Airflow with templates such as ``{{
        message.text }}`` in its fields, or a function with one parameter, the
        :class:`~airflow_provider_sf.messages.notification.message.Message`
    :param context: only for ``await ServiceFabricNotifier(...)``: the context of a task

    A template that is only ``{{ message.slack_blocks }}``, or another format, becomes the value itself: a
    list or a dict. An error while a message is sent is logged. It does not fail the task, and does not hide
    how the task ended.

    :raises ValueError: a target is no notifier and no function, or its templates are wrong
    """

    def __init__(self, send: Target | Sequence[Target], context: Context | None = None) -> None:
        super().__init__()  # without a context: Airflow 3.0 and before take none
        self.targets = check_targets(send)
        self.context = context or {}

    def render_template_fields(self, context: Context, jinja_env: object = None) -> None:
        """Render nothing: only the targets have templates. ``dag.test()`` gives a DAG that cannot render."""

    def notify(self, context: Context) -> None:
        """Send the message to each target."""
        from airflow_provider_sf.notifications.delivery import deliver  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.notifications.task_context import read_message  # noqa: PLC0415 - see above

        message = read_message(context, self.log)
        for target in self.targets:
            deliver(target, message, context, self.log)

    async def async_notify(self, context: Context) -> None:
        """Send the message to each target from a coroutine; what may block runs in a thread."""
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - see above

        from airflow_provider_sf.notifications.delivery import adeliver  # noqa: PLC0415 - see above
        from airflow_provider_sf.notifications.task_context import read_message  # noqa: PLC0415 - see above

        message = await sync_to_async(read_message, thread_sensitive=False)(context, self.log)
        for target in self.targets:
            await adeliver(target, message, context, self.log)
