"""The operator that unprovisions versions of an application type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused
from airflow_provider_sf.operators.polling import PollingOperator, value_or_example
from airflow_provider_sf.releases.start_report import version_before
from airflow_provider_sf.releases.value_checks import check_word
from airflow_provider_sf.wait.parameters import naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades.applications import Application

NOT_FOUND = "FABRIC_E_APPLICATION_TYPE_NOT_FOUND"
IN_USE = "FABRIC_E_APPLICATION_TYPE_IN_USE"


class ServiceFabricUnprovisionApplicationTypeOperator(PollingOperator):
    """
    Unprovision one version of an application type, or all old ones.

    A version that is not there is a success. The cluster refuses to remove a version in use. With ``keep``
    nothing is removed that an application of the type runs, upgrades to or would go back to. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-unprovisionapplicationtype

    :param type_name: the application type; templated
    :param type_version: the version to unprovision; templated
    :param keep: or the number of newest versions to keep, by the numbers in the version, in use or not
    :param protected: with ``keep``: more versions to keep; templated
    :param upgrade: with ``keep``: the XCom ``upgrade_start`` of a task that has upgraded an application; the
        version from before that upgrade is kept, since Service Fabric does not report it; templated

    The other parameters are those of :class:`PollingOperator`.

    XCom ``return_value``: ``type_name``, and the lists ``unprovisioned``, ``missing`` and ``in_use``: those
    that ``keep`` had chosen and that are used since.

    :raises ChangeRefused: ``type_version`` is in use, or the cluster refused; not retried
    :raises TimeoutError: it takes longer than ``timeout``; a retry waits again
    :raises ServiceFabricError: the cluster could not be reached, or refused the credentials; retried
    """

    template_fields: Sequence[str] = (
        "type_name",
        "type_version",
        "protected",
        "upgrade",
        "service_fabric_conn_id",
    )

    @naming_task
    def __init__(
        self,
        *,
        type_name: str | XComArg,
        type_version: str | XComArg | None = None,
        keep: int | None = None,
        protected: Sequence[str] | XComArg = (),
        upgrade: dict[str, Any] | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.type_name = type_name
        self.type_version = type_version
        self.keep = keep
        self.protected = protected
        self.upgrade = upgrade
        if (type_version is None) is (keep is None):
            msg = "set exactly one of type_version and keep"
            raise ValueError(msg)
        if keep is not None and (type(keep) is not int or keep < 1):
            msg = f"keep must be a whole number from 1 on, not {keep!r}"
            raise ValueError(msg)
        check_word("type_name", value_or_example(type_name, "Type"))
        if type_version is not None:
            check_word("type_version", value_or_example(type_version, "1"))

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Unprovision the version, or the versions that need not be kept."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast

        hook = ServiceFabricHook(self.service_fabric_conn_id)
        versions = self._old_versions(hook) if self.keep is not None else [str(self.type_version)]
        results: dict[str, list[str]] = {"unprovisioned": [], "missing": [], "in_use": []}
        for version in versions:
            result = self._unprovision(hook, version)
            results[result].append(version)
            if result == "in_use" and self.keep is None:
                raise ChangeRefused(self._in_use_message(hook, version))
            self.log.info("%s: %s", self._subject(version), result.replace("_", " "))
        return {"type_name": str(self.type_name), **results}

    def _old_versions(self, hook: ServiceFabricHook) -> list[str]:
        """Return the versions that need not be kept; log the others."""
        from airflow_provider_sf.messages.formatting import list_names  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.releases.retention import versions_to_unprovision  # noqa: PLC0415 - see above

        in_use = self._versions_in_use(hook)
        types = self.read(partial(hook.list_application_types, str(self.type_name)))
        protected = [str(version) for version in self.protected]  # type: ignore[union-attr]  # rendered
        if self.upgrade is not None:
            protected += version_before(self.upgrade)
        chosen = versions_to_unprovision(types, in_use, self.keep or 1, protected)
        kept = [found.version for found in types if found.version not in chosen]
        self.log.info(
            "%d versions of %s; in use or to go back to: %s; kept: %s; to unprovision: %s",
            *(len(types), self.type_name),
            *(list_names(versions) or "none" for versions in (sorted(in_use), kept, chosen)),
        )
        return chosen

    def _versions_in_use(self, hook: ServiceFabricHook) -> set[str]:
        """Return the versions that applications of the type run, upgrade to or would go back to."""
        versions: set[str] = set()
        for application in self.read(hook.list_applications):
            if application.type_name == str(self.type_name):
                versions |= self._versions_of(hook, application)
        return versions

    def _versions_of(self, hook: ServiceFabricHook, application: Application) -> set[str]:
        from airflow_provider_sf.releases.retention import versions_in_use  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.rest import Rejected  # noqa: PLC0415 - see above
        from airflow_provider_sf.rest.protocol import is_missing  # noqa: PLC0415 - see above

        try:
            progress = self.read(partial(hook.get_upgrade_progress, application.name, kind="application"))
        except Rejected as error:
            if not is_missing(error):
                raise
            return {application.type_version or ""}  # it was deleted meanwhile, or is about to be
        return versions_in_use(application, progress)

    def _unprovision(self, hook: ServiceFabricHook, version: str) -> str:
        """Send the request until the version is gone; return the result."""
        from airflow_provider_sf.messages.packages import timeout_message  # noqa: PLC0415 - keeps DAG parsing fast

        was_sent, text = False, ""
        for _ in self.polls():
            found = self.read(partial(hook.get_application_type, str(self.type_name), version))
            if found is None:
                return "unprovisioned" if was_sent else "missing"
            text = found.status or "present"
            if text in {"Provisioning", "Unprovisioning"}:
                continue
            if result := self._request(hook, version):
                return result
            was_sent = True
        raise TimeoutError(timeout_message(self._subject(version), text, self.timeout))

    def _request(self, hook: ServiceFabricHook, version: str) -> str | None:
        """Send the request; return its result, None if only the next look can show it."""
        from airflow_provider_sf.messages.packages import refused_message  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable  # noqa: PLC0415 - see above

        try:
            hook.unprovision_application_type(str(self.type_name), version, timeout=self.request_timeout)
        except (ResultUnknown, Unreachable) as error:
            self.log.warning("The request was not confirmed; reading the status: %s", error)
            return None
        except Rejected as error:
            if error.code == IN_USE:
                return "in_use"
            if error.code == NOT_FOUND:
                return None
            if self.is_about_credentials(error):
                raise
            subject = self._subject(version)
            raise ChangeRefused(refused_message("unprovision", subject, error)) from error
        return "unprovisioned"

    def _in_use_message(self, hook: ServiceFabricHook, version: str) -> str:
        from airflow_provider_sf.messages.packages import in_use_message  # noqa: PLC0415 - keeps DAG parsing fast

        users = [
            application
            for application in self.read(hook.list_applications)
            if (application.type_name, application.type_version) == (str(self.type_name), version)
        ]
        return in_use_message(self._subject(version), users)

    def _subject(self, version: str) -> str:
        from airflow_provider_sf.messages.packages import type_subject  # noqa: PLC0415 - keeps DAG parsing fast

        return type_subject(str(self.type_name), version)
