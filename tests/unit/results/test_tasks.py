# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics from tasks.pkl: the shapes that are accepted, the numbers that come out, and what is refused."""

from __future__ import annotations

import io
import json
import math
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.results.tasks import child as tasks_child
from pytest_curator_bench.results.tasks import reader as tasks_module
from pytest_curator_bench.results.tasks.aggregate import summarize
from pytest_curator_bench.results.tasks.inert import TaskFileError, load_inert
from pytest_curator_bench.results.tasks.reader import TaskData, TasksError, read_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@dataclass(slots=True)
class Stats:
    """Looks like NeMo Curator's StagePerfStats from outside, down to its slots."""

    stage_name: str
    process_time: float = 0.0
    num_items_processed: int = 0
    custom_metrics: Any = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass
class Task:
    """Looks like NeMo Curator's Task from outside."""

    dataset_name: str = "data"
    data: Any = None
    _stage_perf: list[Stats] | None = field(default_factory=list)
    task_id: str = "0"


@dataclass(slots=True)
class SlottedTask(Task):
    """One with attributes both in slots and in its dictionary."""

    more: int = 1


class WorkflowRunResult:
    """Looks like NeMo Curator's from outside."""

    def __init__(self, pipeline_tasks: dict[str, Any]) -> None:
        self.workflow_name = "workflow"
        self.pipeline_tasks = pipeline_tasks
        self.metadata = {"total_time": 1.0}


def records_of(data: TaskData) -> list[dict[str, Any]]:
    """One per task."""
    records: list[dict[str, Any]] = json.loads(data.records)
    return records


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., TaskData]:
    """Pickle something and read it back."""

    def pickle_and_read(content: object, protocol: int = pickle.DEFAULT_PROTOCOL) -> TaskData:
        path = tmp_path / "tasks.pkl"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return read_tasks(path)

    return pickle_and_read


def two_tasks() -> list[Task]:
    """Two tasks with two stages, one of which recorded a metric of its own."""
    first = [Stats("read", 1.0, 10), Stats("filter", 2.0, 10, {"kept": 4})]
    second = [Stats("read", 3.0, 20), Stats("filter", 2.0, 20, {"kept": 6})]
    return [Task(_stage_perf=first, task_id="a"), Task(_stage_perf=second, task_id="b")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_list_of_tasks(read: Callable[..., TaskData], protocol: int) -> None:
    """Sums, means and population deviations per stage and metric, and a record per task."""
    result = read(two_tasks(), protocol)
    assert result.aggregate == {
        "task_read_process_time_sum": 4.0,
        "task_read_process_time_mean": 2.0,
        "task_read_process_time_std": 1.0,
        "task_read_num_items_processed_sum": 30.0,
        "task_read_num_items_processed_mean": 15.0,
        "task_read_num_items_processed_std": 5.0,
        "task_filter_process_time_sum": 4.0,
        "task_filter_process_time_mean": 2.0,
        "task_filter_process_time_std": 0.0,
        "task_filter_num_items_processed_sum": 30.0,
        "task_filter_num_items_processed_mean": 15.0,
        "task_filter_num_items_processed_std": 5.0,
        "task_filter_custom.kept_sum": 10.0,
        "task_filter_custom.kept_mean": 5.0,
        "task_filter_custom.kept_std": 1.0,
    }
    assert records_of(result)[0] == {
        "task_id": "a",
        "dataset_name": "data",
        "stage_perf": [
            {"stage_name": "read", "process_time": 1.0, "num_items_processed": 10, "custom_metrics": {}},
            {
                "stage_name": "filter",
                "process_time": 2.0,
                "num_items_processed": 10,
                "custom_metrics": {"kept": 4},
            },
        ],
    }
    assert result.warnings == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "make",
    [
        WorkflowRunResult,
        dict,
        OrderedDict,
        lambda pipelines: defaultdict(list, pipelines),
        lambda pipelines: {"pipeline_tasks": pipelines, "workflow_name": "w"},
    ],
)
def test_several_pipelines(
    read: Callable[..., TaskData], make: Callable[[dict[Any, Any]], object], protocol: int
) -> None:
    """Workflow results and mappings put the pipeline's name before the stage's, and into the records."""
    first, second = two_tasks()
    pipelines: dict[Any, Any] = {
        "one": [first],
        "two": (second,),
        "alone": first,
        "queue": deque([second]),
        "none": None,
        7: [],
    }
    result = read(make(pipelines), protocol)
    assert {key: value for key, value in result.aggregate.items() if key.endswith("read_process_time_sum")} == {
        "task_one_read_process_time_sum": 1.0,
        "task_two_read_process_time_sum": 3.0,
        "task_alone_read_process_time_sum": 1.0,
        "task_queue_read_process_time_sum": 3.0,
    }
    assert [record["pipeline"] for record in records_of(result)] == ["one", "two", "alone", "queue"]


