# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The summary of a real run: what its terminal shows, and the same results on narrower and wider ones."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench.session.entry_dirs import walk_entries
from pytest_curator_bench.session.entry_results import read_result

if TYPE_CHECKING:
    import pytest

    from tests.support.bench_project import Project

CAPTURES = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "captures.py"))


def test_the_summary_of_a_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix, a crash, two unmet requirements and a time-out, on two workers: nothing is torn, causes are complete."""
    project.script("crash.py", "raise ValueError('expected 15,000 documents, found 14,998')")
    project.config(
        """
        cleanup_timeout_s: 1
        metrics: [{name: nested.count, headline: true, unit: things}]
        entries:
          - name: both_executors
            script: ok.py
            args: "{matrix.executor} --metric 12345.6"
            matrix: {executor: [ray_data, xenna]}
          - {name: crash, script: crash.py, ray: false}
          - name: unmet
            script: ok.py
            requirements: [{metric: rate_per_sec, min_value: 80}, {metric: nested.count, exact_value: 4}]
          - {name: slow, script: ok.py, args: --sleep 60, timeout_s: 1}
          - {name: with_a_name_that_is_much_too_long_for_any_table_of_eighty_columns, script: ok.py}
        """
    )
    monkeypatch.setenv("COLUMNS", "120")
    result = project.run("-n", "2")
    result.assert_outcomes(passed=3, failed=3)
    table = "\n".join(result.outlines).split(" benchmarks ")[-1]
    results = [read_result(entry_dir) for entry_dir in walk_entries(project.session_dir)]
    assert [dict(rule) for rule in results[0].metric_rules] == [
        {"name": "nested.count", "headline": True, "unit": "things"}
    ]
    for shown in (table, *(CAPTURES["on_terminal"](results, width) for width in (80, 120, 200))):
        lines = shown.splitlines()
        for figure in ("12,346", "1.5 < 80", "3 ≠ 4"):
            assert any(figure in line for line in lines)
        text = " ".join(" ".join(lines).split())
        assert {"both_executors", "ray_data", "xenna"} <= set(text.split())
        assert "rate_per_sec = 1.5, must be at least 80" in text
        assert "nested.count = 3, must be exactly 4" in text
        for one in results:
            for cause in (one.error or "").splitlines()[:1]:
                assert cause in text
