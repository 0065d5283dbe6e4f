# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""No value and no name in a result breaks a report, a sink or the channel to the controller."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from _pytest.junitxml import bin_xml_escape

from pytest_curator_bench._util.text import printable
from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.entry.repeats import RunSeries
from pytest_curator_bench.plugin.channel import packed, unpacked
from pytest_curator_bench.plugin.junit import flat_properties
from pytest_curator_bench.plugin.terminal.summary import write_summary
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge, with_verdicts
from pytest_curator_bench.session.entry_results import read_result
from pytest_curator_bench.sinks import delivery_key
from pytest_curator_bench.sinks.files.csv import CsvSink
from pytest_curator_bench.sinks.files.jsonl import JsonLinesSink
from pytest_curator_bench.sinks.mlflow.records import result_record
from pytest_curator_bench.sinks.slack.messages import EntryLine, MessageStyle, entry_message, is_notable
from tests.support.sinks import env_data_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_curator_bench.sinks import SinkResultDict

HARMFUL = "\x00\x07\x1b\x9b\x85\u2028\u202e\u2066\ufeff\ufffe\uffff\ud800\udcff"
NAMES = [
    *("plain", "", "a.b", "=cmd()", "<&\"'>", "x_per_sec", "exec_time_s", "requirement.x", "\N{RACING CAR}"),
    *("new\nline", "carriage\rreturn", "tab\t", "colour\x1b[31m", "title\x1b]0;x\x07", f"all{HARMFUL}"),
]
VALUES: list[Any] = [
    *(None, True, 0, -0.0, -3_000_000_000, 2**63, 10**400, -(10**400), 10**4299, 1 << 20_000),
    *(math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324),
    *("", "NaN", "x" * 5000, f"one\ntwo{HARMFUL}", "\udcff"),
    *([], {}, [[]], {"": {"": {}}}, {"a.b": 1, "a": {"b": 2}}, [None, {"a": [1, math.nan, HARMFUL]}]),
]
SETTINGS: list[Any] = [
    *(None, {}, [], "text", 5, {"additional_metrics": None}, {"additional_metrics": "plain"}),
    *({"additional_metrics": [["a"], {}, None, "plain"]}, {"additional_metrics": {"a": 1}}, {"ping_on_failure": None}),
]
BOUNDS: list[dict[str, Any]] = [
    *({"min_value": 1}, {"max_value": 1.5, "xfail": "known"}, {"exact_value": 3}, {"exact_value": "text"}),
    *({"exact_value": 10**300}, {"warn_below": 5}, {"min_value": 1e-300, "judge": "mean"}),
]


def hostile(value: object, **fields: Any) -> EntryResult:
    """A result with this value wherever a script or a configuration decides what stands there."""
    values = dict.fromkeys(NAMES, value)
    texts = [f"text {name}" for name in NAMES]
    known: dict[str, Any] = {
        "name": "e",
        "session_name": "s",
        "status": "failed",
        "reason": "exit-code",
        "timeout_s": 9.0,
        "nodeid": f"f{HARMFUL}::e",
        "entry_dir": "/s/e",
        "stdouterr_file": "/s/e/log",
        "exec_time_s": 1.5,
        **dict.fromkeys(("script_metrics", "script_params", "task_metrics", "resources"), values),
        "error": "\n".join(texts),
        "warnings": texts,
        "sink_data": {"slack": value},
        "command": texts,
    }
    return EntryResult(**{**known, **fields})


def all_results(value: object) -> list[EntryResult]:
    """What becomes of it: a failure, one that was judged, and several runs."""
    passed = hostile(value, status="passed", started_at="2026-01-23T14:30:00+00:00")
    names = [name for name in NAMES if name and name.isprintable()]
    requirements = [Requirement(metric=name, **bounds) for name in names for bounds in BOUNDS]
    runs = RunSeries(repeat=3, warmup=0, until=0.1, judged=names, watched=names)
    for number in range(3):
        runs.add(dataclasses.replace(passed, started_at=f"2026-01-23T14:30:0{number}+00:00"))
    assert runs.is_over()
    combined = runs.combined(entry_dir="/s/e")
    several = with_verdicts(combined, judge(requirements, runs.measured), strict=False)
    return [hostile(value), with_verdicts(passed, judge(requirements, [passed]), strict=False), several]


