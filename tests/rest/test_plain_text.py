"""Text that is safe to show: on one line, without marks that change what follows, without secrets."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airflow_provider_sf.rest.plain_text import hide_queries, plain_line, shorten_repr, show_setting


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("shop is down", "shop is down"),
        (" a\r\n\tb\u2028c\x0b", "a b c"),
        ("a\x00b\x07c\x1b[31md", "a b c [31md"),
        ("\x1b]52;c;aGk=\x07", "]52;c;aGk="),
        ("\x9b31m", "31m"),
        ("a\u202eb\u2066c\u2069d\u200fe\u200bf\ufeffg", "a b c d e f g"),
        ("half \udc80 a pair", "half a pair"),
        ("wéb 購 🙂", "wéb 購 🙂"),
        ("::group::a", "::group: :a"),
        ("a ::endgroup::", "a ::endgroup: :"),
        ("::gro\x1bup::", "::gro up::"),
        ("::group\u200b::", "::group ::"),
        ("::group:", "::group :"),
    ],
)
def test_text_of_a_cluster_becomes_plain(text: str, line: str) -> None:
    assert plain_line(text) == line


@given(st.text() | st.lists(st.sampled_from(["group", ":", "::", "end", "\n", "\u202e", "x"])).map("".join))
def test_any_text_becomes_plain(text: str) -> None:
    line = plain_line(text)
    assert line.isprintable()
    assert "group::" not in f"{line}:"
    assert plain_line(line) == line


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), (None, "None"), ("a\n\u202e", r"'a\n\u202e'"), ("x" * 99, f"'{'x' * 99}...")],
)
def test_shown_value_is_cut(value: object, text: str) -> None:
    assert shorten_repr(value) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("9.1", "'9.1'"),
        (9.1, "9.1"),
        (5, "5"),
        ("hunter2", "(text of 7 characters)"),
        ("9" * 7, "(text of 7 characters)"),
        ("9\n", "(text of 2 characters)"),
        ("٣", "(text of 1 characters)"),
        (True, "(bool)"),
        (None, "(NoneType)"),
        (["9.1"], "(list)"),
        ({"9.1": 1}, "(dict)"),
    ],
)
def test_only_harmless_settings_are_shown(value: Any, shown: str) -> None:
    assert show_setting(value, r"[\d.]{1,6}") == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no URL? no change", "no URL? no change"),
        ("http://c/a", "http://c/a"),
        ("GET https://c/a.sfpkg?sv=1&sig=a%2Bb= failed", "GET https://c/a.sfpkg?*** failed"),
        ("'HTTPS://c?sig=a', \"http://d?b\"", "'HTTPS://c?***', \"http://d?***\""),
        ("<https://c/a?b?c> https://c/?", "<https://c/a?***> https://c/?"),
    ],
)
def test_queries_of_urls_are_hidden(text: str, shown: str) -> None:
    """The query of a package's address is a password."""
    assert hide_queries(text) == shown
