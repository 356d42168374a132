"""
The same waits and the same release, in four ways: with this provider, and with what users write without it.

The other ways are short, but careful: they know each final state of an upgrade, and use the certificate of the client.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator

from airflow_provider_sf.operators.upgrade_application import ServiceFabricUpgradeApplicationOperator
from airflow_provider_sf.releases import MonitoringPolicy
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

CASE, URL, FOLDER = (f"{{{{ dag_run.conf['{key}'] }}}}" for key in ("case", "url", "folder"))
WAITS = ("good", "rolled_back", "superseded")
COMMON: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(minutes=1)}
POKE_SECONDS = 10
SUCCEEDED, FAILED = "RollingForwardCompleted", ("RollingBackCompleted", "Failed")


def application_id(word: str) -> str:
    """Return the id of the application with this word in its name."""
    return f"{word}-{CASE}~web"


def progress_path(word: str) -> str:
    """Return the path of the progress of an upgrade."""
    return f"/Applications/{application_id(word)}/$/GetUpgradeProgress?api-version=6.0"


START_PATH = f"/Applications/{application_id('idle')}/$/Upgrade?api-version=6.0"
START_BODY = json.dumps(
    {
        "Name": f"fabric:/idle-{CASE}/web",
        "TargetApplicationTypeVersion": "v1",
        "Parameters": [{"Key": "Web_InstanceCount", "Value": "-1"}],
        "UpgradeKind": "Rolling",
        "RollingUpgradeMode": "Monitored",
        "MonitoringPolicy": {"FailureAction": "Rollback"},
    }
)


# This provider.


def wait_with_sensor(task_id: str, word: str) -> Any:
    """Wait with the sensor of this provider."""
    return ServiceFabricUpgradeSensor(
        task_id=task_id,
        name=f"fabric:/{word}-{CASE}/web",
        service_fabric_conn_id=CASE,
        poke_interval=POKE_SECONDS,
        deferrable=True,
        **COMMON,
    )


def release_with_operator() -> None:
    """Start an upgrade and wait for it with the operator of this provider."""
    ServiceFabricUpgradeApplicationOperator(
        task_id="release",
        name=f"fabric:/idle-{CASE}/web",
        target_version="v1",
        monitoring_policy=MonitoringPolicy(),
        service_fabric_conn_id=CASE,
        poke_interval=POKE_SECONDS,
        deferrable=True,
        **COMMON,
    )


# The HTTP provider.


def has_succeeded(response: requests.Response) -> bool:
    """Return whether the upgrade has succeeded; fail the task without a retry if it never will."""
    state = response.json()["UpgradeState"]
    if state in FAILED:
        msg = f"The upgrade ended as {state}"
        raise AirflowFailException(msg)
    return bool(state == SUCCEEDED)


def wait_with_http_sensor(task_id: str, word: str) -> Any:
    """Wait with the sensor of the HTTP provider."""
    return HttpSensor(
        task_id=task_id,
        endpoint=progress_path(word),
        http_conn_id=f"{CASE}_http",
        response_check=has_succeeded,
        poke_interval=POKE_SECONDS,
        deferrable=True,
        **COMMON,
    )


def release_with_http() -> None:
    """Start an upgrade with the operator of the HTTP provider, then wait for it."""
    start = HttpOperator(
        task_id="start",
        method="POST",
        endpoint=START_PATH,
        data=START_BODY,
        headers={"Content-Type": "application/json"},
        http_conn_id=f"{CASE}_http",
        **COMMON,
    )
    _ = start >> wait_with_http_sensor("release", "idle")


# Bash.

CURL = f"curl --silent --show-error --max-time 30 --cacert {FOLDER}/ca.pem --cert {FOLDER}/client.pem --key {FOLDER}/client.key"

LOOP = f"""
for attempt in $(seq 360); do
  state=$({CURL} '{URL}%s' | grep -o '"UpgradeState": *"[A-Za-z]*"' | cut -d'"' -f4)
  echo "State: $state"
  case $state in
    {SUCCEEDED}) exit 0 ;;
    {"|".join(FAILED)}) exit 1 ;;
  esac
  sleep {POKE_SECONDS}
done
exit 1
"""


def wait_with_bash(task_id: str, word: str) -> Any:
    """Wait with a loop around curl, for an hour at most."""
    return BashOperator(task_id=task_id, bash_command=LOOP % progress_path(word), **COMMON)


def release_with_bash() -> None:
    """Start an upgrade with curl, then wait for it."""
    post = (
        f"{CURL} --fail --header 'Content-Type: application/json' --data '{START_BODY}' '{URL}{START_PATH}'"
    )
    _ = BashOperator(task_id="start", bash_command=post, **COMMON) >> wait_with_bash("release", "idle")


# Microsoft's client.


def client_of(url: str, folder: str) -> Any:
    """Return Microsoft's client of a cluster."""
    from azure.servicefabric import ServiceFabricClientAPIs  # noqa: PLC0415 - takes a second to import
    from msrest.authentication import Authentication  # noqa: PLC0415 - comes with it

    client = ServiceFabricClientAPIs(Authentication(), base_url=url)
    client.config.connection.cert = (f"{folder}/client.pem", f"{folder}/client.key")
    client.config.connection.verify = f"{folder}/ca.pem"
    return client


def wait_for(url: str, folder: str, application: str) -> None:
    """Wait until the upgrade has succeeded; fail the task without a retry if it never will."""
    client = client_of(url, folder)
    while True:
        state = client.get_application_upgrade(application).upgrade_state
        print(f"State: {state}")
        if state == SUCCEEDED:
            return
        if state in FAILED:
            msg = f"The upgrade ended as {state}"
            raise AirflowFailException(msg)
        time.sleep(POKE_SECONDS)


def start_upgrade(url: str, folder: str, application: str, name: str) -> None:
    """Start an upgrade."""
    from azure.servicefabric import models  # noqa: PLC0415 - takes a second to import

    description = models.ApplicationUpgradeDescription(
        name=name,
        target_application_type_version="v1",
        parameters=[models.ApplicationParameter(key="Web_InstanceCount", value="-1")],
        rolling_upgrade_mode="Monitored",
        monitoring_policy=models.MonitoringPolicyDescription(failure_action="Rollback"),
    )
    client_of(url, folder).start_application_upgrade(application, description)


def wait_with_client(task_id: str, word: str) -> Any:
    """Wait with a loop around Microsoft's client."""
    arguments = [URL, FOLDER, application_id(word)]
    return PythonOperator(task_id=task_id, python_callable=wait_for, op_args=arguments, **COMMON)


def release_with_client() -> None:
    """Start an upgrade with Microsoft's client, then wait for it."""
    arguments = [URL, FOLDER, application_id("idle"), f"fabric:/idle-{CASE}/web"]
    start = PythonOperator(task_id="start", python_callable=start_upgrade, op_args=arguments, **COMMON)
    _ = start >> wait_with_client("release", "idle")


WAYS: dict[str, tuple[Callable[[str, str], Any], Callable[[], None]]] = {
    "ours": (wait_with_sensor, release_with_operator),
    "http": (wait_with_http_sensor, release_with_http),
    "bash": (wait_with_bash, release_with_bash),
    "client": (wait_with_client, release_with_client),
}

for way, (wait, release) in WAYS.items():
    with DAG(dag_id=f"{way}_waits", schedule=None, catchup=False) as waits:
        for ending in WAITS:
            wait(ending, ending)
    with DAG(dag_id=f"{way}_release", schedule=None, catchup=False) as releases:
        release()
    globals().update({waits.dag_id: waits, releases.dag_id: releases})
