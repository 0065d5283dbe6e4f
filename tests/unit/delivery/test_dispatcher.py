# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Delivery: order, retries, pauses, hanging calls, receipts; real threads, real files."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.delivery import dispatcher as dispatch_module
from pytest_curator_bench.delivery import worker as worker_module
from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, SinkReport, report_lines
from pytest_curator_bench.sinks import PermanentSinkError, Sink, TransientSinkError, delivery_key
from tests.support.sinks import env_data_of, result_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SECRET = "planted-secret-9"  # noqa: S105  # planted, to be looked for
# Against hanging only.
LONG_S = 60.0


class Recorder(Sink):
    """Writes down its calls; a plan says what each call does."""

    call_limit_s: ClassVar[float] = LONG_S

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.name = config.get("name", "recorder")
        self.calls: list[tuple[str, Any]] = []
        self.plans: dict[str, list[Callable[[], object]]] = {}
        self.seen = threading.Condition()

    def _call(self, what: str, value: Any) -> None:
        with self.seen:
            self.calls.append((what, value))
            self.seen.notify_all()
        plan = self.plans.get(what)
        if plan:
            plan.pop(0)()

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Note it."""
        assert self.state_dir.is_dir()
        self._call("initialize", (session_name, env_data))

    def entry_started(self, name: str) -> None:
        """Note it."""
        self._call("started", name)

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Note it."""
        self._call("result", result)

    def finalize(self) -> None:
        """Note it."""
        self._call("finalize", None)

    def names(self) -> list[str]:
        """The calls, results by their entries' names."""
        return [
            value["name"] if what == "result" else f">{value}" if what == "started" else what
            for what, value in self.calls
        ]

    def wait_for(self, count: int) -> None:
        """Wait until there have been this many calls."""
        with self.seen:
            assert self.seen.wait_for(lambda: len(self.calls) >= count, LONG_S)


def fail(error: BaseException) -> Callable[[], object]:
    """A plan: raise."""

    def call() -> None:
        raise error

    return call


def fine() -> None:
    """A plan: nothing."""


def dispatcher(tmp_path: Path, *sinks: Sink, patience_s: float = LONG_S) -> SinkDispatcher:
    """An open dispatcher for the session ``s``."""
    session_dir = tmp_path / "s"
    session_dir.mkdir(exist_ok=True)
    made = SinkDispatcher(sinks, session_dir, env_data_of(session_dir), Masker([SECRET]), patience_s=patience_s)
    made.open()
    return made


def deliver(tmp_path: Path, sink: Sink, *names: str, patience_s: float = LONG_S) -> SinkReport:
    """A whole session with these entries."""
    made = dispatcher(tmp_path, sink, patience_s=patience_s)
    for name in names:
        made.submit(result_of(name))
    (report,) = made.close()
    return report


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_module, "FIRST_LAST_PAUSE_S", 0.01)


def test_everything_in_order(tmp_path: Path) -> None:
    """Calls come in the order of what happened; each result once; receipts are there at the end."""
    sink = Recorder({})
    made = dispatcher(tmp_path, sink)
    for name in ("a", "b", "c"):
        made.entry_started(name)
        made.submit(result_of(name))
    sink.wait_for(7)
    assert made.close() == [SinkReport(name="recorder", delivered=3)]
    assert sink.names() == ["initialize", ">a", "a", ">b", "b", ">c", "c", "finalize"]
    assert sink.calls[0][1] == ("s", env_data_of(tmp_path / "s"))
    receipts = {file.stem for file in (tmp_path / "s/sinks/recorder/delivered").iterdir()}
    assert receipts == {delivery_key(result_of(name)) for name in ("a", "b", "c")}
    assert list((tmp_path / "s/sinks/recorder/waiting").iterdir()) == []


def test_results_are_plain_masked_copies(tmp_path: Path) -> None:
    """No sink can change what another one gets; secrets are masked; NaN is text, as in results.json."""
    first, second = Recorder({"name": "first"}), Recorder({"name": "second"})

    def spoil() -> None:
        first.calls[-1][1]["script_metrics"].clear()

    first.plans = {"result": [spoil]}
    made = dispatcher(tmp_path, first, second)
    given = result_of(script_metrics={"x": float("nan"), "text": f"with {SECRET}"})
    made.submit(given)
    made.close()
    assert second.calls[1][1]["script_metrics"] == {"x": "NaN", "text": "with ***"}
    assert given["script_metrics"]["text"] == f"with {SECRET}"


