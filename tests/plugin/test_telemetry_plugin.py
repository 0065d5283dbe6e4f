# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Telemetry and the look at the machine, through pytest."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import LIMIT_S, eventually
from tests.support.stub_nvml import build_stub_nvml, stub_nvml_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.bench_project import Project


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two GPUs, told of by a stand-in for the driver; what they say stands in the file that this gives."""
    said = tmp_path / "gpus"
    said.write_text("COUNT=2\n")
    for name, value in stub_nvml_environment(build_stub_nvml(tmp_path), file=said).items():
        monkeypatch.setenv(name, value)
    return said


UNTIL_FIVE_ROWS = """
import pathlib, sys, time
table = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1], "telemetry.csv")
while not table.exists() or table.read_text().count("\\n") < 6:
    time.sleep(0.02)
"""


def test_an_entry_has_telemetry(project: Project) -> None:
    """Rows in its directory, figures in its result beside those of the supervisor."""
    project.script("watched.py", UNTIL_FIVE_ROWS + (project.scripts / "ok.py").read_text())
    project.config("telemetry: {interval_s: 0.1}\nentries: [{name: a, script: watched.py, timeout_s: 60}]\n")
    project.run().assert_outcomes(passed=1)
    resources = project.result("a")["resources"]
    assert {"cpu_time_s", "max_rss_bytes", "rss_bytes_peak", "cpu_percent_mean", "read_bytes"} <= resources.keys()
    assert resources["rss_bytes_peak"] > 1_000_000
    rows = list(csv.DictReader((project.session_dir / "a" / "telemetry.csv").read_text().splitlines()))
    assert len(rows) == resources["telemetry_samples"] >= 5
    assert not (project.session_dir / "a" / "gpustats.csv").exists()


def test_interval_0_switches_it_off(project: Project) -> None:
    """The older name of the section works, too."""
    project.config("gpu_stats_recorder: {interval_s: 0}\nentries: [{name: a, script: ok.py}]\n")
    project.run().assert_outcomes(passed=1)
    assert set(project.result("a")["resources"]) == {"cpu_time_s", "max_rss_bytes", "lease"}
    assert not (project.session_dir / "a" / "telemetry.csv").exists()


def test_gpu_memory_left_in_use(project: Project, gpus: Path) -> None:
    """Before and after, over the entry's own threshold or the global one, with who holds it; not under it."""
    gpus.write_text(f"COUNT=2\nMEMORY_USED_1={8 << 30}\nPROCESSES_1={os.getpid()}:{8 << 30}\n")
    project.config(
        "gpu_mem_use_warning_threshold: 0.01\nentries:\n  - {name: strict, script: ok.py}\n"
        "  - {name: lax, script: ok.py, gpu_mem_use_warning_threshold: 0.5}\n"
    )
    result = project.run()
    result.assert_outcomes(passed=2, warnings=1)
    before, after = (
        warning for warning in project.result("strict")["warnings"] if "gpu_mem_use_warning_threshold" in warning
    )
    assert before.startswith("GPU 1: 8.59 GB of 85.9 GB of memory (10 %) in use before the entry")
    assert after.startswith("GPU 1: 8.59 GB of 85.9 GB of memory (10 %) in use after the entry")
    assert f": {os.getpid()} " in before
    assert not [text for text in project.result("lax")["warnings"] if "threshold" in text]
    assert any(text.startswith("noise: Other processes are on GPU 1: ") for text in project.result("lax")["warnings"])
    assert (project.session_dir / "strict" / "gpustats.csv").exists()
    result.stdout.fnmatch_lines(["*strict: GPU 1: *in use before the entry*"])
    result.stdout.fnmatch_lines(["noise: 2 of 2 entries ran on a noisy machine (strict, lax): *"])


def test_a_machine_that_must_be_quiet_and_is_not(project: Project, gpus: Path) -> None:
    """The entry is an error in setup that says why; its script never runs, and there is no traceback."""
    gpus.write_text(f"COUNT=1\nPROCESSES={os.getpid()}:-\n")
    project.config("entries: [{name: a, script: ok.py}]\n")
    result = project.run("--bench-require-quiet", "--bench-wait-quiet=0.01")
    result.assert_outcomes(errors=1)
    data = project.result("a")
    assert (data["status"], data["reason"], data["exec_time_s"]) == ("error", "noisy", None)
    assert data["error"].startswith("The machine is not quiet: Other processes are on GPU 0: ")
    assert not (project.session_dir / "a" / "stdouterr.log").exists()
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_gpu_driver_that_hangs_holds_no_entry_up(project: Project, gpus: Path) -> None:
    """The sampler's thread is left behind in the driver; the entry passes and says so."""
    project.script(
        "hang.py",
        f"with open({str(gpus)!r}, 'a') as file: file.write('DELAY_MS=600000\\n')\nimport time; time.sleep(0.5)\n"
        + (project.scripts / "ok.py").read_text(),
    )
    project.config("telemetry: {interval_s: 0.05}\nentries: [{name: a, script: hang.py}]\n")
    result = project.run()
    result.assert_outcomes(passed=1)
    assert any("TimeoutError" in warning for warning in project.result("a")["warnings"])


def test_a_killed_pytest_leaves_readable_rows(project: Project) -> None:
    """All samples up to the kill are there, whole."""
    project.config("telemetry: {interval_s: 0.05}\nentries: [{name: a, script: ok.py, args: --sleep 100}]\n")
    process = project.start("-q")
    tables = "results/*/a/telemetry.csv"
    eventually(lambda: any(table.read_text().count("\n") > 5 for table in project.path.glob(tables)), "six rows")
    process.kill()
    process.communicate(timeout=LIMIT_S)
    (table,) = project.path.glob("results/*/a/telemetry.csv")
    text = table.read_text()
    assert text.endswith("\n")
    assert len({line.count(",") for line in text.splitlines()}) == 1


def test_a_path_is_no_number_of_minutes(project: Project) -> None:
    """An option whose value may be left out takes a path behind it for one: the message says what to write."""
    project.config("entries: [{name: a, script: ok.py}]\n")
    result = project.run_here("--bench-wait-quiet", "benchmarks")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--bench-wait-quiet benchmarks: expected a number of minutes: write *=MINUTES*"])


def test_help_names_the_option(project: Project) -> None:
    """``pytest --help`` says what --bench-require-quiet does."""
    project.run_here("--help").stdout.fnmatch_lines(["*--bench-require-quiet*", "*machine is not quiet*"])
