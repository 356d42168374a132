"""The operator that creates a classic application."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.exceptions import ChangeRefused, CreationFailed
from airflow_provider_sf.operators.polling import PollingOperator, value_or_example
from airflow_provider_sf.operators.task_state import TaskState
from airflow_provider_sf.releases.new_application import NewApplication
from airflow_provider_sf.releases.parameters import read_parameters, sha256_of_json
from airflow_provider_sf.wait.parameters import is_rendered_later, naming_task, read_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
    from airflow_provider_sf.upgrades.applications import Application

STATE_KEY = "application_create"


class ServiceFabricCreateApplicationOperator(PollingOperator):
    """
    Create a classic application, and wait until it is ready.

    A repeated try changes nothing. An application that exists with another type, version or other parameters
    is never changed or deleted: upgrade it instead. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-createapplication

    :param name: the new application, for example ``fabric:/shop/web``; templated
    :param type_name: its application type, which must be provisioned; templated
    :param type_version: the version of the type; templated
    :param parameters: the parameters that differ from the defaults of the manifest, as strings; templated
    :param sensitive_parameters: the names of parameters that are secrets; their values are masked
    :param if_exists: if the same application exists already: ``"succeed"`` or ``"fail"``

    The other parameters are those of :class:`PollingOperator`.

    XCom ``return_value``: ``name``, ``type_name``, ``type_version``, ``status`` and ``how`` (``"created"`` or
    ``"existing"``).

    :raises ChangeRefused: it exists and differs, or the cluster refused it; not retried
    :raises CreationFailed: the cluster gave up creating it (status Failed); a retry lets it go on
    :raises TimeoutError: it takes longer than ``timeout``; a retry waits again
    :raises ServiceFabricError: the cluster could not be reached, or refused the credentials; retried
    """

    template_fields: Sequence[str] = (
        "name",
        "type_name",
        "type_version",
        "parameters",
        "service_fabric_conn_id",
    )
    template_fields_renderers = {"parameters": "json"}  # noqa: RUF012 - Airflow declares it so

    @naming_task
    def __init__(
        self,
        *,
        name: str | XComArg,
        type_name: str | XComArg,
        type_version: str | XComArg,
        parameters: dict[str, str] | XComArg | None = None,
        sensitive_parameters: Sequence[str] = (),
        if_exists: str = "succeed",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.type_name = type_name
        self.type_version = type_version
        self.parameters = parameters
        self.sensitive_parameters = tuple(sensitive_parameters)
        self.if_exists = read_choice("if_exists", if_exists, ("succeed", "fail"))
        is_later = is_rendered_later(parameters)
        known: Any = {} if is_later else read_parameters(parameters)
        missing = [] if is_later else [key for key in self.sensitive_parameters if key not in known]
        if missing:
            msg = f"sensitive_parameters names parameters that are not set: {', '.join(missing)}"
            raise ValueError(msg)
        NewApplication(
            name=value_or_example(name, "fabric:/a"),
            type_name=value_or_example(type_name, "Type"),
            type_version=value_or_example(type_version, "1"),
            parameters=known,
        )

    def _do_render_template_fields(self, *arguments: Any, **keywords: Any) -> None:
        """Render the templates; then mask the parameters that are secrets, also in Airflow's own views."""
        super()._do_render_template_fields(*arguments, **keywords)  # a mapped task calls only this method
        if self.sensitive_parameters:
            from airflow_provider_sf.operators.masking import mask_values  # noqa: PLC0415 - keeps DAG parsing fast

            mask_values(self.parameters, self.sensitive_parameters)

    def execute(self, context: Context) -> dict[str, Any]:
        """Create the application unless it exists, and wait until it is ready."""
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.messages.packages import creation_failed_message, timeout_message  # noqa: PLC0415 - see above

        hook, state = ServiceFabricHook(self.service_fabric_conn_id), TaskState(context, STATE_KEY)
        new = NewApplication(
            name=str(self.name),
            type_name=str(self.type_name),
            type_version=str(self.type_version),
            parameters=read_parameters(self.parameters),
        )
        is_own, is_sent, status = state.get() == sha256_of_json(new.body()), False, ""
        for _ in self.polls():
            found = self._find(hook)
            status = "not created"
            if found is not None:
                self._check_same(hook, new, found, is_own=is_own)
                status = found.status or "present"
            if status == "Failed" and is_sent:
                raise CreationFailed(creation_failed_message(new.name))
            # After another request Service Fabric goes on with a failed application.
            if status in {"not created", "Failed"}:
                is_own, is_sent = self._create(hook, new, state) or is_own, True
            elif status not in {"Creating", "Deleting"}:
                return self._result(new, status, is_own=is_own)
        raise TimeoutError(timeout_message(f"application {new.name!r}", status, self.timeout))

    def _find(self, hook: ServiceFabricHook) -> Application | None:
        """Return the application; None if it does not exist."""
        from airflow_provider_sf.rest import Rejected  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.rest.protocol import is_missing  # noqa: PLC0415 - see above

        try:
            return self.read(partial(hook.get_application, str(self.name)))
        except Rejected as error:
            if not is_missing(error):
                raise
            return None

    def _create(self, hook: ServiceFabricHook, new: NewApplication, state: TaskState) -> bool:
        """
        Send the request; return False if the application existed before.

        It may be sent again: Service Fabric refuses to create a name twice.
        """
        from airflow_provider_sf.messages.packages import refused_message  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.operators.masking import hidden_in_errors, secret_values  # noqa: PLC0415 - see above
        from airflow_provider_sf.rest import Rejected, ResultUnknown, Unreachable  # noqa: PLC0415 - see above

        state.set(sha256_of_json(new.body()))
        self.log.info("Creating %s: %s %s", new.name, new.type_name, new.type_version)
        try:
            with hidden_in_errors(secret_values(new.parameters, self.sensitive_parameters)):
                hook.create_application(new, timeout=self.request_timeout)
        except (ResultUnknown, Unreachable) as error:
            self.log.warning("The request was not confirmed; reading the application: %s", error)
        except Rejected as error:
            if error.code == "FABRIC_E_APPLICATION_ALREADY_EXISTS":
                return False
            state.delete()
            if self.is_about_credentials(error):
                raise
            subject = f"application {new.name!r}"
            raise ChangeRefused(refused_message("create", subject, error)) from error
        return True

    def _check_same(
        self, hook: ServiceFabricHook, new: NewApplication, found: Application, *, is_own: bool
    ) -> None:
        """Refuse an application that another task has created, if it differs or must not exist."""
        from airflow_provider_sf.messages.packages import exists_message  # noqa: PLC0415 - keeps DAG parsing fast

        defaults = self.read(partial(hook.get_application_type, new.type_name, new.type_version))
        differences = new.differences(found, defaults.default_parameters if defaults else {})
        if differences or (self.if_exists == "fail" and not is_own):
            raise ChangeRefused(exists_message(new.name, differences))

    def _result(self, new: NewApplication, status: str, *, is_own: bool) -> dict[str, Any]:
        """Log and return what was done."""
        if is_own:
            self.log.info("Created %s: %s", new.name, status)
        else:
            self.log.info("%s exists already, with the same type, version and parameters", new.name)
        return {
            "name": new.name,
            "type_name": new.type_name,
            "type_version": new.type_version,
            "status": status,
            "how": "created" if is_own else "existing",
        }