def summary(result: EntryResult) -> str:
    """What the terminal shows of it."""
    shown = io.StringIO()
    writer = SimpleNamespace(fullwidth=100, hasmarkup=False)
    reporter = SimpleNamespace(
        config=SimpleNamespace(get_terminal_writer=lambda: writer, option=SimpleNamespace(verbose=1)),
        section=lambda _: None,
        write=shown.write,
    )
    write_summary(cast("pytest.TerminalReporter", reporter), Path("/s"), [result], str)
    return shown.getvalue()


def as_xml(properties: Sequence[tuple[str, object]]) -> bytes:
    """What pytest writes of properties that run_hooks.py has sent along."""
    root = ET.Element("properties")
    for name, value in properties:
        ET.SubElement(root, "property", name=printable(name), value=bin_xml_escape(value))
    return ET.tostring(root, encoding="unicode").encode()


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_no_value_breaks_a_report(tmp_path: Path, value: object) -> None:
    """Neither the terminal, JUnit, files, messages, MLflow, the channel, nor reading it again."""
    sinks = [CsvSink({"name": "csv"}), JsonLinesSink({"name": "jsonl"})]
    for sink in sinks:
        sink.initialize("s", env_data_of(tmp_path))
    (tmp_path / "e").mkdir()
    for number, result in enumerate(all_results(value)):
        data = result.to_dict()
        text = summary(result)
        assert not set(text) & set(HARMFUL), text
        assert ET.fromstring(as_xml(flat_properties(result, Path)))  # noqa: S314  # our own
        assert repr(unpacked(packed(data))) == repr(data)
        json.dumps([entry_message(data, MessageStyle())], ensure_ascii=False).encode()
        assert EntryLine.of(data, MessageStyle()).status == result.status
        assert is_notable(data)
        for sink in sinks:
            sink.process_result(cast("SinkResultDict", {**data, "name": f"e{number}"}))
        (tmp_path / "e/results.json").write_bytes((tmp_path / "results.jsonl").read_bytes().splitlines()[-1])
        again = read_result(tmp_path / "e")
        assert delivery_key(again.to_dict()) == delivery_key({**data, "name": f"e{number}"})
        for one in (data, again.to_dict()):
            record = result_record(one, None)
            assert not set("".join([*record.tags.values(), *record.params.values()])) & set(HARMFUL)
        summary(again)
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert len(rows) == 4
    assert len(set(rows[0])) == len(rows[0])


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
def test_no_settings_for_a_sink_break_a_report(settings: object) -> None:
    """``additional_metrics:`` with nothing in it is none; what is no name is left out."""
    result = hostile(1, status="passed", sink_data={"slack": settings, "other": settings})
    assert "passed" in summary(result)
    assert entry_message(result.to_dict(), MessageStyle())["blocks"]


def test_what_python_refuses_to_print_or_encode_is_no_part_of_a_result() -> None:
    """Everything in a result can be written as JSON in UTF-8, and is the same when it is read again."""
    result = hostile(1 << (4 * sys.get_int_max_str_digits()), error="\udcff", sink_data={"\udcff": ["\ud800"]})
    assert result.script_metrics["plain"] == "an integer of 17201 bits"
    assert (result.error, result.sink_data) == ("\\udcff", {"\\udcff": ["\\ud800"]})
    assert EntryResult.from_dict(json.loads(json.dumps(result.to_dict(), ensure_ascii=False).encode())) == result


def test_paths_in_a_result_lead_to_their_files(tmp_path: Path) -> None:
    """A directory that is not UTF-8 keeps its name."""
    log = tmp_path / "\udcff"
    assert Path(hostile(1, stdouterr_file=str(log)).stdouterr_file) == log
