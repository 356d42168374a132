"""What a cluster reports about files in its image store. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from airflow_provider_sf.rest.json_values import count, objects, text
from airflow_provider_sf.rest.pages import next_token


@dataclass(frozen=True, slots=True)
class ImageStoreItem:
    """A file or a folder in the image store; ``size`` is in bytes, None for a folder."""

    path: str
    is_folder: bool
    size: int | None = None

    @property
    def name(self) -> str:
        """The last part of the path, which a cluster on Windows separates by backslashes."""
        return self.path.replace("\\", "/").rstrip("/").rpartition("/")[2]

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ImageStoreItem:
        """Read FileInfo, which has a size, or FolderInfo."""
        is_folder = "FileSize" not in answer
        return cls(text(answer.get("StoreRelativePath")) or "", is_folder, count(answer.get("FileSize")))


def page_of_content(answer: dict[str, Any], used_tokens: set[str]) -> tuple[list[dict[str, Any]], str]:
    """
    Return one page of ImageStoreContent, first the folders, and the token of the next page.

    The token is not documented. The gateway quotes it like a URL: see OnListPagedContentComplete in
    imagestorehandler.cpp of microsoft/service-fabric.

    :raises UnexpectedAnswer: the next token was used before
    """
    items = objects(answer.get("StoreFolders")) + objects(answer.get("StoreFiles"))
    return items, unquote(next_token(answer, used_tokens))
