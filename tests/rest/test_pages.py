"""Lists come page by page; a page that leads back to itself is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.pages import items_of_page

if TYPE_CHECKING:
    from collections.abc import Callable


def test_published_pages_are_read_in_order(sample: Callable[[str], dict[str, Any]]) -> None:
    used_tokens: set[str] = set()
    first, after = items_of_page(sample("reads/applications_first_page"), used_tokens)
    assert [item["Name"] for item in first] == ["fabric:/samples/CalculatorApp", "fabric:/samples/PQueueApp1"]
    assert after == "fabric:/samples/PQueueApp1"
    last, after = items_of_page(sample("reads/applications_last_page"), used_tokens)
    assert [item["Name"] for item in last] == ["fabric:/samples/VQueueApp1"]
    assert not after
    assert used_tokens == {"fabric:/samples/PQueueApp1"}


@pytest.mark.parametrize("answer", [{}, {"Items": None, "ContinuationToken": None}, {"Items": [None, "a"]}])
def test_empty_answer_is_the_last_page(answer: dict[str, Any]) -> None:
    used_tokens = {"t"}
    assert items_of_page(answer, used_tokens) == ([], "")
    assert used_tokens == {"t"}


def test_empty_page_can_have_a_next_page() -> None:
    used_tokens: set[str] = set()
    assert items_of_page({"Items": [], "ContinuationToken": "t"}, used_tokens) == ([], "t")
    assert used_tokens == {"t"}


def test_repeated_continuation_token_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer) as error:
        items_of_page({"Items": [], "ContinuationToken": "t"}, {"s", "t"})
    assert error.value.message == "expected a new page, got the continuation token 't' again"
