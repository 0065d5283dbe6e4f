# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A Slack on loopback: the calls that the sink makes, as strict about tokens, limits and blocks as the real one."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tests.support.loopback import StrictServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "xoxb-planted-secret-9"  # noqa: S105  # planted, to be looked for
CHANNEL = "C0123456789"
PERSON = "U0123456789"
CONVERSATION = "D0123456789"
HOOK = "/services/T0PLANTED/B0PLANTED/plantedSecret10"

MAX_MESSAGE = 13_200
KEYS = {
    "chat.postMessage": {"channel", "thread_ts", "metadata", "unfurl_links", "unfurl_media", "text", "blocks"},
    "chat.update": {"channel", "ts", "metadata", "text", "blocks"},
}


def length(text: str) -> int:
    """Characters as JavaScript counts them; raises UnicodeError for what is no text."""
    return len(text.encode("utf-16-le")) // 2


def problem_of_blocks(blocks: Any) -> str | None:
    """What Slack would refuse blocks for."""
    if not isinstance(blocks, list) or not blocks or len(blocks) > 50:
        return "number of blocks"
    for block in blocks:
        match block:
            case {"type": "header", "text": {"type": "plain_text", "text": str(text), "emoji": bool()}, **rest}:
                texts, limit = [text], 150
            case {"type": "section", "text": {"type": "mrkdwn", "text": str(text)}, **rest}:
                texts, limit = [text], 3000
            case {"type": "context", "elements": [_, *_] as elements, **rest} if len(elements) <= 10:
                texts, limit = [element["text"] for element in elements], 3000
                if any(element != {"type": "mrkdwn", "text": element["text"]} for element in elements):
                    return f"elements {elements}"
            case _:
                return f"block {block}"
        if rest or not all(0 < length(text) <= limit for text in texts):
            return f"keys or lengths of {block}"
    if length(json.dumps(blocks, ensure_ascii=False)) > MAX_MESSAGE:
        return "msg_blocks_too_long"
    return None


def problem_of_message(message: dict[str, Any]) -> str | None:
    """What Slack would refuse a message for."""
    if not isinstance(message.get("text"), str) or not 0 < length(message["text"]) <= 4000:
        return "text"
    return problem_of_blocks(message.get("blocks"))


