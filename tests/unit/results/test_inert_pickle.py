# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The inert reader of pickles: it reads data as pickle does, runs nothing, and can't be made to swell."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pickle
import pickle as op
import pickletools
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_curator_bench.results.tasks import reader as tasks_module
from pytest_curator_bench.results.tasks.aggregate import TaskFileError, summarize
from pytest_curator_bench.results.tasks.inert_machine import OPAQUE, InertObject, Reference
from pytest_curator_bench.results.tasks.inert_pickle import InertPickleError, load_inert
from pytest_curator_bench.results.tasks.reader import TasksError, read_tasks

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**600), 2**600)
    | st.floats(allow_nan=False)
    | st.text(max_size=250)
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner)
        | st.tuples()
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner)
        | st.tuples(inner, inner, inner, inner)
        | st.dictionaries(st.text(), inner)
    ),
    max_leaves=30,
)


@given(_PLAIN, st.sampled_from(PROTOCOLS), st.booleans())
def test_plain_data_is_read_as_pickle_reads_it(value: object, protocol: int, optimize: bool) -> None:
    """For data without objects there is no difference, in any protocol."""
    pickled = pickle.dumps(value, protocol)
    if optimize:
        pickled = pickletools.optimize(pickled)
    # In protocols below 3, bytes are a call, and no plain data.
    assume(not any(instruction.name == "GLOBAL" for instruction, *_ in pickletools.genops(pickled)))
    read = load_inert(pickled)
    assert read == value
    assert repr(read) == repr(value)  # 1, 1.0 and True are equal


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing but its own errors comes out of the reader."""
    with contextlib.suppress(InertPickleError, TaskFileError):
        summarize(load_inert(content), len(content))


@given(st.data())
def test_damaged_pickles_are_read_or_refused(data: st.DataObject) -> None:
    """The same for files that begin well and were changed in places."""
    task = {
        "task_id": "0",
        "stage_perf": [{"stage_name": "s", "process_time": 1.5, "custom_metrics": {"a": 2}}],
    }
    content = bytearray(pickle.dumps([task, task], data.draw(st.sampled_from(PROTOCOLS))))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InertPickleError, TaskFileError):
        summarize(load_inert(bytes(content)), len(content))


def test_sharing_survives() -> None:
    """An object that occurs twice is one object, and a list that contains itself does."""
    shared = ["x"]
    first, second = load_inert(pickle.dumps([shared, shared]))
    assert first is second
    cycle: list[Any] = []
    cycle.append(cycle)
    read = load_inert(pickle.dumps(cycle))
    assert read[0] is read


def test_what_is_not_kept() -> None:
    """Long text is cut, long bytes and numbers are skipped, sets become lists, keys strings."""
    read = load_inert(pickle.dumps(["x" * 2000, b"x" * 2000, 1 << 20_000, {7}, frozenset([8]), {1: 2, (3,): 4}], 4))
    assert read == ["x" * 1000 + "…", OPAQUE, OPAQUE, [7], [8], {"1": 2}]
    assert load_inert(pickle.dumps(bytearray(b"abc"), 5)) == b"abc"


def test_buffers_out_of_band_are_opaque() -> None:
    """Protocol 5 can keep buffers outside of the pickle."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps([pickle.PickleBuffer(b"abc")], 5, buffer_callback=buffers.append)
    assert buffers
    assert load_inert(pickled) == [OPAQUE]


