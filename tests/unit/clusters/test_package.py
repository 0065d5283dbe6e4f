# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A job's package, and its part on the cluster run from it, for real, though without a cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench._util.atomic import write_bytes
from pytest_curator_bench.clusters.jobs import package as job_package
from pytest_curator_bench.clusters.jobs.handover import HandoverReader, Received
from pytest_curator_bench.clusters.jobs.order import ORDER_VARIABLE, JobOrder, JobReport
from pytest_curator_bench.clusters.jobs.package import PackageError, write_package
from pytest_curator_bench.clusters.programs import module_command, module_environment
from pytest_curator_bench.results.outputs import prepare_params, read_outputs

SCRIPT = """
import os, subprocess, sys, time
from helper import VALUE
from pytest_curator_bench.script import Benchmark
bench = Benchmark()
bench.parser.add_argument("--exit", type=int, default=0)
bench.parser.add_argument("--kill", action="store_true")
bench.parser.add_argument("--sleep", type=float, default=0)
bench.parser.add_argument("--scratch", required=True)
with bench:
    sys.stdout.buffer.write(b"not \\xff UTF-8, and a progress bar\\r")
    sys.stdout.flush()
    print(VALUE, os.environ["OWN"], os.path.isdir(bench.args.scratch), flush=True)
    print("x" * 5_000_000)
    bench.metrics["value"] = VALUE
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    open(os.path.join(bench.args.scratch, "measured"), "w").close()
    time.sleep(bench.args.sleep)
if bench.args.kill:
    os.kill(os.getpid(), 9)
print("no newline at the end", end="")
sys.exit(bench.args.exit)
"""


class Place:
    """A script's directory, and what stands for the cluster."""

    def __init__(self, directory: Path) -> None:
        self.scripts = directory / "scripts"
        self.scripts.mkdir()
        self.script = self.scripts / "main.py"
        self.script.write_text(SCRIPT)
        (self.scripts / "helper.py").write_text("VALUE = 42\n")
        self.there = directory / "there"
        self.stand_in = Path("/curator-bench-job-x")  # what arguments name here
        self.job_dir = directory / self.stand_in.name
        self.there_env = {"PATH": os.environ["PATH"], "LANG": "C", "TMPDIR": str(directory)}
        self.entry_dir = directory / "entry"
        self.entry_dir.mkdir()
        self.shown = ""

    def begin(self, *args: str, limit_s: float | None = None) -> subprocess.Popen[bytes]:
        """Package the script, unpack it elsewhere, and run the job's part there in a clean environment."""
        self.order = JobOrder(
            name="entry",
            url="http://nowhere:1",
            entry_dir=self.entry_dir,
            job_dir=self.stand_in,
            script=self.script,
            args=(*args, f"--scratch={self.stand_in}/scratch", "--benchmark-results-path", f"{self.stand_in}/results"),
            env={"OWN": "its own"},
            limit_s=limit_s,
            grace_s=4,
        )
        params = {"entry": "entry", "timeout_s": 5}
        prepare_params(self.entry_dir, params)
        write_package(self.there.with_suffix(".zip"), self.script, self.order.for_cluster(params))
        with zipfile.ZipFile(self.there.with_suffix(".zip")) as archive:
            archive.extractall(self.there)
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_curator_bench.clusters.jobs.remote"],
            cwd=self.there,
            env=self.there_env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def end(self, job: subprocess.Popen[bytes]) -> Received:
        """Wait for the job, read its log, and put the files where they belong."""
        log = job.communicate(timeout=60)[0].decode()
        reader = HandoverReader(self.order.word, self._show)
        reader.feed(log)
        reader.close()
        for name, content in reader.received.files.items():
            write_bytes(self.entry_dir / name, content)
        assert not self.job_dir.exists()
        return reader.received

    def _show(self, text: str) -> None:
        self.shown += text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty one."""
    return Place(tmp_path)


def names(package: Path) -> set[str]:
    """What a package holds besides our own sources."""
    with zipfile.ZipFile(package) as archive:
        return {name for name in archive.namelist() if not name.startswith("pytest_curator_bench/")}


def summary(received: Received) -> dict[str, Any]:
    """What the other side says; it must have said something."""
    assert received.complete
    assert received.summary is not None
    return received.summary


def test_what_is_packaged(place: Place, tmp_path: Path) -> None:
    """What lies beside the script, without hidden files and byte code; the same content gives the same bytes."""
    for name in ("sub/data.txt", ".git/config", "__pycache__/x.pyc", "old.pyc", ".env"):
        (place.scripts / name).parent.mkdir(exist_ok=True)
        (place.scripts / name).write_text("x")
    (place.scripts / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(place.scripts / "pipe")
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    write_package(first, place.script, b"{}")
    os.utime(place.script, (1, 1))
    write_package(second, place.script, b"{}")
    assert names(first) == {"main.py", "helper.py", "sub/data.txt", "curator-bench-job.json"}
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert "pytest_curator_bench/script/benchmark.py" in archive.namelist()


def test_too_large(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the directory, the limit and what is largest."""
    monkeypatch.setattr(job_package, "MAX_PACKAGE_BYTES", 3 * 2**20)
    (place.scripts / "model.bin").write_bytes(bytes(4 * 2**20))
    with pytest.raises(PackageError, match=r"scripts goes to the cluster .* 3 are allowed \(model\.bin \(4 MiB\)"):
        write_package(tmp_path / "1.zip", place.script, b"{}")


