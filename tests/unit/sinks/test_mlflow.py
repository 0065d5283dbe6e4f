# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the sink mlflow makes of names, texts, results and settings; nothing here needs MLflow."""

from __future__ import annotations

import math
import posixpath
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.sinks import SinkConfigError
from pytest_curator_bench.sinks.mlflow import sink as mlflow_module
from pytest_curator_bench.sinks.mlflow.names import cut, flat_items, unique_keys
from pytest_curator_bench.sinks.mlflow.records import MAX_POINTS, milliseconds, result_record, session_tags
from pytest_curator_bench.sinks.mlflow.sink import MlflowSink
from pytest_curator_bench.sinks.mlflow.store import _batches, resolved_uri
from tests.support.sinks import result_of

NAMES = ["a", "A", "a/b", "a[0]", "a(0)", "a.b", "../a", "a//b", "/a", "", ".", "..", "é", "ü", " a", "a\n", "x" * 251]


@given(st.lists(st.one_of(st.sampled_from(NAMES), st.text(max_size=300)), max_size=30))
def test_keys_are_valid_and_never_shared(names: list[str]) -> None:
    """As MLflow 3.17 checks them; no two are equal but for case, none is another's directory, ever the same."""
    keys = unique_keys(names)
    assert len(keys) == len(names)
    for key in keys:
        assert re.fullmatch(r"[/\w.\- :]{1,250}", key)
        assert posixpath.normpath(key) == key
        assert not key.startswith(("..", "/"))
        assert key != "."
    folded = {key.casefold() for key in keys}
    assert len(folded) == len(keys)
    assert not [key for key in folded for other in folded if other.startswith(f"{key}/")]
    assert unique_keys(names) == keys


def test_a_valid_name_keeps_its_own() -> None:
    """Whoever comes first: the one that is spelled like it."""
    first, second = unique_keys(["rate (s)", "rate _s_"])
    assert second == "rate _s_"
    assert re.fullmatch(r"rate _s__[0-9a-f]{8}", first)
    assert unique_keys(["loss/train", "gpu:0", "p-50.x y"]) == ["loss/train", "gpu:0", "p-50.x y"]


def test_names_that_nesting_makes_equal_are_both_there() -> None:
    """Two metrics with one dotted name are two metrics."""
    assert list(flat_items({"a.b": 1, "a": {"b": 2, "c": [3]}, "d": None})) == [("a.b", 1), ("a.b", 2)]
    record = result_record(result_of(script_metrics={"a.b": 1, "a": {"b": 2}}), None)
    assert sorted(point.value for point in record.points if point.key.startswith("a.b")) == [1, 2]


def test_values() -> None:
    """Flags are 1 and 0, what isn't finite is what it is, texts and what no float holds are tags."""
    metrics = {"yes": True, "no": False, "nan": "NaN", "low": "-Infinity", "text": "fast", "huge": 10**400, "n": None}
    record = result_record(result_of(script_metrics=metrics, resources={"lease": {"cpus": 2}}), None)
    values = {point.key: point.value for point in record.points}
    assert math.isnan(values.pop("nan"))
    assert values == {
        "yes": 1,
        "no": 0,
        "low": -math.inf,
        "exec_time_s": 1.5,
        "timeout_s": 60,
        "resources.lease.cpus": 2,
    }
    assert (record.tags["metric.text"], record.tags["metric.huge"]) == ("fast", str(10**400))
    assert {point.timestamp_ms for point in record.points} == {milliseconds("2026-01-23T14:30:01.5Z")}


def test_a_script_goes_before_us() -> None:
    """A metric's name belongs to the script first, as in requirements; ours stays, under another key."""
    record = result_record(result_of(script_metrics={"exec_time_s": 7}, task_metrics={"exec_time_s": 8}), None)
    values = {point.key: point.value for point in record.points}
    assert values.pop("exec_time_s") == 7
    assert sorted(value for key, value in values.items() if key.startswith("exec_time_s_")) == [1.5, 8]


def test_texts_are_cut_where_mlflow_would() -> None:
    """At 6,000 characters for parameters, 8,000 for tags, and one sees it."""
    record = result_record(result_of(script_params={"p": "x" * 9000, "q": True}, error="y" * 9000), None)
    assert (len(record.params["p"]), record.params["p"][-1], record.params["q"]) == (6000, "…", "true")
    assert len(record.tags["curator_bench.error"]) == 8000
    assert len(record.tags["mlflow.note.content"]) < 8000
    assert cut("abc", 3) == "abc"


