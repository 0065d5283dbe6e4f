# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A proxy before a real MLflow server: it refuses some requests, and wants a user and a password."""

from __future__ import annotations

import base64
import http.client
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from tests.support.loopback import StrictServer

if TYPE_CHECKING:
    from collections.abc import Callable

USER, PASSWORD = "planted-user", "planted-word/1"  # planted, to be looked for


class Gate(StrictServer):
    """Passes on what ``answer`` gives ``None`` for; the status that it gives is the answer to everything else.

    Args:
        port: the server's.
        answer: called with the method, the path and the body of each request.
    """

    def __init__(self, port: int, answer: Callable[[str, str, bytes], int | None]) -> None:
        super().__init__(_Handler)
        self.port = port
        self.answer = answer

    @property
    def uri(self) -> str:
        """Where it is, with user and password."""
        return f"http://{USER}:planted-word%2F1@127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Gate

    def _any(self) -> None:
        body = self._body()
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        is_known = self.headers["Authorization"] == f"Basic {credentials}"
        status = self.server.answer(self.command, self.path, body) if is_known else 401
        if status is not None:
            self._answer(status, b"<html>refused by the gate</html>")
            return
        server = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            headers = {"Content-Type": self.headers["Content-Type"] or "text/plain"}
            server.request(self.command, self.path, body, headers)
            response = server.getresponse()
            self._answer(response.status, response.read(), response.getheader("Content-Type") or "")
        finally:
            server.close()

    do_GET = do_POST = do_PUT = do_PATCH = _any  # noqa: N815  # http.server's names

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, content_type: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""