def test_the_script_runs_there(place: Place) -> None:
    """With its helper module, this package, its own environment; the three files come back and are whole."""
    job = place.begin("--exit", "3")
    received = place.end(job)
    assert (summary(received)["returncode"], summary(received)["signal"], job.returncode) == (3, None, 3)
    assert summary(received)["exec_time_s"] > 0
    assert summary(received)["python_version"] == ".".join(map(str, sys.version_info[:3]))
    assert [name.partition(" ")[2] for name in summary(received)["ended"]] == ["sleep"]
    assert place.order.command(summary(received)["job_dir"])[-1] == str(place.job_dir / "results")
    assert place.shown.startswith("not \\xff UTF-8, and a progress bar\r42 its own True\n")
    assert place.shown.endswith("no newline at the end")
    assert place.shown.count("x") >= 5_000_000
    assert max(map(len, place.shown.splitlines())) < 4 * 2**20
    outputs = read_outputs(place.entry_dir)
    assert outputs.problems == ()
    assert outputs.metrics == {"value": 42}
    assert outputs.params["timeout_s"] == 5
    assert outputs.params["exit"] == 3


def test_an_untouched_params_file_stays_untouched(place: Place) -> None:
    """A script that writes nothing is found out here as it would be without a cluster."""
    place.script.write_text("print('nothing')\n")
    received = place.end(place.begin())
    assert received.files == {}
    assert read_outputs(place.entry_dir).problems[0].startswith("params.json was not written")


def test_a_script_that_is_killed(place: Place) -> None:
    """The signal is told by name."""
    job = place.begin("--kill")
    assert summary(place.end(job))["signal"] == "SIGKILL"
    assert job.returncode == 128 + signal.SIGKILL


def test_a_stopped_job(place: Place) -> None:
    """Told to end, as Ray tells all its processes, the script writes what it has, and that comes back."""
    job = place.begin("--sleep", "100")
    deadline = time.monotonic() + 120
    while not (place.job_dir / "scratch" / "measured").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job.terminate()  # first: a parent is told before its children
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(place.job_dir / "results").encode() in command:
            os.kill(int(process.name), signal.SIGTERM)
    received = place.end(job)
    assert summary(received)["stopped"]
    assert summary(received)["signal"] == "SIGTERM"
    assert json.loads(received.files["metrics.json"]) == {"value": 42}


def test_a_job_that_nobody_stops(place: Place) -> None:
    """Long after the limit the job's own side ends the script."""
    place.begin().communicate()
    order = json.loads((place.there / "curator-bench-job.json").read_bytes())
    assert order["limit_s"] is None
    order |= {"limit_s": 1, "grace_s": 0.5, "command": ["main.py", "--sleep", "100", *order["command"][1:]]}
    (place.there / "curator-bench-job.json").write_text(json.dumps(order))
    job = subprocess.Popen(
        [sys.executable, "-m", "pytest_curator_bench.clusters.jobs.remote"],
        cwd=place.there,
        env=place.there_env,
        stdout=subprocess.PIPE,
    )
    assert summary(place.end(job))["signal"] in {"SIGTERM", "SIGKILL"}


def test_orders_and_reports_travel(place: Place) -> None:
    """What is written is what is read."""
    place.begin().communicate()
    assert JobOrder.from_text(place.order.to_text()) == place.order
    assert JobReport.read(place.entry_dir) is None
    report = JobReport(url="u", submission_id="s", command=["python"], problem="p", summary={"signal": None})
    (place.entry_dir / "job.json").write_text(json.dumps(report.to_dict()))
    assert JobReport.read(place.entry_dir) == report


@pytest.mark.curator
@pytest.mark.parametrize("large", [False, True])
def test_a_job_that_cannot_be_submitted(place: Place, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """Its part here says why in one sentence, in the log and in its report, and ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place.begin().communicate()
        if large:
            with (place.scripts / "model.bin").open("wb") as file:
                file.truncate(job_package.MAX_PACKAGE_BYTES)
        order = replace(place.order, url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv(ORDER_VARIABLE, order.to_text())
        job = subprocess.run(
            module_command("jobs.submit"),
            env=module_environment(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
    report = JobReport.read(place.entry_dir)
    assert report is not None
    assert report.problem is not None
    assert report.problem.startswith("The script's directory" if large else "The job could not be submitted to http")
    assert (job.returncode, job.stdout, job.stderr) == (1, report.problem + "\n", "")