@pytest.mark.parametrize(
    "error",
    [TransientSinkError("gone"), ValueError("odd"), SystemExit(3), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_is_tried_again(tmp_path: Path, error: BaseException) -> None:
    """Whatever a call raises: the same result comes again, before later ones, and nothing is lost."""
    sink = Recorder({})
    sink.plans = {"initialize": [fail(error)], "result": [fine, fail(error)], "finalize": [fail(error)]}
    report = deliver(tmp_path, sink, "a", "b", "c")
    assert (report.delivered, report.kept, report.failures, report.is_complete) == (3, (), 3, True)
    names = sink.names()
    assert names[:2] == ["initialize"] * 2
    assert [name for name in names if len(name) == 1] == ["a", "b", "b", "c"]
    assert names[-2:] == ["finalize"] * 2


def test_failures_are_spooled_at_once(tmp_path: Path) -> None:
    """A result that could not be delivered is on the disk before the next try, whole, and goes when it arrives."""
    sink = Recorder({})
    waiting = tmp_path / "s/sinks/recorder/waiting"
    found: list[Any] = []
    sink.plans = {
        "result": [
            fail(OSError("no")),
            lambda: found.extend(json.loads(file.read_bytes()) for file in waiting.iterdir()),
        ]
    }
    assert deliver(tmp_path, sink, "a").is_complete
    assert found == [result_of("a")]
    assert list(waiting.iterdir()) == []


def test_a_dead_sink(tmp_path: Path) -> None:
    """It gets no result while initialize fails; everything is kept, and said in one line."""
    sink = Recorder({})
    sink.plans = {"initialize": [fail(ConnectionError(f"http://host/{SECRET}\nmore")) for _ in range(1000)]}
    report = deliver(tmp_path, sink, "a", "b")
    assert (report.delivered, report.kept, report.is_finalized) == (0, ("a", "b"), False)
    assert set(sink.names()) == {"initialize"}
    assert report.reason == "initialize: ConnectionError: http://host/***"
    assert len(list((tmp_path / "s/sinks/recorder/waiting").iterdir())) == 2
    (line,) = report_lines([report])
    assert line.startswith("sink recorder: 0 delivered; 2 kept for replay (a, b); not finalized; ")


@pytest.mark.parametrize("bad", ["a", "abc", "abdef", "bdf"])
def test_results_that_always_fail_hold_up_no_other(tmp_path: Path, bad: str) -> None:
    """However many there are, wherever they stand, and though the sink calls each failure a passing one."""

    class Picky(Recorder):
        def process_result(self, result: Mapping[str, Any]) -> None:
            super().process_result(result)
            if result["name"] in bad:
                raise TransientSinkError("not today", retry_after_s=0)

    sink = Picky({})
    report = deliver(tmp_path, sink, *"abcdefgh")
    assert (report.delivered, report.kept) == (8 - len(bad), tuple(bad))
    assert report.is_finalized
    assert len(sink.calls) < 40


class Unreadable(Exception):  # noqa: N818  # short
    """Its text is what its plan says."""

    def __init__(self, text: Callable[[], Any]) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text()  # type: ignore[no-any-return]  # on purpose


def no_text() -> str:
    """A text that can't be read."""
    raise ValueError("no text")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (no_text, "Unreadable: its text can't be read: ValueError"),
        (lambda: None, "Unreadable: its text can't be read: TypeError"),
        (lambda: "x" * 10_000_000, f"process_result: Unreadable: {'x' * 50}"),
        (lambda: "\udcff\x1b[31m\0", "Unreadable: \\udcff\\x1b[31m\\x00"),
        (lambda: "\n \n", "process_result: Unreadable"),
    ],
)
@pytest.mark.parametrize("what", ["process_result", "permanent"])
def test_an_error_whose_text_is_broken(tmp_path: Path, what: str, text: Callable[[], Any], shown: str) -> None:
    """It is reported as far as it can be read, on one short line, and only its own result is kept."""
    error: Exception = Unreadable(text)
    if what == "permanent":
        error = type("Unreadable", (Unreadable, PermanentSinkError), {})(text)
        shown = shown.replace("Unreadable: ", "") or "Unreadable"
    sink = Recorder({})
    sink.plans = {"result": [fail(error) for _ in range(3 if what == "permanent" else 1)]}
    report = deliver(tmp_path, sink, "a")
    (line,) = report_lines([report])
    line.encode()
    assert line.isprintable()
    assert len(line) < 500
    assert report.kept == (("a",) if what == "permanent" else ())
    assert shown in line


