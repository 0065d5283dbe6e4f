# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Our statistics of real pipelines' tasks equal those of NeMo Curator's own TaskPerfUtils."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from pytest_curator_bench.results.tasks.reader import read_tasks

pytestmark = [pytest.mark.curator, pytest.mark.slow]

SCRIPT = Path(__file__).parents[1] / "support" / "curator_pipelines.py"
LIMIT_S = 300
FILES = 4
ROWS = 160
STAGES = ["jsonl_reader", "word_count", "parquet_writer"]
REAL_PIPELINES = ["written", "with_data", "workflow"]
MADE_BY_HAND = ["by_hand", "by_hand_workflow", "by_hand_mapping", "by_hand_single_mapping", "by_hand_large"]


@pytest.fixture(scope="module")
def pickles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with every case's pickle and expected numbers: the pipelines run once."""
    pytest.importorskip("ray")
    pytest.importorskip("nemo_curator")
    work_dir = tmp_path_factory.mktemp("pipelines")
    mark = f"TASKS_EQUALITY={uuid.uuid4().hex}"
    # Ray's sockets need a short path.
    ray_dir = tempfile.mkdtemp(prefix="eq", dir="/tmp")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "LOGURU_LEVEL": "WARNING"}
    name, _, value = mark.partition("=")
    log = work_dir / "log"
    try:
        with log.open("wb") as output:
            status = subprocess.run(
                [sys.executable, str(SCRIPT), str(work_dir), ray_dir],
                env={**environment, name: value},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                check=False,
            ).returncode
    finally:
        _kill_marked(mark)
        shutil.rmtree(ray_dir, ignore_errors=True)
    assert status == 0, log.read_text(errors="replace")[-5000:]
    return work_dir


def _kill_marked(mark: str) -> None:
    """End what the script left, its Ray processes after a failure: they alone have the mark."""
    for directory in Path("/proc").iterdir():
        try:
            if directory.name.isdigit() and mark.encode() in (directory / "environ").read_bytes():
                os.kill(int(directory.name), signal.SIGKILL)
        except OSError:  # not ours to look at, or gone
            continue


@pytest.mark.parametrize("name", [*REAL_PIPELINES, *MADE_BY_HAND])
def test_aggregates_are_equal(pickles: Path, name: str) -> None:
    """The same metrics, with counts equal and times equal but for rounding."""
    expected = json.loads((pickles / f"{name}.json").read_bytes())
    result = read_tasks(pickles / f"{name}.pkl")
    assert result.warnings == ()
    assert expected
    assert list(result.aggregate) == list(expected)
    for key, value in expected.items():
        actual = result.aggregate[key]
        if key.endswith("num_items_processed_sum"):
            assert actual == value, key
        else:
            # A deviation of equal values consists of rounding errors alone, and differs.
            assert actual == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), key


def test_no_tasks(pickles: Path) -> None:
    """An empty list has no metrics for either."""
    assert json.loads((pickles / "by_hand_empty.json").read_bytes()) == {}
    assert read_tasks(pickles / "by_hand_empty.pkl").aggregate == {}


def test_the_pipelines_did_something(pickles: Path) -> None:
    """The numbers that were compared come from the input: every row was read, each file made a task."""
    written = read_tasks(pickles / "written.pkl")
    assert len(json.loads(written.records)) == FILES
    items = {key: value for key, value in written.aggregate.items() if key.endswith("num_items_processed_sum")}
    assert ROWS in items.values(), items
    assert len(items) == len(STAGES)
    workflow = read_tasks(pickles / "workflow.pkl")
    assert {record["pipeline"] for record in json.loads(workflow.records)} == {"removal"}


def test_records_have_every_task(pickles: Path) -> None:
    """Each task's record carries its identifier, its dataset and its stages, and nothing of its data."""
    records = json.loads(read_tasks(pickles / "with_data.pkl").records)
    assert len(records) == FILES
    assert len({record["task_id"] for record in records}) == FILES
    for record in records:
        assert set(record) == {"task_id", "dataset_name", "stage_perf"}
        stages = record["stage_perf"]
        assert isinstance(stages, list)
        assert [stage["stage_name"] for stage in stages] == STAGES[:2]
    assert "word word" in (pickles / "with_data.pkl").read_bytes().decode("latin-1")
    assert "word word" not in json.dumps(records)
