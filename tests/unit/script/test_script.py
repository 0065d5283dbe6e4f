# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The helper for benchmark scripts: what it writes, when, and what it leaves alone."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_curator_bench.script import (
    Benchmark,
    CheckFailedError,
    count_documents,
    make_executor,
    ray_cluster,
    read_counts,
    total_bytes,
)

ROOT = Path(__file__).parents[3]
FILES = {"params.json", "metrics.json", "tasks.pkl"}


def benchmark(directory: Path, *arguments: str, **options: Any) -> Benchmark:
    """A benchmark that writes to the directory."""
    return Benchmark("test", argv=["--benchmark-results-path", str(directory), *arguments], **options)


def written(directory: Path) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Content of the three files, which must be all there is."""
    assert {path.name for path in directory.iterdir()} == FILES
    return (
        json.loads((directory / "params.json").read_text()),
        json.loads((directory / "metrics.json").read_text()),
        pickle.loads((directory / "tasks.pkl").read_bytes()),
    )


def start_script(tmp_path: Path, body: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a script whose ``with bench:`` block is the given one; returns it and its results directory."""
    script = tmp_path / "script.py"
    head = "import os, sys, time\nfrom pytest_curator_bench.script import Benchmark\n"
    script.write_text(head + "bench = Benchmark()\nwith bench:\n" + textwrap.indent(body, "    "))
    results = tmp_path / "results"
    command = [sys.executable, str(script), "--benchmark-results-path", str(results)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return process, results


class TestFiles:
    """The three files."""

    def test_all_three_are_written(self, tmp_path: Path) -> None:
        """Arguments become parameters, without the results path itself; metrics are as they were set."""
        bench = benchmark(tmp_path / "new" / "results", "--size", "3")
        bench.parser.add_argument("--size", type=int)
        with bench:
            assert bench.args.size == 3
            bench.params["mode"] = "batch"
            bench.metrics["rows"] = 7
        assert written(tmp_path / "new" / "results") == ({"size": 3, "mode": "batch"}, {"rows": 7}, [])

    def test_parameters_set_beforehand_win_over_arguments(self, tmp_path: Path) -> None:
        """What the script says of itself is what stands in params.json."""
        bench = benchmark(tmp_path, executor="ray_data")
        bench.params["executor"] = "none"
        with bench:
            pass
        assert written(tmp_path)[0] == {"executor": "none"}

    def test_params_of_the_runner_are_merged_into(self, tmp_path: Path) -> None:
        """Mappings are merged deeply; of other values the script's win; the rest stays."""
        (tmp_path / "params.json").write_text('{"ray": {"num_cpus": 2, "num_gpus": 0}, "timeout_s": 300}')
        with benchmark(tmp_path) as bench:
            bench.params |= {"ray": {"num_cpus": 1}, "size": 3}
        expected = {"ray": {"num_cpus": 1, "num_gpus": 0}, "timeout_s": 300, "size": 3}
        assert written(tmp_path)[0] == expected

    @pytest.mark.parametrize("content", ["{", "[1]", "\xff"])
    def test_a_params_file_that_is_no_mapping_is_replaced(self, tmp_path: Path, content: str) -> None:
        """The script's parameters are not lost for a file that somebody else broke."""
        (tmp_path / "params.json").write_text(content, encoding="latin-1")
        with benchmark(tmp_path, executor="xenna"):
            pass
        assert written(tmp_path)[0] == {"executor": "xenna"}

    def test_what_json_cannot_carry_is_converted(self, tmp_path: Path) -> None:
        """Paths and numpy's scalars, which scripts have at hand, don't break the files."""
        with benchmark(tmp_path) as bench:
            bench.params["path"] = Path("/data")
            bench.metrics["count"] = SimpleNamespace(tolist=lambda: 5)
        params, metrics, _ = written(tmp_path)
        assert (params["path"], metrics["count"]) == ("/data", 5)

    def test_params_are_there_from_the_beginning(self, tmp_path: Path) -> None:
        """A script that is killed later has told what it ran with."""
        with benchmark(tmp_path, executor="xenna"):
            assert json.loads((tmp_path / "params.json").read_text()) == {"executor": "xenna"}

    def test_an_exception_keeps_what_was_measured(self, tmp_path: Path) -> None:
        """The files are written, with the block that failed, and the exception goes on."""
        bench = benchmark(tmp_path)
        bench.metrics["rows"] = 7
        with pytest.raises(ZeroDivisionError), bench, bench.timed("time_taken_s"), bench.task("division"):
            raise ZeroDivisionError
        _, metrics, tasks = written(tmp_path)
        assert metrics["rows"] == 7
        assert metrics["time_taken_s"] > 0
        assert [task["stage_perf"][0]["stage_name"] for task in tasks] == ["division"]

    @pytest.mark.parametrize("name", sorted(FILES))
    def test_a_failed_write_leaves_the_old_file_whole(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """A file is replaced by a whole one or not at all, and no temporary file stays."""
        for file in FILES:
            (tmp_path / file).write_text("{}")

        def refuse(self: Path, target: Path) -> None:
            if target.name == name:
                raise OSError("disk full")
            os.replace(self, target)  # noqa: PTH105 - the method is what is replaced here

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="disk full"), benchmark(tmp_path) as bench:
            bench.metrics["rows"] = 7
        assert (tmp_path / name).read_text() == "{}"
        assert {path.name for path in tmp_path.iterdir()} == FILES


class TestProcess:
    """What happens when a script's process ends otherwise than by running to its end."""

    def test_failure_has_an_exit_status_and_keeps_the_metrics(self, tmp_path: Path) -> None:
        """An uncaught exception: traceback, status 1, files."""
        process, results = start_script(tmp_path, "bench.metrics['rows'] = 7\nraise RuntimeError('broken')")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "RuntimeError: broken" in errors
        assert written(results)[1] == {"rows": 7}

    def test_a_failed_check_is_one_sentence(self, tmp_path: Path) -> None:
        """Status 1 and the sentence alone on stderr, even from within a broad except."""
        body = "try:\n    bench.check_count('rows', 6, 7)\nexcept Exception:\n    pass"
        process, results = start_script(tmp_path, body)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (1, "Check failed: rows: expected 7, counted 6.\n")
        assert written(results)[1] == {}

    def test_sigterm_keeps_what_was_measured(self, tmp_path: Path) -> None:
        """The time limit's SIGTERM ends the script as ever, but the files are there."""
        body = "bench.metrics['rows'] = 7\nprint('ready', flush=True)\ntime.sleep(60)"
        process, results = start_script(tmp_path, body)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGTERM
        assert written(results)[1] == {"rows": 7}

    @pytest.mark.parametrize("ending", ["sys.exit(0)", "os.kill(os.getpid(), 15)"])
    def test_a_forked_child_writes_nothing(self, tmp_path: Path, ending: str) -> None:
        """A child that unwinds or is terminated inside the block leaves the parent's files alone."""
        body = f"""
            bench.metrics['who'] = 'parent'
            if (child := os.fork()) == 0:
                bench.metrics['who'] = 'child'
                {ending}
            os.waitpid(child, 0)
            print(os.path.exists(bench.results_path / 'metrics.json'))
        """
        process, results = start_script(tmp_path, textwrap.dedent(body))
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, "False\n")
        assert written(results)[1] == {"who": "parent"}

    def test_signal_handlers_are_left_as_they_were(self, tmp_path: Path) -> None:
        """Ours goes with the block, and one of somebody else's stays throughout."""
        before = signal.getsignal(signal.SIGTERM)
        with benchmark(tmp_path):
            pass
        assert signal.getsignal(signal.SIGTERM) is before
        try:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with benchmark(tmp_path):
                assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_importing_it_imports_nothing_heavy(self) -> None:
        """Scripts pay for what they import; the helper must not be a part of it."""
        heavy = ["pytest", "ray", "pydantic", "nemo_curator", "yaml", "rich", "psutil", "numpy", "pyarrow"]
        code = f"import sys, pytest_curator_bench.script; print([m for m in {heavy} if m in sys.modules])"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=True)
        assert run.stdout == "[]\n"


