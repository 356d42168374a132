"""The pages of the documentation: short sentences, narrow tables, an example first, a place in the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")), *SITE]

MAX_WORDS = 30
MAX_COLUMNS = 4
RAW_FIGURES = DOCS / "explanation" / "benchmarks_raw.md"
"""Holds the output of a command, folded."""

FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE = re.compile(r"``.+?``|`[^`]+`")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"*)]*\s+")
NOT_PROSE = re.compile(r"^\s*(#|\||:::|:\w+:|---)")
ITEM = re.compile(r"^\s*([-*]|\d+\.|:)\s+")


class Sentence(NamedTuple):
    """A sentence and the number of its words; code is one word."""

    text: str
    words: int


def prose(page: Path) -> str:
    """Return a page without blocks of code and comments; the lines keep their order."""
    return COMMENT.sub("", FENCE.sub("", page.read_text()))


def paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs, list items, terms and definitions."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if lines and (not line.strip() or NOT_PROSE.match(line) or ITEM.match(line)):
            yield " ".join(lines)
            lines = []
        if line.strip() and not NOT_PROSE.match(line):
            lines.append(ITEM.sub("", line).strip())


def sentences(text: str) -> Iterator[Sentence]:
    for paragraph in paragraphs(text):
        plain = LINK.sub(r"\1", CODE.sub("code", paragraph))
        for sentence in SENTENCE_END.split(plain):
            yield Sentence(sentence, len(sentence.split()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_are_short(page: Path) -> None:
    found = [sentence for sentence in sentences(prose(page)) if sentence.words > MAX_WORDS]
    assert not found, "\n".join(f"{sentence.words} words: {sentence.text}" for sentence in found)


def test_sentences_are_counted() -> None:
    """The rule above cannot pass because it finds no sentence."""
    text = "# Title\n\nOne `two words` [three](x.md#y).\nFour! Five\nsix:\n\n- seven.\n\nterm\n: its text\n\n| a b |\n"
    found = [
        ("One code three.", 3),
        ("Four!", 1),
        ("Five six:", 2),
        ("seven.", 1),
        ("term", 1),
        ("its text", 2),
    ]
    assert list(sentences(text)) == found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != RAW_FIGURES], ids=lambda page: str(page.relative_to(ROOT))
)
def test_tables_fit_on_a_phone(page: Path) -> None:
    wide = [line for line in prose(page).splitlines() if line.startswith("|") and columns(line) > MAX_COLUMNS]
    assert not wide, "\n".join(wide)


def columns(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


def test_raw_figures_are_folded() -> None:
    folded = re.findall(r"^:::\{dropdown\}.*?^:::$", RAW_FIGURES.read_text(), re.MULTILINE | re.DOTALL)
    rows = [line for line in RAW_FIGURES.read_text().splitlines() if line.startswith("|")]
    assert rows
    assert [line for block in folded for line in block.splitlines() if line.startswith("|")] == rows


def toctree_entries() -> Iterator[Path]:
    """Yield the pages that a toctree names, and those that a glob finds."""
    for page in SITE:
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if line and not line.startswith(":"):
                    entry = re.sub(r".*<(.*)>", r"\1", line)  # a title may come first
                    found = sorted(page.parent.glob(f"{entry}.md"))
                    assert found or "*" in entry, f"{page}: {entry} does not exist"
                    yield from found


def test_each_page_is_in_the_navigation() -> None:
    assert set(toctree_entries()) | {DOCS / "index.md"} == set(SITE)


def class_sections() -> Iterator[tuple[str, str]]:
    """Yield each class that has a heading in the reference, with the text below the heading."""
    for page in sorted((DOCS / "reference").glob("*.md")):
        parts = re.split(r"^##? ((?:ServiceFabric|release_)\w+)$", page.read_text(), flags=re.MULTILINE)
        yield from zip(parts[1::2], parts[2::2], strict=True)


@pytest.mark.parametrize(
    ("name", "text"), [pytest.param(*section, id=section[0]) for section in class_sections()]
)
def test_class_begins_with_its_example(name: str, text: str) -> None:
    language, code = re.findall(r"^```(\S+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]
    assert language == "python"
    assert name in code


def test_each_airflow_class_has_a_section() -> None:
    modules = [*(ROOT / "airflow_provider_sf").glob("[hnost]*s/*.py")]
    classes = {
        name
        for module in modules
        for name in re.findall(
            r"^class (ServiceFabric\w*(?:Hook|Notifier|Operator|Sensor|Trigger))\(",
            module.read_text(),
            re.MULTILINE,
        )
    }
    assert len(classes) == 20
    assert classes | {"release_application", "release_train"} == {name for name, _ in class_sections()}
