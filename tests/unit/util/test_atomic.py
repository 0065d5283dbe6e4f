# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Writing files whole or not at all, reading JSON objects, and opening files that others made."""

from __future__ import annotations

import json
import math
import os
import stat
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from pytest_curator_bench._util.atomic import (
    create_new,
    open_regular,
    read_json_object,
    read_regular,
    write_bytes,
    write_json,
)


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


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"text"', b"\xff", None])
def test_what_is_no_json_object_reads_as_an_empty_one(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, cut off, of another encoding or of another kind."""
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json_object(path) == {}
    path.write_bytes(b'{"a": 1}')
    assert read_json_object(path) == {"a": 1}
    assert read_json_object(tmp_path) == {}


def test_open_regular_reads_files_and_links(tmp_path: Path) -> None:
    """A file opens, directly and through a link."""
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with os.fdopen(open_regular(tmp_path / name), "rb") as file:
            assert file.read() == b"content"


def test_a_link_out_of_its_directory_is_followed_only_if_the_user_named_it(tmp_path: Path) -> None:
    """What a script links to from its results is not read for a file of its own, straight or through other links."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside").write_bytes(b"content")
    (inner / "out").symlink_to("../outside")
    (inner / "hop").symlink_to("out")
    (tmp_path / "entry").symlink_to("inner")  # the directory itself may be reached through one
    (inner / "below").mkdir()
    (inner / "below" / "file").write_bytes(b"content")
    (inner / "in").symlink_to("below/file")
    for name in ("out", "hop"):
        with pytest.raises(OSError, match="out of its directory"):
            read_regular(inner / name)
        assert read_regular(inner / name, follow_links=True) == b"content"
    assert read_regular(tmp_path / "entry" / "in") == b"content"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A sparse file takes no space on the disk, and would fill the memory."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="Larger than 1 MiB"):
        read_regular(tmp_path / "sparse", 1 << 20)


@pytest.mark.parametrize("kind", ["file", "dangling", "link", "pipe"])
def test_create_new_takes_nothing_that_is_there(tmp_path: Path, kind: str) -> None:
    """Neither a file nor the target of a link is overwritten, and a pipe is not waited for."""
    path, target = tmp_path / "new", tmp_path / "target"
    match kind:
        case "file":
            path.write_text("theirs")
        case "link":
            target.write_text("theirs")
            path.symlink_to("target")
        case "dangling":
            path.symlink_to("target")
        case "pipe":
            os.mkfifo(path)
    with pytest.raises(FileExistsError):
        create_new(path)
    assert not target.exists() or target.read_text() == "theirs"


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
