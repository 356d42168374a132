"""Which files of a package are uploaded, in which order and in which pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sf.releases.package_files import (
    ByteRange,
    check_paths,
    chunks,
    markers,
    missing_ranges,
    other_files,
)
from airflow_provider_sf.rest import UnexpectedAnswer

SESSION = "0a1b2c3d-0000-4000-8000-00000000000a"


def sessions(*ranges: tuple[Any, Any], session_id: str = SESSION) -> dict[str, Any]:
    expected = [{"StartPosition": first, "EndPosition": last} for first, last in ranges]
    return {"UploadSessions": [{"SessionId": session_id, "ExpectedRanges": expected}]}


def test_markers_come_from_the_inside_out() -> None:
    files = ["ApplicationManifest.xml", "WebPkg/Code/bin/web.exe", "WebPkg/ServiceManifest.xml", "ApiPkg/a"]
    assert markers(files) == [
        "WebPkg/Code/bin/_.dir",
        "WebPkg/Code/_.dir",
        "ApiPkg/_.dir",
        "WebPkg/_.dir",
        "_.dir",
    ]


@pytest.mark.parametrize(
    ("folder", "path"),
    [("shop/../x", "a"), ("/shop", "a"), ("shop/", "a"), ("c:/shop", "a"), ("shop", "a\\b"), ("shop", "a:b"),
     ("shop", "a\nb"), ("shop", "b%2Fc")],
)  # fmt: skip
def test_path_that_cannot_be_stored_is_refused(folder: str, path: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        check_paths(folder, [path])


def test_paths_of_a_package_are_accepted() -> None:
    check_paths("ShopType/2.0-run", ["ApplicationManifest.xml", "Web Pkg/Code/ä.dll"])


def test_range_has_a_header() -> None:
    part = ByteRange(10, 19)
    assert (part.size, part.header(100)) == (10, "bytes 10-19/100")


@given(st.integers(1, 100), st.integers(0, 50), st.integers(1, 30))
def test_chunks_cover_a_range_exactly(length: int, first: int, size: int) -> None:
    parts = list(chunks(ByteRange(first, first + length - 1), size))
    positions = [position for part in parts for position in range(part.first, part.last + 1)]
    assert positions == list(range(first, first + length))
    assert max(part.size for part in parts) <= size


def test_other_files_are_not_in_the_package() -> None:
    stored = ["A.txt", "Code/b.txt", "Code/_.dir", "_.dir", "c.txt"]
    assert other_files(stored, ["a.txt", "Code/b.txt", "d.txt"]) == ["c.txt"]


def test_missing_ranges_are_those_of_the_session() -> None:
    answer = sessions(("0", "9"), (20, 30))
    other = sessions(("1", "2"), session_id="other")["UploadSessions"]
    answer["UploadSessions"] = other + answer["UploadSessions"]
    assert missing_ranges(answer, SESSION, 30) == [ByteRange(0, 9), ByteRange(20, 29)]
    assert missing_ranges(sessions(session_id=f"{{{SESSION.upper()}}}"), SESSION, 30) == []
    assert missing_ranges({"UploadSessions": other}, SESSION, 30) == [ByteRange(0, 29)]


@pytest.mark.parametrize("found", [(None, "1"), ("1", "x"), ("30", "31"), ("5", "4")])
def test_invalid_range_is_unexpected(found: tuple[Any, Any]) -> None:
    with pytest.raises(UnexpectedAnswer, match="range"):
        missing_ranges(sessions(found), SESSION, 30)
