"""The notifier reads the end of a task from its XComs and its error, and hands the message to each target."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException

from airflow_provider_sf.exceptions import UpgradeFailed
from airflow_provider_sf.operators import masking
from airflow_provider_sf.operators.service_fabric import ServiceFabricReleaseRecordOperator
from airflow_provider_sf.sensors.service_fabric import ServiceFabricUpgradeSensor
from tests.conftest import TaskInstance
from tests.notifications.stand_ins import LOG_URL, Apprise, Http, Mail, Notifier, Slack, context_of
from tests.releases.recorded_release import release, wait_xcoms
from tests.sensors.running import MODES, run, sensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_sf.messages.notification.message import Message

pytestmark = pytest.mark.filterwarnings("ignore:.*poke_interval is 0.01 s")


@pytest.fixture
def sent() -> list[Message]:
    return []


@pytest.fixture
def notify(sent: list[Message]) -> Callable[[Any], Message]:
    """Call back with a context, and return the message that a function has got."""

    def call(context: Any) -> Message:
        Notifier(send=sent.append)(context)
        return sent[-1]

    return call


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.usefixtures("simulator", "short_pauses")
def test_rollback_is_reported_in_each_mode(
    mode: str, clock: Any, ti: TaskInstance, notify: Callable[[Any], Message]
) -> None:
    clock.step = 30.0
    with pytest.raises(UpgradeFailed) as failed:
        run(lambda: sensor("fabric:/rolled_back-shop/web", mode), ti)
    found = notify(context_of(ti, "failed", failed.value))
    assert found.status == "failure"
    assert found.title.startswith(
        "Rolled back, failed in domain UD3: upgrade of application 'fabric:/rolled_back"
    )
    assert "Why: failure reason HealthCheck, in domain UD3." in found.lines
    assert found.lines[-1].startswith("Next: check the health")
    assert dict(found.links) == {
        "Airflow log": LOG_URL,
        "Service Fabric Explorer": ti.xcoms["service_fabric_explorer"],
    }


@pytest.mark.usefixtures("simulator")
def test_success_is_reported(clock: Any, ti: TaskInstance, notify: Callable[[Any], Message]) -> None:
    clock.step = 30.0
    run(lambda: sensor("fabric:/good-shop/web"), ti)
    found = notify(context_of(ti, "success"))
    assert (found.status, found.title) == (
        "success",
        "Completed in 10m00s: upgrade of application 'fabric:/good-shop/web' to v1",
    )


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (AirflowException("Refused"), "Refused"),
        (AirflowException(), "AirflowException"),
        (KeyError("shop"), "KeyError: 'shop'"),
        ("The worker was killed", "The worker was killed"),
    ],
)
def test_class_of_foreign_errors_is_named(
    error: object, title: str, ti: TaskInstance, notify: Callable[[Any], Message]
) -> None:
    assert notify(context_of(ti, "failed", error)).title == title


def test_mapped_task_is_named_with_its_index(notify: Callable[[Any], Message]) -> None:
    ti = TaskInstance()
    ti.map_index = 2
    assert dict(notify(context_of(ti, "failed")).facts)["task"] == "wait[2]"


def test_each_target_gets_its_format(ti: TaskInstance) -> None:
    slack = Slack(text="{{ message.slack_text }}", blocks="{{ message.slack_blocks }}")
    mail = Mail(
        to="a@example.com", subject="{{ ti.task_id }}: {{ message.title }}", html_content="{{ message.html }}"
    )
    apprise = Apprise(body="{{ message.text }}", title="{{message.title}}", tag=["{{ message.status }}"])
    http = Http(endpoint="/hook", json="{{ message.teams_message }}")
    got: list[Message] = []
    Notifier(send=[slack, mail, apprise, http, got.append])(
        context_of(ti, "failed", AirflowException("Broken"))
    )
    (found,) = got
    assert slack.sent == [
        {"slack_webhook_conn_id": "slack_default", "text": found.slack_text, "blocks": found.slack_blocks}
    ]
    assert mail.sent == [{"to": "a@example.com", "subject": "wait: Broken", "html_content": found.html}]
    assert apprise.sent == [{"body": found.text, "title": "Broken", "tag": ["failure"]}]
    assert http.sent == [{"endpoint": "/hook", "json": found.teams_message}]


def test_notifier_can_be_used_again(ti: TaskInstance) -> None:
    """One notifier stands in default_args, and the DAG processor calls it for several tasks."""
    slack = Slack(text="{{ message.title }}")
    notifier = Notifier(send=slack)
    for text in ("first", "second"):
        notifier(context_of(ti, "failed", AirflowException(text)))
    assert [sent["text"] for sent in slack.sent] == ["first", "second"]


def test_text_of_a_cluster_is_no_template(ti: TaskInstance) -> None:
    slack = Slack(text="{{ message.title }}", blocks="{{ message.slack_blocks }}")
    Notifier(send=slack)(context_of(ti, "failed", AirflowException("{{ 7 * 7 }}")))
    assert slack.sent[0]["text"] == "{{ 7 * 7 }}"
    assert "{{ 7 * 7 }}" in slack.sent[0]["blocks"][0]["text"]["text"]


def fail(message: Message) -> None:
    """Fail as a library does that shows the address in its error."""
    del message
    error = "Max retries exceeded with url: /workflows/1?sig=planted-query (password planted-password)"
    raise ConnectionError(error)


def test_failed_target_is_logged_and_others_go_on(
    ti: TaskInstance, caplog: pytest.LogCaptureFixture, sent: list[Message]
) -> None:
    masking.mask("planted-password")
    Notifier(send=[fail, Slack(text="{{ message.title.missing.member }}"), sent.append])(
        context_of(ti, "success")
    )
    assert len(sent) == 1
    first, second = [record.getMessage() for record in caplog.records if record.name == "notifier"]
    assert first.startswith(
        "The notification was not sent with fail: ConnectionError: Max retries exceeded with url: /workflows/1?*** "
    )
    assert first.rpartition(" (")[2].startswith("test_service_fabric.py, line ")
    assert "planted" not in caplog.text
    assert second.startswith("The notification was not sent with Slack: UndefinedError: ")


def test_secrets_that_airflow_knows_are_masked(ti: TaskInstance, notify: Callable[[Any], Message]) -> None:
    masking.mask("planted-secret")
    xcoms = wait_xcoms("rolled_back")
    xcoms["upgrade_wait"]["message"] = "Rolled back\nWhy: planted-secret"
    ti.xcoms = xcoms
    for context in (context_of(ti, "skipped"), context_of(ti, "failed", AirflowException("planted-secret"))):
        found = notify(context)
        assert "planted" not in found.text
        assert "***" in found.text


class Unreadable(TaskInstance):
    def xcom_pull(self, **_: Any) -> Any:
        error = "the database blinks"
        raise ConnectionError(error)


def test_unreadable_xcoms_do_not_hide_the_failure(
    notify: Callable[[Any], Message], caplog: pytest.LogCaptureFixture
) -> None:
    found = notify(context_of(Unreadable(), "failed", AirflowException("Rolled back\nWhy: health")))
    assert (found.title, found.lines[0]) == ("Rolled back", "Why: health")
    assert (
        "The notification has no details of the upgrade: ConnectionError: the database blinks" in caplog.text
    )


def test_record_of_a_release_is_its_message(ti: TaskInstance, notify: Callable[[Any], Message]) -> None:
    ti.xcoms = {"return_value": release().to_dict()}
    assert notify(context_of(ti, "success")).title == "Rolled back: release 'release_shop'"


class RunInstance(TaskInstance):
    """The last task instance of a run, as a callback of a DAG gets it."""

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        return wait_xcoms("rolled_back").get(key) if (task_ids, map_indexes) == ("wait", -1) else None

    def get_task_states(self, *, dag_id: str, run_ids: list[str], task_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: dict.fromkeys(task_ids, "failed")} if dag_id == self.dag_id else {}


@pytest.fixture
def dag() -> DAG:
    with DAG(dag_id="release", schedule=None) as made:
        ServiceFabricUpgradeSensor(task_id="wait", name="fabric:/shop/web")
        ServiceFabricReleaseRecordOperator(task_id="record", folder="/records")
    return made


def test_run_of_a_dag_is_reported_as_release(dag: DAG, notify: Callable[[Any], Message]) -> None:
    found = notify({**context_of(RunInstance(), "failed"), "dag": dag, "reason": "task_failure"})
    assert (found.status, found.title) == ("failure", "Rolled back: release 'release'")
    assert found.lines[0].startswith("wait: Rolled back")
    assert dict(found.facts)["reason"] == "task failure"


def test_run_without_task_instance_is_reported(dag: DAG, notify: Callable[[Any], Message]) -> None:
    """Airflow 3.0 gives only the DAG, the run and the reason."""
    found = notify({"dag": dag, "run_id": "manual__1", "reason": "success"})
    assert (found.status, found.title) == ("success", "Succeeded: run of the DAG 'release'")
    assert dict(found.facts)["run"] == "manual__1"


def test_run_without_our_tasks_is_reported(notify: Callable[[Any], Message]) -> None:
    context = {
        **context_of(TaskInstance(), "failed"),
        "dag": DAG(dag_id="other", schedule=None),
        "reason": "timed_out",
    }
    assert notify(context).title == "Failed: run of the DAG 'release'"


def test_run_without_xcoms_names_its_tasks(dag: DAG, notify: Callable[[Any], Message]) -> None:
    class Empty(RunInstance):
        def xcom_pull(self, **_: Any) -> Any:
            return None

    found = notify({**context_of(Empty(), "failed"), "dag": dag, "reason": "task_failure"})
    assert (found.status, found.title) == ("failure", "Failed: release 'release'")
    assert found.lines[0] == "wait: failed"


def test_run_with_unreadable_xcoms_is_reported(dag: DAG, notify: Callable[[Any], Message]) -> None:
    context = {**context_of(Unreadable(), "failed"), "dag": dag, "reason": "task_failure"}
    assert notify(context).title == "Failed: run of the DAG 'release'"


def test_coroutine_sends_to_each_target(ti: TaskInstance, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Http):
        async def async_notify(self, context: Any) -> None:
            del context
            error = "no route"
            raise ConnectionError(error)

    got: list[Message] = []
    slack, http = Slack(text="{{ message.title }}"), Http(endpoint="/", json="{{ message.teams_card }}")
    broken = Broken(endpoint="{{ message.title }}", json=None)
    context: Any = context_of(ti, "failed", AirflowException("Broken"))
    notifier = Notifier(send=[broken, slack, http, got.append], context=context)
    asyncio.run(notifier.async_notify(notifier.context))
    assert slack.sent[0]["text"] == "Broken"
    assert http.sent == [{"endpoint": "/", "json": got[0].teams_card, "is_async": True}]
    assert "The notification was not sent with Broken: ConnectionError: no route" in caplog.text
