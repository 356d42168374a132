"""The log and the JSON of a command: what systems fold, and that no text of a cluster is a command for them."""

from __future__ import annotations

import io
import json

import pytest

from airflow_provider_sf.commands.output import Log, write_json


def written(environ: dict[str, str], *texts: str) -> str:
    stream = io.StringIO()
    log = Log(stream, environ)
    for text in texts:
        log.log(20, "%s", text)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("environ", "fold"),
    [
        ({}, "Summary:\na\n\n"),
        ({"GITHUB_ACTIONS": "true"}, "::group::Summary\na\n::endgroup::\n"),
        ({"TF_BUILD": "True"}, "##[group]Summary\na\n##[endgroup]\n"),
    ],
)
def test_summary_is_folded(environ: dict[str, str], fold: str) -> None:
    assert written(environ, "::group::Summary", "a", "::endgroup::") == fold


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("::set-output name=x::y", ": :set-output name=x::y"),
        ("  ::add-mask::x", ": :add-mask::x"),
        ("one\n::error::two", "one\n: :error::two"),
        ("a ##vso[task.setvariable variable=x]y", "a # #vso[task.setvariable variable=x]y"),
        ("a ##VSO[task.x]", "a # #VSO[task.x]"),
        ("a ###[group]x", "a ## #[group]x"),
        ("[##--------] IPv6 ::1", "[##--------] IPv6 ::1"),
    ],
)
def test_no_line_is_a_command(text: str, line: str) -> None:
    assert written({"GITHUB_ACTIONS": "true", "TF_BUILD": "True"}, text) == f"{line}\n"


@pytest.mark.parametrize("text", ["##[group]", "a ##vso[task.x]", "####[", "#", "# #"])
def test_no_json_is_a_command(text: str) -> None:
    stream = io.StringIO()
    write_json(stream, {text: text})
    assert "##" not in stream.getvalue()
    assert json.loads(stream.getvalue()) == {text: text}


def test_letter_that_the_stream_lacks_is_escaped() -> None:
    written_bytes = io.BytesIO()
    stream = io.TextIOWrapper(written_bytes, encoding="ascii")
    Log(stream, {}).info("Web: gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n")
    assert written_bytes.getvalue() == b"Web: gr\\xfcn\n"
