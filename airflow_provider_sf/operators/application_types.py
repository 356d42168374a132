"""The operator that provisions a version of an application type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused, ProvisionFailed
from airflow_provider_sf.operators.polling import PollingOperator, value_or_example
from airflow_provider_sf.releases.packages import ExternalPackage, ImageStorePackage
from airflow_provider_sf.releases.value_checks import check_word
from airflow_provider_sf.wait.parameters import naming_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades.application_types import ApplicationType

EXISTS = "FABRIC_E_APPLICATION_TYPE_ALREADY_EXISTS"


class ServiceFabricProvisionApplicationTypeOperator(PollingOperator):
    """
    Provision a version of an application type, and wait until it is available.

    The package is in the image store, or the cluster downloads it. A repeated try changes nothing: it waits
    for a provision that is in progress, and a version that is available is a success. Service Fabric does not
    keep the package, so a version that exists already is only compared by its application manifest, with
    ``manifest_sha256``. See https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-provisionapplicationtype

    :param type_name: the application type, as in the application manifest; templated
    :param type_version: its version, as in the application manifest; templated
    :param image_store_path: the folder of the uploaded package; templated
    :param package_uri: or the address of a ``.sfpkg`` file that the cluster downloads with http or https. Its
        query may be a secret, such as a SAS token, and is masked; templated: keep secrets in a connection or
        variable, because Airflow stores the text of the DAG file
    :param cleanup_policy: whether the cluster deletes the uploaded folder afterwards: ``"Automatic"``,
        ``"Manual"`` or ``"Default"``, the setting of the cluster
    :param manifest_sha256: of the upload's XCom; a version that exists already with another application
        manifest is an error; templated

    The other parameters are those of :class:`PollingOperator`.

    XCom ``return_value``: ``type_name``, ``type_version``, ``how`` (``"provisioned"`` or ``"existing"``) and
    ``manifest_compared``.

    :raises ChangeRefused: the cluster refused the package, or another package has this version; not retried
    :raises ProvisionFailed: the provision failed; a retry provisions again
    :raises TimeoutError: it takes longer than ``timeout``; a retry waits again
    :raises ServiceFabricError: the cluster could not be reached, or refused the credentials; retried
    """

    template_fields: Sequence[str] = (
        "type_name",
        "type_version",
        "image_store_path",
        "package_uri",
        "manifest_sha256",
        "service_fabric_conn_id",
    )

    @naming_task
    def __init__(
        self,
        *,
        type_name: str | XComArg,
        type_version: str | XComArg,
        image_store_path: str | XComArg | None = None,
        package_uri: str | XComArg | None = None,
        cleanup_policy: str = "Automatic",
        manifest_sha256: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.type_name = type_name
        self.type_version = type_version
        self.image_store_path = image_store_path
        self.package_uri = package_uri
        self.cleanup_policy = cleanup_policy
        self.manifest_sha256 = manifest_sha256
        if (image_store_path is None) is (package_uri is None):
            msg = "set exactly one of image_store_path and package_uri"
            raise ValueError(msg)
        self._package(
            value_or_example(type_name, "Type"),
            value_or_example(type_version, "1"),
            image_store_path=value_or_example(image_store_path, "path"),
            package_uri=value_or_example(package_uri, "https://host/a.sfpkg"),
        )

    def _do_render_template_fields(self, *arguments: Any, **keywords: Any) -> None:
        """Render the templates; then mask the query of the address, also in Airflow's own views."""
        super()._do_render_template_fields(*arguments, **keywords)  # a mapped task calls only this method
        self._mask()

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Request the provision unless that was done, and wait for its end."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.messages.packages import provision_failed_message, timeout_message  # noqa: PLC0415 - see above
        from airflow_provider_sf.releases.provision import ProvisionStep, next_provision_step  # noqa: PLC0415 - see above

        self._mask()
        hook, is_accepted, shown = ServiceFabricHook(self.service_fabric_conn_id), False, ""
        for _ in self.polls():
            found = self.read(partial(hook.get_application_type, str(self.type_name), str(self.type_version)))
            shown = self._log_status(found, shown)
            step = next_provision_step(found, is_accepted=is_accepted)
            if step is ProvisionStep.DONE:
                return self._result(hook, is_accepted=is_accepted)
            if step is ProvisionStep.FAILED:
                raise ProvisionFailed(provision_failed_message(self._subject(), shown))
            if step is ProvisionStep.REQUEST:
                is_accepted = self._request(hook)
        raise TimeoutError(timeout_message(self._subject(), shown, self.timeout))

    def _request(self, hook: ServiceFabricHook) -> bool:
        """Send the request; return whether it was certainly accepted. The status shows the rest."""
        from airflow_provider_sf.messages.packages import refused_message  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.masking import hidden_in_errors  # noqa: PLC0415 - see above
        from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable  # noqa: PLC0415 - see above

        package = self._package(
            str(self.type_name),
            str(self.type_version),
            image_store_path=str(self.image_store_path),
            package_uri=str(self.package_uri) if self.package_uri else None,
        )
        self.log.info("Provisioning %s from %s", self._subject(), _source(package))
        try:
            with hidden_in_errors(self._secrets()):
                hook.provision_application_type(package, timeout=self.request_timeout)
        except (ResultUnknown, Unreachable) as error:
            self.log.warning("The request was not confirmed; reading the status: %s", error)
            return False
        except Rejected as error:
            if error.code == EXISTS:
                return False
            if self.is_about_credentials(error):
                raise
            raise ChangeRefused(refused_message("provision", self._subject(), error)) from error
        return True

    def _result(self, hook: ServiceFabricHook, *, is_accepted: bool) -> dict[str, Any]:
        """Return the result; compare a version that another task may have provisioned."""
        from airflow_provider_sf.messages.packages import compared_text, other_package_message  # noqa: PLC0415 - keeps DAG parsing fast

        is_same = None if is_accepted else self._is_same(hook)
        if is_same is False:
            raise ChangeRefused(other_package_message(self._subject()))
        if is_accepted:
            self.log.info("Provisioned %s", self._subject())
        else:
            self.log.info("%s is available already; %s", self._subject(), compared_text(is_same=is_same))
        return {
            "type_name": str(self.type_name),
            "type_version": str(self.type_version),
            "how": "provisioned" if is_accepted else "existing",
            "manifest_compared": is_same is not None,
        }

    def _is_same(self, hook: ServiceFabricHook) -> bool | None:
        """Whether the provisioned manifest is that of the package; None if it cannot be compared."""
        from airflow_provider_sf.releases.manifests import manifest_hash  # noqa: PLC0415 - keeps DAG parsing fast

        if not self.manifest_sha256:
            return None
        name, version = str(self.type_name), str(self.type_version)
        manifest = self.read(partial(hook.get_application_manifest, name, version))
        return manifest_hash(manifest) == str(self.manifest_sha256)

    def _package(
        self, type_name: str, type_version: str, *, image_store_path: str | None, package_uri: str | None
    ) -> ImageStorePackage | ExternalPackage:
        """Return the package; check the values."""
        check_word("type_name", type_name)
        check_word("type_version", type_version)
        stored = ImageStorePackage(image_store_path or "unused", self.cleanup_policy)
        return ExternalPackage(package_uri, type_name, type_version) if package_uri else stored

    def _log_status(self, found: ApplicationType | None, shown: str) -> str:
        """Log the status of the version if it has changed; return it."""
        from airflow_provider_sf.messages.packages import status_text  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.masking import hide  # noqa: PLC0415 - see above

        text = hide(status_text(found), self._secrets())
        if text != shown:
            self.log.info("%s: %s", self._subject(), text)
        return text

    def _secrets(self) -> list[str]:
        from airflow_provider_sf.operators.masking import address_secrets  # noqa: PLC0415 - keeps DAG parsing fast

        return address_secrets(str(self.package_uri or ""))

    def _subject(self) -> str:
        from airflow_provider_sf.messages.packages import type_subject  # noqa: PLC0415 - keeps DAG parsing fast

        return type_subject(str(self.type_name), str(self.type_version))

    def _mask(self) -> None:
        if self.package_uri:
            from airflow_provider_sf.operators.masking import mask_address  # noqa: PLC0415 - keeps DAG parsing fast

            mask_address(str(self.package_uri))


def _source(package: ImageStorePackage | ExternalPackage) -> str:
    """Name the place of a package without secrets."""
    if isinstance(package, ExternalPackage):
        return package.shown_uri
    return f"{package.path} in the image store"
