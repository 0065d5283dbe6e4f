# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a metric means: by its name, by a requirement, by the configuration, and in the record of an old session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.config import ConfigError
from pytest_curator_bench.results.meanings import headline_metrics, meaning, meaning_of, rules_for
from pytest_curator_bench.results.record import EntryResult
from tests.support.config import MINIMAL, load

if TYPE_CHECKING:
    from pathlib import Path


def result(**fields: Any) -> EntryResult:
    """A result that passed."""
    known: dict[str, Any] = {"name": "e", "session_name": "s", "status": "passed", "timeout_s": 9.0, "nodeid": "n"}
    return EntryResult(**{**known, "entry_dir": "/e", "stdouterr_file": "/e/log", "exec_time_s": 1.0, **fields})


@pytest.mark.parametrize(
    ("name", "direction", "unit", "judged"),
    [
        ("exec_time_s", "lower", "s", True),
        ("stages.load_seconds", "lower", "s", True),
        ("peak_bytes", "lower", "bytes", False),
        ("model_mb", "lower", "MB", False),
        ("throughput_docs_per_sec", "higher", "docs/s", True),
        ("rate_per_s", "higher", "1/s", True),
        ("docs_per_s", "higher", "docs/s", True),
        ("throughput", "higher", None, True),
        ("num_documents", "exact", None, False),
        ("accuracy", "info", None, False),
        ("task_reader_process_time_s", "lower", "s", False),
        ("resources.cpu_time_s", "lower", "s", False),
    ],
)
def test_by_name(name: str, direction: str, unit: str | None, judged: bool) -> None:
    """The end of a name decides; tasks and resources are judged on demand alone."""
    known = meaning(name)
    assert (known.direction, known.unit, known.judged, known.headline) == (direction, unit, judged, False)


def test_rules_override_names_and_patterns() -> None:
    """Key by key: a rule for one name comes after those for several, of which the last counts."""
    rules: list[dict[str, Any]] = [
        {"name": "num_retries", "direction": "lower"},
        {"name": "num_*", "direction": "info", "unit": "things"},
        {"name": "num_r*", "judge": True, "direction": "higher"},
    ]
    known = meaning("num_retries", rules)
    assert (known.direction, known.unit, known.judged) == ("lower", "things", True)
    assert meaning("num_files", rules).direction == "info"
    assert meaning("accuracy", required=True).judged


def test_headline_metrics() -> None:
    """Those of requirements and rules; without any the script's throughputs; never the time, which has its column."""
    metrics = {"num": 1, "docs_per_s": 2.0, "deep": {"accuracy": 0.5}}
    assert headline_metrics(result(script_metrics=metrics)) == ["docs_per_s"]
    named = [{"metric": name} for name in ("num", "exec_time_s")]
    rules = [{"name": "deep.*", "headline": True}]
    assert headline_metrics(result(script_metrics=metrics, requirements=named)) == ["num"]
    assert headline_metrics(result(script_metrics=metrics, metric_rules=rules)) == ["deep.accuracy"]
    hidden = [{"name": "num", "headline": False}]
    assert headline_metrics(result(script_metrics=metrics, requirements=named, metric_rules=hidden)) == ["docs_per_s"]


def test_a_result_keeps_the_rules_of_its_own_metrics() -> None:
    """They are written and read again; a result of before has none, and its metrics the meaning of their names."""
    rules = [{"name": "accuracy", "direction": "higher"}, {"name": "other", "unit": "x"}]
    measured = result(script_metrics={"accuracy": 0.5})
    kept = EntryResult.from_file({**measured.to_dict(), "metric_rules": rules_for(measured, rules)})
    assert [dict(rule) for rule in kept.metric_rules] == rules[:1]
    assert meaning_of(kept, "accuracy").direction == "higher"
    old = {key: value for key, value in measured.to_dict().items() if key != "metric_rules"}
    assert meaning_of(EntryResult.from_file(old), "accuracy").direction == "info"


def test_the_section_merges_by_name(tmp_path: Path) -> None:
    """A later file overrides a rule key by key, and switches one off."""
    first = MINIMAL + "metrics: [{name: a, unit: MB, headline: true}, {name: b, judge: true}]\n"
    config = load(tmp_path, first, "metrics: [{name: a, unit: GB}, {name: b, enabled: false}, {name: c*, unit: x}]\n")
    assert config.metric_rules == ({"name": "a", "unit": "GB", "headline": True}, {"name": "c*", "unit": "x"})


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("{name: a, direction: up}", "expected one of lower, higher, exact, info"),
        ("{name: a, judge: maybe}", "metrics[a].judge: found 'maybe' (text), expected true or false"),
        ("{name: a}", "expected direction, unit, headline or judge"),
        ("{name: a, direction: info, judge: true}", "expected a direction other than info beside judge"),
        ("{name: a, unit: x}, {name: a, unit: y}", "found the name 'a' twice"),
        ("{unit: x}", "name"),
    ],
)
def test_wrong_rules_are_one_error(tmp_path: Path, rule: str, text: str) -> None:
    """Each says where, what was found, and what is expected."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL + f"metrics: [{rule}]\n")
    assert len(caught.value.problems) == 1
    assert text in str(caught.value)
