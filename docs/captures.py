# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Captures of the summary (docs/terminal.md) and of the live view (docs/watching.md), on terminals of several widths.

They are made of results and running entries that stand here, by the program: the documentation shows today's wording.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyte
from rich.console import Console, Group, RenderableType

from pytest_curator_bench.cli import watch
from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.history.baseline import Baseline, judge_change
from pytest_curator_bench.history.comparison import Comparison, EntryComparison
from pytest_curator_bench.history.records import record_of
from pytest_curator_bench.reporting.figures import key_metrics
from pytest_curator_bench.reporting.summary import summary_table
from pytest_curator_bench.results.metrics import EXEC_TIME
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge, with_verdicts
from pytest_curator_bench.session.progress.entries import EntryFollower, Usage
from pytest_curator_bench.session.progress.expected import Expected, TimeLeft
from pytest_curator_bench.session.progress.sessions import SessionProgress
from pytest_curator_bench.session.progress.text import end_line, entry_line, entry_lines, head_line, start_line
from pytest_curator_bench.session.status import EntryStatus

__all__ = ["captures", "live_captures", "on_terminal", "results"]

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
            error="Timed out after 600 s; raise timeout_s or make the script faster",
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
    return _on_terminal(summary_table(shown, verbosity=verbosity, comparison=compared), width)


def _on_terminal(shown: RenderableType, width: int) -> str:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True, highlight=False, legacy_windows=False)
    console.print(shown, crop=False)
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


SESSION = "nightly__2026-11-25__01-00-00"
NOW = datetime(2026, 11, 25, 1, 37, tzinfo=UTC)


def _running(
    name: str, doing: str, *, seconds: float, log_line: str = "", usage: Usage | None = None, **status: Any
) -> EntryFollower:
    follower = EntryFollower(name, Path("results", SESSION, name), limit_s=3600.0, expected=Expected(usual_s=2209.0))
    follower.status = EntryStatus(doing=doing, since=NOW - timedelta(seconds=seconds), **status)
    follower.log_line, follower.usage = log_line, usage or Usage()
    return follower


def live_captures() -> dict[str, str]:
    """Return what the blocks of docs/watching.md show, by their names there."""
    left = TimeLeft(2880.0, is_whole=True)
    on_gpus = Usage(cpus=12.2, memory_bytes=5.3e9, gpu_percent=88.0, gpu_memory_bytes=71e9)
    log_line = "2026-11-25 01:36:41 stage 4/7 MinHashStage 1204 of 3600 partitions"
    minhash = _running(
        "minhash_xenna", "running", seconds=761, log_line=log_line, usage=on_gpus, run="", cpus=16, gpus=(0,)
    )
    holder = "1 GPU, 16 CPUs leased by minhash_xenna, pid 5473, since 01:24"
    semdedup = _running("semdedup", "waiting for the whole machine", seconds=60, detail=(holder,), held_by=(5473,))
    both = (minhash, semdedup)

    def panel(width: int) -> str:
        lines = entry_lines(both, NOW, width=width - 1, height=10)
        return _on_terminal(Group(f"\\[{head_line(3, 12, 1, left)}]", *lines), width)

    crash = next(result for result in results() if result.name == "image_pipeline")
    passed = next(result for result in results() if result.name == "cc_extraction")
    progress = SessionProgress(
        name=SESSION,
        started_at=NOW - timedelta(minutes=37),
        entries=tuple(f"entry_{number}" for number in range(12)),
        results={result.name: result for result in results()[:2]} | {crash.name: crash},
        running=both,
        runs=(),
        killed=(),
        left=left,
    )
    lines = (
        start_line(minhash, str(minhash.entry_dir / "stdouterr.log")),
        f"{entry_line(minhash, NOW)} | {minhash.log_line}",
        end_line(passed, key_metrics(passed)[:1]),
        end_line(crash),
    )
    return {
        "panel": panel(120),
        "narrow": panel(80),
        "lines": "\n".join(lines),
        "watch": _on_terminal(Group(*watch._screen(progress, NOW, 120, 40)), 120),  # noqa: SLF001  # what is on the terminal
    }
