"""The link to Service Fabric Explorer: pushed before the first poll, found by Airflow 2 and 3."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_sf.airflow_versions import TASK_SDK
from airflow_provider_sf.links.service_fabric import ServiceFabricExplorerLink
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.rest import Rejected
from tests.sensors.running import MODES, sensor

if TYPE_CHECKING:
    from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

pytestmark = pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s")

CONNECTION = "AIRFLOW_CONN_SERVICE_FABRIC_DEFAULT"
KEY = "service_fabric_explorer"

in_airflow_2 = pytest.mark.skipif(
    TASK_SDK.is_available, reason="Airflow 3 has no webserver that reads the link"
)
in_airflow_3 = pytest.mark.skipif(
    not TASK_SDK.is_available, reason="Airflow 2 reads the link in its webserver"
)


def operator(name: str, **keywords: Any) -> ServiceFabricUpgradeProgressOperator:
    return ServiceFabricUpgradeProgressOperator(task_id="read", name=name, **keywords)


def connect(monkeypatch: pytest.MonkeyPatch, simulator: Any, explorer_url: str) -> None:
    fields = {"conn_type": "service_fabric", "host": "127.0.0.1", "port": simulator.port}
    monkeypatch.setenv(CONNECTION, json.dumps({**fields, "extra": {"explorer_url": explorer_url}}))


@pytest.mark.parametrize("mode", ["reschedule", "deferrable"])
def test_link_is_pushed_while_the_sensor_waits(mode: str, simulator: Any, ti: Any) -> None:
    with pytest.raises((TaskDeferred, AirflowRescheduleException)):
        sensor("good-shop", mode).execute({"ti": ti})
    assert ti.xcoms[KEY] == f"http://127.0.0.1:{simulator.port}/Explorer/index.html#/apps"


@pytest.mark.parametrize("mode", MODES)
def test_link_is_pushed_before_the_first_poll(mode: str, simulator: Any, ti: Any) -> None:
    pushed: list[tuple[str, int]] = []
    ti.xcom_push = lambda key, value: pushed.append((key, len(simulator.requests)))  # noqa: ARG005 - Airflow's
    with pytest.raises(Rejected):
        sensor("not_found-shop", mode).execute({"ti": ti})
    assert pushed[0] == (KEY, 0)
    assert len(simulator.requests) == 1


def test_operator_pushes_link_when_read_fails(
    simulator: Any, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, simulator, "https://sfx.example.com/shop")
    with pytest.raises(Rejected):
        operator("not_found-shop").execute({"ti": ti})
    assert ti.xcoms == {KEY: "https://sfx.example.com/shop#/apps"}


@pytest.mark.parametrize(("explorer_url", "do_xcom_push"), [("none", True), ("", False)])
def test_link_can_be_turned_off(
    *, explorer_url: str, do_xcom_push: bool, simulator: Any, ti: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, simulator, explorer_url)
    with pytest.raises(TaskDeferred):
        sensor("good-shop", "deferrable", do_xcom_push=do_xcom_push).execute({"ti": ti})
    operator("good-shop", do_xcom_push=do_xcom_push).execute({"ti": ti})
    assert KEY not in ti.xcoms


class Supervisor:
    """The process that answers the messages of a task in Airflow 3. Here it stores the XComs."""

    def __init__(self) -> None:
        self.xcoms: dict[tuple[int, str], Any] = {}

    def send(self, msg: Any) -> Any:
        from airflow.sdk.execution_time.comms import GetXCom, SetXCom, XComResult  # noqa: PLC0415 - not in Airflow 2

        if isinstance(msg, GetXCom):
            return XComResult(key=msg.key, value=self.xcoms.get((msg.map_index or -1, msg.key)))
        if isinstance(msg, SetXCom):  # Airflow 3.0 also asks it to mask secrets
            self.xcoms[msg.map_index or -1, msg.key] = msg.value
        return None


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Replace the channel of Airflow 3, which exists only in the process of a task."""
    replacement = Supervisor()
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", replacement, raising=False)
    return replacement


