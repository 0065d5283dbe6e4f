# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink webhook, against a receiver on loopback that checks every request as strictly as a real one."""

from __future__ import annotations

import base64
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.delivery import worker as worker_module
from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, SinkReport
from pytest_curator_bench.sinks import SinkConfigError, delivery_key
from pytest_curator_bench.sinks import webhook as webhook_module
from pytest_curator_bench.sinks.http import Backoff, is_temporary, retry_after_s
from pytest_curator_bench.sinks.webhook import WebhookSink, signature
from tests.support.sinks import env_data_of, result_of
from tests.support.webhook_receiver import PATH, SECRET, Receiver

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_module, "FIRST_LAST_PAUSE_S", 0.01)
    monkeypatch.setattr(webhook_module, "REQUEST_TIMEOUT_S", 60.0)


def deliver(tmp_path: Path, url: str, *results: dict[str, Any]) -> SinkReport:
    """Send results through the dispatcher, one session."""
    (tmp_path / "s").mkdir(exist_ok=True)
    sink = WebhookSink({"name": "webhook", "url": url, "secret": SECRET})
    sink.name = "webhook"
    session_dir = tmp_path / "s"
    dispatcher = SinkDispatcher([sink], session_dir, env_data_of(session_dir), Masker([SECRET, url]), patience_s=60)
    dispatcher.open()
    for result in results:
        dispatcher.submit(result)
    (report,) = dispatcher.close()
    assert "planted" not in str(report.reason)
    return report


def test_a_signed_request_for_each_result(tmp_path: Path, receiver: Receiver) -> None:
    """The body is the result as it is; the receiver can check key and signature."""
    results = [result_of(name, error="\u00fc\n2", script_metrics={"x": 1e300}) for name in ("a", "b")]
    assert deliver(tmp_path, receiver.url, *results) == SinkReport(name="webhook", delivered=2)
    assert list(receiver.received.values()) == results
    assert list(receiver.received) == [delivery_key(result) for result in results]


@pytest.mark.parametrize(
    "fault",
    [
        (500,),
        (502, ("Retry-After", "nonsense")),
        (408,),
        (429, ("Retry-After", "0")),
        (503, ("Retry-After", formatdate(0, usegmt=True))),
        ("reset",),
        ("garbage",),
        ("hang",),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, fault: tuple[Any, ...]
) -> None:
    """Every kind of trouble at the first request: both results arrive all the same, each once."""
    if fault == ("hang",):
        monkeypatch.setattr(webhook_module, "REQUEST_TIMEOUT_S", 3.0)
    receiver.faults = [fault]
    report = deliver(tmp_path, receiver.url, result_of("a"), result_of("b"))
    assert (report.is_complete, report.delivered, report.failures) == (True, 2, 1)
    assert [result["name"] for result in receiver.received.values()] == ["a", "b"]
    assert receiver.doubled == []


def test_retry_after_is_obeyed(tmp_path: Path, receiver: Receiver) -> None:
    """Nothing is sent before the time is over."""
    receiver.faults = [(429, ("Retry-After", "1"))]
    begun = time.monotonic()
    assert deliver(tmp_path, receiver.url, result_of("a")).is_complete
    assert time.monotonic() - begun >= 1
    assert len(receiver.times) == 2


def test_an_answer_that_got_lost(tmp_path: Path, receiver: Receiver) -> None:
    """The receiver has it, we can't know: it comes again, under the same key, which the receiver tells it by."""
    receiver.faults = [("take and reset",)]
    assert deliver(tmp_path, receiver.url, result_of("a")).is_complete
    assert receiver.doubled == [delivery_key(result_of("a"))]
    assert list(receiver.received.values()) == [result_of("a")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 413, 422])
def test_what_does_not_pass_is_kept(tmp_path: Path, receiver: Receiver, status: int) -> None:
    """It is not repeated, redirects are not followed, and the other results go on."""
    receiver.faults = [(status, ("Location", f"{receiver.url}/other"))]
    report = deliver(tmp_path, receiver.url, result_of("a"), result_of("b"))
    assert (report.kept, report.delivered, len(receiver.times)) == (("a",), 1, 2)
    assert report.reason is not None
    assert f"127.0.0.1 answered with status {status}" in report.reason


