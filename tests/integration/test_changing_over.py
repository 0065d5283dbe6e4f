# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""An entry of the nightly configuration, with a script by NeMo Curator's conventions, on real Ray.

The script is our own: it has their arguments, a helper module beside it, and a pipeline of NeMo Curator.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.config import NIGHTLY
from tests.support.nemo_curator_files import assert_has_keys

if TYPE_CHECKING:
    from tests.support.bench_project import Project

pytestmark = [pytest.mark.curator, pytest.mark.slow]

HELPERS = """
import json, pickle

def setup_executor(name):
    if name == "ray_data":
        from nemo_curator.backends.ray_data import RayDataExecutor
        return RayDataExecutor()
    raise ValueError(name)

def write_benchmark_results(results, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for part in ("params", "metrics"):
        file = directory / f"{part}.json"
        merged = json.loads(file.read_text()) if file.exists() else {}
        merged.update(results[part])
        file.write_text(json.dumps(merged, default=str))
    (directory / "tasks.pkl").write_bytes(pickle.dumps(results["tasks"]))
"""

SCRIPT = """
import argparse, time
from pathlib import Path

from utils import setup_executor, write_benchmark_results

from nemo_curator.pipeline import Pipeline
from nemo_curator.stages.text.io.reader import JsonlReader
from nemo_curator.stages.text.io.writer import ParquetWriter

def main():
    parser = argparse.ArgumentParser()
    for name in ("--benchmark-results-path", "--input-path", "--output-path"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--executor", choices=["ray_data", "xenna"])
    parser.add_argument("--dataset-size-gb", type=float)
    args = parser.parse_args()
    results = {"params": vars(args), "metrics": {"is_success": False}, "tasks": []}
    try:
        stages = [JsonlReader(str(args.input_path)), ParquetWriter(str(args.output_path))]
        begin = time.perf_counter()
        tasks = Pipeline(name="modifier", stages=stages).run(setup_executor(args.executor))
        documents = sum(task._stage_perf[1].num_items_processed for task in tasks)
        rate = documents / (time.perf_counter() - begin)
        results["metrics"] = {
            "is_success": True, "num_documents_processed": documents, "throughput_docs_per_sec": rate
        }
        results["tasks"] = tasks
    finally:
        write_benchmark_results(results, args.benchmark_results_path)
    return 0 if results["metrics"]["is_success"] else 1

raise SystemExit(main())
"""

# What the guide asks of a newcomer: paths, and here a machine that is smaller than theirs.
OVERLAY = """
compat: nemo-curator
object_store_size: 150000000
ray: {num_cpus: 1, dashboard: false}
paths:
  - {name: datasets_path, host_path: data}
  - {name: results_path, host_path: ../results, container_path: null}
sinks: [{name: slack, enabled: false}]
entries:
  - name: modifier_raydata
    retries: 2  # Ray gives up its own start where the machine is busy
    retry_on: [error]
    requirements:
      num_documents_processed: {exact_value: 20}
      throughput_docs_per_sec: null
"""


def test_an_entry_of_the_nightly_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command as it is written; the script finds and keeps their parameters, and its result has their names."""
    monkeypatch.setenv("CURATOR_BENCH_IN_CONTAINER", "0")
    shutil.copy(NIGHTLY[0], project.path / "benchmarks")
    project.config(OVERLAY, name="benchmarks/overlay.yaml", head=False)
    project.script("utils.py", HELPERS)
    project.script("modifier_benchmark.py", SCRIPT)
    data = project.path / "benchmarks" / "data" / "commoncrawl" / "jsonl_data"
    data.mkdir(parents=True)
    for name in ("a", "b"):
        (data / f"{name}.jsonl").write_text('{"id": 1, "text": "to be or not to be"}\n' * 10)
    files = ("--bench-config", "overlay.yaml", "--bench-entry", "modifier_raydata")
    project.run(*files, config=NIGHTLY[0].name).assert_outcomes(passed=1)
    result = project.result("modifier_raydata")
    assert_has_keys("results.json", result)
    assert_has_keys("params.json", json.loads((project.session_dir / "modifier_raydata" / "params.json").read_text()))
    assert (result["params"]["executor"], result["params"]["ray_num_cpus"]) == ("ray_data", 1)
    assert result["metrics"]["num_documents_processed"] == 20
    assert result["metrics"]["task_parquet_writer_num_items_processed_sum"] == 20
    assert (result["exit_code"], result["requirements_not_met"]) == (0, {})
    assert (project.session_dir / "modifier_raydata" / "ray" / "ray-data" / "ray-data.log").is_file()