def test_requirements_become_tags() -> None:
    """One for each, also where two are of one metric, with the verdict first."""
    requirements: list[dict[str, Any]] = [
        {"metric": "rate", "met": True, "xfail": None, "sentence": "rate is 3, at least 2"},
        {"metric": "rate", "met": False, "xfail": None, "sentence": "rate is 3, at most 2"},
        {"metric": "loss", "met": False, "xfail": "issue 7", "sentence": "loss is 3, at most 2"},
    ]
    tags = result_record(result_of(requirements=requirements, status="failed", reason="requirements"), None).tags
    found = sorted(value for key, value in tags.items() if key.startswith("requirement."))
    assert found == ["known miss: loss is 3, at most 2", "met: rate is 3, at least 2", "missed: rate is 3, at most 2"]
    assert tags["requirement.rate"].startswith("met")
    assert tags["mlflow.note.content"].startswith("**failed** (requirements)\n\n- met: rate")


def test_verdicts_become_tags() -> None:
    """The entry's, and those of metrics that are not as usual."""
    change = {"verdict": "worse", "usual": 2.0, "change": 0.25, "noise": None}
    comparison = {
        "verdict": "worse",
        "differences": [],
        "changes": {"exec_time_s": change, "rate": {**change, "verdict": "usual"}},
    }
    tags = result_record({**result_of(), "comparison": comparison}, None).tags
    assert tags["curator_bench.verdict"] == "worse"
    assert {key: value for key, value in tags.items() if key.startswith("verdict.")} == {
        "verdict.exec_time_s": "worse: +25.0 % of 2, noise unknown"
    }
    comparison = {"verdict": "not comparable", "differences": ["cores: 8 → 4"], "changes": {}}
    tags = result_record({**result_of(), "comparison": comparison}, None).tags
    assert tags["curator_bench.not_comparable"] == "cores: 8 → 4"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("passed", "FINISHED"),
        ("skipped", "FINISHED"),
        ("interrupted", "KILLED"),
        ("failed", "FAILED"),
        ("error", "FAILED"),
    ],
)
def test_statuses(status: str, expected: str) -> None:
    """In MLflow's words."""
    assert result_record(result_of(status=status), None).status == expected


def test_telemetry_becomes_series(tmp_path: Path) -> None:
    """Each column of numbers, with the time of each row; a GPU has its own; torn and empty cells are left out."""
    (tmp_path / "telemetry.csv").write_text(
        "time_utc,elapsed_s,cpu_percent,swap_bytes\n"
        "2026-01-23T14:30:00.250+00:00,0,,0\n"
        "2026-01-23T14:30:01.250+00:00,1,99.5,7\n"
        "no time,1,3,3\n2026-01-23T14:30:0"
    )
    (tmp_path / "gpustats.csv").write_text(
        "timestamp_utc,hostname,gpu_id,memory_used_mb,processes,throttle_reasons\n"
        "2026-01-23T14:30:00Z,1234,0,10,[],\n2026-01-23T14:30:00Z,1234,1,20,[],sw_power_cap\n"
    )
    record = result_record(result_of(script_metrics={"system/cpu_percent": 1}), tmp_path)
    start = milliseconds("2026-01-23T14:30:00Z")
    assert start is not None
    series = {(point.key[:23], point.value, point.timestamp_ms, point.step) for point in record.points[3:]}
    assert series == {
        ("system/swap_bytes", 0, start + 250, 0),
        ("system/swap_bytes", 7, start + 1250, 1),
        ("system_cpu_percent_" + record.points[4].key[19:23], 99.5, start + 1250, 1),
        ("system/gpu_0_memory_use", 10, start, 0),
        ("system/gpu_1_memory_use", 20, start, 0),
    }
    assert record.points[0].key == "system/cpu_percent"


