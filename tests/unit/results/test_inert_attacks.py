# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Pickles that would run something when they are unpickled, or ask for much: nothing runs, and costs are limited."""

from __future__ import annotations

import contextlib
import copyreg
import functools
import io
import operator
import os
import pickle
import pickle as op
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench.results.tasks import reader as tasks_module
from pytest_curator_bench.results.tasks.child import answer_for
from pytest_curator_bench.results.tasks.inert import Inert, TaskFileError, load_inert
from pytest_curator_bench.results.tasks.reader import TasksError, read_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# Attacks. Each is tried on pickle first, to see that it is one: it makes a file. Then here: it must not.


class Reduce:
    """Pickles as a call of a function, which may be such a call itself."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce_ex__(self, _: object) -> Any:
        return self.call

    def __call__(self) -> None:
        """Pickle insists that functions are callable."""


class ActsWhenMade:
    """A class that acts in __new__."""

    def __new__(cls, path: str) -> Self:
        """Act."""
        touch(path)
        return super().__new__(cls)

    def __init__(self, path: str) -> None:
        self.path = path

    def __getnewargs__(self) -> tuple[str]:
        return (self.path,)


class ActsWhenReconstructed:
    """A class that acts in __init__, as a base for copyreg to call."""

    def __new__(cls, _: str) -> Self:
        """Take what __init__ takes."""
        return super().__new__(cls)

    def __init__(self, path: str) -> None:
        touch(path)


class ActsWhenStateIsSet:
    """A class that acts in __setstate__."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __setstate__(self, state: dict[str, str]) -> None:
        touch(state["path"])


class ActsWhenFilled(dict[str, int]):
    """A plain type's subclass that acts when an item is set."""

    def __setitem__(self, key: str, value: int) -> None:
        touch(key)


class ActsWhenHashed:
    """A class that acts as a key."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __hash__(self) -> int:
        if hasattr(self, "path"):
            touch(self.path)
        return 1


class HasStateSetter:
    """An object whose state a function of the attacker's sets."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (dict, (), self.path, None, None, _touch_second)


def touch(path: str) -> None:
    """Make the file."""
    Path(path).touch()


def _touch_second(_: object, path: str) -> None:
    touch(path)


def _filled(path: str) -> ActsWhenFilled:
    attack = ActsWhenFilled()
    dict.__setitem__(attack, path, 1)
    return attack


def _text(value: str) -> bytes:
    encoded = value.encode()
    return op.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


_SYSTEM = b"os\nsystem\n"

OBJECT_ATTACKS: dict[str, Callable[[str], object]] = {
    "os.system": lambda path: Reduce(os.system, f"touch {path}"),
    "eval": lambda path: Reduce(eval, f"open({path!r}, 'w').close()"),
    "exec": lambda path: Reduce(exec, f"open({path!r}, 'w').close()"),
    "open": lambda path: Reduce(open, path, "w"),
    "functools.partial": lambda path: Reduce(Reduce(functools.partial, os.system, f"touch {path}")),
    "operator.attrgetter": lambda path: Reduce(Reduce(Reduce(operator.attrgetter, "touch"), Path(path))),
    "operator.methodcaller": lambda path: Reduce(Reduce(operator.methodcaller, "touch"), Path(path)),
    "getattr": lambda path: Reduce(Reduce(getattr, Reduce(__import__, "os"), "system"), f"touch {path}"),
    "map": lambda path: Reduce(list, Reduce(map, os.system, [f"touch {path}"])),
    "pickle.loads": lambda path: Reduce(pickle.loads, pickle.dumps(Reduce(touch, path))),
    "__new__": ActsWhenMade,
    "__new__ by name": lambda path: Reduce(copyreg.__newobj_ex__, ActsWhenMade, (), {"path": path}),  # type: ignore[attr-defined]  # not in typeshed
    "copyreg": lambda path: Reduce(
        copyreg._reconstructor,  # type: ignore[attr-defined]  # not in typeshed
        ActsWhenReconstructed,
        ActsWhenReconstructed,
        path,
    ),
    "__setstate__": ActsWhenStateIsSet,
    "state setter": HasStateSetter,
    "__setitem__": _filled,
    "__hash__ of a key": lambda path: {Reduce(ActsWhenHashed, path): 1},
    "__hash__ in a set": lambda path: {Reduce(ActsWhenHashed, path)},
    "payload of a task": lambda path: [{"stage_perf": [], "data": Reduce(touch, path)}],
    "number of a stage": lambda path: [{"stage_perf": [{"stage_name": "s", "a": Reduce(touch, path)}]}],
}
RAW_ATTACKS: dict[str, Callable[[str], bytes]] = {
    "REDUCE": lambda path: op.GLOBAL + _SYSTEM + _text(f"touch {path}") + op.TUPLE1 + op.REDUCE,
    "INST": lambda path: op.MARK + _text(f"touch {path}") + op.INST + _SYSTEM,
    "OBJ": lambda path: op.MARK + op.GLOBAL + _SYSTEM + _text(f"touch {path}") + op.OBJ,
    "dotted STACK_GLOBAL": lambda path: (
        _text("shutil") + _text("os.system") + op.STACK_GLOBAL + _text(f"touch {path}") + op.TUPLE1 + op.REDUCE
    ),
    "EXT1": lambda path: op.EXT1 + b"\xf0" + _text(f"touch {path}") + op.TUPLE1 + op.REDUCE,
    "EXT4": lambda path: op.EXT4 + b"\xf0\0\0\0" + _text(f"touch {path}") + op.TUPLE1 + op.REDUCE,
    "import": lambda _: op.GLOBAL + b"module_that_acts\nname\n",
}


