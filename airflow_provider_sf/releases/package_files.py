"""Which files of a package go to the image store, in which order and in which pieces. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import count, objects
from airflow_provider_sf.rest.url_names import content_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARKER = "_.dir"
"""
The empty file that marks a folder in the image store as complete.

See upload_to_native_imagestore in custom_app.py of microsoft/service-fabric-cli.
"""

APPLICATION_MANIFEST = "ApplicationManifest.xml"

CHUNK_BYTES = 25 * 1024 * 1024
"""Larger files are sent in chunks of this size, as Microsoft's client for .NET does."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a package: its path in the package, with ``/`` as separator, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file: its first and its last byte, counted from 0."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1

    def header(self, total: int) -> str:
        """Return the Content-Range header for a file of this size."""
        return f"bytes {self.first}-{self.last}/{total}"


def check_paths(folder: str, paths: Iterable[str]) -> None:
    """
    Refuse paths that the image store cannot have, before anything is sent.

    :raises ValueError: a path is invalid; the message names it
    """
    for path in ("", *paths):
        content_path(f"{folder}/{path}".rstrip("/"))


def other_files(stored: Iterable[str], paths: Iterable[str]) -> list[str]:
    """
    Return the stored files that are no files of a package.

    An upload cannot remove them, so they would become a part of the package. An image store on Windows does
    not distinguish upper and lower case.
    """
    own = {path.casefold() for path in paths}
    return [path for path in stored if path.casefold() not in own and path.rpartition("/")[2] != MARKER]


def markers(paths: Iterable[str]) -> list[str]:
    """
    Return the paths of the markers of all folders, for the end of an upload.

    A folder comes after the folders in it, so the root is the last one: it marks the package as complete.
    """
    folders = {""}
    for path in paths:
        parts = path.split("/")[:-1]
        folders |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    ordered = sorted(folders, key=lambda folder: (-folder.count("/") if folder else 1, folder))
    return [f"{folder}/{MARKER}".lstrip("/") for folder in ordered]


def chunks(part: ByteRange, size: int) -> Iterator[ByteRange]:
    """Yield the pieces of a part of a file that are sent one by one."""
    for first in range(part.first, part.last + 1, size):
        yield ByteRange(first, min(first + size - 1, part.last))


def missing_ranges(answer: dict[str, Any], session_id: str, size: int) -> list[ByteRange]:
    """
    Return the parts of a file that the cluster still expects, from UploadSession; all without the session.

    EndPosition is the last byte, see GetNextExpectedRanges in UploadSessionMetadata.cpp of
    microsoft/service-fabric.

    :raises UnexpectedAnswer: a range has no positions
    """
    wanted = session_id.casefold()
    for session in objects(answer.get("UploadSessions")):
        if str(session.get("SessionId")).strip("{}").casefold() == wanted:
            return [_range(item, size) for item in objects(session.get("ExpectedRanges"))]
    return [ByteRange(0, size - 1)]


def _range(item: dict[str, Any], size: int) -> ByteRange:
    first, last = count(item.get("StartPosition")), count(item.get("EndPosition"))
    if first is None or last is None or first >= size or last < first:
        msg = "expected a range of an upload session, got an object without valid positions"
        raise UnexpectedAnswer(msg)
    return ByteRange(first, min(last, size - 1))
