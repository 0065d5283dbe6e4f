# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The summary table as terminals of several widths show it."""

from __future__ import annotations

import io
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from pytest_curator_bench._util.streams import RenderBuffer
from pytest_curator_bench.history.baseline import Baseline, judge_change
from pytest_curator_bench.history.comparison import Comparison, EntryComparison, EntryVerdict
from pytest_curator_bench.history.records import record_of
from pytest_curator_bench.reporting.figures import key_metrics
from pytest_curator_bench.reporting.summary import summary_table
from pytest_curator_bench.results.record import EntryResult

CAPTURES = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "captures.py"))


def result(name: str, **fields: Any) -> EntryResult:
    """A result that passed."""
    known: dict[str, Any] = {"name": name, "session_name": "s", "status": "passed", "timeout_s": 60.0, "nodeid": "n"}
    return EntryResult(**{**known, "entry_dir": "/e", "stdouterr_file": "/e/log", "exec_time_s": 1.5, **fields})


def shown(
    *results: EntryResult, width: int = 120, verbosity: int = 0, comparison: Comparison | None = None
) -> list[str]:
    """The lines of the summary, without blanks at their ends."""
    output = io.StringIO()
    Console(file=output, width=width, highlight=False).print(
        summary_table(results, verbosity=verbosity, comparison=comparison), crop=False
    )
    return [line.rstrip() for line in output.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_nothing_is_torn_and_every_failure_has_its_cause(width: int) -> None:
    """Each figure stands whole in one line, no line is longer than the terminal, causes are complete."""
    results = CAPTURES["results"]()
    lines = CAPTURES["on_terminal"](results, width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    for figure in (
        "7,200",
        "36.8 ± 1.2",
        "95.1",
        "1,204",
        "19,071 exact",
        "75.12 < 80",
        "14,998 ≠ 15,000",
        "62.3",
        "9.4",
    ):
        assert any(re.search(rf"(^|\s){re.escape(figure)}(\s|$)", line) for line in lines), figure
    text = " ".join(" ".join(lines).split())
    for one in results:
        for cause in (one.error or "").splitlines():
            assert cause in text


def test_entries_of_other_metrics_have_sections_of_their_own() -> None:
    """No section is mostly empty, and what has no metrics joins one."""
    results = [result(f"e{n}", script_metrics={f"throughput_{n % 4}": float(n + 1)}) for n in range(20)]
    lines = shown(*results, result("bare"))
    heads = [line for line in lines if "throughput_" in line]
    assert len(heads) == 2  # two metrics each: at most half of the cells are empty
    assert [head.count("throughput_") for head in heads] == [3, 1]
    assert sum(line.startswith("entry") for line in lines) == 2
    assert all(sum(line.startswith(f"e{n} ") for line in lines) == 1 for n in range(20))


def test_columns_without_room_follow_below() -> None:
    """Ten metrics on 80 columns: in blocks, each with the entry's name."""
    names = [f"throughput_of_stage_{n}" for n in range(10)]
    lines = shown(result("e", script_metrics=dict.fromkeys(names, 1234.5)), width=80)
    assert sum(line.startswith("e ") for line in lines) > 2
    assert all(name in " ".join(lines) for name in names)


def test_names_and_texts_of_several_lines_stay_one() -> None:
    """Whatever a script calls its metrics and stages."""
    hostile = {"throughput\n\x1b[31m": "a\nb", "throughput\t": 2.0}
    tasks = {"task_a\nb_process_time_sum": 1.0}
    verdict: dict[str, Any] = {"met": True, "bounds": {}, "actual": None, "judge": "all"}
    requirements = [{"metric": name, **verdict} for name in hostile]
    lines = shown(result("e", script_metrics=hostile, task_metrics=tasks, requirements=requirements), verbosity=1)
    assert "a\\nb" in "".join(lines)
    assert any(line.startswith("a\\nb ") for line in lines)


def test_sizes_share_one_unit() -> None:
    """The largest decides."""
    sizes = {"small": 2.5e6, "large": 4.81e9}
    rules = [{"name": "peak_bytes", "headline": True}]
    lines = shown(*(result(n, script_metrics={"peak_bytes": size}, metric_rules=rules) for n, size in sizes.items()))
    assert [line.split()[-1] for line in lines] == [*("peak", "GB"), lines[2], "0.0025", "4.81"]


def test_headlines_of_one_entry() -> None:
    """In words, for lines that stand alone."""
    first, *_ = CAPTURES["results"]()
    assert key_metrics(first) == ["throughput 95.1 ≥ 80 docs/s", "num_documents 19,071 exact"]


def test_a_terminal_without_unicode() -> None:
    """Signs are spelled in ASCII, and the columns stay aligned."""
    buffer = RenderBuffer("ascii")
    Console(file=buffer, width=120, highlight=False).print(summary_table(CAPTURES["results"]()))
    text = buffer.text()
    assert "36.8 +- 1.2" in text
    assert "14,998 != 15,000" in text
    assert "\\u" not in text


def test_more_and_less() -> None:
    """-v has resources and stages, -q neither a table nor what passed."""
    verbose = CAPTURES["on_terminal"](CAPTURES["results"](), 120, 1)
    assert re.search(r"^cc_extraction +1,312 +3.09 +7.91 +41.5 +11.2$", verbose, re.MULTILINE)
    assert re.search(r"^extract +1,180 +19,071$", verbose, re.MULTILINE)
    quiet = CAPTURES["on_terminal"](CAPTURES["results"](), 120, -1)
    assert quiet.startswith("7 entries: 3 passed, 2 failed, 1 timeout, 1 skipped\n")
    assert "cc_extraction" not in quiet


@pytest.mark.parametrize(
    ("metric", "head"),
    [
        ("docs_per_s", "docs_per_s docs/s"),
        ("read_docs_per_s", "read docs/s"),
        ("load_time_s", "load_time s"),
    ],
)
def test_a_unit_in_a_name_stands_in_the_head_alone(metric: str, head: str) -> None:
    """A name that is all unit stays whole."""
    rules = [{"name": metric, "headline": True}]
    lines = shown(result("a", script_metrics={metric: 2.5}, metric_rules=rules))
    assert " ".join(line.split()[-1] for line in lines[:2]) == head


def compared(results: list[EntryResult], past: dict[str, list[float]]) -> Comparison:
    """Results compared with planted values of past sessions, by ``ENTRY METRIC``."""
    entries = []
    for one in results:
        record = record_of(one.to_dict(), {})
        changes = {
            metric: judge_change([value], Baseline(values=tuple(values)), record.meaning(metric).direction)
            for metric, value in sorted(record.figures.items())
            if (values := past.get(f"{one.name} {metric}"))
        }
        verdicts: list[EntryVerdict] = [*(change.verdict for change in changes.values()), "new"]
        verdict = min(verdicts, key=ORDER.index)
        entries.append(EntryComparison(entry=one.name, verdict=verdict, now=record, then=record, changes=changes))
    return Comparison(entries=sorted(entries, key=lambda entry: ORDER.index(entry.verdict)), suite_change=None)


ORDER: list[EntryVerdict] = ["worse", "usual", "new"]
STEADY = [100.0, 101.0, 99.0, 100.5, 99.5, 100.0]


def test_what_is_usual_stands_beside_the_time() -> None:
    """And beside the headline metric that changed most; below it a line for what is not as usual, with its owner."""
    results = [
        result("slow", exec_time_s=130.0, script_metrics={"throughput_docs_per_s": 70.0}, owner="alice"),
        result("same", exec_time_s=100.0, script_metrics={"throughput_docs_per_s": 100.0}, owner="bob"),
        result("new", exec_time_s=5.0),
    ]
    past = {
        f"{entry} {metric}": STEADY for entry in ("slow", "same") for metric in ("exec_time_s", "throughput_docs_per_s")
    }
    comparison = compared(results, past)
    lines = shown(*results, width=200, comparison=comparison)
    head, units, _, *rows = lines
    assert head.split()[:5] == ["time", "usual", "change", "noise", "trend"]
    assert units.split()[:4] == ["entry", "status", "s", "s"]
    assert re.match(r"slow +passed +130 +100 +\+30\.0 % +±\d\.\d % +[▁▂]{6}█ ", rows[0])
    assert re.search(r"100 docs/s -30\.0 % ±\d\.\d % [▇█]{6}▁$", rows[0])
    assert re.match(r"same +passed +100 +100 +\+0\.0 % ", rows[1])
    assert re.match(r"new +passed +5 +60$", rows[2])
    assert "usual" in head.rpartition("throughput")[0]
    (line,) = [line for line in lines if line.startswith("▲")]
    assert re.fullmatch(
        r"▲ slower  slow: exec_time_s 100 s → 130 s \(\+30\.0 %, noise ±\d\.\d %\); 1 more metric agrees: "
        r"throughput_docs_per_s -30\.0 %; owner: alice",
        line,
    )
    assert lines[-1] == "1 as usual · 1 new · 4 metrics compared"
    assert line in shown(*results, width=60, comparison=comparison)  # one line whatever the width
    assert line in shown(*results, verbosity=-1, comparison=comparison)


def test_a_comparison_in_ascii() -> None:
    """Signs are spelled, and there are no bars."""
    results = [result("slow", exec_time_s=130.0)]
    buffer = RenderBuffer("ascii")
    Console(file=buffer, width=120, highlight=False).print(
        summary_table(results, comparison=compared(results, {"slow exec_time_s": STEADY})), crop=False
    )
    text = buffer.text()
    assert "^ slower  slow: exec_time_s 100 s -> 130 s (+30.0 %, noise +-" in text
    assert "trend" not in text
    assert "\\u" not in text
