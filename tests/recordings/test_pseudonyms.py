"""Pseudonyms are stable, and keep what the sensor needs: parts of names, and which causes are similar."""

from __future__ import annotations

import pytest

from airflow_provider_sf.recordings.pseudonyms import Pseudonyms
from airflow_provider_sf.upgrades.health_evaluations import comparable_text


def test_equal_names_have_equal_pseudonyms() -> None:
    pseudonyms = Pseudonyms()
    names = ["fabric:/shop/web", "shop", "shop~web", "FABRIC:/shop/api", "web", "", "a//b"]
    assert [pseudonyms.name(name) for name in names] == [
        "fabric:/name-1/name-2",
        "name-1",
        "name-1~name-2",
        "fabric:/name-1/name-3",
        "name-2",
        "",
        "name-4//name-5",
    ]


def test_versions_are_counted_alone() -> None:
    pseudonyms = Pseudonyms()
    assert pseudonyms.name("v1") == "name-1"
    assert [pseudonyms.version(version) for version in ("v1", "v2", "v1", "")] == [
        "version-1",
        "version-2",
        "version-1",
        "",
    ]


def test_similar_texts_stay_similar() -> None:
    """The sensor counts causes as one if they differ only in numbers and ids."""
    pseudonyms = Pseudonyms()
    texts = ["Replica 131 of node7 is down.", "Replica 131 of node8 is down.", "The disk is full.", ""]
    shown = [pseudonyms.text(text) for text in texts]
    assert shown == ["text-a-1", "text-a-2", "text-b-1", ""]
    assert [comparable_text(text) for text in shown[:3]] == ["text-a-#", "text-a-#", "text-b-#"]


def test_texts_have_more_than_26_letters() -> None:
    pseudonyms = Pseudonyms()
    letters = "abcdefghijklmnopqrstuvwxyzABC"
    shown = [pseudonyms.text("x" * number) for number in range(1, len(letters) + 1)]
    assert shown[25:29] == ["text-z-1", "text-ba-1", "text-bb-1", "text-bc-1"]


@pytest.mark.parametrize(
    ("details", "kept"),
    [
        (
            "Deployment upgrading from version: v0 to version: v1.",
            "Deployment upgrading from version: version-1 to version: version-2.",
        ),
        (
            "Deployment rolling back from version: v1 to version: v0.",
            "Deployment rolling back from version: version-1 to version: version-2.",
        ),
        ("Deployment upgrading from version: v0 to version: v1. Password: x.", "text-a-1"),
    ],
)
def test_details_keep_only_the_known_words(details: str, kept: str) -> None:
    assert Pseudonyms().text(details) == kept
