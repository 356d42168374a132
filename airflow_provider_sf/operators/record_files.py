"""Write a release record and its page into a folder, once and as a whole. Not for DAG files."""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_sf.messages.report.page import release_page
from airflow_provider_sf.releases.__main__ import read_folder
from airflow_provider_sf.releases.record_chain import file_bytes, newest_sha256, sealed
from airflow_provider_sf.releases.release_record import ReleaseRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOCK = ".release_records.lock"
"""The file that writers lock, so that two runs do not follow the same record."""

_CHANGES = ("written_at", "previous_sha256", "page_sha256", "sha256")
"""The members in which the records of two tries differ."""


@dataclass(frozen=True, slots=True)
class WrittenRecord:
    """A record and the paths of its files."""

    record: dict[str, Any]
    json_path: Path
    html_path: Path
    is_new: bool


def write_record(folder: Path, record: Mapping[str, Any]) -> WrittenRecord:
    """
    Add a record to a folder. A repeated try finds the record that an earlier one has written.

    No file of another record is overwritten. Both files appear when both are on the disk, the page first:
    a full disk leaves none of them, because one without the other would stop all later records.

    :raises OSError: the folder cannot be written
    :raises ValueError: the records in the folder are not valid
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        files = read_folder(folder)
        stem = _stem(f"{record['dag_id']}__{record['run_id']}")
        names = (stem if number == 1 else f"{stem}__{number}" for number in count(1))
        name = next(name for name in names if _is_free(files, name) or _is_same(files, name, record))
        paths = folder / f"{name}.json", folder / f"{name}.html"
        if not _is_free(files, name):
            return WrittenRecord(_read(files[paths[0].name]), *paths, is_new=False)
        files.pop(paths[1].name, None)  # a try that was killed has left a page without a record
        previous = newest_sha256(files)
        content = ReleaseRecord.from_dict({**record, "previous_sha256": previous})
        page = release_page(content).encode()
        whole = sealed(content.to_dict(), page)
        parts = _write_part(paths[1], page), _write_part(paths[0], file_bytes(whole))
        for part, path in zip(parts, reversed(paths), strict=True):
            part.replace(path)
        return WrittenRecord(whole, *paths, is_new=True)


def _is_free(files: Mapping[str, bytes], name: str) -> bool:
    return f"{name}.json" not in files


def _is_same(files: Mapping[str, bytes], name: str, record: Mapping[str, Any]) -> bool:
    """Whether a file holds this record, written by an earlier try."""
    found = _read(files[f"{name}.json"])
    return _without_changes(found) == _without_changes(record)


def _read(content: bytes) -> dict[str, Any]:
    """Return the record in a file; an empty one if the file holds something different."""
    with suppress(ValueError, RecursionError):
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    return {}


def _without_changes(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _CHANGES}


def _stem(text: str) -> str:
    """Return a name that each file system accepts; a number keeps equal names apart."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".")[:180]


def _write_part(path: Path, content: bytes) -> Path:
    """Write a file to the disk under another name, and return its path."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return part


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one writer at a time into a folder; the lock ends with its process."""
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
