# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink slack, against a Slack on loopback: exactly one delivery, whatever happens on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.delivery import worker as worker_module
from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, SinkReport
from pytest_curator_bench.sinks import SinkConfigError
from pytest_curator_bench.sinks.slack import client as slack_client
from pytest_curator_bench.sinks.slack import sink as slack_module
from pytest_curator_bench.sinks.slack.sink import SlackSink
from tests.support.sinks import env_data_of, result_of
from tests.support.slack_server import CHANNEL, CONVERSATION, HOOK, PERSON, TOKEN, Slack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Until what is awaited must have happened, in seconds.
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def _short_times(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_module, "FIRST_LAST_PAUSE_S", 0.01)
    hangs = "hang" in request.node.name
    monkeypatch.setattr(slack_client, "REQUEST_TIMEOUT_S", 2 if hangs else 60)
    monkeypatch.setattr(slack_module, "UPDATE_INTERVAL_S", 0.05)


class Session:
    """The sink in a session, through the dispatcher."""

    def __init__(
        self,
        tmp_path: Path,
        slack: Slack,
        run_id: str = "r",
        of_session: str | None = "https://viewer/s",
        **settings: Any,
    ) -> None:
        self.dir = tmp_path / "s"
        self.dir.mkdir(exist_ok=True)
        config = {"name": "slack", "bot_token": TOKEN, "channel_id": CHANNEL, "api_url": slack.api_url, **settings}
        sink = SlackSink({key: value for key, value in config.items() if value is not None})
        sink.name = "slack"
        env_data = {**env_data_of(self.dir), "entries": ["a", "b"], "run_id": run_id, "viewer_url": of_session}
        masker = Masker([TOKEN, slack.hook_url])
        self.dispatcher = SinkDispatcher([sink], self.dir, env_data, masker, patience_s=60)
        self.dispatcher.open()

    def close(self, *results: dict[str, Any]) -> SinkReport:
        """Deliver, and end."""
        for result in results:
            self.dispatcher.submit(result)
        (report,) = self.dispatcher.close()
        assert "planted" not in str(report.reason)
        return report


def webhook(slack: Slack) -> dict[str, Any]:
    """Settings for the incoming webhook."""
    return {"webhook_url": slack.hook_url, "bot_token": None, "channel_id": None}


def told(message: dict[str, Any]) -> str:
    """All text of a message."""
    return json.dumps(message["blocks"], ensure_ascii=False)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check_one_of_each(slack: Slack) -> None:
    """One summary, finished and complete, and a reply in its thread for each of a (passed) and b (failed)."""
    (summary,) = slack.summaries
    assert "s: finished" in told(summary)
    assert ":x: *2 of 2 benchmarks done: 1 passed, 1 failed*" in told(summary)
    assert sorted(reply["text"] for reply in slack.replies) == ["`a` passed", "`b` failed (exit-code)"]
    assert {reply["thread_ts"] for reply in slack.replies} == {summary["ts"]}


A, B = result_of("a"), result_of("b", status="failed", reason="exit-code")


def test_a_session(tmp_path: Path, slack: Slack) -> None:
    """One message, a reply for each result, and nothing else."""
    report = Session(tmp_path, slack).close(A, B)
    assert report == SinkReport(name="slack", delivered=2)
    check_one_of_each(slack)
    assert set(slack.calls) == {"chat.postMessage", "chat.update"}


def test_direct_messages(tmp_path: Path, slack: Slack) -> None:
    """A person's conversation with the bot is opened first, and found again by a later run of the session."""
    session = Session(tmp_path, slack, channel_id=PERSON)
    assert slack.calls == []
    session.dispatcher.entry_started("a")
    wait_for(lambda: slack.summaries)
    assert session.close(A) == SinkReport(name="slack", delivered=1)
    assert slack.calls[:2] == ["conversations.open", "chat.postMessage"]
    assert Session(tmp_path, slack, "later", channel_id=PERSON).close(B).is_complete
    assert slack.calls.count("conversations.open") == 1
    assert {message["channel"] for message in slack.messages.values()} == {CONVERSATION}
    check_one_of_each(slack)


