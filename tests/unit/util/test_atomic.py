# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Writing JSON files whole or not at all, making anything plain, and opening files that others made."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench._util.atomic import open_regular, to_plain, write_bytes, write_json


class Colour(Enum):
    """An enum whose values are plain."""

    RED = "red"


class Level(IntEnum):
    """An enum that is an integer, too."""

    HIGH = 3


@dataclass
class Point:
    """A dataclass with something inside that isn't plain."""

    x: float
    path: Path


class Unprintable:
    """An object that nothing can be learnt from."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError


class Scalar:
    """What a numpy scalar looks like from outside."""

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        """The value as Python's own."""
        return self.value


class Array:
    """What a numpy array looks like from outside."""

    def __init__(self, values: list[object]) -> None:
        self.values = values
        self.size = len(values)

    def __repr__(self) -> str:
        return f"Array of {self.size}"

    def item(self) -> object:
        """The only element."""
        (value,) = self.values
        return value

    def tolist(self) -> list[object]:
        """All elements."""
        return self.values


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (10**100, 10**100),
        (Path("/a/b"), "/a/b"),
        (datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC), "2026-11-02T03:04:05+00:00"),
        (timedelta(minutes=2), 120.0),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (b"a\xffb", "a�b"),
        (Decimal("1.5"), 1.5),
        ({3, 1, 2}, [1, 2, 3]),
        ((1, (2,)), [1, [2]]),
        (deque([1, 2]), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        ({1: "a", None: "b", Colour.RED: "c"}, {"1": "a", "null": "b", "red": "c"}),
        ({False: "a", 1.5: "b", b"k": "c", (1, 2): "d"}, {"false": "a", "1.5": "b", "k": "c", "[1, 2]": "d"}),
        (Point(1.0, Path("p")), {"x": 1.0, "path": "p"}),
        (Scalar(7), 7),
        (Array([7]), 7),
        (Array([Scalar(1), 2]), [1, 2]),
        (Array([0] * 10_001), "Array of 10001"),
        ("\ud800", "\\ud800"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_to_plain_converts(value: object, plain: object) -> None:
    """Each kind of value becomes what the docstring says."""
    converted = to_plain(value)
    assert converted == plain
    assert type(converted) is type(plain)


def test_to_plain_keeps_nan_unless_strict() -> None:
    """Results in memory keep the float, to be compared; files get the string, because JSON has no NaN."""
    kept = to_plain({"a": math.nan, "b": -math.inf})
    assert isinstance(kept, dict)
    assert math.isnan(kept["a"])
    assert to_plain({"a": math.nan, "b": -math.inf, "c": math.inf}, strict=True) == {
        "a": "NaN",
        "b": "-Infinity",
        "c": "Infinity",
    }


def test_to_plain_of_numpy_values() -> None:
    """The real thing: scalars, arrays with one element and with many, booleans, dates, and long doubles."""
    np = pytest.importorskip("numpy")
    values = [np.float32(1.5), np.int64(3), np.bool_(True), np.array([2.5]), np.array([[1, 2], [3, 4]])]
    assert to_plain(values) == [1.5, 3, True, 2.5, [[1, 2], [3, 4]]]
    assert to_plain(np.longdouble(1.5)) == 1.5
    assert to_plain(np.datetime64("2026-11-02T03:04:05")) == "2026-11-02T03:04:05"


def test_to_plain_cuts_what_is_unknown() -> None:
    """Long representations are cut, and an object without one is named by its type."""
    cut = to_plain(range(10**9))
    assert cut == "range(0, 1000000000)"
    long = to_plain(Exception("x" * 1000))
    assert isinstance(long, str)
    assert len(long) == 200
    assert to_plain([Unprintable()]) == ["<Unprintable that can't be printed>"]
    assert to_plain(1 << 1_000_000) == "<int that can't be printed>"


def test_to_plain_survives_cycles_and_depth() -> None:
    """A list within itself and one 100,000 levels deep end in a string; a list that occurs twice does not."""
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert to_plain(cycle) == [1, "[1, [...]]"]
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert json.loads(json.dumps(to_plain(deep)))
    shared = [1]
    assert to_plain([shared, shared]) == [[1], [1]]


def test_to_plain_survives_objects_that_raise() -> None:
    """Foreign code that fails costs its own value alone."""

    class BadMapping(dict[str, int]):
        def items(self) -> NoReturn:
            raise OSError

        def __repr__(self) -> str:
            return "bad"

    assert to_plain([1, BadMapping(a=1), 2]) == [1, "bad", 2]


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.floats(), inner)
        | st.frozensets(st.text() | st.integers() | st.binary())
    ),
    max_leaves=20,
)


