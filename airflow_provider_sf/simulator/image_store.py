"""The image store of a simulated cluster: a fold over the journal. A pure function; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.simulator.model import timestamp
from airflow_provider_sf.simulator.responses import Refusal, fabric_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_sf.simulator.journal import Command

MARKER = "_.dir"
"""The empty file that marks a folder as complete."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, and the Unix time of its upload."""

    data: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class UploadSession:
    """The chunks of a file that is not committed yet, by their first byte."""

    id: str
    path: str
    size: int
    at: float
    chunks: Mapping[int, bytes] = field(repr=False)

    def missing(self) -> list[tuple[int, int]]:
        """Return the ranges that were not uploaded: first and last byte."""
        found, position = [], 0
        for first, data in sorted(self.chunks.items()):
            if first > position:
                found.append((position, first - 1))
            position = max(position, first + len(data))
        if position < self.size:
            found.append((position, self.size - 1))
        return found

    def takes(self, place: Range) -> bool:
        """Whether a range is missing as a whole, or was uploaded as a whole: UploadSessionMetadata.cpp."""
        open_ranges = [pair for pair in self.missing() if pair[0] <= place.last and place.first <= pair[1]]
        return all(first <= place.first and place.last <= last for first, last in open_ranges)

    def content(self) -> bytes:
        """Return the file."""
        content = bytearray(self.size)
        for first, data in self.chunks.items():
            content[first : first + len(data)] = data
        return bytes(content)

    def info(self) -> dict[str, Any]:
        """Return UploadSessionInfo."""
        return {
            "StoreRelativePath": self.path,
            "SessionId": self.id,
            "ModifiedDate": timestamp(self.at),
            "FileSize": str(self.size),
            "ExpectedRanges": [
                {"StartPosition": str(first), "EndPosition": str(last)} for first, last in self.missing()
            ],
        }


@dataclass(frozen=True, slots=True)
class ImageStore:
    """Files by their path, and upload sessions by their id."""

    files: Mapping[str, StoredFile] = field(default_factory=dict)
    sessions: Mapping[str, UploadSession] = field(default_factory=dict)

    def folder(self, path: str) -> dict[str, bytes]:
        """Return the files below a folder, by their path in it."""
        prefix = f"{path}/"
        return {
            name.removeprefix(prefix): stored.data
            for name, stored in self.files.items()
            if name.startswith(prefix)
        }

    def without(self, path: str) -> ImageStore:
        """Return the store without a file or folder."""
        left = {name: stored for name, stored in self.files.items() if not _is_in(name, path)}
        return replace(self, files=left)

    def existing(self, path: str) -> list[str]:
        """
        Return the paths of a file, or of all files below a folder.

        :raises Refusal: the path does not exist
        """
        names = sorted(name for name in self.files if not path or _is_in(name, path))
        if path and not names:
            message = f"{path} does not exist in the image store."
            raise Refusal(fabric_error(404, "FABRIC_E_FILE_NOT_FOUND", message))
        return names

    def content(self, path: str) -> dict[str, Any]:
        """
        Return ImageStoreContent of a folder or file; an empty path is the root.

        :raises Refusal: the path does not exist
        """
        names = self.existing(path)
        base = f"{path}/" if path and path not in self.files else ""
        inner = {name: name.removeprefix(base) for name in names}
        files = [name for name, rest in inner.items() if name == path or "/" not in rest]
        folders = sorted({rest.partition("/")[0] for name, rest in inner.items() if name not in files})
        return {
            "StoreFiles": [self._file(name) for name in files],
            "StoreFolders": [
                {
                    "StoreRelativePath": f"{base}{folder}",
                    "FileCount": str(len(self.folder(f"{base}{folder}"))),
                }
                for folder in folders
            ],
        }

    def _file(self, name: str) -> dict[str, Any]:
        """Return FileInfo."""
        stored = self.files[name]
        version = {"VersionNumber": "1", "EpochDataLossNumber": "1", "EpochConfigurationNumber": "1"}
        return {
            "FileSize": str(len(stored.data)),
            "FileVersion": version,
            "ModifiedDate": timestamp(stored.at),
            "StoreRelativePath": name,
        }


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a chunk: first and last byte, and the size of the file."""

    first: int
    last: int
    size: int


def read_range(text: str, length: int) -> Range:
    """
    Read a Content-Range header of a chunk of this length.

    :raises Refusal: it is invalid
    """
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", text, re.ASCII)
    first, last, size = map(int, found.groups()) if found else (1, 0, 0)
    if first > last or last >= size or last - first + 1 != length:
        code = "FABRIC_E_UPLOAD_SESSION_RANGE_NOT_SATISFIABLE"
        raise Refusal(fabric_error(400, code, f"The range {text!r} of {length} bytes is not satisfiable."))
    return Range(first, last, size)


def store_path(path: str) -> str:
    """Return a path with single separators."""
    return "/".join(part for part in re.split(r"[/\\]", path) if part)


def image_store(commands: Iterable[Command], cleanups: Iterable[tuple[float, str]]) -> ImageStore:
    """
    Return the store after commands.

    :param cleanups: Unix times, up to now, at which the cluster deletes a path
    """
    store, pending = ImageStore(), sorted(cleanups)
    for command in commands:
        while pending and pending[0][0] <= command.at:
            store = store.without(pending.pop(0)[1])
        store = _next(store, command)
    for _, path in pending:
        store = store.without(path)
    return store


def _next(store: ImageStore, command: Command) -> ImageStore:
    """Return the store after a command."""
    name, session_id = command.name, command.query.get("session-id", "")
    if command.call == "upload_file":
        return replace(store, files={**store.files, name: StoredFile(command.body, command.at)})
    if command.call == "delete_image_store_path":
        return store.without(name)
    if command.call == "upload_chunk":
        return replace(store, sessions={**store.sessions, session_id: _with_chunk(store, command)})
    if command.call not in {"commit_upload_session", "delete_upload_session"}:
        return store
    session = store.sessions[session_id]
    left = {key: other for key, other in store.sessions.items() if key != session_id}
    if command.call == "delete_upload_session":
        return replace(store, sessions=left)
    return ImageStore({**store.files, session.path: StoredFile(session.content(), command.at)}, left)


def _with_chunk(store: ImageStore, command: Command) -> UploadSession:
    session_id = command.query["session-id"]
    place = read_range(command.query["content-range"], len(command.body))
    old = store.sessions.get(session_id)
    chunks = {**(old.chunks if old else {}), place.first: command.body}
    return UploadSession(session_id, command.name, place.size, command.at, chunks)


def incomplete_folders(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the folders without a marker; an empty text is the root."""
    folders = {""} | {name.rpartition("/")[0] for name in files}
    parents = {folder[: match.start()] for folder in folders for match in re.finditer("/", folder)}
    for folder in sorted(folders | parents):
        if f"{folder}/{MARKER}".lstrip("/") not in files:
            yield folder


def _is_in(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")
