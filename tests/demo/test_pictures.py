"""The pictures of the documentation: each comes from the table of `make screenshots`, or is named as made by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from demo.browser import PROGRAMS, BrowserError, find_chromium
from demo.pictures import MADE_BY_HAND, MISTAKE, PICTURES, write_dags
from demo.screenshots import main

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
IMAGE = re.compile(r"!\[[^\]]+\]\(([^)]+)\)")

FROM_THE_SCRIPT = {picture.name for picture in PICTURES if picture.in_docs}


def test_each_picture_has_a_unique_name() -> None:
    names = [picture.name for picture in PICTURES]
    assert len(set(names)) == len(names)
    assert not FROM_THE_SCRIPT & set(MADE_BY_HAND)


def test_each_image_comes_from_the_table() -> None:
    images = {image.stem for image in (DOCS / "images").iterdir()}
    assert images == FROM_THE_SCRIPT | set(MADE_BY_HAND)


def test_each_image_exists_and_is_used() -> None:
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    used = {(page.parent / link).resolve() for page in pages for link in IMAGE.findall(page.read_text())}
    assert used == set((DOCS / "images").iterdir())


def test_missing_chromium_names_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 1
    assert "On Debian: apt install chromium" in capsys.readouterr().err
    browser = tmp_path / PROGRAMS[0]
    browser.touch(mode=0o755)
    assert find_chromium() == str(browser)


def test_dags_of_the_pictures_are_complete(tmp_path: Path) -> None:
    write_dags(tmp_path / "dags")
    dags = {file.stem: file.read_text() for file in (tmp_path / "dags").iterdir()}
    assert set(dags) == {
        "release_shop",
        "release_train",
        "wait_for_upgrade",
        "release_by_domain",
        "wait_for_shop",
    }
    assert all(f'dag_id="{name}"' in code for name, code in dags.items())


def test_missing_block_of_the_tutorial_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is replaced: the tutorial has each block of the real one."""
    monkeypatch.setattr("demo.pictures.TUTORIAL_DAGS", ("release_nothing",))
    with pytest.raises(BrowserError, match="no block of code with the comment 'release_nothing'"):
        write_dags(tmp_path / "dags")


def test_mistake_is_refused_at_parse_time() -> None:
    with pytest.raises(ValueError, match="task 'wait_europe': on_rollback must be"):
        exec(MISTAKE, {})  # noqa: S102 - as Airflow executes a DAG file
