# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Run by test_tasks_equality.py: real pipelines, their tasks pickled, NeMo Curator's own aggregation beside.

For each case NAME it writes NAME.pkl and NAME.json into the directory that is its first argument. It starts a
small local Ray cluster in a process of its own, because the executor shuts Ray down after each pipeline.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

ROWS_PER_FILE = 40
FILES = 4

_CLUSTER = """\
import sys
import ray
context = ray.init(
    address="local", num_cpus=2, num_gpus=0, object_store_memory=200 * 1024**2, include_dashboard=False,
    _temp_dir=sys.argv[1], _node_ip_address="127.0.0.1", log_to_driver=False,
)
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


def main(work_dir: Path, ray_dir: str) -> None:
    """Run everything."""
    _write_input(work_dir / "input")
    with subprocess.Popen(
        [sys.executable, "-c", _CLUSTER, ray_dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        os.environ["RAY_ADDRESS"] = cluster.stdout.readline().strip()
        results = {
            "written": _read_filter_write(work_dir),
            "with_data": _read_filter(work_dir),
            "workflow": _remove_duplicates(work_dir),
        }
        cluster.stdin.close()
        cluster.wait(60)
    results |= _made_by_hand()
    for name, tasks in results.items():
        _save(work_dir / name, tasks)


def _save(path: Path, tasks: Any) -> None:
    from nemo_curator.tasks.utils import TaskPerfUtils

    path.with_suffix(".pkl").write_bytes(pickle.dumps(tasks))
    aggregate = TaskPerfUtils.aggregate_task_metrics(tasks, prefix="task")
    path.with_suffix(".json").write_text(json.dumps(aggregate))


def _write_input(input_dir: Path) -> None:
    input_dir.mkdir()
    for number in range(FILES):
        rows = [{"id": number * ROWS_PER_FILE + row, "text": "word " * (row % 10 + 1)} for row in range(ROWS_PER_FILE)]
        (input_dir / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _filter_stages(work_dir: Path) -> list[Any]:
    from nemo_curator.stages.text.filters import ScoreFilter
    from nemo_curator.stages.text.filters.heuristic.string import WordCountFilter
    from nemo_curator.stages.text.io.reader import JsonlReader

    return [
        JsonlReader(file_paths=str(work_dir / "input"), files_per_partition=1),
        ScoreFilter(WordCountFilter(min_words=4, max_words=100), text_field="text", score_field="words"),
    ]


def _run(stages: list[Any]) -> Any:
    from nemo_curator.backends.ray_data import RayDataExecutor
    from nemo_curator.pipeline import Pipeline

    return Pipeline(name="pipeline", stages=stages).run(RayDataExecutor())


def _read_filter_write(work_dir: Path) -> Any:
    """The usual pipeline: its tasks name the files that were written."""
    from nemo_curator.stages.text.io.writer import ParquetWriter

    return _run([*_filter_stages(work_dir), ParquetWriter(path=str(work_dir / "output"))])


def _read_filter(work_dir: Path) -> Any:
    """One that ends without a writer: its tasks carry the documents."""
    return _run(_filter_stages(work_dir))


def _remove_duplicates(work_dir: Path) -> Any:
    """A workflow, whose result has pipelines by name and metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from nemo_curator.backends.ray_data import RayDataExecutor
    from nemo_curator.stages.text.deduplication.removal_workflow import TextDuplicatesRemovalWorkflow

    pq.write_table(pa.table({"id": [1, 2, 50]}), work_dir / "ids.parquet")
    return TextDuplicatesRemovalWorkflow(
        input_path=str(work_dir / "input"),
        ids_to_remove_path=str(work_dir / "ids.parquet"),
        output_path=str(work_dir / "deduplicated"),
        input_filetype="jsonl",
        input_fields=["id", "text"],
        id_field="id",
        input_files_per_partition=1,
    ).run(RayDataExecutor())


def _made_by_hand() -> dict[str, Any]:
    """NeMo Curator's own classes in the constellations that small pipelines don't give."""
    import numpy as np
    import pyarrow as pa
    from nemo_curator.pipeline.workflow import WorkflowRunResult
    from nemo_curator.tasks import AudioTask, DocumentBatch, EmptyTask, FileGroupTask, Task
    from nemo_curator.utils.performance_utils import StagePerfStats

    random = np.random.default_rng(7)

    def stats(stage: str, **custom: Any) -> StagePerfStats:
        times = random.lognormal(size=3).tolist()
        return StagePerfStats(stage, *times, int(random.integers(1000)), custom)

    shared = stats("fan_out")
    tables: list[Task[Any]] = [
        DocumentBatch(dataset_name="pandas", data=pa.table({"text": ["a", None, "é" * 2000]}).to_pandas()),
        DocumentBatch(dataset_name="arrow", data=pa.table({"n": list(range(1000))})),
        AudioTask(data={"text": "x"}),
        EmptyTask(),
        *(FileGroupTask(dataset_name="files", data=[f"/{number}"]) for number in range(300)),
    ]
    for number, task in enumerate(tables):
        task.add_stage_perf(shared)
        task.add_stage_perf(stats("own", rows=number, ratio=np.float32(number / 7), loss=np.float64("nan")))
        task.add_stage_perf(stats("constant"))
        task._stage_perf[-1].process_time = 0.1  # its deviation consists of rounding errors alone
    workflow = WorkflowRunResult("by_hand", metadata={"total_time": np.float64(1.5)})
    workflow.add_pipeline_tasks("first", tables[:50])
    workflow.add_pipeline_tasks("second", tables[20:])
    workflow.add_pipeline_tasks("nothing", None)
    return {
        "by_hand": tables,
        "by_hand_workflow": workflow,
        "by_hand_mapping": {"one": tables[:9], "": tables[9:], "single": tables[0], "none": None},
        "by_hand_single_mapping": {"only": tables[:3]},
        "by_hand_large": tables * 20,
        "by_hand_empty": [],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
