# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A pytest run without a benchmark config pays nothing and sees nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

HEAVY = ("pydantic", "rich", "psutil", "yaml", "ray", "mlflow", "nemo_curator", "torch", "pynvml")
OURS = [
    "pytest_curator_bench",
    "pytest_curator_bench.plugin",
    "pytest_curator_bench.plugin.comparison_options",
    "pytest_curator_bench.plugin.fixtures",
    "pytest_curator_bench.plugin.hookspecs",
    "pytest_curator_bench.plugin.options",
]


def test_nothing_is_imported_and_nothing_is_created(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a config none of our dependencies is loaded, no file appears, and the test runs as ever."""
    pytester.makepyfile(
        f"""
        import sys

        def test_modules():
            loaded = [name for name in {HEAVY!r} if name in sys.modules]
            assert not loaded
            ours = sorted(name for name in sys.modules if name.startswith("pytest_curator_bench"))
            assert ours == {OURS!r}
        """
    )
    before = {path.name for path in pytester.path.iterdir()}
    # Other plugins of the environment may load what they like: only ours is asked.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    ours = ("-p", "pytest_timeout", "-p", "pytest_curator_bench.plugin")
    result = pytester.runpytest_subprocess(*ours, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*curator-bench*")
    theirs = {"__pycache__", "stdout", "stderr", "runpytest-0", "runpytest-current"}  # pytester's own
    assert {path.name for path in pytester.path.iterdir()} - before <= theirs


def test_default_config_of_the_ini_file_is_not_read_where_the_arguments_do_not_lead_to_it(
    pytester: pytest.Pytester,
) -> None:
    """``pytest tests/`` runs tests alone, even if the benchmark config is broken."""
    pytester.makeini("[pytest]\nbench_config = benchmarks/config.yaml\n")
    (pytester.mkdir("benchmarks") / "config.yaml").write_text("{not yaml")
    (pytester.mkdir("tests") / "test_x.py").write_text("def test_x(): pass\n")
    pytester.runpytest_subprocess("tests").assert_outcomes(passed=1)


def test_other_yaml_files_are_never_touched(pytester: pytest.Pytester) -> None:
    """YAML beside the tests stays theirs."""
    (pytester.path / "config.yaml").write_text("entries: [{name: a, script: b.py}]")
    pytester.makepyfile("def test_x(): pass")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_importing_the_plugin_loads_only_pytest() -> None:
    """The entry point itself is light."""
    code = f"import sys, pytest_curator_bench.plugin; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_fixtures_say_clearly_that_there_is_no_benchmark_config(pytester: pytest.Pytester) -> None:
    """A test that asks for a session directory in a run without one fails with one sentence."""
    pytester.makepyfile("def test_x(bench_session_dir): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*this run has no benchmark config: give --bench-config*"])
