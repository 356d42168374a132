"""The plan predicts how the simulated cluster answers an upgrade that changes default services."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import event, given

from airflow_provider_sf.hooks.service_fabric import ServiceFabricHook
from airflow_provider_sf.releases.application_upgrade import ApplicationUpgrade
from airflow_provider_sf.releases.new_application import NewApplication
from airflow_provider_sf.releases.policies import MonitoringPolicy
from airflow_provider_sf.rest import Rejected
from airflow_provider_sf.simulator import Simulator
from airflow_provider_sf.simulator.commands import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = count()
PLACE = '1 && "a" < b'
REFUSES = "so Service Fabric refuses the upgrade"
VALUES = st.sampled_from(["1", "2", "[Count]", "[Undeclared]"])
PARAMETERS = st.dictionaries(st.sampled_from(["Count", "Place"]), st.sampled_from(["1", "2", PLACE]))
SERVICE = st.tuples(VALUES, st.sampled_from(["", "1 &amp;&amp; &quot;a&quot; &lt; b", "[Place]"]))
SERVICES = st.fixed_dictionaries({"web": SERVICE}, optional={"api": SERVICE})
VERSION = st.tuples(SERVICES, PARAMETERS, st.sampled_from(["1", "2"]))
"""The default services with their number and place, the parameters that are set, and the default of Count."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as started, pytest.MonkeyPatch.context() as patch:
        url = f"service-fabric://127.0.0.1:{started.port}"
        patch.setenv("AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT", url)
        yield started


def provision(
    simulator: Simulator, name: str, version: str, services: dict[str, tuple[str, str]], default: str
) -> None:
    created = "".join(
        f'<Service Name="{service}"><StatelessService ServiceTypeName="T" InstanceCount="{number}">'
        f"<SingletonPartition /><PlacementConstraints>{place}</PlacementConstraints>"
        "</StatelessService></Service>"
        for service, (number, place) in services.items()
    )
    manifest = (
        f'<ApplicationManifest ApplicationTypeName="{name}" ApplicationTypeVersion="{version}"><Parameters>'
        f'<Parameter Name="Count" DefaultValue="{default}" /><Parameter Name="Place" DefaultValue="1" />'
        f"</Parameters><DefaultServices>{created}</DefaultServices></ApplicationManifest>"
    )
    for file, data in {"ApplicationManifest.xml": manifest.encode(), "_.dir": b""}.items():
        path = f"/ImageStore/{name}{version}/{file}?api-version=6.0"
        assert simulator.change(ApiRequest("PUT", path, data)).status == 200
    body = f'{{"Kind": "ImageStorePath", "ApplicationTypeBuildPath": "{name}{version}", "Async": false}}'
    request = ApiRequest("POST", "/ApplicationTypes/$/Provision?api-version=6.2", body.encode())
    assert simulator.change(request).status == 200


def answer_to(hook: ServiceFabricHook, upgrade: ApplicationUpgrade) -> str | None:
    """Return the error code of the answer to a start; None if it is accepted."""
    try:
        hook.start_application_upgrade(upgrade)
    except Rejected as error:
        return error.code
    return None


@given(VERSION, VERSION)
def test_plan_predicts_the_answer(
    simulator: Simulator,
    before: tuple[dict[str, tuple[str, str]], dict[str, str], str],
    after: tuple[dict[str, tuple[str, str]], dict[str, str], str],
) -> None:
    """With the setting EnableDefaultServicesUpgrade and without."""
    simulator.journal.clear()
    number = next(NUMBERS)
    type_name, name, hook = f"Store{number}Type", f"fabric:/store{number}", ServiceFabricHook()
    for version, (services, _, default) in {"1": before, "2": after}.items():
        provision(simulator, type_name, version, services, default)
    hook.create_application(
        NewApplication(name=name, type_name=type_name, type_version="1", parameters=before[1])
    )
    upgrade = ApplicationUpgrade(
        name=name, target_version="2", monitoring_policy=MonitoringPolicy(), parameters=after[1]
    )
    answers = []
    for allowed in (False, True):
        simulator.updates_default_services = allowed
        plan = hook.plan_application_upgrade(upgrade)
        answers.append(answer_to(hook, upgrade))
        is_refused = any(REFUSES in problem for problem in plan.problems)
        assert answers[-1] == ("FABRIC_E_APPLICATION_UPGRADE_VALIDATION_ERROR" if is_refused else None), plan
        if not is_refused:
            break
    assert answers[-1] is None
    event(f"{len(answers) - 1} refused")
