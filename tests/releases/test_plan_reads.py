"""What a plan reads, and that a refused read is a problem: a plan never says "no problems" without knowing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_sf.messages.plans import plan_lines
from airflow_provider_sf.releases.plan_reads import MAX_SERVICE_MANIFESTS, Read, plan_reads
from airflow_provider_sf.releases.upgrade_plan import (
    HEALTH,
    MANIFESTS,
    NODES,
    SERVICE_MANIFESTS,
    SETTING,
    TARGET_TYPE,
)
from airflow_provider_sf.rest import Rejected, UnexpectedAnswer
from airflow_provider_sf.upgrades.application_types import ApplicationType
from tests.releases.test_plan import INPUTS, NEW, OLD, service_xml
from tests.releases.test_plan import NODES as SOME_NODES

REFUSED = Rejected("not allowed", 403)


def answers(**changes: Any) -> dict[str, Any]:
    """Return the answer to each call of the hook, or what makes it from the arguments."""
    return {
        "get_upgrade_progress": INPUTS.progress,
        "get_application": INPUTS.application,
        "get_application_type": INPUTS.target_type,
        "get_application_manifest": lambda _, version: NEW if version == "v1" else OLD,
        "get_service_manifest": lambda _, version, name: service_xml(name, version),
        "list_nodes": SOME_NODES,
        "get_application_health": INPUTS.health,
        "get_cluster_setting": "True",
        **changes,
    }


def plan(**changes: Any) -> tuple[Any, list[Read]]:
    """Return the plan, and what was read for it."""
    reads: list[Read] = []
    known, generator = answers(**changes), plan_reads(INPUTS.upgrade)
    answer = None
    while True:
        try:
            read = generator.send(answer)
        except StopIteration as end:
            return end.value, reads
        reads.append(read)
        answer = known[read.method]
        answer = answer(*read.arguments) if callable(answer) else answer


def test_complete_plan_has_no_problems() -> None:
    found, reads = plan()
    assert (found.problems, found.not_read, found.restarts) == ((), (), ("WebPkg",))
    assert found.updates_default_services
    assert [read.method for read in reads[:2]] == ["get_upgrade_progress", "get_application"]


@pytest.mark.parametrize("method", ["get_upgrade_progress", "get_application"])
def test_application_must_be_readable(method: str) -> None:
    with pytest.raises(Rejected, match="not allowed"):
        plan(**{method: REFUSED})


@pytest.mark.parametrize(
    ("method", "not_read"),
    [
        ("get_application_type", (TARGET_TYPE,)),
        ("get_application_manifest", (MANIFESTS, SERVICE_MANIFESTS)),
        ("get_service_manifest", (SERVICE_MANIFESTS,)),
        ("list_nodes", (NODES,)),
        ("get_application_health", (HEALTH,)),
        ("get_cluster_setting", (SETTING,)),
    ],
)
def test_refused_read_is_a_problem(method: str, not_read: tuple[str, ...]) -> None:
    found, _ = plan(**{method: REFUSED})
    assert found.not_read == not_read
    assert found.problems == (
        f"{not_read[0]} could not be read, so the plan is not complete: HTTP 403: not allowed",
    )
    assert [line for line in plan_lines(found) if "  not read " in line] == [
        f"  not read          {what}" for what in not_read
    ]


@pytest.mark.parametrize("method", ["get_application_manifest", "get_service_manifest"])
def test_invalid_manifest_is_a_problem(method: str) -> None:
    found, _ = plan(**{method: "<other/>"})
    assert SERVICE_MANIFESTS in found.not_read
    assert "with the root 'other'" in found.problems[0]
    assert "  restart           not known" in list(plan_lines(found))


def test_application_without_type_is_unexpected() -> None:
    with pytest.raises(UnexpectedAnswer, match="without its type or version"):
        plan(get_application=replace(INPUTS.application, type_name=None))


def test_unread_setting_is_not_false() -> None:
    manifest = OLD.replace('InstanceCount="[Web_InstanceCount]"', 'InstanceCount="7"')
    old_first = {"get_application_manifest": lambda _, version: NEW if version == "v1" else manifest}
    allowed, _ = plan(**old_first, get_cluster_setting=None)
    assert "default services may not change" in allowed.problems[0]
    unread, _ = plan(**old_first, get_cluster_setting=UnexpectedAnswer("no XML"))
    assert [SETTING in problem for problem in unread.problems] == [True]
    assert any("EnableDefaultServicesUpgrade is not known" in line for line in plan_lines(unread))


@pytest.mark.parametrize("found", [None, ApplicationType("ShopType", "v1", "Provisioning")])
def test_unavailable_version_has_no_manifests(found: Any) -> None:
    result, reads = plan(get_application_type=found)
    assert len(result.problems) == 1
    assert result.not_read == (MANIFESTS, SERVICE_MANIFESTS)
    assert not [read for read in reads if "manifest" in read.method]


def test_service_manifests_are_limited() -> None:
    references = "".join(
        f'<ServiceManifestImport><ServiceManifestRef ServiceManifestName="P{number}" '
        'ServiceManifestVersion="1"/></ServiceManifestImport>'
        for number in range(MAX_SERVICE_MANIFESTS)
    )
    large = NEW.replace("<ServiceManifestImport>", f"{references}<ServiceManifestImport>", 1)
    found, reads = plan(get_application_manifest=large)
    assert len([read for read in reads if read.method == "get_service_manifest"]) == 2 * MAX_SERVICE_MANIFESTS
    assert found.problems == (
        f"{SERVICE_MANIFESTS} could not be read, so the plan is not complete: the limit is 50 of 51",
    )
