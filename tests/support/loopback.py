# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Servers of tests: they listen on loopback, on a free port, and are gone afterwards."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StrictServer", "closed_port", "serving"]


class StrictServer(ThreadingHTTPServer):
    """A server that notes what the real service would refuse, and may be told to hang.

    Attributes:
        refused: what was wrong with requests.
        released: set when hanging requests are to end.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.refused: list[str] = []
        self.released = threading.Event()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody answers: it is taken, so that nobody else listens there either."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


_Server = TypeVar("_Server", bound=StrictServer)


@contextlib.contextmanager
def serving(server: _Server) -> Iterator[_Server]:
    """Serve while the body runs; it must have had nothing to refuse."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:  # its thread is no daemon: a test that fails must not keep pytest from ending
        server.released.set()
        server.shutdown()
        thread.join(LIMIT_S)
        server.server_close()
    assert server.refused == [], server.refused