@pytest.mark.parametrize("link", [5, b"http://x", object(), "", ["http://x"]])
def test_a_link_that_is_no_text_is_not_shown(tmp_path: Path, link: Any) -> None:
    """A sink's mistake costs its link and nothing else."""
    sink = Recorder({})
    sink.link = link
    report = deliver(tmp_path, sink, "a")
    assert (report.link, report.is_complete) == (None, True)


def test_what_a_sink_leaves_out_is_shown_and_noted(tmp_path: Path) -> None:
    """In the summary, a line each, and in the receipt; once, though the first try failed after it."""
    sink = Recorder({})

    def leave_out() -> None:
        sink.report_left_out(f"big.log: refused\nby {SECRET}")

    def leave_out_and_fail() -> None:
        leave_out()
        raise TransientSinkError("later")

    sink.plans = {"result": [leave_out_and_fail, leave_out], "finalize": [leave_out]}
    report = deliver(tmp_path, sink, "a")
    assert report.is_complete
    assert report_lines([report])[1:] == [
        "sink recorder: left out of a: big.log: refused",
        "sink recorder: left out of the session: big.log: refused",
    ]
    (receipt,) = (tmp_path / "s/sinks/recorder/delivered").iterdir()
    assert json.loads(receipt.read_bytes())["left_out"] == ["big.log: refused"]
    finalized = json.loads((tmp_path / "s/sinks/recorder/finalized.json").read_bytes())
    assert finalized["left_out"] == ["big.log: refused"]


def test_permanent_failures(tmp_path: Path) -> None:
    """A result that is refused is not tried again, holds up no other one, and is kept."""
    sink = Recorder({})
    sink.plans = {"result": [fail(PermanentSinkError("too big")), fine]}
    report = deliver(tmp_path, sink, "a", "b")
    assert (report.delivered, report.kept, report.is_finalized) == (1, ("a",), True)
    assert sink.names() == ["initialize", "a", "b", "finalize"]
    assert report.reason == "process_result: too big"


@pytest.mark.parametrize("what", ["initialize", "finalize"])
def test_permanent_failures_of_the_session(tmp_path: Path, what: str) -> None:
    """A refusal of initialize ends the sink for this run; one of finalize is told, and not repeated."""
    sink = Recorder({})
    sink.plans = {what: [fail(PermanentSinkError("no such project"))]}
    report = deliver(tmp_path, sink, "a")
    assert sink.names() == (["initialize"] if what == "initialize" else ["initialize", "a", "finalize"])
    assert not report.is_finalized
    assert report.reason == f"{what}: no such project"


def test_a_hanging_call_is_abandoned(tmp_path: Path) -> None:
    """The sink is called no more, the others are not held up, and all that it lacks is kept."""

    class Impatient(Recorder):
        call_limit_s = 2.0

    release = threading.Event()
    hanging, healthy = Impatient({"name": "hanging"}), Recorder({"name": "healthy"})
    hanging.plans = {"result": [fine, lambda: release.wait(LONG_S)]}
    made = dispatcher(tmp_path, hanging, healthy)
    for name in ("a", "b", "c"):
        made.submit(result_of(name))
    first, second = made.close()
    assert (first.delivered, first.kept, first.is_finalized) == (1, ("b", "c"), False)
    assert first.reason is not None
    assert first.reason.startswith("process_result: no sign of life for ")
    assert second == SinkReport(name="healthy", delivered=3)
    release.set()  # the call returns late: nothing more may come of it
    for thread in threading.enumerate():
        if thread.name == "sink-hanging":
            thread.join(LONG_S)
            assert not thread.is_alive()
    assert hanging.names() == ["initialize", "a", "b"]


