"""An SMTP server on a loopback port that keeps each mail."""

from __future__ import annotations

import socketserver
from email import message_from_string, policy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage


class MailServer(socketserver.ThreadingTCPServer):
    """Takes each mail."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.mails: list[EmailMessage] = []


class MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        """Accept each command."""
        self.wfile.write(b"220 loopback\r\n")
        while line := self.rfile.readline().strip().upper():
            if line == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self._read_mail()
            self.wfile.write(b"250 ok\r\n")
            if line == b"QUIT":
                return

    def _read_mail(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.decode())
        self.server.mails.append(message_from_string("".join(lines), policy=policy.default))