@pytest.mark.parametrize("nothing", [[], {}, None, {"a": []}, {"a": None}, WorkflowRunResult({})])
def test_no_tasks_give_no_numbers(read: Callable[..., TaskData], nothing: object) -> None:
    """A run without tasks is no error."""
    assert read(nothing) == TaskData(aggregate={}, records="[]")


def test_shared_statistics_count_once_in_a_pipeline(read: Callable[..., TaskData]) -> None:
    """What a batch gives to all its outputs counts once; equal but separate objects count each."""
    shared = Stats("read", 1.0)
    tasks = [Task(_stage_perf=[shared, Stats("write", 1.0)]) for _ in range(5)]
    aggregate = read({"one": tasks, "two": tasks}).aggregate
    assert aggregate["task_one_read_process_time_sum"] == 1.0
    assert aggregate["task_two_read_process_time_sum"] == 1.0
    assert aggregate["task_one_write_process_time_sum"] == 5.0


def test_odd_tasks(read: Callable[..., TaskData]) -> None:
    """No statistics, statistics that are None or a tuple, attributes in slots, a number as identifier."""
    slotted = SlottedTask(_stage_perf=[Stats("read", 2.0)], task_id="slotted")
    odd = Task(_stage_perf=(Stats("read", 1.0),), task_id=5)  # type: ignore[arg-type]  # that is what is odd
    result = read([Task(_stage_perf=None), Task(), odd, slotted])
    assert [record["task_id"] for record in records_of(result)] == ["0", "0", "5", "slotted"]
    assert result.aggregate["task_read_process_time_sum"] == 3.0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("make", [dict, Counter, OrderedDict, lambda items: defaultdict(float, items)])
def test_custom_metrics_in_any_dictionary(
    read: Callable[..., TaskData], make: Callable[[dict[str, float]], object], protocol: int
) -> None:
    """Stages use counters and the like; what they hold is read, full and empty."""
    tasks = [Task(_stage_perf=[Stats("s", 0.0, 0, make({"a": 2})), Stats("s", 0.0, 0, make({}))])]
    result = read(tasks, protocol)
    assert result.aggregate["task_s_custom.a_sum"] == 2.0
    assert result.warnings == ()


def test_plain_records(read: Callable[..., TaskData]) -> None:
    """Scripts without NeMo Curator write dictionaries; numbers left out are zero, as in StagePerfStats."""
    result = read(
        [
            {"task_id": "t0", "stage_perf": [{"stage_name": "load", "process_time": 1.5}]},
            {"stage_perf": [{"stage_name": "load", "num_items_processed": 4, "custom_metrics": {"rows": 2}}]},
        ]
    )
    assert result.aggregate["task_load_process_time_sum"] == 1.5
    assert result.aggregate["task_load_num_items_processed_mean"] == 2.0
    assert result.aggregate["task_load_actor_idle_time_std"] == 0.0
    assert result.aggregate["task_load_custom.rows_mean"] == 2.0
    assert [record["task_id"] for record in records_of(result)] == ["t0", None]
    assert len(result.aggregate) == 15


def test_plain_records_in_pipelines(read: Callable[..., TaskData]) -> None:
    """They may stand wherever tasks may."""
    task = {"stage_perf": [{"stage_name": "load", "process_time": 1.5}]}
    assert read({"a": [task], "b": task}).aggregate["task_b_load_process_time_sum"] == 1.5