class Slack(StrictServer):
    """Takes messages; ``faults`` are what it does instead of answering, one a request, in order.

    Attributes:
        messages: by ``ts``, in order; those of a thread have ``thread_ts``.
        hooked: what came by the incoming webhook.
        calls: names of the methods that were called.
        scopes: what the token may do besides writing.
    """

    def __init__(self) -> None:
        super().__init__(Handler)
        self.faults: list[tuple[Any, ...]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.hooked: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.times: list[float] = []
        self.scopes = {"channels:history", "im:history", "im:write"}
        self.page_size = 200
        self.lock = threading.Lock()

    @property
    def api_url(self) -> str:
        """Where the Web API is."""
        return f"http://127.0.0.1:{self.server_port}/api/"

    @property
    def hook_url(self) -> str:
        """The incoming webhook."""
        return f"http://127.0.0.1:{self.server_port}{HOOK}"

    @property
    def summaries(self) -> list[dict[str, Any]]:
        """The channel's messages."""
        return [message for message in self.messages.values() if not message.get("thread_ts")]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """Messages in threads."""
        return [message for message in self.messages.values() if message.get("thread_ts")]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Slack
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Check it, or do what the plan says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls.append(self.path.rpartition("/")[2] if self.path != HOOK else "hook")
            self.server.times.append(time.monotonic())
            what, *more = self.server.faults.pop(0) if self.server.faults else ("take",)
        if isinstance(what, int):
            self._answer(what, "{}", dict(more))
            return
        is_taken = what.startswith("take")
        then = what.removeprefix("take and ")
        answer = self._take(body) if is_taken else (200, json.dumps({"ok": False, "error": then}), {})
        match then:
            case "hang":
                self.server.released.wait(60)
                self.close_connection = True
            case "reset":
                self._reset()
            case "close early":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
                self.close_connection = True
            case "garbage":
                self._answer(200, "<html>a proxy's page</html>", {})
            case "500":
                self._answer(500, "upstream is away", {})
            case _:
                self._answer(*answer)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _take(self, body: bytes) -> tuple[int, str, dict[str, str]]:
        if self.path == HOOK:
            return self._hook(body)
        answer = self._method(self.path.removeprefix("/api/"), body)
        return 200, json.dumps(answer), {}

    def _hook(self, body: bytes) -> tuple[int, str, dict[str, str]]:
        message = json.loads(body)
        problem = problem_of_message(message) or ("keys" if set(message) != {"text", "blocks"} else None)
        with self.server.lock:
            if problem:
                self.server.refused.append(problem)
                return 400, "invalid_blocks", {}
            self.server.hooked.append(message)
        return 200, "ok", {}

    def _method(self, name: str, body: bytes) -> dict[str, Any]:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        if self.headers["Content-Type"].startswith("application/json"):
            data = json.loads(body)
        else:
            data = dict(parse_qsl(body.decode(), strict_parsing=True))
        if name == "conversations.open":
            return self._open(data)
        # A person's ID may only be posted to: for all else it is no channel.
        places = {CHANNEL, CONVERSATION} | ({PERSON} if name == "chat.postMessage" else set())
        if data.get("channel") not in places:
            return {"ok": False, "error": "channel_not_found"}
        data["channel"] = CONVERSATION if data["channel"] == PERSON else data["channel"]
        with self.server.lock:
            if name in KEYS:
                return self._write(name, data)
            if name in {"conversations.history", "conversations.replies"}:
                return self._read(name, data)
        return {"ok": False, "error": "unknown_method"}

    def _open(self, data: dict[str, Any]) -> dict[str, Any]:
        if "im:write" not in self.server.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "im:write"}
        if set(data) != {"users"} or data["users"] != PERSON:
            return {"ok": False, "error": "user_not_found"}
        return {"ok": True, "channel": {"id": CONVERSATION}}

    def _write(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        ts = data.get("ts") or f"{time.time():.4f}{len(self.server.messages):02d}"
        old = self.server.messages.get(ts, {})
        if name == "chat.update" and old.get("channel") != data["channel"]:
            return {"ok": False, "error": "message_not_found"}
        problem = problem_of_message(data)
        if set(data) - KEYS[name] or TOKEN in json.dumps(data):
            problem = f"keys {set(data)}"
        if set(data["metadata"]) != {"event_type", "event_payload"} or not data["metadata"]["event_payload"]:
            problem = "metadata"
        if problem:
            self.server.refused.append(problem)
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": [problem]}}
        thread = data.get("thread_ts")
        if thread is not None and self.server.messages.get(thread, {}).get("channel") != data["channel"]:
            return {"ok": False, "error": "thread_not_found"}
        self.server.messages[ts] = {**old, **data, "ts": ts, "edits": old.get("edits", -1) + 1}
        return {"ok": True, "channel": data["channel"], "ts": ts}

    def _read(self, name: str, data: dict[str, str]) -> dict[str, Any]:
        needed = "im:history" if data["channel"] == CONVERSATION else "channels:history"
        if needed not in self.server.scopes:
            return {"ok": False, "error": "missing_scope", "needed": needed}
        if name == "conversations.replies":
            if self.server.messages.get(data["ts"], {}).get("channel") != data["channel"]:
                return {"ok": False, "error": "thread_not_found"}
            found = [m for m in self.server.messages.values() if data["ts"] in {m["ts"], m.get("thread_ts")}]
        else:
            found = [message for message in self.server.summaries[::-1] if message["channel"] == data["channel"]]
        found = [message for message in found if float(message["ts"]) > float(data["oldest"])]
        begin = int(data.get("cursor") or 0)
        end = begin + self.server.page_size
        keys = {"ts", "text"} | ({"metadata"} if data.get("include_all_metadata") == "1" else set())
        page = [{key: message[key] for key in keys} for message in found[begin:end]]
        cursor = str(end) if end < len(found) else ""
        return {"ok": True, "messages": page, "response_metadata": {"next_cursor": cursor}}

    def _answer(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json" if body.startswith("{") else "text/plain")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """A running Slack, gone afterwards; the machine's proxies don't come between."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "SLACK_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving(Slack()) as server:
        yield server