def test_direct_messages_without_the_scope(tmp_path: Path, slack: Slack) -> None:
    """An app that may only write posts to the person's ID, and the answer names the conversation."""
    slack.scopes = set()
    assert Session(tmp_path, slack, channel_id=PERSON).close(A).is_complete
    assert Session(tmp_path, slack, "later", channel_id=PERSON).close(B).is_complete
    assert slack.calls.count("conversations.open") == 1
    check_one_of_each(slack)


def test_a_lost_direct_message(tmp_path: Path, slack: Slack) -> None:
    """It is looked for in the conversation before it is sent again."""
    slack.faults = [("take",), ("take and reset",)]
    assert Session(tmp_path, slack, channel_id=PERSON).close(A, B).is_complete
    assert "conversations.history" in slack.calls
    check_one_of_each(slack)


def test_a_person_who_is_not_there(tmp_path: Path, slack: Slack) -> None:
    """What Slack says is told with what to do."""
    report = Session(tmp_path, slack, channel_id="U0000000000").close(A)
    assert "user_not_found: check channel_id" in str(report.reason)
    assert slack.messages == {}


@pytest.mark.parametrize(("of_session", "shown"), [("https://viewer/s", "https://viewer/s"), (None, "https://own/")])
def test_a_link_of_the_sink(tmp_path: Path, slack: Slack, of_session: str | None, shown: str) -> None:
    """The sink's link is shown where the session has none."""
    assert Session(tmp_path, slack, of_session=of_session, viewer_url="https://own/").close(A).is_complete
    assert f"<{shown}|viewer>" in told(slack.summaries[0])


def test_live_updates(tmp_path: Path, slack: Slack) -> None:
    """The summary shows what runs and what has ended, while other entries still run."""
    session = Session(tmp_path, slack)
    session.dispatcher.entry_started("a")
    wait_for(lambda: slack.summaries and "running: `a`" in told(slack.summaries[0]))
    session.dispatcher.submit(A)
    session.dispatcher.entry_started("b")
    wait_for(lambda: "running: `b`" in told(slack.summaries[0]) and "1 of 2" in told(slack.summaries[0]))
    assert session.close(B).is_complete
    check_one_of_each(slack)


