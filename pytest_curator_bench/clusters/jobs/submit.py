# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The part of a job that runs here, in place of the script: submits it, shows its log, brings its results back.

Run as ``python -m pytest_curator_bench.clusters.jobs.submit`` under the ordinary supervisor, with a
:class:`.order.JobOrder` in its environment. Its standard output is the script's log. SIGTERM stops the job
(the supervisor sends it on the limit, on Ctrl-C, and when the harness dies). It ends as the script has ended,
and leaves what else is known of it in ``job.json`` in the entry's directory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_curator_bench._util.atomic import read_regular, write_bytes, write_json
from pytest_curator_bench.clusters.internals import JOB_STOP_WAIT
from pytest_curator_bench.clusters.jobs.handover import HandoverReader
from pytest_curator_bench.clusters.jobs.order import JOB_NAME, ORDER_VARIABLE, JobOrder, JobReport
from pytest_curator_bench.clusters.jobs.package import PackageError, write_package
from pytest_curator_bench.clusters.proxies import proxy_in_use
from pytest_curator_bench.results.outputs import PARAMS_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray.job_submission import JobSubmissionClient

__all__: list[str] = []

# exec: so that the signals which stop a job reach Python, and its exit status is the job's.
ENTRYPOINT = 'exec "$(command -v python || command -v python3)" -m pytest_curator_bench.clusters.jobs.remote'
SUBMIT_LIMIT_S = 300.0
REQUEST_LIMIT_S = 20.0
STOP_REQUEST_LIMIT_S = 2.0
SILENCE_LIMIT_S = 45.0  # a dashboard that does not answer for so long is lost; a restart of its process takes less
RETRY_INTERVAL_S = 0.5

_T = TypeVar("_T")


class _JobError(Exception):
    """One sentence about the cluster, not about the script."""