def test_nobody_listens(tmp_path: Path, closed_port: int) -> None:
    """Everything is kept, and the reason names the host."""
    report = deliver(tmp_path, f"http://127.0.0.1:{closed_port}{PATH}", result_of("a"))
    assert report.kept == ("a",)
    assert (
        report.reason
        == "process_result: no answer from 127.0.0.1: ConnectionRefusedError: [Errno 111] Connection refused"
    )


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("planted-user:planted-word", "planted-user:planted-word"),
        ("planted%40user:p%2Flanted%3A%23", "planted@user:p/lanted:#"),
        ("planted-user", "planted-user:"),
        (":planted-word", ":planted-word"),
    ],
)
def test_a_url_with_user_and_password(tmp_path: Path, receiver: Receiver, written: str, sent: str) -> None:
    """They are sent as HTTP's Basic authentication has them, and are in no message."""
    url = receiver.url.replace("127.0.0.1", f"{written}@127.0.0.1")
    assert deliver(tmp_path, url, result_of("a")).is_complete
    assert receiver.authorizations == [f"Basic {base64.b64encode(sent.encode()).decode()}"]
    receiver.faults = [(401,)]
    report = deliver(tmp_path, url, result_of("b"))
    assert report.reason == "process_result: 127.0.0.1 answered with status 401"


def test_signatures() -> None:
    """A known value of HMAC-SHA256, made with openssl."""
    # printf '1700000000.{"a": 1}' | openssl dgst -sha256 -hmac 'a-secret'
    known = "v1=ac8a32c14e98ee425580372428c322b136954e07651c50d2fae03e306d69ea69"
    assert signature("a-secret", "1700000000", b'{"a": 1}') == known


def test_which_answers_are_temporary() -> None:
    """One table for all sinks."""
    assert [status for status in range(300, 600) if is_temporary(status)] == [408, 425, 429, *range(500, 600)]


def test_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """They double up to the longest; a service may ask for a longer one, which outlives a restart."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    backoff = Backoff(5, 15)

    def pause_s(asked_s: float | None = None) -> float:
        backoff.failed(asked_s)
        return backoff.ready_at - 100

    assert [pause_s(), pause_s(), pause_s(), pause_s(60), pause_s(7)] == [5, 10, 15, 60, 15]
    pause_s(60)
    backoff.restart(1)
    assert backoff.ready_at == 160
    backoff.succeeded()
    assert (backoff.ready_at, pause_s()) == (0, 1)
    backoff.restart(2)
    assert (backoff.ready_at, pause_s(), pause_s()) == (0, 2, 4)


@pytest.mark.parametrize("asked", [0, -1, -0.0, float("nan"), float("-inf"), "soon", "", None, [], object(), False])
def test_what_asks_for_no_pause_leaves_the_own_one(monkeypatch: pytest.MonkeyPatch, asked: Any) -> None:
    """Whatever a service or a sink hands in: the pause is never shorter than without it, and it grows."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    backoff = Backoff(1, 300)
    pauses = []
    for _ in range(4):
        backoff.failed(asked)
        pauses.append(backoff.ready_at)
    assert pauses == [1, 2, 4, 8]
    assert not backoff.is_asked_for


@pytest.mark.parametrize("asked", [float("inf"), 1e300, 10**400, "9" * 400])
def test_a_pause_without_end_is_one_that_can_be_waited_for(monkeypatch: pytest.MonkeyPatch, asked: Any) -> None:
    """A number beyond all clocks ends no thread."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    backoff = Backoff(1, 300)
    backoff.failed(asked)
    assert 86_400 < backoff.ready_at < threading.TIMEOUT_MAX
    assert backoff.is_asked_for


@pytest.mark.parametrize("header", ["0", formatdate(0, usegmt=True), "-5", "NaN"])
def test_a_service_that_asks_for_no_pause_is_not_flooded(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """It gets a handful of requests before the session ends, and the result is kept."""
    monkeypatch.setattr(worker_module, "FIRST_LAST_PAUSE_S", 0.01)
    receiver.faults = [(503, ("Retry-After", header)) for _ in range(1000)]
    report = deliver(tmp_path, receiver.url, result_of("a"))
    assert (report.kept, len(receiver.times)) == (("a",), 4)


def test_retry_after_values() -> None:
    """Seconds, dates, and what is neither."""
    assert [retry_after_s(value) for value in (None, "7", " 7 ", "-7", "1.5", "soon", "")] == [
        None,
        7,
        7,
        None,
        None,
        None,
        None,
    ]
    assert retry_after_s("Thu, 01 Jan 1970 00:00:10 GMT") == 0
    in_an_hour = retry_after_s(formatdate(time.time() + 3600, usegmt=True))
    assert in_an_hour is not None
    assert 3500 < in_an_hour <= 3600


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({}, "url"),
        ({"url": "ftp://host/x"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://host:99999/"}, "url"),
        ({"url": "http://host/with blank"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://host", "secret": "short"}, "secret"),
        ({"url": "http://host", "secret": None}, "secret"),
        ({"url": "http://host", "secrets": "x"}, "secrets"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], key: str) -> None:
    """Each is told by its key, and never with its value."""
    with pytest.raises(SinkConfigError) as caught:
        WebhookSink({"name": "webhook", "secret": SECRET, **settings})
    assert [problem[0] for problem in caught.value.problems] == [key]
    assert "host" not in str(caught.value)
    assert "planted" not in str(caught.value)
