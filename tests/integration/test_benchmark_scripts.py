# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The shipped benchmark scripts, run as processes on small data, with real Ray and real NeMo Curator."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.data_prep.prepare_offline_data import prepare
from pytest_curator_bench.script import ray_cluster
from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.data_prep.manifest import Manifest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "benchmarks" / "scripts"
FILTER_PIPELINE = "config/text/heuristic_filter_english_pipeline.yaml"
SNAPSHOT = "2023-06"

# For each script, the count in the manifest that a test falsifies, what the script calls it, and its metric; on the
# executors that no other test takes. Two CPUs are too few for Xenna's streaming mode, and enough for its batch mode.
WRONG_COUNTS = {
    "score_filter": ("ray_actors", "kept_by_filters", "documents kept", "num_kept_documents"),
    "removal": ("xenna", "duplicates", "duplicates removed", "num_duplicates_removed"),
    "common_crawl": ("ray_data", "warc_pages_with_text", "documents extracted", "num_documents_extracted"),
}

needs_curator = pytest.mark.skipif(
    importlib.util.find_spec("nemo_curator") is None, reason="NeMo Curator is not installed"
)


class Data:
    """Small offline data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest: Manifest = prepare(directory, documents=400, warc_files=2, pages_per_warc=40)
        self.counts = self.manifest.counts

    def arguments(self, script: str) -> list[str]:
        """The script's input arguments."""
        inputs = {
            "score_filter": ["--input-path", "documents"],
            "removal": [
                *["--input-path", "documents"],
                *["--ids-to-remove-path", "duplicates/ids_to_remove.jsonl"],
            ],
            "common_crawl": ["--html-extraction", "resiliparse", "--warc-path", "warc"],
        }
        arguments = [*inputs[script], "--manifest", "manifest.json"]
        return [str(self.directory / text) if (self.directory / text).exists() else text for text in arguments]


