"""The trigger of asset watchers: an event for each end of an upgrade. Airflow 3."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_sf.rest.url_names import application_name, normalized_name
from airflow_provider_sf.upgrades.kinds import kind_of
from airflow_provider_sf.wait import defaults
from airflow_provider_sf.wait.parameters import (
    InvalidParameterError,
    check_asset,
    check_name,
    check_poke_interval,
    read_choices,
    read_seconds,
)
from airflow_provider_sf.wait.upgrade_end import END_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable, Sequence
    from datetime import timedelta

    from airflow_provider_sf.triggers.shared_polls import SharedPolls
    from airflow_provider_sf.triggers.upgrade_polls import Poll
    from airflow_provider_sf.triggers.upgrade_watch import UpgradeWatch


class InvalidWatchError(InvalidParameterError, TypeError):
    """
    A parameter of a watch is invalid.

    It is a TypeError, too: if a stored row is invalid for another release of this package, Airflow's
    triggerer fails this trigger after a TypeError, but stops all triggers after other errors.
    """


class ServiceFabricUpgradeEndTrigger(BaseEventTrigger):
    """
    Fire an event for each end of an upgrade. Any tool may start that. For an ``AssetWatcher``.

    :func:`airflow_provider_sf.assets.service_fabric.upgrade_asset` makes the asset, the watcher and this
    trigger. Templates are not supported: Airflow renders none for an asset. The payload of an event is
    :class:`airflow_provider_sf.wait.upgrade_end.UpgradeEnd`, as a dict.

    An upgrade that had ended before the watch began is not reported. One that is in progress then is. From
    Airflow 3.3 on, the state of the watch is kept in the asset state store: each asset needs a separate
    trigger.

    :param name: the application resource, the application (``fabric:/shop/web``, ``shop/web``, ``shop~web``)
        or the compose deployment; empty for the cluster kinds
    :param kind: a name of :data:`airflow_provider_sf.upgrades.kinds.KINDS`; by default ``application`` for
        a name that begins with ``fabric:/``, else ``application_resource``
    :param service_fabric_conn_id: the connection to the cluster
    :param outcomes: which ends are reported: ``"succeeded"``, ``"rolled_back"``, ``"failed"`` and
        ``"superseded"``; by default all
    :param poke_interval: the time between polls, in seconds or as a timedelta; 15 seconds

    :raises ValueError: a parameter is invalid
    """

    def __init__(
        self,
        *,
        name: str | None = "",
        kind: str | None = None,
        service_fabric_conn_id: str = defaults.DEFAULT_CONN_ID,
        outcomes: Sequence[str] = END_OUTCOMES,
        poke_interval: timedelta | float = defaults.POKE_INTERVAL_SECONDS,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow 3 leaves it untyped
        try:
            self.name = name or ""
            self.kind = kind_of(self.name, kind)
            self.service_fabric_conn_id = service_fabric_conn_id
            self.outcomes = read_choices("outcomes", outcomes, END_OUTCOMES)
            self.poke_interval = read_seconds("poke_interval", poke_interval)
            check_poke_interval(self.poke_interval, None, deferrable=True)
            check_asset(self.name, service_fabric_conn_id)
            check_name(self.kind, self.name)
            if self.kind == "application":
                self.name = application_name(self.name)
        except ValueError as error:
            msg = f"watch of {name!r}: {error}"
            raise InvalidWatchError(msg) from None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """
        Return the class path and the keywords that make this trigger again.

        Airflow finds the row of a watch by these values, and a new row is a new watch. So a keyword that a
        later release adds must be left out while it has its default.
        """
        return (
            "airflow_provider_sf.triggers.upgrade_end.ServiceFabricUpgradeEndTrigger",
            {
                "name": self.name,
                "kind": self.kind,
                "service_fabric_conn_id": self.service_fabric_conn_id,
                "outcomes": self.outcomes,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire the events. Airflow calls this method before 3.3."""
        from airflow_provider_sf.triggers.upgrade_polls import polls_of  # noqa: PLC0415 - keeps DAG parsing fast

        polls = polls_of(self.service_fabric_conn_id, self.kind, self.name, self.poke_interval)
        async with aclosing(polls):
            async for event in self.filter_shared_stream(polls):
                yield event

    def shared_stream_key(self) -> Hashable:
        """Return what is equal for watches of the same upgrade. Airflow calls this method from 3.3 on."""
        name = normalized_name(self.name)
        return "service_fabric", self.service_fabric_conn_id, self.kind, name, self.poke_interval

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedPolls:
        """Return the polls of an upgrade, for all watches with the same key."""
        from airflow_provider_sf.triggers.shared_polls import SharedPolls  # noqa: PLC0415 - not before Airflow 3.3

        names = ("service_fabric_conn_id", "kind", "name", "poke_interval")
        return SharedPolls(*(kwargs[name] for name in names))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Poll]) -> AsyncIterator[TriggerEvent]:
        """Fire the events of this watch."""
        async for payload in self.make_watch().events(shared_stream):
            yield TriggerEvent(payload)

    def make_watch(self) -> UpgradeWatch:
        """Return the part of this trigger that makes the events."""
        from airflow_provider_sf.messages.watches import watch_subject  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.triggers.upgrade_watch import UpgradeWatch  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.triggers.watch_store import WatchStore  # noqa: PLC0415 - see above

        airflow_store = getattr(self, "asset_state_store", None)  # not before Airflow 3.3
        store = WatchStore(airflow_store, str(self.trigger_id), self.serialize()[1], self.log)
        subject = watch_subject(self.kind, self.name, self.service_fabric_conn_id)
        return UpgradeWatch(subject, self.outcomes, store, self.log)
