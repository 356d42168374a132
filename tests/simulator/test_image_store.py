"""Upload to the image store, in one request or in chunks."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.simulator.image_store import UploadSession
from tests.simulator.driven import Driven
from tests.simulator.published import client, unknown_members

SESSION = "0f5c7be1-93d4-4a82-a6ef-1b2c8d7e9f60"
OTHER = "0f5c7be1-93d4-4a82-a6ef-1b2c8d7e9f61"
RANGE = "FABRIC_E_UPLOAD_SESSION_RANGE_NOT_SATISFIABLE"
UNKNOWN = (404, "NotFound")
NO_GUID = (400, "FABRIC_E_INVALID_UPLOAD_SESSION_ID")


@pytest.fixture
def driven() -> Driven:
    return Driven()


def listed(driven: Driven, path: str = "") -> tuple[list[str], list[str]]:
    """Return the files with their sizes, and the folders with their numbers of files."""
    _, content = driven.send("GET", f"/ImageStore/{path}".rstrip("/"), version="6.2")
    assert not list(unknown_members(client()("ImageStoreContent", content)))
    return (
        [f"{item['StoreRelativePath']} {item['FileSize']}" for item in content["StoreFiles"]],
        [f"{item['StoreRelativePath']} {item['FileCount']}" for item in content["StoreFolders"]],
    )


def put(driven: Driven, path: str, data: bytes = b"data") -> tuple[int, Any]:
    return driven.send("PUT", f"/ImageStore/{path}", data)


def chunk(
    driven: Driven, place: str, data: bytes, *, path: str = "a.bin", session: str = SESSION
) -> tuple[int, Any]:
    return driven.send(
        "PUT",
        f"/ImageStore/{path}/$/UploadChunk",
        data,
        content_range=f"bytes {place}",
        **{"session-id": session},
    )


def session(driven: Driven, method: str, call: str, session: str = SESSION) -> tuple[int, Any]:
    return driven.send(method, f"/ImageStore/$/{call}", **{"session-id": session})


def missing(driven: Driven) -> list[tuple[int, int]]:
    _, answer = session(driven, "GET", "GetUploadSession")
    assert not list(unknown_members(client()("UploadSession", answer)))
    [info] = answer["UploadSessions"]
    return [(int(item["StartPosition"]), int(item["EndPosition"])) for item in info["ExpectedRanges"]]


def test_files_and_folders_are_listed(driven: Driven) -> None:
    assert listed(driven) == ([], [])
    for path in ("shop/1.0/a.txt", "shop%2F1.0%2FCode%2Fb.txt", "shop/2.0/c.txt", "root.txt"):
        assert put(driven, path) == (200, "")
    assert listed(driven) == (["root.txt 4"], ["shop 3"])
    assert listed(driven, "shop") == ([], ["shop/1.0 2", "shop/2.0 1"])
    assert listed(driven, "shop/1.0") == (["shop/1.0/a.txt 4"], ["shop/1.0/Code 1"])
    assert listed(driven, "shop%2F1.0/a.txt") == (["shop/1.0/a.txt 4"], [])
    assert driven.send("GET", "/ImageStore/other", version="6.2") == (404, "FABRIC_E_FILE_NOT_FOUND")


def test_upload_replaces_a_file(driven: Driven) -> None:
    put(driven, "a.txt", b"1")
    put(driven, "a.txt", b"22")
    assert listed(driven) == (["a.txt 2"], [])
    assert driven.simulator.state().image_store().files["a.txt"].data == b"22"


def test_delete_removes_a_folder(driven: Driven) -> None:
    put(driven, "shop/1.0/a.txt")
    put(driven, "shop/10.txt")
    assert driven.send("DELETE", "/ImageStore/shop/1.0") == (200, "")
    assert listed(driven, "shop") == (["shop/10.txt 4"], [])
    assert driven.send("DELETE", "/ImageStore/shop/1.0") == (404, "FABRIC_E_FILE_NOT_FOUND")
    assert driven.calls == ["upload_file", "upload_file", "delete_image_store_path"]


def test_chunks_in_any_order_become_a_file(driven: Driven) -> None:
    assert chunk(driven, "6-9/10", b"6789") == (200, "")
    assert missing(driven) == [(0, 5)]
    chunk(driven, "0-2/10", b"012")
    assert missing(driven) == [(3, 5)]
    assert session(driven, "POST", "CommitUploadSession") == (400, "E_INVALIDARG")
    chunk(driven, "3-5/10", b"345")
    chunk(driven, "3-5/10", b"345")
    assert missing(driven) == []
    assert listed(driven) == ([], [])
    assert session(driven, "POST", "CommitUploadSession") == (200, "")
    assert driven.simulator.state().image_store().files["a.bin"].data == b"0123456789"
    assert session(driven, "GET", "GetUploadSession") == (204, "")
    assert session(driven, "POST", "CommitUploadSession") == UNKNOWN
    assert chunk(driven, "0-0/5", b"0") == (200, "")  # the id is free again


def test_chunk_must_not_overlap_others(driven: Driven) -> None:
    chunk(driven, "2-5/10", b"2345")
    assert chunk(driven, "3-4/10", b"34") == (200, "")
    assert chunk(driven, "0-2/10", b"012") == (400, RANGE)
    assert chunk(driven, "0-9/10", b"0123456789") == (400, RANGE)
    assert chunk(driven, "0-1/10", b"01") == (200, "")
    assert missing(driven) == [(6, 9)]


def test_incomplete_session_expects_its_end() -> None:
    assert UploadSession("", "a", 10, 0.0, {0: b"01"}).missing() == [(2, 9)]
    assert UploadSession("", "a", 10, 0.0, {}).missing() == [(0, 9)]
    assert UploadSession("", "a", 6, 0.0, {0: b"0123", 2: b"23"}).missing() == [(4, 5)]


def test_sessions_of_a_path_are_listed(driven: Driven) -> None:
    chunk(driven, "0-0/2", b"0")
    chunk(driven, "0-0/3", b"0", session=OTHER)
    chunk(driven, "0-0/3", b"0", path="b.bin", session=OTHER.replace("0f5c", "1f5c"))
    _, answer = driven.send("GET", "/ImageStore/a.bin/$/GetUploadSession")
    assert [(item["SessionId"], item["FileSize"]) for item in answer["UploadSessions"]] == [
        (SESSION, "2"),
        (OTHER, "3"),
    ]
    assert driven.send("GET", "/ImageStore/c.bin/$/GetUploadSession") == (204, "")


def test_session_is_dropped(driven: Driven) -> None:
    chunk(driven, "0-0/2", b"0")
    assert session(driven, "DELETE", "DeleteUploadSession") == (200, "")
    assert session(driven, "DELETE", "DeleteUploadSession") == UNKNOWN
    assert session(driven, "GET", "GetUploadSession", "no guid") == NO_GUID


@pytest.mark.parametrize("place", ["5-4/10", "0-10/10", "0-3/10", "0-4", "x"])
def test_wrong_range_is_refused(place: str, driven: Driven) -> None:
    assert chunk(driven, place, b"01234") == (400, RANGE)


@pytest.mark.parametrize(("place", "path"), [("0-0/9", "a.bin"), ("0-0/2", "b.bin")])
def test_session_id_is_for_one_file(place: str, path: str, driven: Driven) -> None:
    chunk(driven, "0-0/2", b"0")
    assert chunk(driven, place, b"0", path=path) == (409, "FABRIC_E_UPLOAD_SESSION_ID_CONFLICT")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("shop/../../x", "FABRIC_E_INVALID_DIRECTORY"),
        ("C:/x", "FABRIC_E_INVALID_DIRECTORY"),
        ("x" * 261, "FABRIC_E_PATH_TOO_LONG"),
    ],
)
def test_wrong_path_is_refused(path: str, code: str, driven: Driven) -> None:
    assert put(driven, path) == (400, code)


def test_older_gateway_has_no_sessions(driven: Driven) -> None:
    driven.simulator.upload_sessions = False
    no_route = (400, "E_INVALIDARG")
    assert chunk(driven, "0-0/2", b"0") == no_route
    assert session(driven, "GET", "GetUploadSession") == no_route
    assert session(driven, "POST", "CommitUploadSession") == no_route
    assert put(driven, "a.bin") == (200, "")
