# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks on loopback that checks every request as strictly as a real one."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.sinks import delivery_key
from pytest_curator_bench.sinks.webhook import IDEMPOTENCY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.support.loopback import StrictServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "planted-secret-7"  # noqa: S105  # planted, to be looked for
PATH = "/hooks/planted-secret-8"


class Receiver(StrictServer):
    """Takes results in; ``faults`` are what it does instead, one a request, in order."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.faults: list[tuple[Any, ...]] = []
        self.received: dict[str, dict[str, Any]] = {}
        self.doubled: list[str] = []
        self.authorizations: list[str | None] = []
        self.times: list[float] = []  # of requests, as time.monotonic() has them in every process
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where to send to."""
        return f"http://127.0.0.1:{self.server_port}{PATH}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Check it, or do what the plan says."""
        with self.server.lock:
            self.server.times.append(time.monotonic())
            self.server.authorizations.append(self.headers["Authorization"])
            fault = self.server.faults.pop(0) if self.server.faults else ("take",)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match fault:
            case ("hang",):
                self.server.released.wait(60)
                self.close_connection = True
            case ("reset",):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case ("garbage",):
                self.wfile.write(b"no HTTP at all " + PATH.encode() + b"\r\n\r\n")
                self.close_connection = True
            case ("take and reset",):
                self._take(body)
                self.connection.close()
                self.close_connection = True
            case ("take",):
                self._answer(self._take(body))
            case (int() as status, *headers):
                self._answer(status, dict(headers))

    def do_GET(self) -> None:
        """Nobody should ask."""
        self.server.refused.append("a GET request")
        self._answer(200)

    def _take(self, body: bytes) -> int:
        problem = self._problem(body)
        if problem:
            self.server.refused.append(problem)
            return 400
        key = self.headers[IDEMPOTENCY_HEADER]
        with self.server.lock:
            if key in self.server.received:
                self.server.doubled.append(key)
            self.server.received[key] = json.loads(body)
        return 204

    def _problem(self, body: bytes) -> str | None:
        if self.path != PATH:
            return f"path {self.path}"
        if self.headers["Content-Type"] != "application/json":
            return "content type"
        if not self.headers["User-Agent"].startswith("pytest-curator-bench/"):
            return "user agent"
        sent, timestamp = self.headers[SIGNATURE_HEADER], self.headers[TIMESTAMP_HEADER]
        expected = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        if sent != f"v1={expected}" or abs(time.time() - int(timestamp)) > 300:
            return "signature"
        if self.headers[IDEMPOTENCY_HEADER] != delivery_key(json.loads(body)):
            return "idempotency key"
        return None

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status, f"said by the server {PATH}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A running receiver, gone afterwards."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # some machines reach the outside through one
    with serving(Receiver()) as server:
        yield server
