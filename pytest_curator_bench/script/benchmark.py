# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A benchmark's arguments, timing and result files."""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pytest_curator_bench._util.atomic import read_json_object, write_bytes, write_json
from pytest_curator_bench._util.plain import to_plain
from pytest_curator_bench.script.cluster import EXECUTORS
from pytest_curator_bench.script.counts import CheckFailedError
from pytest_curator_bench.script.tasks import StageRecord, TaskList, pickle_tasks
from pytest_curator_bench.script.values import plainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType, TracebackType

__all__ = ["Benchmark", "Stopwatch", "TaskBlock"]


@dataclass(slots=True, kw_only=True)
class TaskBlock:
    """The work of a block of :meth:`Benchmark.task`; fill in what is known only inside the block.

    Attributes:
        items: number of items that the block processed.
        input_bytes: size of its input, in bytes.
        custom_metrics: further numbers.
    """

    items: int = 0
    input_bytes: int = 0
    custom_metrics: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Stopwatch:
    """The time that a block of :meth:`Benchmark.timed` took.

    Attributes:
        elapsed_s: in seconds; 0 until the block has ended.
    """

    elapsed_s: float = 0.0


class Benchmark:
    """One run of a benchmark: parses the arguments, and writes the three result files when it ends.

    Use it as a context manager. It writes params.json when the block begins, and metrics.json and tasks.pkl when
    the block ends: also when it raises, and when SIGTERM ends the process, which the plugin sends at the time limit.
    Exceptions go on, so the exit status reports them. Every file is written atomically.

    Attributes:
        parser: the command line; add the script's own arguments to it before the block begins.
        args: the parsed arguments; there from the block's beginning.
        results_path: the directory that the files go to; created where missing. Without the argument
            ``--benchmark-results-path`` it is a new temporary directory, and the metrics are printed at the end.
        params: what the benchmark ran with; all arguments, to begin with. They are merged into an existing
            params.json: mappings recursively; other values of the script take precedence.
        metrics: what was measured: anything that JSON can carry, scalars and arrays of numpy, tensors of torch,
            paths, dates, enums and dataclasses.
    """

    def __init__(
        self,
        description: str | None = None,
        *,
        executor: str | None = None,
        argv: Sequence[str] | None = None,
    ) -> None:
        """Declare the command line.

        Args:
            description: what the script measures, for ``--help``.
            executor: default of the argument ``--executor``, one of ``EXECUTORS``; without it there is none.
            argv: arguments to parse instead of those of the process.
        """
        self.parser = argparse.ArgumentParser(description=description)
        self.parser.add_argument(
            "--benchmark-results-path",
            type=Path,
            metavar="DIR",
            help="where the results go (default: a new temporary directory; the metrics are printed then)",
        )
        if executor is not None:
            self.parser.add_argument(
                "--executor", choices=EXECUTORS, default=executor, help="what runs it (default: %(default)s)"
            )
        self.args = argparse.Namespace()
        self.results_path = Path()
        self.params: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self._argv = argv
        self._tasks = TaskList()
        self._by_hand = False
        self._owner_pid: int | None = None
        self._former_handler: Any = None

    def __enter__(self) -> Self:
        """Parse the arguments and write params.json.

        Raises:
            SystemExit: the arguments are wrong, or help was asked for.
            OSError: the results directory can't be written.
        """
        self.args = self.parser.parse_args(self._argv)
        arguments = dict(vars(self.args))
        results_path = arguments.pop("benchmark_results_path")
        self._by_hand = results_path is None
        self.results_path = results_path or Path(tempfile.mkdtemp(prefix="benchmark-"))
        self.params = {**arguments, **self.params}
        self.results_path.mkdir(parents=True, exist_ok=True)
        self._owner_pid = os.getpid()
        self._write_params()
        self._catch_sigterm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owner_pid != os.getpid():
            return  # a forked child that unwinds its parent's stack has nothing to report
        self._release_sigterm()
        self._write_files()
        if self._by_hand:
            from pytest_curator_bench.results.metrics import metric_lines

            print(*metric_lines(_plain(self.metrics)), f"results: {self.results_path}", sep="\n")  # noqa: T201

    @contextmanager
    def task(self, name: str, *, items: int = 0, input_bytes: int = 0) -> Iterator[TaskBlock]:
        """Measure a block of the script's own work as a stage, in tasks.pkl beside those of pipelines.

        Blocks may be nested (the outer one's time includes the inner one's) and repeated (each run is a
        record of its own, and the plugin gives their sum, mean and deviation).

        Args:
            name: the stage's name.
            items: number of items that the block processes, if known beforehand.
            input_bytes: size of its input, in bytes.
        """
        block = TaskBlock(items=items, input_bytes=input_bytes)
        start = time.perf_counter()
        try:
            yield block
        finally:
            self._tasks.add_record(
                StageRecord(
                    stage_name=name,
                    process_time=time.perf_counter() - start,
                    input_data_size_mb=block.input_bytes / 2**20,  # as NeMo Curator counts them
                    num_items_processed=block.items,
                    custom_metrics=dict(block.custom_metrics),
                )
            )

    @contextmanager
    def timed(self, metric: str = "time_taken_s") -> Iterator[Stopwatch]:
        """Measure the wall time of a block, in seconds, into a metric."""
        watch = Stopwatch()
        start = time.perf_counter()
        try:
            yield watch
        finally:
            watch.elapsed_s = self.metrics[metric] = time.perf_counter() - start

    def add_tasks(self, tasks: object, name: str = "") -> None:
        """Add the tasks that a pipeline or workflow of NeMo Curator returned, for its statistics per stage.

        tasks.pkl keeps the statistics of tasks and leaves their data out.

        Args:
            tasks: tasks, a mapping of pipeline names to tasks, a ``WorkflowRunResult``, or None for no tasks.
            name: the pipeline's name, needed where there is more than one pipeline and tasks come without a name.

        Raises:
            TypeError: ``tasks`` is something else.
        """
        self._tasks.add_tasks(tasks, name)

    def add_throughput(self, seconds: float, *, documents: int, num_bytes: int | None = None) -> None:
        """Add the metric ``throughput_docs_per_sec`` and, of ``num_bytes``, ``throughput_bytes_per_sec``.

        Args:
            seconds: time that the work took; above 0.
            documents: number of documents.
            num_bytes: size of the input, in bytes.
        """
        self.metrics["throughput_docs_per_sec"] = documents / seconds
        if num_bytes is not None:
            self.metrics["throughput_bytes_per_sec"] = num_bytes / seconds

    def check_count(self, what: str, actual: int, expected: int) -> None:
        """Fail the benchmark with :class:`CheckFailedError` if a count is not what it must be."""
        if actual != expected:
            raise CheckFailedError(f"Check failed: {what}: expected {expected}, counted {actual}.")

    def _write_files(self) -> None:
        self._write_params()
        write_json(self.results_path / "metrics.json", _plain(self.metrics))
        write_bytes(self.results_path / "tasks.pkl", pickle_tasks(self._tasks))

    def _write_params(self) -> None:
        path = self.results_path / "params.json"
        write_json(path, _merged(read_json_object(path), _plain(self.params)))

    def _catch_sigterm(self) -> None:
        """Write the files on SIGTERM, then die of it; a handler of somebody else's is left alone."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            self._former_handler = signal.signal(signal.SIGTERM, self._on_sigterm)

    def _release_sigterm(self) -> None:
        if self._former_handler is not None and signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, self._former_handler)

    def _on_sigterm(self, signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        try:
            if self._owner_pid == os.getpid():  # forked children have the handler, too
                self._write_files()
        finally:
            os.kill(os.getpid(), signum)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(values, strict=True, convert=plainer)  # type: ignore[assignment]  # a dictionary stays one
    return plain


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        below = merged.get(name)
        merged[name] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
