"""The operator that uploads an application package to the image store of a cluster."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_sf.releases.package_files import check_paths
from airflow_provider_sf.wait.defaults import DEFAULT_CONN_ID
from airflow_provider_sf.wait.parameters import (
    check_request_timeout,
    is_rendered_later,
    naming_task,
    read_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context, XComArg

MAX_PARALLEL = 32


class ServiceFabricUploadApplicationPackageOperator(BaseOperator):
    """
    Upload the folder of an application package to the image store of the cluster.

    The worker must have the folder. A retry uploads it again to the same place. It is no application type
    yet: provision it with :class:`ServiceFabricProvisionApplicationTypeOperator`, which also deletes the
    copy. Only the image store of the cluster itself (``fabric:ImageStore``) can be used. See
    https://learn.microsoft.com/rest/api/servicefabric/sfclient-api-uploadfile

    :param package: the folder with ``ApplicationManifest.xml``, on the worker; templated
    :param image_store_path: the new folder in the image store; None is ``{type}/{version}-{hash}``, which is
        the same for each try of a task and different for each run; templated
    :param service_fabric_conn_id: the connection to the cluster; it needs the role Admin; templated
    :param parallel: how many files are uploaded at once, 1 to 32
    :param request_timeout: how long the cluster may take for a file or a chunk of 25 MiB, in seconds or as a
        timedelta; 5 minutes, at most 10

    XCom ``return_value``: ``image_store_path``, ``type_name``, ``type_version``, ``manifest_sha256``,
    ``files`` (their number) and ``bytes``.

    :raises ValueError: the folder is no application package; nothing was sent
    :raises ServiceFabricError: a file could not be uploaded after several tries; a retry uploads all again
    """

    template_fields: Sequence[str] = ("package", "image_store_path", "service_fabric_conn_id")
    ui_color = "#0078d4"
    ui_fgcolor = "#ffffff"

    @naming_task
    def __init__(
        self,
        *,
        package: str | XComArg,
        image_store_path: str | XComArg | None = None,
        service_fabric_conn_id: str = DEFAULT_CONN_ID,
        parallel: int = 4,
        request_timeout: timedelta | float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.package = package
        self.image_store_path = image_store_path
        self.service_fabric_conn_id = service_fabric_conn_id
        self.parallel = parallel
        self.request_timeout = check_request_timeout(read_seconds("request_timeout", request_timeout))
        if type(parallel) is not int or not 1 <= parallel <= MAX_PARALLEL:
            msg = f"parallel must be a whole number from 1 to {MAX_PARALLEL}, not {parallel!r}"
            raise ValueError(msg)
        if image_store_path is not None and not is_rendered_later(image_store_path):
            check_paths(str(image_store_path), [])

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload the package; return where it is."""
        from dataclasses import asdict  # noqa: PLC0415 - keeps DAG parsing fast

        from airflow_provider_sf.hooks.package_upload import read_package  # noqa: PLC0415 - keeps DAG parsing fast
        from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook  # noqa: PLC0415 - see above

        package = read_package(str(self.package))
        path = self.image_store_path or f"{package.type_name}/{package.type_version}-{_run_hash(context)}"
        uploaded = ServiceFabricHook(self.service_fabric_conn_id).upload_application_package(
            package.folder, str(path), parallel=self.parallel, timeout=self.request_timeout
        )
        self.log.info(
            "Uploaded %s %s to %s: %d files, %d bytes",
            *(uploaded.type_name, uploaded.type_version, uploaded.image_store_path),
            *(uploaded.files, uploaded.bytes),
        )
        return asdict(uploaded)


def _run_hash(context: Context) -> str:
    """Return a text that is different for each task of each run, and the same for its tries."""
    ti = context["ti"]
    parts = (ti.dag_id, ti.task_id, ti.run_id, str(ti.map_index))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