def test_metrics_that_are_no_numbers(read: Callable[..., TaskData]) -> None:
    """Text that float() takes is a number; anything else is left out with one warning per metric."""
    custom = {"text": "2.5", "word": "fast", "huge": 10**400, "none": None, "flag": True, "list": [1]}
    result = read([Task(_stage_perf=[Stats("s", 1.0, 0, custom), Stats("s", 2.0, 0, custom)])])
    assert result.aggregate["task_s_custom.text_sum"] == 5.0
    assert result.aggregate["task_s_custom.flag_sum"] == 2.0
    assert [warning.split("'")[1] for warning in result.warnings] == ["word", "huge", "none", "list"]
    assert result.aggregate["task_s_process_time_sum"] == 3.0
    assert records_of(result)[0]["stage_perf"][0]["custom_metrics"] == {"text": 2.5, "flag": True}


@pytest.mark.parametrize("protocol", [4, 5])
def test_numpy_scalars_are_numbers(read: Callable[..., TaskData], protocol: int) -> None:
    """Stages record numpy's numbers, too, of any width and byte order."""
    np = pytest.importorskip("numpy")
    custom: dict[str, Any] = {code: np.dtype(code).type(1) for code in np.typecodes["AllInteger"] + "efd?"}
    custom["swapped"] = np.array([1.5], dtype=">f8")[0]
    custom["negative"] = np.int64(-5)
    result = read([Task(_stage_perf=[Stats("s", np.float64(0.1), np.int32(3), custom)])], protocol)
    assert result.warnings == ()
    for code in np.typecodes["AllInteger"] + "efd?":
        assert result.aggregate[f"task_s_custom.{code}_sum"] == 1.0
    assert result.aggregate["task_s_custom.swapped_sum"] == 1.5
    assert result.aggregate["task_s_custom.negative_sum"] == -5.0
    assert result.aggregate["task_s_process_time_sum"] == 0.1