def test_objects_become_descriptions() -> None:
    """What would be called, with what, and what would be set, is there to be looked at."""
    read = load_inert(pickle.dumps(functools.partial(os.system, "command")))
    assert isinstance(read, InertObject)
    assert isinstance(read.origin, Reference)
    assert (read.origin.module, read.origin.name) == ("functools", "partial")
    function = read.state[0]
    assert isinstance(function, Reference)
    assert function.name == "system"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_persistent_identifiers_are_inert(protocol: int) -> None:
    """They mean something to whoever wrote them alone."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> str | None:
            return "somewhere" if obj is Path else None

    file = io.BytesIO()
    Pickler(file, protocol).dump([Path, 1])
    first, second = load_inert(file.getvalue())
    assert isinstance(first, InertObject)
    assert second == 1


# Bombs: small files that ask for much.

_TUPLE_OF_MANY = op.MARK + op.NONE * 60_000 + op.TUPLE + op.MEMOIZE

_SYSTEM = b"os\nsystem\n"


def _text(value: str) -> bytes:
    encoded = value.encode()
    return op.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


BOMBS: dict[str, tuple[bytes, str]] = {
    "memo": (op.EMPTY_LIST + op.LONG_BINPUT + b"\xff\xff\xff\xff" + op.STOP, ""),
    "memo as text": (op.EMPTY_LIST + op.PUT + b"9" * 900 + b"\n" + op.STOP, ""),
    "negative memo": (op.EMPTY_LIST + op.PUT + b"-5\n" + op.GET + b"-5\n" + op.STOP, ""),
    "bytes": (op.BINBYTES8 + b"\xff" * 7 + b"\x7f" + op.STOP, "is cut off"),
    "bytearray": (op.BYTEARRAY8 + b"\0\0\0\0\x10\0\0\0" + op.STOP, "is cut off"),
    "text": (op.BINUNICODE8 + b"\xff" * 8 + op.STOP, "is cut off"),
    "frame": (op.FRAME + b"\xff" * 8 + op.NONE + op.STOP, ""),
    "number": (op.LONG4 + b"\xff\xff\xff\x7f" + op.STOP, "is cut off"),
    "number as text": (op.INT + b"9" * 200_000 + b"\n" + op.STOP, "instead of a list"),
    "nested lists": (op.EMPTY_LIST * 100_000 + op.APPEND * 99_999 + op.STOP, "holds a list where a task"),
    "nested tuples": (op.EMPTY_TUPLE + op.TUPLE1 * 200_000 + op.STOP, "instead of a list"),
    "nested states": (
        (op.GLOBAL + _SYSTEM + op.MEMOIZE + (op.BINGET + b"\0" + op.EMPTY_TUPLE + op.NEWOBJ) * 40_000)
        + (op.BUILD * 39_999 + op.STOP),
        "holds a system",
    ),
    "marks": (op.MARK * 200_000 + op.STOP, "is no pickle"),
    "calls with many arguments": (
        _TUPLE_OF_MANY + (op.GLOBAL + _SYSTEM + op.BINGET + b"\0" + op.REDUCE) * 10_000 + op.STOP,
        "holds a system",
    ),
    "one list in many pipelines": (
        op.EMPTY_DICT
        + op.MARK
        + _text("first")
        + op.EMPTY_LIST
        + op.MEMOIZE
        + op.MARK
        + (op.EMPTY_DICT + _text("stage_perf") + op.EMPTY_LIST + op.SETITEM) * 5000
        + op.APPENDS
        + b"".join(_text(str(number)) + op.BINGET + b"\0" for number in range(5000))
        + op.SETITEMS
        + op.STOP,
        "refers to the same lists over and over",
    ),
    "one list of statistics in many tasks": (
        op.EMPTY_LIST
        + op.MARK
        + op.EMPTY_DICT
        + _text("stage_perf")
        + op.EMPTY_LIST
        + op.MEMOIZE
        + op.MARK
        + (op.EMPTY_DICT + _text("stage_name") + op.NONE + op.SETITEM) * 3000
        + op.APPENDS
        + op.SETITEM
        + (op.EMPTY_DICT + _text("stage_perf") + op.BINGET + b"\0" + op.SETITEM) * 3000
        + op.APPENDS
        + op.STOP,
        "refers to the same lists over and over",
    ),
    "one mapping of metrics in many statistics": (
        op.EMPTY_LIST
        + op.EMPTY_DICT
        + _text("stage_perf")
        + op.EMPTY_LIST
        + op.MARK
        + (op.EMPTY_DICT + op.MARK + _text("stage_name") + op.NONE + _text("custom_metrics"))
        + (op.EMPTY_DICT + op.MEMOIZE + op.MARK)
        + b"".join(_text(str(number)) + op.NONE for number in range(5000))
        + (op.SETITEMS + op.SETITEMS)
        + (
            (op.EMPTY_DICT + op.MARK + _text("stage_name") + op.NONE + _text("custom_metrics"))
            + (op.BINGET + b"\0" + op.SETITEMS)
        )
        * 3000
        + op.APPENDS
        + op.SETITEM
        + op.APPEND
        + op.STOP,
        "refers to the same lists over and over",
    ),
    "keys with one hash": (
        op.EMPTY_DICT
        + op.MARK
        + b"".join(
            op.LONG1 + bytes([16]) + (number * (2**61 - 1)).to_bytes(16, "little") + op.NONE for number in range(10_000)
        )
        + op.SETITEMS
        + op.STOP,
        "",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_what_their_bytes_cost(tmp_path: Path, name: str) -> None:
    """Memory stays in proportion to the file, and the file is read as nothing or refused in one sentence."""
    content, complaint = BOMBS[name]
    assert len(content) <= tasks_module.MAX_BYTES_READ_HERE
    (tmp_path / "tasks.pkl").write_bytes(content)
    tracemalloc.start()
    try:
        if complaint:
            with pytest.raises(TasksError, match=complaint):
                read_tasks(tmp_path / "tasks.pkl")
        else:
            assert read_tasks(tmp_path / "tasks.pkl").tasks == []
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 40 * 1024**2