class Job:
    """One job, from its package to its report."""

    def __init__(self, order: JobOrder) -> None:
        self._order = order
        self._stopping = asyncio.Event()
        self._reader = HandoverReader(order.word, _show)
        self._seen = 0
        self.problem: str | None = None

    async def run(self) -> None:
        """Submit the job and follow it to its end, or to the deadline after a stop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopping.set)
        try:
            client = await self._submit()
            await self._until_end(client)
        except _JobError as error:
            self.problem = str(error)
        self._reader.close()

    def report(self) -> JobReport:
        """What is known of the job now."""
        received = self._reader.received
        summary = received.summary or {}
        # A file that was damaged on its way is not the script's doing.
        problems = [self.problem, summary.get("problem"), *received.problems]
        return JobReport(
            url=self._order.url,
            submission_id=self._order.submission_id,
            command=self._order.command(summary.get("job_dir")),
            summary=summary,
            problem=next((problem for problem in problems if problem), None),
            warnings=list(summary.get("warnings", ())),
        )

    def keep_files(self) -> None:
        """Write the files that came back into the entry's directory; raises OSError."""
        for name, content in self._reader.received.files.items():
            write_bytes(self._order.entry_dir / name, content, durable=False)

    async def _submit(self) -> JobSubmissionClient:
        params = json.loads(read_regular(self._order.entry_dir / PARAMS_NAME))
        with tempfile.TemporaryDirectory(prefix="pcb-job-") as directory:
            package = Path(directory, "job.zip")
            try:
                write_package(package, self._order.script, self._order.for_cluster(params))
            except PackageError as error:
                raise _JobError(str(error)) from None

            def submit() -> JobSubmissionClient:
                from ray.job_submission import JobSubmissionClient

                client = JobSubmissionClient(self._order.url)
                client.submit_job(
                    entrypoint=ENTRYPOINT,
                    submission_id=self._order.submission_id,
                    runtime_env={
                        "working_dir": str(package),
                        "env_vars": {JOB_STOP_WAIT: str(max(int(self._order.grace_s), 1))},
                    },
                    metadata={"curator_bench_entry": self._order.name},
                )
                return client

            try:
                return await _in_thread(submit, SUBMIT_LIMIT_S)
            except Exception as error:
                raise _JobError(f"The job could not be submitted to {self._where()}: {_first_line(error)}") from error

    async def _until_end(self, client: JobSubmissionClient) -> None:
        follower = asyncio.create_task(self._follow(client))
        stopper = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({follower, stopper}, return_when=asyncio.FIRST_COMPLETED)
        if not follower.done():
            # A second less than the grace period of whoever told us: nobody hears us afterwards.
            deadline = time.monotonic() + max(self._order.grace_s - 1, 1)
            while not follower.done() and time.monotonic() < deadline:
                pause_s = RETRY_INTERVAL_S
                with suppress(Exception):  # a request that fails, whatever the reason, is made again until the deadline
                    await _in_thread(lambda: client.stop_job(self._order.submission_id), STOP_REQUEST_LIMIT_S)
                    pause_s = max(deadline - time.monotonic(), 0)
                await asyncio.wait({follower}, timeout=pause_s)
        stopper.cancel()
        if follower.done():
            follower.result()
        else:
            follower.cancel()

    async def _follow(self, client: JobSubmissionClient) -> None:
        """Show the log until the job has ended; a broken connection is taken up again where it broke."""
        heard_at = time.monotonic()
        while True:
            try:
                position = 0
                async for text in client.tail_job_logs(self._order.submission_id):
                    heard_at = time.monotonic()
                    self._take(text, position)
                    position += len(text)
                info = await _in_thread(lambda: client.get_job_info(self._order.submission_id), REQUEST_LIMIT_S)
                heard_at = time.monotonic()
                if info.status.is_terminal():
                    await self._complete(client)
                    self._explain(info)
                    return
            except Exception as error:
                if time.monotonic() - heard_at > SILENCE_LIMIT_S:
                    raise _JobError(
                        f"The cluster at {self._where()} no longer answers: {_first_line(error)}"
                    ) from error
            await asyncio.sleep(RETRY_INTERVAL_S)

    def _where(self) -> str:
        return f"{self._order.url}{proxy_in_use(self._order.url, os.environ)}"

    def _take(self, text: str, position: int) -> None:
        """Feed what was not seen before; every connection begins at the log's beginning."""
        fresh = text[max(self._seen - position, 0) :]
        if fresh:
            self._reader.feed(fresh)
            self._seen = position + len(text)

    async def _complete(self, client: JobSubmissionClient) -> None:
        """Fetch the log as a whole where following it has missed its end."""
        if not self._reader.received.complete:
            with suppress(Exception):  # the node that has the log may be gone: then the job's own reason is told
                log = await _in_thread(lambda: client.get_job_logs(self._order.submission_id), REQUEST_LIMIT_S)
                self._take(log, 0)

    def _explain(self, info: Any) -> None:
        """Say why, if the job has ended and its part on the cluster could not say how."""
        if self._reader.received.complete or self._stopping.is_set():
            return
        message = next(iter((info.message or "").strip().splitlines()), "") or f"its status is {info.status.value}"
        hint = ""
        if info.driver_exit_code in {126, 127}:
            hint = "; python must be on the PATH of the cluster's nodes"
        self.problem = f"The job ended on the cluster without handing over its results: {message[:500]}{hint}"


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


async def _in_thread(call: Callable[[], _T], limit_s: float) -> _T:
    """Ray's client knows no limits of its own."""
    return await asyncio.wait_for(asyncio.to_thread(call), limit_s)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def main() -> None:
    """Run the order in the environment, and end as the script has ended."""
    order = JobOrder.from_text(os.environ.pop(ORDER_VARIABLE))
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # it is a file
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.disable(logging.WARNING)  # Ray's client logs to where the script's log goes
    job = Job(order)
    # Not asyncio.run(): that would wait for threads in which Ray's client still waits for an answer.
    asyncio.new_event_loop().run_until_complete(job.run())
    report = job.report()
    try:
        job.keep_files()
    except OSError as error:
        report.problem = f"The results could not be written to {order.entry_dir}: {error.strerror or error}"
    with suppress(OSError):  # the runner misses it, and says so
        write_json(order.entry_dir / JOB_NAME, report.to_dict(), durable=False)
    if report.problem:
        _show(f"{report.problem}\n")
    _end_as(report.summary)


def _end_as(summary: dict[str, Any]) -> None:
    """End by the script's own signal or exit status; 1 where it is unknown."""
    sys.stdout.flush()
    name = summary.get("signal")
    if name and (signum := getattr(signal, name, None)):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # nobody can handle SIGKILL
            signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
    # Threads that still wait for an answer of the dashboard must not keep the process.
    os._exit(summary["returncode"] if isinstance(summary.get("returncode"), int) else 1)


if __name__ == "__main__":
    main()