class Run:
    """A script that has run, and what it wrote."""

    def __init__(self, script: str, results: Path, arguments: list[str], **environment: str) -> None:
        command = [
            sys.executable,
            str(SCRIPTS / f"{script}_benchmark.py"),
            *arguments,
            "--benchmark-results-path",
            str(results),
        ]
        self.process = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            cwd=results,
            text=True,
            capture_output=True,
            timeout=170,
            check=False,
        )
        self.log = self.process.stdout + self.process.stderr
        self.results = results

    @property
    def returncode(self) -> int:
        """The exit status."""
        return self.process.returncode

    @property
    def metrics(self) -> dict[str, Any]:
        """Content of metrics.json."""
        metrics: dict[str, Any] = json.loads((self.results / "metrics.json").read_text())
        return metrics

    def assert_task_metrics_are_nemo_curators(self, stage: str) -> None:
        """The plugin's reader aggregates tasks.pkl as NeMo Curator does, and the stage is among the tasks."""
        from nemo_curator.tasks.utils import TaskPerfUtils

        from pytest_curator_bench.results.tasks.reader import read_tasks

        path = self.results / "tasks.pkl"
        aggregate = read_tasks(path).aggregate
        assert any(f"_{stage}_process_time" in name for name in aggregate), sorted(aggregate)
        tasks = pickle.loads(path.read_bytes())
        assert aggregate == pytest.approx(TaskPerfUtils.aggregate_task_metrics(tasks, prefix="task"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Small offline data, made once."""
    return Data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster for several scripts one after the other, with a dashboard, so that Xenna runs on it, too."""
    with ray_cluster("xenna", num_cpus=2, object_store_bytes=300_000_000) as address:
        yield address


class TestDemonstration:
    """The script without Ray."""

    def test_it_runs_by_itself(self, tmp_path: Path) -> None:
        """As a user tries it first."""
        run = Run("test", tmp_path, ["--iterations", "3", "--documents", "10"], RAY_ADDRESS="")
        assert run.returncode == 0, run.log
        assert run.metrics["num_documents_processed"] == 30
        assert run.metrics["num_words"] == 10 * 281
        documents_per_s = run.metrics["throughput_docs_per_sec"]
        assert documents_per_s == pytest.approx(30 / run.metrics["time_taken_s"])
        tasks = pickle.loads((tmp_path / "tasks.pkl").read_bytes())
        assert [task["stage_perf"][0]["stage_name"] for task in tasks] == ["data_loading"] + ["processing"] * 3

    def test_it_runs_under_the_debugger(self, tmp_path: Path) -> None:
        """With a breakpoint that is hit, inspected and left."""
        script = SCRIPTS / "test_benchmark.py"
        arguments = ["--benchmark-results-path", str(tmp_path), "--iterations", "1"]
        command = [sys.executable, "-m", "pdb", "-c", "break count_words", "-c", "continue", str(script)]
        run = subprocess.run(
            [*command, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": ""},
            input="p len(documents)\ncontinue\nquit\n",
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert "(Pdb) 200\n" in run.stdout, run.stdout + run.stderr
        assert {path.name for path in tmp_path.iterdir()} == {"params.json", "metrics.json", "tasks.pkl"}

    @needs_curator
    def test_it_uses_the_entrys_cluster(self, tmp_path: Path, cluster: str) -> None:
        """Ray counts the same."""
        run = Run("test", tmp_path, ["--iterations", "1", "--documents", "10"], RAY_ADDRESS=cluster)
        assert run.returncode == 0, run.log
        tasks = pickle.loads((tmp_path / "tasks.pkl").read_bytes())
        assert tasks[-1]["stage_perf"][0]["stage_name"] == "processing_on_ray"


@needs_curator
@pytest.mark.slow
@pytest.mark.curator
class TestPipelines:
    """The pipelines of NeMo Curator."""

    def test_score_filter_by_itself(self, tmp_path: Path, data: Data) -> None:
        """Without a runner it starts a cluster of its own, and counts what the reference counted."""
        arguments = [*data.arguments("score_filter"), "--output-path", str(tmp_path / "out")]
        run = Run("score_filter", tmp_path, arguments, RAY_ADDRESS="")
        assert run.returncode == 0, run.log
        assert run.metrics["num_documents_processed"] == 400
        assert run.metrics["num_kept_documents"] == data.counts["kept_by_filters"]
        assert run.metrics["num_input_bytes"] == data.counts["document_bytes"]
        bytes_per_s = data.counts["document_bytes"] / run.metrics["time_taken_s"]
        assert run.metrics["throughput_bytes_per_sec"] == pytest.approx(bytes_per_s)
        run.assert_task_metrics_are_nemo_curators("heuristic_filters")

    def test_score_filter_with_a_pipeline_of_nemo_curator(self, tmp_path: Path, data: Data, cluster: str) -> None:
        """The English heuristics that NeMo Curator's nightly runs, on the first file only."""
        import nemo_curator

        pipeline = Path(nemo_curator.__file__).parent / FILTER_PIPELINE
        arguments = ["--input-path", str(data.directory / "documents"), "--dataset-size-gb", "0.0000001"]
        arguments += ["--yaml-config", str(pipeline), "--output-path", str(tmp_path / "out")]
        run = Run("score_filter", tmp_path, arguments, RAY_ADDRESS=cluster)
        assert run.returncode == 0, run.log
        assert run.metrics["num_documents_processed"] == 200
        assert 0 < run.metrics["num_kept_documents"] < 200

    def test_removal(self, tmp_path: Path, data: Data, cluster: str) -> None:
        """Documents before and after, and what the workflow itself says, agree with the manifest."""
        arguments = [*data.arguments("removal"), "--output-path", str(tmp_path / "out")]
        run = Run("removal", tmp_path, arguments, RAY_ADDRESS=cluster)
        assert run.returncode == 0, run.log
        duplicates = data.counts["duplicates"]
        assert duplicates > 0
        assert run.metrics["num_duplicates_removed"] == duplicates
        assert run.metrics["num_duplicates_removed_by_workflow"] == duplicates
        assert run.metrics["num_kept_documents"] == 400 - duplicates
        run.assert_task_metrics_are_nemo_curators("DuplicatesRemovalStage")

    def test_common_crawl_offline(self, tmp_path: Path, data: Data, cluster: str) -> None:
        """Every page with text becomes a document, and no other does."""
        arguments = [*data.arguments("common_crawl"), "--output-path", str(tmp_path / "out")]
        run = Run("common_crawl", tmp_path, arguments, RAY_ADDRESS=cluster)
        assert run.returncode == 0, run.log
        assert run.metrics["num_documents_extracted"] == data.counts["warc_pages_with_text"]
        assert run.metrics["num_pages"] == 80 > run.metrics["num_documents_extracted"]
        assert run.metrics["num_input_bytes"] == data.counts["warc_bytes"]
        run.assert_task_metrics_are_nemo_curators("parquet_writer")

    @pytest.mark.skipif(shutil.which("wget") is None, reason="NeMo Curator downloads with wget: not found")
    def test_common_crawl_from_the_network(self, tmp_path: Path, data: Data, cluster: str) -> None:
        """A mirror on this machine: index, list of files, and one of the two files, as --url_limit says."""
        with mirror(data.directory / "warc", tmp_path / "mirror") as url:
            arguments = ["--data-prefix", url, "--index-prefix", url, "--url_limit", "1"]
            arguments += ["--start_snapshot", "2023-01", "--end_snapshot", "2023-10"]
            arguments += ["--html_extraction", "resiliparse", "--output_format", "jsonl"]
            arguments += ["--download_path", str(tmp_path / "warc"), "--output_path", str(tmp_path / "out")]
            run = Run("common_crawl", tmp_path, arguments, RAY_ADDRESS=cluster)
        assert run.returncode == 0, run.log
        [downloaded] = (tmp_path / "warc").iterdir()
        assert run.metrics["num_input_bytes"] == downloaded.stat().st_size
        assert 0 < run.metrics["num_documents_extracted"] < data.counts["warc_pages_with_text"]
        assert len(list((tmp_path / "out").glob("*.jsonl"))) == 1


@needs_curator
@pytest.mark.curator
class TestChecks:
    """What must fail."""

    @pytest.mark.slow
    @pytest.mark.parametrize("script", WRONG_COUNTS)
    def test_a_wrong_count_fails(self, tmp_path: Path, data: Data, cluster: str, script: str) -> None:
        """The last line says which; exit status 1; what was measured stays, and is the same on every executor."""
        executor, count, what, metric = WRONG_COUNTS[script]
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps({"counts": {**data.counts, count: -1}}))
        arguments = [*data.arguments(script), "--manifest", str(manifest), "--executor", executor]
        run = Run(script, tmp_path, [*arguments, "--output-path", str(tmp_path / "out")], RAY_ADDRESS=cluster)
        assert run.returncode == 1, run.log
        last_line = run.log.splitlines()[-1]
        assert last_line == f"Check failed: {what}: expected -1, counted {data.counts[count]}."
        assert run.metrics["time_taken_s"] > 0
        assert run.metrics[metric] == data.counts[count]

    @pytest.mark.parametrize(
        ("script", "arguments", "message"),
        [
            ("common_crawl", [], "give either --warc-path (offline) or --download-path (network)"),
            ("common_crawl", ["--warc-path", "w", "--download-path", "d"], "give either --warc-path"),
            (
                "common_crawl",
                ["--warc-path", "w", "--manifest", "m", "--record-limit", "1"],
                "leave --record",
            ),
            ("common_crawl", ["--download-path", "d", "--crawl-type", "news", "--index-prefix", "x"], "news"),
            (
                "score_filter",
                ["--input-path", "i", "--manifest", "m", "--dataset-size-gb", "1"],
                "leave --data",
            ),
            ("score_filter", ["--input-path", "none"], "There are no .jsonl files in none."),
            ("removal", ["--input-path", "none", "--ids-to-remove-path", "i"], "no .jsonl files in none."),
            (
                "score_filter",
                ["--input-path", ".", "--manifest", "m.json"],
                "The manifest m.json can't be read",
            ),
            ("test", ["--iterations", "0"], "must be at least 1"),
        ],
    )
    def test_wrong_arguments_fail_before_anything_starts(
        self, tmp_path: Path, script: str, arguments: list[str], message: str
    ) -> None:
        """One sentence, and no cluster is started for it."""
        if script != "test":
            arguments = [*arguments, "--output-path", str(tmp_path / "out")]
        run = Run(script, tmp_path, arguments, RAY_ADDRESS="")
        assert run.returncode in {1, 2}
        assert message in run.process.stderr
        assert "Traceback" not in run.log


@contextmanager
def mirror(warc_dir: Path, directory: Path) -> Iterator[str]:
    """A server on this machine that looks like Common Crawl's; gives its URL."""
    snapshot = f"CC-MAIN-{SNAPSHOT}"
    below = directory / "crawl-data" / snapshot
    below.mkdir(parents=True)
    (directory / "collinfo.json").write_text(json.dumps([{"id": snapshot}, {"id": "CC-MAIN-2024-10"}]))
    names = []
    for path in sorted(warc_dir.iterdir()):
        shutil.copy(path, below)
        names.append(f"crawl-data/{snapshot}/{path.name}\n")
    (below / "warc.paths.gz").write_bytes(gzip.compress("".join(names).encode()))
    handler = partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(LIMIT_S)
