"""Read lists that a cluster returns page by page. No I/O."""

from __future__ import annotations

from typing import Any

from airflow_provider_sf.rest.errors import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import objects, text


def items_of_page(answer: dict[str, Any], used_tokens: set[str]) -> tuple[list[dict[str, Any]], str]:
    """
    Return the items of one page, and the token of the next page, see :func:`next_token`.

    :raises UnexpectedAnswer: the next token was used before
    """
    return list(objects(answer.get("Items"))), next_token(answer, used_tokens)


def next_token(answer: dict[str, Any], used_tokens: set[str]) -> str:
    """
    Return the token of the next page, which is empty on the last page.

    :param used_tokens: the tokens of the earlier pages; the next token is added
    :raises UnexpectedAnswer: the next token was used before
    """
    token = text(answer.get("ContinuationToken")) or ""
    if token in used_tokens:
        msg = f"expected a new page, got the continuation token {token!r} again"
        raise UnexpectedAnswer(msg)
    used_tokens.update({token} - {""})
    return token
