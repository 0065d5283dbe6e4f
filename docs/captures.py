# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Captures of the summary in docs/terminal.md: made of the same results, as terminals of several widths show it."""

from __future__ import annotations

import io
from typing import Any

import pyte
from rich.console import Console

from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.history.baseline import Baseline, judge_change
from pytest_curator_bench.history.comparison import Comparison, EntryComparison
from pytest_curator_bench.history.records import record_of
from pytest_curator_bench.reporting.summary import summary_table
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge, with_verdicts

__all__ = ["captures", "on_terminal", "results"]

RATE = "throughput_docs_per_sec"


def _result(name: str, time_s: float, *requirements: Requirement, **fields: Any) -> EntryResult:
    known: dict[str, Any] = {"status": "passed", "timeout_s": 600.0, "session_name": "nightly", "nodeid": name}
    known |= {"entry_dir": f"/results/{name}", "stdouterr_file": f"/results/{name}/stdouterr.log"}
    result = EntryResult(**{**known, "name": name, "exec_time_s": time_s, **fields})
    return with_verdicts(result, judge(requirements, [result]), strict=False)


def _variant(executor: str, time_s: float, rate: float, half_width: float) -> EntryResult:
    intervals = {"exec_time_s": (time_s - 1.25, time_s + 1.25), RATE: (rate - half_width, rate + half_width)}
    return _result(
        f"minhash[{executor}]",
        time_s,
        script_metrics={RATE: rate},
        runs=[{"measured": True}] * 5,
        statistics={name: {"median_ci": list(interval)} for name, interval in intervals.items()},
        resources={"tree_cpu_time_s": 3 * time_s, "cpu_percent_mean": 310.0, "rss_anonymous_bytes_peak": 5.28e9},
    )


def results() -> list[EntryResult]:
    """Return one result of each kind."""
    return [
        _result(
            "cc_extraction",
            423.2,
            Requirement(metric=RATE, min_value=80),
            Requirement(metric="num_documents", exact_value=19071),
            timeout_s=7200.0,
            script_metrics={RATE: 95.1, "num_documents": 19071},
            task_metrics={
                "task_download_process_time_sum": 61.4,
                "task_download_num_items_processed_sum": 12,
                "task_extract_process_time_sum": 1180.2,
                "task_extract_num_items_processed_sum": 19071,
            },
            resources={
                "lease": {"waited_s": 62.3},
                "ray": {"start_time_s": 5.1},
                "tree_cpu_time_s": 1312.0,
                "cpu_percent_mean": 309.0,
                "rss_anonymous_bytes_peak": 7.91e9,
                "gpu_utilization_percent_mean": 41.5,
                "gpu_memory_bytes_peak": 11.2e9,
            },
        ),
        _variant("ray_data", 36.81, 1204.0, 14.2),
        _variant("xenna", 41.3, 1073.5, 31.0),
        _result(
            "score_filter_with_a_fasttext_model",
            58.7,
            Requirement(metric=RATE, min_value=80),
            Requirement(metric="num_documents", exact_value=15000),
            script_metrics={RATE: 75.12, "num_documents": 14998},
            resources={"lease": {"waited_s": 0.1}, "ray": {"start_time_s": 9.4}},
        ),
        _result(
            "image_pipeline",
            3.2,
            status="failed",
            reason="exit-code",
            error="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB (exit status 1)",
        ),
        _result(
            "exact_dedup",
            600.0,
            status="timeout",
            reason="time-limit",
            error="Timed out after 600 s; raise timeout_s or make the script faster.",
        ),
        _result(
            "video_captions",
            0.0,
            exec_time_s=None,
            status="skipped",
            reason="resources",
            error="needs 8 GPUs, this machine has 1",
        ),
    ]


def comparison(shown: list[EntryResult]) -> Comparison:
    """Return the first three results compared with eight sessions of the past, and the fifth, which is broken."""
    records = [record_of(result.to_dict(), {}) for result in shown]
    entries = []
    for record, shift in zip(records[:3], (1.14, 1.0, 1.0), strict=True):
        changes = {}
        for metric in (EXEC_TIME, RATE):
            now, meaning = record.figures[metric], record.meaning(metric)
            usual = now / shift if meaning.direction == "lower" else now * shift
            values = tuple(usual * (1 + step / 100) for step in (0, 1, -1, 0.5, -0.5, 0, 1.5, -1))
            changes[metric] = judge_change([now], Baseline(values=values), meaning.direction)
        verdict = changes[EXEC_TIME].verdict
        entries.append(EntryComparison(entry=record.entry, verdict=verdict, now=record, then=record, changes=changes))
    broken = EntryComparison(entry=records[4].entry, verdict="broken", now=records[4], then=records[0], failing=1)
    return Comparison(entries=[broken, *entries], suite_change=None)


def on_terminal(shown: list[EntryResult], width: int, verbosity: int = 0, compared: Comparison | None = None) -> str:
    """Return what a terminal of this width shows of results."""
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True, highlight=False, legacy_windows=False)
    console.print(summary_table(shown, verbosity=verbosity, comparison=compared), crop=False)
    screen = pyte.Screen(width, 200)
    pyte.Stream(screen).feed(output.getvalue().replace("\n", "\r\n"))
    return "\n".join(line.rstrip() for line in screen.display).rstrip()


def captures() -> str:
    """Return the captures as they stand in docs/terminal.md."""
    kinds = [("80 columns", 80, 0), ("120 columns", 120, 0), ("200 columns", 200, 0)]
    kinds += [("120 columns with `-v`", 120, 1), ("With `-q`", 100, -1)]
    shown = results()
    texts = {title: on_terminal(shown, width, verbosity) for title, width, verbosity in kinds}
    texts["Compared with earlier sessions, 160 columns"] = on_terminal(shown, 160, compared=comparison(shown))
    return "\n".join(f"### {title}\n\n```text\n{text}\n```\n" for title, text in texts.items())