def test_a_hang_is_noticed_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only at the end: a sink that hangs is out when the next thing happens."""
    sink, release = Recorder({}), threading.Event()
    sink.plans = {"result": [lambda: release.wait(LONG_S)]}
    made = dispatcher(tmp_path, sink)
    made.submit(result_of("a"))
    sink.wait_for(2)
    monkeypatch.setattr(Recorder, "call_limit_s", 0.05)
    release.wait(0.2)
    made.entry_started("b")
    release.set()
    made.submit(result_of("b"))
    (report,) = made.close()
    assert "b" not in sink.names()
    assert "b" in report.kept


def test_progress_prolongs_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long call that says that it moves on is not taken for one that hangs."""
    monkeypatch.setattr(Recorder, "call_limit_s", 60.0)
    passed_s = 0.0
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed_s)
    monkeypatch.setattr(worker_module, "time", clock)
    sink = Recorder({})

    def upload() -> None:
        nonlocal passed_s
        for _ in range(5):
            passed_s += 30
            sink.report_progress()

    sink.plans = {"finalize": [upload]}
    assert deliver(tmp_path, sink, "a", patience_s=60.0).is_complete


def test_progress_does_not_go_on_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit even so."""
    monkeypatch.setattr(worker_module, "LONGEST_CALL_S", 0.5)
    sink, stop = Recorder({}), threading.Event()

    def upload() -> None:
        while not stop.wait(0.02):
            sink.report_progress()

    sink.plans = {"finalize": [upload]}
    report = deliver(tmp_path, sink, "a")
    stop.set()
    assert not report.is_finalized


def test_the_pause_that_a_service_asks_for(tmp_path: Path) -> None:
    """It is kept, however often the service asks for it, and everything arrives."""
    sink = Recorder({})
    sink.plans = {"result": [fail(TransientSinkError("busy", retry_after_s=0.05)) for _ in range(6)]}
    assert deliver(tmp_path, sink, "a", "b").is_complete
    assert len(sink.names()) == 1 + 6 + 2 + 1


@pytest.mark.parametrize("pause_s", [3600.0, float("inf")])
def test_a_pause_longer_than_there_is_time(tmp_path: Path, pause_s: float) -> None:
    """The service is left alone, finalize included, and the session ends without waiting for it."""
    sink = Recorder({})
    sink.plans = {"result": [fail(TransientSinkError("busy", retry_after_s=pause_s))]}
    made = dispatcher(tmp_path, sink, patience_s=15.0)
    made.submit(result_of("a"))
    sink.wait_for(2)
    made.submit(result_of("b"))
    (report,) = made.close()
    assert sink.names() == ["initialize", "a"]
    assert report.kept == ("a", "b")


def test_failures_wait_for_their_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that failed is not asked again for each new result, but at the end it is."""
    monkeypatch.setattr(worker_module, "FIRST_PAUSE_S", 3600.0)
    sink = Recorder({})
    sink.plans = {"result": [fail(OSError("down"))]}
    made = dispatcher(tmp_path, sink)
    made.submit(result_of("a"))
    sink.wait_for(2)
    for name in ("b", "c"):
        made.entry_started(name)
        made.submit(result_of(name))
    assert sink.names() == ["initialize", "a"]
    (report,) = made.close()
    assert report.is_complete
    # What began in the meantime is old news.
    assert [name for name in sink.names() if not name.startswith(">")] == [*sink.names()[:2], "a", "b", "c", "finalize"]


def test_nothing_is_delivered_behind_finalize(tmp_path: Path) -> None:
    """What still fails at the end is left to a replay, whatever finalize does."""
    sink = Recorder({})
    sink.plans = {"result": [fail(OSError("down")) for _ in range(1000)]}
    made = dispatcher(tmp_path, sink)
    made.submit(result_of("a"))
    sink.wait_for(2)
    (report,) = made.close()
    assert (report.kept, report.is_finalized) == (("a",), True)
    assert sink.names()[-1] == "finalize"


