# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Slack's messages: what they say, and that nothing gets them beyond Slack's limits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_curator_bench.sinks.slack.messages import (
    EntryLine,
    MessageStyle,
    SessionView,
    entry_message,
    is_notable,
    summary_message,
)
from pytest_curator_bench.sinks.slack.text import code, escape, fit, link, size
from tests.support.sinks import result_of
from tests.support.slack_server import problem_of_message

STYLE = MessageStyle(viewer_url="https://viewer/s", session_dir="/results/s")


def text_of(message: dict[str, Any]) -> str:
    """All that people read, a line a block."""
    lines = []
    for block in message["blocks"]:
        lines += [element["text"] for element in block.get("elements", [block.get("text")])]
    return "\n".join(line if isinstance(line, str) else line["text"] for line in lines)


def mentions(message: dict[str, Any]) -> list[str]:
    """Whom a message would notify; headers are no mrkdwn."""
    bodies = [block for block in message["blocks"] if block["type"] != "header"]
    return re.findall("<[!@#]", text_of({"blocks": bodies}) + message["text"])


def test_a_failure() -> None:
    """Status, owners, misses with their margins, metrics with their change, warnings, log and viewer."""
    result = result_of(
        "dedup",
        status="failed",
        reason="requirements",
        requirements=[
            {"metric": "rate", "met": False, "sentence": "rate = 2.5, must be at least 3 (16.7 % too low)"},
            {"metric": "n", "met": False, "actual": 3, "bound": "at most 2", "margin_percent": -50.0},
            {"metric": "ok", "met": True, "sentence": "ok = 1"},
        ],
        warnings=["it was\n  odd"],
        error="rate = 2.5, must be at least 3 (16.7 % too low)",
        sink_data={
            "slack": {"additional_metrics": ["nested.count", "nowhere"], "ping_on_failure": ["U1", "S2", "x<y"]}
        },
    )
    result["comparison"] = {
        "against": "baseline",
        "changes": {
            "exec_time_s": {"verdict": "better", "usual": 2.0, "now": 1.5, "change": -0.25, "noise": 0.033},
            "nested.count": {"verdict": "usual", "usual": 3, "now": 3, "change": 0.0, "noise": None},
            "rate_per_sec": {"verdict": "worse?", "usual": 3.33, "now": 2.5, "change": -0.25, "noise": None},
        },
    }
    message = entry_message(result, STYLE)
    assert text_of(message).split("\n") == [
        ":x: *`dedup`* failed (requirements)",
        "<@U1> <!subteam^S2> x&lt;y",
        ":small_red_triangle_down: rate = 2.5, must be at least 3 (16.7 % too low)",
        ":small_red_triangle_down: n = 3, must be at most 2 (-50 %)",
        "• exec_time_s = 1.5 ▼ -25.0 % (better, noise ±3.3 %)",
        "• nested.count = 3 (as usual)",
        "• rate_per_sec = 2.5 ▼ -25.0 % (worse?, noise unknown)",
        ":warning: it was odd",
        "`/results/s/dedup/stdouterr.log`",
        "<https://viewer/s|viewer>",
        "▲▼ against what is usual",
    ]
    assert message["text"] == "`dedup` failed (requirements)"
    assert problem_of_message(message) is None


def test_an_error_is_quoted_and_cut() -> None:
    """Its beginning in a frame that it can't leave, and where the rest is."""
    message = entry_message(result_of(status="error", error="```\nfirst & <!channel>\n" + "x" * 5000), STYLE)
    (quoted,) = [block["text"]["text"] for block in message["blocks"] if "first" in str(block)]
    assert quoted.startswith("```\n\u02cb\u02cb\u02cb\nfirst &amp; &lt;!channel&gt;\nxxx")
    assert quoted.endswith("…\n```\n_more: `/results/s/a/stdouterr.log`_")
    assert 1500 < len(quoted) < 1700


def test_pings() -> None:
    """Only for failures that may be an owner's doing, and only if they are switched on."""
    owners = {"slack": {"ping_on_failure": ["U022P8CDX40"]}}
    for status, expected in {
        "failed": True,
        "timeout": True,
        "error": True,
        "passed": False,
        "interrupted": False,
    }.items():
        result = result_of(status=status, sink_data=owners)
        assert ("<@U022P8CDX40>" in text_of(entry_message(result, STYLE))) is expected
        assert "<@" not in text_of(entry_message(result, MessageStyle(ping=False)))


def test_wrong_settings_of_an_entry_are_told() -> None:
    """In its own message, with the nearest key; what is right is used."""
    data = {"slack": {"aditional_metrics": ["x"], "ping_on_failure": ["U1", 2]}}
    text = text_of(entry_message(result_of(status="failed", sink_data=data), STYLE))
    assert "unknown key 'aditional_metrics'; did you mean 'additional_metrics'?" in text
    assert "ping_on_failure: expected a list of texts" in text
    assert "<@U1>" in text
    assert "no mapping" in text_of(entry_message(result_of(sink_data={"slack": 3}), STYLE))