def test_long_telemetry_is_thinned(tmp_path: Path) -> None:
    """To a bearable number of points, spread over the whole run, each with its row's number."""
    rows = "".join(f"2026-01-23T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z,{n}\n" for n in range(5500))
    (tmp_path / "telemetry.csv").write_text(f"time_utc,rss_bytes\n{rows}")
    points = [point for point in result_record(result_of(), tmp_path).points if point.key == "system/rss_bytes"]
    assert MAX_POINTS / 2 < len(points) <= MAX_POINTS
    assert [point.step for point in points] == [int(point.value) for point in points]
    assert points[-1].step > 5490


def test_the_environment_becomes_tags() -> None:
    """Nested, without what isn't the environment's; lists are left to the artifact."""
    facts = {"reason": "nightly", "viewer_url": None, "config_digest": "d", "plugin_version": "1"}
    others = {"entries": ["a"], "session_dir": "/x", "results_dir": "/", "run_id": "r"}
    env_data = {**facts, **others, "hardware": {"cpus": 2, "gpus": []}}
    assert session_tags("s", env_data) == {
        "curator_bench.session": "s",
        "curator_bench.reason": "nightly",
        "curator_bench.config_digest": "d",
        "curator_bench.plugin_version": "1",
        "env.hardware.cpus": "2",
    }


def test_batches() -> None:
    """At most so many, and at most half of what a request may hold, escapes counted."""
    assert [len(batch) for batch in _batches(((str(n), "v") for n in range(250)), 100)] == [100, 100, 50]
    assert [len(batch) for batch in _batches(((str(n), "é" * 8000) for n in range(100)), 100)] == [10] * 10
    assert list(_batches([], 100)) == []


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///mlflow.db", "sqlite:////r/mlflow.db"),
        ("sqlite:///../a b.db?timeout=3", "sqlite:////a b.db?timeout=3"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("sqlite:///a#b/c%3Fd%20%2541.db", "sqlite:////r/a#b/c%3Fd %2541.db"),
        ("file:runs", "file:///r/runs"),
        ("runs dir", "file:///r/runs%20dir"),
        ("file:///abs", "file:///abs"),
        ("http://host:5000/x", "http://host:5000/x"),
        ("postgresql+psycopg2://u:p@host/db", "postgresql+psycopg2://u:p@host/db"),
    ],
)
def test_relative_paths_start_at_results_dir(uri: str, expected: str) -> None:
    """Those of stores on this machine; what has none stays as it is."""
    assert resolved_uri(uri, Path("/r")) == expected


def test_any_directory_may_hold_the_store() -> None:
    """What SQLAlchemy would take for a code or for options is encoded."""
    assert resolved_uri("sqlite:///x.db", Path("/a#b/50%20?/c d")) == "sqlite:////a#b/50%2520%3F/c d/x.db"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"tracking_uri": "ftp://planted-secret/x"},
            "tracking_uri: found text that names no server or store, expected http",
        ),
        ({"tracking_uri": "http://"}, "tracking_uri: found text that names no server"),
        ({"tracking_uri": "http://[planted-secret"}, "tracking_uri: found text that is no URI"),
        ({"tracking_uri": "sqlite://mlflow.db"}, "tracking_uri: found text that names no server"),
        ({"tracking_uri": "sqlite:///:memory:"}, "tracking_uri: found text that names no server"),
        ({"tracking_uri": " "}, "tracking_uri: found text that is no URI"),
        (
            {"tracking_url": "http://h"},
            "tracking_url: *did you mean 'tracking_uri'? Expected one of experiment, tracking_uri",
        ),
        ({"experiment": ""}, "experiment: found *"),
    ],
)
def test_wrong_settings(settings: dict[str, str], message: str) -> None:
    """Each is refused with its key, and never shown."""
    with pytest.raises(SinkConfigError) as caught:
        MlflowSink({"name": "mlflow", **settings})
    begin, _, end = message.partition("*")
    assert str(caught.value).startswith(begin)
    assert str(caught.value).endswith(end)
    assert "planted" not in str(caught.value)


def test_mlflow_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra; nothing was imported to find out."""
    monkeypatch.setattr(mlflow_module, "find_spec", lambda name: None if name == "sqlalchemy" else object())
    with pytest.raises(SinkConfigError, match=r"pip install 'pytest-curator-bench\[mlflow\]'"):
        MlflowSink({"name": "mlflow"})
    MlflowSink({"name": "mlflow", "tracking_uri": "http://host"})
