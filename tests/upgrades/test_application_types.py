"""Versions of application types are read as a cluster reports them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.upgrades.application_types import ApplicationType


@pytest.mark.parametrize("answer", [{}, {"Name": "ShopType"}, {"Version": "1"}])
def test_answer_without_an_identity_is_unexpected(answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer, match="without Name or Version"):
        ApplicationType.from_answer(answer)


def test_missing_details_are_none() -> None:
    assert ApplicationType.from_answer({"Name": "ShopType", "Version": "1"}) == ApplicationType(
        "ShopType", "1"
    )