def test_a_summary() -> None:
    """Counts, what runs, what is missing at the end, failures first, the others in their order."""
    lines = (
        EntryLine(name="a", status="passed", metrics="exec_time_s = 1.5"),
        EntryLine(name="b", status="passed", warnings=2),
        EntryLine(name="c", status="failed", reason="exit-code"),
    )
    view = SessionView(name="s", entries=("b", "a", "c", "d"), running=("d",), lines=lines, facts=("to see",))
    assert text_of(summary_message(view, STYLE)).split("\n") == [
        "s: running",
        ":x: *3 of 4 benchmarks done: 2 passed, 1 failed*",
        "running: `d`",
        ":x: `c` · failed (exit-code)",
        ":white_check_mark: `b` · :warning: 2",
        ":white_check_mark: `a` · exec_time_s = 1.5",
        "to see",
        "<https://viewer/s|viewer>",
        "`/results/s`",
    ]
    over = SessionView(name="s", is_over=True, entries=("a", "d"), lines=lines[:1])
    text = text_of(summary_message(over, STYLE))
    assert text.startswith(
        "s: finished\n:white_check_mark: *1 of 2 benchmarks done: 1 passed*\n:warning: without a result: `d`"
    )


@pytest.mark.parametrize("length", [1, 60, 900])
def test_a_summary_of_thousands(length: int) -> None:
    """As many as fit, failures first; the others are counted, and it says where they are."""
    lines = tuple(
        EntryLine(
            name=f"{number:05}" + "n" * length, status="failed" if number == 4999 else "passed", metrics="<&>" * length
        )
        for number in range(5000)
    )
    message = summary_message(SessionView(name="s", lines=lines), STYLE)
    assert problem_of_message(message) is None
    text = text_of(message)
    (more,) = re.findall(r"_… and (\d+) more: <https://viewer/s\|viewer>_", text)
    assert text.count(":white_check_mark:") + 1 + int(more) == 5000
    assert text.index("`04999") < text.index("`00000")
    assert size(json.dumps(message["blocks"], ensure_ascii=False)) > 9000


def test_what_is_notable() -> None:
    """Failures, interruptions and warnings."""
    assert not is_notable(result_of())
    assert not is_notable(result_of(status="skipped"))
    assert is_notable(result_of(warnings=["odd"]))
    assert is_notable(result_of(status="interrupted"))
    assert is_notable(result_of(sink_data={"slack": {"ping": ["U1"]}}))
    assert not is_notable(result_of(sink_data={"slack": {"ping_on_failure": ["U1"]}}))


def test_texts() -> None:
    """Cut by Slack's count and never within an entity; escaped; links only to the web."""
    assert (fit("abcdef", 6), fit("abcdefg", 6)) == ("abcdef", "abcde…")
    assert [fit("ab&lt;cd", limit) for limit in (8, 7, 6, 4)] == ["ab&lt;cd", "ab&lt;…", "ab…", "ab…"]
    assert fit("😀😀😀", 5) == "😀😀…"
    assert escape("<!here> & \x00\ud800\n") == "&lt;!here&gt; &amp; \\x00\\ud800\n"
    assert code("a`b\nc") == "`a\u02cbb c`"
    assert code("") == "` `"
    assert link("https://h/?a=1&b", "x") == "<https://h/?a=1&amp;b|x>"
    for bad in ("javascript:x", "https://h/|y", "https://h/>", "https://h/ <!here>"):
        assert "<" not in link(bad, "x")


FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=8),
    max_leaves=20,
)
hostile = st.sampled_from(["<!channel>", "<@U1>", "&lt;", "`", "\n", '"\\', "😀", "x" * 4000, "\x00", "\ud800", "*_~"])
text = st.lists(hostile | st.text(max_size=20), max_size=12).map("".join)
results = st.fixed_dictionaries(
    {},
    optional={
        "name": text | plain,
        "status": st.sampled_from(["passed", "failed", "error"]) | text | plain,
        "reason": text | plain,
        "error": text | plain,
        "warnings": st.lists(text, max_size=60) | plain,
        "requirements": st.lists(
            st.fixed_dictionaries(
                {"met": st.booleans()}, optional={"sentence": text, "margin_percent": plain, "metric": plain}
            ),
            max_size=60,
        )
        | plain,
        "script_metrics": st.dictionaries(text, plain, max_size=20) | plain,
        "task_metrics": plain,
        "exec_time_s": plain,
        "resources": plain,
        "stdouterr_file": text | plain,
        "started_at": plain,
        "comparison": plain
        | st.fixed_dictionaries(
            {"against": text, "differences": st.lists(text) | plain},
            optional={
                "changes": st.dictionaries(
                    text,
                    plain
                    | st.fixed_dictionaries({"verdict": text | st.just("worse"), "change": plain, "noise": plain}),
                    max_size=5,
                )
            },
        ),
        "sink_data": plain
        | st.fixed_dictionaries(
            {
                "slack": st.dictionaries(
                    st.sampled_from(["additional_metrics", "ping_on_failure", "x"]), st.lists(text) | plain
                )
            }
        ),
    },
)
looks = st.builds(
    MessageStyle,
    default_metrics=st.lists(text, max_size=30).map(tuple),
    ping=st.just(False),
    viewer_url=st.none() | text | st.just("https://viewer/s"),
    session_dir=text,
)


@FEW
@given(results, looks)
def test_any_result(result: dict[str, Any], style: MessageStyle) -> None:
    """Whatever a result holds: a message within the limits, that mentions nobody."""
    assert is_notable(result) in {True, False}
    message = entry_message(result, style)
    assert problem_of_message(message) is None
    assert not mentions(message)


@FEW
@given(st.lists(results, max_size=20), looks, st.lists(text, max_size=60), text)
def test_any_session(ended: list[dict[str, Any]], style: MessageStyle, names: list[str], name: str) -> None:
    """The same for summaries."""
    view = SessionView(
        name=name,
        entries=tuple(names),
        running=tuple(names[::2]),
        lines=tuple(EntryLine.of(result, style) for result in ended),
        facts=tuple(names),
    )
    message = summary_message(view, style)
    assert problem_of_message(message) is None
    assert not mentions(message)