def test_the_begin_waits_for_sinks_to_get_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that loading their libraries disturbs no benchmark; but not for one that hangs, and not after a failure."""
    ready, slow, broken, hanging = (Recorder({"name": name}) for name in ("ready", "slow", "broken", "hanging"))
    release = threading.Event()
    done: list[str] = []
    slow.plans = {"initialize": [lambda: done.append(f"slow {release.wait(0.3)}")]}
    broken.plans = {"initialize": [fail(PermanentSinkError("no"))]}
    first = dispatcher(tmp_path, ready, slow, broken)
    assert done == ["slow False"]
    first.close()
    monkeypatch.setattr(dispatch_module, "START_LIMIT_S", 0.1)
    hanging.plans = {"initialize": [lambda: release.wait(LONG_S)]}
    second = dispatcher(tmp_path, hanging)
    release.set()
    assert all(report.is_complete for report in second.close())


def test_no_call_during_a_measurement(tmp_path: Path) -> None:
    """What is due waits for its end, retries too; entries that start are shown, and another sink works on."""
    quiet, live = Recorder({"name": "quiet"}), Recorder({"name": "live"})
    live.deliver = "during"
    quiet.plans = {"result": [fail(OSError("down"))]}
    made = dispatcher(tmp_path, quiet, live)
    made.submit(result_of("a"))
    quiet.wait_for(2)
    made.pause()
    made.submit(result_of("b"))
    live.wait_for(3)
    assert quiet.names() == ["initialize", "a"]
    made.resume()
    quiet.wait_for(4)
    made.pause()
    made.entry_started("c")
    quiet.wait_for(5)
    made.submit(result_of("c"))
    live.wait_for(5)
    assert quiet.names() == ["initialize", "a", "a", "b", ">c"]
    assert [report.delivered for report in made.close()] == [3, 3]  # the end of the session ends the pause


def test_a_measurement_waits_for_calls_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as they report progress; for one that hangs it waits a moment, and only once."""
    monkeypatch.setattr(dispatch_module, "PAUSE_LIMIT_S", 0.5)
    sink, release = Recorder({}), threading.Event()
    ended: list[str] = []

    def work() -> None:
        for _ in range(10):
            time.sleep(0.1)
            sink.report_progress()
        ended.append("a")

    sink.plans = {"result": [work, lambda: release.wait(LONG_S)]}
    made = dispatcher(tmp_path, sink)
    made.submit(result_of("a"))
    sink.wait_for(2)
    made.pause()
    assert ended == ["a"]
    made.submit(result_of("b"))
    made.resume()
    sink.wait_for(3)
    waited_s = []
    for _ in range(2):
        begun = time.monotonic()
        made.pause()
        waited_s.append(time.monotonic() - begun)
    release.set()
    assert waited_s[0] >= 0.5
    assert waited_s[1] < 0.5
    assert made.close()[0].is_complete


def names_of_frames(thread: int | None) -> list[str]:
    """The functions that a thread is in."""
    frame = sys._current_frames().get(thread or 0)
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def test_ctrl_c_ends_the_waiting(tmp_path: Path) -> None:
    """What is left is kept, as if the sink had hung."""
    sink, release = Recorder({}), threading.Event()

    def interrupt() -> None:
        while "wait_closed" not in names_of_frames(threading.main_thread().ident):
            release.wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        release.wait(LONG_S)

    sink.plans = {"result": [interrupt]}
    made = dispatcher(tmp_path, sink)
    made.submit(result_of("a"))
    try:
        (report,) = made.close()
    finally:
        release.set()
    assert (report.kept, report.reason) == (("a",), "interrupted from the keyboard")


def test_no_room_for_the_spool(tmp_path: Path) -> None:
    """A sink whose directory can't be made is out, and says why; nothing else is disturbed."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/sinks").write_text("in the way")
    report = deliver(tmp_path, Recorder({}), "a")
    assert report.kept == ("a",)
    assert report.reason is not None
    assert report.reason.startswith("cannot write in ")


def test_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However often a sink fails, one line is logged, and it holds no secret."""
    sink = Recorder({})
    sink.plans = {"result": [fail(OSError(SECRET)) for _ in range(3)]}
    deliver(tmp_path, sink, "a", "b")
    assert [record.getMessage() for record in caplog.records] == ["sink recorder: process_result: OSError: ***"]


def test_delivery_keys() -> None:
    """Equal for the same result wherever it comes from; different for another start, entry, session or failure."""
    result = result_of("a")
    assert delivery_key(result) == delivery_key(json.loads(json.dumps(result)))
    assert delivery_key({**result, "warnings": ["later"], "entry_dir": "/moved"}) == delivery_key(result)
    never = [
        result_of("a", started_at=None, status=status, error=error)
        for status, error in (("error", "x"), ("error", "y"), ("skipped", "x"))
    ]
    others = [result_of("b"), result_of("a", session_name="t"), result_of("a", started_at="2026-01-23T14:31:00+00:00")]
    keys = {delivery_key(other) for other in (result, *others, *never)}
    assert len(keys) == 7
    assert all(len(key) == 32 and key.isalnum() and key.isascii() for key in keys)
