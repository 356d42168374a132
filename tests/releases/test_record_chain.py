"""A changed, missing or added file of a release record is found."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_sf.messages.report.page import release_page
from airflow_provider_sf.releases.__main__ import main
from airflow_provider_sf.releases.record_chain import file_bytes, newest_sha256, problems_in, sealed
from tests.releases.recorded_release import RUN, release

if TYPE_CHECKING:
    from pathlib import Path


def chain(count: int = 3) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for number in range(count):
        record = replace(
            release(run=replace(RUN, run_id=f"run{number}")), previous_sha256=newest_sha256(files)
        )
        page = release_page(record).encode()
        files |= {
            f"{number}.json": file_bytes(sealed(record.to_dict(), page)),
            f"{number}.html": page,
        }
    return files


FILES = chain()


def test_untouched_chain_is_valid() -> None:
    assert problems_in(FILES) == []
    assert problems_in(FILES, newest_sha256(FILES)) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_changed_byte_is_found(name: str) -> None:
    content = FILES[name]
    for place in range(0, len(content), 7):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert any(name in problem for problem in problems_in({**FILES, name: changed})), place


@pytest.mark.parametrize("more", [b" ", b"\n"])
def test_added_blank_is_found(more: bytes) -> None:
    (problem,) = problems_in({**FILES, "1.json": FILES["1.json"] + more})
    assert problem == "1.json: the form of the file was changed; the record in it is the same"


@pytest.mark.parametrize("name", sorted(FILES))
def test_missing_file_is_found(name: str) -> None:
    files = {key: content for key, content in FILES.items() if key != name}
    assert problems_in(files)


@pytest.mark.parametrize(("number", "words"), [(0, "missing"), (1, "the record before it is missing")])
def test_missing_pair_is_found(number: int, words: str) -> None:
    files = {name: content for name, content in FILES.items() if not name.startswith(str(number))}
    assert words in problems_in(files)[0]


def test_missing_newest_record_needs_its_hash() -> None:
    """Nothing in the folder refers to the newest record."""
    files = {name: content for name, content in FILES.items() if not name.startswith("2")}
    assert problems_in(files) == []
    assert "the newest record is not" in problems_in(files, newest_sha256(FILES))[0]


def test_later_record_is_found_by_last() -> None:
    assert "added later" in problems_in(FILES, newest_sha256(chain(2)))[0]


def test_two_first_records_are_found() -> None:
    other = {f"other{name}": content for name, content in chain(1).items()}
    assert "also follows no record" in problems_in({**FILES, **other})[0]


def test_no_record_follows_a_damaged_chain() -> None:
    with pytest.raises(ValueError, match=r"not valid, so no record is added: 1\.json"):
        newest_sha256({**FILES, "1.json": b"{}"})


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"schema": "service_fabric.release_record/1"}'])
def test_other_json_is_no_record(content: bytes) -> None:
    assert problems_in({"a.json": content})[0] == "a.json: the file is not a release record"


def test_character_without_bytes_is_found() -> None:
    """The hash was computed again."""
    record = json.loads(FILES["2.json"]) | {"run_id": "\ud800"}
    content = json.dumps(sealed(record, FILES["2.html"]), indent=2).encode()
    assert problems_in({**FILES, "2.json": content}) == [
        "2.json: the form of the file was changed; the record in it is the same"
    ]


def test_deep_json_is_no_record() -> None:
    """Some depths can be read but not written; which ones, depends on the depth of the call."""
    for depth in range(900, 1000):
        content = FILES["2.json"].replace(b'"ada"', b"[" * depth + b"]" * depth)
        assert problems_in({**FILES, "2.json": content})[0].startswith("2.json: ")


def write(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def test_command_reports_a_valid_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, FILES)
    assert main(["verify", folder, "--last", str(newest_sha256(FILES))]) == 0
    assert "3 records, valid" in capsys.readouterr().out


def test_command_reports_a_changed_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, {**FILES, "1.html": FILES["1.html"].replace(b"grace", b"Grace")})
    assert main(["verify", folder]) == 1
    assert "Problem: 1.html: the page was changed" in capsys.readouterr().out


def test_command_reports_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 1
    assert main(["verify", str(tmp_path / "missing")]) == 1
    printed = capsys.readouterr().out
    assert "the folder has no release records" in printed
    assert "cannot be read" in printed


def test_command_runs_as_documented(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_sf.releases", "verify", write(tmp_path, FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 records, valid: no file was changed" in done.stdout
