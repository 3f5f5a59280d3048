"""Who is told: a real SMTP server and a real HTTP receiver on this machine, which keep what they were sent."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Box:
    """What arrived: subject and text of each notice, oldest first."""

    port: int = 0
    notices: list[tuple[str, str]] = field(default_factory=list)

    def of(self, words: str) -> list[tuple[str, str]]:
        return [each for each in self.notices if words in each[0]]


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a sender needs."""

    def handle(self):
        self.say("220 test")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                self.keep()
                self.say("250 kept")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def keep(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        body = mail.get_body(("plain", "html")) or mail
        self.server.box.notices.append((str(mail["subject"]), body.get_content()))


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.box.notices.append((sent["subject"], sent["text"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Nothing: the test says what it misses."""


@contextmanager
def mailbox() -> Iterator[Box]:
    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)) as box:
        yield box


@contextmanager
def webhook() -> Iterator[Box]:
    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Hook)) as box:
        yield box


@contextmanager
def _served(server) -> Iterator[Box]:
    server.daemon_threads = True
    server.box = Box(server.server_address[1])
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.box
        server.shutdown()
