"""
The hash chain of release records: each record holds the hash of the record before it. No I/O, no Airflow.

A changed, missing or added file is found, as long as one hash is known from elsewhere: the newest one is in
the XCom and in the log of the task that has written it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_sf.releases.release_record import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeGuard

_SEAL = ("page_sha256", "sha256")
"""The members that are set after the page was written."""


class _File(NamedTuple):
    """What the file of a record holds."""

    record: dict[str, Any]
    sha256: str
    """The hash of the record, which is not always the one that the record names."""
    expected: bytes
    """The content that the file must have."""


def content_sha256(record: Mapping[str, Any]) -> str:
    """Return the hash that the page shows: of the record without the members that are set after it."""
    return _sha256(_canonical({key: value for key, value in record.items() if key not in _SEAL}))


def sealed(record: Mapping[str, Any], page: bytes) -> dict[str, Any]:
    """Return a record with the hash of its page, and its own."""
    with_page = {**record, "page_sha256": _sha256(page)}
    return {**with_page, "sha256": _own_sha256(with_page)}


def file_bytes(record: Mapping[str, Any]) -> bytes:
    """Return the file of a record. Its form is fixed, so that each changed byte is found."""
    # A file that was changed may hold characters that UTF-8 has no bytes for.
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def newest_sha256(files: Mapping[str, bytes]) -> str | None:
    """
    Return the hash of the newest record; None without records.

    :raises ValueError: the chain has a problem; another record would hide it
    """
    found = problems_in(files)
    if found:
        msg = f"the release records in this folder are not valid, so no record is added: {found[0]}"
        raise ValueError(msg)
    records = [file.record for _, file in _read(files) if file]
    used = {record["previous_sha256"] for record in records}
    return next((record["sha256"] for record in records if record["sha256"] not in used), None)


def problems_in(files: Mapping[str, bytes], last: str | None = None) -> list[str]:
    """
    Return what is wrong with the records and pages of a folder; an empty list if everything is valid.

    :param files: the content of each ``.json`` and ``.html`` file by its name
    :param last: the hash of the newest record, from its XCom or from the log
    """
    found = list(_read(files))
    problems = [problem for name, file in found for problem in _file_problems(files, name, file)]
    pages = {name for name in files if name.endswith(".html")}
    owned = {_page_of(name) for name, _ in found}
    lonely = sorted(pages - owned)
    problems += [f"{name}: the page has no record; its .json file is missing" for name in lonely]
    return problems + _chain_problems([(name, file.record) for name, file in found if file], last)


def _read(files: Mapping[str, bytes]) -> Iterator[tuple[str, _File | None]]:
    """Yield the name of each JSON file with what it holds, or None if that is no record."""
    for name in sorted(name for name in files if name.endswith(".json")):
        try:
            record = json.loads(files[name])
            found = _File(record, _own_sha256(record), file_bytes(record)) if _is_record(record) else None
        except (ValueError, RecursionError):
            found = None
        yield name, found


def _is_record(record: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return False
    is_first = "previous_sha256" in record and record["previous_sha256"] is None
    names = _SEAL if is_first else ("previous_sha256", *_SEAL)
    return all(isinstance(record.get(name), str) for name in names)


def _file_problems(files: Mapping[str, bytes], name: str, file: _File | None) -> list[str]:
    if file is None:
        return [f"{name}: the file is not a release record"]
    record, problems = file.record, []
    if record["sha256"] != file.sha256:
        problems.append(f"{name}: the record was changed; its SHA-256 is {file.sha256}")
    elif file.expected != files[name]:
        problems.append(f"{name}: the form of the file was changed; the record in it is the same")
    page = files.get(_page_of(name))
    if page is None:
        problems.append(f"{name}: the page {_page_of(name)} is missing")
    elif _sha256(page) != record["page_sha256"]:
        problems.append(f"{_page_of(name)}: the page was changed; its SHA-256 is {_sha256(page)}")
    return problems


def _chain_problems(records: list[tuple[str, dict[str, Any]]], last: str | None) -> list[str]:
    known = {record["sha256"] for _, record in records}
    problems, followers = [], dict[str | None, str]()
    for name, record in records:
        previous = record["previous_sha256"]
        if previous is not None and previous not in known:
            problems.append(f"{name}: the record before it is missing or was changed (SHA-256 {previous})")
        if previous in followers:
            problems.append(f"{name}: {followers[previous]} also follows {previous or 'no record'}")
        followers[previous] = name
    if records and None not in followers:
        problems.append("the first record is missing: each record follows another one")
    if last is not None and (last not in known or last in followers):
        problems.append(f"the newest record is not {last}: records are missing, or were added later")
    return problems


def _page_of(name: str) -> str:
    return f"{name.removesuffix('.json')}.html"


def _own_sha256(record: Mapping[str, Any]) -> str:
    return _sha256(_canonical({key: value for key, value in record.items() if key != "sha256"}))


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