def test_not_too_many_live_updates(tmp_path: Path, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of entries that follow each other fast, some are not shown while they run; the end shows all."""
    monkeypatch.setattr(slack_module, "UPDATE_INTERVAL_S", 3600.0)
    monkeypatch.setattr(slack_module, "MAX_UPDATES_AT_ONCE", 3)
    session = Session(tmp_path, slack, thread_replies_for_failures_or_warnings_only=True)
    for number in range(20):
        session.dispatcher.entry_started(f"e{number}")
        session.dispatcher.submit(result_of(f"e{number}"))
    assert session.close().is_complete
    assert slack.calls.count("chat.update") <= 3
    assert "20 of 22 benchmarks done" in told(slack.summaries[0])


def test_no_live_updates(tmp_path: Path, slack: Slack) -> None:
    """It is posted when the first reply needs it, and changed once, at the end."""
    session = Session(tmp_path, slack, live_updates=False)
    session.dispatcher.entry_started("a")
    assert session.close(A, B).is_complete
    check_one_of_each(slack)
    assert slack.calls == ["chat.postMessage"] * 3 + ["chat.update"]


def test_replies_for_failures_and_warnings_only(tmp_path: Path, slack: Slack) -> None:
    """What passed is told by the summary."""
    odd = result_of("odd", warnings=["it was odd"])
    assert Session(tmp_path, slack, thread_replies_for_failures_or_warnings_only=True).close(A, odd, B).is_complete
    assert [reply["text"] for reply in slack.replies] == ["`odd` passed", "`b` failed (exit-code)"]
    assert "3 of 3 benchmarks done" in told(slack.summaries[0])


FAULTS: list[tuple[Any, ...]] = [
    (429, ("Retry-After", "0")),
    (429, ("Retry-After", "1")),
    ("ratelimited",),
    ("internal_error",),
    (500,),
    (503,),
    ("reset",),
    ("hang",),
    ("take and reset",),
    ("take and hang",),
    ("take and close early",),
    ("take and garbage",),
    ("take and 500",),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_one_delivery_in_every_case(tmp_path: Path, slack: Slack, fault: tuple[Any, ...], place: int) -> None:
    """Trouble with the first, second, third and last request: everything arrives, each message once."""
    slack.faults = [*[("take",)] * place, fault]
    report = Session(tmp_path, slack, live_updates=False).close(A, B)
    assert (report.is_complete, report.delivered) == (True, 2)
    assert slack.faults == []
    check_one_of_each(slack)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_trouble_with_live_updates(tmp_path: Path, slack: Slack, fault: tuple[Any, ...]) -> None:
    """The same where the first message is posted by a live update, and updates go wrong."""
    slack.faults = [fault, fault, ("take",), fault]
    session = Session(tmp_path, slack)
    session.dispatcher.entry_started("a")
    session.dispatcher.submit(A)
    session.dispatcher.submit(B)
    wait_for(lambda: len(slack.replies) == 2)
    assert session.close().is_complete
    check_one_of_each(slack)


def test_many_faults_one_after_another(tmp_path: Path, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of all requests go wrong."""
    monkeypatch.setattr(slack_client, "REQUEST_TIMEOUT_S", 2)
    slack.faults = [fault for taken in FAULTS for fault in (taken, ("take",), ("take",))]
    session = Session(tmp_path, slack, live_updates=False)
    results = [result_of(f"e{number}") for number in range(20)]
    report = session.close(*results)
    assert (report.is_complete, report.delivered) == (True, 20)
    assert sorted(reply["text"] for reply in slack.replies) == sorted(f"`e{number}` passed" for number in range(20))
    assert len(slack.summaries) == 1


def test_retry_after_is_obeyed(tmp_path: Path, slack: Slack) -> None:
    """By live updates, too: nothing at all is asked before the time is over."""
    slack.faults = [(429, ("Retry-After", "2"))]
    session = Session(tmp_path, slack)
    session.dispatcher.entry_started("a")
    wait_for(lambda: slack.calls)
    session.dispatcher.entry_started("b")
    assert session.close(A, B).is_complete
    assert slack.times[1] - slack.times[0] >= 1.9
    check_one_of_each(slack)


def test_a_token_that_may_not_read(tmp_path: Path, slack: Slack) -> None:
    """What was lost on the way can't be looked for: it is sent again."""
    slack.scopes.clear()
    slack.faults = [("take",), ("reset",)]
    assert Session(tmp_path, slack, live_updates=False).close(A, B).is_complete
    check_one_of_each(slack)


def test_a_message_on_a_later_page(tmp_path: Path, slack: Slack) -> None:
    """Others write, too: the message whose answer got lost is found behind theirs."""
    slack.page_size = 1
    slack.faults = [("take and reset",), ("service_unavailable",)]
    session = Session(tmp_path, slack, live_updates=False)
    session.dispatcher.submit(A)
    wait_for(lambda: slack.summaries)
    with slack.lock:
        later = {"channel": CHANNEL, "text": "hello", "metadata": {}, "ts": f"{time.time() + 60:.6f}", "edits": 0}
        slack.messages[str(later["ts"])] = {**later, "blocks": []}
    assert session.close(B).is_complete
    assert [message["text"] == "hello" for message in slack.summaries] == [False, True]
    assert len(slack.replies) == 2


@pytest.mark.parametrize("code", ["invalid_auth", "not_in_channel", "is_archived", "msg_blocks_too_long"])
def test_what_does_not_pass_is_kept(tmp_path: Path, slack: Slack, code: str) -> None:
    """It is not repeated in this run, what to do is told, and a replay delivers all."""
    slack.faults = [(code,)] * 10
    report = Session(tmp_path, slack, live_updates=False).close(A, B)
    assert (report.kept, report.delivered, report.is_finalized) == (("a", "b"), 0, False)
    assert f"Slack answered {code}" in str(report.reason)
    assert len(slack.calls) == 3
    slack.faults = []
    assert Session(tmp_path, slack).close(A, B).is_complete
    check_one_of_each(slack)


def test_delivering_twice_changes_nothing(tmp_path: Path, slack: Slack) -> None:
    """Another process with the same results: no further message."""
    assert Session(tmp_path, slack).close(A, B).is_complete
    before = list(slack.messages)
    assert Session(tmp_path, slack).close(A, B).is_complete
    assert list(slack.messages) == before
    check_one_of_each(slack)


def test_a_process_that_died_while_sending(tmp_path: Path, slack: Slack) -> None:
    """Its notes say that the messages were on their way: they are found, and not sent again."""
    assert Session(tmp_path, slack).close(A, B).is_complete
    for file in (tmp_path / "s" / "sinks" / "slack" / "state" / "messages").iterdir():
        file.write_text(json.dumps({**json.loads(file.read_text()), "ts": None, "is_sent": False}))
    assert Session(tmp_path, slack).close(A, B).is_complete
    check_one_of_each(slack)


def test_a_deleted_message(tmp_path: Path, slack: Slack) -> None:
    """Somebody deletes the summary in the midst: a new one is posted, and the rest goes on there."""
    session = Session(tmp_path, slack, live_updates=False)
    session.dispatcher.submit(A)
    wait_for(lambda: slack.replies)
    with slack.lock:
        slack.messages.clear()
    assert session.close(B).is_complete
    (summary,) = slack.summaries
    assert "2 of 2 benchmarks done" in told(summary)
    assert [(reply["text"], reply["thread_ts"]) for reply in slack.replies] == [
        ("`b` failed (exit-code)", summary["ts"])
    ]


def test_runs_that_share_a_message(tmp_path: Path, slack: Slack) -> None:
    """Four runs of one session begin at once: one message, which tells of all of them."""
    sessions = [Session(tmp_path, slack, run_id=f"r{number}") for number in range(4)]
    reports: list[SinkReport] = []

    def run(number: int) -> None:
        sessions[number].dispatcher.entry_started(f"e{number}")
        reports.append(sessions[number].close(result_of(f"e{number}")))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [report.is_complete for report in reports] == [True] * 4
    (summary,) = slack.summaries
    assert "4 of 6 benchmarks done: 4 passed" in told(summary)
    assert len(slack.replies) == 4


# --- the incoming webhook ---


def test_a_webhook(tmp_path: Path, slack: Slack) -> None:
    """A message for the failure, and the summary at the end; again the same: nothing more."""
    for _ in range(2):
        assert Session(tmp_path, slack, **webhook(slack)).close(A, B).is_complete
        assert [message["text"] for message in slack.hooked] == [
            "`b` failed (exit-code)",
            "s: 2 of 2 benchmarks done: 1 passed, 1 failed",
        ]
    assert set(slack.calls) == {"hook"}


def test_a_webhook_for_every_result(tmp_path: Path, slack: Slack) -> None:
    """If one asks for it."""
    settings = {**webhook(slack), "thread_replies_for_failures_or_warnings_only": False}
    assert Session(tmp_path, slack, **settings).close(A, B).is_complete
    assert [message["text"] for message in slack.hooked[:-1]] == ["`a` passed", "`b` failed (exit-code)"]


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if isinstance(fault[0], int) or fault[0] in {"reset", "hang"}], ids=str
)
def test_a_webhook_in_trouble(tmp_path: Path, slack: Slack, fault: tuple[Any, ...]) -> None:
    """Whatever it doesn't take, it is given again, once."""
    slack.faults = [fault, ("take",), fault]
    assert Session(tmp_path, slack, **webhook(slack)).close(A, B).is_complete
    assert [message["text"][:6] for message in slack.hooked] == ["`b` fa", "s: 2 o"]


