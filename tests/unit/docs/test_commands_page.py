# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/commands.md shows is what the commands print."""

from __future__ import annotations

import json
import os
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.cli import main
from tests.support.nemo_curator_sessions import write_old_session
from tests.support.past_sessions import ENVIRONMENT
from tests.support.sessions import make_session

if TYPE_CHECKING:
    from datetime import tzinfo

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
ENTRIES: dict[str, dict[str, Any]] = {
    "minhash": {
        "exec_time_s": 1887.2,
        "timeout_s": 3600.0,
        "finished_at": "2026-11-25T03:36:51+00:00",
        "returncode": 0,
        "command": ["python", "minhash.py", "--input", "/data/cc"],
        "command_line": "python minhash.py --input /data/cc --benchmark-results-path …",
        "marks": ("gpu",),
        "script_metrics": {"num_documents": 1_048_576, "throughput_docs_per_sec": 555.6},
        "resources": {"cpu_time_s": 130_412.7, "max_rss_bytes": 5_312_000_000},
    },
    "dedup": {"exec_time_s": 422.6, "timeout_s": 600.0},
    "audio_fleurs": {"exec_time_s": 212.0, "timeout_s": 600.0},
    **{
        f"removal[{executor}]": {
            "exec_time_s": time_s,
            "timeout_s": 600.0,
            "script_params": {"matrix": {"executor": executor}},
        }
        for executor, time_s in (("ray_data", 78.1), ("xenna", 131.7))
    },
}


class Clock(datetime):
    """The day that the page shows."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        """Return the same moment always."""
        return cls.fromtimestamp(NOW.timestamp(), tz)


def _night(number: int, noise: float) -> dict[str, Any]:
    entries = {name: {**fields, "exec_time_s": fields["exec_time_s"] * noise} for name, fields in ENTRIES.items()}
    metrics = {"num_documents": 1_048_576, "throughput_docs_per_sec": 555.6 / noise}
    entries["minhash"]["script_metrics"] = metrics
    if number == 4:
        entries["dedup"] |= {"status": "timeout", "reason": "time-limit", "error": "Timed out after 600 s."}
    return entries


def _make_sessions(results: Path) -> None:
    """Ten quiet nights, one with a failure and a slower entry, and a try."""
    noises = (1.0, 1.012, 0.991, 1.004, 0.986, 1.017, 0.997, 1.009, 0.994, 1.002)
    nights = [_night(number, noise) for number, noise in enumerate(noises)]
    today = _night(10, 1.005)
    error = "Ray did not start.\nThe port 6379 is in use: stop what listens there."
    today["audio_fleurs"] |= {"status": "error", "reason": "ray", "error": error, "exec_time_s": None}
    today["minhash"] |= {
        "exec_time_s": 2209.4,
        "script_metrics": {"num_documents": 1_048_576, "throughput_docs_per_sec": 474.6},
    }
    for number, entries in enumerate([*nights, today]):
        started_at = datetime(2026, 11, 15 + number, 3, tzinfo=UTC)
        name = f"nightly__{started_at:%Y-%m-%d__%H-%M-%S}"
        make_session(results, name, started_at=started_at, reason="nightly", **entries)
        _describe(results / name, is_new=entries is today)
    started_at = datetime(2026, 11, 25, 9, tzinfo=UTC)
    tried: dict[str, Any] = {
        "minhash": {**today["minhash"], "finished_at": "2026-11-25T09:36:49+00:00"},
        "dedup": "failed",
    }
    make_session(results, "try-issue-512", started_at=started_at, reason="Ray 2.62", **tried)
    _describe(results / "try-issue-512", is_new=True)


def _describe(session: Path, *, is_new: bool) -> None:
    """Write what the session ran on."""
    ray = "2.61.0" if is_new else "2.60.0"
    versions = {"python": "3.11.7", "ray": ray, "nemo_curator": "1.4.0"}
    commit = {"commit": "9bada1a" if is_new else "ef44563", "dirty": False}
    environment = {**ENVIRONMENT, "versions": versions, "git": commit}
    (session / "env.json").write_text(json.dumps(environment))
    pandas = "2.3.2" if is_new else "2.3.1"
    (session / "packages.txt").write_text(f"pandas=={pandas}\nray=={ray}\nrich==14.0.0\n")
    limit = 3600 if is_new else 3000
    (session / "config.yaml").write_text(f"entries: [{{name: minhash, timeout_s: {limit}}}]\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the sessions of the page."""
    _make_sessions(tmp_path / "results")
    for night in range(3):
        write_old_session(tmp_path / "old-results", night, dedup={}, minhash={})
    broken = tmp_path / "old-results" / "nightly__2026-01-02__03-00-00" / "dedup" / "results.json"
    broken.write_text('{"name": "dedup"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pytest_curator_bench.cli.clean.tree_size", lambda _path: 206_000_000)  # file systems differ
    for command in ("list", "clean"):
        monkeypatch.setattr(f"pytest_curator_bench.cli.{command}.datetime", Clock)
    return tmp_path


def test_what_the_page_shows(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block is a command with its output; CURATOR_BENCH_UPDATE_DOCS=1 writes the page anew."""

    def printed(match: re.Match[str]) -> str:
        main(shlex.split(match[1]))
        return f"```console\n$ curator-bench {match[1]}\n{''.join(capsys.readouterr())}```"

    text = PAGE.read_text(encoding="utf-8")
    today, count = re.subn(r"```console\n\$ curator-bench (.*)\n(?:[^`].*\n|\n)*```", printed, text)
    assert count == text.count("```console") > 8
    if os.environ.get("CURATOR_BENCH_UPDATE_DOCS"):
        PAGE.write_text(today, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == today


def test_pandas_on_the_page(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example reads what ``export`` writes."""
    pytest.importorskip("pandas")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert main(["export", "-o", "figures.csv"]) == 0
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102  # that of the page
    assert found["times"].loc["nightly__2026-11-25__03-00-00", "minhash"] == 2209.4
