# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/commands.md shows is what the commands print."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench.cli import main
from tests.support.sessions import make_session

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def _make_sessions(results: Path) -> None:
    """A nightly session and a try of today."""
    minhash: dict[str, Any] = {
        "exec_time_s": 2209.4,
        "timeout_s": 3600.0,
        "started_at": "2026-11-25T03:00:02+00:00",
        "finished_at": "2026-11-25T03:36:51+00:00",
        "returncode": 0,
        "command_line": "python minhash.py --input /data/cc --benchmark-results-path …",
        "marks": ("gpu",),
        "script_metrics": {"num_documents": 1_048_576, "throughput_docs_per_sec": 474.6},
        "resources": {"cpu_time_s": 130_412.7, "max_rss_bytes": 5_312_000_000},
    }
    error = "Ray did not start.\nThe port 6379 is in use: stop what listens there."
    make_session(
        results,
        "nightly__2026-11-25__03-00-00",
        days_old=2.1,
        reason="nightly",
        minhash=minhash,
        dedup={"exec_time_s": 422.6, "timeout_s": 600.0},
        audio_fleurs={"status": "error", "reason": "ray", "error": error, "exec_time_s": None, "timeout_s": 600.0},
        filter={"exec_time_s": 78.1, "timeout_s": 600.0},
    )
    make_session(results, "try-issue-512", days_old=0.3, reason="Ray 2.62", minhash=minhash, dedup="failed")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the sessions of the page."""
    _make_sessions(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pytest_curator_bench.cli.clean.tree_size", lambda _path: 412_000_000)  # file systems differ
    return tmp_path


def test_what_the_page_shows(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block is a command with its output; CURATOR_BENCH_UPDATE_DOCS=1 writes the page anew."""

    def printed(match: re.Match[str]) -> str:
        main(shlex.split(match[1]))
        return f"```console\n$ curator-bench {match[1]}\n{''.join(capsys.readouterr())}```"

    text = PAGE.read_text(encoding="utf-8")
    today, count = re.subn(r"```console\n\$ curator-bench (.*)\n(?:[^`].*\n|\n)*```", printed, text)
    assert count == text.count("```console") > 3
    if os.environ.get("CURATOR_BENCH_UPDATE_DOCS"):
        PAGE.write_text(today, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == today