@given(_ANYTHING)
def test_to_plain_gives_strict_json(value: object) -> None:
    """Whatever goes in, what comes out is strict JSON, and plain already."""
    plain = to_plain(value, strict=True)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert to_plain(plain, strict=True) == plain


@given(_ANYTHING)
def test_write_json_agrees_with_to_plain(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    """The fast way for plain data and the careful way for other data write the same."""
    path = tmp_path_factory.getbasetemp() / "agrees.json"
    write_json(path, value, durable=False)
    assert json.loads(path.read_bytes()) == to_plain(value, strict=True)


def test_write_json_is_strict_and_readable(tmp_path: Path) -> None:
    """NaN becomes a string, small files are indented, text stays readable, a newline ends the file."""
    path = tmp_path / "a.json"
    write_json(path, {"é": math.nan, "lone": "\ud800"})
    assert path.read_text(encoding="utf-8") == '{\n  "é": "NaN",\n  "lone": "\\\\ud800"\n}\n'


def test_write_json_writes_large_data_on_one_line(tmp_path: Path) -> None:
    """Indentation would make large files slow to write."""
    path = tmp_path / "a.json"
    write_json(path, list(range(100_000)))
    assert path.read_text(encoding="utf-8").count("\n") == 1


def test_write_json_follows_the_umask(tmp_path: Path) -> None:
    """Results are for others to read, if the user lets them."""
    old = os.umask(0o027)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_write_json_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A full disk or a Ctrl-C leaves the old content and no temporary file."""
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def fail(_: int) -> NoReturn:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_json(path, {"new": 2})
    assert json.loads(path.read_bytes()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_write_bytes_replaces_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool) -> None:
    """The bytes as they are, in a file of their own, synced if asked for: who has the old one open keeps it."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    path = tmp_path / "a.pkl"
    path.write_bytes(b"old")
    with path.open("rb") as before:
        write_bytes(path, b"\x00\r\n\xff", durable=durable)
        assert before.read() == b"old"
    assert path.read_bytes() == b"\x00\r\n\xff"
    assert list(tmp_path.iterdir()) == [path]
    assert len(synced) == durable


def test_write_json_into_a_missing_directory(tmp_path: Path) -> None:
    """The caller hears of it as an OSError."""
    with pytest.raises(FileNotFoundError):
        write_json(tmp_path / "missing" / "a.json", {})


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    """While one thread rewrites a file, another finds whole content each time."""
    path = tmp_path / "a.json"
    contents = [{"values": [number] * 5000} for number in range(40)]
    write_json(path, contents[0])

    def write_all() -> None:
        for content in contents:
            write_json(path, content, durable=False)

    writer = threading.Thread(target=write_all)
    writer.start()
    reads = 0
    while writer.is_alive() or not reads:
        values = json.loads(path.read_bytes())["values"]
        assert values == [values[0]] * 5000
        reads += 1
    writer.join()


def test_open_regular_reads_files_and_links(tmp_path: Path) -> None:
    """A file opens, directly and through a link."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with os.fdopen(open_regular(tmp_path / name), "rb") as file:
            assert file.read() == b"content"


@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "link to device", "missing", "dangling", "loop"])
def test_open_regular_refuses_the_rest_at_once(tmp_path: Path, kind: str) -> None:
    """Nothing that is no file gets through, a pipe without a writer doesn't block, nothing leaks."""
    path = tmp_path / "file"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path = Path("/dev/null")
        case "link to device":
            path.symlink_to("/dev/zero")
        case "dangling":
            path.symlink_to("nowhere")
        case "loop":
            path.symlink_to(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=str(path.name)):
        open_regular(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
