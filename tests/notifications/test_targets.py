"""Wrong targets are refused when the DAG is parsed, with the fix in the message."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import pytest

from airflow_provider_sf.messages.notification.message import Message
from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier
from airflow_provider_sf.notifications.targets import MEMBERS
from tests.notifications.stand_ins import Http, Slack


async def coroutine(message: Message) -> None:
    del message


@pytest.mark.parametrize("send", [None, 7, "slack", Slack, coroutine, [print, None]])
def test_target_must_be_notifier_or_function(send: Any) -> None:
    with pytest.raises(ValueError, match="send must be a notifier or a function with one parameter, not"):
        ServiceFabricNotifier(send=send)


def test_target_is_required() -> None:
    with pytest.raises(ValueError, match="send is empty: set it to a notifier"):
        ServiceFabricNotifier(send=[])


@pytest.mark.parametrize("send", [print, partial(print, end=""), [].append, [print]])
def test_functions_of_any_form_are_accepted(send: Any) -> None:
    assert len(ServiceFabricNotifier(send=send).targets) == 1


def test_unused_message_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Slack would not send the message: use \{\{ message.text \}\}"):
        ServiceFabricNotifier(send=Slack(text="failed"))


@pytest.mark.parametrize(
    "json", [{"a": ["{{ message.txt }}"]}, "x {{ message.txt }}", ("{{ message.txt }}",)]
)
def test_unknown_member_is_refused(json: Any) -> None:
    with pytest.raises(
        ValueError, match=r"Http uses message.txt, which does not exist. Use one of status, title"
    ):
        ServiceFabricNotifier(send=Http(endpoint="/", json=json))


def test_nested_templates_are_found() -> None:
    assert ServiceFabricNotifier(send=Http(endpoint="/", json={"text": ["{{ message.text }}"]})).targets


def test_members_are_those_of_the_message() -> None:
    public = {name for name in dir(Message) if not name.startswith("_")}
    assert set(MEMBERS) == public


def test_dag_file_loads_no_message() -> None:
    """Importing the notifier adds nothing that a DAG file does not need."""
    code = """
import sys
from airflow_provider_sf.notifications.service_fabric import ServiceFabricNotifier
ServiceFabricNotifier(send=print)
loaded = [name for name in sys.modules if name.startswith("airflow_provider_sf.")]
assert not any(name.split(".")[1] in {"messages", "operators", "hooks", "cluster"} for name in loaded), loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)
