"""What a cluster reports about files in its image store. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_sf.rest.json_values import count, objects, text


@dataclass(frozen=True, slots=True)
class ImageStoreItem:
    """A file or a folder in the image store; ``size`` is in bytes, None for a folder."""

    path: str
    is_folder: bool
    size: int | None = None


def items_of_content(answer: dict[str, Any]) -> list[ImageStoreItem]:
    """Read ImageStoreContent: first the folders, then the files."""
    folders = [
        ImageStoreItem(text(item.get("StoreRelativePath")) or "", is_folder=True)
        for item in objects(answer.get("StoreFolders"))
    ]
    files = [
        ImageStoreItem(
            text(item.get("StoreRelativePath")) or "", is_folder=False, size=count(item.get("FileSize"))
        )
        for item in objects(answer.get("StoreFiles"))
    ]
    return folders + files
