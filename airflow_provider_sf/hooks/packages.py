"""The calls for application types and for the packages that they are made of."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.hooks.cluster_requests import CHANGE_TIMEOUT, ClusterRequests
from airflow_provider_sf.hooks.package_upload import PackageUpload, UploadedPackage, read_package
from airflow_provider_sf.releases.package_files import other_files
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer
from airflow_provider_sf.rest import image_store_calls as image_store
from airflow_provider_sf.rest import release_calls as calls
from airflow_provider_sf.rest.protocol import is_missing
from airflow_provider_sf.upgrades.application_types import ApplicationType
from airflow_provider_sf.upgrades.cluster_manifests import manifest_of, setting_of
from airflow_provider_sf.upgrades.image_store import ImageStoreItem, page_of_content

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from airflow_provider_sf.hooks.package_upload import LocalPackage
    from airflow_provider_sf.releases import ExternalPackage, ImageStorePackage

TYPE_NOT_FOUND = "FABRIC_E_APPLICATION_TYPE_NOT_FOUND"
MISSING_PATHS = frozenset({"FABRIC_E_FILE_NOT_FOUND", "FABRIC_E_DIRECTORY_NOT_FOUND"})

PARALLEL_FILES = 4
"""How many files are uploaded at once. Each may hold a chunk of 25 MiB in memory."""


class PackageCalls(ClusterRequests):
    """Calls for application types and the image store. Those that change something need the role Admin."""

    log: Any
    """The logger of the hook."""

    def list_application_types(self, type_name: str | None = None) -> list[ApplicationType]:
        """
        Return all provisioned versions, page by page: ``GET /ApplicationTypes``.

        :param type_name: only the versions of this type; an unknown type has no versions
        """
        call = calls.APPLICATION_TYPES if type_name is None else calls.APPLICATION_TYPE
        try:
            return self._list(ApplicationType.from_answer, call, type_name or "")
        except Rejected as error:
            return _none_if_not_found(error)

    async def alist_application_types(self, type_name: str | None = None) -> list[ApplicationType]:
        """Like :meth:`list_application_types`, without blocking the event loop."""
        call = calls.APPLICATION_TYPES if type_name is None else calls.APPLICATION_TYPE
        try:
            return await self._alist(ApplicationType.from_answer, call, type_name or "")
        except Rejected as error:
            return _none_if_not_found(error)

    def get_application_type(self, type_name: str, version: str) -> ApplicationType | None:
        """
        Return a version of an application type; None if the cluster does not have it.

        The call is ``GET /ApplicationTypes/{applicationTypeName}``.
        """
        try:
            found = self._list(
                ApplicationType.from_answer, calls.APPLICATION_TYPE, type_name, ApplicationTypeVersion=version
            )
        except Rejected as error:
            found = _none_if_not_found(error)
        return _version_in(found, version)

    async def aget_application_type(self, type_name: str, version: str) -> ApplicationType | None:
        """Like :meth:`get_application_type`, without blocking the event loop."""
        try:
            found = await self._alist(
                ApplicationType.from_answer, calls.APPLICATION_TYPE, type_name, ApplicationTypeVersion=version
            )
        except Rejected as error:
            found = _none_if_not_found(error)
        return _version_in(found, version)

    def get_application_manifest(self, type_name: str, version: str) -> str:
        """
        Return the manifest of a provisioned version as XML.

        The call is ``GET /ApplicationTypes/{applicationTypeName}/$/GetApplicationManifest``.
        """
        return self._read(manifest_of, calls.APPLICATION_MANIFEST, type_name, ApplicationTypeVersion=version)

    async def aget_application_manifest(self, type_name: str, version: str) -> str:
        """Like :meth:`get_application_manifest`, without blocking the event loop."""
        return await self._aread(
            manifest_of, calls.APPLICATION_MANIFEST, type_name, ApplicationTypeVersion=version
        )

    def get_service_manifest(self, type_name: str, version: str, service_manifest_name: str) -> str:
        """
        Return a service manifest of a provisioned version as XML.

        The call is ``GET /ApplicationTypes/{applicationTypeName}/$/GetServiceManifest``.
        """
        query = {"ApplicationTypeVersion": version, "ServiceManifestName": service_manifest_name}
        return self._read(manifest_of, calls.SERVICE_MANIFEST, type_name, **query)

    async def aget_service_manifest(self, type_name: str, version: str, service_manifest_name: str) -> str:
        """Like :meth:`get_service_manifest`, without blocking the event loop."""
        query = {"ApplicationTypeVersion": version, "ServiceManifestName": service_manifest_name}
        return await self._aread(manifest_of, calls.SERVICE_MANIFEST, type_name, **query)

    def provision_application_type(
        self, package: ImageStorePackage | ExternalPackage, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """
        Begin to provision a version of an application type: ``POST /ApplicationTypes/$/Provision``.

        The cluster goes on after its answer: read :meth:`get_application_type` until the status is
        ``Available`` or ``Failed``.
        """
        self._change(calls.PROVISION_APPLICATION_TYPE, "", package.body(), timeout=timeout)

    async def aprovision_application_type(
        self, package: ImageStorePackage | ExternalPackage, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`provision_application_type`, without blocking the event loop."""
        await self._achange(calls.PROVISION_APPLICATION_TYPE, "", package.body(), timeout=timeout)

    def unprovision_application_type(
        self, type_name: str, version: str, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """
        Remove a version of an application type, and its files from the cluster.

        The call is ``POST /ApplicationTypes/{applicationTypeName}/$/Unprovision``. The cluster refuses to
        remove a version in use, with FABRIC_E_APPLICATION_TYPE_IN_USE.
        """
        body = {"ApplicationTypeVersion": version, "Async": False}
        self._change(calls.UNPROVISION_APPLICATION_TYPE, type_name, body, timeout=timeout)

    async def aunprovision_application_type(
        self, type_name: str, version: str, *, timeout: float = CHANGE_TIMEOUT
    ) -> None:
        """Like :meth:`unprovision_application_type`, without blocking the event loop."""
        body = {"ApplicationTypeVersion": version, "Async": False}
        await self._achange(calls.UNPROVISION_APPLICATION_TYPE, type_name, body, timeout=timeout)

    def list_image_store(self, path: str = "") -> list[ImageStoreItem]:
        """
        Return what a folder of the image store contains, page by page: ``GET /ImageStore/{contentPath}``.

        :param path: such as ``shop/2.0``; empty is the root
        """
        call = image_store.IMAGE_STORE_CONTENT if path else image_store.IMAGE_STORE_ROOT
        return self._list(ImageStoreItem.from_answer, call, path, page_of=page_of_content)

    async def alist_image_store(self, path: str = "") -> list[ImageStoreItem]:
        """Like :meth:`list_image_store`, without blocking the event loop."""
        call = image_store.IMAGE_STORE_CONTENT if path else image_store.IMAGE_STORE_ROOT
        return await self._alist(ImageStoreItem.from_answer, call, path, page_of=page_of_content)

    def delete_image_store_path(self, path: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """
        Delete a file or a folder of the image store: ``DELETE /ImageStore/{contentPath}``.

        A path that does not exist is no error.
        """
        try:
            self._change(image_store.DELETE_CONTENT, path, timeout=timeout)
        except Rejected as error:
            _check_path_is_missing(error)

    async def adelete_image_store_path(self, path: str, *, timeout: float = CHANGE_TIMEOUT) -> None:
        """Like :meth:`delete_image_store_path`, without blocking the event loop."""
        try:
            await self._achange(image_store.DELETE_CONTENT, path, timeout=timeout)
        except Rejected as error:
            _check_path_is_missing(error)

    def upload_application_package(
        self,
        folder: str | os.PathLike[str],
        image_store_path: str | None = None,
        *,
        parallel: int = PARALLEL_FILES,
        timeout: float = CHANGE_TIMEOUT,
    ) -> UploadedPackage:
        """
        Upload the folder of an application package to the image store; every file is ``PUT``.

        Files larger than 25 MiB go in chunks, if the cluster supports it. An upload may be repeated: it
        replaces the files. The markers of complete folders come last.

        :param image_store_path: the new folder; by default ``{type}/{version}-{random}``
        :param parallel: how many files are uploaded at once
        :param timeout: how many seconds the cluster may take for one file or chunk, at most 600
        :raises ValueError: the folder is no application package; nothing was sent
        :raises Rejected: the image store is not ``fabric:ImageStore``, the folder contains files of another
            package, or a file was refused
        """
        package = read_package(folder, image_store_path)
        _check_image_store(setting_of(self._read(manifest_of, calls.CLUSTER_MANIFEST), *_IMAGE_STORE))
        _check_folder(package, list(self._files_below(package.image_store_path)))
        cluster = self.get_conn()
        version = self.api_version or cluster.api_version
        return PackageUpload(package, cluster, self.log, api_version=version, timeout=timeout).run(parallel)

    def _files_below(self, path: str, folder: str = "") -> Iterator[str]:
        """Yield the files below a path of the image store, relative to it; nothing if it does not exist."""
        try:
            items = self.list_image_store(f"{path}/{folder}".rstrip("/"))
        except Rejected as error:
            _check_path_is_missing(error)
            return
        for item in items:
            if not item.name:
                msg = f"the image store lists an item without a name below {path!r}"
                raise UnexpectedAnswer(msg)
            inner = f"{folder}/{item.name}".lstrip("/")
            if item.is_folder:
                yield from self._files_below(path, inner)
            else:
                yield inner

    async def aupload_application_package(
        self,
        folder: str | os.PathLike[str],
        image_store_path: str | None = None,
        *,
        parallel: int = PARALLEL_FILES,
        timeout: float = CHANGE_TIMEOUT,
    ) -> UploadedPackage:
        """Like :meth:`upload_application_package`, without blocking the event loop."""
        upload = partial(self.upload_application_package, parallel=parallel, timeout=timeout)
        return await asyncio.to_thread(upload, folder, image_store_path)


_IMAGE_STORE = ("Management", "ImageStoreConnectionString")


def _check_image_store(connection: str | None) -> None:
    """Refuse an image store that cannot be used through REST. The rest of its address may be a secret."""
    scheme = "fabric" if connection is None else connection.partition(":")[0].strip().lower()
    if scheme != "fabric":
        msg = (
            f"the image store of this cluster is {scheme!r}, not 'fabric:ImageStore', so its REST API "
            "accepts no upload: provision an ExternalPackage, which the cluster downloads (package_uri)"
        )
        raise Rejected(msg)


def _check_folder(package: LocalPackage, stored: list[str]) -> None:
    """Refuse a folder with other files. Those of an earlier try are replaced."""
    others = other_files(stored, (file.path for file in package.files))
    if others:
        msg = (
            f"the folder {package.image_store_path!r} of the image store contains {len(others)} files that "
            f"are not in the package, for example {others[0]!r}: set another image_store_path, or delete the "
            "folder with ServiceFabricHook.delete_image_store_path"
        )
        raise Rejected(msg)


def _none_if_not_found(error: Rejected) -> list[ApplicationType]:
    if error.code == TYPE_NOT_FOUND:
        return []
    raise error


def _version_in(found: list[ApplicationType], version: str) -> ApplicationType | None:
    return next((item for item in found if item.version == version), None)


def _check_path_is_missing(error: Rejected) -> None:
    if error.code not in MISSING_PATHS and not is_missing(error):
        raise error
