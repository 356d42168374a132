"""Upload the folder of an application package to the image store of a cluster."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_sf.hooks.upload_progress import MIB, UploadProgress
from airflow_provider_sf.releases.manifests import manifest_hash, read_type_version
from airflow_provider_sf.releases.package_files import (
    APPLICATION_MANIFEST,
    CHUNK_BYTES,
    MARKER,
    ByteRange,
    PackageFile,
    check_paths,
    chunks,
    markers,
    missing_ranges,
)
from airflow_provider_sf.rest import (
    Rejected,
    ResultUnknown,
    ServiceFabricError,
    Unreachable,
)
from airflow_provider_sf.rest import image_store_calls as calls
from airflow_provider_sf.rest.changes import change_request
from airflow_provider_sf.rest.protocol import UNKNOWN_CALL, is_missing, request_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from airflow_provider_sf.cluster import Cluster
    from airflow_provider_sf.rest.protocol import Call

TRIES = 5
"""How often a file or a chunk is sent. Sending it again replaces it."""

FIRST_PAUSE_SECONDS = 1.0
REPAIRS = 3
"""How often the missing ranges of a file are sent again."""

_RANGE_REFUSED = "FABRIC_E_UPLOAD_SESSION_RANGE_NOT_SATISFIABLE"


@dataclass(frozen=True, slots=True)
class UploadedPackage:
    """A package in the image store: its path for the provision, its type, and how much was uploaded."""

    image_store_path: str
    type_name: str
    type_version: str
    manifest_sha256: str | None
    """The hash of the application manifest, see :func:`manifest_hash`."""
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LocalPackage:
    """The folder of a package on this machine, and where it goes."""

    folder: Path
    image_store_path: str
    type_name: str
    type_version: str
    manifest_sha256: str | None
    files: tuple[PackageFile, ...]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return sum(file.size for file in self.files)


def read_package(folder: str | os.PathLike[str], image_store_path: str | None = None) -> LocalPackage:
    """
    Read the manifest and the list of files of a package.

    :param image_store_path: None is ``{type}/{version}-{random}``
    :raises ValueError: the folder does not exist, is no application package, or a path in it is invalid
    :raises OSError: a part of it cannot be read; it is not left out
    """
    root = Path(folder)
    try:
        content = (root / APPLICATION_MANIFEST).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        problem = f"contains no {APPLICATION_MANIFEST}" if root.is_dir() else "does not exist on this worker"
        msg = f"the package folder {str(folder)!r} {problem}: set package to the folder of a built package"
        raise ValueError(msg) from error
    name, version = read_type_version(content)
    files = tuple(_files(root))
    path = image_store_path or f"{name}/{version}-{uuid4().hex[:8]}"
    check_paths(path, [file.path for file in files])
    return LocalPackage(root, path, name, version, manifest_hash(content), files)


def _files(root: Path) -> list[PackageFile]:
    """Return the files, sorted by path; markers of an earlier upload are no files of the package."""
    found = []
    for folder, folders, names in os.walk(root, onerror=_raise):
        for path in (Path(folder, name) for name in (*folders, *names) if name != MARKER):
            relative, status = path.relative_to(root).as_posix(), path.stat()
            if stat.S_ISREG(status.st_mode):
                found.append(PackageFile(relative, status.st_size))
            elif not stat.S_ISDIR(status.st_mode):
                msg = f"the package contains {relative!r}, which is neither a file nor a folder: remove it"
                raise ValueError(msg)
            elif path.is_symlink():
                msg = f"the package contains {relative!r}, a link to a folder: copy the folder instead"
                raise ValueError(msg)
    return sorted(found, key=lambda file: file.path)


def _raise(error: OSError) -> None:
    raise error


class PackageUpload:
    """
    One upload: a request for each file, several files at once, each sent again after a failure.

    :param api_version: replaces the documented api-version of each call
    :param timeout: how many seconds the cluster may take for a file or a chunk
    """

    def __init__(
        self,
        package: LocalPackage,
        cluster: Cluster,
        log: Any,
        *,
        api_version: str | None,
        timeout: float,
    ) -> None:
        self._package = package
        self._progress = UploadProgress(len(package.files), package.size, log)
        self._cluster = cluster
        self._api_version = api_version
        self._log = log
        self._timeout = timeout
        self._has_sessions = True
        self._stopped = threading.Event()

    def run(self, parallel: int) -> UploadedPackage:
        """
        Upload all files, then the markers of complete folders.

        :raises ServiceFabricError: a file could not be uploaded
        """
        package = self._package
        self._log.info(
            "Uploading %s %s to the image store as %s: %d files, %.1f MiB",
            *(package.type_name, package.type_version, package.image_store_path),
            *(len(package.files), package.size / MIB),
        )
        with ThreadPoolExecutor(parallel, thread_name_prefix="upload") as pool:
            largest_first = sorted(package.files, key=lambda file: -file.size)
            futures = [pool.submit(self._file, file) for file in largest_first]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                self.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        for marker in markers(file.path for file in package.files):
            self._put(f"{package.image_store_path}/{marker}", b"")
        return UploadedPackage(
            package.image_store_path,
            package.type_name,
            package.type_version,
            package.manifest_sha256,
            len(package.files),
            package.size,
        )

    def stop(self) -> None:
        """Send nothing more. The requests that are being sent end normally."""
        self._stopped.set()

    def _file(self, file: PackageFile) -> None:
        """Upload a file, in chunks if it is large and the cluster can take them."""
        path = f"{self._package.image_store_path}/{file.path}"
        with (self._package.folder / file.path).open("rb") as content:
            if file.size <= CHUNK_BYTES or not self._in_chunks(path, file.size, content):
                self._put(path, content)
        self._progress.end_file(path, file.size)

    def _put(self, path: str, content: bytes | BinaryIO) -> None:
        self._with_retries(path, lambda: self._change(calls.UPLOAD_FILE, path, content))

    def _in_chunks(self, path: str, size: int, content: BinaryIO) -> bool:
        """Upload a file in chunks; return False if the cluster does not have the calls for that."""
        session_id = str(uuid4())
        parts = [ByteRange(0, size - 1)]
        for _ in range(1 + REPAIRS):
            for part in (piece for missing in parts for piece in chunks(missing, CHUNK_BYTES)):
                if not self._chunk(path, part, size, content, session_id):
                    return False
            parts = self._missing(path, session_id, size)
            if not parts and self._commit(path, session_id):
                return True
            parts = parts or [ByteRange(0, size - 1)]
        self._drop(session_id)
        msg = f"the upload of {path} is incomplete: the cluster still expects {len(parts)} ranges of it"
        raise Unreachable(msg, endpoint=self._cluster.endpoint)

    def _chunk(self, path: str, part: ByteRange, size: int, content: BinaryIO, session_id: str) -> bool:
        """
        Send a part of a file; return False if the cluster does not have the call.

        Old runtimes refuse a part that they have already, for example after a lost answer: see
        UploadSessionMetadata.cpp of microsoft/service-fabric. The missing parts are read before the commit.
        """
        if not self._has_sessions:
            return False
        content.seek(part.first)
        data, headers = content.read(part.size), (("Content-Range", part.header(size)),)
        query = {"session-id": session_id}
        try:
            self._with_retries(path, lambda: self._change(calls.UPLOAD_CHUNK, path, data, headers, query))
        except Rejected as error:
            # Gateways on Linux have no upload sessions: imagestorehandler.cpp of microsoft/service-fabric.
            if error.code == UNKNOWN_CALL:
                self._has_sessions = False
                self._log.info("The cluster accepts no chunks; sending each large file in one request")
                return False
            if error.code != _RANGE_REFUSED:
                self._drop(session_id)
                raise
        self._progress.add(path, part.size, limit=size)
        return True

    def _missing(self, path: str, session_id: str, size: int) -> list[ByteRange]:
        """Return the parts that the cluster still expects: all if it has lost the session."""
        try:
            answer = self._with_retries(path, lambda: self._session(session_id))
        except Rejected as error:
            if not is_missing(error):
                raise
            answer = {}
        return missing_ranges(answer, session_id, size)

    def _commit(self, path: str, session_id: str) -> bool:
        """
        Make the chunks a file; return False if the cluster does not have the session.

        It has lost the session, as a new primary of the image store does, or an earlier request with a lost
        answer has committed it. Sending the file again is right in both cases.
        """
        query = {"session-id": session_id}
        try:
            self._with_retries(path, lambda: self._change(calls.COMMIT_UPLOAD_SESSION, "", None, (), query))
        except Rejected as error:
            if not is_missing(error):
                raise
            self._log.warning("The cluster has lost the upload session of %s; sending the file again", path)
            return False
        return True

    def _drop(self, session_id: str) -> None:
        """Delete a session that will not be completed, if that is possible."""
        with suppress(ServiceFabricError):
            self._change(calls.DELETE_UPLOAD_SESSION, "", None, (), {"session-id": session_id})

    def _session(self, session_id: str) -> dict[str, Any]:
        limit, query = self._cluster.server_timeout, {"session-id": session_id}
        request = request_for(calls.UPLOAD_SESSION, api_version=self._api_version, timeout=limit, **query)
        return self._cluster.read(self._cluster.send(request))

    def _change(
        self,
        call: Call,
        name: str,
        body: object,
        headers: tuple[tuple[str, str], ...] = (),
        query: dict[str, str] | None = None,
    ) -> None:
        request = change_request(
            call,
            name,
            timeout=self._timeout,
            api_version=self._api_version,
            body=body,
            headers=headers,
            **(query or {}),
        )
        self._cluster.check(self._cluster.send(request))

    def _with_retries(self, path: str, send: Callable[[], Any]) -> Any:
        """Call a function again after a failure. What it sends may be repeated."""
        tries = 0
        while not self._stopped.is_set():
            try:
                return send()
            except (ResultUnknown, Unreachable) as error:  # noqa: PERF203 - it is the purpose of the loop
                tries += 1
                if tries == TRIES:
                    raise
                self._log.warning("Sending %s again (%d of %d): %s", path, tries, TRIES - 1, error)
                self._stopped.wait(FIRST_PAUSE_SECONDS * 2 ** (tries - 1))
        msg = f"the upload was stopped before {path} was complete"
        raise Unreachable(msg, endpoint=self._cluster.endpoint)