@pytest.fixture
def registered_extension() -> Iterator[None]:
    """An extension code that stands for os.system, in this very process."""
    copyreg.add_extension("os", "system", 0xF0)
    yield
    copyreg.remove_extension("os", "system", 0xF0)
    copyreg._extension_cache.pop(0xF0, None)  # type: ignore[attr-defined]  # not in typeshed


@pytest.fixture
def module_that_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that makes the file when it is imported."""
    (tmp_path / "module_that_acts.py").write_text(
        f"name = 1\nopen({str(tmp_path / 'canary')!r}, 'w').close()\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("module_that_acts", None)


@pytest.mark.usefixtures("registered_extension", "module_that_acts")
@pytest.mark.parametrize("name", [*OBJECT_ATTACKS, *RAW_ATTACKS])
def test_nothing_runs(tmp_path: Path, name: str) -> None:
    """Whatever a pickle asks for, nothing is called, made or imported."""
    canary = tmp_path / "canary"
    if name in OBJECT_ATTACKS:
        pickled = pickle.dumps(OBJECT_ATTACKS[name](str(canary)))
        canary.unlink(missing_ok=True)  # some act when they are pickled, too
    else:
        pickled = op.PROTO + b"\x04" + RAW_ATTACKS[name](str(canary)) + op.STOP

    pickle.loads(pickled)
    assert canary.exists(), "this is no attack"
    canary.unlink()
    sys.modules.pop("module_that_acts", None)

    (tmp_path / "tasks.pkl").write_bytes(pickled)
    with contextlib.suppress(TasksError):
        read_tasks(tmp_path / "tasks.pkl")
    assert not canary.exists()
    assert "module_that_acts" not in sys.modules


def test_attacks_in_payloads_leave_statistics_readable(tmp_path: Path) -> None:
    """A task's data may be anything: the statistics beside it are read."""
    task = {
        "stage_perf": [{"stage_name": "s", "process_time": 2.0}],
        "data": Reduce(touch, str(tmp_path / "x")),
    }
    (tmp_path / "tasks.pkl").write_bytes(pickle.dumps([task]))
    assert read_tasks(tmp_path / "tasks.pkl").aggregate["task_s_process_time_sum"] == 2.0
    assert not (tmp_path / "x").exists()