def test_a_webhook_whose_answer_got_lost(tmp_path: Path, slack: Slack) -> None:
    """Nobody can ask it what has arrived: twice is better than never."""
    slack.faults = [("take and reset",)]
    assert Session(tmp_path, slack, **webhook(slack)).close(A, B).is_complete
    assert [message["text"][:6] for message in slack.hooked] == ["`b` fa", "`b` fa", "s: 2 o"]


def test_a_webhook_that_was_removed(tmp_path: Path, slack: Slack) -> None:
    """The failure is kept; its URL is told nowhere."""
    slack.faults = [(404,), (404,)]
    report = Session(tmp_path, slack, **webhook(slack)).close(A, B)
    assert (report.kept, report.is_finalized) == (("b",), False)
    assert "Slack answered with status 404" in str(report.reason)


# --- settings ---


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({}, ["bot_token", "channel_id"]),
        ({"bot_token": TOKEN}, ["channel_id"]),
        ({"bot_token": TOKEN, "channel_id": "#nightly"}, ["channel_id"]),
        ({"bot_token": "planted", "channel_id": CHANNEL}, ["bot_token"]),
        ({"bot_token": TOKEN, "channel_id": CHANNEL, "api_url": "slack.com"}, ["api_url"]),
        ({"webhook_url": "planted"}, ["webhook_url"]),
        ({"webhook_url": "https://h/x", "bot_token": TOKEN, "channel_id": CHANNEL}, ["bot_token", "channel_id"]),
        ({"webhook_url": "https://h/x", "live_updates": True}, ["live_updates"]),
        ({"webhook_url": "https://h/x", "default_metrics": 3}, ["default_metrics"]),
        ({"webhook_url": "https://h/x", "live_update": True}, ["live_update"]),
    ],
)
def test_wrong_settings(settings: dict[str, Any], keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told by its key, and never with its value."""
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    with pytest.raises(SinkConfigError) as caught:
        SlackSink({"name": "slack", **settings})
    assert [problem[0] for problem in caught.value.problems] == keys
    assert "planted" not in str(caught.value)


def test_the_nightly_settings(tmp_path: Path, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As upstream's config has them: the token comes from the environment."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    nightly: dict[str, Any] = {
        "live_updates": True,
        "thread_replies_for_failures_or_warnings_only": True,
        "default_metrics": ["exec_time_s"],
        "ping_users_on_failure": True,
    }
    owned = {**B, "sink_data": {"slack": {"additional_metrics": ["rate_per_sec"], "ping_on_failure": ["U022P8CDX40"]}}}
    assert Session(tmp_path, slack, bot_token=None, **nightly).close(A, owned).is_complete
    (reply,) = slack.replies
    assert "<@U022P8CDX40>" in told(reply)
    assert "rate_per_sec = 2.5" in told(reply)


def test_slack_sdk_is_loaded_when_it_is_needed() -> None:
    """Checking settings loads nothing of it."""
    code = (
        "import sys; from pytest_curator_bench.sinks.slack.sink import SlackSink\n"
        "SlackSink({'name': 'slack', 'webhook_url': 'https://h/x'})\n"
        "sys.exit('slack_sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_nothing_secret_is_written(tmp_path: Path, slack: Slack, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the session, not in a log of everything."""
    caplog.set_level(0)
    slack.faults = [("reset",), (500,), ("invalid_auth",), ("invalid_auth",)]
    Session(tmp_path, slack).close(A, B)
    slack.faults = [(404,), ("reset",)]
    Session(tmp_path, slack, **webhook(slack)).close(result_of("c", status="error"))
    texts = [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(texts) > 5
    for text in [*texts, caplog.text]:
        assert TOKEN not in text
        assert HOOK not in text