def run_process(task: ServiceFabricUpgradeSensor, map_index: int = -1, *, resumed: bool = False) -> None:
    """Run one process of a task, and what Airflow does at its end."""
    import structlog  # noqa: PLC0415 - not in Airflow 2
    from airflow.sdk.api.datamodels._generated import TaskInstanceState  # noqa: PLC0415
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance, finalize  # noqa: PLC0415

    ti: Any = RuntimeTaskInstance.model_construct(
        id=uuid4(),
        task=task,
        dag_id="release",
        task_id="wait",
        run_id="manual",
        map_index=map_index,
        start_date=None,
        try_number=1,
        max_tries=0,
    )
    if not resumed:
        with pytest.raises(TaskDeferred):
            task.execute({"ti": ti})
    state: Any = TaskInstanceState.SUCCESS if resumed else None
    finalize(ti, state, {"ti": ti}, structlog.get_logger())


@in_airflow_3
def test_resume_keeps_the_link(simulator: Any, supervisor: Supervisor) -> None:
    """Airflow 3 calls ``get_link`` after each process and stores the result in the XCom."""
    url = f"http://127.0.0.1:{simulator.port}/Explorer/index.html#/apps"
    run_process(sensor("good-shop", "deferrable"))
    assert supervisor.xcoms[-1, KEY] == url
    run_process(sensor("good-shop", "deferrable"), resumed=True)
    assert supervisor.xcoms[-1, KEY] == url


@in_airflow_3
def test_each_mapped_task_has_a_link(
    simulator: Any, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for map_index in (1, 2):
        connect(monkeypatch, simulator, f"https://sfx{map_index}.example.com")
        run_process(sensor("good-shop", "deferrable"), map_index)
    run_process(sensor("good-shop", "deferrable"), 1, resumed=True)
    assert supervisor.xcoms[1, KEY] == "https://sfx1.example.com#/apps"
    assert supervisor.xcoms[2, KEY] == "https://sfx2.example.com#/apps"


@in_airflow_3
def test_missing_link_is_empty_in_airflow_3(
    simulator: Any, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API of Airflow returns null for it, and its pages show no link."""
    connect(monkeypatch, simulator, "none")
    run_process(sensor("good-shop", "deferrable"))
    run_process(sensor("good-shop", "deferrable"), resumed=True)
    assert supervisor.xcoms[-1, KEY] == ""


@in_airflow_3
def test_airflow_3_finds_the_link_by_its_key() -> None:
    from airflow.sdk import DAG  # noqa: PLC0415 - not in Airflow 2
    from airflow.serialization import serialized_objects  # noqa: PLC0415

    airflow_3_1 = "SerializedDAG"  # and 3.0; renamed in 3.2
    codec = getattr(serialized_objects, "DagSerialization", None) or getattr(serialized_objects, airflow_3_1)

    with DAG("release", schedule=None) as dag:
        sensor("good-shop")
        ServiceFabricUpgradeProgressOperator.partial(task_id="read").expand(name=["a", "b"])
    stored = codec.from_dict(json.loads(json.dumps(codec.to_dict(dag))))
    for task in stored.tasks:
        link, *_ = task.operator_extra_links
        assert (link.name, link.xcom_key) == ("Service Fabric Explorer", KEY)


@in_airflow_2
def test_airflow_2_webserver_finds_the_link() -> None:
    """The webserver has the serialized task, the key of the task instance and the XComs."""
    code = f"""
import pendulum
from airflow.models import DAG, DagRun, XCom
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils.session import create_session
from airflow_provider_sf.operators.service_fabric import ServiceFabricUpgradeProgressOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
day = pendulum.datetime(2026, 3, 1)
with DAG("release", start_date=day, schedule=None) as dag:
    ServiceFabricUpgradeSensor(task_id="wait", name="shop")
    ServiceFabricUpgradeProgressOperator.partial(task_id="read").expand(name=["a", "b"])
stored = SerializedDAG.from_dict(SerializedDAG.to_dict(dag))
with create_session() as session:
    session.add(DagRun(dag_id="release", run_id="r", execution_date=day, run_type="manual", data_interval=(day, day)))
    session.flush()
    made = [TaskInstance(dag.get_task(task), run_id="r", map_index=index) for task, index in (("wait", -1), ("read", 0), ("read", 1))]
    session.add_all(made)
for ti in made[::2]:
    key = dict(dag_id="release", task_id=ti.task_id, run_id="r", map_index=ti.map_index)
    XCom.set(key={KEY!r}, value="https://sfx.example.com/%d#/apps" % ti.map_index, **key)
print([stored.get_task(ti.task_id).get_extra_links(ti, {ServiceFabricExplorerLink.name!r}) for ti in made])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == [
        "['https://sfx.example.com/-1#/apps', '', 'https://sfx.example.com/1#/apps']"
    ], done.stderr
