"""Versions of application types as a cluster reports them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import objects, text
from airflow_provider_sf.rest.plain_text import hide_queries, plain_line
from airflow_provider_sf.rest.storage_limits import shorten

_DETAILS_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class ApplicationType:
    """
    One version of an application type.

    ``status`` is a word of Service Fabric: ``Provisioning``, ``Available``, ``Unprovisioning`` or ``Failed``;
    ``status_details`` is its progress or the reason of a failure. ``default_parameters`` may contain secrets,
    so the ``repr`` does not show them. ``raw`` is the original answer.
    """

    name: str
    version: str
    status: str | None = None
    status_details: str | None = None
    default_parameters: dict[str, str] = field(default_factory=dict, repr=False)
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ApplicationType:
        """
        Read ApplicationTypeInfo.

        :raises UnexpectedAnswer: the answer has no name or no version
        """
        name, version = text(answer.get("Name")), text(answer.get("Version"))
        if not name or not version:
            msg = "expected a version of an application type, got an object without Name or Version"
            raise UnexpectedAnswer(msg)
        details = hide_queries(plain_line(text(answer.get("StatusDetails")) or ""))
        return cls(
            name=name,
            version=version,
            status=text(answer.get("Status")),
            status_details=shorten(details, _DETAILS_BYTES) or None,
            default_parameters={
                str(text(item.get("Key"))): text(item.get("Value")) or ""
                for item in objects(answer.get("DefaultParameterList"))
            },
            raw=answer,
        )
