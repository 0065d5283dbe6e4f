# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The part of a job that runs on the cluster: runs the script, and hands over what came of it.

Run as ``python -m pytest_curator_bench.clusters.jobs.remote`` in the unpacked package (:mod:`.package`), as
the entry point of a Ray job. Standard library and this package's supervisor only: nothing needs to be installed.
"""

from __future__ import annotations

import codecs
import importlib.metadata
import json
import os
import platform
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import open_regular
from pytest_curator_bench._util.trees import remove_tree
from pytest_curator_bench.clusters.internals import JOB_LOG_LINE_BYTES
from pytest_curator_bench.clusters.jobs.handover import MAX_FILE_BYTES, handover_lines
from pytest_curator_bench.clusters.jobs.package import ORDER_NAME
from pytest_curator_bench.processes.client import ProcessExit, SupervisionError, Supervisor
from pytest_curator_bench.results.outputs import METRICS_NAME, PARAMS_NAME, TASKS_NAME, is_untouched, prepare_params

if TYPE_CHECKING:
    from types import FrameType

    from pytest_curator_bench.processes.client import EndReport, SupervisedProcess

__all__ = ["RESULTS_DIR", "SCRATCH_DIR"]

RESULTS_DIR = "results"
SCRATCH_DIR = "scratch"
LEFTOVER_GRACE_S = 2.0
RELAY_INTERVAL_S = 0.2
LONGEST_LINE_BYTES = JOB_LOG_LINE_BYTES // 4


class _StoppedError(BaseException):
    """Ray has stopped the job; like KeyboardInterrupt no ordinary error."""


def main() -> int:
    """Run the order; returns the exit status of the script, or 128 and the signal's number."""
    text = Path(ORDER_NAME).read_text("utf-8")
    stand_in = json.loads(text)["job_dir"]
    job_dir = Path(tempfile.gettempdir(), Path(stand_in).name)
    order = json.loads(text.replace(stand_in, json.dumps(str(job_dir))[1:-1]))
    job_dir.mkdir(mode=0o700)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _on_signal)
    try:
        return _run(order, job_dir)
    finally:
        remove_tree(job_dir)


def _run(order: dict[str, Any], job_dir: Path) -> int:
    results_dir, log_file = job_dir / RESULTS_DIR, job_dir / "log"
    for name in (RESULTS_DIR, SCRATCH_DIR):
        (job_dir / name).mkdir()
    prepare_params(results_dir, order["params"])
    log_file.touch()
    supervisor = Supervisor.start()  # the job is in its own process session: what it leaves behind ends with it
    relay = _Relay(log_file)
    try:
        process = supervisor.spawn(
            [sys.executable, *order["command"]],
            env=_environment(order["env"]),
            cwd=Path.cwd(),
            log_file=log_file,
            name=order["name"],
        )
        exit_, report, stopped = _supervise(process, order["limit_s"], order["grace_s"])
    except (SupervisionError, OSError) as error:
        _say(order["word"], {**_facts(job_dir), "problem": f"The script could not be run there: {error}"}, {})
        return 1
    finally:
        relay.close()
        supervisor.close()
    files, warnings = _collect(results_dir)
    summary = {**_facts(job_dir), **_summary(exit_, report), "stopped": stopped, "warnings": warnings}
    _say(order["word"], summary, files)
    if exit_ is None:
        return 1
    if exit_.signal is not None:
        return 128 + getattr(signal, exit_.signal, 0)
    return exit_.returncode or 0


def _supervise(
    process: SupervisedProcess, limit_s: float | None, grace_s: float
) -> tuple[ProcessExit | None, EndReport, bool]:
    """Wait for the script; the limit here is only for the case that nobody is left to stop the job."""
    stopped = False
    try:
        exit_ = process.wait(limit_s)
    except _StoppedError:
        stopped = True
        # Ray has told the script, too: telling it again might end it while it writes its results.
        exit_ = process.wait(grace_s)
    _ignore_signals()  # what is left to do is what a stop would ask for
    report = process.end(LEFTOVER_GRACE_S if exit_ else 0.0 if stopped else grace_s)
    return exit_ or process.wait(0.0), report, stopped


def _on_signal(_signum: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise _StoppedError


def _ignore_signals() -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)


def _environment(own: dict[str, str]) -> dict[str, str]:
    """The job's environment, with the package first on the path of modules, and the entry's own."""
    path = os.environ.get("PYTHONPATH")
    here = str(Path.cwd())
    return {**os.environ, "PYTHONUNBUFFERED": "1", **own, "PYTHONPATH": f"{here}:{path}" if path else here}


def _facts(job_dir: Path) -> dict[str, Any]:
    try:
        ray_version = importlib.metadata.version("ray")
    except importlib.metadata.PackageNotFoundError:
        ray_version = ""
    return {
        "job_dir": str(job_dir),
        "hostname": socket.gethostname(),
        "python_version": platform.python_version(),
        "ray_version": ray_version,
    }


def _summary(exit_: ProcessExit | None, report: EndReport) -> dict[str, Any]:
    return {
        "exec_time_s": exit_.duration_s if exit_ else None,
        "started_at": exit_.started_at.isoformat() if exit_ else None,
        "finished_at": exit_.finished_at.isoformat() if exit_ else None,
        "returncode": exit_.returncode if exit_ else None,
        "signal": exit_.signal if exit_ else None,
        "cpu_time_s": report.cpu_time_s,
        "max_rss_bytes": report.max_rss_bytes,
        "ended": list(report.ended),
        "unkillable": list(report.unkillable),
    }


def _collect(results_dir: Path) -> tuple[dict[str, bytes], list[str]]:
    """The three files as far as they are there, and what was left behind of them."""
    files: dict[str, bytes] = {}
    warnings: list[str] = []
    for name in (PARAMS_NAME, METRICS_NAME, TASKS_NAME):
        path = results_dir / name
        try:
            if name == PARAMS_NAME and is_untouched(path):
                continue  # then the one that was laid out at home tells the same
            with os.fdopen(open_regular(path), "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            warnings.append(f"{name} could not be read on the cluster: {error.strerror or error}")
            continue
        if len(content) > MAX_FILE_BYTES:
            warnings.append(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB and stayed on the cluster")
        else:
            files[name] = content
    return files, warnings


def _say(word: str, summary: dict[str, Any], files: dict[str, bytes]) -> None:
    for line in handover_lines(word, summary, files):
        sys.stdout.write(line)
    sys.stdout.flush()


class _Relay:
    """Copies the script's log into the job's as it grows: the script itself writes to a file, at full speed."""

    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Copy what is left."""
        self._ended.set()
        self._thread.join()

    def _copy(self) -> None:
        line_bytes = 0
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        with self._log_file.open("rb") as reader:
            while True:
                last = self._ended.is_set()  # asked before reading: what came until then is read
                while chunk := reader.read(LONGEST_LINE_BYTES // 2):
                    head, _, tail = chunk.rpartition(b"\n")
                    if not head and line_bytes + len(tail) > LONGEST_LINE_BYTES:
                        sys.stdout.write("\n")
                        line_bytes = 0
                    # Ray reads the job's log as UTF-8, and stops at what is none.
                    sys.stdout.write(decoder.decode(chunk))
                    line_bytes = len(tail) + (line_bytes if not head else 0)
                sys.stdout.flush()
                if last:
                    return
                self._ended.wait(RELAY_INTERVAL_S)


if __name__ == "__main__":
    sys.exit(main())
