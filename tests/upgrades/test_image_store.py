"""The content of the image store, as a cluster on Windows or Linux reports it."""

from __future__ import annotations

import pytest

from airflow_provider_sf.upgrades.image_store import ImageStoreItem, page_of_content


@pytest.mark.parametrize("path", [r"shop\2.0\a.txt", "shop/2.0/a.txt", "a.txt"])
def test_name_is_the_last_part(path: str) -> None:
    item = ImageStoreItem.from_answer({"StoreRelativePath": path, "FileSize": "44"})
    assert (item.name, item.is_folder, item.size) == ("a.txt", False, 44)


def test_folder_has_no_size() -> None:
    item = ImageStoreItem.from_answer({"StoreRelativePath": "shop", "FileCount": "8"})
    assert item == ImageStoreItem("shop", is_folder=True)


def test_folders_of_a_page_come_first() -> None:
    file, folder = {"FileSize": "1"}, {"FileCount": "2"}
    answer = {"StoreFiles": [file], "StoreFolders": [folder], "ContinuationToken": "a%20b"}
    assert page_of_content(answer, set()) == ([folder, file], "a b")
    assert page_of_content({}, set()) == ([], "")
