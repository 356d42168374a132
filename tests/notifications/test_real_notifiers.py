"""Notifiers and hooks of other packages send the message over a loopback socket, each as its service expects it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from tests.loopback_mail import MailServer
from tests.notifications.stand_ins import Notifier, context_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_sf.messages.notification.message import Message
    from tests.conftest import TaskInstance

ERROR = AirflowException("Rolled back: <b>'fabric:/shop/web'</b>\nWhy: {{ 7 * 7 }}\nNext: fix it.")


class WebServer(ThreadingHTTPServer):
    """Keeps the path and the JSON of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), WebSession)
        self.received: list[tuple[str, Any]] = []


class WebSession(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        """Take a request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments: Any) -> None:
        """Write no log."""


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with serving(WebServer()) as server:
        yield server


def send_with(ti: TaskInstance, target: Any, **more: Any) -> Message:
    """Send a message with a target, and return it."""
    got: list[Message] = []
    Notifier(send=[target, got.append])({**context_of(ti, "failed", ERROR), **more})
    return got[0]


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


def test_smtp_notifier_sends_a_mail(ti: TaskInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(MailServer()) as server:
        extra = {"disable_ssl": True, "disable_tls": True}
        connect(
            monkeypatch,
            "mail",
            conn_type="smtp",
            host="127.0.0.1",
            port=server.server_address[1],
            extra=extra,
        )
        mail = SmtpNotifier(
            smtp_conn_id="mail",
            to="a@example.com",
            from_email="b@example.com",
            subject="{{ message.title }}",
            html_content="{{ message.html }}",
        )
        found = send_with(ti, mail)
        (sent,) = server.mails
    assert sent["Subject"] == found.title
    (page,) = sent.iter_parts()
    assert page.get_content().strip() == found.html


def test_slack_notifier_posts_blocks(
    ti: TaskInstance, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pytest.importorskip("airflow.providers.slack.notifications.slack_webhook")
    address = f"http://127.0.0.1:{web.server_port}/services"
    connect(monkeypatch, "slack_releases", conn_type="slackwebhook", host=address, password="/T0/B0/secret")
    slack = module.SlackWebhookNotifier(
        slack_webhook_conn_id="slack_releases",
        text="{{ message.slack_text }}",
        blocks="{{ message.slack_blocks }}",
    )
    found = send_with(ti, slack)
    ((path, body),) = web.received
    assert path == "/services/T0/B0/secret"
    assert (body["text"], body["blocks"]) == (found.slack_text, found.slack_blocks)


def test_slack_hook_posts_blocks(ti: TaskInstance, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = pytest.importorskip("airflow.providers.slack.hooks.slack_webhook")
    address = f"http://127.0.0.1:{web.server_port}/services"
    connect(monkeypatch, "slack_releases", conn_type="slackwebhook", host=address, password="/T0/B0/secret")

    def post(message: Message) -> None:
        hook = module.SlackWebhookHook(slack_webhook_conn_id="slack_releases")
        hook.send(text=message.slack_text, blocks=message.slack_blocks)

    found = send_with(ti, post)
    ((_, body),) = web.received
    assert body["blocks"] == found.slack_blocks


def test_http_notifier_posts_a_card(
    ti: TaskInstance, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pytest.importorskip("airflow.providers.http.notifications.http")
    connect(
        monkeypatch,
        "teams_releases",
        conn_type="http",
        host=f"http://127.0.0.1:{web.server_port}",
        password="/workflows/1?api-version=1&sig=secret",
    )
    teams = module.HttpNotifier(
        http_conn_id="teams_releases",
        endpoint="{{ conn.teams_releases.password }}",
        json="{{ message.teams_message }}",
    )
    accessor = pytest.importorskip("airflow.sdk.execution_time.context").ConnectionAccessor()
    found = send_with(ti, teams, conn=accessor)
    assert web.received == [("/workflows/1?api-version=1&sig=secret", found.teams_message)]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # a library of Apprise imports it
def test_apprise_notifier_posts_text(
    ti: TaskInstance, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pytest.importorskip("airflow.providers.apprise.notifications.apprise")
    config = {"path": f"json://127.0.0.1:{web.server_port}/", "tag": "all"}
    connect(monkeypatch, "apprise_default", conn_type="apprise", extra={"config": config})
    found = send_with(ti, module.AppriseNotifier(title="{{ message.title }}", body="{{ message.text }}"))
    ((_, body),) = web.received
    assert (body["title"], body["message"]) == (found.title, found.text)