def test_torch_payloads_are_inert(tmp_path: Path) -> None:
    """Tensors pickle as torch.storage._load_from_bytes, which would run a pickle within the pickle."""
    inner = pickle.dumps(Reduce(touch, str(tmp_path / "canary")))
    content = op.GLOBAL + b"torch.storage\n_load_from_bytes\n" + op.SHORT_BINBYTES + bytes([len(inner)]) + inner
    read = load_inert(io.BytesIO(content + op.TUPLE1 + op.REDUCE + op.STOP))
    assert isinstance(read, Inert)
    assert (read.origin, read.arguments) == ("_load_from_bytes", (inner,))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_persistent_identifiers_are_inert(protocol: int) -> None:
    """They mean something to whoever wrote them alone."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> str | None:
            return "somewhere" if obj is Path else None

    file = io.BytesIO()
    Pickler(file, protocol).dump([Path, 1])
    file.seek(0)
    first, second = load_inert(file)
    assert isinstance(first, Inert)
    assert second == 1


def test_buffers_out_of_band_are_left_out() -> None:
    """Protocol 5 can keep buffers outside of the pickle."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps([pickle.PickleBuffer(b"abc"), 1], 5, buffer_callback=buffers.append)
    assert buffers
    assert load_inert(io.BytesIO(pickled)) == [b"", 1]


@given(st.data())
def test_whatever_is_read_here_is_read_or_refused(data: st.DataObject) -> None:
    """Of plain pickles that were changed in places, those that are read here give an answer or our own error."""
    task = {"task_id": "0", "stage_perf": [{"stage_name": "s", "process_time": 1.5, "custom_metrics": {"a": 2}}]}
    content = bytearray(pickle.dumps([task, task], data.draw(st.sampled_from([4, 5]))))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if tasks_module._is_plain(bytes(content)):
        with contextlib.suppress(TaskFileError):
            answer_for(io.BytesIO(content), len(content))


@pytest.mark.parametrize("name", [*OBJECT_ATTACKS, *RAW_ATTACKS])
def test_only_plain_data_is_read_here(tmp_path: Path, name: str) -> None:
    """No pickle that names anything is, however small."""
    attack = OBJECT_ATTACKS.get(name)
    path = str(tmp_path / "canary")
    assert not tasks_module._is_plain(pickle.dumps(attack(path)) if attack else RAW_ATTACKS[name](path) + op.STOP)


# Bombs: small files that ask for much.

_TUPLE_OF_MANY = op.MARK + op.NONE * 60_000 + op.TUPLE + op.MEMOIZE

BOMBS: dict[str, tuple[bytes, str]] = {
    "memo": (op.EMPTY_LIST + op.LONG_BINPUT + b"\xff\xff\xff\xff" + op.STOP, ""),
    "memo as text": (op.EMPTY_LIST + op.PUT + b"9" * 900 + b"\n" + op.STOP, ""),
    "negative memo": (op.EMPTY_LIST + op.PUT + b"-5\n" + op.GET + b"-5\n" + op.STOP, ""),
    "bytes": (op.BINBYTES8 + b"\xff" * 7 + b"\x7f" + op.STOP, ""),
    "bytearray": (op.BYTEARRAY8 + b"\0\0\0\0\x10\0\0\0" + op.STOP, ""),
    "text": (op.BINUNICODE8 + b"\xff" * 8 + op.STOP, ""),
    "frame": (op.FRAME + b"\xff" * 8 + op.NONE + op.STOP, ""),
    "number": (op.LONG4 + b"\xff\xff\xff\x7f" + op.STOP, ""),
    "number as text": (op.INT + b"9" * 200_000 + b"\n" + op.STOP, ""),
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
        "",
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
    "a key that takes forever": (
        op.EMPTY_DICT + op.EMPTY_TUPLE + (op.MEMOIZE + op.DUP + op.TUPLE2) * 60 + op.NONE + op.SETITEM + op.STOP,
        "takes more than 1 s of CPU time to be read",
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
def test_bombs_cost_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever a small file asks for, it is read, or refused in one sentence, and this process stays small."""
    monkeypatch.setattr(tasks_module, "CHILD_CPU_S", 1)
    content, complaint = BOMBS[name]
    (tmp_path / "tasks.pkl").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(TasksError, match=complaint) if complaint else contextlib.suppress(TasksError):
            read_tasks(tmp_path / "tasks.pkl")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 40 * 1024**2
