"""Classic applications as a cluster reports them, without their upgrades. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_sf.rest import UnexpectedAnswer
from airflow_provider_sf.rest.json_values import objects, text
from airflow_provider_sf.rest.protocol import Call
from airflow_provider_sf.upgrades.health_evaluations import unhealthy_sentences

_PAGES = "https://learn.microsoft.com/rest/api/servicefabric"

APPLICATION = Call(
    path="/Applications/{applicationId}",
    api_version="6.0",
    page=f"{_PAGES}/sfclient-api-getapplicationinfo",
)
APPLICATIONS = Call(
    path="/Applications",
    api_version="6.1",
    page=f"{_PAGES}/sfclient-api-getapplicationinfolist",
)


@dataclass(frozen=True, slots=True)
class Application:
    """
    A classic application; None means "not reported". ``raw`` is the original answer.

    ``status`` is a value of Service Fabric such as ``Ready`` or ``Upgrading``, ``health_state`` is ``Ok``,
    ``Warning`` or ``Error``. ``parameters`` may contain secrets, so the ``repr`` does not show them.
    """

    name: str
    id: str | None
    type_name: str | None
    type_version: str | None
    status: str | None
    health_state: str | None
    parameters: dict[str, str] = field(default_factory=dict, repr=False)
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Application:
        """
        Read ApplicationInfo.

        :raises UnexpectedAnswer: the answer has no name
        """
        name = text(answer.get("Name"))
        if not name:
            msg = "expected an application, got an object without its name"
            raise UnexpectedAnswer(msg)
        return cls(
            name=name,
            id=text(answer.get("Id")),
            type_name=text(answer.get("TypeName")),
            type_version=text(answer.get("TypeVersion")),
            status=text(answer.get("Status")),
            health_state=text(answer.get("HealthState")),
            parameters={
                str(text(item.get("Key"))): text(item.get("Value")) or ""
                for item in objects(answer.get("Parameters"))
            },
            raw=answer,
        )


@dataclass(frozen=True, slots=True)
class ApplicationHealth:
    """
    The health of a classic application: ``Ok``, ``Warning`` or ``Error``, and the reasons.

    ``unhealthy_evaluations`` are short sentences, ``omitted`` is the number of further ones that did not fit.
    ``raw`` is the original answer.
    """

    name: str | None
    aggregated_health_state: str | None
    unhealthy_evaluations: tuple[str, ...] = ()
    omitted: int = 0
    raw: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> ApplicationHealth:
        """Read ApplicationHealth."""
        evaluations, omitted = unhealthy_sentences(answer.get("UnhealthyEvaluations"))
        return cls(
            name=text(answer.get("Name")),
            aggregated_health_state=text(answer.get("AggregatedHealthState")),
            unhealthy_evaluations=evaluations,
            omitted=omitted,
            raw=answer,
        )

    @property
    def is_healthy(self) -> bool:
        """Whether the state is Ok or Warning: the health policy decides whether a warning is an error."""
        return self.aggregated_health_state in {"Ok", "Warning"}