class TestArguments:
    """The command line."""

    def test_a_script_run_by_hand(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Without a results path it gets a temporary directory, and prints its metrics; with one it prints nothing."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with Benchmark(argv=[]) as bench:
            bench.metrics["rate"] = {"per_sec": 1234567.5}
        assert capsys.readouterr().out == f"rate.per_sec = 1,234,568\nresults: {bench.results_path}\n"
        assert bench.results_path.parent == tmp_path
        assert (bench.results_path / "metrics.json").exists()
        with benchmark(tmp_path):
            pass
        assert capsys.readouterr().out == ""

    def test_the_executor_is_one_of_three(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Where a script has executors, the argument has a default and knows their names."""
        with benchmark(tmp_path, executor="ray_data") as bench:
            assert bench.args.executor == "ray_data"
        with pytest.raises(SystemExit), benchmark(tmp_path, "--executor", "spark", executor="ray_data"):
            pytest.fail("the block ran")
        # Python 3.12 and later leave the quotes out.
        assert "choose from ray_data, xenna, ray_actors" in capsys.readouterr().err.replace("'", "")

    def test_without_executors_there_is_no_such_argument(self, tmp_path: Path) -> None:
        """A script that has no use for it does not pretend."""
        with pytest.raises(SystemExit), benchmark(tmp_path, "--executor", "xenna"):
            pytest.fail("the block ran")

    def test_unknown_executors_are_refused(self) -> None:
        """By name, with the names that there are."""
        with pytest.raises(ValueError, match="unknown executor 'spark'; there are ray_data, xenna"):
            make_executor("spark")

    def test_the_runners_cluster_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With RAY_ADDRESS set, none is started, and the environment stays as it is."""
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
        before = dict(os.environ)
        with ray_cluster("xenna") as address:
            assert (address, dict(os.environ)) == ("127.0.0.1:1", before)


@dataclass
class FakeTask:
    """What of NeMo Curator's tasks is looked at."""

    data: Any
    _stage_perf: list[Any] = field(default_factory=list)
    _metadata: dict[str, Any] = field(default_factory=dict)


class TestTasks:
    """Blocks and pipelines' tasks in tasks.pkl."""

    def test_blocks_are_records(self, tmp_path: Path) -> None:
        """Each block is one task with one stage; numbers may be told inside or beforehand."""
        with benchmark(tmp_path) as bench:
            with bench.task("loading", input_bytes=2**20) as block:
                block.items = 5
                block.custom_metrics["files"] = 2
            with bench.task("counting", items=3):
                pass
        loading, counting = written(tmp_path)[2]
        assert [loading["task_id"], counting["task_id"]] == ["block_0", "block_1"]
        [stage] = loading["stage_perf"]
        assert stage.pop("process_time") > 0
        assert stage == {
            "stage_name": "loading",
            "actor_idle_time": 0.0,
            "input_data_size_mb": 1.0,
            "num_items_processed": 5,
            "custom_metrics": {"files": 2},
        }
        assert counting["stage_perf"][0]["num_items_processed"] == 3

    def test_blocks_may_be_nested_and_repeated(self, tmp_path: Path) -> None:
        """An outer block's time includes the inner ones'; each run is a record."""
        with benchmark(tmp_path) as bench, bench.task("outer"):
            for _ in range(2):
                with bench.task("inner"):
                    sum(range(1000))
        stages = [task["stage_perf"][0] for task in written(tmp_path)[2]]
        assert [stage["stage_name"] for stage in stages] == ["inner", "inner", "outer"]
        assert stages[2]["process_time"] >= stages[0]["process_time"] + stages[1]["process_time"]

    def test_payloads_are_left_out(self, tmp_path: Path) -> None:
        """File names stay, data go; the caller's tasks are not touched."""
        files = FakeTask(["a.parquet"], ["perf"], {"source_files": ["a"], "embedding": [0.5]})
        data = FakeTask(b"x" * 10**6, ["perf"], {"note": "n" * 10**6})
        with benchmark(tmp_path) as bench:
            bench.add_tasks([files, data])
        assert written(tmp_path)[2] == [
            FakeTask(["a.parquet"], ["perf"], {"source_files": ["a"]}),
            FakeTask(None, ["perf"], {}),
        ]
        assert len(data.data) == 10**6

    def test_shared_statistics_stay_shared(self, tmp_path: Path) -> None:
        """Tasks of one batch share their statistics object, by which NeMo Curator counts it once."""
        perf = {"stage_name": "reader"}
        with benchmark(tmp_path) as bench:
            bench.add_tasks([FakeTask(None, [perf])])
            bench.add_tasks([FakeTask(None, [perf])])
        first, second = written(tmp_path)[2]
        assert first._stage_perf[0] is second._stage_perf[0]

    def test_workflows_keep_their_pipelines(self, tmp_path: Path) -> None:
        """A workflow's result, a mapping, and a named list become pipelines of their names."""
        task = FakeTask(None)
        with benchmark(tmp_path) as bench:
            bench.add_tasks(SimpleNamespace(pipeline_tasks={"removal": [task]}))
            bench.add_tasks({"minhash": (task, task), "lsh": None})
            bench.add_tasks([task], "removal")
        assert written(tmp_path)[2] == {"removal": [task, task], "minhash": [task, task], "lsh": []}

    def test_blocks_beside_pipelines_keep_their_names(self, tmp_path: Path) -> None:
        """They stand in the pipeline without a name, so their metrics are called as without pipelines."""
        with benchmark(tmp_path) as bench:
            with bench.task("loading"):
                pass
            bench.add_tasks([FakeTask(None)], "removal")
        pipelines = written(tmp_path)[2]
        assert list(pipelines) == ["removal", ""]
        assert len(pipelines[""]) == 1

    def test_a_pipeline_without_tasks_is_none(self, tmp_path: Path) -> None:
        """``Pipeline.run`` returns None where nothing comes out."""
        with benchmark(tmp_path) as bench:
            bench.add_tasks(None)
        assert written(tmp_path)[2] == []

    @pytest.mark.parametrize(
        ("tasks", "message"),
        [(3, "not int"), ("abc", "not str"), ([3], "int is no task"), ({"a": [3]}, "int is no task")],
    )
    def test_other_things_are_refused(self, tmp_path: Path, tasks: object, message: str) -> None:
        """By a sentence that names their type."""
        with benchmark(tmp_path) as bench, pytest.raises(TypeError, match=message):
            bench.add_tasks(tasks)


class TestCounts:
    """Counting, and checking counts."""

    def test_throughput_is_per_second(self, tmp_path: Path) -> None:
        """Documents and bytes over the given time."""
        bench = benchmark(tmp_path)
        bench.add_throughput(2.0, documents=10, num_bytes=400)
        assert bench.metrics == {"throughput_docs_per_sec": 5.0, "throughput_bytes_per_sec": 200.0}
        other = benchmark(tmp_path)
        other.add_throughput(2.0, documents=10)
        assert other.metrics == {"throughput_docs_per_sec": 5.0}

    def test_a_right_count_passes(self, tmp_path: Path) -> None:
        """And says nothing."""
        benchmark(tmp_path).check_count("rows", 7, 7)

    def test_lines_are_counted(self, tmp_path: Path) -> None:
        """Blank lines are none, a last line without newline is one."""
        file = tmp_path / "a.jsonl"
        file.write_text('{"id": 1}\n\n{"id": 2}\n{"id": 3}')
        assert count_documents([file, str(file)]) == 6
        assert total_bytes([file, file]) == 2 * file.stat().st_size

    def test_rows_are_counted(self, tmp_path: Path) -> None:
        """Parquet files tell in their footers."""
        parquet = pytest.importorskip("pyarrow.parquet")
        arrow = pytest.importorskip("pyarrow")
        parquet.write_table(arrow.table({"id": [1, 2, 3]}), tmp_path / "a.parquet")
        assert count_documents([tmp_path / "a.parquet"]) == 3

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        """A count of something unknown would be a guess."""
        with pytest.raises(ValueError, match=r"a\.csv: only \.parquet"):
            count_documents([tmp_path / "a.csv"])

    def test_no_manifest_states_no_counts(self) -> None:
        """Scripts check only what they were told."""
        assert read_counts(None) == {}

    @pytest.mark.parametrize("content", [None, "{", "[]", '{"counts": 3}', '{"counts": {"a": "b"}}'])
    def test_a_manifest_that_cannot_be_read_fails_the_check(self, tmp_path: Path, content: str | None) -> None:
        """A check that silently does not happen would be worse than none."""
        manifest = tmp_path / "manifest.json"
        if content is not None:
            manifest.write_text(content)
        with pytest.raises(CheckFailedError, match=r"manifest\.json can't be read"):
            read_counts(manifest)