@given(st.lists(st.floats(), min_size=1, max_size=400))
def test_numbers_equal_those_of_numpy(values: list[float]) -> None:
    """Sum, mean and deviation are numpy's but for rounding, infinities and NaN included."""
    np = pytest.importorskip("numpy")
    stats = [{"stage_name": "s", "process_time": value} for value in values]
    aggregate = summarize([{"stage_perf": stats}], 10**6)["aggregate"]
    largest = max(map(abs, values))
    with np.errstate(all="ignore"):
        for name, function in (("sum", np.sum), ("mean", np.mean), ("std", np.std)):
            expected = float(function(np.asarray(values, dtype=float)))
            actual = aggregate[f"task_s_process_time_{name}"]
            # Where numpy's intermediate results leave the floats, ours need not.
            assert actual == pytest.approx(expected, rel=1e-9, abs=largest * 1e-12, nan_ok=True) or largest > 1e150


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text", "holds a str instead of a list of tasks"),
        (Task(), "holds a Task instead of a list of tasks"),
        (5, "holds a int instead of a list of tasks"),
        ([1], "holds a int where a task should be"),
        ([[]], "holds a list where a task should be"),
        ([Task], "holds the class Task where a task should be"),
        ([Path("x")], "where a task should be"),
        ({"a": "text"}, "holds a str for pipeline 'a'"),
        ([{"stage_perf": 5}], "holds a task whose statistics are a int"),
        ([{"stage_perf": [5]}], "holds a int where the statistics of a stage should be"),
        ([Task(_stage_perf=[Task()])], "holds a Task where the statistics of a stage"),  # type: ignore[list-item]
        (b"", "is empty"),
        (b"{}\n", "is no pickle"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "is no pickle"),
        (b"\x80\x06N.", "is no pickle, or a damaged one: unsupported pickle protocol: 6"),
        (b".", "is no pickle"),
    ],
)
def test_other_content_is_refused(read: Callable[..., TaskData], content: object, complaint: str) -> None:
    """One sentence, beginning with the file's name, says what is there instead."""
    with pytest.raises(TasksError) as caught:
        read(content)
    assert str(caught.value).startswith("tasks.pkl ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_that_is_cut_off(protocol: int) -> None:
    """Wherever a script was stopped in writing, the part is refused."""
    whole = pickle.dumps(two_tasks()[1:], protocol)
    for length in range(1, len(whole)):
        with pytest.raises(TaskFileError, match=r"is cut off|is no pickle"):
            load_inert(io.BytesIO(whole[:length]))


def test_a_missing_file(tmp_path: Path) -> None:
    """It is told from an unreadable one."""
    with pytest.raises(TasksError) as caught:
        read_tasks(tmp_path / "tasks.pkl")
    assert str(caught.value) == "tasks.pkl was not written"


def test_both_ways_of_reading_give_the_same(read: Callable[..., TaskData], monkeypatch: pytest.MonkeyPatch) -> None:
    """Small plain data is read here, the same data a process of its own reads if it has to, NaN included."""
    custom = {"nan": math.nan, "é\n": 1, "word": "fast"}
    tasks = [{"task_id": "a", "stage_perf": [{"stage_name": "s", "process_time": 1.5, "custom_metrics": custom}]}]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nonexistent")
        here = read(tasks)
    monkeypatch.setattr(tasks_module, "MAX_BYTES_READ_HERE", 0)
    there = read(tasks)
    assert repr(there) == repr(here)  # NaN is unequal to itself
    assert there.warnings
    assert records_of(there)[0]["stage_perf"][0]["custom_metrics"] == {"nan": "NaN", "é\n": 1}


def test_payloads_are_left_out(read: Callable[..., TaskData]) -> None:
    """What tasks carry is read with them, and goes no further."""
    assert "xxx" not in read([Task(data=b"x" * 10**6, _stage_perf=[Stats("s", 1.0)])]).records


def test_names_are_cut(read: Callable[..., TaskData]) -> None:
    """However long a script makes them."""
    aggregate = read([Task(_stage_perf=[Stats("s" * 10**6)])]).aggregate
    assert max(map(len, aggregate)) < 300


def test_a_large_file_of_something_else(read: Callable[..., TaskData]) -> None:
    """The process's complaint comes back as it is."""
    with pytest.raises(TasksError, match=r"tasks\.pkl holds a str where a task should be"):
        read(["x" * 1000] * 1_000_000)


def test_too_much_memory(read: Callable[..., TaskData], monkeypatch: pytest.MonkeyPatch) -> None:
    """Content that swells is stopped by the process's limit."""
    monkeypatch.setattr(tasks_module, "CHILD_MEMORY_BYTES", 64 * 1024**2)
    with pytest.raises(TasksError, match="needs more than 64 MiB of memory to be read"):
        read(b"\x80\x04(" + b"]" * 2_000_000 + b"l.")


def test_too_much_time(read: Callable[..., TaskData], monkeypatch: pytest.MonkeyPatch) -> None:
    """Content that takes forever is stopped, be it by its CPU time or by the clock."""
    slow = b"\x80\x04})" + b"\x942\x86" * 60 + b"Ns."  # a tuple of tuples as a key: its hash is that of 2**60 values
    monkeypatch.setattr(tasks_module, "CHILD_CPU_S", 1)
    with pytest.raises(TasksError, match="takes more than 1 s of CPU time to be read"):
        read(slow)
    monkeypatch.setattr(tasks_module, "CHILD_TIMEOUT_S", 0.001)
    with pytest.raises(TasksError, match=r"could not be read within 0\.001 s"):
        read(slow)


def test_a_process_that_fails(read: Callable[..., TaskData], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else happens to the process is an error of this file, not of the session."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(TasksError, match="its reader ended with status 1"):
        read(two_tasks())
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(TasksError, match="can't be read: No such file"):
        read(two_tasks())


def test_too_many_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many records are left out with a warning; the aggregate is whole."""
    monkeypatch.setattr(tasks_child, "MAX_RECORDS_CHARACTERS", 1000)
    pickled = pickle.dumps(two_tasks() * 50)
    head, records = tasks_child.answer_for(io.BytesIO(pickled), len(pickled)).splitlines()
    assert records == "[]"
    assert "records of 100 tasks" in head
    assert "task_read_process_time_sum" in head


def test_an_answer_that_is_too_long(read: Callable[..., TaskData], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the answer is written to can't grow without end."""
    limited = "import pytest_curator_bench.results.tasks.child as child; child.MAX_ANSWER_BYTES = 99; main(*"
    code = tasks_module._CHILD.replace("main(*", limited)
    monkeypatch.setattr(tasks_module, "_CHILD", code)
    with pytest.raises(TasksError, match="its reader ended with status 1 OSError"):
        read(two_tasks() * 50)
