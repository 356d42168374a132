"""The code and the documents use plain English: standard words, short test names, no riddles."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.unmeasured  # they run no code of the package

ROOT = Path(__file__).parent.parent
PACKAGE = "airflow_provider_sf"
PROGRAMS = [PACKAGE, "tests", "benchmarks", "demo", "dags_examples", "release"]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    "docs/**/*.md",
    "Makefile",
    "pyproject.toml",
]

FORBIDDEN = (
    r"whose|whom|whoever|nobody|somebody|anybody|mend(s|ed|ing)?|anew|overtaken?|overtakes|lest|hence|save for"
    r"|forg[ai]ve[ns]?|silences?|silent|silently|doubt(s|ed)?|in vain|be it|of its own|who asks|gives up"
    r"|at rest|perhaps|tells?|told|telling|said|(is|are|has) (?-i:none)|wish(es|ed)?|heard|meant|mostly"
    r"|beats?|(takes?|taken|took) the place|the like|things?|stor(y|ies)|conversations?|(certificate|token)s? (has )?end(s|ed)"
)
"""Riddles, old words, and words with a standard replacement: outage, superseded, expired."""

MARKERS = (
    rf"{FORBIDDEN}|ours|anything else|says so|whatever|whichever|wherever|nor|as such|by itself|for ever"
)
"""A plain sentence rarely needs these."""

MARKERS_PER_1000_WORDS = 8

NAMES = {"said", "told", "one", "given", "heard", "who", "whom", "ours", "meant"}
"""As names of variables these do not say what a value is."""

CODE = re.compile(r"``.*?``|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>|https?://\S+")


class Line(NamedTuple):
    """A line that a person reads."""

    file: Path
    number: int
    text: str

    def hits(self, words: str) -> Iterator[str]:
        """Yield the words that it should not have, with their place."""
        for match in re.finditer(rf"\b({words})\b", CODE.sub(" ", self.text), re.IGNORECASE):
            yield f"{self.file.relative_to(ROOT)}:{self.number}: {match[0]}"


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_text())))


def comments(file: Path) -> Iterator[Line]:
    """Yield the comments; the formatter puts two spaces before each."""
    for number, text in enumerate(file.read_text().splitlines(), 1):
        if match := re.search(r"(?:^\s*|  )#(.*)", text):
            yield Line(file, number, match[1])


def strings(file: Path, *, are_docstrings: bool) -> Iterator[Line]:
    """Yield the lines of docstrings, or of the other strings, messages among them."""
    docstrings = {id(node.value) for node in nodes(file) if isinstance(node, ast.Expr)}
    for node in nodes(file):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if (id(node) in docstrings) == are_docstrings:
            for number, text in enumerate(node.value.splitlines(), node.lineno):
                yield Line(file, number, text)


def prose(file: Path) -> Iterator[Line]:
    yield from comments(file)
    yield from strings(file, are_docstrings=True)


def document(file: Path) -> Iterator[Line]:
    """Yield the lines of a document, except blocks of code; of other files, the comments."""
    is_code = False
    for number, text in enumerate(file.read_text().splitlines(), 1):
        if file.suffix != ".md":
            yield Line(file, number, text.partition("#")[2])
        elif text.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield Line(file, number, text)


def hits(lines: Iterable[Line], words: str) -> list[str]:
    return [hit for line in lines for hit in line.hits(words)]


@pytest.mark.parametrize("folder", PROGRAMS)
def test_comments_and_docstrings_use_plain_words(folder: str) -> None:
    found = hits((line for file in python_files(folder) for line in prose(file)), FORBIDDEN)
    assert not found, "\n".join(found)


def test_messages_use_plain_words() -> None:
    """The simulator's are Service Fabric's."""
    files = [file for file in python_files(PACKAGE) if "simulator" not in file.parts]
    found = hits((line for file in files for line in strings(file, are_docstrings=False)), FORBIDDEN)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_documents_use_plain_words(pattern: str) -> None:
    files = sorted(ROOT.glob(pattern))
    assert files
    found = hits((line for file in files for line in document(file)), FORBIDDEN)
    assert not found, "\n".join(found)


def test_package_prose_has_few_markers() -> None:
    lines = [line for file in python_files(PACKAGE) for line in prose(file)]
    found = hits(lines, MARKERS)
    words = sum(len(line.text.split()) for line in lines)
    worst = Counter(hit.partition(":")[0] for hit in found).most_common(5)
    assert len(found) * 1000 / words <= MARKERS_PER_1000_WORDS, worst


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(file):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_test_names_have_at_most_eight_words() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{function.lineno}: {function.name}"
        for file in python_files("tests")
        for function in functions(file)
        if function.name.startswith("test_") and function.name.count("_") > 8
    ]
    assert not found, "\n".join(found)


def variables(file: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(file):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def test_variables_are_named_for_what_they_hold() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {name}"
        for file in python_files(PACKAGE)
        for number, name in variables(file)
        if name in NAMES
    ]
    assert not found, "\n".join(found)
